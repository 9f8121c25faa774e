"""What labels do not tell of a house: the colours of its parts and what its walls are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_lib.data.synthetic.facades_layers import BRICK, PLAIN, STONE
from p2p_lib.data.synthetic.facades_plan import Style

# Colours as on European streets, RGB; every house takes one of them, a little off.
PLASTER = (
    (226, 203, 150), (214, 178, 110), (233, 222, 196), (205, 200, 190), (190, 160, 120), (238, 234, 226), (196, 204, 178),
    (216, 170, 150), (178, 176, 172), (222, 190, 168), (188, 196, 204), (200, 140, 84), (168, 84, 72),
)  # fmt: skip
BRICKS = ((150, 78, 62), (168, 98, 76), (118, 72, 62), (176, 142, 104), (136, 60, 50), (104, 84, 76))
TRIMS = ((236, 230, 218), (214, 202, 180), (190, 178, 158), (245, 243, 238), (170, 160, 148))
FRAMES = ((240, 238, 232), (232, 228, 218), (225, 225, 222), (96, 62, 42), (62, 66, 68), (60, 80, 66))
DOORS = ((92, 60, 40), (66, 44, 34), (58, 76, 62), (110, 44, 40), (52, 66, 88), (74, 74, 74), (128, 92, 58))
BLINDS = ((64, 92, 70), (52, 72, 62), (112, 80, 58), (120, 132, 130), (88, 110, 130), (196, 190, 174), (140, 60, 48))
ROOFS = ((92, 66, 56), (136, 80, 62), (84, 84, 88), (70, 72, 78), (110, 96, 84), (104, 128, 116))
SIGNS = ((140, 40, 36), (40, 60, 100), (44, 84, 62), (40, 40, 42), (222, 214, 196), (206, 160, 60), (92, 60, 46))


@dataclass(frozen=True)
class Look:
    """The colours and the make of one house."""

    wall: np.ndarray
    base: np.ndarray  # wall of the ground floor
    trim: np.ndarray  # moldings, cornices, sills, pillars, decoration
    frame: np.ndarray
    door: np.ndarray
    blind: np.ndarray
    roof: np.ndarray
    sign: np.ndarray
    wall_matter: tuple[int, int, int]
    base_matter: tuple[int, int, int]
    surround: float  # width of the frame around windows, as a share of theirs
    curtains: float  # share of windows that have them
    bars: tuple[int, int]  # lights of a window, across and down


def draw_look(rng: np.random.Generator, style: Style) -> Look:
    """Draw what a house of a style is made of."""
    brick = rng.random() < style.brick
    wall = _pick(rng, BRICKS if brick else PLASTER)
    trim = _pick(rng, TRIMS) if rng.random() < 0.7 else np.clip(wall * rng.choice([0.8, 1.15]), 0, 245)
    stone = rng.random() < (0.6 if style.name in ("classic", "palace") else 0.25)
    base = wall * rng.uniform(0.75, 0.95) if rng.random() < 0.5 else _pick(rng, TRIMS) * 0.85
    keep = style.name == "modern" or rng.random() < 0.25
    wall_matter = BRICK if brick else STONE if style.name == "palace" and rng.random() < 0.4 else PLAIN
    return Look(
        wall=wall,
        base=wall if keep else base,
        trim=trim,
        frame=_pick(rng, FRAMES),
        door=_pick(rng, DOORS),
        blind=_pick(rng, BLINDS),
        roof=_pick(rng, ROOFS),
        sign=_pick(rng, SIGNS),
        wall_matter=wall_matter,
        base_matter=wall_matter if keep else STONE if stone else PLAIN,
        surround=rng.uniform(0.1, 0.18) * (rng.random() < 0.55),
        curtains=rng.uniform(0.1, 0.8),
        bars=((2, 2), (2, 3), (1, 2), (2, 1), (3, 2))[rng.integers(5)],
    )


def _pick(rng: np.random.Generator, colors: tuple) -> np.ndarray:
    """One of the colours, a little lighter or darker and a little off."""
    return np.clip(np.array(colors[rng.integers(len(colors))]) * rng.uniform(0.88, 1.1) + rng.uniform(-7, 7, 3), 10, 248)
