"""Codecs: what a network sees of a picture, and what its answer means.

Pictures at rest are uint8 (or uint16, or floats in [0, 1]); in flight they are float tensors (N, C, H, W) in [-1, 1]. This file
is the only place where one becomes the other.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from p2p_lib.color import lab_to_rgb, rgb_to_lab
from p2p_lib.errors import ConfigError, did_you_mean

LEVELS = {torch.uint8: 255.0, torch.uint16: 65535.0}
"""White, for every dtype that pictures are stored in; float pictures have white at 1."""

GAMUT_TOLERANCE = 0.5 / 255
"""A colour counts as out of gamut where clipping moves it by more than this, half a level of 8 bits."""


class Codec(Protocol):
    """What a codec offers; `in_channels` and `out_channels` are what the generator takes and gives."""

    in_channels: int
    out_channels: int
    keeps_lightness: bool
    """Whether the lightness of what it decodes is that of the source, which a lossy file format would change again."""
    reach: int
    """How many pixels away from a pixel its decoding looks at the source; 0: nowhere but there."""

    def encode_source(self, image: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) -> network input (N, in_channels, H, W) in [-1, 1]."""

    def seen(self, image: Tensor) -> Tensor:
        """Source pictures (N, 3, H, W) -> the same as the network is shown them, for people to look at; of the input's dtype."""

    def encode_target(self, image: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) -> what the network must produce, (N, out_channels, H, W) in [-1, 1]."""

    def decode(self, output: Tensor, source: Tensor, dtype: torch.dtype = torch.uint8) -> Tensor:
        """Network output (N, out_channels, H, W), with the source picture it answers -> pictures (N, 3, H, W) of `dtype`."""


class RgbCodec:
    """Colour in, colour out: both halves of the pair are RGB pictures, scaled from black..white to -1..1."""

    in_channels = 3
    out_channels = 3
    keeps_lightness = False
    reach = 0

    def encode_source(self, image: Tensor) -> Tensor:
        return to_network_range(image)

    encode_target = encode_source

    def seen(self, image: Tensor) -> Tensor:
        return image

    def decode(self, output: Tensor, source: Tensor, dtype: torch.dtype = torch.uint8) -> Tensor:
        return from_network_range(output, dtype)


class LabCodec:
    """Lightness in, colour out: the network sees L, as L/50 - 1, and answers with (a, b)/110. L is that of the source itself."""

    in_channels = 1
    out_channels = 2
    keeps_lightness = True
    reach = 0

    def encode_source(self, image: Tensor) -> Tensor:
        return picture_to_lab(image)[:, :1] / 50 - 1

    def seen(self, image: Tensor) -> Tensor:
        return self.decode(torch.zeros(len(image), 2, *image.shape[-2:], device=image.device), image, image.dtype)

    def encode_target(self, image: Tensor) -> Tensor:
        return picture_to_lab(image)[:, 1:] / 110

    def decode(self, output: Tensor, source: Tensor, dtype: torch.dtype = torch.uint8) -> Tensor:
        return self.decode_counted(output, source, dtype)[0]

    def decode_counted(self, output: Tensor, source: Tensor, dtype: torch.dtype = torch.uint8) -> tuple[Tensor, Tensor]:
        """`decode`, and the share of every picture's pixels that had no colour on a display and were clipped: (N,) in [0, 1]."""
        lightness = picture_to_lab(source)[:, :1]
        rgb, share = clip_to_gamut(lab_to_rgb(torch.cat([lightness, output.to(torch.float32) * 110], dim=1)))
        return store(rgb, dtype), share


class GrayCodec:
    """A black-and-white photo in, RGB out. The gray is Pillow's mode "L" (Rec. 601), which a reader's own photo holds."""

    in_channels = 1
    out_channels = 3
    keeps_lightness = False
    reach = 0

    def encode_source(self, image: Tensor) -> Tensor:
        return to_network_range(luma(image))

    def seen(self, image: Tensor) -> Tensor:
        gray = luma(image)
        return (gray if gray.dtype == image.dtype else store(gray, image.dtype)).expand_as(image)

    def encode_target(self, image: Tensor) -> Tensor:
        return to_network_range(image)

    def decode(self, output: Tensor, source: Tensor, dtype: torch.dtype = torch.uint8) -> Tensor:
        return from_network_range(output, dtype)


