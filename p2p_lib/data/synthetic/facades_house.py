"""A generator of house plans: storeys, bays, and the labelled parts that stand in them.

What a house has follows its style, so that a network can guess the walls from the parts. How often matches the 606 label maps
of CMP facades: the median one shows 24 windows of 6 % x 9 % of its side; 60 % have a door, a balcony or decoration, half have
shops, a third shutters or pillars.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from p2p_lib.data.synthetic.facades_plan import PAINT_ORDER, STYLES, House, Part, Style


@dataclass(frozen=True)
class _Grid:
    """Where windows go: bays with `centres` and `widths`, and `lines` between the storeys, from the uppermost to the base."""

    x0: float
    x1: float
    centres: np.ndarray
    widths: np.ndarray
    lines: np.ndarray
    ground: float

    @property
    def bay(self) -> float:
        """Width of the narrowest bay."""
        return float(self.widths.min())

    @property
    def storey(self) -> float:
        """Height of an upper storey."""
        return float(self.lines[1] - self.lines[0])

    @property
    def between(self) -> np.ndarray:
        """The x of the wall between neighbouring bays."""
        return (self.centres[1:] + self.centres[:-1]) / 2


def draw_house(rng: np.random.Generator, x0: float, x1: float, top: float, ground: float, scale: float) -> House:
    """Draw the plan of a house of a random style between x0 and x1, top and ground; `scale` multiplies the style's storeys."""
    style = STYLES[rng.choice(len(STYLES), p=[style.share for style in STYLES])]
    mansard = rng.random() < style.mansard
    storey = min(rng.uniform(*style.storey) * scale, (ground - top) / (3.9 if mansard else 3.0))  # leaves room for one
    eaves = top + storey * rng.uniform(0.7, 0.9) * mansard
    base = ground - storey * rng.uniform(1.0, 1.35)
    frieze = storey * rng.uniform(0.2, 0.55)  # between the eaves and the uppermost storey
    floors = max(1, round((base - eaves - frieze) / storey))
    lines = np.linspace(eaves + frieze, base, floors + 1)
    grid = _Grid(x0, x1, *_bays(rng, x0, x1, storey), lines, ground)
    parts = [*_bands(rng, style, grid, eaves), *_storeys(rng, style, grid), *_ground_floor(rng, style, grid)]
    parts += [*_balconies(rng, style, grid), *_pillars(rng, style, grid)]
    if mansard:
        parts += _dormers(rng, grid, top, eaves)
    parts.sort(key=lambda part: PAINT_ORDER.index(part.kind))
    roof = storey * rng.uniform(0.4, 0.9) if not mansard and rng.random() < 0.4 else 0.0
    return House(x0, x1, top, eaves, base, ground, roof, style, tuple(parts))


