"""LPIPS v0.1 with SqueezeNet (Zhang et al. 2018), on weights that a reader has as .npz files; for tests and measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.models import squeezenet1_1

TAPS = (1, 4, 7, 9, 10, 11, 12)  # indices into squeezenet.features after which activations are compared
MEAN = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
STD = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)


class Lpips:
    """Perceptual distance of two uint8 batches (N, 3, H, W): (N,), lower is nearer."""

    def __init__(self, folder: Path) -> None:
        state = np.load(folder / "squeezenet1_1_state_dict_fp32_from_fp16.npz")
        heads = np.load(folder / "lpips_v0.1_squeeze_lin.npz")
        net = squeezenet1_1()
        net.load_state_dict({key: torch.from_numpy(state[key]) for key in state.files})
        self.features = net.features.eval()
        self.heads = [torch.from_numpy(heads[key]).view(1, -1, 1, 1) for key in sorted(heads.files)]

    @torch.no_grad()
    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        total = torch.zeros(len(a))
        for one, other, head in zip(self._activations(a), self._activations(b), self.heads, strict=True):
            total += ((one - other).square() * head).sum(1).mean((1, 2))
        return total

    def _activations(self, images: Tensor) -> list[Tensor]:
        x = (images.float() / 127.5 - 1 - MEAN) / STD
        found = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in TAPS:
                found.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return found
