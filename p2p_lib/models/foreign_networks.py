"""Networks of other projects that are not the course's own with other names: written anew from what is known of them.

Most U-Nets of the world differ from the paper's in small things: whether the activation comes after the convolution (then the skips
carry negative values, too), where a bias or a normalisation is, how the decoder doubles. Here every layer is a `Step` and every
network a list of steps, so that such things are said once, in the function that makes the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from p2p_lib.models.unet import check_latent, check_sides

Maker = Callable[[int], nn.Module]
Options = dict[str, Any]
Change = Literal["down", "keep", "transpose", "nearest", "bilinear", "bilinear-corners"]

affine = partial(nn.InstanceNorm2d, affine=True)
leaky = partial(nn.LeakyReLU, 0.2)


class Step(nn.Module):
    """Convolution -> norm -> activation -> dropout: (N, c_in, H, W) -> (N, c_out, H', W').

    change : what becomes of the size: "down" halves it and "keep" takes one pixel off, by a convolution of the given `kernel`; the
        others double it, by a 4 x 4 transposed convolution or by resizing ("bilinear-corners" keeps the corners where they are) and
        a 3 x 3 convolution.
    norm, activation : what makes them, or None.
    idle_norm : the authors made one more norm and never call it; its entries are in their files.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        *,
        change: Change,
        kernel: int = 4,
        padding: str = "zeros",
        bias: bool = True,
        norm: Maker | None = None,
        activation: Callable[[], nn.Module] | None = None,
        dropout: bool = False,
        idle_norm: bool = False,
    ) -> None:
        super().__init__()
        if change == "transpose":
            self.conv = nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1, bias=bias)
        else:
            kernel, stride = (kernel, 2 if change == "down" else 1) if change in ("down", "keep") else (3, 1)
            self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=1, bias=bias, padding_mode=padding)
        self.resize = _resize(change)
        self.norm = norm(c_out) if norm else nn.Identity()
        self.activation = activation() if activation else nn.Identity()
        self.dropout = nn.Dropout(0.5) if dropout else nn.Identity()
        self.idle_norm = affine(c_out) if idle_norm else None

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.activation(self.norm(self.conv(self.resize(x)))))


def _resize(change: Change) -> nn.Module:
    if change == "nearest":
        return nn.Upsample(scale_factor=2, mode="nearest")
    if change in ("bilinear", "bilinear-corners"):
        return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=change == "bilinear-corners")
    return nn.Identity()


