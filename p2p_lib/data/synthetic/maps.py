"""Aerial photographs with the street map of the same place: a made-up town, drawn twice.

The aerial photograph is the source: roofs with shadows that fall one way, trees as dark clumps, grey roads, rough ground. The
map is the target, in the colours of a web map: beige land, white and yellow roads with a thin casing, green parks, blue water.
`plan` draws every random number; the painters only put the finished `Town` on a canvas, so that both pictures, at any size,
show the same place.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from p2p_lib.data.synthetic.canvas import Canvas, Color, blend, coverage, noise, to_uint8
from p2p_lib.data.synthetic.maps_blocks import add_traffic, fill_block
from p2p_lib.data.synthetic.maps_streets import add_barriers, lay_streets, random_frame
from p2p_lib.data.synthetic.maps_town import AVENUE, CHARACTER_ODDS, CHARACTERS, HIGHWAY, PATH, STREET, WIDTHS, Buildings, Town

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
# The map.
LAND, BUILDING, WATER = (236, 232, 224), (221, 214, 202), (174, 206, 255)
GREENS = {"park": (200, 223, 170), "wood": (200, 223, 170), "pitch": (181, 210, 147)}
ROADS = {PATH: (228, 236, 210), STREET: WHITE, AVENUE: (255, 236, 148), HIGHWAY: (250, 168, 62)}
CASINGS = {STREET: (212, 206, 196), AVENUE: (226, 196, 110), HIGHWAY: (222, 138, 36)}
CASING = 0.004
MAP_PALETTE = (LAND, BUILDING, WATER, *GREENS.values(), *ROADS.values(), *CASINGS.values())
# The photograph.
GROUND, PAVEMENT, SHORE, SHADOW = (112, 110, 98), (138, 136, 130), (150, 142, 118), (34, 38, 42)
ASPHALT = {PATH: (158, 146, 120), STREET: (106, 106, 108), AVENUE: (112, 112, 112), HIGHWAY: (124, 122, 118)}
DEEP, SHALLOW, LANES = (34, 58, 66), (62, 84, 82), (176, 174, 160)
LEAVES = np.array([58, 76, 42])
LIT, FLAT, SHADED, PARAPET = 1.12, 0.98, 0.74, 0.18  # brightness of roofs; width of the rim around flat ones
CURB, LANE_WIDTH, CAR_WIDTH = 0.006, 0.003, 0.0045


def street_map(seed: int, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """A town from above and its street map.

    Parameters
    ----------
    seed : names the town.
    size : side of the pictures in pixels; the same seed shows the same town at every size.

    Returns
    -------
    aerial, map : uint8 RGB (size, size, 3); the aerial photograph is the source, the map the target.
    """
    town = plan(seed)
    return paint_aerial(town, size), paint_map(town, size)


def plan(seed: int) -> Town:
    """Draw a town at random: streets, perhaps a river or a highway, blocks and what stands on them."""
    rng = np.random.default_rng(seed)
    sun = rng.uniform(0, 2 * np.pi)
    town = Town(np.array([np.cos(sun), np.sin(sun)]), int(rng.integers(2**31)))
    frame = random_frame(rng)
    barriers = add_barriers(rng, town)
    character = CHARACTERS[rng.choice(len(CHARACTERS), p=CHARACTER_ODDS)]
    blocks, commons = lay_streets(rng, frame, town)
    for block in blocks:
        kind = str(rng.choice(list(character), p=list(character.values())))
        fill_block(rng, frame, town, block, kind, barriers)
    for common in commons:
        fill_block(rng, frame, town, common, "park", barriers)
    add_traffic(rng, town)
    return town


def paint_map(town: Town, size: int) -> np.ndarray:
    """The street map of a town, uint8 (size, size, 3)."""
    canvas = Canvas(size, LAND)
    for area in town.areas:
        if area.kind in GREENS:
            canvas.polygon(area.outline.tolist(), GREENS[area.kind])
    for group in town.buildings:
        _fill(canvas, group.corners, BUILDING)
    _map_rank(canvas, town, PATH)
    _map_rank(canvas, town, STREET)
    _fill(canvas, town.water, WATER)
    _map_rank(canvas, town, AVENUE)
    _fill(canvas, town.bays, WATER)
    _map_rank(canvas, town, HIGHWAY)
    return canvas.array()


def _map_rank(canvas: Canvas, town: Town, rank: int) -> None:
    """All casings of a rank before its roads, so that crossings stay open."""
    if rank in CASINGS:
        _roads(canvas, town, rank, WIDTHS[rank] + 2 * CASING, CASINGS[rank])
    _roads(canvas, town, rank, WIDTHS[rank], ROADS[rank])


def _roads(canvas: Canvas, town: Town, rank: int, width: float, color: Color) -> None:
    for way in town.roads:
        if way.rank == rank:
            canvas.polygon(way.ribbon(width), color)


def _fill(canvas: Canvas, outlines: Iterable[np.ndarray], color: Color) -> None:
    for outline in outlines:
        canvas.polygon(outline.tolist(), color)


def paint_aerial(town: Town, size: int) -> np.ndarray:
    """The aerial photograph of a town, uint8 (size, size, 3)."""
    rng = np.random.default_rng(town.texture_seed)
    canvas = Canvas(size, GROUND)
    _paint_ground(canvas, town)
    _paint_buildings(canvas, town)
    for stroke, color in town.cars:
        canvas.line(stroke.tolist(), CAR_WIDTH, color)
    _paint_trees(canvas, town)

    grain, drift = noise(rng, size, 40, 3) - 0.5, noise(rng, size, 3, 2)
    lake = coverage(size, lambda mask: _paint_water(mask, town))
    picture = blend(canvas.array(), DEEP + np.subtract(SHALLOW, DEEP) * drift[..., None], lake)
    hard = coverage(size, lambda mask: _paint_hard(mask, town))
    texture = 1 + grain * (0.75 - 0.6 * np.maximum(hard, lake)) + 0.3 * (drift - 0.5)
    return to_uint8(picture * texture[..., None] * rng.uniform(0.95, 1.05, 3))


def _paint_ground(canvas: Canvas, town: Town) -> None:
    for area in town.areas:
        canvas.polygon(area.outline.tolist(), area.color)
    for shore in town.water + town.bays:
        canvas.line([*shore.tolist(), shore[0].tolist()], 4 * CURB, SHORE)
    for rank, color in ASPHALT.items():
        if rank > PATH:
            _roads(canvas, town, rank, WIDTHS[rank] + 2 * CURB, PAVEMENT)
        _roads(canvas, town, rank, WIDTHS[rank], color)
        if rank >= AVENUE:
            _roads(canvas, town, rank, LANE_WIDTH, LANES)


def _paint_water(mask: Canvas, town: Town) -> None:
    """White where water is seen, black where a bridge crosses it."""
    _fill(mask, town.water, WHITE)
    _roads(mask, town, AVENUE, WIDTHS[AVENUE] + 2 * CURB, BLACK)
    _fill(mask, town.bays, WHITE)
    _roads(mask, town, HIGHWAY, WIDTHS[HIGHWAY] + 2 * CURB, BLACK)


def _paint_hard(mask: Canvas, town: Town) -> None:
    """White on roofs and roads, which are smoother than the ground."""
    for rank, width in enumerate(WIDTHS):
        _roads(mask, town, rank, width, WHITE)
    for group in town.buildings:
        _fill(mask, group.corners, WHITE)


def _paint_buildings(canvas: Canvas, town: Town) -> None:
    """All shadows, then all roofs: two slopes that meet in a ridge, or flat with a parapet."""
    for group in town.buildings:
        _fill(canvas, _shadows(group, town.sun), SHADOW)
    for group in town.buildings:
        middles = group.corners.mean(1, keepdims=True)
        flat = middles + (group.corners - middles) * (1 - PARAPET)
        upper = np.where(group.ridged[:, None, None], _shaded_slopes(group.corners, town.sun), flat)
        upper_colors = group.colors * np.where(group.ridged, SHADED, FLAT)[:, None]
        for outline, color in zip(group.corners.tolist(), (group.colors * LIT).tolist(), strict=True):
            canvas.polygon(outline, color)
        for outline, color in zip(upper.tolist(), upper_colors.tolist(), strict=True):
            canvas.polygon(outline, color)


def _shadows(group: Buildings, sun: np.ndarray) -> np.ndarray:
    """What every footprint covers while it moves along the light by the length of its shadow, outlines (k, 8, 2)."""
    shift = group.heights[:, None, None] * sun
    following = np.roll(group.corners, -1, axis=1)
    edges = following - group.corners
    winding = np.sign(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0])[:, None]
    leading = winding * (edges[..., 0] * sun[1] - edges[..., 1] * sun[0]) < 0  # edges that move outwards
    swept = np.stack([group.corners, following], 2) + leading[..., None, None] * shift[:, None]
    return swept.reshape(-1, 8, 2)


def _shaded_slopes(corners: np.ndarray, sun: np.ndarray) -> np.ndarray:
    """Of roofs (k, 4, 2) with a ridge along the longer side, the slopes (k, 4, 2) that face away from the sun."""
    first, second = np.linalg.norm(np.diff(corners[:, :3], axis=1), axis=2).T[..., None, None]
    corners = np.where(first > second, corners, np.roll(corners, 1, axis=1))
    a, b, c, d = corners.transpose(1, 0, 2)
    away = ((a + b - c - d) @ sun > 0)[:, None, None]
    start, stop = (a + d) / 2, (b + c) / 2
    return np.where(away, np.stack([a, b, stop, start], 1), np.stack([d, c, stop, start], 1))


def _paint_trees(canvas: Canvas, town: Town) -> None:
    """Every tree as a shadow, a dark crown and its lit side; all shadows lie below all crowns."""
    x_sun, y_sun = town.sun.tolist()
    trees = np.concatenate(town.trees)
    for x, y, radius, _ in trees.tolist():
        canvas.ellipse(x + 0.6 * radius * x_sun, y + 0.6 * radius * y_sun, radius, radius, SHADOW)
    leaves = (trees[:, 3:] * LEAVES).tolist()
    for (x, y, radius, _), (red, green, blue) in zip(trees.tolist(), leaves, strict=True):
        canvas.ellipse(x, y, radius, radius, (0.8 * red, 0.8 * green, 0.8 * blue))
        lit = 0.3 * radius
        canvas.ellipse(x - lit * x_sun, y - lit * y_sun, 2 * lit, 2 * lit, (1.15 * red, 1.15 * green, 1.15 * blue))
