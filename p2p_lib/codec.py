"""Codecs: what a network sees of a picture, and what its answer means.

Pictures at rest are uint8 (or uint16, or floats in [0, 1]); in flight they are float tensors (N, C, H, W) in [-1, 1]. This file
is the only place where one becomes the other.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from p2p_lib.errors import ConfigError, did_you_mean

LEVELS = {torch.uint8: 255.0, torch.uint16: 65535.0}
"""White, for every dtype that pictures are stored in; float pictures have white at 1."""


class Codec(Protocol):
    """What a codec offers; `in_channels` and `out_channels` are what the generator takes and gives."""

    in_channels: int
    out_channels: int

    def encode_source(self, image: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) -> network input (N, in_channels, H, W) in [-1, 1]."""

    def encode_target(self, image: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) -> what the network must produce, (N, out_channels, H, W) in [-1, 1]."""

    def decode(self, output: Tensor, source: Tensor, dtype: torch.dtype = torch.uint8) -> Tensor:
        """Network output (N, out_channels, H, W), with the source picture it answers -> pictures (N, 3, H, W) of `dtype`."""


class RgbCodec:
    """Colour in, colour out: both halves of the pair are RGB pictures, scaled from black..white to -1..1."""

    in_channels = 3
    out_channels = 3

    def encode_source(self, image: Tensor) -> Tensor:
        return to_network_range(image)

    encode_target = encode_source

    def decode(self, output: Tensor, source: Tensor, dtype: torch.dtype = torch.uint8) -> Tensor:
        return from_network_range(output, dtype)


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


CODECS: dict[str, type] = {"rgb": RgbCodec}


def make_codec(name: str) -> Codec:
    """The codec called `name`; ConfigError where there is none."""
    if name not in CODECS:
        raise ConfigError(f"There is no codec {name!r}. {did_you_mean(name, CODECS)}")
    return CODECS[name]()
