"""A procedural street of buildings: label maps in the classes and colours of CMP facades, and photos of the same buildings.

The label map says what stands where. The photo knows more: what the walls are made of, how they are painted, where the light
comes from, what the windows reflect. A network that is given the label map has to make up the rest, as with real photos.

References
----------
R. Tylecek and R. Sara, "Spatial Pattern Templates for Recognition of Objects with Regular Structure", GCPR 2013
(the CMP Facade Database: twelve classes, drawn over each other as axis-parallel rectangles).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from p2p_lib.data.synthetic.canvas import Canvas
from p2p_lib.data.synthetic.facades_house import draw_house
from p2p_lib.data.synthetic.facades_photo import render
from p2p_lib.data.synthetic.facades_plan import House, Street

# Measured on the 606 label maps of CMP facades (the right halves of pix2pix's 512 x 256 JPEGs): of all pixels that equal
# their neighbours up to two pixels away on all four sides, 99.9 % have one of twelve values. These lie within 1/255 of every
# fifth colour of the 64-step "jet" map (steps 6, 11, ... 61, counted from 1), which is what stands here. Which class a colour
# means was read off the photos: it steps through jet in the order of the dataset's classes, 1 (background) to 12 (shop).
PALETTE: dict[str, tuple[int, int, int]] = {
    "background": (0, 0, 223),
    "facade": (0, 48, 255),
    "window": (0, 128, 255),
    "door": (0, 207, 255),
    "cornice": (32, 255, 223),
    "sill": (112, 255, 143),
    "balcony": (191, 255, 64),
    "blind": (255, 239, 0),
    "deco": (255, 159, 0),
    "molding": (255, 80, 0),
    "pillar": (255, 0, 0),
    "shop": (175, 0, 0),
}


def facade(seed: int, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """A made-up building: the same seed shows the same building at every size.

    Parameters
    ----------
    seed : which building, a non-negative integer.
    size : side in pixels.

    Returns
    -------
    source : the label map, uint8 RGB (size, size, 3), in the colours of `PALETTE`; edges between classes are anti-aliased.
    target : the photo, uint8 RGB (size, size, 3).
    """
    plan_rng, photo_rng = np.random.default_rng(seed).spawn(2)
    street = _draw_street(plan_rng)
    return _label_map(street, size), render(street, photo_rng, size)


def _label_map(street: Street, size: int) -> np.ndarray:
    canvas = Canvas(size, PALETTE["background"])
    for house in street.houses:
        if house.annotated:
            canvas.rectangle(house.x0, house.top, house.x1, house.ground, PALETTE["facade"])
        for part in house.parts:
            canvas.rectangle(part.x0, part.y0, part.x1, part.y1, PALETTE[part.kind])
    return canvas.array()


def _draw_street(rng: np.random.Generator) -> Street:
    """One or two annotated houses; beside them a neighbour or a gap with a tree; cars before them."""
    x0, x1, top, ground = _framing(rng)
    scale = (ground - top) / 0.85 * rng.uniform(0.75, 1.25)
    walls = [x0, x0 + (x1 - x0) * rng.uniform(0.4, 0.6), x1] if x1 - x0 > 0.8 and rng.random() < 0.2 else [x0, x1]
    main = [draw_house(rng, a, b, top + (a > x0) * rng.uniform(-0.03, 0.12), ground, scale) for a, b in pairwise(walls)]
    neighbours, trees = [], []
    for a, b in [(x0 - 0.55, x0)] * (x0 > 0.01) + [(x1, x1 + 0.55)] * (x1 < 0.99):
        if rng.random() < 0.78:
            neighbours.append(_neighbour(rng, a, b, top, ground, scale))
        else:
            trees.append((x0 * 0.4 if a < 0 else 1 - (1 - x1) * 0.4, rng.uniform(0.35, 0.7)))
    cars = [(rng.uniform(0, 1), rng.uniform(0.2, 0.3)) for _ in range(rng.integers(0, 4))] if 0.9 < ground < 1 else []
    return Street((*neighbours, *main), ground, tuple(cars), tuple(trees))


def _framing(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """x0, x1, top and ground of the annotated houses; as in CMP a quarter shows no sky, half no neighbour, some a square."""
    if rng.random() < 0.1:
        x0, x1 = rng.uniform(0.08, 0.25), rng.uniform(0.75, 0.92)
        return x0, x1, rng.uniform(0.15, 0.35), rng.uniform(0.87, 0.94)
    left, right = np.where(rng.random(2) < 0.52, 0.0, rng.uniform(0.02, 0.18, 2))
    top = rng.uniform(-0.1, 0) if rng.random() < 0.25 else rng.uniform(0.02, 0.17)
    ground = rng.uniform(1, 1.06) if rng.random() < 0.35 else rng.uniform(0.89, 0.98)
    return float(left), float(1 - right), top, ground


def _neighbour(rng: np.random.Generator, x0: float, x1: float, top: float, ground: float, scale: float) -> House:
    """A house at the side: annotators left its wall as background, but labelled half of its windows."""
    house = draw_house(rng, x0, x1, float(np.clip(top + rng.uniform(-0.15, 0.2), -0.1, 0.55)), ground, scale)
    traced = {"window", "cornice", "sill"} if rng.random() < 0.5 else set()
    parts = tuple(part for part in house.parts if part.kind in traced)
    return replace(house, annotated=False, parts=parts, unlabelled=tuple(part for part in house.parts if part not in parts))
