"""pix2pix: one optimisation step (Isola et al. 2017, arXiv:1611.07004).

    G* = arg min_G max_D  E[log D(x, y)] + E[log(1 - D(x, G(x)))] + lambda E[|y - G(x)|_1]              (equation 4)

x is the source, y the target. D learns to tell (x, y) from (x, G(x)); G learns to be taken for real *and* to stay near y. L1 gets
the low frequencies right, D the high ones, where L1 alone would answer "the mean of all that it could be", which is blur.
"""

from __future__ import annotations

import dataclasses

from torch import Tensor, nn

from p2p_lib.device import Precision, autocast
from p2p_lib.latent import draw_latent
from p2p_lib.losses import GanMode, discriminator_losses, generator_loss
from p2p_lib.method import Method


@dataclasses.dataclass(frozen=True)
class Objective:
    """What is minimised: the adversarial loss, the weight of L1 (100 in the paper), and the factor on D's loss.

    D's loss is halved "which slows down the rate at which D learns relative to G" (section 3.3).
    """

    gan_mode: GanMode = "vanilla"
    lambda_l1: float = 100.0
    d_loss_weight: float = 0.5


class Pix2Pix(Method):
    """Generator, discriminator and their two optimisers, and what one step does with them.

    Parameters
    ----------
    netG, netD : called as ``netG(source)`` and ``netD(source, image)``. A generator with a latent code is given random ones; no
        loss rewards it for listening, and it does not.
    lr, lr_d : learning rates of G and D; `betas` are Adam's.
    precision : "fp32", "bf16" or "fp16" (with loss scaling); the optimisers always work in fp32.
    """

    def __init__(
        self,
        netG: nn.Module,
        netD: nn.Module,
        objective: Objective | None = None,
        *,
        lr: float = 2e-4,
        lr_d: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        precision: Precision = "fp32",
    ) -> None:
        super().__init__({"G": netG, "D": netD}, {"G": lr, "D": lr_d}, betas, precision)
        self.netD = netD
        self.nz = getattr(netG, "nz", 0)
        self.objective = objective or Objective()

    def step(self, source: Tensor, target: Tensor) -> dict[str, Tensor]:
        """One step of D, then one of G, on pictures (N, C, H, W) in [-1, 1].

        Returns the losses as detached scalars: G_gan, G_l1 (unweighted), D_real and D_fake (each log 2 when D is clueless; D's loss
        is their sum times `d_loss_weight`).
        """
        with autocast(self.device, self.precision):
            fake = self.netG(source, draw_latent(len(source), self.nz, source)) if self.nz else self.netG(source)
        d_losses = self._step_discriminator(source, target, fake.detach())
        g_losses = self._step_generator(source, target, fake)
        self.scaler.update()
        return g_losses | d_losses

    def _step_discriminator(self, source: Tensor, target: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """D sees the real pair and the generated one, apart, so that batch statistics never mix the two."""
        with autocast(self.device, self.precision):
            real_logits = self.netD(source, target)
            fake_logits = self.netD(source, fake)
        real, fake = discriminator_losses(real_logits.float(), fake_logits.float(), self.objective.gan_mode)
        self._minimise("D", (real + fake) * self.objective.d_loss_weight)
        return {"D_real": real.detach(), "D_fake": fake.detach()}

    def _step_generator(self, source: Tensor, target: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """G is judged by the D that has just learned; D itself stands still."""
        self.netD.requires_grad_(False)
        with autocast(self.device, self.precision):
            logits = self.netD(source, fake)
        gan = generator_loss(logits.float(), self.objective.gan_mode)
        l1 = (fake.float() - target).abs().mean()
        self._minimise("G", gan + self.objective.lambda_l1 * l1)
        self.netD.requires_grad_(True)
        return {"G_gan": gan.detach(), "G_l1": l1.detach()}

    def _minimise(self, name: str, loss: Tensor) -> None:
        optimizer = self.optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(optimizer)
