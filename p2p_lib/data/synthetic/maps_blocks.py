"""What stands on the blocks of a made-up town: buildings, trees, parks, ploughed fields and cars."""

from __future__ import annotations

import numpy as np

from p2p_lib.data.synthetic.canvas import Color
from p2p_lib.data.synthetic.maps_streets import RADIAL_SCALE, Barrier, Box, Frame, rim
from p2p_lib.data.synthetic.maps_town import HIGHWAY, PATH, STREET, USES, WIDTHS, Area, Buildings, Town, Use, road

PAVEMENT = 0.006
BEYOND = 0.1  # how far outside the picture houses are still built, for the sake of their shadows
VACANT = 0.1  # share of lots without a building
CAR_LENGTH = 0.009
CAR_COLORS = ((226, 226, 226), (60, 60, 64), (150, 40, 36), (200, 200, 204), (50, 74, 120))


def fill_block(rng: np.random.Generator, frame: Frame, town: Town, box: Box, kind: str, barriers: list[Barrier]) -> None:
    """Put ground, buildings, trees and what else belongs there on one block."""
    use, margin = USES[kind], WIDTHS[STREET] / 2 + PAVEMENT
    stretch = (box[1] + box[3]) / 2 / RADIAL_SCALE if frame.rings else 1.0  # true length of one step of u
    box = (box[0] + margin / stretch, box[1] + margin, box[2] - margin / stretch, box[3] - margin)
    length, depth = (box[2] - box[0]) * stretch, box[3] - box[1]
    if min(length, depth) < 0.02:
        return
    town.areas.append(Area(frame.place(rim(box)), kind, _mix(*use.ground, rng.random())))
    if kind == "park":
        _furnish_park(rng, frame, town, box)
    elif kind == "field":
        _plough(rng, frame, town, box)
    elif kind == "parking":
        _park_cars(rng, frame, town, box, stretch)
    elif use.lot:
        _build(rng, frame, town, use, _lots(box, max(1, round(length / use.lot)), 2 if depth > 1.2 * use.lot else 1), barriers)
    count = round(use.trees * length * depth / 0.03)
    shares = rng.random((count, 2))
    if kind == "park":  # trees stand in clumps and along the rim
        clumps = rng.random((5, 2))
        shares = np.clip(clumps[rng.integers(5, size=count)] + rng.normal(0, 0.16, (count, 2)), 0.03, 0.97)
    spots = frame.place(np.array(box[:2]) + shares * (np.array(box[2:]) - box[:2]))
    looks = rng.uniform((0.006, 0.75), (0.016, 1.3), (count, 2))
    town.trees.append(np.hstack([spots, looks])[_free(spots, barriers, 0.02)])


def _mix(first: Color, second: Color, share: float) -> Color:
    return tuple(a + (b - a) * share for a, b in zip(first, second, strict=True))


def _free(points: np.ndarray, barriers: list[Barrier], beyond: float) -> np.ndarray:
    """Which of the points (n, 2) lie at most `beyond` outside the picture and clear of every barrier, bool (n,)."""
    free = (abs(points - 0.5) < 0.5 + beyond).all(1)
    for line, half in barriers:
        free &= np.linalg.norm(points[:, None] - line, axis=-1).min(1) > half + 0.012
    return free


def _lots(box: Box, columns: int, rows: int) -> np.ndarray:
    """Divide a box into equal lots, (columns * rows, 4) boxes."""
    u, v = np.linspace(box[0], box[2], columns + 1), np.linspace(box[1], box[3], rows + 1)
    u0, v0 = (edges.ravel() for edges in np.meshgrid(u[:-1], v[:-1]))
    return np.stack([u0, v0, u0 + u[1] - u[0], v0 + v[1] - v[0]], -1)