class SketchCodec(RgbCodec):
    """Colour in, a drawing out: the network sees RGB and answers with one channel of gray, black..white as -1..1."""

    out_channels = 1

    def encode_target(self, image: Tensor) -> Tensor:
        return to_network_range(luma(image))

    def decode(self, output: Tensor, source: Tensor, dtype: torch.dtype = torch.uint8) -> Tensor:
        return from_network_range(output, dtype).repeat(1, 3, 1, 1)


class InkCodec(RgbCodec):
    """A drawing in, colours out, with the drawing's own strokes over them: a network's colours are soft, a pen's lines are not.

    Every pixel of the answer is multiplied by ``sqrt((gray + c) / (around + c))``: `gray` is the luma of the source, `around` its
    mean over 9 x 9 pixels. A stroke is darker than what is around it; paper and even tones are not, and change nothing.
    """

    reach = 4
    floor = 0.15  # c: how little is left of the contrast between two blacks

    def decode(self, output: Tensor, source: Tensor, dtype: torch.dtype = torch.uint8) -> Tensor:
        gray = (to_network_range(luma(source)) + 1) / 2
        around = F.avg_pool2d(gray, 2 * self.reach + 1, stride=1, padding=self.reach, count_include_pad=False)
        strokes = ((gray + self.floor) / (around + self.floor)).sqrt()
        colors = (output.to(torch.float32).clamp(-1, 1) + 1) / 2
        return store((colors * strokes).clamp(0, 1), dtype)


def picture_to_lab(image: Tensor) -> Tensor:
    """A picture (N, 3, H, W) of any dtype -> Lab in float32."""
    return rgb_to_lab(image if image.dtype == torch.uint8 else image.to(torch.float32) / LEVELS.get(image.dtype, 1.0))


def clip_to_gamut(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """RGB (N, 3, H, W) -> the same within [0, 1], and the share of pixels that were outside, (N,).

    Clipping changes the lightness of these pixels; that of all others stays.
    """
    low, high = rgb.aminmax(dim=1)
    outside = (low < -GAMUT_TOLERANCE) | (high > 1 + GAMUT_TOLERANCE)
    return rgb.clamp(0, 1), outside.float().mean(dim=(1, 2))


def luma(image: Tensor) -> Tensor:
    """The gray of a picture (N, 3, H, W): (N, 1, H, W), of uint8 pictures to the level what Pillow gives, else float32."""
    weights = (19595, 38470, 7471)  # Rec. 601's 0.299, 0.587, 0.114, in units of 1/65536, as Pillow has them
    if image.dtype == torch.uint8:
        red, green, blue = image.to(torch.int32).split(1, dim=1)
        return ((weights[0] * red + weights[1] * green + weights[2] * blue + 32768) >> 16).to(torch.uint8)
    red, green, blue = (image.to(torch.float32) / (LEVELS.get(image.dtype, 1.0) * 65536)).split(1, dim=1)
    return weights[0] * red + weights[1] * green + weights[2] * blue


def to_network_range(image: Tensor) -> Tensor:
    """A picture of any dtype, black..white -> float32 in [-1, 1]."""
    white = LEVELS.get(image.dtype, 1.0)
    return image.to(torch.float32) * (2 / white) - 1


def from_network_range(x: Tensor, dtype: torch.dtype = torch.uint8) -> Tensor:
    """Floats in [-1, 1] -> a picture of `dtype`, rounded, and clamped to black..white (a network may overshoot)."""
    return store((x.to(torch.float32).clamp(-1, 1) + 1) / 2, dtype)


def store(unit: Tensor, dtype: torch.dtype) -> Tensor:
    """Floats in [0, 1] -> a picture of `dtype`, rounded to the nearest level where that is an integer type."""
    return (unit * LEVELS[dtype]).round_().to(dtype) if dtype in LEVELS else unit.to(dtype)


CODECS: dict[str, type] = {"rgb": RgbCodec, "lab": LabCodec, "gray": GrayCodec, "sketch": SketchCodec, "ink": InkCodec}


def make_codec(name: str) -> Codec:
    """The codec called `name`; ConfigError where there is none."""
    if name not in CODECS:
        raise ConfigError(f"There is no codec {name!r}. {did_you_mean(name, CODECS)}")
    return CODECS[name]()
