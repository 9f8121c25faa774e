"""What stands behind a made-up car: a studio with a lettered wall, or a yard full of clutter.

A background belongs to a car, not to a view: like the backdrop of a turntable it stays while the car turns.
"""

from __future__ import annotations

import numpy as np

from p2p_lib.data.synthetic.canvas import Canvas, noise

# Block letters as strokes on a unit square, x to the right, y down; consonants only, so that no word comes out by chance.
LETTERS = {
    "F": [((0.9, 0), (0, 0), (0, 1)), ((0, 0.5), (0.8, 0.5))],
    "H": [((0, 0), (0, 1)), ((0.9, 0), (0.9, 1)), ((0, 0.5), (0.9, 0.5))],
    "K": [((0, 0), (0, 1)), ((0.9, 0), (0, 0.55), (0.9, 1))],
    "L": [((0, 0), (0, 1), (0.8, 1))],
    "M": [((0, 1), (0, 0), (0.5, 0.7), (1, 0), (1, 1))],
    "N": [((0, 1), (0, 0), (0.9, 1), (0.9, 0))],
    "T": [((0, 0), (0.9, 0)), ((0.45, 0), (0.45, 1))],
    "V": [((0, 0), (0.45, 1), (0.9, 0))],
    "Z": [((0, 0), (0.9, 0), (0, 1), (0.9, 1))],
}
WALL_COLORS = ((172, 122, 96), (150, 154, 158), (196, 186, 164), (112, 128, 140), (186, 190, 186), (124, 138, 112))
OBJECT_COLORS = ((176, 132, 82), (64, 92, 140), (168, 52, 44), (70, 112, 76), (210, 176, 60), (92, 92, 98), (206, 204, 198))
LEAF_COLORS = ((58, 92, 48), (74, 108, 54), (46, 76, 44))


def background(seed: int, size: int) -> np.ndarray:
    """The background that belongs to a car, float32 (size, size, 3) in 0..255."""
    rng = np.random.default_rng((seed, 1))
    horizon = rng.uniform(0.42, 0.54)
    if rng.random() < 0.5:
        scene, grain = _studio(rng, size, horizon), 0.05
    else:
        scene, grain = _yard(rng, size, horizon), 0.2
    texture = 1 + grain * (noise(rng, size, 48, 2) - 0.5) + 0.16 * (noise(rng, size, 3, 2) - 0.5)
    return scene * texture[..., None]


def _studio(rng: np.random.Generator, size: int, horizon: float) -> np.ndarray:
    """A pale wall with dark letters, a floor that grows lighter towards the camera, and the rim of the turntable."""
    tone = np.array((1, 1, 1)) + rng.uniform(-0.03, 0.03, 3)
    canvas = Canvas(size, rng.uniform(200, 232) * tone)
    _write(rng, canvas, top=horizon - rng.uniform(0.24, 0.32), height=rng.uniform(0.12, 0.18))
    floor = rng.uniform(150, 196) * tone
    for step, y in enumerate(np.linspace(horizon, 1, 24)):
        canvas.rectangle(0, y, 1, 1, floor * (1 + 0.008 * step))
    middle, reach = rng.uniform(0.62, 0.68), rng.uniform(0.44, 0.54)
    canvas.ellipse(0.5, middle, reach, 0.3 * reach, floor * 0.86)
    canvas.ellipse(0.5, middle, 0.985 * reach, 0.29 * reach, floor * rng.uniform(1.0, 1.12))
    return canvas.array().astype(np.float32)


def _write(rng: np.random.Generator, canvas: Canvas, top: float, height: float) -> None:
    """A word of block letters across the wall."""
    color, x = np.full(3, rng.uniform(70, 130)), rng.uniform(-0.05, 0.15)
    for letter in rng.choice(list(LETTERS), int(rng.integers(4, 8))):
        for stroke in LETTERS[str(letter)]:
            canvas.line([(x + 0.8 * height * u, top + height * v) for u, v in stroke], 0.2 * height, color)
        x += 1.15 * height


def _yard(rng: np.random.Generator, size: int, horizon: float) -> np.ndarray:
    """A wall with windows, markings on rough ground, and boxes, posts and bushes in front of the wall."""
    wall = np.array(WALL_COLORS[rng.integers(len(WALL_COLORS))]) * rng.uniform(0.8, 1.1)
    canvas = Canvas(size, wall)
    for row, y in enumerate(np.arange(0, horizon, 0.025)):
        canvas.line([(0, y), (1, y)], 0.004, wall * 0.86)
        for x in np.arange(0.03 * (row % 2), 1, 0.06):
            canvas.line([(x, y), (x, y + 0.025)], 0.004, wall * 0.86)
    step = rng.uniform(0.2, 0.34)
    for x in np.arange(rng.uniform(-0.1, 0.1), 1, step):
        canvas.rectangle(x, horizon - 0.36, x + 0.6 * step, horizon - 0.14, wall * 1.25)
        glass = rng.uniform(40, 110) * np.array((0.9, 1, 1.1))
        canvas.rectangle(x + 0.01, horizon - 0.35, x + 0.6 * step - 0.01, horizon - 0.15, glass)
    ground = rng.uniform(84, 140) * np.array((1, 0.99, 0.96))
    canvas.rectangle(0, horizon, 1, 1, ground)
    for x in np.arange(-0.6, 1.6, rng.uniform(0.25, 0.45)):
        canvas.polygon([(x, horizon), (x + 0.012, horizon), (2 * x - 0.46, 1), (2 * x - 0.5, 1)], ground + 60)
    for _ in range(rng.integers(7, 15)):
        _object(rng, canvas, horizon + rng.uniform(0, 0.06))
    return canvas.array().astype(np.float32)


def _object(rng: np.random.Generator, canvas: Canvas, foot: float) -> None:
    """A box, a post or a bush that stands on the ground at height `foot` of the picture."""
    x, color = rng.random(), np.array(OBJECT_COLORS[rng.integers(len(OBJECT_COLORS))]) * rng.uniform(0.8, 1.1)
    kind = rng.choice(("box", "post", "bush"), p=(0.45, 0.2, 0.35))
    if kind == "box":
        width, height, depth = rng.uniform(0.05, 0.14), rng.uniform(0.05, 0.18), 0.025
        canvas.rectangle(x, foot - height, x + width, foot, color)
        back, top = x + width, foot - height
        lid = [(x, top), (x + depth, top - depth), (back + depth, top - depth), (back, top)]
        canvas.polygon(lid, color * 1.25)
        canvas.polygon([(back, foot), (back, top), (back + depth, top - depth), (back + depth, foot - depth)], color * 0.65)
    elif kind == "post":
        canvas.rectangle(x, foot - rng.uniform(0.3, 0.55), x + 0.018, foot, color * 0.7)
    else:
        leaf = np.array(LEAF_COLORS[rng.integers(len(LEAF_COLORS))])
        for dx, dy, radius, shade in rng.uniform((-0.07, 0.01, 0.02, 0.7), (0.07, 0.11, 0.045, 1.35), (14, 4)):
            canvas.ellipse(x + dx, foot - dy, radius, radius, leaf * shade)
