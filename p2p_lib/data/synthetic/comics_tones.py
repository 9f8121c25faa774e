"""A third rendering of cartoon frames, the one of a manga page: ink, solid black, screentone and hatching on white paper.

Manga is printed in one ink, so gray is a matter of dots. Adhesive sheets of dots in a few densities were laid on a whole area
at a time, their rows at 45 degrees where the eye notices them least; shadows were toned or hatched by hand; dark hair was
spotted solid black. Scans at low resolution show the dots as flat gray. McCloud 1993, Understanding Comics, chapters 5 and 8,
shows what such marks do; Ulichney 1987, Digital Halftoning, section 5, derives the dots.

A picture is drawn as a map of tones, one number an area. Every screen is then a height field over the pixels, and an area of
coverage c gets ink where the field is among its highest share c.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageChops

from p2p_lib.data.synthetic.canvas import SUPERSAMPLING, Color
from p2p_lib.data.synthetic.comics_shapes import FLAT, LINE, Pen, Shape, View, blank, paint

BLACK = 26  # printed ink, as bright as the ink of the colour picture
DENSITIES = (0.0, 0.08, 0.16, 0.25, 0.36, 0.5, 1.0)  # the sheets in the artist's drawer
PLACES = ("sky", "wall", "far", "ground", "grass", "floor", "road", "house1", "house2", "house3", "curtain", "wood", "sun")
CLOTHES = ("top", "trim", "accent")

Tone = tuple[str, float]  # a screen and the share of the paper that it inks


@dataclass(frozen=True)
class Printing:
    """How one artist tones a panel."""

    pitch: float  # from dot to dot, in pixels
    flat: bool  # a scan too coarse for the dots: gray instead
    spot: float  # what is darker than this luma is solid black, in
    spotted: frozenset[str]  # these parts
    shadow: str  # "dots", "hatch" or "none"
    bare: bool  # a background without tones
    hatched: frozenset[str]  # parts of the background shaded with the pen
    white: frozenset[str]  # parts left white
    slant: float  # of the hatching, in radians
    swell: float  # of the lines


def draw_printing(rng: np.random.Generator, pitch: float) -> Printing:
    """Draw an artist's habits; `pitch` is the usual distance of dots in pixels."""

    def some(parts: tuple[str, ...], chance: float) -> frozenset[str]:
        return frozenset(part for part in parts if rng.random() < chance)

    return Printing(
        pitch=pitch * rng.uniform(0.85, 1.35),
        flat=bool(rng.random() < 0.2),
        spot=rng.uniform(0.26, 0.42),
        spotted=some(("hair",), 0.85) | some((*CLOTHES, *PLACES), 0.4) | {"mouth", "iris"},
        shadow=str(rng.choice(("dots", "hatch", "none"), p=(0.5, 0.35, 0.15))),
        bare=bool(rng.random() < 0.25),
        hatched=some(PLACES, 0.15),
        white=some((*CLOTHES, *PLACES), 0.12),
        slant=float(rng.choice((-1, 1))) * rng.uniform(0.6, 1.1),
        swell=rng.uniform(0.3, 0.9),
    )


def luma(color: Color) -> float:
    """How bright an RGB colour in 0..255 looks, in [0, 1] (ITU-R BT.601)."""
    return float(np.dot(color, (0.299, 0.587, 0.114)) / 255)


def density(brightness: float) -> float:
    """The sheet for an area: the darker, the denser, but paler than the thing itself, as white paper is part of the style."""
    wanted = max(0.0, 0.72 * (0.86 - brightness))
    return min(DENSITIES[:-1], key=lambda sheet: abs(sheet - wanted))


def tone_of(shape: Shape, color: Color, how: Printing) -> Tone | None:
    """The tone of an area whose part has this colour; None where the artist draws nothing."""
    part, place = shape.part.split(".")[-1], "." not in shape.part
    if part in ("ink", "pupil"):
        return "solid", 1.0
    if part in FLAT:
        return ("hatch", 0.25) if how.shadow == "hatch" else None
    if part == "iris" and shape.tone < 0:
        return "solid", 1.0
    base, solid = _plain(part, luma(color), how, place)
    if shape.tone > 0:
        return "dots", 0.0 if part == "hair" else max(0.0, base - 0.12)
    if shape.tone < 0 and not solid:
        return _shaded(base, how)
    return ("solid", 1.0) if solid else ("cross" if place and part in how.hatched and base > 0.2 else "dots", base)


def _plain(part: str, brightness: float, how: Printing, place: bool) -> tuple[float, bool]:
    """Density of a part in full light, and whether it is solid black."""
    if part in how.white or part in ("white", "cloud") or (place and how.bare):
        return 0.0, False
    if part == "skin":
        return density(brightness + 0.28), False
    return density(brightness), brightness < how.spot and part in how.spotted


def _shaded(base: float, how: Printing) -> Tone | None:
    if how.shadow == "none":
        return None
    if how.shadow == "hatch":
        return ("hatch", 0.3) if base < 0.2 else ("cross", min(0.65, base + 0.25))
    return "dots", min(0.6, base + 0.16)


