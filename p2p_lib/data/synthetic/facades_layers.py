"""The canvases of a facade's photo: colour, matter and light, drawn side by side so that their edges agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_lib.data.synthetic.canvas import Canvas, Color, Points

# What a surface is made of, as a colour of the `matter` canvas: textures are laid on through its channels.
PLAIN = (0, 0, 0)
BRICK = (255, 0, 0)
STONE = (0, 255, 0)
GLASS = (0, 0, 255)

# The `light` canvas: how much a surface lies in the shadow, and where the sky shows.
_LIT = (0, 0, 0)
_SHADOW = (255, 0, 0)
_SKY = (0, 255, 0)


@dataclass(frozen=True)
class Sun:
    """Where the light comes from: something that stands out by 1 throws its shadow by (`dx`, `dy`)."""

    dx: float
    dy: float
    darkness: float  # of shadows, 0..1
    softness: float  # of their edges, as a share of the picture
    tint: np.ndarray  # RGB factors of the light


class Layers:
    """Colour, matter and light of a picture of `size` pixels; it begins as an empty sky of one `color`."""

    def __init__(self, size: int, sun: Sun, color: Color) -> None:
        self.sun = sun
        self._color = Canvas(size, color)
        self._matter = Canvas(size, PLAIN)
        self._light = Canvas(size, _SKY)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, color: Color, matter: Color = PLAIN) -> None:
        """Draw a surface in front of everything drawn before: it has its own matter and lies in the light."""
        self._color.rectangle(x0, y0, x1, y1, color)
        self._matter.rectangle(x0, y0, x1, y1, matter)
        self._light.rectangle(x0, y0, x1, y1, _LIT)

    def polygon(self, points: Points, color: Color, matter: Color = PLAIN) -> None:
        """As `rectangle`, for a polygon."""
        self._color.polygon(points, color)
        self._matter.polygon(points, matter)
        self._light.polygon(points, _LIT)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, color: Color) -> None:
        """As `rectangle`, for an ellipse."""
        self._color.ellipse(cx, cy, rx, ry, color)
        self._matter.ellipse(cx, cy, rx, ry, PLAIN)
        self._light.ellipse(cx, cy, rx, ry, _LIT)

    def tone(self, x0: float, y0: float, x1: float, y1: float, color: Color) -> None:
        """Change the colour only: what is painted on a surface, or seen through a glass, keeps its matter and shadow."""
        self._color.rectangle(x0, y0, x1, y1, color)

    def cast(self, x0: float, y0: float, x1: float, y1: float, depth: float) -> None:
        """The shadow of a box that stands `depth` out of the wall; draw the box afterwards."""
        dx, dy = self.sun.dx * depth, self.sun.dy * depth
        points = [(x0, y0), (x1, y0), (x1, y1), (x1 + dx, y1 + dy), (x0 + dx, y1 + dy), (x0, y1)]
        self._light.polygon(points, _SHADOW)
        self._light.rectangle(x0 + dx, y0 + dy, x1 + dx, y1 + dy, _SHADOW)

    def recess(self, x0: float, y0: float, x1: float, y1: float, depth: float) -> None:
        """The shadow that the reveal throws into an opening `depth` behind the wall; draw the opening before."""
        dx, dy = self.sun.dx * depth, self.sun.dy * depth
        self._light.rectangle(x0, y0, x1, y0 + dy, _SHADOW)
        self._light.rectangle(x0 if dx > 0 else x1 + dx, y0, x0 + dx if dx > 0 else x1, y1, _SHADOW)

    def color(self) -> np.ndarray:
        """The picture without textures and light, float32 (size, size, 3) in 0..255."""
        return self._color.array().astype(np.float32)

    def masks(self) -> tuple[np.ndarray, ...]:
        """Coverage by brick, stone, glass, shadow and sky: five float32 (size, size) in [0, 1]."""
        matter, light = (canvas.array().astype(np.float32) / 255 for canvas in (self._matter, self._light))
        return matter[..., 0], matter[..., 1], matter[..., 2], light[..., 0], light[..., 1]
