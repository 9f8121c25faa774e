"""What a made-up shoe is: a pile of flat parts with colours and materials, cut from the surface of its upper.

Drawings are planned in shoe units: x from the toe (0) to the heel (1), y up from the ground. `shoes_sneaker`,
`shoes_closed` and `shoes_open` make the parts of each kind of shoe, `shoes` makes pictures of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from p2p_lib.data.synthetic.canvas import Color
from p2p_lib.data.synthetic.curves import normals, ribbon, smooth

Knots = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Material:
    """How a surface looks: how much it shines and how rough its grain is, both 0..1."""

    gloss: float
    grain: float


STEEL, GOLD, GUM = (190, 194, 200), (206, 172, 92), (188, 134, 78)
FAR_SIDE = np.array([-0.075, 0.045])  # from the near to the far side of the foot, as the camera sees it
LEATHER, PATENT, SUEDE = Material(0.5, 0.12), Material(1.0, 0.0), Material(0.05, 0.8)
CANVAS, MESH, RUBBER = Material(0.1, 0.5), Material(0.1, 1.0), Material(0.25, 0.05)
METAL, CORK, LINING = Material(1.0, 0.0), Material(0.05, 1.0), Material(0.05, 0.15)


@dataclass(frozen=True)
class Style:
    """What a shoe is made in: colours of its pieces, and the materials of the upper (`material`) and of its panels (`trim`)."""

    main: Color
    accent: Color
    sole: Color
    lace: Color
    lining: Color
    thread: Color
    material: Material
    trim: Material


@dataclass(frozen=True)
class Part:
    """One piece: its outline (n, 2), colour, material, and how far it stands out, 0..1."""

    outline: np.ndarray
    color: Color
    material: Material
    height: float


@dataclass
class Shoe:
    """The parts of a shoe from back to front; seams are lines (n, 2) that come after the parts listed before them."""

    thread: Color  # colour of the seams
    pieces: list[Part | np.ndarray] = field(default_factory=list)

    def add(self, outline: np.ndarray, color: Color, material: Material, height: float) -> None:
        """Put a part on top."""
        self.pieces.append(Part(outline, color, material, height))

    def strap(self, line: np.ndarray, width: float, color: Color, material: Material, height: float) -> None:
        """Put a band along a line (n, 2) on top."""
        self.add(ribbon(line, normals(line), width), color, material, height)

    def seam(self, line: np.ndarray) -> None:
        """Sew a seam along a line (n, 2)."""
        self.pieces.append(line)


class Upper:
    """The side of a shoe between its feather line, where it meets the sole, and its top line.

    Panels are cut in coordinates (s, t): s runs from the toe (0) to the heel (1), t from the feather line (0) to the top
    line (1), so that they follow the shape whatever it is.

    Parameters
    ----------
    foot, top : knots (s, x, y) of the two lines, s ascending from 0 to 1.
    bulge : how far the heel stands out behind the straight line from foot to top.
    """

    def __init__(self, foot: Knots, top: Knots, bulge: float = 0.02) -> None:
        self.foot, self.top = smooth(np.array(foot), 8), smooth(np.array(top), 8)
        self.bulge = bulge

    def at(self, points: np.ndarray | Knots) -> np.ndarray:
        """Points (n, 2) of the upper to shoe units (n, 2)."""
        s, t = np.asarray(points, float).T
        foot = np.stack([np.interp(s, self.foot[:, 0], self.foot[:, column]) for column in (1, 2)], -1)
        top = np.stack([np.interp(s, self.top[:, 0], self.top[:, column]) for column in (1, 2)], -1)
        placed = foot + (top - foot) * t[:, None]
        placed[:, 0] += self.bulge * np.sin(np.pi * np.clip(t, 0, 1)) * np.clip(s, 0, 1) ** 8
        return placed

    def curve(self, knots: Knots) -> np.ndarray:
        """A smooth line through knots (s, t)."""
        return self.at(smooth(np.array(knots, float), 8))

    def panel(self, *edges: Knots) -> np.ndarray:
        """The outline of a panel whose edges are smooth lines through knots (s, t), one after the other."""
        return np.concatenate([self.curve(edge) for edge in edges])

    def band(self, s: tuple[float, float], t: tuple[float, float]) -> np.ndarray:
        """The outline of the panel between two s and two t."""
        across, up = np.linspace(*s, 24), np.linspace(*t, 12)
        sides = ((across, t[0]), (s[1], up), (across[::-1], t[1]), (s[0], up[::-1]))
        return self.at(np.concatenate([np.stack(np.broadcast_arrays(*side), -1) for side in sides]))


def darker(color: Color, share: float) -> Color:
    """A colour, dimmed."""
    return tuple(share * channel for channel in color)


def moved(points: np.ndarray, x: float, y: float) -> np.ndarray:
    """Points (n, 2) or one point (2,), shifted."""
    return points + np.array([x, y])


def arc(rx: float, ry: float, start: float = 0.0, stop: float = 2 * np.pi) -> np.ndarray:
    """Part of an ellipse around the origin, (24, 2)."""
    turn = np.linspace(start, stop, 24)
    return np.stack([rx * np.cos(turn), ry * np.sin(turn)], -1)


def sole_between(top: np.ndarray, bottom: Knots) -> np.ndarray:
    """The outline of a sole below a line (n, 2) and above knots, both from toe to heel."""
    return np.concatenate([top, smooth(np.array(bottom), 8)[::-1]])


def toe_cap(upper: Upper) -> np.ndarray:
    """The outline of a cap over the toe."""
    return upper.panel([(0, 0), (0.2, 0)], [(0.2, 0), (0.17, 0.6), (0.13, 1)], [(0.13, 1), (0.05, 1), (0, 1)])


def lining(shoe: Shoe, upper: Upper, start: float, style: Style, rise: float) -> None:
    """The inside of the far wall, seen above the top line from s = `start` to the heel."""
    near = upper.at(np.stack([np.linspace(start, 1, 24), np.full(24, 0.97)], -1))
    far = near + np.stack([np.zeros(24), rise * np.sin(np.pi * np.linspace(0.08, 0.94, 24)) ** 0.7], -1)
    shoe.add(np.concatenate([near, far[::-1]]), style.lining, LINING, 0.1)


def laces(shoe: Shoe, upper: Upper, style: Style, places: np.ndarray) -> None:
    """Laces from eyelets below the throat over its edge, at each s."""
    for s in places:
        eyelet, edge = upper.at([(s, 0.84), (s - 0.005, 1.0)])
        over = moved(edge + (edge - eyelet) * 0.15, 0.008, 0.012)
        shoe.add(eyelet + arc(0.009, 0.009), darker(style.lace, 0.5), METAL, 0.8)
        shoe.strap(smooth(np.array([eyelet, edge, over]), 4), 0.019, style.lace, CANVAS, 0.85)


def strap_over(shoe: Shoe, style: Style, feet: np.ndarray, height: float, inside: bool) -> None:
    """A strap that arches from the near to the far side of the foot; `feet` (2, 2) are the ends of its front and its back edge.

    `inside` shows what lies under the arch: the inside of its far half.
    """
    turn = np.linspace(0, np.pi, 20)
    away = (1 - np.cos(turn))[:, None] / 2 * FAR_SIDE
    arch = np.stack([0.35 * np.sin(turn), np.sin(turn)], -1)
    front, back = feet[0] + away + height * arch, feet[1] + away + 1.1 * height * arch
    if inside:
        shoe.add(front, darker(style.main, 0.4), LINING, 0.2)
    shoe.add(np.concatenate([front[:15], back[:15][::-1]]), style.main, style.material, 0.62)
    shoe.seam((0.85 * front + 0.15 * back)[1:14])
