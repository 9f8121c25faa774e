"""Lesson 6 and the library say the same: its conversion and its codec give the library's values."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from helpers import lesson_definitions
from torch import Tensor

import p2p_lib as p2p
from p2p_lib.codec import LabCodec


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """What the cells tagged "definition" define; they are run on `images`."""
    return lesson_definitions("06_paintings_in_lab", p2p=p2p, paintings=pictures())


def pictures() -> Tensor:
    return torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_conversion_is_the_librarys(lesson):
    torch.testing.assert_close(lesson.to_lab(pictures() / 255), p2p.color.rgb_to_lab(pictures()), atol=1e-3, rtol=0)


def test_codec_is_the_librarys(lesson):
    x, y = lesson.encode(pictures())
    torch.testing.assert_close(x, LabCodec().encode_source(pictures()))
    torch.testing.assert_close(y, LabCodec().encode_target(pictures()))
    decoded, clipped = lesson.decode(2 * y, pictures())
    expected, shares = LabCodec().decode_counted(2 * y, pictures())
    assert torch.equal(decoded, expected)
    assert 0.1 < clipped.item() == pytest.approx(shares.mean().item(), abs=0.01)
    assert torch.equal(lesson.decode(y, pictures())[0], pictures())
