"""One step of pix2pix, against the same step written out plainly, and what a step must leave alone."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from p2p_lib.method import DenseAdam
from p2p_lib.models import PatchDiscriminator, UNetGenerator
from p2p_lib.models.blocks import init_weights
from p2p_lib.pix2pix import Objective, Pix2Pix

LR, LR_D = 2e-3, 1e-3


def make_method(seed: int = 0, *, dropout: bool = False, **options) -> Pix2Pix:
    netG = UNetGenerator(image_size=32, ngf=4, dropout=dropout)
    netD = PatchDiscriminator(ndf=4, receptive_field=16)
    init_weights(netG, seed)
    init_weights(netD, seed + 1)
    return Pix2Pix(netG, netD, lr=LR, lr_d=LR_D, **options)


def make_batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    both = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return both[0], both[1]


def grads(net: nn.Module) -> list[Tensor | None]:
    return [None if parameter.grad is None else parameter.grad.clone() for parameter in net.parameters()]


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def plain_step(netG: nn.Module, netD: nn.Module, source: Tensor, target: Tensor) -> None:
    """The paper's step: D halved, then G with 100 L1, each with an Adam of its own (first step, so they carry no state)."""
    optimizer_G = torch.optim.Adam(netG.parameters(), lr=LR, betas=(0.5, 0.999))
    optimizer_D = torch.optim.Adam(netD.parameters(), lr=LR_D, betas=(0.5, 0.999))
    fake = netG(source)
    real_logits, fake_logits = netD(torch.cat([source, target], 1)), netD(torch.cat([source, fake.detach()], 1))
    real_loss = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    fake_loss = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    ((real_loss + fake_loss) / 2).backward()
    optimizer_D.step()
    logits = netD(torch.cat([source, fake], 1))
    loss = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)) + 100 * F.l1_loss(fake, target)
    optimizer_G.zero_grad()
    loss.backward()
    optimizer_G.step()


def test_step_is_what_the_paper_says():
    method, (source, target) = make_method(), make_batch()
    netG, netD = copy.deepcopy(method.netG), copy.deepcopy(method.netD)
    plain_step(netG, netD, source, target)
    method.step(source, target)
    for ours, plain in ((method.netG, netG), (method.netD, netD)):
        for (name, a), b in zip(ours.state_dict().items(), plain.state_dict().values(), strict=True):
            # a 200th of a step: Adam's first is nearly the gradient's sign, so rounding shows where a gradient is nearly zero
            torch.testing.assert_close(a, b, atol=LR / 200, rtol=1e-4, msg=name)


def test_each_network_learns_from_its_own_loss_alone():
    """While D learns G gets no gradient, and while G learns D's gradients stay what they were."""
    method = make_method()
    seen: dict[str, list] = {}
    after_d = lambda *_: seen.update(G=grads(method.netG), D=grads(method.netD))  # noqa: E731
    method.optimizers["D"].register_step_post_hook(after_d)
    method.step(*make_batch())
    assert all(gradient is None for gradient in seen["G"])
    assert all(gradient is not None for gradient in grads(method.netG))
    for before, after in zip(seen["D"], grads(method.netD), strict=True):
        assert torch.equal(before, after)


def test_adam_is_torchs_in_every_memory_format():
    """Weights and state after three steps; all shapes stay."""
    for memory_format in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        ours = nn.Sequential(nn.Conv2d(8, 16, 4, bias=False), nn.BatchNorm2d(16), nn.Conv2d(16, 3, 1)).to(
            memory_format=memory_format
        )
        plain = copy.deepcopy(ours)
        optimizers = [DenseAdam(ours.parameters(), lr=LR, fused=True), torch.optim.Adam(plain.parameters(), lr=LR)]
        for _ in range(3):
            x = torch.randn(2, 8, 9, 9)
            for net, optimizer in zip((ours, plain), optimizers, strict=True):
                optimizer.zero_grad()
                net(x).square().mean().backward()
                optimizer.step()
        for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(one, other, atol=LR / 200, rtol=1e-4)
            moments = [optimizer.state[weight]["exp_avg_sq"] for optimizer, weight in zip(optimizers, (one, other), strict=True)]
            torch.testing.assert_close(*moments, atol=1e-9, rtol=1e-3)


def test_l1_alone_leaves_the_discriminator_untouched():
    """Weights, running statistics and gradients; G takes the step of plain L1, whatever its weight is."""
    method, (source, target) = make_method(objective=Objective(lambda_gan=0.0)), make_batch()
    netG, before = copy.deepcopy(method.netG), copy.deepcopy(method.netD)
    losses = method.step(source, target)
    assert set(losses) == {"G_l1"}
    assert_same_weights(method.netD, before)
    assert all(gradient is None for gradient in grads(method.netD))
    assert not method.optimizers["D"].state
    optimizer = torch.optim.Adam(netG.parameters(), lr=LR, betas=(0.5, 0.999), fused=True)
    (100 * F.l1_loss(netG(source), target)).backward()
    optimizer.step()
    assert_same_weights(method.netG, netG)


