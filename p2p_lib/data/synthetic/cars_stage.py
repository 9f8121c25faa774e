"""A made-up car before a camera: its surfaces turned, projected and shaded into layers of flat polygons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from p2p_lib.data.synthetic.canvas import Color
from p2p_lib.data.synthetic.cars_mesh import Body, Surface
from p2p_lib.data.synthetic.cars_plan import CarPlan

VIEWS = 16
FOCUS = 0.84  # share of the picture's width that a car takes, seen from the side
BRIGHTEST = 242  # of a glare, so that a car never melts into a white background
# How bright the studio is that the paint mirrors: heights of the mirrored direction, from floor (-1) to ceiling (1), and light.
STUDIO = ((-1, -0.25, -0.06, 0.0, 0.3, 0.5, 0.8, 1), (0.25, 0.2, 0.02, 0.35, 0.6, 1, 0.7, 0.5))
HORIZON = 0.53  # where the middle of the car lies in the picture


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the middle of the car: where it is and its axes right, back, up."""

    position: np.ndarray
    axes: np.ndarray  # (3, 3), rows
    focus: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) in metres to the picture (..., 2)."""
        right, back, up = np.moveaxis((points - self.position) @ self.axes.T, -1, 0)
        return np.stack([0.5 - self.focus * right / back, HORIZON + self.focus * up / back], -1)

    def sees(self, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """Whether faces at points (..., 3) with outward normals (..., 3) are turned towards the camera."""
        return ((self.position - points) * normals).sum(-1) > 0


def camera(car: CarPlan, view: int) -> Camera:
    """The camera of a view: 0 sees the nose, 4 the left side, 8 the tail."""
    azimuth, sin, cos = 2 * np.pi * view / VIEWS, np.sin(car.elevation), np.cos(car.elevation)
    back = np.array([cos * np.cos(azimuth), cos * np.sin(azimuth), sin])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0])
    middle = np.array([0, 0, 0.45 * max(z for _, z in car.shape.cabin)])
    axes = np.stack([right, back, np.cross(back, right)])
    return Camera(middle + car.distance * back, axes, FOCUS * car.distance / car.shape.length)


@dataclass
class Layer:
    """Faces that belong together, ready to paint: outlines (n, 2) with colours, and the lines that draw them.

    `rims` run around the faces and are drawn beneath them at double width; `seams` are drawn on top, in the photograph too.
    """

    faces: list[np.ndarray] = field(default_factory=list)
    colors: list[Color] = field(default_factory=list)
    rims: list[np.ndarray] = field(default_factory=list)
    seams: list[np.ndarray] = field(default_factory=list)


@dataclass(frozen=True)
class Stage:
    """A car, its surfaces and the camera."""

    car: CarPlan
    body: Body
    eye: Camera

    def skin(self, shell: Surface, color: Color, gloss: float, ends: tuple[bool, bool] = (False, False)) -> Layer:
        """A curved surface: its visible faces from far to near, its rims where it turns away.

        `ends` says whether something visible joins its first and its last row, so that no rim is due there.
        """
        points = shell.points
        middles = (points[:-1, :-1] + points[1:, 1:]) / 2
        seen = self.eye.sees(middles, shell.normals)
        flat = self.eye.project(points)
        corners = np.stack([flat[:-1, :-1], flat[1:, :-1], flat[1:, 1:], flat[:-1, 1:]], 2)
        order = np.argsort(((middles - self.eye.position) ** 2).sum(-1)[seen])[::-1]
        colors = self.shade(middles[seen], shell.normals[seen], color, gloss)
        return Layer(list(corners[seen][order]), colors[order].tolist(), _rims(flat, seen, ends))

    def panel(self, outline: np.ndarray, normal: Sequence[float], color: Color, gloss: float = 0.0) -> Layer:
        """A flat piece laid on the car, outline (n, 3); empty where it is turned away."""
        middle, facing = outline.mean(0), np.asarray(normal, float) / np.linalg.norm(normal)
        if not self.eye.sees(middle, facing):
            return Layer()
        flat = self.eye.project(outline)
        shade = self.shade(middle[None], facing[None], color, gloss)[0].tolist()
        return Layer([flat], [shade], [np.concatenate([flat, flat[:1]])])

    def seam(self, line: np.ndarray, normal: Sequence[float]) -> Layer:
        """A line on the car, (n, 3); empty where it is turned away."""
        seen = self.eye.sees(line.mean(0), np.asarray(normal, float))
        return Layer(seams=[self.eye.project(line)] if seen else [])

    def shade(self, points: np.ndarray, normals: np.ndarray, color: Color, gloss: float) -> np.ndarray:
        """Colours (n, 3) of faces: daylight from a lamp, and the studio mirrored in the paint."""
        towards = self.eye.position - points
        towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
        lamp = np.array(self.car.lamp) @ self.eye.axes
        lamp /= np.linalg.norm(lamp)
        facing = np.clip((normals * towards).sum(-1), 0, 1)
        mirrored = 2 * facing[:, None] * normals - towards
        light = 0.42 + 0.62 * np.clip(normals @ lamp, 0, 1) + 0.12 * normals[:, 2]
        sky = np.interp(mirrored[:, 2], *STUDIO)
        fresnel = 0.13 + 0.5 * (1 - facing) ** 4
        shine = gloss * (sky * fresnel + 0.6 * np.clip(mirrored @ lamp, 0, 1) ** 16)
        return np.minimum(np.array(color) * light[:, None] + 235 * shine[:, None], BRIGHTEST)


def _rims(flat: np.ndarray, seen: np.ndarray, ends: tuple[bool, bool]) -> list[np.ndarray]:
    """The edges of a grid of projected points (m, n, 2) that part a visible face from a hidden one, or from nothing."""
    padded = np.pad(seen, 1)
    padded[0, 1:-1], padded[-1, 1:-1] = ends
    along = padded[1:, 1:-1] != padded[:-1, 1:-1]  # (m, n - 1): edges between columns of a row
    across = padded[1:-1, 1:] != padded[1:-1, :-1]
    first = np.stack([flat[:, :-1], flat[:, 1:]], 2)[along]
    second = np.stack([flat[:-1], flat[1:]], 2)[across]
    return [*first, *second]


def footprint(car: CarPlan, eye: Camera, grow: float) -> np.ndarray:
    """The ground under a car, `grow` times its size, seen by the camera: an outline (n, 2)."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    cos, sin = np.cos(turn), np.sin(turn)
    x, y = (np.sign(value) * abs(value) ** 0.35 for value in (cos, sin))  # nearly a rectangle
    half = np.array([car.shape.length, car.shape.width]) / 2 * grow
    return eye.project(np.stack([half[0] * x, half[1] * y, 0 * x], -1))
