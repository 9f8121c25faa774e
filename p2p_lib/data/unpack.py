"""Archives, unpacked with suspicion: whatever an archive says, nothing is written outside its folder, and all of it or nothing.

An archive from the web may name files like ``../../.bashrc``, carry links that lead elsewhere, or unpack a kilobyte to a terabyte.
So every name is checked, only plain files and folders are taken, and bytes are counted as they are written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from tqdm import tqdm

from p2p_lib.data.download import only_one
from p2p_lib.errors import DataError

MAX_FILES = 1_000_000
MAX_BYTES = 50 * 10**9
CHUNK = 1 << 20
LONGEST_NAME = 255  # bytes of one part of a path, on every common file system
LONGEST_PATH = 1024
HEADER_LIMIT = 8 << 20  # a tar header (long names, attributes) beyond this is an attack on the memory
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    IndexError,
    OverflowError,
    RecursionError,
    NotImplementedError,
)
"""What the standard library raises over an archive that is cut short or made up."""


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One file (`open` gives its bytes) or folder (`open` is None) of an archive, under the name that the archive gives it."""

    name: str
    size: int
    open: Callable[[], IO[bytes]] | None


def unpack(archive: Path, folder: Path, *, max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES, progress: bool = True) -> Path:
    """Unpack a .tar, .tar.gz or .zip file (told by its content) into the new folder `folder`; returns that.

    DataError if `folder` exists, if the archive is damaged, encrypted or neither of these, if it holds anything but plain files and
    folders with names inside it, or more than `max_files` of them or `max_bytes` unpacked bytes. After any error nothing is left.
    """
    archive, folder = Path(archive), Path(folder)
    with only_one(folder):
        if folder.exists():
            raise DataError(f"{folder} is there already; move it away before {archive.name} is unpacked into it.")
        temporary = folder.with_name(f".{folder.name}.unpacking")
        shutil.rmtree(temporary, ignore_errors=True)  # what a killed process left
        try:
            temporary.mkdir(parents=True)
            _write_all(archive, temporary, max_files, max_bytes, progress)
            temporary.rename(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return folder


def _write_all(archive: Path, folder: Path, max_files: int, max_bytes: int, progress: bool) -> None:
    written = count = 0
    with contextlib.closing(_entries(archive)) as entries:
        for entry in tqdm(entries, desc=f"unpacking {archive.name}", unit=" files", delay=2, leave=False, disable=not progress):
            count += 1
            if count > max_files:
                raise DataError(f"{archive.name} holds more than {max_files:,} files; nothing was unpacked.")
            path = folder.joinpath(*_safe_parts(entry.name, archive))
            if written + entry.size <= max_bytes:
                written += _write(entry, path, archive, most=max_bytes - written)
            else:
                written += entry.size
            if written > max_bytes:
                limit = f"{max_bytes / 1e9:.3g} GB"
                raise DataError(f"{archive.name} unpacks to more than {limit}, which is taken for an attack; nothing was unpacked.")


def _write(entry: _Entry, path: Path, archive: Path, most: int) -> int:
    """Write one entry, and little more than `most` bytes of it; returns what was written: sizes in an archive may be made up."""
    try:
        (path if entry.open is None else path.parent).mkdir(parents=True, exist_ok=True)
        if entry.open is None:
            return 0
        with open(path, "xb") as file, _damage_explained(archive), entry.open() as data:
            while file.tell() <= most and (chunk := data.read(CHUNK)):
                file.write(chunk)
            written = file.tell()
    except (FileExistsError, NotADirectoryError) as error:
        raise DataError(f"{archive.name} holds {entry.name!r} twice; nothing was unpacked.") from error
    if written != entry.size and written <= most:
        raise DataError(f"{archive.name} is damaged: {entry.name!r} is {written} bytes long instead of {entry.size}.")
    return written


def _safe_parts(name: str, archive: Path) -> list[str]:
    """The parts of a name that stays inside its folder on every system; DataError for any other."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    reasons = {
        "an absolute path": name.startswith("/"),
        "a path out of its folder": ".." in parts,
        "a path with a backslash": "\\" in name,
        "a path with a drive letter": any(re.match("[A-Za-z]:", part) for part in parts),
        "a path with a null byte": "\0" in name,
        "an overlong path": len(name) > LONGEST_PATH or any(len(part.encode(errors="replace")) > LONGEST_NAME for part in parts),
    }
    for reason, applies in reasons.items():
        if applies:
            raise DataError(f"{archive.name} holds {reason}, {name[:80]!r}; it is not to be trusted, and nothing was unpacked.")
    return parts


def _refuse(archive: Path, name: str, kind: str) -> DataError:
    return DataError(f"{archive.name} holds {kind}, {name[:80]!r}; only plain files are taken, and nothing was unpacked.")


@contextlib.contextmanager
def _damage_explained(archive: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        words = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise DataError(f"{archive.name} is cut short or damaged ({words}); delete it and fetch it again.") from error


def _entries(archive: Path) -> Iterator[_Entry]:
    """What an archive holds, in its order."""
    with open(archive, "rb") as file:
        start = file.read(512)
        file.seek(0)
        with _damage_explained(archive):
            if start.startswith(b"PK"):
                yield from _zip_entries(archive, file)
            elif start.startswith(b"\x1f\x8b"):
                with gzip.open(file) as unzipped:
                    yield from _tar_entries(archive, unzipped)
            elif start[257:262] == b"ustar":
                yield from _tar_entries(archive, file)
            else:
                raise DataError(f"{archive.name} is neither a .tar, a .tar.gz nor a .zip file; it begins with {start[:20]!r}.")


class _Bounded:
    """A file that refuses huge reads: `tarfile` reads a header as a whole, whatever length it claims."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self._read = file.seek, file.tell, file.read

    def read(self, size: int) -> bytes:
        if size > HEADER_LIMIT:
            raise tarfile.HeaderError(f"a header of {size} bytes")
        return self._read(size)


def _tar_entries(archive: Path, file: BinaryIO) -> Iterator[_Entry]:
    with tarfile.open(fileobj=_Bounded(file), mode="r:") as tar:
        for member in tar:
            if not (member.isreg() or member.isdir()):
                kind = "a link" if member.islnk() or member.issym() else "a device or pipe"
                raise _refuse(archive, member.name, kind)
            if hasattr(tarfile, "data_filter"):  # Python's own judgement besides, from 3.11.4 on
                tarfile.data_filter(member.replace(name="/".join(_safe_parts(member.name, archive))), archive.parent)
            opener = None if member.isdir() else lambda member=member: tar.extractfile(member)
            yield _Entry(member.name, 0 if member.isdir() else member.size, opener)
        file.seek(tar.offset)  # `tarfile` takes garbage for the end; the true end is a block of zeros
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise EOFError("the end is missing")


def _zip_entries(archive: Path, file: BinaryIO) -> Iterator[_Entry]:
    with zipfile.ZipFile(file) as zipped:
        for info in zipped.infolist():
            name = info.orig_filename  # `filename` is already mended: cut at a null byte, on Windows with other slashes
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refuse(archive, name, "a link" if kind == stat.S_IFLNK else "a device or pipe")
            if info.flag_bits & 1:
                raise DataError(f"{archive.name} is encrypted ({name!r}); unpack it by hand with its password.")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise DataError(f"{archive.name} is packed by an unusual method ({name!r}); unpack it by hand.")
            opener = None if name.endswith("/") else lambda info=info: zipped.open(info)
            yield _Entry(name, 0 if name.endswith("/") else info.file_size, opener)
