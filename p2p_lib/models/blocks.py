"""What every network here is made of: normalisation layers and the paper's initialisation."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

Norm = Literal["batch", "instance", "instance-affine", "none"]
Padding = Literal["zeros", "reflect"]


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """The normalisation `norm` for feature maps (N, channels, H, W).

    "batch" normalises over the batch and keeps running statistics for inference; "instance" normalises every picture by itself
    and has no parameters; "instance-affine" adds a learned scale and shift; "none" does nothing.
    """
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm in ("instance", "instance-affine"):
        return nn.InstanceNorm2d(channels, affine=norm == "instance-affine")
    if norm == "none":
        return nn.Identity()
    raise ValueError(f"norm is one of batch, instance, instance-affine, none; got {norm!r}.")


def needs_bias(norm: Norm) -> bool:
    """Whether convolutions carry a bias: not where the normalisation adds a learned shift of its own (as in the reference)."""
    return norm in ("instance", "none")


def init_weights(network: nn.Module, seed: int, std: float = 0.02) -> None:
    """Initialise as the paper does (Isola et al. 2017, section 6.2): weights ~ N(0, 0.02).

    Convolutions get N(0, std) weights and zero biases; the scale of a normalisation gets N(1, std), its shift zero. The draws come
    from a generator of their own, so they depend on `seed` alone.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, std, generator=generator)
        elif isinstance(module, (nn.BatchNorm2d, nn.InstanceNorm2d)) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, std, generator=generator)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
