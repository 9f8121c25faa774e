"""Which pairs are learned from, and which are only looked at."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

Fold = Literal["train", "val"]
Item = TypeVar("Item")


def hold_out(items: Sequence[Item], fold: Fold, key: Callable[[Item], str], every: int = 10) -> list[Item]:
    """The "train" or the "val" part of `items`: every tenth (at least one) is held out, chosen by the checksum of its key.

    The split is the same on every machine and in every order of the items. A single item is in both parts.
    """
    ranked = sorted(items, key=lambda item: (zlib.crc32(key(item).encode()), key(item)))
    n_val = max(1, len(ranked) // every)
    held_out = {key(item) for item in ranked[:n_val]}
    if len(ranked) <= n_val:
        return list(items)
    return [item for item in items if (key(item) in held_out) == (fold == "val")]