def test_weight_of_the_adversarial_loss():
    """Without L1, G's gradients are proportional to it."""
    whole, half = (make_method(objective=Objective(lambda_l1=0.0, lambda_gan=weight)) for weight in (1.0, 0.5))
    for method in (whole, half):
        method.step(*make_batch())
    for one, other in zip(grads(whole.netG), grads(half.netG), strict=True):
        torch.testing.assert_close(0.5 * one, other)


def test_unconditional_discriminator_is_shown_the_picture_alone():
    netD, seen = PatchDiscriminator(3, ndf=4, receptive_field=16), []
    netD.register_forward_pre_hook(lambda module, args: seen.append(args))
    method = Pix2Pix(UNetGenerator(image_size=32, ngf=4), netD, conditional=False)
    source, target = make_batch()
    method.step(source, target)
    assert [len(images) for images in seen] == [1, 1, 1]
    assert torch.equal(seen[0][0], target)
    assert torch.equal(seen[1][0], seen[2][0])
    assert not any(torch.equal(images[0], source) for images in seen)
    assert all(gradient is not None for gradient in grads(netD))


class Paint(nn.Module):
    """A generator that paints everything in one colour."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, source: Tensor) -> Tensor:
        return self.value.expand_as(source)


def test_l1_is_between_fake_and_target():
    method = Pix2Pix(Paint(0.25), PatchDiscriminator(ndf=2, receptive_field=16), lr=1e-2)
    source, target = torch.full((1, 3, 32, 32), 0.9), torch.full((1, 3, 32, 32), -0.5)
    losses = method.step(source, target)
    assert losses["G_l1"].item() == pytest.approx(0.75)
    assert method.netG.value.item() == pytest.approx(0.24, abs=1e-4)  # one Adam step of 0.01 towards the target


def test_losses_are_the_ones_before_the_step_and_detached():
    method = make_method(objective=Objective(lambda_l1=0.0, d_loss_weight=1.0))
    losses = method.step(*make_batch())
    assert set(losses) == {"G_gan", "G_l1", "D_real", "D_fake"}
    assert not any(loss.requires_grad for loss in losses.values())
    assert losses["D_real"].item() == pytest.approx(0.693, abs=0.2)  # a new D is clueless


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_d_loss_weight(weight):
    method = make_method(objective=Objective(d_loss_weight=weight))
    method.step(*make_batch())
    assert any(gradient.any() for gradient in grads(method.netD)) == (weight > 0)


def test_generator_runs_once_a_step():
    """So its running statistics are updated once; D sees real, fake, and the fake again for G."""
    method = make_method()
    for _ in range(2):
        method.step(*make_batch())
    for net, count in ((method.netG, 2), (method.netD, 6)):
        counters = [buffer.item() for name, buffer in net.named_buffers() if name.endswith("num_batches_tracked")]
        assert counters
        assert set(counters) == {count}


def test_discriminator_can_learn_again_after_a_step():
    method = make_method()
    method.step(*make_batch())
    assert all(parameter.requires_grad for parameter in method.netD.parameters())


@pytest.mark.parametrize("gan_mode", ["vanilla", "lsgan", "hinge"])
def test_a_single_batch_can_be_learned(gan_mode):
    method, (noise, _) = make_method(objective=Objective(gan_mode)), make_batch()
    source = F.interpolate(noise[..., :4, :4], size=(32, 32), mode="bilinear")
    losses = [method.step(source, -source)["G_l1"].item() for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_learning_rate_factor_scales_both():
    method = make_method()
    method.set_lr_factor(0.5)
    method.set_lr_factor(0.25)  # of where they started, not of where they are
    assert [optimizer.param_groups[0]["lr"] for optimizer in method.optimizers.values()] == [LR / 4, LR_D / 4]


def test_state_dict_round_trip_continues_alike():
    whole, resumed = make_method(dropout=True), make_method(seed=5, dropout=True)
    whole.step(*make_batch(0))
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    for method in (whole, resumed):
        torch.manual_seed(3)
        for i in (1, 2):
            method.step(*make_batch(i))
    assert_same_weights(whole.netG, resumed.netG)
    assert_same_weights(whole.netD, resumed.netD)


def test_mixed_precision_keeps_weights_and_losses_in_fp32():
    method = make_method(precision="bf16")
    losses = method.step(*make_batch())
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    assert all(loss.isfinite() for loss in losses.values())
    assert {parameter.dtype for parameter in method.netG.parameters()} == {torch.float32}
    exact = make_method()
    exact.step(*make_batch())
    assert not torch.equal(method.netG.down[1].conv.weight, exact.netG.down[1].conv.weight)  # it really ran in bf16
