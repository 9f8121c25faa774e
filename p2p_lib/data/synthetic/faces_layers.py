"""The layers of a portrait and the tools that place them on a head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_lib.data.synthetic.canvas import coverage
from p2p_lib.data.synthetic.faces_plan import Geometry

WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Layer:
    """One sheet of a portrait: where it covers (H, W) in [0, 1], whose colour it takes, how light it is (1: as it is)."""

    mask: np.ndarray
    part: str  # a field of `Colors`, or "white" or "dark"
    light: np.ndarray | float = 1.0


class Sitter:
    """Layers of a portrait in the making, and the tools that place them on a head."""

    def __init__(self, geometry: Geometry, size: int) -> None:
        self.geometry, self.size = geometry, size
        self.rng = np.random.default_rng(geometry.texture)
        self.layers: list[Layer] = []
        self.head = np.zeros((size, size), np.float32)  # coverage of the face, once it is drawn
        line = (np.arange(size, dtype=np.float32) + 0.5) / size
        x, y = np.meshgrid((line - geometry.x) / geometry.unit, (line - geometry.y) / geometry.unit)
        self.upright_x, self.upright_y = x, y  # of neck and clothes
        cos, sin = np.float32(np.cos(geometry.tilt)), np.float32(np.sin(geometry.tilt))
        self.x, self.y = x * cos + y * sin, y * cos - x * sin  # of the tilted head
        self.face = self.x - 0.1 * geometry.turn * np.clip(1.3 - self.x**2, 0, 1)  # of the features of the turned head

    def soft(self, inside: np.ndarray) -> np.ndarray:
        """Coverage of pixels by the area where a distance in units is positive."""
        return np.clip(inside * self.geometry.unit * self.size + 0.5, 0, 1)

    def bump(self, cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
        """A smooth hill on the face."""
        return np.exp(-(((self.face - cx) / rx) ** 2) - ((self.y - cy) / ry) ** 2)

    def area(self, points, tilted: bool = True) -> np.ndarray:
        """Coverage of a polygon given in units."""
        g, points = self.geometry, np.asarray(points, float)
        cos, sin = (np.cos(g.tilt), np.sin(g.tilt)) if tilted else (1.0, 0.0)
        placed = points @ np.array(((cos, sin), (-sin, cos))) * g.unit + (g.x, g.y)
        return coverage(self.size, lambda canvas: canvas.polygon(placed.tolist(), WHITE))

    def add(self, mask, part: str, light: np.ndarray | float = 1.0) -> None:
        self.layers.append(Layer(mask, part, light))

    def lambert(self, height: np.ndarray) -> np.ndarray:
        """How light a surface of this height (in units) is, about 1 where it faces the lamp."""
        slope_y, slope_x = np.gradient(height, 1 / (self.geometry.unit * self.size))
        lamp = np.array((0.55 * self.geometry.light, -0.45, 0.9)) / np.hypot(np.hypot(0.55 * self.geometry.light, 0.45), 0.9)
        facing = (-slope_x * lamp[0] - slope_y * lamp[1] + lamp[2]) / np.sqrt(1 + slope_x**2 + slope_y**2)
        return 0.34 + 0.73 * np.clip(facing, 0, 1)
