"""Speech balloons: a white body with a tail and a black outline, and lettering that looks like lines of text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from p2p_lib.data.synthetic.canvas import SUPERSAMPLING
from p2p_lib.data.synthetic.comics_tones import BLACK

SYLLABLES = (
    "KA",
    "NO",
    "RE",
    "MI",
    "TO",
    "SU",
    "HA",
    "LI",
    "WEN",
    "TAR",
    "OK",
    "BE",
    "DO",
    "YOU",
    "GI",
    "NA",
    "MO",
    "SHE",
    "LA",
    "ZU",
)
ENDS = (".", "!", "?", "...", "?!", "")


@dataclass(frozen=True)
class Balloon:
    """One balloon, lengths in pixels."""

    x: float  # centre of its body
    y: float
    rx: float  # half its width and height, outline not counted
    ry: float
    kind: str  # "ellipse", "box" or "shout"
    tip: tuple[float, float]  # where the tail points
    lines: tuple[str, ...]
    letter: int  # size of the font
    outline: float  # width


def write(rng: np.random.Generator) -> tuple[str, ...]:
    """One to four lines of made-up words."""
    count = int(rng.integers(1, 5))

    def word() -> str:
        return "".join(rng.choice(SYLLABLES, rng.integers(1, 4)))

    lines = [" ".join(word() for _ in range(rng.integers(1, 3))) for _ in range(count)]
    lines[-1] += str(rng.choice(ENDS))
    return tuple(lines)


def plan_balloon(rng: np.random.Generator, letter: int, outline: float) -> Balloon:
    """A balloon at (0, 0) that fits its text."""
    lines = write(rng)
    half_width, half_height = max(_length(line, letter) for line in lines) / 2, 0.6 * letter * len(lines)
    kind = str(rng.choice(("ellipse", "box", "shout"), p=(0.6, 0.25, 0.15)))
    grow, pad = (1.05, 0.7) if kind == "box" else (1.3, 0.6)
    return Balloon(0, 0, grow * half_width + pad * letter, grow * half_height + pad * letter, kind, (0, 0), lines, letter, outline)


def stamp(pictures: list[np.ndarray], mask: np.ndarray, balloon: Balloon) -> None:
    """Draw a balloon into every picture, uint8 (H, W, 3), in place, and mark its white in `mask`, bool (H, W)."""
    top, left, bottom, right = _patch(balloon, mask.shape)
    spot = np.s_[top:bottom, left:right]
    outer, inner = (_cover(balloon, edge, (top, left, bottom, right))[..., None] for edge in (balloon.outline, 0))
    text = _lettering(balloon, (top, left, bottom, right))[..., None]
    for picture in pictures:
        over = picture[spot] * (1 - outer) + BLACK * outer
        over = over * (1 - inner) + 255 * inner
        picture[spot] = np.rint(over * (1 - text) + BLACK * text).astype(np.uint8)
    mask[spot] &= outer[..., 0] == 0
    mask[spot] |= inner[..., 0] == 1


def _patch(balloon: Balloon, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """The rectangle (top, left, bottom, right) that holds a balloon, cut to the page."""
    points = np.vstack(_outlines(balloon, balloon.outline))
    low, high = np.floor(points.min(0)).astype(int) - 1, np.ceil(points.max(0)).astype(int) + 2
    return (*np.maximum(low, 0)[::-1].tolist(), *np.minimum(high[::-1], shape).tolist())


def _outlines(balloon: Balloon, edge: float) -> tuple[np.ndarray, np.ndarray]:
    """A balloon's body (N, 2) and its tail (3, 2), both grown by `edge` pixels."""
    return _body(balloon, edge), _tail(balloon, edge)


def _body(balloon: Balloon, edge: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 144, endpoint=False)
    power = 2 / 5 if balloon.kind == "box" else 1.0  # a superellipse with the power of 5 is a box with round corners
    x, y = (np.sign(wave) * np.abs(wave) ** power for wave in (np.cos(angle), np.sin(angle)))
    reach = np.ones(144)
    if balloon.kind == "shout":
        reach, edge = 1 + 0.07 * np.clip(np.abs(np.arange(144) % 8 - 4) - 2, 0, 2), 2 * edge  # to be as wide on steep sides
    return np.stack((balloon.x + (balloon.rx * reach + edge) * x, balloon.y + (balloon.ry * reach + edge) * y), 1)


def _tail(balloon: Balloon, edge: float) -> np.ndarray:
    center, tip = np.array((balloon.x, balloon.y)), np.array(balloon.tip)
    length, half = np.hypot(*(tip - center)) + 1e-9, 0.3 * min(balloon.rx, balloon.ry)
    way = (tip - center) / length
    grown = np.hypot(length, half) * edge  # over the triangle's sides: how far its corners go out with them
    side = np.array((-way[1], way[0])) * (half + grown / length)
    return np.array((center + side, tip + way * grown / half, center - side))


def _cover(balloon: Balloon, edge: float, patch: tuple[int, int, int, int]) -> np.ndarray:
    """The share of every pixel of a patch that a balloon covers, float64 (h, w) in [0, 1]."""
    top, left, bottom, right = patch
    image = Image.new("L", ((right - left) * SUPERSAMPLING, (bottom - top) * SUPERSAMPLING), 0)
    draw = ImageDraw.Draw(image)
    for outline in _outlines(balloon, edge):
        draw.polygon([tuple(p) for p in ((outline - (left, top)) * SUPERSAMPLING).tolist()], fill=255)
    return np.asarray(image.reduce(SUPERSAMPLING)) / 255


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _length(text: str, size: int) -> int:
    return sum(round(_font(size).getlength(letter)) for letter in text)


def _lettering(balloon: Balloon, patch: tuple[int, int, int, int]) -> np.ndarray:
    """The share of every pixel of a patch that letters cover, float64 (h, w) in [0, 1].

    Letters are set one by one at whole pixels: how a font's pairs are kerned depends on the machine.
    """
    top, left, bottom, right = patch
    image = Image.new("L", (right - left, bottom - top), 0)
    draw = ImageDraw.Draw(image)
    y = round(balloon.y - 0.6 * balloon.letter * len(balloon.lines)) - top
    for number, line in enumerate(balloon.lines):
        x = round(balloon.x - _length(line, balloon.letter) / 2) - left
        for letter in line:
            draw.text((x, y + round(1.2 * number * balloon.letter)), letter, fill=255, font=_font(balloon.letter))
            x += round(_font(balloon.letter).getlength(letter))
    return np.asarray(image) / 255
