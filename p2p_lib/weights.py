"""Where trained weights are: a name of the registry, a file, or the folder of a run.

Most names have their file beside the registry. A file that is too large for that, or another project's, has an address instead
(`url`): it is fetched on first use and kept in the cache, where a reader may also put it by hand.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from p2p_lib.data.cache import cache_folder
from p2p_lib.data.download import only_one
from p2p_lib.errors import CheckpointError, DownloadError, did_you_mean
from p2p_lib.files import atomic_write, remove_partial
from p2p_lib.models import foreign

WEIGHTS_FILE = "weights.safetensors"


def registry_folder() -> Path:
    """The folder with `index.toml` and the bundled files: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent
    return next(folder for folder in (package / "bundled", package.parent / "weights") if (folder / "index.toml").is_file())


def registry() -> dict[str, dict[str, str]]:
    """The registry: name -> its entry in `weights/index.toml`."""
    return tomllib.loads((registry_folder() / "index.toml").read_text())


def download_folder() -> Path:
    """Where weights are kept that are not bundled."""
    return cache_folder() / "weights"


def find(name_or_path: str | Path) -> Path:
    """The weights file of a run's folder, a file itself, or that of a name of the registry, fetched if need be.

    CheckpointError where there is none, DownloadError where it cannot be fetched.
    """
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        if (path / WEIGHTS_FILE).is_file():
            return path / WEIGHTS_FILE
        raise CheckpointError(f"{path} holds no {WEIGHTS_FILE}; it is not the folder of a training run, or nothing was saved yet.")
    if path.is_file():
        return path
    name, entries = str(name_or_path), registry()
    if name in entries:
        entry = entries[name]
        return fetch(name, entry["url"], entry["file"]) if "url" in entry else registry_folder() / entry["file"]
    raise CheckpointError(
        f"There are no weights {name!r}: neither a file, nor the folder of a run, nor a bundled name. {did_you_mean(name, entries)}"
    )


def fetch(name: str, url: str, file_name: str) -> Path:
    """The file of a name that is not bundled: the one in the cache, else what gdown brings from `url` (Google Drive or any other).

    It is in place only once it has been opened and recognised as the weights of a network. Where another process is at it, this
    one waits. DownloadError says where to get the file by hand, and where to put it.
    """
    target = download_folder() / file_name
    if target.is_file():
        return target
    try:
        with only_one(target):
            if not target.is_file():
                _download(name, url, target)
    except ImportError as error:
        raise _not_fetched(name, url, target, f"{error.name} is not installed (pip install {error.name})") from error
    except CheckpointError as error:
        raise _not_fetched(name, url, target, "what came is not the file that was expected, as when a quota is used up") from error
    except Exception as error:  # gdown's two majors raise kinds of their own, those of requests, and KeyError
        raise _not_fetched(name, url, target, _reason(error)) from error
    return target


def _download(name: str, url: str, target: Path) -> None:
    """Fetch, check, and only then put in place."""
    import gdown

    remove_partial(target.parent)
    with atomic_write(target) as file:
        gdown.download(url, file, use_cookies=False, log_messages={"start": f"Fetching the weights {name}.\n", "output": ""})
        file.flush()
        foreign.load(file.name)  # gdown 5 saves whatever page the server answers with


def _not_fetched(name: str, url: str, target: Path, reason: str) -> DownloadError:
    return DownloadError(
        f"The weights {name} could not be fetched: {reason}; try again later, or get {url} with a browser and save it as {target}."
    )


def _reason(error: Exception) -> str:
    """Why there is no file, in a few words."""
    import requests

    if isinstance(error, (requests.ConnectionError, requests.Timeout)):
        return "the server cannot be reached"
    words = " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__).split())
    from_drive = re.search(r"Failed to retrieve file url: (.*?)\.? You may still be able", words)
    return (from_drive[1] if from_drive else words).rstrip(".")
