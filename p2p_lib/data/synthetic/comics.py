"""Cartoon frames for colouring line art: big-eyed characters before simple backgrounds, flat colours, cel shadows.

A frame is one list of shapes. A shape knows its outline, which part of the drawing it belongs to ("hair", "sky", ...) and
whether it is lit, but no colour: the colour picture looks parts up in a palette, line art paints them white, manga prints
them in the tones of `comics_tones`.

Plan and palette come from two generators spawned from the seed, so line art tells nothing about the colours.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from p2p_lib.data.synthetic.canvas import Color
from p2p_lib.data.synthetic.comics_people import Character, draw_character, plan_character
from p2p_lib.data.synthetic.comics_places import BACKGROUNDS
from p2p_lib.data.synthetic.comics_shapes import INK, SHADE, Pen, Shape, View, blank, render, square
from p2p_lib.data.synthetic.comics_tones import Printing, draw_printing, effect_lines, inked


def scene(rng: np.random.Generator, act: Callable[[str, Character], Character] | None = None) -> list[Shape]:
    """Draw a plan and lay out its shapes, farthest first; `act(owner, character)` may change the figures "a" and "b"."""
    shapes: list[Shape] = []
    pen = Pen(shapes, light=float(rng.choice((-1, 1))))
    BACKGROUNDS[rng.choice(len(BACKGROUNDS), p=(0.26, 0.22, 0.16, 0.26, 0.1))](pen, rng)
    shot = rng.choice(("close", "bust", "half", "two"), p=(0.25, 0.35, 0.15, 0.25))
    if shot == "two":
        places = [(0.27, rng.uniform(0.42, 0.52), 0.165), (0.73, rng.uniform(0.42, 0.52), 0.165)]
    else:
        unit = {"close": 0.27, "bust": 0.2, "half": 0.14}[shot]
        places = [(0.5 + rng.normal(0, 0.06), 0.28 + 0.85 * unit, unit)]
    for owner, place in zip("ab", places, strict=False):
        figure = plan_character(rng, *place)
        draw_character(replace(pen, owner=f"{owner}."), act(owner, figure) if act else figure)
    return shapes


SKINS = ((255, 226, 204), (250, 212, 182), (236, 188, 150), (206, 150, 110), (160, 108, 78), (116, 76, 56))
NATURAL_HAIRS = ((52, 44, 56), (96, 62, 44), (150, 92, 52), (236, 196, 110), (196, 72, 48))
CARTOON_HAIRS = ((240, 150, 180), (96, 140, 210), (130, 190, 150), (160, 120, 190), (214, 214, 226))
HAIRS = (*NATURAL_HAIRS, *CARTOON_HAIRS)
HOURS = (  # sky, sun, clouds, and what the light does to everything else of the background
    ((140, 200, 240), (255, 238, 150), (255, 255, 255), (1.0, 1.0, 1.0)),
    ((250, 178, 130), (255, 226, 150), (255, 222, 206), (1.0, 0.86, 0.84)),
    ((62, 74, 128), (250, 246, 214), (120, 130, 176), (0.62, 0.66, 0.86)),
    ((186, 214, 222), (250, 240, 200), (246, 246, 246), (0.92, 0.95, 0.97)),
)
BACKDROP = {
    "far": (150, 190, 190),
    "ground": (150, 200, 120),
    "grass": (110, 176, 96),
    "leaf": (92, 160, 92),
    "wood": (170, 122, 86),
    "road": (176, 176, 184),
    "window": (198, 226, 240),
    "floor": (196, 156, 116),
}


def draw_palette(rng: np.random.Generator) -> dict[str, Color]:
    """Draw the colour of every part."""
    sky_color, sun, cloud, light = HOURS[rng.integers(len(HOURS))]
    palette = {"sky": sky_color, "sun": sun, "cloud": cloud, "ink": INK}
    for part in ("wall", "curtain", "house1", "house2", "house3"):
        palette[part] = np.multiply(_hue(rng, (0.12, 0.4), (0.78, 0.98)), light)
    for part, color in BACKDROP.items():
        palette[part] = np.multiply(color, light) + rng.normal(0, 8, 3)
    for owner in "ab":
        skin = np.array(SKINS[rng.integers(len(SKINS))], float)
        person = {"skin": skin, "blush": skin * (1.0, 0.78, 0.76), "mouth": (150, 50, 56), "tongue": (236, 130, 130)}
        person |= {"hair": np.array(HAIRS[rng.integers(len(HAIRS))]) + rng.normal(0, 8, 3), "pupil": INK, "white": (252,) * 3}
        person |= {part: _hue(rng, (0.25, 0.62), (0.45, 0.95)) for part in ("iris", "top", "trim", "accent")}
        palette |= {f"{owner}.{part}": color for part, color in person.items()}
    return palette


def _hue(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> Color:
    return tuple(255 * v for v in colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value)))


def lit(shape: Shape, palette: dict[str, Color]) -> np.ndarray:
    """The colour of a shape: its part's, darker in a cel shadow, paler in a highlight."""
    color = np.array(palette[shape.part], float)
    return color * SHADE if shape.tone < 0 else color + 0.3 * shape.tone * (255 - color)


