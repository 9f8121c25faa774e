"""Lesson 8 and the library say the same: the lesson's own terms, on the library's networks, take the library's step."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
import torch
from helpers import lesson_definitions
from torch import Tensor, nn

import p2p_lib as p2p
from p2p_lib.bicyclegan import BicycleGAN, BicycleObjective, kl_divergence, sample_code


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """What the cells tagged "definition" define."""
    return lesson_definitions("08_faces_bicyclegan")


class OneScale(nn.Module):
    """A discriminator of the lesson, as the library calls it: a list with the answers of its only scale."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.net(x)]


def test_same_weights_after_two_steps(lesson):
    torch.manual_seed(1)
    nets = lesson.Generator(), lesson.Encoder(), lesson.scan(1), lesson.scan(1)
    G, E, D, D2 = copy.deepcopy(nets)
    G.nz = lesson.NZ
    library = BicycleGAN(G, E, OneScale(D), OneScale(D2), BicycleObjective(), lr=1e-3, lr_d=5e-4)
    players = [(nets[:2], 1e-3), (nets[2:], 5e-4)]
    optimizers = [torch.optim.Adam(nn.ModuleList(mine).parameters(), lr=lr, betas=(0.5, 0.999)) for mine, lr in players]
    for step in range(2):
        sketch, photo = torch.rand(2, 6, 3, 16, 16, generator=torch.Generator().manual_seed(step)) * 2 - 1
        torch.manual_seed(step)
        library.step(sketch, photo)
        torch.manual_seed(step)
        methods = [lesson.vae_terms, lesson.frozen_lr_terms]
        lesson.train_step(nets, optimizers, methods, sketch[:3], photo[:3], photo[3:])
    for mine, theirs in zip(nets, (G, E, D, D2), strict=True):
        for ours, expected in zip(mine.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-6)


def test_same_code_and_divergence(lesson):
    mean, log_variance = torch.randn(2, 5, lesson.NZ, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(lesson.kl(mean, log_variance), kl_divergence(mean, log_variance))
    torch.manual_seed(2)
    drawn = lesson.sample(mean, log_variance)
    torch.manual_seed(2)
    torch.testing.assert_close(drawn, sample_code(mean, log_variance))


def test_noise_terms_are_those_of_pix2pix(lesson):
    """With a perfect answer and a convinced discriminator nothing is left to pay."""
    photo = torch.rand(2, 3, 16, 16) * 2 - 1
    nets = (lambda sketch, z: photo), None, (lambda picture: torch.ones(2, 1, 4, 4)), None
    loss, _ = lesson.noise_terms(nets, photo, photo, torch.zeros(2, lesson.NZ))
    assert loss == 0


def test_the_lesson_has_the_library_s_weights_of_the_terms(lesson):
    objective, task = BicycleObjective(), p2p.task("faces", "full")
    assert (task.lambda_l1, task.lambda_z, task.lambda_kl) == (objective.lambda_l1, objective.lambda_z, objective.lambda_kl)
