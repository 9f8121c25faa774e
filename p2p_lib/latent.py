"""Latent codes: drawing them, walking between two, and reading those of a caller.

A code z is a point of a standard normal distribution in nz dimensions; BicycleGAN's generator makes one answer of every code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from p2p_lib.errors import DataError
from p2p_lib.shares import Share

PARALLEL = 1e-4  # radians; below it, and this near to opposite, an arc is not defined well enough


def draw_latent(count: int, nz: int, like: Tensor | None = None, share: Share | None = None) -> Tensor:
    """`count` codes (count, nz) from torch's global generator of the CPU, on the device of `like`: alike on all devices.

    With a `share`, those that belong to it of the codes of the whole batch.
    """
    z = torch.randn(count, nz) if share is None else share.of(torch.randn(count * share.count, nz))
    return z if like is None else z.to(like.device)


def random_latents(count: int, nz: int, seed: int = 0) -> np.ndarray:
    """`count` codes, float32 (count, nz); the same seed gives the same, and a longer series begins as a shorter one does."""
    generator = torch.Generator().manual_seed(seed)
    return np.stack([torch.randn(nz, generator=generator).numpy() for _ in range(count)])


def interpolate(start: np.ndarray, end: np.ndarray, count: int = 8) -> np.ndarray:
    """`count` codes on the way from `start` to `end`, both (nz,) and both included: float32 (count, nz).

    The way is the arc, its length growing evenly (slerp; White 2016, arXiv:1609.04468). Codes of many dimensions lie near a
    sphere of radius sqrt(nz); a straight line cuts through its inside, where hardly a code lies and answers turn out bland. From or
    to the very middle, and between opposite codes, where no arc is the shortest, the way is straight.
    """
    return _along(start, end, np.linspace(0, 1, count))


def between_four(corners: np.ndarray, x: float, y: float) -> np.ndarray:
    """The code at a place of the square between four codes (4, nz): top left, top right, bottom left, bottom right; float32 (nz,).

    `x` goes from left (0) to right (1), `y` from top to bottom: along the arcs of the upper and the lower edge, then between these.
    """
    upper, lower = (_along(left, right, np.array([x]))[0] for left, right in (corners[:2], corners[2:]))
    return _along(upper, lower, np.array([y]))[0]


def square(corners: np.ndarray, count: int = 5) -> np.ndarray:
    """`count` x `count` codes evenly over the square between four, the corners included: float32 (count, count, nz), row by row."""
    places = np.linspace(0, 1, count)
    return np.array([[between_four(corners, x, y) for x in places] for y in places])


def _along(start: np.ndarray, end: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The codes at these shares (n,) of the way from `start` to `end`, float32 (n, nz)."""
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    share = shares[:, None]
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    angle = np.arccos(np.clip(start @ end / (lengths[0] * lengths[1]), -1, 1)) if min(lengths) > 0 else 0.0
    if angle < PARALLEL or angle > np.pi - PARALLEL:
        return (start + share * (end - start)).astype(np.float32)
    direction = (np.sin((1 - share) * angle) * start / lengths[0] + np.sin(share * angle) * end / lengths[1]) / np.sin(angle)
    return (direction * (lengths[0] + share * (lengths[1] - lengths[0]))).astype(np.float32)


def check_takes_latent(nz: int) -> None:
    """DataError unless a model has a latent code."""
    if nz == 0:
        raise DataError("This model has one answer to a picture: its generator takes no latent code, so leave z and n_samples out.")


def as_latents(z: Any, nz: int) -> Tensor:
    """A caller's code (nz,) or codes (n, nz), of any kind of numbers, as float32; DataError where they are not that."""
    check_takes_latent(nz)
    try:
        latents = torch.as_tensor(z, dtype=torch.float32).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise DataError(f"z is an array of {nz} numbers, or (n, {nz}) for n answers; got {type(z).__name__}.") from None
    if latents.ndim not in (1, 2) or latents.shape[-1] != nz or len(latents) == 0:
        raise DataError(f"z is an array of {nz} numbers, or (n, {nz}) for n answers; got the shape {tuple(latents.shape)}.")
    if not latents.isfinite().all():
        raise DataError("z holds numbers that are not finite; draw it with p2p_lib.latent.random_latents, or encode a photo.")
    return latents
