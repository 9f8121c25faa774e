"""Who sits for a portrait: its geometry and, drawn independently, its colours."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from p2p_lib.data.synthetic.canvas import Color


@dataclass(frozen=True)
class Hair:
    """A hair style; lengths in units of half a face's width, y downwards from the eyes."""

    volume: float  # how far it stands off the skull
    rough: float  # how curly its outline is
    hairline: float  # height over the middle of the forehead
    length: float  # where it ends at the sides
    cover: float = 0.95  # opacity
    bun: bool = False


STYLES = {
    "bald": Hair(0.0, 0.0, -1.0, 0.0, 0.0),
    "buzz": Hair(0.03, 0.0, -0.86, 0.02, 0.6),
    "short": Hair(0.14, 0.01, -0.72, 0.14),
    "quiff": Hair(0.30, 0.02, -0.84, 0.10),
    "curly": Hair(0.30, 0.05, -0.66, 0.20),
    "afro": Hair(0.62, 0.03, -0.74, 0.45),
    "fringe": Hair(0.20, 0.01, -0.42, 1.25),
    "bob": Hair(0.22, 0.01, -0.80, 1.20),
    "long": Hair(0.20, 0.02, -0.82, 2.30),
    "bun": Hair(0.08, 0.0, -0.84, 0.05, bun=True),
}
COLLARS = ("crew", "shirt", "suit", "turtle", "vneck")
BEARDS, GLASSES = ("none", "stubble", "moustache", "full"), ("none", "round", "square")


@dataclass(frozen=True)
class Geometry:
    """Everything about a portrait but its colours; unnamed units are shares of half a face's width."""

    x: float
    y: float
    unit: float  # half a face's width, share of the picture's side
    tilt: float  # radians
    turn: float  # -1: to the left, 1: to the right
    light: float  # -1: from the left, 1: from the right
    jaw: float
    chin: float
    eye_gap: float
    eye_width: float
    eye_height: float
    eye_slant: float
    brow_height: float
    brow_weight: float
    nose_length: float
    nose_width: float
    mouth_width: float
    lips: float
    smile: float
    neck: float
    shoulders: float
    style: str
    volume: float  # factor on the style's
    parting: float
    wave: float
    beard: str
    glasses: str
    collar: str
    texture: int  # seed of strands, folds and grain

    @property
    def mouth(self) -> float:
        """How far the mouth is below the eyes."""
        return self.nose_length + 0.34


@dataclass(frozen=True)
class Colors:
    """The colours of a portrait, RGB; `warmth` shifts the light from cool (-1) to warm (1)."""

    skin: Color
    hair: Color
    iris: Color
    lips: Color
    garment: Color
    accent: Color
    frame: Color  # of the glasses
    background: Color
    warmth: float


def draw_geometry(rng: np.random.Generator) -> Geometry:
    """Draw the shape of a face, its hair, clothes and light."""
    style = str(rng.choice(list(STYLES)))
    shaven = STYLES[style].length > 0.5  # no beards under long hair: rare enough to look like a mistake
    return Geometry(
        x=0.5 + rng.normal(0, 0.01),
        y=0.45 + rng.normal(0, 0.012),
        unit=rng.uniform(0.172, 0.196),
        tilt=rng.normal(0, 0.035),
        turn=rng.uniform(-1, 1),
        light=rng.choice((-1, 1)) * rng.uniform(0.25, 1.0),
        jaw=rng.uniform(0.86, 1.06),
        chin=rng.uniform(1.2, 1.38),
        eye_gap=rng.uniform(0.39, 0.45),
        eye_width=rng.uniform(0.19, 0.23),
        eye_height=rng.uniform(0.085, 0.125),
        eye_slant=rng.uniform(-0.03, 0.04),
        brow_height=rng.uniform(0.23, 0.31),
        brow_weight=rng.uniform(0.028, 0.06),
        nose_length=rng.uniform(0.46, 0.58),
        nose_width=rng.uniform(0.15, 0.23),
        mouth_width=rng.uniform(0.28, 0.4),
        lips=rng.uniform(0.05, 0.1),
        smile=rng.uniform(0.01, 0.17),
        neck=rng.uniform(0.45, 0.62),
        shoulders=rng.uniform(1.75, 2.2),
        style=style,
        volume=rng.uniform(0.75, 1.3),
        parting=rng.uniform(-0.6, 0.6),
        wave=rng.uniform(0, 1),
        beard="none" if shaven else str(rng.choice(BEARDS, p=(0.5, 0.18, 0.12, 0.2))),
        glasses=str(rng.choice(GLASSES, p=(0.74, 0.13, 0.13))),
        collar=str(rng.choice(COLLARS)),
        texture=int(rng.integers(2**31)),
    )


# Skin by the amount of melanin
SKIN = np.array(((250, 222, 204), (238, 196, 168), (214, 162, 124), (168, 114, 80), (120, 78, 56), (82, 54, 42)))
YOUNG_HAIR = ((34, 30, 32), (62, 44, 36), (104, 70, 46), (150, 104, 62), (206, 168, 106), (150, 66, 36))
HAIR = (*YOUNG_HAIR, (178, 176, 174), (226, 220, 210))
IRIS = ((84, 54, 34), (112, 76, 44), (104, 116, 66), (84, 120, 150), (110, 130, 140), (60, 40, 30))


def draw_colors(rng: np.random.Generator) -> Colors:
    """Draw the colours of a portrait: skin along the scale of melanin, clothes and background of any hue."""
    melanin = rng.uniform(0, len(SKIN) - 1)
    skin = np.array([np.interp(melanin, range(len(SKIN)), channel) for channel in SKIN.T]) + rng.normal(0, 4, 3)
    rouge = rng.uniform(0.1, 0.6)
    return Colors(
        skin=tuple(skin),
        hair=tuple(np.array(HAIR[rng.integers(len(HAIR))]) + rng.normal(0, 8) + rng.normal(0, 4, 3)),
        iris=tuple(np.array(IRIS[rng.integers(len(IRIS))]) + rng.normal(0, 8, 3)),
        lips=tuple(skin * (1 - rouge) * (0.9, 0.68, 0.66) + rouge * np.array((188, 62, 70))),
        garment=_hue(rng, (0.1, 0.65), (0.15, 0.9)),
        accent=_hue(rng, (0.0, 0.8), (0.3, 0.98)),
        frame=_hue(rng, (0.1, 0.7), (0.08, 0.4)),
        background=_hue(rng, (0.05, 0.42), (0.5, 0.97)),
        warmth=rng.uniform(-1, 1),
    )


def _hue(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> Color:
    return tuple(255 * v for v in colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value)))
