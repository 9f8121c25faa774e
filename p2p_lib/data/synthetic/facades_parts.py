"""How the parts of a house look in the photo. Every part fills the rectangle that the label map shows for it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from p2p_lib.data.synthetic.canvas import Points
from p2p_lib.data.synthetic.facades_layers import BRICK, GLASS, Layers
from p2p_lib.data.synthetic.facades_look import Look
from p2p_lib.data.synthetic.facades_plan import House, Part

IRON = (52, 50, 50)


def draw_house(layers: Layers, house: House, look: Look, rng: np.random.Generator) -> None:
    """Draw a house: roof, walls, and its parts in the order in which they hide each other."""
    _draw_roof(layers, house, look, rng)
    layers.rectangle(house.x0, house.eaves, house.x1, house.base, look.wall, look.wall_matter)
    layers.rectangle(house.x0, house.base, house.x1, house.ground, look.base, look.base_matter)
    layers.rectangle(house.x0, house.ground - 0.018, house.x1, house.ground, look.base * 0.7)
    if rng.random() < 0.6:  # a downpipe
        layers.cast(house.x0 + 0.004, house.eaves, house.x0 + 0.01, house.ground, 0.01)
        layers.tone(house.x0 + 0.004, house.eaves, house.x0 + 0.01, house.ground, look.roof)
    for part in house.unlabelled + house.parts:
        _DRAW[part.kind](layers, part, look, rng)


def _draw_roof(layers: Layers, house: House, look: Look, rng: np.random.Generator) -> None:
    chimneys = rng.uniform(house.x0 + 0.05, house.x1 - 0.05, 3)[: rng.integers(0, 4)]
    top = house.top - house.roof
    for x in chimneys:
        layers.rectangle(x - 0.012, top - 0.025, x + 0.012, house.top, look.base * 0.75, BRICK)
        layers.rectangle(x - 0.015, top - 0.03, x + 0.015, top - 0.022, look.base * 0.6)
    if house.roof:
        slope = house.roof * 0.8 if house.x1 - house.x0 > house.roof * 3 else 0
        outline = [(house.x0, house.top), (house.x0 + slope, top), (house.x1 - slope, top), (house.x1, house.top)]
        layers.polygon(outline, look.roof)
    layers.rectangle(house.x0, house.top, house.x1, house.eaves, look.roof)
    rows = np.arange(top, house.eaves, 0.012)
    for y in rows:
        slope = max(0.0, house.top - y) * 0.8
        layers.tone(house.x0 + slope, y, house.x1 - slope, y + 0.004, look.roof * 0.82)


def _arch(x0: float, y0: float, x1: float, y1: float, rise: float) -> Points:
    """The outline of an opening whose upper edge is bent upwards by `rise`."""
    angles = np.linspace(np.pi, 0, 9)
    xs = (x0 + x1) / 2 + (x1 - x0) / 2 * np.cos(angles)
    ys = y0 + rise * (1 - np.sin(angles))
    return [(x0, y1), *zip(xs.tolist(), ys.tolist(), strict=True), (x1, y1)]


def _window(layers: Layers, part: Part, look: Look, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = part.x0, part.y0, part.x1, part.y1
    width, height = x1 - x0, y1 - y0
    rise = min(width / 2, height * 0.4) if part.form == "arched" else 0.0
    if look.surround or part.form == "dormer":
        edge = max(look.surround, 0.1) * width
        layers.polygon(_arch(x0 - edge, y0 - edge, x1 + edge, y1, rise), look.trim)
    layers.polygon(_arch(x0, y0, x1, y1, rise), look.frame)
    edge = 0.1 * min(width, height)
    glass = np.array((0.85, 0.97, 1.1)) * rng.uniform(24, 62)
    gx0, gy0, gx1, gy1 = x0 + edge, y0 + edge, x1 - edge, y1 - edge
    layers.polygon(_arch(gx0, gy0, gx1, gy1, max(0.0, rise - edge)), glass, GLASS)
    if rng.random() < look.curtains:
        _curtains(layers, (gx0, gy0 + rise, gx1, gy1), rng)
    across, down = look.bars
    for k in range(1, across):
        x = x0 + width * k / across
        layers.rectangle(x - edge / 2, gy0, x + edge / 2, gy1, look.frame)
    for k in range(1, down):
        y = y0 + height * (k / down if down > 2 else 0.34)
        layers.rectangle(gx0, y - edge / 2, gx1, y + edge / 2, look.frame)
    layers.recess(x0, y0 + rise * 0.4, x1, y1, 0.1 * width)


def _curtains(layers: Layers, glass: tuple[float, float, float, float], rng: np.random.Generator) -> None:
    """White or coloured cloth behind the glass: at both sides, before the lower part, or before everything."""
    x0, y0, x1, y1 = glass
    cloth = np.array((0.98, 0.96, 0.9)) * rng.uniform(110, 190)
    kind = rng.random()
    if kind < 0.5:
        drawn = (x1 - x0) * rng.uniform(0.15, 0.3)
        layers.tone(x0, y0, x0 + drawn, y1, cloth)
        layers.tone(x1 - drawn, y0, x1, y1, cloth * 0.92)
    elif kind < 0.8:
        layers.tone(x0, y0 + (y1 - y0) * rng.uniform(0.35, 0.6), x1, y1, cloth * 0.8)
    else:
        layers.tone(x0, y0, x1, y1, cloth * 0.75)


def _door(layers: Layers, part: Part, look: Look, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = part.x0, part.y0, part.x1, part.y1
    width, height = x1 - x0, y1 - y0
    rise = width / 2 if part.form == "arched" else 0.0
    edge = 0.12 * width
    layers.polygon(_arch(x0, y0, x1, y1, rise), look.trim * 0.95)
    layers.polygon(_arch(x0 + edge, y0 + edge, x1 - edge, y1, max(0.0, rise - edge)), look.door)
    fanlight = y0 + edge + max(rise, height * 0.18)
    light = _arch(x0 + edge * 1.6, y0 + edge * 1.6, x1 - edge * 1.6, fanlight, max(0.0, rise - 1.6 * edge))
    layers.polygon(light, (48, 52, 56), GLASS)
    middle = (x0 + x1) / 2
    for a, b in ((x0 + edge * 1.7, middle - edge * 0.4), (middle + edge * 0.4, x1 - edge * 1.7)):
        for top, bottom in ((0.08, 0.5), (0.58, 0.92)):
            panel = fanlight + (y1 - fanlight) * top, fanlight + (y1 - fanlight) * bottom
            layers.tone(a, panel[0], b, panel[1], look.door * 0.72)
    layers.tone(middle - edge * 0.1, fanlight, middle + edge * 0.1, y1, look.door * 0.5)
    layers.recess(x0 + edge, y0 + edge, x1 - edge, y1, 0.14 * width)
    layers.rectangle(x0, y1 - height * 0.04, x1, y1, (150, 146, 140))


def _shop(layers: Layers, part: Part, look: Look, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = part.x0, part.y0, part.x1, part.y1
    width, height = x1 - x0, y1 - y0
    layers.rectangle(x0, y0, x1, y1, look.sign * 0.8)
    pane = x0 + width * 0.06, y0 + height * 0.27, x1 - width * 0.06, y1 - height * 0.12
    inside = np.array((1.0, 0.9, 0.72)) * rng.uniform(50, 150)
    layers.rectangle(*pane, inside, GLASS)
    for x in np.linspace(pane[0], pane[2], 7)[:-1]:
        goods = (rng.uniform(30, 220, 3) + inside) / 2
        top = pane[3] - height * rng.uniform(0.08, 0.35)
        layers.tone(x, top, x + width * rng.uniform(0.06, 0.13), pane[3], goods)
    layers.rectangle((x0 + x1) / 2 - width * 0.02, pane[1], (x0 + x1) / 2 + width * 0.02, pane[3], look.sign * 0.7)
    layers.recess(*pane, 0.05 * width)
    if part.form == "awning":
        bottom = y0 + height * 0.42
        layers.cast(x0, y0 + height * 0.1, x1, bottom, 0.1 * height)
        for k, (a, b) in enumerate(pairwise(np.linspace(x0, x1, 9))):
            layers.rectangle(a, y0, b, bottom, look.sign if k % 2 else (232, 228, 216))
    else:
        layers.rectangle(x0, y0, x1, y0 + height * 0.22, look.sign)
        ink = (235, 230, 215) if look.sign.mean() < 130 else (60, 50, 45)
        letters = x0 + width * (0.15 + 0.7 * np.sort(rng.random(6)))
        for x in letters:
            layers.tone(x, y0 + height * 0.07, x + width * 0.05, y0 + height * 0.16, ink)


def _molding(layers: Layers, part: Part, look: Look, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = part.x0, part.y0, part.x1, part.y1
    height = y1 - y0
    layers.cast(x0, y0, x1, y1, 0.22 * height)
    layers.rectangle(x0, y0, x1, y1, look.trim * 0.94)
    layers.tone(x0, y0, x1, y0 + height * 0.3, np.minimum(look.trim * 1.08, 250))
    layers.tone(x0, y0 + height * 0.3, x1, y0 + height * 0.42, look.trim * 0.68)
    layers.tone(x0, y1 - height * 0.12, x1, y1, look.trim * 0.78)
    if part.form == "dentils":
        pitch = max(0.016, height * 0.4)
        for x in np.arange(x0, x1, pitch):
            layers.tone(x, y0 + height * 0.42, min(x + pitch * 0.45, x1), y0 + height * 0.68, look.trim * 0.72)


def _cornice(layers: Layers, part: Part, look: Look, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = part.x0, part.y0, part.x1, part.y1
    height, middle = y1 - y0, (part.x0 + part.x1) / 2
    slab = y1 - height * (0.45 if part.form != "slab" else 0.75)
    layers.cast(x0, slab, x1, y1, 0.35 * height)
    if part.form == "gable":
        layers.polygon([(x0, slab), (middle, y0), (x1, slab)], look.trim)
        layers.polygon([(x0 + height, slab), (middle, y0 + height * 0.22), (x1 - height, slab)], look.trim * 0.76)
    elif part.form == "arc":
        layers.polygon(_arch(x0, y0, x1, slab, slab - y0), look.trim)
        inset, rise = height * 0.2, slab - y0 - height * 0.2
        layers.polygon(_arch(x0 + 3 * inset, y0 + inset, x1 - 3 * inset, slab, rise), look.trim * 0.78)
    else:
        layers.rectangle(x0, y0, x1, slab, np.minimum(look.trim * 1.06, 250))
    layers.rectangle(x0, slab, x1, y1, look.trim * 0.9)
    layers.tone(x0, slab, x1, slab + height * 0.15, np.minimum(look.trim * 1.06, 250))


def _sill(layers: Layers, part: Part, look: Look, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = part.x0, part.y0, part.x1, part.y1
    width, slab = x1 - x0, part.y0 + 0.45 * (part.y1 - part.y0)
    layers.rectangle(x0 + width * 0.06, slab, x1 - width * 0.06, y1, look.trim * 0.8)
    layers.cast(x0, y0, x1, slab, 0.5 * (y1 - y0))
    layers.rectangle(x0, y0, x1, slab, look.trim)


def _pillar(layers: Layers, part: Part, look: Look, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = part.x0, part.y0, part.x1, part.y1
    width = x1 - x0
    layers.cast(x0, y0, x1, y1, 0.4 * width)
    layers.rectangle(x0, y0, x1, y1, look.trim * 0.95)
    shaded = (x0, x0 + width * 0.25) if layers.sun.dx < 0 else (x1 - width * 0.25, x1)
    layers.tone(shaded[0], y0, shaded[1], y1, look.trim * 0.7)
    layers.tone(x0 + width * 0.4, y0, x0 + width * 0.52, y1, look.trim * 0.82)
    for top in (y0, y1 - width * 0.8):
        layers.tone(x0, top, x1, top + width * 0.8, np.minimum(look.trim * 1.05, 250))
        layers.tone(x0, top + width * 0.55, x1, top + width * 0.8, look.trim * 0.7)


def _blind(layers: Layers, part: Part, look: Look, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = part.x0, part.y0, part.x1, part.y1
    roller = part.form == "roller"
    color = look.blind * rng.uniform(0.92, 1.06) if not roller else np.array((204, 198, 184)) * rng.uniform(0.85, 1.05)
    if not roller:
        layers.cast(x0, y0, x1, y1, 0.12 * (x1 - x0))
    layers.rectangle(x0, y0, x1, y1, color)
    edge = 0.0 if roller else 0.14 * (x1 - x0)
    for y in np.arange(y0 + edge, y1 - edge - 0.004, 0.011):
        layers.tone(x0 + edge, y, x1 - edge, y + 0.004, color * 0.72)


def _deco(layers: Layers, part: Part, look: Look, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = part.x0, part.y0, part.x1, part.y1
    cx, cy, width, height = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
    layers.cast(x0, y0, x1, y1, 0.15 * min(width, height))
    if part.form == "lintel":
        layers.polygon(_arch(x0, y0, x1, y1, height * 0.6), look.trim)
        layers.ellipse(cx, cy + height * 0.05, height * 0.3, height * 0.34, look.trim * 0.72)
    else:
        layers.rectangle(x0, y0, x1, y1, look.trim * 0.9)
        layers.ellipse(cx + width * 0.05, cy + height * 0.05, width * 0.4, height * 0.4, look.trim * 0.6)
        layers.ellipse(cx, cy, width * 0.38, height * 0.38, look.trim)
        layers.ellipse(cx - width * 0.06, cy - height * 0.08, width * 0.2, height * 0.2, np.minimum(look.trim * 1.12, 250))


def _balcony(layers: Layers, part: Part, look: Look, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = part.x0, part.y0, part.x1, part.y1
    height = y1 - y0
    slab = y1 - height * 0.16
    layers.cast(x0, slab, x1, y1, 0.4 * height)
    if part.form == "parapet":
        layers.rectangle(x0, y0, x1, y1, look.trim * 0.9)
        for x in np.arange(x0 + 0.012, x1 - 0.012, 0.02):
            layers.tone(x, y0 + height * 0.25, x + 0.008, slab - height * 0.1, look.trim * 0.62)
        layers.tone(x0, y0, x1, y0 + height * 0.13, np.minimum(look.trim * 1.06, 250))
    else:
        for x in np.arange(x0, x1 - 0.003, 0.0125):
            layers.rectangle(x, y0, x + 0.0045, slab, IRON)
        for y in (y0, y0 + height * 0.42, slab - height * 0.07):
            layers.rectangle(x0, y, x1, y + height * 0.06, IRON)
        for x in rng.uniform(x0 + 0.01, x1 - 0.01, rng.integers(0, 5)):  # flowers
            layers.ellipse(x, y0 + height * 0.1, 0.014, 0.011, (70, 100, 52))
            layers.ellipse(x, y0 + height * 0.06, 0.006, 0.005, (190, 60, 60))
    layers.rectangle(x0, slab, x1, y1, look.trim * 0.88)


_DRAW = {
    "molding": _molding, "pillar": _pillar, "window": _window, "door": _door, "shop": _shop,
    "blind": _blind, "cornice": _cornice, "sill": _sill, "deco": _deco, "balcony": _balcony,
}  # fmt: skip
