"""Shoes as product photographs on white, and their line drawings.

`plan` draws a shoe at random: a pile of flat parts. The drawing outlines the parts, each hiding what lies behind it. The
photograph fills them and takes their heights for a relief: blurred, it gives a slope at every pixel, and the slope the light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from p2p_lib.data.synthetic.canvas import Canvas, coverage, noise, to_uint8
from p2p_lib.data.synthetic.shoes_closed import boot, loafer
from p2p_lib.data.synthetic.shoes_open import pump, sandal
from p2p_lib.data.synthetic.shoes_plan import CANVAS, LEATHER, MESH, PATENT, SUEDE, Part, Shoe, Style, darker
from p2p_lib.data.synthetic.shoes_sneaker import sneaker

WHITE, INK = (255, 255, 255), (24, 24, 24)
FLATTEST = 0.5  # height of a shoe below which it is stretched, as a share of its length
LINE, THREAD = 0.0065, 0.005  # widths of drawn lines and of seams
LAMP = np.array([-0.45, -0.60, 0.66])  # direction to the light: left, up, towards the viewer
HALF_WAY = np.array([-0.247, -0.329, 0.911])  # half way between the light and the viewer, where a mirror would shine
BRIGHTEST = 246  # so that a white shoe never melts into the white ground
STEP, ROUND = 0.03, 0.14  # how far parts and the whole shoe stand out, as shares of the picture's side
KINDS = {"sneaker": sneaker, "boot": boot, "pump": pump, "loafer": loafer, "sandal": sandal}
ODDS = (0.34, 0.18, 0.18, 0.14, 0.16)
BRIGHT = (
    (196, 30, 38),
    (32, 84, 168),
    (236, 196, 40),
    (38, 140, 84),
    (236, 110, 36),
    (216, 52, 120),
    (110, 60, 160),
    (60, 170, 196),
    (206, 206, 204),
    (150, 200, 70),
    (250, 150, 160),
)
DULL = (
    (34, 34, 38),
    (96, 60, 38),
    (150, 100, 60),
    (60, 66, 86),
    (196, 164, 124),
    (120, 120, 124),
    (80, 30, 34),
    (86, 92, 70),
    (46, 34, 30),
)
SPORT_SOLES = ((236, 236, 232), (228, 220, 200), (44, 44, 46))
LEATHER_SOLES = ((40, 36, 34), (96, 66, 44), (150, 112, 74), (226, 214, 190))
LININGS = ((214, 188, 152), (92, 84, 80), (182, 176, 168), (120, 92, 70), (60, 60, 64))


@dataclass(frozen=True)
class Plan:
    """A shoe of some kind, and how it stands in the picture."""

    kind: str
    shoe: Shoe
    scale: float
    offset: tuple[float, float]
    tilt: float
    stretch: float  # of heights: flat shoes are seen more from above
    texture_seed: int

    def place(self, points: np.ndarray) -> list[list[float]]:
        """Shoe units (n, 2) to the picture; the heel stands a little further back, so higher."""
        x, y = points.T
        right, up = self.scale * x, self.scale * (self.stretch * y + self.tilt * x)
        return np.stack([self.offset[0] + right, self.offset[1] - up], -1).tolist()


def shoe(seed: int, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """A shoe as a line drawing and as a photograph.

    Parameters
    ----------
    seed : names the shoe.
    size : side of the pictures in pixels; the same seed shows the same shoe at every size.

    Returns
    -------
    edges, photo : uint8 RGB (size, size, 3); the drawing is the source, the photograph the target.
    """
    drawn = plan(seed)
    return paint_edges(drawn, size), paint_photo(drawn, size)


def plan(seed: int) -> Plan:
    """Draw a shoe at random: its kind, colours and materials, its cut, and how it stands."""
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(list(KINDS), p=ODDS))
    made = KINDS[kind](rng, _style(rng, kind))
    tilt = rng.uniform(0.0, 0.16)
    points = np.concatenate([piece.outline for piece in made.pieces if isinstance(piece, Part)])
    stretch = max(1.0, FLATTEST / np.ptp(points[:, 1])) ** 0.7
    points = np.stack([points[:, 0], stretch * points[:, 1] + tilt * points[:, 0]], -1)
    low, high = points.min(0), points.max(0)
    scale = rng.uniform(0.84, 0.92) / max(high - low)
    offset = 0.5 - scale * (low + high)[0] / 2, 0.5 + scale * (low + high)[1] / 2
    return Plan(kind, made, scale, offset, tilt, stretch, int(rng.integers(2**31)))


def _style(rng: np.random.Generator, kind: str) -> Style:
    """Colours that suit a kind of shoe: sneakers are bright and two-coloured, the others mostly of one leather."""
    bright, dull = BRIGHT[rng.integers(len(BRIGHT))], DULL[rng.integers(len(DULL))]
    sporty = kind == "sneaker"
    main = bright if rng.random() < (0.6 if sporty else 0.4) else dull
    other = BRIGHT[rng.integers(len(BRIGHT))] if rng.random() < 0.5 else DULL[rng.integers(len(DULL))]
    accent = other if rng.random() < (0.75 if sporty else 0.2) else darker(main, rng.uniform(0.7, 1.15))
    soles = SPORT_SOLES if sporty else LEATHER_SOLES
    materials = (CANVAS, MESH, LEATHER, SUEDE) if sporty else (LEATHER, LEATHER, PATENT, SUEDE)
    return Style(
        main=main,
        accent=accent,
        sole=soles[rng.integers(len(soles))],
        lace=(248, 248, 246) if rng.random() < 0.6 else other,
        lining=LININGS[rng.integers(len(LININGS))],
        thread=(236, 232, 222) if rng.random() < 0.5 else darker(main, 0.6),
        material=materials[rng.integers(len(materials))],
        trim=materials[rng.integers(len(materials))],
    )


def paint_edges(drawn: Plan, size: int) -> np.ndarray:
    """The line drawing, uint8 (size, size, 3): every part covers the lines behind it."""
    canvas = Canvas(size)
    for piece in drawn.shoe.pieces:
        if isinstance(piece, Part):
            outline = drawn.place(piece.outline)
            canvas.line([*outline, outline[0]], 2 * LINE, INK)
            canvas.polygon(outline, WHITE)
        else:
            canvas.line(drawn.place(piece), LINE, INK)
    return canvas.array()


def paint_photo(drawn: Plan, size: int) -> np.ndarray:
    """The photograph, uint8 (size, size, 3)."""
    rng = np.random.default_rng(drawn.texture_seed)
    colors, surfaces = Canvas(size), Canvas(size, (0, 0, 0))
    for piece in drawn.shoe.pieces:
        if isinstance(piece, Part):
            outline = drawn.place(piece.outline)
            colors.polygon(outline, piece.color)
            surfaces.polygon(outline, [255 * piece.height, 255 * piece.material.gloss, 255 * piece.material.grain])
        else:
            colors.line(drawn.place(piece), THREAD, drawn.shoe.thread)
    outlines = [drawn.place(piece.outline) for piece in drawn.shoe.pieces if isinstance(piece, Part)]
    cover = coverage(size, lambda mask: [mask.polygon(outline, WHITE) for outline in outlines])
    height, gloss, grain = np.moveaxis(surfaces.array().astype(np.float32) / 255, -1, 0)
    light, shine = _light(height, cover)
    texture = 1 + 0.22 * grain * (noise(rng, size, 90, 2) - 0.5) + 0.06 * (noise(rng, size, 6, 2) - 0.5)
    photo = np.minimum(colors.array() * (light * texture)[..., None] + 255 * (gloss * shine)[..., None], BRIGHTEST)
    floor = 255 * (1 - _shadow(drawn, size))[..., None]
    return to_uint8(floor * (1 - cover[..., None]) + photo * cover[..., None])


def _light(height: np.ndarray, cover: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Brightness and shine of a relief: of the steps between parts, and of the roundness of the whole shoe."""
    size = len(height)
    relief = STEP * gaussian_filter(height, 0.005 * size) + ROUND * np.sqrt(gaussian_filter(cover, 0.05 * size))
    down, right = np.gradient(relief * size)
    slope = np.stack([-right, -down, np.ones_like(down)], -1)
    slope /= np.linalg.norm(slope, axis=-1, keepdims=True)
    shine = np.clip(slope @ HALF_WAY, 0, 1) ** 18
    return 0.40 + 0.82 * np.clip(slope @ LAMP, 0, 1), shine


def _shadow(drawn: Plan, size: int) -> np.ndarray:
    """The soft shadow on the ground below the sole."""
    x = np.linspace(0, 1, 24)
    sole = np.concatenate([np.stack([x, 0.012 + 0 * x], -1), np.stack([x, -0.03 + 0 * x], -1)[::-1]])
    outline = drawn.place(sole)
    return 0.5 * gaussian_filter(coverage(size, lambda mask: mask.polygon(outline, WHITE)), 0.018 * size)