def drawn(shapes: list[Shape], palette: dict[str, Color], view: View) -> tuple[np.ndarray, np.ndarray]:
    """Shapes as clean black lines and in flat colours, uint8 (H, W, 3) each."""
    line_art = render(shapes, view, blank)
    return line_art, np.minimum(line_art, render(shapes, view, lambda shape: lit(shape, palette)))  # no shadow may cover a line


def printed(shapes: list[Shape], palette: dict[str, Color], view: View, how: Printing) -> np.ndarray:
    """Shapes as on a manga page, uint8 (H, W, 3)."""
    return inked(shapes, palette, replace(view, swell=how.swell), how)


def frame(seed: int, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """A cartoon frame as clean black lines and in flat colours.

    Returns
    -------
    (line_art, colour) : uint8 (size, size, 3) each; every line of the first is in the second.
    """
    plan_rng, color_rng = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
    return drawn(scene(plan_rng), draw_palette(color_rng), square(size))


def manga(seed: int, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """A cartoon frame as a manga page would print it and in flat colours: the scene and the colours of ``frame(seed, size)``.

    Some have focus or speed lines behind the figures, in both pictures.

    Returns
    -------
    (manga, colour) : uint8 (size, size, 3) each; the channels of the first are equal.
    """
    plan_rng, color_rng, print_rng = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3))
    shapes, palette = scene(plan_rng), draw_palette(color_rng)
    how = draw_printing(print_rng, pitch=3.0 * max(1.0, size / 128) ** 0.4)
    shapes = with_effects(shapes, print_rng)
    return printed(shapes, palette, square(size), how), drawn(shapes, palette, square(size))[1]


def with_effects(shapes: list[Shape], rng: np.random.Generator) -> list[Shape]:
    """A scene, in one of six cases with focus or speed lines between background and figures."""
    if rng.random() > 1 / 6:
        return shapes
    first = next(index for index, shape in enumerate(shapes) if "." in shape.part)
    (left, top), (right, bottom) = face_box(shapes)
    lines = effect_lines(rng, ((left + right) / 2, (top + bottom) / 2), 0.75 * (right - left))
    return shapes[:first] + lines + shapes[first:]


def face_box(shapes: list[Shape]) -> np.ndarray:
    """The corners ((left, top), (right, bottom)) of what holds every face, in units; every face has cheeks."""
    boxes = []
    for owner in ("a.blush", "b.blush"):
        cheeks = [shape.points for shape in shapes if shape.part == owner]
        if cheeks:
            low, high = np.vstack(cheeks).min(0), np.vstack(cheeks).max(0)
            boxes.append((low, high) + np.array(((-0.3, -0.9), (0.3, 0.4))) * (high[0] - low[0]))
    return np.array((np.min([low for low, _ in boxes], 0), np.max([high for _, high in boxes], 0)))
