"""pix2pix: one optimisation step (Isola et al. 2017, arXiv:1611.07004).

    G* = arg min_G max_D  E[log D(x, y)] + E[log(1 - D(x, G(x)))] + lambda E[|y - G(x)|_1]              (equation 4)

x is the source, y the target. D learns to tell (x, y) from (x, G(x)); G learns to be taken for real *and* to stay near y. L1 gets
the low frequencies right, D the high ones, where L1 alone would answer "the mean of all that it could be", which is blur.

Section 4.2 takes the objective apart; so can `Objective`: L1 alone (`lambda_gan` 0), the adversarial term alone (`lambda_l1` 0),
and a D that is not shown x (`conditional=False`), which asks only whether a picture looks real.
"""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from p2p_lib.device import Precision, autocast
from p2p_lib.latent import draw_latent
from p2p_lib.losses import GanMode, discriminator_losses, generator_loss
from p2p_lib.method import Method, Part, frozen
from p2p_lib.processes import ONE_PROCESS, Processes
from p2p_lib.shares import kept_statistics


@dataclasses.dataclass(frozen=True)
class Objective:
    """What is minimised: the adversarial loss and its weight, the weight of L1 (100 in the paper), and the factor on D's loss.

    With `lambda_gan` 0 no discriminator is asked, and none is trained.
    D's loss is halved "which slows down the rate at which D learns relative to G" (section 3.3).
    """

    gan_mode: GanMode = "vanilla"
    lambda_l1: float = 100.0
    d_loss_weight: float = 0.5
    lambda_gan: float = 1.0


class Pix2Pix(Method):
    """Generator, discriminator and their two optimisers, and what one step does with them.

    Parameters
    ----------
    netG, netD : called as ``netG(source)`` and ``netD(source, image)``. A generator with a latent code is given random ones; no
        loss rewards it for listening, and it does not.
    conditional : whether D is shown the source; without, it is called as ``netD(image)`` (the paper's "GAN", section 4.2).
    lr, lr_d : learning rates of G and D; `betas` are Adam's.
    precision : "fp32", "bf16" or "fp16" (with loss scaling); the optimisers always work in fp32.
    accumulate, processes : in how many parts, and by whom, a batch is computed (see `Method`).
    """

    def __init__(
        self,
        netG: nn.Module,
        netD: nn.Module,
        objective: Objective | None = None,
        *,
        conditional: bool = True,
        lr: float = 2e-4,
        lr_d: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        precision: Precision = "fp32",
        accumulate: int = 1,
        processes: Processes = ONE_PROCESS,
    ) -> None:
        shares = {"accumulate": accumulate, "processes": processes}
        super().__init__({"G": netG, "D": netD}, {"G": lr, "D": lr_d}, betas, precision, **shares)
        self.netD, self.conditional = netD, conditional
        self.nz = getattr(netG, "nz", 0)
        self.objective = objective or Objective()

    def step(self, source: Tensor, target: Tensor) -> dict[str, Tensor]:
        """One step of D, then one of G, on pictures (N, C, H, W) in [-1, 1].

        Returns the losses as detached scalars: G_gan, G_l1 (unweighted), D_real and D_fake (each log 2 when D is clueless; D's loss
        is their sum times `d_loss_weight`); with `lambda_gan` 0, G_l1 alone.
        """
        parts = [(x, y, self._translate(x, i)) for i, x, y in self.parts(source, target)]  # one, unless the batch comes in parts
        d_losses = {}
        if self.objective.lambda_gan:
            d_losses = self.minimise(("D",), (self._discriminator_losses(x, y, fake.detach()) for x, y, fake in parts))
        g_losses = self.minimise(("G",), (self._generator_losses(x, y, fake) for x, y, fake in parts))
        self.scaler.update()
        return g_losses | d_losses

    def _translate(self, source: Tensor, part: int) -> Tensor:
        """What G makes of a part of the batch.

        D's step comes first and needs the answers to all parts. To hold what G's backward pass needs of all of them would take the
        memory that parts should save; so where there are several, it is computed again then.
        """
        if self.accumulate == 1:
            return self._answer(source, part)
        contexts = partial(_forward_and_again, self.netG)
        return checkpoint(self._answer, source, part, use_reentrant=False, context_fn=contexts)

    def _answer(self, source: Tensor, part: int) -> Tensor:
        self.begin_part(part)
        with autocast(self.device, self.precision):
            return self.netG(source, draw_latent(len(source), self.nz, source, self.share)) if self.nz else self.netG(source)

    def _judge(self, source: Tensor, image: Tensor) -> Tensor:
        """D's logits: is this a real translation of the source, or only, is this real."""
        return self.netD(source, image) if self.conditional else self.netD(image)

    def _discriminator_losses(self, source: Tensor, target: Tensor, fake: Tensor) -> Part:
        """D sees the real pair and the generated one, apart, so that batch statistics never mix the two."""
        with autocast(self.device, self.precision):
            real_logits = self._judge(source, target)
            fake_logits = self._judge(source, fake)
        real, fake = discriminator_losses(real_logits.float(), fake_logits.float(), self.objective.gan_mode)
        return (real + fake) * self.objective.d_loss_weight, {"D_real": real, "D_fake": fake}

    def _generator_losses(self, source: Tensor, target: Tensor, fake: Tensor) -> Part:
        """G is judged by the D that has just learned; D itself stands still."""
        l1 = (fake.float() - target).abs().mean()
        if not self.objective.lambda_gan:
            return self.objective.lambda_l1 * l1, {"G_l1": l1}
        with frozen(self.netD), autocast(self.device, self.precision):
            logits = self._judge(source, fake)
        gan = generator_loss(logits.float(), self.objective.gan_mode)
        return self.objective.lambda_gan * gan + self.objective.lambda_l1 * l1, {"G_gan": gan, "G_l1": l1}


def _forward_and_again(network: nn.Module) -> tuple[AbstractContextManager, AbstractContextManager]:
    """The contexts of `checkpoint`'s two passes: the second must not count in the running statistics."""
    return nullcontext(), kept_statistics(network)
