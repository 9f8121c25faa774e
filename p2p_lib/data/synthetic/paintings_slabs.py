"""Suprematist compositions: which plain shapes stand where, in which colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_lib.data.synthetic.canvas import Canvas, Color

INK = {"black": (26, 24, 26), "red": (206, 46, 34), "blue": (34, 72, 150), "yellow": (236, 186, 44), "green": (38, 112, 76)}
WEIGHTS = {"black": 0.34, "red": 0.22, "blue": 0.16, "yellow": 0.18, "green": 0.10}


@dataclass(frozen=True)
class Slab:
    """One plain shape: "bar", "cross", "disc" or "wedge"; centre, sides, turn (radians), colour."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    angle: float
    color: Color

    def draw(self, canvas: Canvas) -> None:
        if self.kind == "disc":
            canvas.ellipse(self.x, self.y, self.width / 2, self.width / 2, self.color)
        elif self.kind == "cross":
            canvas.polygon(self._corners(self.width, self.height), self.color)
            canvas.polygon(self._corners(self.height, 0.8 * self.width), self.color)
        else:
            canvas.polygon(self._corners(self.width, self.height, 0.15 if self.kind == "wedge" else 0.92), self.color)

    def _corners(self, width: float, height: float, taper: float = 1.0) -> list[tuple[float, float]]:
        """A rectangle whose far side is `taper` times as long: nothing in these pictures is quite square."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        flat = ((-width, -height), (width, -height * taper), (width, height * taper), (-width, height))
        return [(self.x + (u * cos - v * sin) / 2, self.y + (u * sin + v * cos) / 2) for u, v in flat]


def plan_composition(rng: np.random.Generator) -> list[Slab]:
    """Draw the shapes of a suprematist picture, in the order in which they are painted."""
    return (_icon if rng.random() < 0.2 else _flight)(rng)


def _icon(rng: np.random.Generator) -> list[Slab]:
    """One large shape, sometimes with a small one beside it."""
    kind, tilt = rng.choice(("bar", "cross", "disc")), rng.normal(0, 0.04)
    side = rng.uniform(0.45, 0.66)
    slabs = [Slab(kind, *rng.normal(0.5, 0.03, 2), side, side * (0.34 if kind == "cross" else 0.95), tilt, _ink(rng, 3.0))]
    if rng.random() < 0.6:
        small = rng.uniform(0.1, 0.2)
        slabs.append(Slab("bar", *rng.uniform((0.68, 0.7), (0.86, 0.88)), small, small, rng.uniform(0.2, 0.7), _ink(rng, 0.0)))
    return slabs


def _flight(rng: np.random.Generator) -> list[Slab]:
    """Large slabs across a slanted axis, flocks of parallel bars along it, a few small shapes that break the order."""
    axis = rng.choice((-1, 1)) * rng.uniform(0.35, 1.2)
    along = np.array((np.cos(axis), np.sin(axis)))
    across = np.array((-along[1], along[0]))
    slabs = []
    for index in range(rng.integers(1, 4)):
        x, y = 0.5 + rng.normal(0, 0.1) * along + rng.normal(0, 0.13) * across
        turn = axis + (np.pi / 2 if rng.random() < 0.4 else 0)
        slabs.append(Slab("bar", x, y, rng.uniform(0.3, 0.6) * 0.8**index, rng.uniform(0.1, 0.3) * 0.8**index, turn, _ink(rng)))
    for _ in range(rng.integers(3, 7)):
        slabs += _flock(rng, axis, 0.5 + rng.uniform(-0.4, 0.4) * along + rng.uniform(-0.3, 0.3) * across)
    for _ in range(rng.integers(3, 9)):
        kind, side = rng.choice(("disc", "cross", "bar", "wedge")), rng.uniform(0.04, 0.16)
        x, y = 0.5 + rng.uniform(-0.42, 0.42) * along + rng.uniform(-0.3, 0.3) * across
        slabs.append(Slab(kind, x, y, side, side * rng.uniform(0.3, 0.5), axis + rng.choice((0, 0.5, np.pi / 2)), _ink(rng)))
    return slabs


def _flock(rng: np.random.Generator, axis: float, centre: np.ndarray) -> list[Slab]:
    """One to four parallel bars of unequal length, mostly of one colour, along the axis or across it."""
    turn, width, color = axis + rng.choice((0, np.pi / 2)), rng.uniform(0.012, 0.045), _ink(rng)
    step = np.array((-np.sin(turn), np.cos(turn))) * width * rng.uniform(1.6, 2.6)
    lengths = rng.uniform(0.14, 0.42) * rng.uniform(0.5, 1.0, rng.integers(1, 5))
    colors = [color if rng.random() < 0.7 else _ink(rng) for _ in lengths]
    return [Slab("bar", *(centre + step * i), lengths[i], width, turn, colors[i]) for i in range(len(lengths))]


def _ink(rng: np.random.Generator, black: float = 1.0) -> Color:
    """A colour of the palette, slightly mixed; black comes up `black` times as often as usual."""
    weights = np.array(list(WEIGHTS.values())) * ([black] + [1] * (len(WEIGHTS) - 1))
    return tuple(np.array(INK[rng.choice(list(INK), p=weights / weights.sum())]) + rng.normal(0, 9, 3))
