"""The surfaces of a made-up car: a lofted body, a lofted cabin and what is laid on them, all as polygons in metres.

A `Surface` is a list of flat faces with outward normals. Panels (lamps, seams) are outlines drawn from the side, the top or the
front and laid on the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from p2p_lib.data.synthetic.cars_plan import Shape
from p2p_lib.data.synthetic.curves import smooth

BELT, ROOF = 0.86, 0.68  # half widths of the cabin at its foot and at its top, as shares of the body's
CROWN = 0.05  # how far windscreen and roof bulge, metres
PANE_BULGE = 0.03  # of the side windows, metres
GLASS_EDGE = 0.07  # of the side windows from the outline of the cabin, metres
PILLAR = 0.03  # half the width of a pillar between two windows, metres
SMOOTH = 4  # steps between two given stations

# The right half of a cross section from the sill up to the middle of the deck: (share of the half width, share of the height).
_KNOTS = ((0.82, 0.0), (0.95, 0.03), (0.99, 0.2), (1.0, 0.42), (0.985, 0.68), (0.95, 0.88), (0.88, 0.97), (0.7, 1.0), (0, 1.03))
SECTION = smooth(np.array(_KNOTS), 2)


@dataclass(frozen=True)
class Surface:
    """A grid of points (m, n, 3) whose cells are faces, with outward unit normals (m-1, n-1, 3)."""

    points: np.ndarray
    normals: np.ndarray


def surface(points: np.ndarray, inside: np.ndarray) -> Surface:
    """A surface through a grid of points (m, n, 3); normals point away from `inside`, which broadcasts against the faces."""
    a, b, c, d = points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]
    normals = np.cross(c - a, d - b)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-9
    outward = ((a + c) / 2 - inside) * normals
    return Surface(points, normals * np.where(outward.sum(-1, keepdims=True) < 0, -1, 1))


class Body:
    """The surfaces of a car of a given shape, and where points drawn from the side or the front lie on them."""

    def __init__(self, shape: Shape) -> None:
        self.half_length, self.half_width = shape.length / 2, shape.width / 2
        scale = np.array([self.half_length, 1, 1, self.half_width])
        self.stations = smooth(shape.stations() * scale, SMOOTH)  # rows x, sill, deck, half width
        self.outline = smooth(np.array(shape.cabin) * (self.half_length, 1), SMOOTH)  # of the cabin, x and z
        self.foot, self.top = self.outline[0, 1], self.outline[:, 1].max()
        self.shape = shape

    def lower(self) -> Surface:
        """The lower body: at every station from the right sill over the deck to the left sill."""
        section = np.concatenate([SECTION * (-1, 1), SECTION[-2::-1]])
        x, sill, deck, half = (self.stations[:, None, column] for column in range(4))
        y, z = half * section[:, 0], sill + (deck - sill) * section[:, 1]
        points = np.stack([np.broadcast_to(x, y.shape), y, z], -1)
        middle = np.stack([x, 0 * x, sill + 0.5 * (deck - sill)], -1)
        return surface(points, (middle[1:] + middle[:-1]) / 2)

    def cabin_half_width(self, z: np.ndarray) -> np.ndarray:
        """Half the width of the cabin at a height."""
        return self.half_width * (BELT + (ROOF - BELT) * np.clip((z - self.foot) / (self.top - self.foot), 0, 1))

    def over_cabin(self, along: np.ndarray, across: np.ndarray) -> Surface:
        """The band of windscreen, roof and rear window between shares of the outline (m,) and shares of the width (n,)."""
        steps = along * (len(self.outline) - 1)
        tangents = np.gradient(self.outline, axis=0)
        curve = np.concatenate([self.outline, tangents / np.linalg.norm(tangents, axis=1, keepdims=True)], 1)
        x, z, tx, tz = (np.interp(steps, np.arange(len(curve)), column)[:, None] for column in curve.T)
        bulge = CROWN * (1 - across**2)
        points = np.stack([x + tz * bulge, self.cabin_half_width(z) * across, z - tx * bulge], -1)
        return surface(points, np.array([self.outline[:, 0].mean(), 0, self.foot]))

    def beside_cabin(self, side: int) -> Surface:
        """The left (1) or right (-1) side of the cabin, from the roof down to the belt line."""
        x, z = self.outline.T
        belt = self.belt(x) - 0.03
        z = z[:, None] + (belt - z)[:, None] * np.linspace(0, 1, 4)
        points = np.stack([np.broadcast_to(x[:, None], z.shape), side * self.cabin_half_width(z), z], -1)
        return surface(points, np.array([x.mean(), 0, self.foot]))

    def windows(self, side: int) -> list[Surface]:
        """The side windows between the pillars, each a pane that bulges a little."""
        x, z = self.outline.T
        shares = (x[0] / self.half_length - 0.02, *self.shape.pillars, x[-1] / self.half_length + 0.02)
        up, panes = np.linspace(0, 1, 6), []
        for front, rear in pairwise(shares):
            xs = np.linspace(front * self.half_length - PILLAR, rear * self.half_length + PILLAR, 14)
            roof, sill = np.interp(-xs, -x, z) - GLASS_EDGE, self.belt(xs) + 0.03
            high = roof > sill + 0.03
            if high.sum() > 2:
                zs = sill[high, None] + (roof - sill)[high, None] * up
                y = self.cabin_half_width(zs) + 0.005 + PANE_BULGE * 4 * up * (1 - up)
                points = np.stack([np.broadcast_to(xs[high, None], zs.shape), side * y, zs], -1)
                panes.append(surface(points, np.array([xs.mean(), 0, self.foot])))
        return panes

    def belt(self, x: np.ndarray) -> np.ndarray:
        """The height of the deck, where the windows begin."""
        return np.interp(-x, -self.stations[:, 0], self.stations[:, 2])

    def on_side(self, outline: np.ndarray, side: int) -> np.ndarray:
        """Lay an outline of (x, z) points, in metres, on the left (1) or right (-1) side of the lower body, (n, 3)."""
        x, z = np.asarray(outline, float).T
        sill, deck, half = (np.interp(-x, -self.stations[:, 0], self.stations[:, column]) for column in (1, 2, 3))
        z = np.clip(z, sill, deck)
        return np.stack([x, side * half * np.interp((z - sill) / (deck - sill), SECTION[:, 1], SECTION[:, 0]), z], -1)

    def on_deck(self, outline: np.ndarray) -> np.ndarray:
        """Lay an outline of (x, y share of the half width) points on the deck of the lower body, (n, 3)."""
        x, y = np.asarray(outline, float).T
        sill, deck, half = (np.interp(-x, -self.stations[:, 0], self.stations[:, column]) for column in (1, 2, 3))
        height = np.interp(-abs(y), -SECTION[-6:, 0], SECTION[-6:, 1])
        return np.stack([x, half * y, sill + (deck - sill) * height], -1)

    def on_end(self, outline: np.ndarray, end: int) -> np.ndarray:
        """Lay an outline of (y share of the half width, z) points on the nose (1) or the tail (-1), (n, 3)."""
        y, z = np.asarray(outline, float).T
        rows = self.stations[self.stations[:, 0] * end > 0.6 * self.half_length][::end]
        around = np.interp(abs(y) * self.half_width, np.maximum.accumulate(rows[:, 3]), rows[:, 0] * end)
        below = np.interp(z, np.maximum.accumulate(rows[:, 2]), rows[:, 0] * end)
        return np.stack([end * np.minimum(around, below), y * self.half_width, z], -1)

    def circle(self, axle: float, radius: float, side: int, inset: float = 0.0) -> np.ndarray:
        """A circle around an axle (x share), `inset` metres inside the side of the car, (32, 3)."""
        turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        x = axle * self.half_length
        y = np.interp(-x, -self.stations[:, 0], self.stations[:, 3]) - inset
        return np.stack([x + radius * np.cos(turn), np.full(32, side * y), self.shape.wheel + radius * np.sin(turn)], -1)