def _waves(height: int, width: int, across: float, down: float) -> tuple[np.ndarray, ...]:
    """Cosine and sine of a plane wave's two phases, in whole steps so that every machine agrees: columns, then rows."""
    x, y = 2 * np.pi * across * np.arange(width)[None], 2 * np.pi * down * np.arange(height)[:, None]
    return tuple(np.rint(127 * wave).astype(np.int16) for wave in (np.cos(x), np.sin(x), np.cos(y), np.sin(y)))


def screen(kind: str, height: int, width: int, pitch: float, slant: float = 0.0) -> np.ndarray:
    """The height field of a screen, int16 (height, width) in +-127 ** 2: ink comes first where it is highest.

    kind : "dots", in rows at 45 degrees and `pitch` pixels apart; "hatch", lines of a slope `slant`; "cross", two ways of them.
    """
    if kind == "dots":  # the product of a wave across and one down is highest on a chequerboard: a grid turned by 45 degrees
        frequency = 1 / (2**0.5 * pitch)
        columns, _, rows, _ = _waves(height, width, frequency, frequency)
        return columns * rows
    across, down = np.cos(slant) / pitch, np.sin(slant) / pitch
    columns, column_sines, rows, row_sines = _waves(height, width, across, down)
    cosines, sines = columns * rows, column_sines * row_sines
    return cosines - sines if kind == "hatch" else np.maximum(cosines - sines, cosines + sines)


def print_tones(tones: np.ndarray, table: list[Tone], how: Printing) -> np.ndarray:
    """Ink, bool: a map of tones (H, W), numbers of rows of `table`, through the screens.

    Hatching is coarser than dots, and its lines get closer where it is denser.
    """
    ink = np.zeros(tones.shape, bool)
    pitch = SUPERSAMPLING * how.pitch
    for number in np.unique(tones):
        kind, share = table[number]
        if kind == "solid":
            ink |= tones == number
        elif share:
            spacing = pitch if kind == "dots" else pitch * 0.45 / share**0.7
            rows, columns = np.nonzero((tones == number).any(1))[0], np.nonzero((tones == number).any(0))[0]
            spot = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            sheet = screen(kind, *tones[spot].shape, spacing, how.slant)
            ink[spot] |= (tones[spot] == number) & (sheet > _threshold(kind, share))
    return ink


@cache
def _threshold(kind: str, share: float) -> int:
    """The height that a share of a screen exceeds."""
    if kind == "dots":
        return int(np.quantile(screen("dots", 128, 128, 2**0.5 * 64), 1 - share))  # one period
    once = 1 - (1 - share) ** 0.5 if kind == "cross" else share  # where lines cross they share their ink
    return round(127**2 * float(np.cos(np.pi * once)))


def inked(shapes: list[Shape], palette: dict[str, Color], view: View, how: Printing) -> np.ndarray:
    """The shapes as printed in manga, uint8 (H, W, 3), all channels equal; `palette` has the colour of every part."""
    table: list[Tone] = [("dots", 0.0), ("solid", 1.0)]

    def number(shape: Shape) -> int | None:
        tone = tone_of(shape, palette[shape.part], how)
        if tone and tone not in table:
            table.append(tone)
        return table.index(tone) if tone else None

    tones = np.asarray(paint(shapes, view, number, 0, 1))
    lines = paint(shapes, view, lambda shape: _gray(blank(shape)), 255, BLACK)
    if how.flat:
        shares = np.array([share for _, share in table])
        gray = np.rint(255 - (255 - BLACK) * shares).astype(np.uint8)[tones]
    else:
        gray = np.where(print_tones(tones, table, how), np.uint8(BLACK), np.uint8(255))
    page = ImageChops.darker(Image.fromarray(gray), lines)  # no shadow may cover a line
    page = page.reduce(SUPERSAMPLING)
    return np.repeat(np.asarray(page)[..., None], 3, 2)


def _gray(color: Color | None) -> int | None:
    return None if color is None else 255 if luma(color) > 0.5 else BLACK


def effect_lines(rng: np.random.Generator, center: tuple[float, float], free: float) -> list[Shape]:
    """Focus lines towards a centre that stay out of a circle of radius `free`, or speed lines across the picture."""
    shapes: list[Shape] = []
    pen = Pen(shapes)
    if rng.random() < 0.3:
        for y in rng.uniform(-0.1, 1.1, 40):
            x, length, wide = rng.uniform(-0.3, 0.9), rng.uniform(0.2, 0.9), rng.uniform(0.1, 0.4) * LINE
            pen.fill(((x, y), (x + length / 2, y - wide), (x + length, y), (x + length / 2, y + wide)), "ink", 0.0)
        return shapes
    count = int(rng.integers(50, 90))
    for angle in np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.normal(0, 0.02, count):
        start, wide = free * rng.uniform(1.0, 1.5), rng.uniform(0.003, 0.02)
        way = np.array(((np.cos(angle), np.sin(angle)), (np.cos(angle + wide), np.sin(angle + wide))))
        pen.fill(np.add((start * way[0], 1.6 * way[0], 1.6 * way[1]), center), "ink", 0.0)
    return shapes
