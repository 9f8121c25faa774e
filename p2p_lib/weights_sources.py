"""Weights from where others keep them: sources tried in order, and nothing in place before it has been checked."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
from fnmatch import fnmatch
from pathlib import Path

from p2p_lib.checkpoint import is_own, load_weights
from p2p_lib.data.download import Patience, download, only_one
from p2p_lib.data.drive import download_from_drive, drive_page
from p2p_lib.data.unpack import unpack
from p2p_lib.errors import CheckpointError, DataError, DownloadError
from p2p_lib.models import foreign
from p2p_lib.weights_record import Entry, difference, how_to_accept, pin, record

DRIVE = "drive:"
"""What stands before the id of a file of Google Drive in `sources`; anything else there is an address."""

PATIENCE = Patience(retries=2)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
log = logging.getLogger("p2p_lib")


def bring(name: str, entry: Entry, target: Path) -> None:
    """Put the file of an entry in place, from the first of its sources that works; where another process is at it, wait for that.

    DownloadError tells of every source why it failed, where to get the file by hand, and where to put it.
    """
    try:
        with only_one(target):
            if not target.is_file():
                _from_the_first(name, entry, target)
    except ImportError as error:
        missing = f"{error.name} is not installed (pip install {error.name})."
        raise DownloadError(f"The weights {name} could not be fetched: {missing} {_otherwise(entry, target)}") from error
    except OSError as error:
        raise DownloadError(f"The weights {name} could not be fetched: {_not_written(target.parent, error)}") from error


def _from_the_first(name: str, entry: Entry, target: Path) -> None:
    """Put `target` in place from the first source that works; what has arrived of it stays for the next time."""
    work = target.with_name(f".{target.name}.fetching")
    failures: list[str] = []
    for source in entry["sources"]:
        try:
            _check_space(entry, target.parent, work)
            os.replace(_from(source, entry, target, work / hashlib.sha256(source.encode()).hexdigest()[:8]), target)
        except (DownloadError, CheckpointError, DataError) as error:
            failures.append(str(error))
            if source != entry["sources"][-1]:
                log.warning("%s The next source is tried.", error)
            continue
        except OSError:
            shutil.rmtree(work, ignore_errors=True)  # a full disk is not left full
            raise
        shutil.rmtree(work, ignore_errors=True)
        if "sha256" not in entry:
            pin(name, target)
        return
    if not any(path.suffix == ".part" and path.stat().st_size for path in work.rglob("*")):
        shutil.rmtree(work, ignore_errors=True)
    raise DownloadError(f"The weights {name} could not be fetched. {' '.join(failures)} {_otherwise(entry, target)}")


def _from(source: str, entry: Entry, target: Path, work: Path) -> Path:
    """The checked file from one source, in the folder `work`; one that was put together from pieces gets a second chance."""
    file = work / (f"{target.stem}.tar.gz" if "member" in entry else target.name)
    while True:
        pieces = work.is_dir()
        if not source.startswith(DRIVE):
            download(source, file, size=None if "member" in entry else entry.get("size"), patience=PATIENCE)
        elif not file.is_file():
            pieces |= download_from_drive(source.removeprefix(DRIVE), file)
        try:
            found = _member(file, entry["member"]) if "member" in entry else file
            _accept(found, source, entry, target)
            return found
        except (DownloadError, CheckpointError, DataError):
            shutil.rmtree(work, ignore_errors=True)
            if not pieces:
                raise


def _member(archive: Path, pattern: str) -> Path:
    """The one file of an archive whose name fits the pattern."""
    folder = archive.with_name("unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    files = [path for path in unpack(archive, folder).rglob("*") if path.is_file()]
    found = [path for path in files if fnmatch(path.name, pattern)]
    if len(found) != 1:
        names = ", ".join(sorted(path.name for path in found or files)[:5])
        raise DownloadError(f"The archive holds {len(found)} files {pattern} where one was expected (it holds {names}).")
    return found[0]


def _accept(path: Path, source: str, entry: Entry, target: Path) -> None:
    """DownloadError unless what came is what is known of the file, or, where nothing is, the weights of a known network."""
    fault = difference(path, entry, record(target))
    if fault and "sha256" not in entry and record(target).is_file():
        raise DownloadError(f"{_address(source)} gave another file than the first time: {fault}. {how_to_accept(target)}")
    if fault:
        raise DownloadError(f"{_address(source)} gave a file that was changed, damaged or cut short: {fault}.")
    if "sha256" not in entry and not record(target).is_file():
        try:
            open_unseen(path)
        except CheckpointError as error:
            words = str(error).replace(str(path), "what came").rstrip(".")
            raise DownloadError(f"{_address(source)} did not give the file that was expected: {words}.") from error


def open_unseen(path: Path) -> None:
    """CheckpointError unless a file that nobody here has seen is tensors alone, and those of a network of this course or known."""
    if is_own(path):
        load_weights(path)
    else:
        foreign.load(path)


def _check_space(entry: Entry, folder: Path, work: Path) -> None:
    """DownloadError where the file, as far as its size is known, cannot fit."""
    here = sum(path.stat().st_size for path in work.rglob("*") if path.is_file())
    missing = entry.get("size", entry.get("megabytes", 0) * 10**6) - here
    free = shutil.disk_usage(folder).free
    if missing > free:
        sizes = f"{missing / 1e6:,.0f} MB are missing, and {free / 1e6:,.0f} MB are free"
        raise DownloadError(f"There is no room in {folder}: {sizes}; make room, or set P2P_CACHE to a folder on another disk.")


def _not_written(folder: Path, error: OSError) -> str:
    """What to do about a file that cannot be written."""
    reason = error.strerror or error
    if error.errno in FULL:
        return f"the disk of {folder} is full ({reason}); make room, or set P2P_CACHE to a folder on another disk."
    return f"{folder} cannot be written ({reason}); set P2P_CACHE to a folder that can."


def _address(source: str) -> str:
    """Where a browser finds a source."""
    return drive_page(source.removeprefix(DRIVE)) if source.startswith(DRIVE) else source


def _otherwise(entry: Entry, target: Path) -> str:
    """How to put the file there by hand."""
    inside = f", unpack {entry['member']} from it" if "member" in entry else ""
    return f"Or get {' or '.join(map(_address, entry['sources']))} with a browser{inside} and save it as {target}."
