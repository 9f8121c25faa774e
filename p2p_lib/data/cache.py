"""Pictures decoded once: arrays that are made on the first visit and mapped from the disk on every later one."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from p2p_lib.files import atomic_write, atomic_write_text

log = logging.getLogger("p2p_lib")
Made = tuple[np.ndarray, dict[str, Any]]


def cache_folder() -> Path:
    """Where decoded pictures are kept: $P2P_CACHE, else p2p_lib in the user's cache folder."""
    if "P2P_CACHE" in os.environ:
        return Path(os.environ["P2P_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "p2p_lib"


def cached(name: str, what: Any, version: Any, make: Callable[[], Made]) -> Made:
    """The array and the facts (plain JSON) that `make` returns, made once and then mapped from the disk, read-only.

    `what` says what the entry is (a folder at a size), `version` what it was made from (the files' sizes and times), both plain
    JSON. A new version replaces the older one, so the cache does not grow. Two processes may come at once: each makes its own,
    files appear whole, and both hold the same. Where the cache cannot be written, the array stays in memory, and a warning says so.
    """
    entry = f"{name}-{_digest(what)}"
    stem = f"{entry}-{_digest(version)}"
    array_file, facts_file = cache_folder() / f"{stem}.npy", cache_folder() / f"{stem}.json"
    if not array_file.exists():
        array, facts = make()
        try:
            atomic_write_text(facts_file, json.dumps(facts))
            with atomic_write(array_file) as file:  # last: its presence says that the entry is complete
                np.save(file, array)
        except OSError as error:
            log.warning("The cache %s cannot be written (%s); pictures will be decoded again next time.", cache_folder(), error)
            return array, facts
        _forget_older(entry, keep=stem)
    return np.load(array_file, mmap_mode="r"), json.loads(facts_file.read_text())


def _forget_older(entry: str, keep: str) -> None:
    """Remove earlier versions of the same entry (a map still open elsewhere stays readable)."""
    for path in cache_folder().glob(f"{glob.escape(entry)}-*"):
        if path.stem != keep:
            with contextlib.suppress(OSError):
                path.unlink()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]
