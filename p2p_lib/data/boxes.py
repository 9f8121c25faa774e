"""Boxes on a page, and the order in which they are read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Box(NamedTuple):
    """A rectangle in pixels: rows top..bottom - 1, columns left..right - 1."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """Pixels in it; 0 where it is empty."""
        return max(0, self.bottom - self.top) * max(0, self.right - self.left)

    @property
    def slices(self) -> tuple[slice, slice]:
        """To index an array (H, W, ...)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def union(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box(*(f(pair) for f, pair in zip((min, min, max, max), zip(self, other, strict=True), strict=True)))

    def common(self, other: Box) -> int:
        """Pixels that lie in both."""
        return Box(*(f(pair) for f, pair in zip((max, max, min, min), zip(self, other, strict=True), strict=True))).area

    def grown(self, by: float) -> Box:
        """`by` pixels larger on every side; it may reach beyond the page."""
        by = round(by)
        return Box(self.top - by, self.left - by, self.bottom + by, self.right + by)


def reading_order(boxes: list[Box], right_to_left: bool = False) -> list[Box]:
    """Sort panels: tier by tier, in a tier column by column, in a column again tier by tier, and so on."""
    if len(boxes) < 2:
        return list(boxes)
    tiers = _groups(boxes, 0, 2)
    if len(tiers) > 1:
        return [box for tier in tiers for box in reading_order(tier, right_to_left)]
    columns = _groups(boxes, 1, 3)
    if len(columns) > 1:
        return [box for column in columns[:: -1 if right_to_left else 1] for box in reading_order(column, right_to_left)]
    return sorted(boxes, key=lambda box: (box.top + box.bottom, -(box.left + box.right) if right_to_left else box.left + box.right))


def _groups(boxes: list[Box], start: int, stop: int) -> list[list[Box]]:
    """Boxes in groups between which a straight cut passes, that takes at most a tenth of the box beside it."""
    groups: list[list[Box]] = []
    reached = -np.inf
    for box in sorted(boxes, key=lambda box: box[start] + box[stop]):
        if box[start] + 0.1 * (box[stop] - box[start]) >= reached or not groups:
            groups.append([])
        groups[-1].append(box)
        reached = max(reached, box[stop] - 0.1 * (box[stop] - box[start]))
    return groups
