"""The U-Net generator of pix2pix (Isola et al. 2017, arXiv:1611.07004, section 3.2.1 and appendix 6.1.1).

Source and target of a pair show the same scene: an edge in one lies where an edge in the other lies. An encoder-decoder would
have to squeeze every such position through its bottleneck. The U-Net spares it that: layer i of the encoder is concatenated to
layer n - i of the decoder, so that positions travel straight across, and only what is *meant* goes through the bottleneck.
Section 4.3 severs these skips again to see what they are worth: the encoder-decoder, `skips=False`.

    encoder   C64-C128-C256-C512-C512-C512-C512-C512          for 256 x 256: 256 -> 1, each layer halves the size
    decoder   CD512-CD512-CD512-C512-C256-C128-C64-(out)      each layer doubles it; D is dropout, the only noise pix2pix has
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from p2p_lib.models.blocks import Norm, Padding, needs_bias, norm_layer

Upsample = Literal["transpose", "nearest", "bilinear"]
Inject = Literal["input", "all"]
DROPOUT_LAYERS = 3
MAX_WIDTH = 8  # in units of ngf


class UNetGenerator(nn.Module):
    """Translate pictures (N, in_channels, H, W) in [-1, 1] to (N, out_channels, H, W) in [-1, 1].

    Parameters
    ----------
    image_size : the size the network is built for, a power of two from 32 to 1024. It has log2(image_size) layers down to a
        1 x 1 bottleneck; any picture whose sides are multiples of `image_size` fits, too.
    ngf : number of filters of the first layer; the widths are ngf x (1, 2, 4, 8, 8, ...).
    norm : "batch" (the paper), "instance", "instance-affine" or "none".
    dropout : whether the three innermost decoder layers drop half of their activations in train mode.
    upsample : how the decoder doubles: "transpose" (the paper's 4 x 4 transposed convolution) or "nearest" / "bilinear" resizing
        followed by a 3 x 3 convolution, which leaves no checkerboard (Odena et al. 2016, distill.pub/2016/deconv-checkerboard).
    padding : "zeros" (the paper) or "reflect", for every convolution but the bottleneck's.
    skips : whether the decoder also sees the encoder's layers; without, it is the paper's encoder-decoder (section 4.3).
    source_skip : whether two more convolutions at the end see the source itself, beside what the decoder made. The paper's finest
        skip is at half the size, where a line one pixel wide is lost.
    nz, inject : length of the latent code that chooses one of many answers (BicycleGAN, Zhu et al. 2017, arXiv:1711.11586, section
        3.4), 0 for none. It is repeated at every pixel as nz more channels: "input" of the picture, or "all" of what every layer
        down is given; the skips do not carry it.

    The reference network (256, ngf 64, batch norm) has 54,413,955 parameters, 39,075,459 of them without skips; with instance norm
    and nz 8 it has 54,417,795 ("input") or 54,794,627 ("all").
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        *,
        image_size: int = 256,
        ngf: int = 64,
        norm: Norm = "batch",
        dropout: bool = True,
        upsample: Upsample = "transpose",
        padding: Padding = "zeros",
        skips: bool = True,
        source_skip: bool = False,
        nz: int = 0,
        inject: Inject = "input",
    ) -> None:
        super().__init__()
        if inject not in get_args(Inject):
            raise ValueError(f"inject is one of {', '.join(get_args(Inject))}; got {inject!r}.")
        self.nz, self.inject, self.skips = nz, inject, skips
        depth = num_layers(image_size)
        widths = [ngf * min(2**i, MAX_WIDTH) for i in range(depth)]  # 64, 128, 256, 512, 512, ...
        self.multiple = 2**depth
        self.down = nn.ModuleList()
        for i, width in enumerate(widths):
            outer, inner = i == 0, i == depth - 1
            latent = nz if outer or inject == "all" else 0
            self.down.append(
                DownBlock(
                    (in_channels if outer else widths[i - 1]) + latent,
                    width,
                    norm="none" if outer or inner else norm,
                    bias=needs_bias(norm),
                    activate=not outer,
                    padding="zeros" if inner else padding,  # mirroring 2 x 2 pixels only repeats them
                )
            )
        self.up = nn.ModuleList()
        for i, width in reversed(list(enumerate(widths))):
            outer, inner = i == 0, i == depth - 1
            self.up.append(
                UpBlock(
                    width if inner or not skips else 2 * width,
                    widths[i - 1] if not outer else ngf if source_skip else out_channels,
                    norm="none" if outer else norm,
                    bias=outer or needs_bias(norm),
                    dropout=dropout and depth - 1 - i < DROPOUT_LAYERS,
                    upsample=upsample,
                    padding=padding,
                )
            )
        self.detail = DetailBlock(in_channels + ngf, ngf, out_channels, padding) if source_skip else None

    def forward(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        """Translate `x`; `z` is the latent code (N, nz), or None for zeros, the middle of its distribution."""
        check_sides(x, self.multiple)
        z = check_latent(x, z, self.nz)
        source, skips = x, []
        for i, down in enumerate(self.down):
            x = down(append_latent(x, z) if i == 0 or self.inject == "all" else x)
            skips.append(x)
        x = self.up[0](skips.pop())
        for up in self.up[1:]:
            x = up(torch.cat([skips.pop(), x], dim=1) if self.skips else x)
        if self.detail is not None:
            x = self.detail(torch.cat([source, x], dim=1))
        return torch.tanh(x)


class DownBlock(nn.Module):
    """LeakyReLU -> 4 x 4 convolution of stride 2 -> norm: (N, C_in, H, W) -> (N, C_out, H/2, W/2)."""

    def __init__(self, c_in: int, c_out: int, *, norm: Norm, bias: bool, activate: bool, padding: Padding) -> None:
        super().__init__()
        self.activation = nn.LeakyReLU(0.2) if activate else nn.Identity()
        self.conv = nn.Conv2d(c_in, c_out, kernel_size=4, stride=2, padding=1, bias=bias, padding_mode=padding)
        self.norm = norm_layer(norm, c_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(self.activation(x)))


class UpBlock(nn.Module):
    """ReLU -> doubling convolution -> norm -> dropout: (N, C_in, H, W) -> (N, C_out, 2H, 2W)."""

    def __init__(
        self, c_in: int, c_out: int, *, norm: Norm, bias: bool, dropout: bool, upsample: Upsample, padding: Padding
    ) -> None:
        super().__init__()
        self.activation = nn.ReLU()
        self.conv = doubling_conv(c_in, c_out, upsample, bias=bias, padding=padding)
        self.norm = norm_layer(norm, c_out)
        self.dropout = nn.Dropout(0.5) if dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.norm(self.conv(self.activation(x))))


