"""Cars on a turntable: a product photograph from any of 16 sides, its line drawing, and its exact mask.

A car is a handful of surfaces in space (`cars_mesh`), which `cars_stage` turns, projects and shades. Here its layers are
painted from back to front in three ways, so that drawing, photograph and mask agree to the pixel.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from p2p_lib.data.synthetic.canvas import Canvas, Color, coverage, to_uint8
from p2p_lib.data.synthetic.cars_background import background
from p2p_lib.data.synthetic.cars_parts import layers
from p2p_lib.data.synthetic.cars_plan import CarPlan, plan
from p2p_lib.data.synthetic.cars_stage import VIEWS, Camera, Layer, camera, footprint

WHITE, INK = (255, 255, 255), (24, 24, 24)
LINE = 0.0065  # width of a drawn line
SEAM, GROOVE = 0.0035, 0.4  # width of the gap around a door; its brightness as a share of the paint's


def car(seed: int, size: int = 128, view: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A car as a line drawing and as a photograph on white.

    Parameters
    ----------
    seed : names the car.
    size : side of the pictures in pixels; the same seed shows the same car at every size.
    view : from where the car is seen, 0..15, counter-clockwise: 0 sees the nose, 4 the left side, 8 the tail; unset: another one
        for every seed.

    Returns
    -------
    edges, photo : uint8 RGB (size, size, 3); the drawing is the source, the photograph the target.
    """
    planned, eye, parts = _shot(seed, seed % VIEWS if view is None else view)
    floor = _shadow(np.full((size, size, 3), 255, np.float32), planned, eye, strength=0.6)
    return _draw(parts, size), to_uint8(_place(floor, parts, _cover(parts, size), planned.paint))


def photo_and_mask(seed: int, size: int = 128, view: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The same car as `car` shows, before a studio or a cluttered background, and where it is.

    Returns
    -------
    photo : uint8 RGB (size, size, 3).
    mask : bool (size, size), True on the car, its wheels and mirrors, False on its shadow.
    """
    planned, eye, parts = _shot(seed, seed % VIEWS if view is None else view)
    scene = _shadow(background(seed, size), planned, eye, strength=0.9)
    cover = _cover(parts, size)
    return to_uint8(_place(scene, parts, cover, planned.paint)), cover >= 0.5


def _shot(seed: int, view: int) -> tuple[CarPlan, Camera, list[Layer]]:
    if not 0 <= view < VIEWS:
        raise ValueError(f"view must be a whole number from 0 to 15, but is {view}")
    planned = plan(seed)
    eye = camera(planned, view)
    return planned, eye, layers(planned, eye)


def _draw(parts: list[Layer], size: int) -> np.ndarray:
    """The line drawing: every layer covers the lines of those behind it."""
    canvas = Canvas(size)
    for part in parts:
        for rim in part.rims:
            canvas.line(rim.tolist(), 2 * LINE, INK)
        for face in part.faces:
            canvas.polygon(face.tolist(), WHITE)
        for seam in part.seams:
            canvas.line(seam.tolist(), LINE, INK)
    return canvas.array()


def _place(scene: np.ndarray, parts: list[Layer], cover: np.ndarray, paint: Color) -> np.ndarray:
    """Paint the layers over a scene, float32 (size, size, 3)."""
    canvas, groove = Canvas(len(scene)), np.array(paint) * GROOVE
    for part in parts:
        for face, color in zip(part.faces, part.colors, strict=True):
            canvas.polygon(face.tolist(), color)
        for seam in part.seams:
            canvas.line(seam.tolist(), SEAM, groove)
    # The canvas is white around the car: take that white out of the pixels on its border before compositing.
    return scene * (1 - cover[..., None]) + canvas.array() - 255 * (1 - cover[..., None])


def _cover(parts: list[Layer], size: int) -> np.ndarray:
    """The share of every pixel that the car covers, float32 (size, size)."""
    faces = [face.tolist() for part in parts for face in part.faces]
    return coverage(size, lambda canvas: [canvas.polygon(face, WHITE) for face in faces])


def _shadow(scene: np.ndarray, planned: CarPlan, eye: Camera, strength: float) -> np.ndarray:
    """Darken the floor under the car: a wide soft shadow and a narrow one where it nearly touches the ground."""
    size = len(scene)
    for grow, blur, share in ((1.04, 0.03, 0.5), (0.93, 0.008, 0.75)):
        ground = footprint(planned, eye, grow).tolist()
        shade = gaussian_filter(coverage(size, lambda mask, ground=ground: mask.polygon(ground, WHITE)), blur * size)
        scene = scene * (1 - strength * share * shade[..., None])
    return scene
