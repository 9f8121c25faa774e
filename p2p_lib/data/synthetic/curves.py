"""Curves for the synthetic worlds: smooth lines through given points, and lines with a width."""

from __future__ import annotations

import numpy as np


def smooth(knots: np.ndarray, steps: int) -> np.ndarray:
    """A Catmull-Rom curve through knots (n, k) with `steps` points from one to the next, ((n - 1) * steps + 1, k)."""
    ends = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    before, start, stop, after = ends[:-3, None], ends[1:-2, None], ends[2:-1, None], ends[3:, None]
    slope, slope2 = (stop - before) / 2, (after - start) / 2
    curve = start + t * slope + t**2 * (3 * (stop - start) - 2 * slope - slope2) + t**3 * (2 * (start - stop) + slope + slope2)
    return np.concatenate([curve.reshape(-1, knots.shape[1]), knots[-1:]])


def normals(line: np.ndarray) -> np.ndarray:
    """Unit normals (n, 2) along a line (n, 2)."""
    tangents = np.gradient(line, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    return np.stack([-tangents[:, 1], tangents[:, 0]], -1)


def ribbon(line: np.ndarray, sides: np.ndarray, width: float) -> np.ndarray:
    """The outline (2n, 2) of a line (n, 2) drawn `width` wide, given its normals `sides` (n, 2)."""
    offset = sides * (width / 2)
    return np.concatenate([line + offset, (line - offset)[::-1]])