def _bays(rng: np.random.Generator, x0: float, x1: float, storey: float) -> tuple[np.ndarray, np.ndarray]:
    """Centres and widths of bays, symmetric; every third house has wider ones in the middle or at the ends."""
    widths = np.ones(max(1, round((x1 - x0) / (storey * rng.uniform(0.65, 1.05)))))
    accent = rng.uniform(1.25, 1.6)
    if rng.random() < 0.35 and len(widths) > 2:
        ends = rng.random() < 0.4
        widths[[0, -1] if ends else [len(widths) // 2, (len(widths) - 1) // 2]] = accent
    margin = rng.uniform(0.0, 0.04) * (x1 - x0)
    widths *= (x1 - x0 - 2 * margin) / widths.sum()
    return x0 + margin + np.cumsum(widths) - widths / 2, widths


def _box(kind: str, cx: float, cy: float, width: float, height: float, form: str = "plain") -> Part:
    return Part(kind, float(cx - width / 2), float(cy - height / 2), float(cx + width / 2), float(cy + height / 2), form)


def _bands(rng: np.random.Generator, style: Style, grid: _Grid, eaves: float) -> Iterator[Part]:
    """Moldings: under the eaves (with brackets), over the ground floor, and between some storeys."""
    if rng.random() < 0.85:
        height = (grid.lines[0] - eaves) * rng.uniform(0.55, 0.95)
        yield Part("molding", grid.x0, eaves, grid.x1, eaves + height, str(rng.choice(["plain", "dentils"])))
        if rng.random() < style.deco * 0.5:
            for x in np.linspace(grid.x0, grid.x1, 2 * len(grid.centres) + 1)[1:-1]:
                yield _box("deco", x, eaves + height / 2, grid.bay * 0.12, height * 0.7, "bracket")
    for line in grid.lines[1:]:
        if rng.random() < (0.75 if line == grid.lines[-1] else style.molding):
            yield Part("molding", grid.x0, line - grid.storey * rng.uniform(0.05, 0.16), grid.x1, line + grid.storey * 0.03)


def _storeys(rng: np.random.Generator, style: Style, grid: _Grid) -> Iterator[Part]:
    """The windows of the upper storeys and what belongs to them: cornices above, sills below, blinds, medallions between."""
    widths = grid.widths * rng.uniform(*style.window)
    share = rng.uniform(0.5, 0.66)  # of the storey's height
    forms = ["plain", "arched" if rng.random() < style.arched else "plain"]
    double = rng.random() < style.double
    cornice_form = str(rng.choice(["slab", "gable", "arc"]))
    roller = rng.random() < 0.3
    medallions = rng.integers(1, len(grid.lines)) if rng.random() < style.deco * 0.6 else 0
    medallion = grid.bay * rng.uniform(0.2, 0.34)
    for floor, (y0, y1) in enumerate(pairwise(grid.lines), start=1):
        height = grid.storey * share * rng.uniform(0.9, 1.1)
        top = (y0 + y1 - height) / 2 + grid.storey * 0.03
        bottom = top + height
        form = str(rng.choice(forms))
        cornice = grid.storey * rng.uniform(0.09, 0.2) * (rng.random() < style.cornice)
        sill = grid.storey * rng.uniform(0.06, 0.16) * (rng.random() < style.sill)
        closed = rng.random(len(widths)) * (rng.random() < style.blind)
        for cx, width, shut in zip(grid.centres, widths, closed, strict=True):
            yield from _window(cx, (top + bottom) / 2, width, height, form, double or width > height)
            yield from _blinds(cx, top, bottom, width, shut, roller)
            if cornice:
                yield _box("cornice", cx, top - cornice * 0.35, width * 1.32, cornice, cornice_form)
            if sill:
                yield _box("sill", cx, bottom + sill * 0.3, width * 1.24, sill)
        if floor == medallions:
            yield from (_box("deco", x, (top + bottom) / 2, medallion, height * 0.5, "medallion") for x in grid.between)


def _window(cx: float, cy: float, width: float, height: float, form: str, double: bool) -> Iterator[Part]:
    if double and form == "plain":
        yield from (_box("window", cx + side * width * 0.265, cy, width * 0.47, height) for side in (-1, 1))
    else:
        yield _box("window", cx, cy, width, height, form)


def _blinds(cx: float, top: float, bottom: float, width: float, closed: float, roller: bool) -> Iterator[Part]:
    """Nothing for `closed` = 0; else shutters at both sides (or shut), or a roller blind let down by `closed`."""
    if roller and closed > 0.25:
        yield Part("blind", cx - width / 2, top, cx + width / 2, top + (bottom - top) * closed, "roller")
    elif not roller and closed > 0.9:
        yield Part("blind", cx - width / 2, top, cx + width / 2, bottom, "shutter")
    elif not roller and closed:
        for side in (-1, 1):
            yield _box("blind", cx + side * width * 0.77, (top + bottom) / 2, width * 0.48, bottom - top, "shutter")


def _balconies(rng: np.random.Generator, style: Style, grid: _Grid) -> Iterator[Part]:
    """Balconies before the middle column of windows, before two symmetric ones, or from one of these to the other."""
    if rng.random() >= style.balcony:
        return
    form = str(rng.choice(["railing", "railing", "parapet"]))
    last = len(grid.centres) - 1
    first = int(rng.integers(0, last // 2 + 1))
    spans = {(first, last - first)} if rng.random() < 0.35 else {(first, first), (last - first, last - first)}
    floors = [y for y in grid.lines[1:] if rng.random() < 0.6] or [grid.lines[-1]]
    reach, height = rng.uniform(0.34, 0.47), grid.storey * rng.uniform(0.36, 0.5)
    for y in floors:
        bottom = y - grid.storey * 0.06
        for a, b in sorted(spans):
            x0, x1 = grid.centres[a] - reach * grid.widths[a], grid.centres[b] + reach * grid.widths[b]
            yield Part("balcony", x0, bottom - height, x1, bottom, form)


def _pillars(rng: np.random.Generator, style: Style, grid: _Grid) -> Iterator[Part]:
    """Pillars through some storeys, between all bays or only at the ends and around the middle."""
    if rng.random() >= style.pillar:
        return
    width = grid.bay * rng.uniform(0.1, 0.17)
    places = np.array([grid.x0 + width, *grid.between, grid.x1 - width])
    if rng.random() < 0.5:
        middle = len(places) // 2
        places = places[sorted({0, len(places) - 1, middle, len(places) - 1 - middle})]
    top, bottom = grid.lines[int(rng.integers(0, len(grid.lines) - 1))], grid.lines[-1]
    yield from (_box("pillar", x, (top + bottom) / 2, width, bottom - top) for x in places)


def _ground_floor(rng: np.random.Generator, style: Style, grid: _Grid) -> Iterator[Part]:
    """A door in the middle or at one end, shops or windows in the other bays."""
    base, ground, last = grid.lines[-1], grid.ground, len(grid.centres) - 1
    height = ground - base
    door = int(rng.choice([(last + 1) // 2, 0, last])) if rng.random() < 0.75 else None
    door_form, lintel = str(rng.choice(["plain", "arched"])), rng.random() < style.deco
    door_width, door_height = min(grid.bay * 0.6, height * 0.55), height * rng.uniform(0.62, 0.78)
    shops, shop_form = rng.random() < style.shop, str(rng.choice(["plain", "plain", "awning"]))
    widths, window_height = grid.widths * rng.uniform(*style.window), height * rng.uniform(0.38, 0.52)
    form = "arched" if rng.random() < style.arched * 0.6 else "plain"
    for column, (cx, bay, width) in enumerate(zip(grid.centres, grid.widths, widths, strict=True)):
        if column == door:
            yield _box("door", cx, ground - door_height / 2, door_width, door_height, door_form)
            if lintel:
                yield _box("deco", cx, ground - door_height - height * 0.06, door_width * 1.5, height * 0.15, "lintel")
        elif shops and rng.random() < 0.85:
            yield Part("shop", cx - bay * 0.44, base + height * 0.14, cx + bay * 0.44, ground - height * 0.08, shop_form)
        else:
            yield _box("window", cx, base + height * 0.5, width, window_height, form)


def _dormers(rng: np.random.Generator, grid: _Grid, top: float, eaves: float) -> Iterator[Part]:
    """Windows in a mansard roof, over every or every second bay, some with a gable of their own."""
    height, width = (eaves - top) * rng.uniform(0.42, 0.55), grid.bay * rng.uniform(0.28, 0.4)
    cy = eaves - (eaves - top) * 0.42
    gables = rng.random() < 0.6
    for x in grid.centres[:: int(rng.integers(1, 3))]:
        yield _box("window", x, cy, width, height, "dormer")
        if gables:
            yield _box("cornice", x, cy - height * 0.62, width * 1.4, height * 0.28, "gable")