class DetailBlock(nn.Sequential):
    """Two 3 x 3 convolutions at full size: (N, C_in, H, W) -> (N, C_out, H, W)."""

    def __init__(self, c_in: int, width: int, c_out: int, padding: Padding) -> None:
        first, second = (nn.Conv2d(*c, 3, padding=1, padding_mode=padding) for c in ((c_in, width), (width, c_out)))
        super().__init__(first, nn.LeakyReLU(0.2), second)


def check_sides(x: Tensor, multiple: int) -> None:
    """ValueError unless both sides of the pictures (N, C, H, W) are multiples of `multiple`."""
    height, width = x.shape[-2:]
    if height % multiple or width % multiple:
        raise ValueError(f"This U-Net takes pictures whose sides are multiples of {multiple}; got {width} x {height}.")


def check_latent(x: Tensor, z: Tensor | None, nz: int) -> Tensor:
    """The latent code (N, nz) for the pictures `x`, zeros where there is none; ValueError where its shape is another."""
    if z is None:
        return x.new_zeros(len(x), nz)
    if z.shape != (len(x), nz):
        raise ValueError(f"The latent code of this network has the shape {(len(x), nz)} here; got {tuple(z.shape)}.")
    return z


def append_latent(x: Tensor, z: Tensor) -> Tensor:
    """The code (N, nz), the same at every pixel, as more channels behind those of `x`: (N, C + nz, H, W)."""
    if z.shape[1] == 0:
        return x
    return torch.cat([x, z.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[-2:])], dim=1)


def doubling_conv(c_in: int, c_out: int, upsample: Upsample, *, bias: bool, padding: Padding) -> nn.Module:
    """A learned layer that doubles the size: (N, c_in, H, W) -> (N, c_out, 2H, 2W)."""
    if upsample == "transpose":
        return nn.ConvTranspose2d(c_in, c_out, kernel_size=4, stride=2, padding=1, bias=bias)
    if upsample in ("nearest", "bilinear"):
        resize = nn.Upsample(scale_factor=2, mode=upsample)
        return nn.Sequential(resize, nn.Conv2d(c_in, c_out, 3, padding=1, bias=bias, padding_mode=padding))
    raise ValueError(f"upsample is one of transpose, nearest, bilinear; got {upsample!r}.")


def num_layers(image_size: int) -> int:
    """How often `image_size` halves down to 1 x 1; ValueError unless it is a power of two from 32 to 1024."""
    if image_size not in (32, 64, 128, 256, 512, 1024):
        raise ValueError(f"image_size is a power of two from 32 to 1024; got {image_size}.")
    return int(math.log2(image_size))