class SteppedUNet(nn.Module):
    """A U-Net of steps: (N, in_channels, H, W) -> (N, out_channels, H, W) in [-1, 1]; sides are multiples of `multiple`.

    `latent` turns a latent code into one more channel of the input; without a code it is zeros.
    """

    def __init__(self, down: Sequence[Step], up: Sequence[Step], *, multiple: int, latent: LatentPlane | None = None) -> None:
        super().__init__()
        self.multiple = multiple
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        self.latent = latent

    def forward(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        check_sides(x, self.multiple)
        x, skips = x if self.latent is None else self.latent(x, z), []
        for down in self.down:
            x = down(x)
            skips.append(x)
        x = self.up[0](skips.pop())
        for up in self.up[1:]:
            x = up(torch.cat([skips.pop(), x], dim=1))
        return torch.tanh(x)


class LatentPlane(nn.Module):
    """A code (N, nz) drawn as a picture by one linear layer, and put behind the channels of `x`: (N, C + 1, side, side)."""

    def __init__(self, nz: int, side: int) -> None:
        super().__init__()
        self.nz, self.side = nz, side
        self.fc = nn.Linear(nz, side**2)

    def forward(self, x: Tensor, z: Tensor | None) -> Tensor:
        if x.shape[-2:] != (self.side, self.side):
            raise ValueError(f"This network takes pictures of {self.side} x {self.side}; got {x.shape[-1]} x {x.shape[-2]}.")
        plane = self.fc(check_latent(x, z, self.nz)).reshape(len(x), 1, self.side, self.side)
        return torch.cat([x, plane], dim=1)


def alexeylabs_unet(in_channels: int = 3, out_channels: int = 3, ngf: int = 64) -> SteppedUNet:
    """The paper's U-Net with a bias everywhere, activations after the convolutions, none at the bottleneck: 54,419,459 parameters.

    It was trained on pictures in [0, 1].
    """
    widths, norm = _widths(ngf), {"norm": nn.BatchNorm2d}
    plain = {"norm": None, "activation": None}
    down = _encoder([in_channels, *widths], norm | {"activation": leaky}, first={"norm": None}, inner=plain)
    up = _decoder(widths, out_channels, [norm | TRANSPOSED] * 7, TRANSPOSED)
    return SteppedUNet(down, up, multiple=256)


def annkka3_unet(in_channels: int = 3, out_channels: int = 3, ngf: int = 64) -> SteppedUNet:
    """Reflect padding, no bias but at the bottleneck and the end: 54,414,467 parameters."""
    widths, usual = _widths(ngf), {"norm": nn.BatchNorm2d, "bias": False}
    down = _encoder([in_channels, *widths], usual | REFLECTED, first={"norm": None}, inner=BOTTLENECK)
    up = _decoder(widths, out_channels, [usual | TRANSPOSED] * 7, TRANSPOSED)
    return SteppedUNet(down, up, multiple=256)


def jys1670_unet(in_channels: int = 3, out_channels: int = 3, ngf: int = 64) -> SteppedUNet:
    """Reflect padding, learned instance norm, four transposed convolutions and then four resized: 52,003,395 parameters."""
    widths, usual = _widths(ngf), {"norm": affine, "bias": False}
    resized = {"change": "bilinear-corners", "padding": "reflect"}
    down = _encoder([in_channels, *widths], usual | REFLECTED, first={"norm": None, "bias": True}, inner=BOTTLENECK)
    up = _decoder(widths, out_channels, [usual | TRANSPOSED] * 4 + [usual | resized] * 3, resized)
    return SteppedUNet(down, up, multiple=256)


def vladislav_unet(in_channels: int = 3, out_channels: int = 3, ngf: int = 64) -> SteppedUNet:
    """Seven layers down to 2 x 2, instance norm and ReLU everywhere, a slim bilinear decoder: 26,007,753 parameters."""
    widths, resized = _widths(ngf, 7), {"change": "bilinear"}
    slim = [ngf * factor for factor in (8, 8, 4, 2, 1, 1)]
    down = _encoder([in_channels, *widths], {"norm": affine, "activation": nn.ReLU})
    up = _decoder(widths, out_channels, [{"norm": affine} | resized] * 6, {"idle_norm": True} | resized, widths=slim, dropouts=2)
    return SteppedUNet(down, up, multiple=256)  # a single pixel at the bottleneck could not be normalised


def pavel_unet(in_channels: int = 3, out_channels: int = 3, ngf: int = 64, nz: int = 8, side: int = 128) -> SteppedUNet:
    """Seven layers of 3 x 3 convolutions, and a latent code drawn as a fourth channel: 23,680,259 parameters.

    The 0.8 was meant as the momentum of batch norm, whose second argument it is not.
    """
    widths, usual = _widths(ngf, 7), {"norm": partial(nn.BatchNorm2d, eps=0.8), "bias": False}
    resized, bare = {"change": "nearest"}, {"norm": None}
    down = _encoder([in_channels + 1, *widths], usual | {"activation": leaky, "kernel": 3}, first=bare, inner=bare)
    up = _decoder(widths, out_channels, [usual | resized] * 6, resized, dropouts=0)
    return SteppedUNet(down, up, multiple=side, latent=LatentPlane(nz, side))


TRANSPOSED: Options = {"change": "transpose"}
REFLECTED: Options = {"activation": leaky, "padding": "reflect"}
BOTTLENECK: Options = {"norm": None, "bias": True, "activation": nn.ReLU, "padding": "zeros"}


def _widths(width: int, depth: int = 8) -> list[int]:
    """Filters of an encoder's or a discriminator's layers, the paper's."""
    return [width * min(2**i, 8) for i in range(depth)]


def _encoder(channels: list[int], usual: Options, *, first: Options | None = None, inner: Options | None = None) -> list[Step]:
    """Halving steps between these channels; the outermost and the innermost may differ."""
    special = [first or {}, *({} for _ in channels[3:]), inner or {}]
    pairs = zip(pairwise(channels), special, strict=True)
    return [Step(c_in, c_out, **({"change": "down"} | usual | own)) for (c_in, c_out), own in pairs]


def _decoder(
    skips: list[int],
    out_channels: int,
    usual: list[Options],
    last: Options,
    *,
    widths: list[int] | None = None,
    dropouts: int = 3,
) -> list[Step]:
    """Doubling steps with ReLU, and the `last` without; all but the first also get the encoder's answer of their size.

    `widths` are those of the encoder backwards, unless given.
    """
    widths = [*(widths or reversed(skips[:-1])), out_channels]
    options = [*({"activation": nn.ReLU, "dropout": i < dropouts} | own for i, own in enumerate(usual)), last]
    sizes = zip(reversed(skips), [0, *widths[:-1]], widths, options, strict=True)
    return [Step(skip + below, width, **own) for skip, below, width, own in sizes]


class SteppedDiscriminator(nn.Module):
    """A PatchGAN of steps. Called with pictures of `in_channels` in all; (N, 1, h, w) logits, or probabilities where the authors'
    network ends in a sigmoid.
    """

    def __init__(self, steps: Sequence[Step], *, probabilities: bool = False) -> None:
        super().__init__()
        self.steps = nn.Sequential(*steps)
        self.answer = nn.Sigmoid() if probabilities else nn.Identity()

    def forward(self, *images: Tensor) -> Tensor:
        return self.answer(self.steps(torch.cat(images, dim=1)))


def alexeylabs_discriminator(in_channels: int = 6, ndf: int = 64) -> SteppedDiscriminator:
    """Four halving convolutions, each with a bias: 15 x 15 probabilities at 256 px, 2,769,601 parameters."""
    steps = _encoder([in_channels, *_widths(ndf, 4)], {"norm": nn.BatchNorm2d, "activation": leaky}, first={"norm": None})
    return SteppedDiscriminator([*steps, Step(8 * ndf, 1, change="keep")], probabilities=True)


def annkka3_discriminator(in_channels: int = 6, ndf: int = 64) -> SteppedDiscriminator:
    """The paper's 70 x 70 with reflect padding and a bias at the end alone: logits, 2,768,641 parameters."""
    usual = REFLECTED | {"norm": nn.BatchNorm2d, "bias": False}
    steps = _encoder([in_channels, *_widths(ndf, 4)], usual, first={"norm": None}, inner={"change": "keep"})
    return SteppedDiscriminator([*steps, Step(8 * ndf, 1, change="keep", padding="reflect")])


def vladislav_discriminator(in_channels: int = 6, ndf: int = 64) -> SteppedDiscriminator:
    """Seven halving convolutions, instance norm after the first, too: 2 x 2 probabilities at 256 px, 11,161,411 parameters."""
    steps = _encoder([in_channels, *_widths(ndf, 6)], {"norm": affine, "activation": leaky})
    return SteppedDiscriminator([*steps, Step(8 * ndf, 1, change="down", idle_norm=True)], probabilities=True)


class UnitRange(nn.Module):
    """A generator that was trained on pictures in [0, 1], for pictures in [-1, 1] like all others."""

    def __init__(self, netG: nn.Module) -> None:
        super().__init__()
        self.netG, self.multiple = netG, netG.multiple

    def forward(self, x: Tensor) -> Tensor:
        return self.netG((x + 1) / 2) * 2 - 1
