"""The adversarial losses against torch's own, and the numbers that the lessons quote."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from p2p_lib.losses import discriminator_losses, generator_loss

MODES = ("vanilla", "lsgan", "hinge")
LOGITS = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=9).map(lambda values: torch.tensor(values).view(1, 1, 1, -1))


@given(real=LOGITS, fake=LOGITS)
def test_vanilla_is_binary_cross_entropy(real, fake):
    real_loss, fake_loss = discriminator_losses(real, fake, "vanilla")
    torch.testing.assert_close(real_loss, F.binary_cross_entropy_with_logits(real, torch.ones_like(real)))
    torch.testing.assert_close(fake_loss, F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)))
    torch.testing.assert_close(generator_loss(fake), F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake)))


@given(real=LOGITS, fake=LOGITS)
def test_lsgan_is_the_mean_squared_error(real, fake):
    real_loss, fake_loss = discriminator_losses(real, fake, "lsgan")
    torch.testing.assert_close(real_loss, F.mse_loss(real, torch.ones_like(real)))
    torch.testing.assert_close(fake_loss, F.mse_loss(fake, torch.zeros_like(fake)))
    torch.testing.assert_close(generator_loss(fake, "lsgan"), F.mse_loss(fake, torch.ones_like(fake)))


def test_hinge_by_hand():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0, 1.0])
    real_loss, fake_loss = discriminator_losses(real, fake, "hinge")
    assert real_loss.item() == pytest.approx((0 + 0.5 + 2) / 3)
    assert fake_loss.item() == pytest.approx((0 + 1 + 2) / 3)
    assert generator_loss(fake, "hinge").item() == pytest.approx(2 / 3)


def test_clueless_discriminator_costs_log_2():
    zero = torch.zeros(2, 1, 30, 30)
    for loss in (*discriminator_losses(zero, zero), generator_loss(zero)):
        assert loss.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("mode", MODES)
def test_the_better_side_has_the_smaller_loss(mode):
    low, high = torch.full((4,), -0.9), torch.full((4,), 0.9)
    assert sum(discriminator_losses(high, low, mode)) < sum(discriminator_losses(low, high, mode))
    assert generator_loss(high, mode) < generator_loss(low, mode)


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_sure_answers_stay_finite(logit):
    x = torch.full((3,), logit, requires_grad=True)
    total = sum(discriminator_losses(x, x)) + generator_loss(x)
    total.backward()
    assert total.isfinite()
    assert x.grad.isfinite().all()


def test_generator_still_learns_where_the_discriminator_is_sure():
    """The non-saturating form: log(1 - s) would have no gradient here."""
    fake = torch.tensor([-20.0], requires_grad=True)
    generator_loss(fake).backward()
    assert fake.grad.item() == pytest.approx(-1)


@pytest.mark.parametrize("loss", [lambda x, mode: discriminator_losses(x, x, mode), generator_loss])
def test_unknown_mode_is_refused(loss):
    with pytest.raises(ValueError, match="vanilla, lsgan, hinge; got 'wgan'"):
        loss(torch.zeros(1), "wgan")
