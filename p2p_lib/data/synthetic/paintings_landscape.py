"""What an impressionist sees: the hour, the landscape in its colours, and the direction of every stroke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from p2p_lib.data.synthetic.canvas import Color, blend, noise

UNDERPAINTING = 160  # side in pixels: enough for the smallest stroke to find its colour


@dataclass(frozen=True)
class Hour:
    """The light of one hour, RGB each: sky overhead, sky at the horizon, tint of what is lit, colour that fills the shade."""

    zenith: Color
    low: Color
    sun: Color
    shade: Color


HOURS = (
    Hour((146, 176, 214), (238, 226, 204), (255, 238, 206), (92, 102, 158)),  # morning
    Hour((84, 136, 204), (196, 216, 230), (255, 250, 226), (62, 84, 146)),  # noon
    Hour((164, 172, 188), (214, 210, 206), (230, 230, 232), (92, 98, 128)),  # overcast
    Hour((142, 134, 186), (252, 192, 122), (255, 198, 134), (88, 70, 136)),  # sunset
    Hour((222, 204, 146), (250, 226, 142), (255, 226, 150), (110, 88, 110)),  # golden haze
    Hour((172, 168, 208), (246, 208, 200), (255, 218, 208), (104, 106, 164)),  # rose dawn
    Hour((62, 78, 120), (150, 136, 158), (186, 172, 178), (38, 46, 92)),  # dusk
    Hour((120, 168, 172), (214, 226, 196), (246, 246, 206), (54, 96, 112)),  # green spring light
)


@dataclass(frozen=True)
class Landscape:
    """What stands in an impressionist picture; `texture` seeds clouds, foliage and strokes."""

    motif: Callable[[Underpainting], None]
    hour: Hour
    horizon: float
    side: int  # -1: the main mass stands on the left, 1: on the right
    count: int
    abundance: float  # flowers, clouds, glitter: 0..1
    season: int
    texture: int


@dataclass
class Strokes:
    """N brush strokes, a later one over an earlier: centres, half axes and angles (N,), colours (N, 3)."""

    x: np.ndarray
    y: np.ndarray
    length: np.ndarray
    width: np.ndarray
    angle: np.ndarray
    color: np.ndarray


class Underpainting:
    """Colour, stroke direction and stroke length at every point of a picture in progress, and the touches put on it last."""

    def __init__(self, plan: Landscape) -> None:
        self.plan, self.hour, self.rng = plan, plan.hour, np.random.default_rng(plan.texture)
        line = (np.arange(UNDERPAINTING, dtype=np.float32) + 0.5) / UNDERPAINTING
        self.x, self.y = np.meshgrid(line, line)
        self.color = np.zeros((UNDERPAINTING, UNDERPAINTING, 3), np.float32)
        self.angle = np.zeros_like(self.x)
        self.length = np.ones_like(self.x)
        self.touches: list[Strokes] = []

    def lay(self, mask: np.ndarray, color, angle=0.0, length: float = 1.0) -> None:
        """Cover `mask` (U, U) with a colour or picture, to be worked in strokes of this direction (radians) and length."""
        self.color = blend(self.color, color, mask)
        self.angle = np.where(mask > 0.5, angle, self.angle)
        self.length = np.where(mask > 0.5, length, self.length)

    def touch(self, x, y, length, width, angle, color) -> None:
        """Put down single strokes; every argument is one value or an array (N,), the colour a triple or (N, 3)."""
        columns = np.broadcast_arrays(*np.atleast_1d(x, y, length, width, angle))
        color = np.broadcast_to(np.asarray(color, np.float32), (len(columns[0]), 3))
        self.touches.append(Strokes(*columns, color))

    def lit(self, local, light) -> np.ndarray:
        """A local colour under this hour: tinted by the sun where `light` is 1, dark and filled with sky where it is 0."""
        local, light = np.asarray(local, np.float32), np.clip(light, 0, 1)[..., None]
        shade = 0.35 * local + 0.45 * np.array(self.hour.shade)
        return shade + (local * np.array(self.hour.sun) / 255 - shade) * light

    def noise(self, across: float, down: float, octaves: int = 3) -> np.ndarray:
        return noise(self.rng, UNDERPAINTING, (across, down), octaves)

    def at(self, field: np.ndarray, x, y) -> np.ndarray:
        """The values of a field (U, U) or (U, U, 3) at points of the unit square."""
        row, column = (np.clip(np.multiply(v, UNDERPAINTING).astype(int), 0, UNDERPAINTING - 1) for v in (y, x))
        return field[row, column]

    def reach(self, cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
        """Distance (U, U) from a centre, 1 on the ellipse with half axes rx, ry."""
        return np.hypot((self.x - cx) / rx, (self.y - cy) / ry)

    def ridge(self, base: float, height: float, hills: float) -> np.ndarray:
        """Where the picture lies below an uneven skyline: a mask (U, U)."""
        return self.y > base - height * self.noise(hills, 1)[:1]

    def foliage(self, cx: float, base: float, rx: float, height: float, local) -> None:
        """A ragged mass of leaves that stands on y = `base`, lit from the upper right."""
        reach, leaves = self.reach(cx, base - height / 2, rx, height / 2), self.noise(14, 14)
        light = 0.5 - 0.9 * (self.y - base + height / 2) / height + 0.35 * (self.x - cx) / rx + 1.6 * (leaves - 0.5)
        self.lay(reach + 1.1 * (leaves - 0.5) < 0.95, self.lit(local, light), 1.2 + 1.2 * (leaves - 0.5), 0.6)
