"""A photo of a street from its plan: the houses with their parts, textures, light and shadow, sky, and what a camera adds."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from p2p_lib.data.synthetic.canvas import blend, noise, to_uint8
from p2p_lib.data.synthetic.facades_layers import Layers, Sun
from p2p_lib.data.synthetic.facades_look import draw_look
from p2p_lib.data.synthetic.facades_parts import draw_house
from p2p_lib.data.synthetic.facades_plan import Street

SKIES = (  # colours at the top and above the roofs
    ((104, 150, 206), (190, 210, 230)),
    ((142, 176, 216), (214, 224, 234)),
    ((206, 214, 222), (232, 234, 236)),
    ((228, 230, 232), (244, 244, 242)),
    ((176, 184, 194), (206, 208, 210)),
)
CARS = ((176, 30, 30), (50, 60, 90), (190, 192, 196), (40, 42, 44), (225, 225, 222), (70, 90, 84))
MORTAR = (188, 178, 164)


def render(street: Street, rng: np.random.Generator, size: int) -> np.ndarray:
    """The photo of a street, uint8 (size, size, 3); `rng` decides everything the plan leaves open.

    Whatever depends on `size` in number (the grain) is drawn last, so that the other choices are the same at every size.
    """
    sunny = rng.random() < 0.5
    sun = _draw_sun(rng, sunny)
    sky_top, sky_low = np.array(SKIES[rng.integers(0, 3) if sunny else rng.integers(1, 5)], np.float32)
    layers = Layers(size, sun, sky_low)
    _draw_scene(layers, street, rng)

    picture = layers.color()
    brick, stone, glass, shadow, sky = layers.masks()
    picture = _texture(picture, brick, stone, sky, rng)
    picture = _reflect(picture, glass, sky_low, rng)
    picture *= (1 - _shade(shadow, sun, sunny, rng)[..., None]) * sun.tint
    picture = blend(picture, _sky(rng, size, sky_top, sky_low), sky)
    return _camera(picture, rng)


def _draw_sun(rng: np.random.Generator, sunny: bool) -> Sun:
    dx, dy = rng.choice([-1, 1]) * rng.uniform(0.3, 1.0), rng.uniform(0.6, 1.2)
    if sunny:
        return Sun(dx, dy, rng.uniform(0.4, 0.6), 0.0015, np.array((1.07, 1.01, 0.92), np.float32) * rng.uniform(0.95, 1.1))
    return Sun(dx * 0.4, dy, rng.uniform(0.2, 0.35), 0.006, np.array((0.97, 0.99, 1.02), np.float32) * rng.uniform(0.8, 1.0))


def _draw_scene(layers: Layers, street: Street, rng: np.random.Generator) -> None:
    """Skyline, trees, houses, the street, cars: from the back to the front."""
    haze = rng.uniform(0.55, 0.8)
    for x in np.linspace(-0.1, 1.0, 7):
        grey = np.array((178, 180, 188)) * haze + rng.uniform(-14, 14)
        layers.rectangle(x, street.ground - rng.uniform(0.1, 0.28), x + 0.2, 1.0, grey)
    for x, height in street.trees:
        _tree(layers, x, street.ground, height, rng)
    for house in street.houses:
        draw_house(layers, house, draw_look(rng, house.style), rng)
    if street.ground < 1:
        pavement, asphalt = rng.uniform(140, 180), rng.uniform(80, 118)
        layers.rectangle(0, street.ground, 1, 1, np.array((1.0, 0.99, 0.97)) * pavement)
        layers.rectangle(0, street.ground + 0.02, 1, 1, np.array((0.7, 0.7, 0.7)) * pavement)
        layers.rectangle(0, street.ground + 0.027, 1, 1, np.array((1.0, 1.0, 1.02)) * asphalt)
    for x, length in street.cars:
        _car(layers, x, street.ground + 0.065, length, rng)


def _tree(layers: Layers, x: float, ground: float, height: float, rng: np.random.Generator) -> None:
    """A trunk under a crown of leaves that get lighter upwards."""
    trunk = [(x - 0.014, ground), (x - 0.007, ground - height), (x + 0.007, ground - height), (x + 0.014, ground)]
    layers.polygon(trunk, (74, 62, 52))
    green = np.array((84, 102, 58)) + rng.uniform(-16, 16, 3)
    angle, radius = rng.uniform(0, 2 * np.pi, 90), np.sqrt(np.linspace(0, 1, 90))[::-1]
    for a, r, light in zip(angle, radius, rng.uniform(0.8, 1.25, 90), strict=True):
        cx, cy = x + 0.15 * r * np.cos(a), ground - height * (0.74 - 0.3 * r * np.sin(a))
        layers.ellipse(cx, cy, 0.031, 0.026, green * light * (0.9 - 0.3 * r * np.sin(a)))


def _car(layers: Layers, x: float, ground: float, length: float, rng: np.random.Generator) -> None:
    paint = np.array(CARS[rng.integers(len(CARS))])
    a, height = x - length / 2, length * 0.36
    layers.ellipse(x, ground, length * 0.52, 0.012, (40, 40, 42))
    roof = [(0.16, 0.5), (0.3, 0.98), (0.7, 1.0), (0.86, 0.5)]
    layers.polygon([(a + length * u, ground - height * v) for u, v in roof], paint * 0.92)
    panes = [(0.22, 0.54), (0.33, 0.9), (0.67, 0.92), (0.79, 0.54)]
    layers.polygon([(a + length * u, ground - height * v) for u, v in panes], (44, 50, 56))
    body = [(0.0, 0.14), (0.02, 0.5), (0.16, 0.58), (0.86, 0.58), (0.99, 0.46), (1.0, 0.14)]
    layers.polygon([(a + length * u, ground - height * v) for u, v in body], paint)
    for u in (0.2, 0.8):
        layers.ellipse(a + length * u, ground - height * 0.13, height * 0.2, height * 0.2, (30, 30, 32))
        layers.ellipse(a + length * u, ground - height * 0.13, height * 0.1, height * 0.1, (150, 150, 152))


def _shade(shadow: np.ndarray, sun: Sun, sunny: bool, rng: np.random.Generator) -> np.ndarray:
    """How dark it is: shadows, a broad gloom in corners (light comes from the whole sky), a shadow of the houses opposite."""
    size = len(shadow)
    gloom = gaussian_filter(shadow, 0.012 * size) * 0.22
    shade = gaussian_filter(shadow, sun.softness * size)
    height, slope, opposite = rng.uniform(0.35, 0.9), rng.uniform(-0.9, 0.9), rng.random() < 0.22
    if sunny and opposite:
        axis = np.linspace(0, 1, size, dtype=np.float32)
        shade = np.maximum(shade, np.clip((axis[:, None] - height - slope * (axis - 0.5)) * 120 + 0.5, 0, 1))
    return np.minimum(shade * sun.darkness + gloom, 0.8)


def _texture(picture: np.ndarray, brick: np.ndarray, stone: np.ndarray, sky: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Joints and uneven bricks, joints of stone blocks, stains that run down all walls."""
    size = len(picture)
    course, block = rng.uniform(0.014, 0.02), rng.uniform(0.045, 0.07)
    uneven = noise(rng, size, (1 / (2.6 * course), 1 / course), octaves=1)
    picture = picture * (1 + brick * (uneven - 0.5) * 0.45)[..., None]
    fading = float(np.clip(course * size / 2 - 0.5, 0, 1))  # courses thinner than two pixels only flicker
    picture = blend(picture, MORTAR, brick * _joints(size, course, 2.6 * course, 0.2 * course) * 0.5 * fading)
    picture *= 1 - (stone * _joints(size, block, 2.2 * block, 0.007) * 0.26)[..., None]
    stains = noise(rng, size, (28, 5)) * 0.6 + noise(rng, size, 7) * 0.4
    grain = noise(rng, size, 90, octaves=1)
    return picture * (1 + (1 - sky) * ((stains - 0.5) * rng.uniform(0.15, 0.4) + (grain - 0.5) * 0.08))[..., None]


