"""What is known of a weights file, so that no other takes its place: size and sha256, from the registry or from a record beside it.

Files that nobody here has seen have no sha256 in the registry. The one that comes first is trusted, as far as it opens as tensors
alone and its network is known; its sha256 is recorded, and another file under the same name is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from pathlib import Path
from typing import Any

from p2p_lib.files import atomic_write_text

Entry = dict[str, Any]
"""A name's section of `weights/index.toml`, where a comment explains the fields."""

log = logging.getLogger("p2p_lib")


def record(path: Path) -> Path:
    """The file beside an unverified one with its sha256, as `sha256sum` writes and checks it."""
    return path.with_name(f"{path.name}.sha256")


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def difference(path: Path, entry: Entry, recorded: Path) -> str | None:
    """How a file differs from what is known of it; None where it does not, or where nothing is known."""
    size = path.stat().st_size
    if entry.get("size", size) != size:
        return f"it has {size:,} bytes instead of {entry['size']:,}"
    expected = entry.get("sha256") or (recorded.read_text().partition(" ")[0].strip() if recorded.is_file() else None)
    if expected is not None and (found := sha256_of(path)) != expected:
        return f"its sha256 is {found} instead of {expected}"
    return None


def pin(name: str, path: Path) -> None:
    """Record the sha256 of a file that nobody here has seen, unless there is a record; one warning says so."""
    if record(path).is_file():
        return
    kept = "cannot be recorded beside it, so that another file under this name would not be noticed"
    with contextlib.suppress(OSError):  # a folder that may only be read
        atomic_write_text(record(path), f"{sha256_of(path)}  {path.name}\n")
        kept = f"is recorded in {record(path)}, and another file under this name will be refused"
    log.warning("The weights %s are unverified: nobody here has seen this file. Its sha256 %s.", name, kept)


def how_to_accept(path: Path) -> str:
    return f"If you trust the new one, delete {record(path)}; if not, delete the file, if it is there, and ask its owner."
