"""Where trained weights are: a name of the registry, a file, or the folder of a run.

A name's file lies beside the registry, or else in the cache, where a reader may also put it by hand; or else it is fetched there
from the first of its `sources` that works. Nothing is in place before it has been checked: against the sha256 of the registry, or,
of files that nobody here has seen, by opening it as tensors alone and recognising the network. The sha256 of such a file is
recorded beside it when it is first used, and another file is refused from then on.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from p2p_lib.data.cache import cache_folder
from p2p_lib.errors import CheckpointError, DownloadError, did_you_mean
from p2p_lib.models import foreign
from p2p_lib.weights_record import Entry, difference, how_to_accept, pin, record
from p2p_lib.weights_sources import bring

WEIGHTS_FILE = "weights.safetensors"
Place = Literal["bundled", "in the cache", "to be fetched", "to be placed by hand"]


def registry_folder() -> Path:
    """The folder with `index.toml` and the bundled files: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent
    return next(folder for folder in (package / "bundled", package.parent / "weights") if (folder / "index.toml").is_file())


def registry() -> dict[str, Entry]:
    """The registry: name -> its entry in `weights/index.toml`, where a comment explains the fields."""
    return tomllib.loads((registry_folder() / "index.toml").read_text(encoding="utf-8"))


def download_folder() -> Path:
    """Where weights are kept that are not bundled."""
    return cache_folder() / "weights"


def find(name_or_path: str | Path) -> Path:
    """The weights file of a run's folder, a file itself, or that of a name of the registry, fetched if need be.

    CheckpointError where there is none or where it is not the right one, DownloadError where it cannot be fetched.
    """
    path = Path(name_or_path).expanduser()
    if (path / WEIGHTS_FILE).is_file():
        return path / WEIGHTS_FILE
    if path.is_file():
        return path
    name, entries = str(name_or_path), registry()
    if name in entries:
        place, file = locate(entries[name])
        return file if place == "bundled" else fetch(name)
    if path.is_dir():
        raise CheckpointError(f"{path} holds no {WEIGHTS_FILE}; it is not the folder of a training run, or nothing was saved yet.")
    raise CheckpointError(
        f"There are no weights {name!r}: neither a file, nor the folder of a run, nor a name that `p2p weights list` shows. "
        f"{did_you_mean(name, entries)}"
    )


def locate(entry: Entry) -> tuple[Place, Path]:
    """Where the file of an entry is, and its path; of one that is not here, where it belongs."""
    bundled, cached = registry_folder() / entry["file"], download_folder() / entry["file"]
    if bundled.is_file():
        return "bundled", bundled
    if cached.is_file():
        return "in the cache", cached
    return "to be fetched" if entry.get("sources") else "to be placed by hand", cached


def fetch(name: str) -> Path:
    """The file of a name that is not bundled: the one in the cache, checked, else from the first source that works.

    Where another process is at it, this one waits. CheckpointError where the cache holds a wrong file; DownloadError tells of every
    source why it failed, where to get the file by hand, and where to put it.
    """
    entry = registry()[name]
    target = download_folder() / entry["file"]
    if target.is_file():
        _accept_cached(name, entry, target)
        return target
    if not entry.get("sources"):
        raise DownloadError(_by_hand(name, entry, target))
    bring(name, entry, target)
    return target


def verify(name: str, path: Path) -> None:
    """CheckpointError unless a file has the size and the sha256 that are known of the name: by the registry, or by the record."""
    entry = registry()[name]
    fault = difference(path, entry, record(path))
    if fault is None:
        return
    if "sha256" in entry:
        bundled = path.parent == registry_folder()
        remedy = "get the course again, this file is damaged" if bundled else "delete it, and it is fetched again"
        raise CheckpointError(f"{path} is not the file that {name} stands for: {fault}; {remedy}.")
    raise CheckpointError(f"{path} is not the file that was here before under the name {name}: {fault}. {how_to_accept(path)}")


def _accept_cached(name: str, entry: Entry, path: Path) -> None:
    """Check a file of the cache before it is used, and record one that the reader has put there."""
    if "sha256" in entry or record(path).is_file():
        verify(name, path)
    else:
        foreign.load(path)
        pin(name, path)


def _by_hand(name: str, entry: Entry, target: Path) -> str:
    if "page" not in entry:
        return f"{entry['file']}, the file of the weights {name}, is missing from {registry_folder()}; get the course again."
    return f"The weights {name} cannot be fetched by themselves: get them from {entry['page']} with a browser and save as {target}."