def _joints(size: int, course: float, length: float, width: float) -> np.ndarray:
    """Share of every pixel that the joints of a running bond cover, float32 (size, size): exact box filter of sharp lines."""
    rows = _stripes(size, course, width, 0.0)
    even, odd = (_stripes(size, 2 * course, course, phase) for phase in (0.0, 0.5))
    upright, shifted = (_stripes(size, length, width, phase) for phase in (0.0, 0.5))
    return np.maximum(rows[:, None], np.outer(even, upright) + np.outer(odd, shifted)).astype(np.float32)


def _stripes(size: int, pitch: float, width: float, phase: float) -> np.ndarray:
    """Share of every pixel of a row that stripes of `width` cover, which repeat every `pitch`."""
    edges = np.linspace(0, 1, size + 1) / pitch + phase
    whole = np.floor(edges)
    covered = (whole * width + np.minimum((edges - whole) * pitch, width)) * size
    return np.diff(covered)


def _reflect(picture: np.ndarray, glass: np.ndarray, sky: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Patches of sky and of the houses opposite in the window panes."""
    size = len(picture)
    patches = np.clip((noise(rng, size, 6, octaves=2) - 0.45) * 4, 0, 1)
    return blend(picture, sky * 0.85, glass * (0.08 + patches * rng.uniform(0.2, 0.7)))


def _sky(rng: np.random.Generator, size: int, top: np.ndarray, low: np.ndarray) -> np.ndarray:
    height = np.linspace(0, 1.6, size, dtype=np.float32).clip(0, 1)[:, None]
    plain = top + (low - top) * np.broadcast_to(height, (size, size))[..., None]
    clouds = np.clip((noise(rng, size, (3, 5), octaves=4) - rng.uniform(0.4, 0.65)) * 4, 0, 1)
    return blend(plain, (248, 248, 248), clouds * 0.8)


def _camera(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Uneven light over the picture, exposure, saturation, a slight blur and sensor noise."""
    size = len(picture)
    slope = rng.uniform(-0.1, 0.1, 2)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    picture = picture * (1 + slope[0] * axis[:, None] + slope[1] * axis)[..., None] * rng.uniform(0.85, 1.08)
    grey = picture.mean(-1, keepdims=True)
    picture = grey + (picture - grey) * rng.uniform(0.45, 1.0)
    picture = gaussian_filter(picture, (0.0022 * size, 0.0022 * size, 0))
    strength = rng.uniform(1.0, 3.0)
    return to_uint8(picture + strength * rng.standard_normal(picture.shape, dtype=np.float32))
