"""Adversarial losses: how a discriminator's answers become a number to minimise.

All take logits (N, 1, h, w), the answer map of a PatchGAN, and return the mean over all patches. For `vanilla`, log 2 = 0.693 is
the loss of a discriminator that cannot tell and answers 0 everywhere: the number to look for in the curves.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

GanMode = Literal["vanilla", "lsgan", "hinge"]


def discriminator_losses(real: Tensor, fake: Tensor, mode: GanMode = "vanilla") -> tuple[Tensor, Tensor]:
    """D's losses on real and on fake pictures, two scalars, to be added.

    vanilla   -log s(real),        -log(1 - s(fake))   Goodfellow et al. 2014; s is the sigmoid
    lsgan     (real - 1)^2,        fake^2              Mao et al. 2017
    hinge     max(0, 1 - real),    max(0, 1 + fake)    Lim and Ye 2017
    """
    if mode == "vanilla":
        return F.softplus(-real).mean(), F.softplus(fake).mean()
    if mode == "lsgan":
        return (real - 1).square().mean(), fake.square().mean()
    if mode == "hinge":
        return torch.relu(1 - real).mean(), torch.relu(1 + fake).mean()
    raise ValueError(f"gan_mode is one of vanilla, lsgan, hinge; got {mode!r}.")


def generator_loss(fake: Tensor, mode: GanMode = "vanilla") -> Tensor:
    """G's adversarial loss, a scalar: small where D takes the fake for real.

    vanilla is the non-saturating -log s(fake) (Goodfellow et al. 2014, section 3), as in the paper, not log(1 - s(fake)).
    """
    if mode == "vanilla":
        return F.softplus(-fake).mean()
    if mode == "lsgan":
        return (fake - 1).square().mean()
    if mode == "hinge":
        return -fake.mean()
    raise ValueError(f"gan_mode is one of vanilla, lsgan, hinge; got {mode!r}.")
