"""Which pairs are learned from, and which are only looked at: the same on every machine, and nothing on both sides.

Pictures of one car, painting or scene belong to one group, and a group is never parted. What looks alike without saying so in its
name is found by perceptual hashes (see `works`), taken of the *target*: label maps of different facades look alike, edge maps even
more, while photographs tell one thing from another.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

import numpy as np

from p2p_lib.errors import DataError

Fold = Literal["train", "val"]
Split = Literal["train", "val", "test"]
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


def scattered(text: bytes) -> int:
    """A checksum that scatters neighbouring names; CRC-32 would hold out car054 to car059 in one run."""
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def split_groups(
    groups: Sequence[str], seed: int = 0, share: float = 0.1, *, checksum: Callable[[bytes], int] = scattered
) -> list[Split]:
    """A fold for every item, given the name of its group: about `share` of the items in "val" and as many in "test", the rest in
    "train", groups never parted.

    The order of the groups is drawn by checksums of seed and name, so the split is the same on every machine and in every order of
    the items. DataError for fewer than three groups, which cannot be held apart, and for a share that leaves nothing to train on.
    """
    if not 0 < share < 0.5:
        raise DataError(f"The share for val and for test lies between 0 and 0.5; {share} came.")
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    if len(members) < 3:
        raise DataError(
            f"Training, validation and test want a group each, at least; there are {len(members)} in {len(groups)} pictures."
        )
    ranked = sorted(members, key=lambda group: (checksum(json.dumps([seed, group]).encode()), group))
    order = [members[group] for group in ranked]
    folds: list[Split] = ["train"] * len(groups)
    for fold in ("val", "test"):
        room = max(1, round(share * len(groups)))
        fitting = [group for group in order if len(group) <= room] or [min(order, key=len)]
        for group in fitting:
            if len(group) <= room or group is fitting[0]:
                order.remove(group)
                room -= len(group)
                for index in group:
                    folds[index] = fold
    return folds


def distance_blocks(hashes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """In how many bits each of the hashes (N, bits), bool, differs from each: (first row, distances (rows, N)), block by block.

    In blocks, since the whole table of 50,000 pictures would take 10 GB.
    """
    signs = np.where(hashes, 1, -1).astype(np.float32)
    for start in range(0, len(signs), 1024):
        yield start, (signs.shape[1] - signs[start : start + 1024] @ signs.T) / 2


def leaks(hashes: np.ndarray, folds: Sequence[str], near: int) -> list[tuple[int, int]]:
    """Pairs of pictures to look at: hashes (N, bits), bool, that differ in at most `near` bits though their folds differ.

    Returns their indices, the nearest first.
    """
    _, parts = np.unique(np.asarray(folds, str), return_inverse=True)
    found = []
    for start, distances in distance_blocks(hashes):
        across = parts[start : start + len(distances), None] < parts[None]
        rows, columns = np.nonzero((distances <= near) & across)
        found += zip(distances[rows, columns].tolist(), (rows + start).tolist(), columns.tolist(), strict=True)
    return [(first, second) for _, first, second in sorted(found)]
