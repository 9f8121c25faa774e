"""Where trained weights are: a name of the registry, a file, the folder of a run, or an address of the web.

A name's file lies beside the registry, or else in the cache, where a reader may also put it by hand; or else it is fetched there
from the first of its `sources` that works. Nothing is in place before it has been checked: against the sha256 of the registry, or,
of files that nobody here has seen, by opening it as tensors alone and recognising the network. The sha256 of such a file is
recorded beside it when it is first used, and another file is refused from then on. So it is with the file of an address, too.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urldefrag, urlsplit

from p2p_lib.data.cache import cache_folder
from p2p_lib.data.drive import drive_id
from p2p_lib.errors import CheckpointError, DownloadError, did_you_mean
from p2p_lib.weights_record import Entry, difference, how_to_accept, pin, record
from p2p_lib.weights_sources import DRIVE, bring, open_unseen

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
    """The weights file of a run's folder, a file itself, or that of a name of the registry or of an address, fetched if need be.

    CheckpointError where there is none or where it is not the right one, DownloadError where it cannot be fetched.
    """
    if is_address(name_or_path):
        return fetch_address(str(name_or_path))
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


def is_address(name_or_path: str | Path) -> bool:
    """Whether it is an address of the web; a `Path` never is."""
    return isinstance(name_or_path, str) and name_or_path.lower().startswith(("http://", "https://"))


def fetch_address(url: str) -> Path:
    """The file of an address (http, https, or a link to a file of Google Drive), fetched into the cache where it is not there.

    Nobody has seen this file, so it is treated as that of a name without a checksum: it must open as tensors alone and be a known
    network; its sha256 is recorded, one warning says so, and another file is refused from then on. CheckpointError where the cache
    holds another file than at first, DownloadError where none can be fetched.
    """
    source = _source(url)
    target = download_folder() / "addresses" / _file_of(source)
    entry: Entry = {"file": target.name, "sources": [source]}
    if target.is_file():
        _accept_cached(url, entry, target)
    else:
        bring(url, entry, target)
    return target


def verify(name: str, path: Path) -> None:
    """CheckpointError unless a file has the size and the sha256 that are known of the name: by the registry, or by the record."""
    _verify(name, registry()[name], path)


def _verify(name: str, entry: Entry, path: Path) -> None:
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
        _verify(name, entry, path)
    else:
        open_unseen(path)
        pin(name, path)


def _source(url: str) -> str:
    """An address as one of the `sources` of an entry: the same for all forms of a link to one file of Google Drive."""
    try:
        file_id = drive_id(url)
    except ValueError as error:  # http://[
        raise DownloadError(f"{url} is no address of a file ({error}).") from error
    return urldefrag(url).url if file_id is None else DRIVE + file_id


def _file_of(source: str) -> str:
    """What the file of a source is called in the cache: what a reader may know it by, and what no other source has."""
    name = "drive" if source.startswith(DRIVE) else PurePosixPath(urlsplit(source).path).stem
    readable = re.sub(r"[^A-Za-z0-9_-]", "", name)[:40]
    return f"{readable or 'weights'}-{hashlib.sha256(source.encode()).hexdigest()[:32]}.bin"


def _by_hand(name: str, entry: Entry, target: Path) -> str:
    if "page" not in entry:
        return f"{entry['file']}, the file of the weights {name}, is missing from {registry_folder()}; get the course again."
    return f"The weights {name} cannot be fetched by themselves: get them from {entry['page']} with a browser and save as {target}."
