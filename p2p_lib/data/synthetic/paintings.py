"""Two procedural painters for colouring tasks: an impressionist and a suprematist.

`monet` lays down an underpainting of a landscape and covers it with layers of ever smaller brush strokes. A stroke takes the
colour that the underpainting has at its centre, shifted at random: patches of broken colour which the eye mixes.
`malevich` places plain shapes along one slanted axis of an off-white canvas.

The underpainting has a fixed size and strokes live on the unit square, so a seed shows the same scene at every size.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from p2p_lib.data.synthetic.canvas import Canvas, noise, to_uint8
from p2p_lib.data.synthetic.paintings_landscape import Strokes, Underpainting
from p2p_lib.data.synthetic.paintings_motifs import plan_landscape
from p2p_lib.data.synthetic.paintings_slabs import plan_composition

OVERSIZE = 2  # strokes are laid on a canvas this many times larger
BRISTLES = 5  # streaks a brush leaves, each with its own shade and ragged ends
# (strokes across the picture, half length, half width, colour shift) of every layer, coarse to fine
LAYERS = ((18, 0.085, 0.030, 10), (34, 0.046, 0.014, 15), (56, 0.029, 0.0080, 15), (84, 0.018, 0.0050, 13))
# Directions in which a painter strays from a local colour: warm - cool, green - violet, light - dark
STRAYING = np.array([(0.9, 0.15, -1.0), (-0.6, 0.7, -0.5), (0.5, 0.5, 0.5)])


def monet(seed: int, size: int = 256) -> np.ndarray:
    """An impressionist landscape, uint8 (size, size, 3)."""
    plan = plan_landscape(np.random.default_rng(seed))
    under = Underpainting(plan)
    plan.motif(under)
    side, rng = size * OVERSIZE, np.random.default_rng(plan.texture + 1)
    image = Image.fromarray(to_uint8(under.color)).resize((side, side), Image.Resampling.BILINEAR)
    canvas = np.asarray(image).reshape(-1, 3).astype(np.float32)
    for layer in LAYERS:
        _brush(canvas, _layer(under, rng, *layer), rng)
    for touches in under.touches:
        _brush(canvas, touches, rng)
    picture = canvas.reshape(size, OVERSIZE, size, OVERSIZE, 3).mean((1, 3))
    return to_uint8(picture[:, :: -plan.side])


def _layer(under: Underpainting, rng: np.random.Generator, across: int, length: float, width: float, shift: float) -> Strokes:
    """Strokes all over the picture, in random order, in the directions and shifted colours of the underpainting."""
    count = across * across
    cells = rng.permutation(count)
    x, y = (np.stack((cells % across, cells // across)) + rng.random((2, count))) / across
    half = length * under.at(under.length, x, y) * rng.uniform(0.7, 1.2, count)
    angle = under.at(under.angle, x, y) + 0.25 * rng.standard_normal(count)
    color = under.at(under.color, x, y) + shift * rng.standard_normal((count, 3)) @ STRAYING
    return Strokes(x, y, half, np.full(count, width), angle, color)


def _brush(canvas: np.ndarray, strokes: Strokes, rng: np.random.Generator) -> None:
    """Paint strokes on `canvas`, float32 (side * side, 3), in place: a bundle of bristles each, drawn point by point."""
    count, side = len(strokes.x), round(len(canvas) ** 0.5)
    if count == 0:
        return
    streaks = strokes.color[:, None] + 8 * rng.standard_normal((count, BRISTLES, 1))
    ragged = 1 - rng.uniform(0, 0.35, (2, count, BRISTLES)).astype(np.float32)
    bend = (0.5 * strokes.width * rng.standard_normal(count)).astype(np.float32)

    rows = np.arange(max(BRISTLES, int(3 * strokes.width.max() * side)))
    bristle = rows * BRISTLES // len(rows)
    v = np.linspace(-1, 1, len(rows), dtype=np.float32)
    u = np.linspace(-1, 1, max(3, int(2.6 * strokes.length.max() * side)), dtype=np.float32)
    u = u * np.where(u[None] < 0, ragged[0][:, bristle, None], ragged[1][:, bristle, None]) * np.sqrt(1 - 0.8 * v[:, None] ** 2)
    v = v[:, None] * strokes.width.astype(np.float32)[:, None, None] + bend[:, None, None] * u**2  # (count, rows, points)
    u = u * strokes.length.astype(np.float32)[:, None, None]
    cos, sin = (side * f(strokes.angle).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    x = (u * cos - v * sin + (side * strokes.x).astype(np.float32)[:, None, None]).astype(np.int32)
    y = (u * sin + v * cos + (side * strokes.y).astype(np.float32)[:, None, None]).astype(np.int32)
    inside = (x >= 0) & (x < side) & (y >= 0) & (y < side)
    ids = np.broadcast_to((np.arange(count)[:, None] * BRISTLES + bristle)[..., None], x.shape)
    top = np.full(side * side, -1)
    np.maximum.at(top, (y * side + x)[inside], ids[inside])  # the later stroke lies on top
    canvas[top >= 0] = streaks.reshape(-1, 3)[top[top >= 0]]


def malevich(seed: int, size: int = 256) -> np.ndarray:
    """A suprematist composition on off-white canvas, uint8 (size, size, 3)."""
    rng = np.random.default_rng(seed)
    slabs, ground = plan_composition(rng), np.array((236, 229, 214)) + rng.normal(0, 6) + rng.normal(0, 2, 3)
    canvas = Canvas(size, ground)
    for slab in slabs:
        slab.draw(canvas)
    unevenness = 12 * (noise(rng, size, 6, 4) - 0.5) + 14 * (noise(rng, size, (70, 90), 2) - 0.5)
    return to_uint8(canvas.array() + unevenness[..., None])
