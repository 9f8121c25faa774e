"""What a made-up town is made of: the parts that `maps` draws, and the table of what blocks may be used for.

All lengths are shares of the picture's side; nothing here knows of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from p2p_lib.data.synthetic.canvas import Color
from p2p_lib.data.synthetic.curves import normals, ribbon

PATH, STREET, AVENUE, HIGHWAY = 0, 1, 2, 3  # the ranks of roads
WIDTHS = (0.008, 0.024, 0.036, 0.060)  # by rank


@dataclass(frozen=True)
class Use:
    """What a block is used for: its ground seen from above (two colours to mix), its trees, and its buildings, if any.

    Of the buildings: lot length along the street, share of the lot built on, length of the shadow, whether roofs have a ridge,
    roof colours.
    """

    ground: tuple[Color, Color]
    trees: int
    lot: float = 0.0
    fill: tuple[float, float] = (0.0, 0.0)
    height: tuple[float, float] = (0.0, 0.0)
    ridge: bool = False
    roofs: tuple[Color, ...] = ()


GREY_ROOFS = ((206, 204, 198), (170, 168, 164), (132, 132, 134), (226, 224, 218), (150, 142, 132))
TILE_ROOFS = ((146, 92, 72), (124, 84, 70), (112, 106, 104), (158, 120, 96), (92, 90, 94), (170, 148, 130))
HALL_ROOFS = ((222, 222, 220), (196, 200, 204), (150, 162, 174), (176, 150, 130), (210, 206, 192))
USES = {
    "houses": Use(((74, 88, 58), (104, 108, 76)), 16, 0.058, (0.44, 0.68), (0.007, 0.011), True, TILE_ROOFS),
    "terraces": Use(((86, 88, 76), (108, 106, 92)), 7, 0.038, (0.66, 0.98), (0.010, 0.016), False, GREY_ROOFS),
    "towers": Use(((104, 102, 98), (128, 124, 118)), 3, 0.095, (0.62, 0.92), (0.02, 0.06), False, GREY_ROOFS),
    "halls": Use(((116, 112, 106), (140, 134, 124)), 2, 0.17, (0.60, 0.88), (0.010, 0.018), False, HALL_ROOFS),
    "parking": Use(((94, 94, 96), (112, 110, 108)), 2),
    "park": Use(((78, 106, 54), (104, 124, 66)), 34),
    "wood": Use(((44, 68, 36), (54, 76, 42)), 130),
    "field": Use(((96, 112, 58), (176, 152, 98)), 2),
}
# The mix of block uses that gives a town its character: suburb, old town, city, works, country.
CHARACTERS: tuple[dict[str, float], ...] = (
    {"houses": 0.80, "park": 0.09, "wood": 0.06, "terraces": 0.05},
    {"terraces": 0.60, "towers": 0.18, "houses": 0.08, "park": 0.09, "parking": 0.05},
    {"towers": 0.70, "parking": 0.10, "park": 0.12, "terraces": 0.08},
    {"halls": 0.52, "parking": 0.18, "field": 0.12, "houses": 0.10, "wood": 0.08},
    {"field": 0.52, "wood": 0.18, "houses": 0.22, "park": 0.08},
)
CHARACTER_ODDS = (0.30, 0.25, 0.17, 0.15, 0.13)


@dataclass(frozen=True)
class Area:
    """A piece of ground: outline (n, 2), what it is, its colour from above."""

    outline: np.ndarray
    kind: str
    color: Color


@dataclass(frozen=True)
class Buildings:
    """The k buildings of a block: corners (k, 4, 2), shadow lengths (k,), roof colours (k, 3), whether ridged (k,)."""

    corners: np.ndarray
    heights: np.ndarray
    colors: np.ndarray
    ridged: np.ndarray


@dataclass(frozen=True)
class Road:
    """A path, street, avenue or highway: its centre line (n, 2), its rank, and unit normals (n, 2) along the line."""

    line: np.ndarray
    rank: int
    normals: np.ndarray

    def ribbon(self, width: float) -> list[list[float]]:
        """The outline of the road drawn `width` wide."""
        return ribbon(self.line, self.normals, width).tolist()


def road(line: np.ndarray, rank: int) -> Road:
    """A road along a line (n, 2)."""
    return Road(line, rank, normals(line))


@dataclass(frozen=True)
class Town:
    """Everything there is to draw; lengths are shares of the picture's side."""

    sun: np.ndarray  # (2,) unit vector, the way shadows fall
    texture_seed: int
    areas: list[Area] = field(default_factory=list)
    roads: list[Road] = field(default_factory=list)
    water: list[np.ndarray] = field(default_factory=list)  # outlines (n, 2) of rivers and ponds, which avenues cross
    bays: list[np.ndarray] = field(default_factory=list)  # outlines of water too wide for a bridge
    buildings: list[Buildings] = field(default_factory=list)
    trees: list[np.ndarray] = field(default_factory=list)  # (n, 4): x, y, radius, brightness
    cars: list[tuple[np.ndarray, Color]] = field(default_factory=list)  # stroke (2, 2), colour
