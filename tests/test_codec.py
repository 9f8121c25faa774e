"""Pictures to network range and back: exact for every level, clamped, rounded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from p2p_lib.codec import RgbCodec, from_network_range, make_codec, to_network_range
from p2p_lib.errors import ConfigError

LEVELS = {
    torch.uint8: torch.from_numpy(np.arange(256, dtype=np.uint8)),
    torch.uint16: torch.from_numpy(np.arange(65536, dtype=np.uint16)),
}


@pytest.mark.parametrize("dtype", LEVELS)
def test_every_level_comes_back_exactly(dtype):
    levels = LEVELS[dtype].view(1, 1, 16, -1)
    x = to_network_range(levels)
    assert x.dtype == torch.float32
    assert (x.min(), x.max()) == (-1, 1)
    back = from_network_range(x, dtype)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back.numpy(), levels.numpy())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_floats_come_back(dtype):
    levels = torch.linspace(0, 1, 101, dtype=dtype)
    back = from_network_range(to_network_range(levels), dtype)
    assert back.dtype == dtype
    torch.testing.assert_close(back, levels, atol=1e-6, rtol=0)


@given(st.floats(-5, 5, width=32))
def test_answers_are_clamped_and_rounded_to_the_nearest_level(value):
    level = int(from_network_range(torch.tensor([value])))
    exact = (min(max(value, -1), 1) + 1) * 127.5
    assert abs(level - exact) <= 0.5 + 1e-4


def test_overshoot_does_not_wrap_around():
    overshoot = torch.tensor([-1.5, -1.0001, 1.0001, 1.5])
    assert from_network_range(overshoot).tolist() == [0, 0, 255, 255]
    assert from_network_range(overshoot, torch.float32).tolist() == [0, 0, 1, 1]


def test_half_precision_answers_are_accepted():
    assert from_network_range(torch.tensor([-1, 1], dtype=torch.bfloat16)).tolist() == [0, 255]


def test_rgb_codec_round_trip():
    codec = make_codec("rgb")
    assert isinstance(codec, RgbCodec)
    image = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).view(2, 3, 4, 4)
    source, target = codec.encode_source(image), codec.encode_target(image)
    assert source.shape == (2, codec.in_channels, 4, 4)
    assert target.shape == (2, codec.out_channels, 4, 4)
    assert torch.equal(codec.decode(target, image), image)


def test_unknown_codec_names_the_nearest():
    with pytest.raises(ConfigError, match="no codec 'rbg'. Did you mean 'rgb'"):
        make_codec("rbg")
