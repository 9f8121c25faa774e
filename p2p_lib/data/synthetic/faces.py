"""Portraits in the manner of an ID photograph and the pencil sketches they could have been drawn from.

What a face looks like is split in two. `Geometry` says where everything is and where light falls; `Colors` says the colour of
skin, hair, clothes, background and light. The two are drawn from independent generators, and the sketch is made from the
geometry alone: nothing in it tells the colours, so every `Colors` is an equally right answer to a sketch.

A portrait is a list of layers (mask, part, light). The photograph composites it with the colours of a person, the sketch
with one neutral palette, and then keeps only its edges and a little hatching.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from p2p_lib.data.synthetic.canvas import blend, noise, to_uint8
from p2p_lib.data.synthetic.faces_layers import Layer
from p2p_lib.data.synthetic.faces_parts import layers
from p2p_lib.data.synthetic.faces_plan import Colors, draw_colors, draw_geometry

# What a pencil sees: the same for everybody
NEUTRAL = Colors((236,) * 3, (128,) * 3, (110,) * 3, (176,) * 3, (170,) * 3, (215,) * 3, (60,) * 3, (252,) * 3, 0.0)


def photograph(sheets: list[Layer], colors: Colors) -> np.ndarray:
    """Layers in the colours of a person, float32 (size, size, 3) in 0..255."""
    palette = {field.name: getattr(colors, field.name) for field in fields(colors)}
    palette |= {"white": (246, 244, 242), "dark": np.multiply(colors.skin, (0.26, 0.2, 0.2))}
    picture = np.zeros((*sheets[0].mask.shape, 3), np.float32)
    for sheet in sheets:
        light = np.broadcast_to(sheet.light, sheet.mask.shape)[..., None]
        picture = blend(picture, np.clip(np.array(palette[sheet.part], np.float32) * light, 0, 255), sheet.mask)
    return picture * np.array((1 + 0.05 * colors.warmth, 1.0, 1 - 0.07 * colors.warmth), np.float32)


def regions(seed: int, size: int = 128) -> dict[str, np.ndarray]:
    """Where the parts of `portrait(seed, size)` are seen, by their names ("background", "hair", "skin", ...).

    Each is float32 (size, size) in [0, 1], the share of the part in every pixel; all together they add up to 1.
    """
    shape_rng, _ = _generators(seed)
    seen: dict[str, np.ndarray] = {}
    for sheet in layers(draw_geometry(shape_rng), size):
        seen = {part: share * (1 - sheet.mask) for part, share in seen.items()}
        seen[sheet.part] = seen.get(sheet.part, 0) + sheet.mask.astype(np.float32)
    return seen


def sketch(sheets: list[Layer], rng: np.random.Generator) -> np.ndarray:
    """Pencil lines where the neutral picture has edges, light hatching where it is in shadow; float32 (size, size)."""
    from scipy.ndimage import gaussian_filter

    gray = photograph(sheets, NEUTRAL)[..., 0]
    size = len(gray)
    fine, wide = gaussian_filter(gray, 0.0035 * size), gaussian_filter(gray, 0.009 * size)
    lines = np.clip((wide - fine) * 0.035, 0, 1)
    hatching = 0.5 + 0.5 * noise(rng, size, (80, 30), 1)
    shade = np.clip(1 - gaussian_filter(gray, 0.012 * size) / 245, 0, 1) * hatching
    return 252 * (1 - 0.8 * lines) * (1 - 0.5 * shade)


def portrait(seed: int, size: int = 128, *, colors: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A pencil sketch and the photograph of the same face; `colors` is a seed too, for the same face in the colours of another.

    Returns
    -------
    (sketch, photo) : uint8 (size, size, 3) each; the three channels of the sketch are equal.
    """
    shape_rng, color_rng = _generators(seed)[0], _generators(seed if colors is None else colors)[1]
    geometry = draw_geometry(shape_rng)
    sheets = layers(geometry, size)
    pencil = sketch(sheets, np.random.default_rng(geometry.texture))
    return to_uint8(np.repeat(pencil[..., None], 3, axis=2)), to_uint8(photograph(sheets, draw_colors(color_rng)))


def _generators(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """What a portrait's geometry and its colours are drawn from."""
    shape, color = np.random.SeedSequence(seed).spawn(2)
    return np.random.default_rng(shape), np.random.default_rng(color)
