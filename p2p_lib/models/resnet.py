"""The ResNet generator of CycleGAN (Zhu et al. 2017, arXiv:1703.10593, appendix 7.2; after Johnson et al. 2016).

It goes down only twice, to a quarter of the size, and does its work there: a chain of residual blocks, each of which adds a
correction to what it was given. There are no skip connections; positions survive because the picture never becomes smaller than a
quarter. Any size that is a multiple of 4 fits, and every output pixel sees the same neighbourhood wherever it lies.

    c7s1-64, d128, d256, R256 x 6 or 9, u128, u64, c7s1-(out)      R: two 3 x 3 convolutions around which the input is carried
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from p2p_lib.models.blocks import Norm, Padding, needs_bias, norm_layer
from p2p_lib.models.unet import Upsample, doubling_conv


class ResNetGenerator(nn.Module):
    """Translate pictures (N, in_channels, H, W) in [-1, 1] to (N, out_channels, H, W) in [-1, 1]; H and W are multiples of 4.

    Parameters
    ----------
    ngf : filters of the first layer; the blocks have four times as many.
    n_blocks : residual blocks, in the paper 6 for 128 px and 9 for 256 px and more.
    norm, dropout, padding : as in `UNetGenerator`; dropout lies between the two convolutions of a block. The stride-2 convolutions
        always pad with zeros.
    upsample : "transpose" (the paper's 3 x 3 transposed convolution), or "nearest" / "bilinear" resizing and a 3 x 3 convolution.

    The reference network (ngf 64, 9 blocks, instance norm) has 11,378,179 parameters.
    """

    multiple = 4

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        *,
        ngf: int = 64,
        n_blocks: int = 9,
        norm: Norm = "instance",
        dropout: bool = False,
        upsample: Upsample = "transpose",
        padding: Padding = "reflect",
    ) -> None:
        super().__init__()
        bias, widths = needs_bias(norm), (ngf, 2 * ngf, 4 * ngf)
        layers = [nn.Conv2d(in_channels, ngf, 7, padding=3, bias=bias, padding_mode=padding), norm_layer(norm, ngf), nn.ReLU()]
        for c_in, c_out in pairwise(widths):
            layers += [nn.Conv2d(c_in, c_out, 3, stride=2, padding=1, bias=bias), norm_layer(norm, c_out), nn.ReLU()]
        layers += [ResidualBlock(widths[-1], norm=norm, bias=bias, dropout=dropout, padding=padding) for _ in range(n_blocks)]
        for c_in, c_out in pairwise(reversed(widths)):
            layers += [self._double(c_in, c_out, upsample, bias, padding), norm_layer(norm, c_out), nn.ReLU()]
        layers += [nn.Conv2d(ngf, out_channels, 7, padding=3, padding_mode=padding)]
        self.layers = nn.Sequential(*layers)

    @staticmethod
    def _double(c_in: int, c_out: int, upsample: Upsample, bias: bool, padding: Padding) -> nn.Module:
        if upsample == "transpose":
            return nn.ConvTranspose2d(c_in, c_out, 3, stride=2, padding=1, output_padding=1, bias=bias)
        return doubling_conv(c_in, c_out, upsample, bias=bias, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] % self.multiple or x.shape[-2] % self.multiple:
            raise ValueError(f"This ResNet takes pictures whose sides are multiples of 4; got {x.shape[-1]} x {x.shape[-2]}.")
        return torch.tanh(self.layers(x))


class ResidualBlock(nn.Module):
    """x -> x + (conv -> norm -> ReLU -> dropout -> conv -> norm)(x), 3 x 3, the size and the channels unchanged."""

    def __init__(self, channels: int, *, norm: Norm, bias: bool, dropout: bool, padding: Padding) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=bias, padding_mode=padding),
            norm_layer(norm, channels),
            nn.ReLU(),
            nn.Dropout(0.5) if dropout else nn.Identity(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=bias, padding_mode=padding),
            norm_layer(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.change(x)
