"""The streets of a made-up town, and the waters and highways that run through them.

A town is planned in street coordinates: u runs along the long streets, v across them. A `Frame` lays this plane on the picture:
turned (a grid), bent (curved streets) or wound around a centre (rings). Blocks and houses are rectangles in street coordinates,
so that whatever the frame, houses stand along their streets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from p2p_lib.data.synthetic.maps_town import AVENUE, HIGHWAY, PATH, STREET, WIDTHS, Town, road

RADIAL_SCALE = 0.5  # the radius at which u measures true length in a frame of rings
HALF_WIDTHS = ((0.02, 0.05), (0.06, 0.13), (0.30, 0.45))  # of a stream, a river, a bay
BRIDGED = 0.15  # the half width of the widest water that avenues cross

RIM_CORNERS = np.array([(0, 1), (2, 1), (2, 3), (0, 3)])  # which numbers of a box make its corners
RIM_SHARES = np.kron(np.eye(4), 1 - np.arange(8)[:, None] / 8) + np.kron(np.roll(np.eye(4), 1, 1), np.arange(8)[:, None] / 8)

Box = tuple[float, float, float, float]  # u0, v0, u1, v1 in street coordinates
Barrier = tuple[np.ndarray, float]  # centre line and half width of what nothing is built on


@dataclass(frozen=True)
class Frame:
    """The map from street coordinates (u, v) to picture coordinates (x, y)."""

    angle: float
    bend: float
    phase: float
    centre: tuple[float, float]
    rings: bool

    def place(self, points: np.ndarray) -> np.ndarray:
        """Street coordinates (..., 2) to picture coordinates (..., 2)."""
        u, v = points[..., 0], points[..., 1]
        turn = self.angle + (u / RADIAL_SCALE if self.rings else 0)
        along, across = (v, 0 * v) if self.rings else (u, v + self.bend * np.sin(2.6 * u + self.phase))
        cos, sin = np.cos(turn), np.sin(turn)
        return np.stack([self.centre[0] + cos * along - sin * across, self.centre[1] + sin * along + cos * across], -1)


def random_frame(rng: np.random.Generator) -> Frame:
    """A grid at any angle, bent in a good third of all towns; in a fifth of them rings around a point."""
    rings = bool(rng.random() < 0.2)
    bend = float(rng.uniform(0.05, 0.13) * (rng.random() < 0.45))
    centre = rng.uniform(-0.1, 1.1, 2) if rings else (0.5, 0.5)
    return Frame(rng.uniform(0, np.pi), bend, rng.uniform(0, 6.3), (float(centre[0]), float(centre[1])), rings)


def add_barriers(rng: np.random.Generator, town: Town) -> list[Barrier]:
    """Add, each perhaps, a stream, river or bay and a highway."""
    barriers = []
    if rng.random() < 0.5:
        half = float(rng.uniform(*HALF_WIDTHS[rng.choice(3, p=(0.35, 0.4, 0.25))]))
        river = road(_winding(rng, offset=0.08 + half, amplitude=0.07), PATH)
        ripple = 1 + 0.12 * np.sin(np.linspace(0, rng.uniform(4, 12), len(river.line)) + rng.uniform(0, 6))
        side = half * ripple[:, None] * river.normals
        (town.water if half < BRIDGED else town.bays).append(np.concatenate([river.line + side, (river.line - side)[::-1]]))
        barriers.append((river.line, half * 1.12))
    if rng.random() < 0.38:
        line = _winding(rng, offset=0.3, amplitude=0.08)
        town.roads.append(road(line, HIGHWAY))
        barriers.append((line, WIDTHS[HIGHWAY] / 2))
    return barriers


def _winding(rng: np.random.Generator, offset: float, amplitude: float) -> np.ndarray:
    """A gently winding line (64, 2) through the picture, up to `offset` off its middle."""
    turn = rng.uniform(0, 2 * np.pi)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    t = np.linspace(-1.1, 1.1, 64)
    sway = rng.uniform(-offset, offset) + amplitude * rng.uniform(0.2, 1) * np.sin(rng.uniform(2, 5) * t + rng.uniform(0, 6))
    return 0.5 + t[:, None] * along + sway[:, None] * across


def lay_streets(rng: np.random.Generator, frame: Frame, town: Town) -> tuple[list[Box], list[Box]]:
    """Lay the streets; returns the blocks between them and, perhaps, one big common that streets go around."""
    depth, length = rng.uniform(0.13, 0.21), rng.uniform(0.2, 0.36)
    vs = _cuts(rng, 0.09, 1.7, depth) if frame.rings else _cuts(rng, -0.88, 0.88, depth)
    span = (0.0, 2 * np.pi * RADIAL_SCALE) if frame.rings else (-0.88, 0.88)
    shared = _cuts(rng, *span, length) if rng.random() < 0.6 and not frame.rings else None
    common = _common(rng, vs, span, shared)
    blocks: list[Box] = []
    for row, (v0, v1) in enumerate(pairwise(vs)):
        stretch = (v0 + v1) / 2 / RADIAL_SCALE if frame.rings else 1
        us = _cuts(rng, *span, length / stretch) if shared is None else shared
        inside = common[1] < (v0 + v1) / 2 < common[3]
        if inside:
            us = np.unique(np.concatenate([us[(us < common[0]) | (us > common[2])], common[:1], common[2:3]]))
        _lay_row(frame, town, v0, v1, us, () if shared is None else shared[1::4], AVENUE if row % 3 == 1 else STREET, common)
        blocks += [(u0, v0, u1, v1) for u0, u1 in pairwise(us) if not (inside and u0 == common[0])]
    seen = in_sight(frame.place(rim(np.array(blocks))))
    return [block for block, visible in zip(blocks, seen, strict=True) if visible], [common] if common[2] > common[0] else []


def _lay_row(
    frame: Frame, town: Town, v0: float, v1: float, us: np.ndarray, avenues: Sequence[float], rank: int, common: Box
) -> None:
    """The long street at v0, which stops at the common, and the cross streets at `us` from v0 to v1."""
    stops = (us[0], common[0], common[2], us[-1]) if common[1] < v0 < common[3] else (us[0], us[-1])
    for start, stop in zip(stops[::2], stops[1::2], strict=True):
        u = np.linspace(start, stop, max(3, int(20 * (stop - start))))
        _add_streets(town, frame.place(np.stack([u, np.full(len(u), v0)], -1))[None], [rank])
    crossings = np.stack(np.broadcast_arrays(us[:, None], np.linspace(v0, v1, 3)), -1)
    _add_streets(town, frame.place(crossings), [AVENUE if u in avenues else STREET for u in us])


def _common(rng: np.random.Generator, vs: np.ndarray, span: tuple[float, float], shared: np.ndarray | None) -> Box:
    """The place of the big common, two or three rows deep near the middle; an empty box in towns without one."""
    row, rows, present = int(rng.integers(1, len(vs) - 3)), int(rng.integers(2, 4)), rng.random() < 0.35
    if not present:
        return (span[0], vs[0], span[0], vs[0])
    start = rng.uniform(0.3, 0.55) * (span[1] - span[0]) + span[0]
    ends = np.array([start, start + rng.uniform(0.3, 0.5)])
    if shared is not None:
        first = int(np.argmin(abs(shared - start)))
        ends = shared[[first, min(first + 2, len(shared) - 1)]]
    return (float(ends[0]), float(vs[row]), float(ends[1]), float(vs[min(row + rows, len(vs) - 1)]))


def _cuts(rng: np.random.Generator, start: float, stop: float, spacing: float) -> np.ndarray:
    """Cut [start, stop] into pieces of about `spacing` each."""
    widths = rng.uniform(0.7, 1.3, max(2, round((stop - start) / spacing)))
    return start + (stop - start) * np.concatenate([[0], np.cumsum(widths) / widths.sum()])


def _add_streets(town: Town, lines: np.ndarray, ranks: Sequence[int]) -> None:
    """Add the streets (k, n, 2) that may be seen."""
    for line, rank, seen in zip(lines, ranks, in_sight(lines), strict=True):
        if seen:
            town.roads.append(road(line, rank))


def in_sight(lines: np.ndarray) -> np.ndarray:
    """Which lines or outlines (..., n, 2) may touch the picture, bool (...)."""
    return (lines.max(-2) > -0.05).all(-1) & (lines.min(-2) < 1.05).all(-1)


def rim(boxes: np.ndarray | Box) -> np.ndarray:
    """The borders of boxes (..., 4) as points close enough to follow a bent frame, (..., 32, 2)."""
    corners = np.asarray(boxes)[..., RIM_CORNERS]
    return (RIM_SHARES @ corners).reshape(*corners.shape[:-2], 32, 2)
