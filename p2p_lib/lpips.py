"""LPIPS v0.1 with SqueezeNet (Zhang et al. 2018, arXiv:1801.03924): how far two pictures are apart for a network that sees.

Weights are the reader's, two .npz files in one folder: SqueezeNet 1.1, trained on ImageNet, and the linear heads of LPIPS v0.1.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from p2p_lib.codec import to_network_range
from p2p_lib.errors import DataError

TAPS = (1, 4, 7, 9, 10, 11, 12)  # indices into squeezenet.features after which activations are compared
MEAN = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
STD = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
BACKBONE_FILE = "squeezenet1_1_state_dict_fp32_from_fp16.npz"
HEADS_FILE = "lpips_v0.1_squeeze_lin.npz"
MIN_SIDE = 32  # below, SqueezeNet's last layers have no pixel left


class Lpips:
    """``lpips(a, b)``: perceptual distance of two uint8 batches (N, 3, H, W): (N,), 0 is equal, lower is nearer.

    Where several answers are compared with one truth, `activations` are computed once for each and compared by `distance`.
    DataError where `folder` does not hold the two files.
    """

    def __init__(self, folder: str | Path) -> None:
        from torchvision.models import squeezenet1_1

        folder = Path(folder).expanduser()
        state, heads = read_arrays(folder / BACKBONE_FILE), read_arrays(folder / HEADS_FILE)
        net = squeezenet1_1()
        try:
            net.load_state_dict(state)
        except RuntimeError as error:
            raise DataError(f"{folder / BACKBONE_FILE} holds other weights than those of torchvision's squeezenet1_1.") from error
        if len(heads) != len(TAPS):
            raise DataError(f"{folder / HEADS_FILE} holds {len(heads)} heads; LPIPS with SqueezeNet has {len(TAPS)}.")
        self.features = net.features.eval().requires_grad_(False)
        self.heads = [heads[key].view(1, -1, 1, 1) for key in sorted(heads)]

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return self.distance(self.activations(a), self.activations(b))

    def distance(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        """The distance of what `activations` gave for two batches: (N,)."""
        total = torch.zeros(len(a[0]))
        for one, other, head in zip(a, b, self.heads, strict=True):
            total += ((unit(one) - unit(other)).square() * head).sum(1).mean((1, 2))
        return total

    @torch.no_grad()
    def activations(self, images: Tensor) -> list[Tensor]:
        """What SqueezeNet makes of pictures uint8 (N, 3, H, W) at seven depths: float (N, C, h, w), the deepest last."""
        if min(images.shape[-2:]) < MIN_SIDE:
            height, width = images.shape[-2:]
            raise DataError(f"LPIPS needs pictures of at least {MIN_SIDE} x {MIN_SIDE} pixels; got {width} x {height}.")
        x = (to_network_range(images) - MEAN) / STD
        found = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in TAPS:
                found.append(x)
        return found


def unit(x: Tensor) -> Tensor:
    """Every pixel's vector of channels, (N, C, H, W), at length 1."""
    return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)


def read_arrays(path: Path) -> dict[str, Tensor]:
    """The arrays of an .npz file; DataError where there is none, or it is damaged."""
    if not path.is_file():
        raise DataError(f"There is no {path}; LPIPS needs {BACKBONE_FILE} and {HEADS_FILE} in one folder.")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: torch.from_numpy(file[key]) for key in file.files}
    except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as an .npz file ({error}).") from error
