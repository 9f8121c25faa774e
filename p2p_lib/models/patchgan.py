"""The PatchGAN discriminator (Isola et al. 2017, section 3.2.2 and appendix 6.1.2).

L1 already gets the low frequencies right. The discriminator is only asked about the rest: is every *patch* of this picture real?
It is a plain convolutional network; each number of its answer map looks at one patch, and the size of that patch, the receptive
field, follows from its strides alone:

    field   layers                                   answers on 256 x 256
        1   C64-C128 with 1 x 1 filters              256 x 256    every pixel by itself
       16   C64-C128(s1)                              126 x 126    texture
       70   C64-C128-C256-C512(s1)                    30 x 30     the paper's
      286   C64-C128-C256-C512-C512-C512(s1)          6 x 6       nearly the whole picture
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from p2p_lib.models.blocks import Norm, Padding, needs_bias, norm_layer

KERNEL = 4
MAX_WIDTH = 8  # in units of ndf

STRIDES: dict[int, tuple[int, ...]] = {
    16: (2, 1, 1),
    34: (2, 2, 1, 1),
    70: (2, 2, 2, 1, 1),
    142: (2, 2, 2, 2, 1, 1),
    286: (2, 2, 2, 2, 2, 1, 1),
    # the earlier projects': alexeylabs (15 x 15 answers) and Vladislav-IS (2 x 2)
    94: (2, 2, 2, 2, 1),
    382: (2, 2, 2, 2, 2, 2, 2),
}
"""Receptive field -> strides of the 4 x 4 convolutions; the last one gives the answer."""

RECEPTIVE_FIELDS = (1, *sorted(STRIDES))


class PatchDiscriminator(nn.Module):
    """Judge pictures patch by patch: one logit for every patch, positive for "real".

    Called with the pictures to be seen together, each (N, C_i, H, W) in [-1, 1] and `in_channels` in all: ``netD(source, image)``
    asks "is this a real translation *of this source*?" (the conditional GAN of the paper), ``netD(image)`` only "is it real?".
    Returns (N, 1, h, w) logits; `output_size` gives h and w.

    The reference network (70 x 70, six channels, ndf 64, batch norm) has 2,768,705 parameters.
    """

    def __init__(
        self,
        in_channels: int = 6,
        *,
        ndf: int = 64,
        receptive_field: int = 70,
        norm: Norm = "batch",
        padding: Padding = "zeros",
    ) -> None:
        super().__init__()
        self.receptive_field = receptive_field
        if receptive_field == 1:
            self.layers = pixel_layers(in_channels, ndf, norm)
        else:
            self.layers = patch_layers(in_channels, ndf, strides_of(receptive_field), norm, padding)

    def forward(self, *images: Tensor) -> Tensor:
        return self.layers(torch.cat(images, dim=1))


class MultiScaleDiscriminator(nn.Module):
    """Judge pictures at several sizes (Wang et al. 2018, arXiv:1711.11585, section 3.2; so does BicycleGAN).

    The first PatchGAN sees the pictures themselves, each further one a half-size copy of what the one before saw, with half its
    filters: the same patch covers twice as much of the scene. Called as `PatchDiscriminator`; returns a list of logits
    (N, 1, h, w), the full size first.

    BicycleGAN's (three channels, ndf 64, two scales, instance norm) has 3,458,978 parameters.
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        ndf: int = 64,
        n_scales: int = 2,
        receptive_field: int = 70,
        norm: Norm = "instance",
        padding: Padding = "zeros",
    ) -> None:
        super().__init__()
        options = {"receptive_field": receptive_field, "norm": norm, "padding": padding}
        self.scales = nn.ModuleList(PatchDiscriminator(in_channels, ndf=ndf // 2**i, **options) for i in range(n_scales))
        self.halve = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)

    def forward(self, *images: Tensor) -> list[Tensor]:
        x, answers = torch.cat(images, dim=1), []
        for i, netD in enumerate(self.scales):
            x = x if i == 0 else self.halve(x)
            answers.append(netD(x))
        return answers


def patch_layers(in_channels: int, ndf: int, strides: tuple[int, ...], norm: Norm, padding: Padding) -> nn.Sequential:
    """4 x 4 convolutions with the given strides, LeakyReLU between; the first and the last have no normalisation."""
    widths = [in_channels, *(ndf * min(2**i, MAX_WIDTH) for i in range(len(strides) - 1)), 1]
    layers: list[nn.Module] = []
    for i, ((c_in, c_out), stride) in enumerate(zip(pairwise(widths), strides, strict=True)):
        first, last = i == 0, i == len(strides) - 1
        bias = first or last or needs_bias(norm)
        layers.append(nn.Conv2d(c_in, c_out, KERNEL, stride, padding=1, bias=bias, padding_mode=padding))
        if not (first or last):
            layers.append(norm_layer(norm, c_out))
        if not last:
            layers.append(nn.LeakyReLU(0.2))
    return nn.Sequential(*layers)


def pixel_layers(in_channels: int, ndf: int, norm: Norm) -> nn.Sequential:
    """The 1 x 1 "PixelGAN": it sees colours, no structure."""
    return nn.Sequential(
        nn.Conv2d(in_channels, ndf, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(ndf, 2 * ndf, 1, bias=needs_bias(norm)),
        norm_layer(norm, 2 * ndf),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * ndf, 1, 1, bias=needs_bias(norm)),
    )


def strides_of(receptive_field: int) -> tuple[int, ...]:
    """The strides of the convolutions whose answers see `receptive_field` pixels; ValueError where there are none."""
    if receptive_field not in STRIDES:
        raise ValueError(f"receptive_field is one of {', '.join(map(str, RECEPTIVE_FIELDS))}; got {receptive_field}.")
    return STRIDES[receptive_field]


def receptive_field(strides: tuple[int, ...], kernel: int = KERNEL) -> int:
    """The side in pixels of the patch that one answer sees.

    Walking back from one answer, a layer that steps by s and looks at k pixels turns r pixels into (r - 1) s + k.
    """
    field = 1
    for stride in reversed(strides):
        field = (field - 1) * stride + kernel
    return field


def output_size(image_size: int, field: int) -> int:
    """The side of the answer map for a picture of side `image_size`; ValueError where the picture is too small for an answer."""
    size = image_size
    for stride in () if field == 1 else strides_of(field):
        size = (size + 2 - KERNEL) // stride + 1
        if size < 1:
            raise ValueError(
                f"A {field} x {field} PatchGAN has no answer for a picture of side {image_size}; take a smaller field."
            )
    return size
