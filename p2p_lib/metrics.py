"""How good is it: distances between generated pictures and the truth."""

from __future__ import annotations

import torch
from torch import Tensor


def l1(fake: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of uint8 pictures (N, C, H, W), each relative to white: (N,) in [0, 1], lower is nearer."""
    return (fake.float() - target.float()).abs().mean(dim=(1, 2, 3)) / 255


def psnr(fake: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of uint8 pictures (N, C, H, W) in decibel: (N,), higher is nearer, at most 100."""
    error = (fake.float() - target.float()).square().mean(dim=(1, 2, 3)) / 255**2
    return -10 * torch.log10(error.clamp_min(1e-10))
