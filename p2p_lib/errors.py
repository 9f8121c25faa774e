"""The errors a reader can meet. Each message is one sentence or two: what was expected, what came, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class P2PError(Exception):
    """Anything that the reader can put right; the command line prints its message alone and exits with code 2."""


class ConfigError(P2PError):
    """A task, field or value that does not exist or does not fit."""


class DataError(P2PError):
    """Pictures that are missing, unreadable or do not pair."""


class DownloadError(P2PError):
    """A file that cannot be fetched, or that is not what it should be."""


class CheckpointError(P2PError):
    """A checkpoint or weights file that cannot be found, read, matched or written."""


class ExportError(P2PError):
    """A model that cannot leave: a package that is missing, or an answer that is not the same outside."""


class TrainingError(P2PError):
    """Training that cannot go on: a loss that is not finite, memory that ran out."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The sentence "Did you mean 'facades'?" where one of `known` resembles `word`, else the list of what is known."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
