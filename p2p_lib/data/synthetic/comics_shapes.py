"""Shapes, the pen that places them and the renderer that fills and inks them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from p2p_lib.data.synthetic.canvas import SUPERSAMPLING, Color

INK = (30, 24, 32)
WHITE = (255, 255, 255)
LINE, FINE = 0.011, 0.007  # widths of contours and of details, shares of the picture's side
SHADE = np.array((0.76, 0.70, 0.80))  # what a cel shadow multiplies a colour by
Fill = Color | int
FLAT = ("blush",)  # parts that are colour only: line art leaves them out


@dataclass(frozen=True)
class Shape:
    """A filled area or a stroke; `tone` is -1 in shadow, 0 plain, 1 highlight; `line` is the width of the contour or 0."""

    points: np.ndarray  # (N, 2) on the unit square
    part: str
    tone: int = 0
    line: float = LINE
    closed: bool = True
    filled: bool = True


@dataclass(frozen=True)
class Pen:
    """Adds shapes to a list from a local frame: its origin, unit and tilt (radians) in the picture."""

    shapes: list[Shape]
    origin: tuple[float, float] = (0.0, 0.0)
    unit: float = 1.0
    tilt: float = 0.0
    light: float = 1.0  # 1: light falls from the left, -1: from the right
    owner: str = ""  # put before the parts of one character
    weight: float = 1.0  # small figures are drawn with finer lines

    def fill(self, points, part: str, line: float = LINE, tone: int = 0, shadow: float = 0.0, closed: bool = True) -> None:
        """Add an area, its cel shadow of this depth (in units), its contour; `closed` False leaves the last side unlined."""
        placed, part = self._place(points), self.owner + part
        if tone and line:  # what has a contour hides what is behind it, in line art too
            self.shapes.append(Shape(placed, part, 0, 0.0))
        self.shapes.append(Shape(placed, part, tone, 0.0))
        if shadow:
            self.shapes.append(Shape(_crescent(placed, shadow * self.unit, (self.light * 0.8, 0.6)), part, -1, 0.0))
        if line:
            self.shapes.append(Shape(placed, part, tone, line * self.weight, closed, filled=False))

    def stroke(self, points, line: float = FINE, closed: bool = False) -> None:
        """Add an ink line; an open one tapers off."""
        self.shapes.append(Shape(self._place(points), "ink", 0, line * self.weight, closed, filled=False))

    def _place(self, points) -> np.ndarray:
        cos, sin = np.cos(self.tilt) * self.unit, np.sin(self.tilt) * self.unit
        return np.asarray(points, float) @ np.array(((cos, sin), (-sin, cos))) + self.origin


def curve(points, closed: bool = True, steps: int = 6) -> np.ndarray:
    """A Catmull-Rom spline through points (N, 2)."""
    p = np.asarray(points, float)
    before, after, beyond = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
    if not closed:
        before[0], beyond[-2] = p[0], p[-1]
    t = np.arange(steps)[:, None] / steps
    a, b, c = after - before, 2 * before - 5 * p + 4 * after - beyond, 3 * p - before - 3 * after + beyond
    spline = p[:, None] + 0.5 * (a[:, None] * t + b[:, None] * t**2 + c[:, None] * t**3)  # (N, steps, 2)
    return spline.reshape(-1, 2) if closed else np.vstack((spline[:-1].reshape(-1, 2), p[-1:]))


def ellipse(cx: float, cy: float, rx: float, ry: float, start: float = 0, stop: float = 2 * np.pi, count: int = 24):
    """Points (count, 2) on an ellipse, or on its arc between two angles (radians, clockwise from the right)."""
    angle = np.linspace(start, stop, count, endpoint=stop - start < 6)
    return np.stack((cx + rx * np.cos(angle), cy + ry * np.sin(angle)), axis=1)


def bows(points, bulge: float, steps: int = 5) -> np.ndarray:
    """Sharp points (N, 2) joined by arcs that bulge to the left of the way (in shares of their length)."""
    p = np.asarray(points, float)
    way = np.diff(p, axis=0)
    middle = (p[:-1] + p[1:]) / 2 + bulge * np.stack((way[:, 1], -way[:, 0]), 1)
    t = np.arange(steps)[:, None] / steps
    arcs = p[:-1, None] * (1 - t) ** 2 + 2 * middle[:, None] * t * (1 - t) + p[1:, None] * t**2
    return np.vstack((arcs.reshape(-1, 2), p[-1:]))


def mirrored(right) -> np.ndarray:
    """A closed outline from its right half, listed from bottom to top; a point on the axis stays single."""
    right = np.asarray(right, float)
    left = (right * (-1, 1))[right[:, 0] != 0]
    return np.vstack((right, left[::-1]))


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))


def _normals(points: np.ndarray, closed: bool) -> np.ndarray:
    way = np.roll(points, -1, 0) - np.roll(points, 1, 0) if closed else np.gradient(points, axis=0)
    return np.stack((way[:, 1], -way[:, 0]), 1) / (np.hypot(*way.T)[:, None] + 1e-9)


def _crescent(points: np.ndarray, depth: float, away: tuple[float, float]) -> np.ndarray:
    """The part of an outline that looks `away` from the light: between the outline and a copy of it drawn back."""
    x, y = points.T
    turn = np.sign(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    facing = np.clip(turn * _normals(points, True) @ away, 0, 1)
    inner = points - depth * facing[:, None] * np.array(away)
    return np.vstack((points, points[:1], inner[:1], inner[::-1]))


@dataclass(frozen=True)
class View:
    """The part of the plane that a picture shows, and how its lines are inked; the default is the unit square."""

    height: int  # of the picture, in pixels
    width: int
    scale: float  # pixels a unit
    left: float = 0.0
    top: float = 0.0
    inking: float = 1.0  # what the width of every line is multiplied by
    swell: float = 0.0  # how much thicker lines are on the side away from the light, and thinner on the other, 0..1


def square(size: int) -> View:
    """The whole unit square in size x size pixels."""
    return View(size, size, float(size))


def _ribbon(shape: Shape, width: float, swell: float) -> np.ndarray:
    """The area of ink along a line: even along a contour, swelling and tapering along an open stroke."""
    points, normals = shape.points, _normals(shape.points, shape.closed)
    t = np.linspace(0, 1, len(points))
    half = width / 2 * (np.ones_like(t) if shape.closed else np.minimum(1, 0.3 + 3 * np.minimum(t, 1 - t)))[:, None]
    if swell:
        half = half * (1 + swell * np.abs(normals @ (0.6, 0.8)) - 0.5 * swell)[:, None]
    left, right = points + normals * half, points - normals * half
    if shape.closed:
        left, right = np.vstack((left, left[:1])), np.vstack((right, right[:1]))
    return np.vstack((left, right[::-1]))


def paint(shapes: list[Shape], view: View, fill_of, paper: Fill = WHITE, ink: Fill = INK) -> Image.Image:
    """Draw shapes SUPERSAMPLING times as large as the view says, not anti-aliased.

    `fill_of(shape)` is the fill of an area, None leaves it out; lines are `ink`. Where fills are numbers, not RGB triples, the
    picture has one channel.
    """
    zoom = SUPERSAMPLING * view.scale
    mode = "L" if isinstance(ink, int) else "RGB"
    image = Image.new(mode, (SUPERSAMPLING * view.width, SUPERSAMPLING * view.height), paper)
    draw = ImageDraw.Draw(image)

    def polygon(points: np.ndarray, fill: Fill) -> None:
        draw.polygon([tuple(p) for p in ((points - (view.left, view.top)) * zoom).tolist()], fill=fill)

    for shape in shapes:
        fill = fill_of(shape) if shape.filled else None
        if fill is not None:
            polygon(shape.points, fill if mode == "L" else _rgb(fill))
        if shape.line:
            width = view.inking * shape.line
            width = max(width - 1 / zoom, 0.3 * width)  # Pillow also fills the pixels that an outline runs through
            polygon(_ribbon(shape, width, view.swell), ink)
    return image


def _rgb(color: Color) -> tuple[int, ...]:
    return tuple(np.clip(np.rint(np.asarray(color, float)), 0, 255).astype(int).tolist())


def blank(shape: Shape) -> Color | None:
    """The fill of a shape in line art: paper, or ink for pupils; colour without a contour leaves no trace."""
    part = shape.part.split(".")[-1]
    if shape.tone or part in FLAT:
        return None
    return INK if part in ("pupil", "ink") else WHITE


def render(shapes: list[Shape], view: View | int, color_of) -> np.ndarray:
    """Draw shapes, uint8 (H, W, 3); `color_of(shape)` is the fill of an area, None leaves it out. Lines are ink.

    view : what to show, or the side in pixels of a picture of the unit square.
    """
    view = square(view) if isinstance(view, int) else view
    return np.asarray(paint(shapes, view, color_of).reduce(SUPERSAMPLING))
