"""Lesson 1 and the library say the same: its own definitions give the library's outputs, and the same weights after two steps."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
import torch
from helpers import lesson_definitions

from p2p_lib.models import PatchDiscriminator, UNetGenerator
from p2p_lib.models.blocks import init_weights
from p2p_lib.pix2pix import Pix2Pix


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """What the cells tagged "definition" define."""
    return lesson_definitions("01_facades")


def copy_weights(source: torch.nn.Module, target: torch.nn.Module) -> None:
    """By order: the lesson's modules are named otherwise, but are made of the same layers in the same order."""
    values = list(source.state_dict().values())
    names = list(target.state_dict())
    target.load_state_dict(dict(zip(names, values, strict=True)))


def networks(lesson: SimpleNamespace, upsample: str) -> tuple[torch.nn.Module, ...]:
    """The lesson's G and D, and the library's, with the same weights."""
    ours_g = UNetGenerator(image_size=64, ngf=8, upsample=upsample)
    ours_d = PatchDiscriminator(ndf=8)
    init_weights(ours_g, 1)
    init_weights(ours_d, 2)
    theirs_g, theirs_d = lesson.UNet(64, 8, upsample), lesson.PatchGAN(8)
    copy_weights(ours_g, theirs_g)
    copy_weights(ours_d, theirs_d)
    return theirs_g, theirs_d, ours_g, ours_d


@pytest.mark.parametrize("upsample", ["transpose", "nearest"])
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_same_outputs(lesson, upsample, mode):
    theirs_g, theirs_d, ours_g, ours_d = (network.train(mode == "train") for network in networks(lesson, upsample))
    x, y = torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        torch.manual_seed(3)
        lesson_fake, lesson_answers = theirs_g(x), theirs_d(x, y)
        torch.manual_seed(3)
        assert torch.equal(ours_g(x), lesson_fake)
        assert torch.equal(ours_d(x, y), lesson_answers)


@pytest.mark.parametrize("upsample", ["transpose", "nearest"])
def test_same_weights_after_two_steps(lesson, upsample):
    theirs_g, theirs_d, ours_g, ours_d = networks(lesson, upsample)
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True) for network in (theirs_g, theirs_d)
    ]
    method = Pix2Pix(ours_g, ours_d)
    before = [parameter.clone() for parameter in ours_g.parameters()]
    generator = torch.Generator().manual_seed(0)
    for step in range(2):
        x, y = torch.rand(2, 2, 3, 64, 64, generator=generator) * 2 - 1
        torch.manual_seed(step)
        lesson_losses = lesson.train_step(theirs_g, theirs_d, *optimizers, x, y, contextlib.nullcontext)
        torch.manual_seed(step)
        losses = method.step(x, y)
        assert lesson_losses == losses
    for ours, theirs in ((ours_g, theirs_g), (ours_d, theirs_d)):
        for one, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
            assert torch.equal(one, other)
    assert any(not torch.equal(one, other) for one, other in zip(before, ours_g.parameters(), strict=True))
