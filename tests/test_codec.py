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


def test_ink_lays_strokes_over_the_answer_and_leaves_paper_and_tones_alone():
    drawing = torch.full((1, 3, 40, 40), 255, dtype=torch.uint8)
    drawing[..., 20:] = 90  # an even tone
    drawing[..., 8, :20] = 0  # a stroke
    answer = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0)) * 2 - 1
    plain, inked = (make_codec(name).decode(answer, drawing, torch.float32) for name in ("rgb", "ink"))
    even = torch.ones(40, 40, dtype=torch.bool)
    even[4:13, :24], even[:, 16:24] = False, False  # whatever has a stroke or an edge within four pixels
    torch.testing.assert_close(inked[..., even], plain[..., even])
    assert (inked[..., 8, :16] < 0.5 * plain[..., 8, :16]).all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32])
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (40, 2)])
def test_ink_takes_pictures_of_any_size_and_kind(dtype, size):
    drawing = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    drawing = drawing if dtype == torch.float32 else (drawing * (255 if dtype == torch.uint8 else 65535)).to(dtype)
    inked = make_codec("ink").decode(torch.zeros(2, 3, *size), drawing, dtype)
    assert inked.dtype == dtype and inked.shape == drawing.shape
