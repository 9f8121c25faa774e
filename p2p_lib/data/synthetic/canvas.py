"""Anti-aliased drawing on the unit square: the brush box of every synthetic world.

Shapes are drawn with Pillow at four times the size and reduced by a box filter, so that an edge covers a pixel by the share
it really covers. Textures are float arrays, composited through the coverage mask of a shape.

Coordinates: x to the right, y down, both in [0, 1], whatever the size in pixels. Colours are RGB triples in 0..255.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

SUPERSAMPLING = 4

Color = Sequence[float]
Points = Sequence[tuple[float, float]]


class Canvas:
    """A square picture that shapes are drawn on with anti-aliased edges.

    Parameters
    ----------
    size : side in pixels of what `array` returns.
    color : RGB background, 0..255.
    """

    def __init__(self, size: int, color: Color = (255, 255, 255)) -> None:
        self.size = size
        self._pixels = size * SUPERSAMPLING
        self._image = Image.new("RGB", (self._pixels, self._pixels), _rgb(color))
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, points: Points, color: Color) -> None:
        """Fill a closed polygon."""
        self._draw.polygon(self._scaled(points), fill=_rgb(color))

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, color: Color) -> None:
        """Fill the rectangle [x0, x1) x [y0, y1); nothing is drawn where it is empty."""
        (left, top), (right, bottom) = self._scaled([(x0, y0), (x1, y1)])
        if right - left >= 1 and bottom - top >= 1:
            self._draw.rectangle([round(left), round(top), round(right) - 1, round(bottom) - 1], fill=_rgb(color))

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, color: Color) -> None:
        """Fill an ellipse with centre (cx, cy) and half axes rx, ry."""
        (left, top), (right, bottom) = self._scaled([(cx - rx, cy - ry), (cx + rx, cy + ry)])
        self._draw.ellipse([left, top, right, bottom], fill=_rgb(color))

    def line(self, points: Points, width: float, color: Color) -> None:
        """Draw a polyline; `width` is a share of the picture's side."""
        pixels = max(1, round(width * self._pixels))
        self._draw.line(self._scaled(points), fill=_rgb(color), width=pixels, joint="curve")

    def array(self) -> np.ndarray:
        """The picture, uint8 (size, size, 3)."""
        return np.asarray(self._image.reduce(SUPERSAMPLING))

    def _scaled(self, points: Points) -> list[tuple[float, float]]:
        return [(x * self._pixels, y * self._pixels) for x, y in points]


def coverage(size: int, draw) -> np.ndarray:
    """The share of every pixel that a drawing covers, float32 (size, size) in [0, 1].

    `draw` is called with a black canvas and paints white where it covers:
    ``coverage(64, lambda canvas: canvas.ellipse(0.5, 0.5, 0.2, 0.2, WHITE))``.
    """
    canvas = Canvas(size, (0, 0, 0))
    draw(canvas)
    return canvas.array()[..., 0].astype(np.float32) / 255


def blend(below: np.ndarray, above: np.ndarray | Color, mask: np.ndarray) -> np.ndarray:
    """Composite `above` (a picture or one colour) over `below` through `mask` (H, W) in [0, 1]; float32 (H, W, 3)."""
    alpha = mask[..., None].astype(np.float32)
    return below * (1 - alpha) + np.asarray(above, dtype=np.float32) * alpha


def noise(rng: np.random.Generator, size: int, cells: float | tuple[float, float], octaves: int = 3) -> np.ndarray:
    """Value noise: smooth random hills, float32 (size, size) in [0, 1].

    `cells` is the number of hills across the picture (or across and down) of the coarsest octave; every further octave has
    twice as many, half as high.
    """
    across, down = cells if isinstance(cells, tuple) else (cells, cells)
    total, weight = np.zeros((size, size), np.float32), 0.0
    for octave in range(octaves):
        shape = (max(2, round(down * 2**octave) + 1), max(2, round(across * 2**octave) + 1))
        hills = Image.fromarray(rng.random(shape, dtype=np.float32))
        total += np.asarray(hills.resize((size, size), Image.Resampling.BICUBIC)) * 0.5**octave
        weight += 0.5**octave
    return np.clip(total / weight, 0, 1)


def to_uint8(picture: np.ndarray) -> np.ndarray:
    """A float picture in 0..255 rounded and clipped to uint8."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _rgb(color: Color) -> tuple[int, int, int]:
    red, green, blue = (int(min(255, max(0, round(float(value))))) for value in color)
    return red, green, blue
