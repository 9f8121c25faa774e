"""The improved network of Anime2Sketch: a U-Net that doubles by resizing, blurring and convolving, so that lines come out even."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from p2p_lib.models.unet import UNetGenerator


class SmoothUNet(UNetGenerator):
    """The improved network of Anime2Sketch (2023): all decoder layers but the first and the last double smoothly.

    With three channels in, one out and instance norm it has 47,976,513 parameters.
    """

    def __init__(self, in_channels: int = 3, out_channels: int = 1, **settings: Any) -> None:
        super().__init__(in_channels, out_channels, **settings)
        for block in self.up[1:-1]:
            block.conv = SmoothDouble(block.conv.in_channels, block.conv.out_channels)


class SmoothDouble(nn.Module):
    """Resize, blur, 3 x 3 convolution, and a small network at every pixel: (N, c_in, H, W) -> (N, c_out, 2H, 2W)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.resize = nn.Upsample(scale_factor=2, mode="bilinear")
        self.smooth = Blur()
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.mlp = nn.Sequential(nn.Conv2d(c_out, 4 * c_out, 1), nn.GELU(), nn.Conv2d(4 * c_out, c_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(self.smooth(self.resize(x)))
        return x + self.mlp(x)


class Blur(nn.Module):
    """Every channel blurred by the same 3 x 3 kernel, which is no parameter but stands in the files; borders are repeated."""

    def __init__(self) -> None:
        super().__init__()
        # written out: arithmetic on the "meta" device, where networks are built before they are filled, imports for two seconds
        kernel = [[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]]
        self.register_buffer("kernel", torch.tensor([[kernel]]))

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        padded = nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
        return nn.functional.conv2d(padded, self.kernel.expand(channels, 1, 3, 3), groups=channels)
