"""Backgrounds of cartoon frames."""

from __future__ import annotations

import numpy as np

from p2p_lib.data.synthetic.comics_shapes import FINE, LINE, Pen, bows, box, curve, ellipse


def _cloud(pen: Pen, x: float, y: float, wide: float) -> None:
    puffs = bows(((-1, 0), (-0.75, -0.3), (-0.2, -0.55), (0.45, -0.4), (1, 0)), 0.4)
    pen.fill(np.add(wide * puffs, (x, y)), "cloud", FINE)


def sky(pen: Pen, rng: np.random.Generator) -> None:
    """Bands of sky, clouds, sun or moon."""
    pen.fill(box(-0.1, -0.1, 1.1, 1.1), "sky", 0.0)
    pen.fill(box(-0.1, rng.uniform(0.3, 0.7), 1.1, 1.1), "sky", 0.0, tone=1)
    pen.fill(ellipse(rng.uniform(0.1, 0.9), rng.uniform(0.08, 0.3), 0.08, 0.08), "sun", FINE)
    for x in rng.uniform(0, 1, 3):
        _cloud(pen, x, rng.uniform(0.12, 0.5), rng.uniform(0.1, 0.2))


def hills(pen: Pen, rng: np.random.Generator) -> None:
    """Two or three ranges of hills with round trees."""
    sky(pen, rng)
    for index, level in enumerate(np.linspace(0.5, 0.78, 3) + rng.uniform(-0.06, 0.06)):
        x = np.linspace(-0.2, 1.2, 7)
        ridge = curve(np.stack((x, level + rng.uniform(-0.07, 0.07, 7)), 1), False)
        pen.fill(np.vstack((ridge, ((1.2, 1.2), (-0.2, 1.2)))), ("far", "ground", "grass")[index])
        for cx in rng.uniform(0, 1, 2):
            _tree(pen, cx, level + 0.02, 0.05 + 0.04 * index)


def _tree(pen: Pen, x: float, y: float, tall: float) -> None:
    pen.fill(box(x - 0.1 * tall, y - 0.7 * tall, x + 0.1 * tall, y + 0.4 * tall), "wood", FINE)
    ring = ellipse(x, y - 1.2 * tall, 0.75 * tall, 0.85 * tall, count=9)
    pen.fill(bows(np.vstack((ring, ring[:1])), 0.25)[:-1], "leaf", FINE, shadow=0.3 * tall)


def street(pen: Pen, rng: np.random.Generator) -> None:
    """Houses in a row, a pavement, a lamp."""
    sky(pen, rng)
    x = -0.05
    while x < 1:
        wide, top, part = rng.uniform(0.2, 0.36), rng.uniform(0.1, 0.42), str(rng.choice(("house1", "house2", "house3")))
        pen.fill(box(x, top, x + wide, 0.86), part, shadow=0.04)
        columns, step = max(2, round(wide / 0.1)), 0.13
        for row in np.arange(top + 0.06, 0.74, step):
            for k in range(columns):
                left = x + wide * (k + 0.25) / columns
                pen.fill(box(left, row, left + 0.5 * wide / columns, row + 0.075), "window", FINE)
        x += wide
    pen.fill(box(-0.1, 0.84, 1.1, 1.1), "road")
    pen.stroke(((-0.1, 0.91), (1.1, 0.91)), FINE)


def room(pen: Pen, rng: np.random.Generator) -> None:
    """A wall with a window or shelves, a picture, a skirting board."""
    pen.fill(box(-0.1, -0.1, 1.1, 1.1), "wall", 0.0)
    pen.fill(box(-0.1, 0.82, 1.1, 1.1), "floor")
    x, flip = rng.uniform(0.05, 0.14), rng.random() < 0.5
    at = (lambda x0, x1: (1 - x1, 1 - x0)) if flip else (lambda x0, x1: (x0, x1))
    left, right = at(x, x + 0.34)
    pen.fill(box(left, 0.1, right, 0.55), "sky")
    pen.stroke((((left + right) / 2, 0.1), ((left + right) / 2, 0.55)), LINE)
    pen.stroke(((left, 0.3), (right, 0.3)), LINE)
    for edge, way in ((left, 1), (right, -1)):
        cloth = ((-0.05, 0.06), (0.11, 0.06), (0.08, 0.34), (0.03, 0.6), (-0.05, 0.6))
        pen.fill(np.add(np.multiply(cloth, (way, 1)), (edge, 0)), "curtain", shadow=0.02)
    left, right = at(x + 0.5, x + 0.78)
    if rng.random() < 0.5:
        pen.fill(box(left, 0.12, right, 0.36), "wood")
        pen.fill(box(left + 0.03, 0.15, right - 0.03, 0.33), "sky", FINE)
        mountain = ((0.03, 0.33), (0.1, 0.22), (0.16, 0.29), (0.25, 0.25), (0.25, 0.33))
        pen.fill(np.add(mountain, (left, 0)), "grass", FINE)
    else:
        for y in (0.24, 0.46):
            spines = np.cumsum(rng.uniform(0.022, 0.045, 6)) + left
            for k, tall in enumerate(rng.uniform(0.08, 0.15, 5)):
                pen.fill(box(spines[k], y - tall, spines[k + 1], y), f"house{k % 3 + 1}", FINE)
            pen.fill(box(left, y, right, y + 0.025), "wood", FINE)


def burst(pen: Pen, rng: np.random.Generator) -> None:
    """Rays round the figure, as for a surprise."""
    pen.fill(box(-0.1, -0.1, 1.1, 1.1), "sun", 0.0)
    count, turn = int(rng.integers(9, 15)), rng.uniform(0, 6)
    for angle in turn + 2 * np.pi * np.arange(count) / count:
        ray = ((0, 0), (np.cos(angle), np.sin(angle)), (np.cos(angle + 0.26), np.sin(angle + 0.26)))
        pen.fill(np.add(ray, 0.5), "curtain", FINE)


BACKGROUNDS = (room, street, sky, hills, burst)


# --------------------------------------------------------------------------------------------------------- frames
