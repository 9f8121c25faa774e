"""Lesson 5 and the library say the same: its gray and its codec give the library's values."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from helpers import lesson_definitions
from torch import Tensor

from p2p_lib.codec import GrayCodec, luma

LEVEL = 2 / 255  # of a picture, in tensors from -1 to 1


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """What the cells tagged "definition" define."""
    return lesson_definitions("05_paintings_from_grayscale")


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randint(256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_gray_is_luma(lesson, images):
    difference = lesson.gray(images).int() - luma(images).int()
    assert difference.abs().max() <= 1
    assert (difference == 0).float().mean() > 0.99


def test_codec_is_the_librarys(lesson, images):
    mine, codec = lesson.MyGrayCodec(), GrayCodec()
    assert (mine.encode_source(images) - codec.encode_source(images)).abs().max() < 1.01 * LEVEL
    torch.testing.assert_close(mine.encode_target(images), codec.encode_target(images))
    answer = 1.2 * mine.encode_target(images)  # a network may overshoot
    assert (mine.decode(answer).int() - codec.decode(answer, images).int()).abs().max() <= 1
    assert torch.equal(mine.decode(mine.encode_target(images)), images)