def _build(rng: np.random.Generator, frame: Frame, town: Town, use: Use, lots: np.ndarray, barriers: list[Barrier]) -> None:
    """One building on every lot, unless it is vacant or something is in the way."""
    count = len(lots)
    side = lots[:, 2:] - lots[:, :2]
    half = side * rng.uniform(*use.fill, (count, 2)) / 2
    middle = (lots[:, :2] + lots[:, 2:]) / 2 + (side / 2 - half) * rng.uniform(-0.7, 0.7, (count, 2))
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    corners = frame.place(middle[:, None] + half[:, None] * signs)
    heights, vacant = rng.uniform(*use.height, count), rng.random(count) < VACANT
    colors = np.array(use.roofs)[rng.integers(len(use.roofs), size=count)] * rng.uniform(0.85, 1.1, (count, 1))
    keep = _free(corners.reshape(-1, 2), barriers, BEYOND).reshape(count, 4).all(1) & ~vacant
    town.buildings.append(Buildings(corners[keep], heights[keep], colors[keep], np.full(keep.sum(), use.ridge)))


def _furnish_park(rng: np.random.Generator, frame: Frame, town: Town, box: Box) -> None:
    """A path across, and perhaps a pond or a pitch."""
    low, span = np.array(box[:2]), np.array([box[2] - box[0], box[3] - box[1]])
    t = np.linspace(0, 1, 12)
    sway = 0.5 + rng.uniform(-0.3, 0.3) * np.sin(rng.uniform(2, 6) * t + rng.uniform(0, 6))
    town.roads.append(road(frame.place(low + span * np.stack([t, sway], -1)), PATH))
    where, extent, turn = rng.uniform(0.3, 0.7, 2), rng.uniform(0.12, 0.26, 2), np.linspace(0, 2 * np.pi, 24)
    if rng.random() < 0.35:
        shore = np.stack([np.cos(turn), np.sin(turn)], -1) * (1 + 0.2 * np.sin(3 * turn + rng.uniform(0, 6)))[:, None]
        town.water.append(frame.place(low + span * (where + extent * shore)))
    elif rng.random() < 0.6:
        pitch = np.concatenate([low + span * (where - extent), low + span * (where + extent)])
        town.areas.append(Area(frame.place(rim(tuple(pitch))), "pitch", (88, 132, 66)))


def _plough(rng: np.random.Generator, frame: Frame, town: Town, box: Box) -> None:
    """Furrows: stripes of a darker and a lighter tone."""
    ground = np.array(town.areas[-1].color)
    for strip in _lots(box, 1, int(rng.integers(5, 12)))[::2]:
        town.areas.append(Area(frame.place(rim(tuple(strip))), "field", tuple(ground * rng.uniform(0.82, 0.94))))


def _park_cars(rng: np.random.Generator, frame: Frame, town: Town, box: Box, stretch: float) -> None:
    """Rows of cars side by side, a third of the places empty."""
    columns, rows = np.arange(box[0] + 0.012, box[2] - 0.012, 0.011 / stretch), np.arange(box[1] + 0.016, box[3] - 0.008, 0.024)
    places = np.stack(np.meshgrid(columns, rows), -1)[rng.random((len(rows), len(columns))) < 0.65]
    half = np.array([0, CAR_LENGTH / 2])
    _add_cars(rng, town, frame.place(places - half), frame.place(places + half))


def add_traffic(rng: np.random.Generator, town: Town) -> None:
    """Cars on the right-hand lanes of streets, avenues and highways."""
    for way in town.roads:
        count = rng.poisson(14 if way.rank == HIGHWAY else 1)
        index = rng.integers(len(way.line), size=count)
        normals = way.normals[index] * rng.choice((-1, 1), (count, 1))
        starts = way.line[index] + normals * WIDTHS[way.rank] / 4
        ahead = np.stack([normals[:, 1], -normals[:, 0]], -1) * CAR_LENGTH
        if way.rank != PATH:
            _add_cars(rng, town, starts, starts + ahead)


def _add_cars(rng: np.random.Generator, town: Town, starts: np.ndarray, stops: np.ndarray) -> None:
    for start, stop, color in zip(starts, stops, rng.integers(len(CAR_COLORS), size=len(starts)), strict=True):
        town.cars.append((np.stack([start, stop]), CAR_COLORS[color]))
