"""BicycleGAN: one optimisation step (Zhu et al. 2017, arXiv:1711.11586).

pix2pix answers a sketch with one photo. Give its generator a random code z beside the sketch, and it learns to ignore z: no loss
rewards it for listening. BicycleGAN ties the code to the answer from both ends, one cycle each:

    cVAE-GAN    photo -> code -> photo     z ~ E(B),    G(A, z) must be B again, and E(B) stay near N(0, I)       (section 3.2)
    cLR-GAN     code -> photo -> code      z ~ N(0, I), E(G(A, z)) must be z again, and G(A, z) look real         (section 3.3)

    G*, E* = arg min_{G,E} max_{D,D2}  L_GAN^VAE(G, D, E) + lambda L_1^VAE(G, E)
                                       + L_GAN(G, D2) + lambda_z L_1^latent(G, E) + lambda_KL L_KL(E)            (equation 9)

A is the source, B the target. The first cycle alone leaves codes between those of photos unused, so a random one may give anything;
the second alone lets G hide the code where no eye finds it. The order of updates, the half-batches and D's seeing the picture
without its source are those of the authors' code.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from p2p_lib.device import Precision, autocast
from p2p_lib.latent import draw_latent
from p2p_lib.losses import GanMode, discriminator_losses, generator_loss
from p2p_lib.method import Method, Part, frozen
from p2p_lib.processes import ONE_PROCESS, Processes
from p2p_lib.shares import Share

Shown = dict[str, tuple[Tensor, Tensor]]
"""For every discriminator the real pictures and the generated ones that it will be shown."""
ENCODER_PREFIX = "E."  # of the encoder's entries in a weights file, beside those of the generator


@dataclasses.dataclass(frozen=True)
class BicycleObjective:
    """What is minimised; the defaults are the paper's. Both adversarial losses have the weight 1.

    lambda_l1 : photo -> code -> photo, as L1 of the pictures.
    lambda_z : code -> photo -> code, as L1 of the codes.
    lambda_kl : how strongly E's distributions are pulled to N(0, I).
    d_loss_weight : factor on the discriminators' losses.
    """

    gan_mode: GanMode = "lsgan"
    lambda_l1: float = 10.0
    lambda_z: float = 0.5
    lambda_kl: float = 0.01
    d_loss_weight: float = 1.0


class BicycleGAN(Method):
    """Generator, encoder, two discriminators and their optimisers, and what one step does with them.

    Parameters
    ----------
    netG : called as ``netG(source, z)``; its `nz` is the length of z, (N, nz).
    netE : called as ``netE(target)``, gives mean and log-variance of z, (N, nz) each.
    netD, netD2 : called as ``netD(image)``, give a list of logits, one for every scale; D judges what was made from a photo's code,
        D2 what was made from a random one.
    lr, lr_d : learning rates of G and E, and of D and D2; `betas` are Adam's.
    precision : "fp32", "bf16" or "fp16" (with loss scaling); the optimisers always work in fp32.
    accumulate, processes : in how many parts, and by whom, a batch is computed (see `Method`).
    """

    groups = 2  # a share of a batch is a share of each half

    def __init__(
        self,
        netG: nn.Module,
        netE: nn.Module,
        netD: nn.Module,
        netD2: nn.Module,
        objective: BicycleObjective | None = None,
        *,
        lr: float = 2e-4,
        lr_d: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        precision: Precision = "fp32",
        accumulate: int = 1,
        processes: Processes = ONE_PROCESS,
    ) -> None:
        shares = {"accumulate": accumulate, "processes": processes}
        networks = {"G": netG, "E": netE, "D": netD, "D2": netD2}
        super().__init__(networks, {"G": lr, "E": lr, "D": lr_d, "D2": lr_d}, betas, precision, **shares)
        self.netE, self.netD, self.netD2 = netE, netD, netD2
        self.objective = objective or BicycleObjective()

    def step(self, source: Tensor, target: Tensor) -> dict[str, Tensor]:
        """One step of G and E, then one of D and D2, on an even number of pictures (N, C, H, W) in [-1, 1].

        The first half of the batch is translated twice, with the codes of its own targets and with random ones. To what comes
        of a random code no target belongs; D2 compares it to the targets of the second half.

        Returns the losses as detached scalars: G_gan and G_l1 (unweighted) of photo -> code -> photo, G_gan2 and G_z of code ->
        photo -> code, E_kl (nats), D_real and D_fake, D2_real and D2_fake (sums over the scales).
        """
        if len(source) == 0 or len(source) % 2:
            raise ValueError(f"BicycleGAN splits a batch into two equal halves; got {len(source)} pictures.")
        shown: list[Shown] = []
        losses = self.minimise(("G", "E"), (self._generator_losses(*part, shown) for part in self.parts(source, target)))
        for name in ("D", "D2"):
            losses |= self.minimise((name,), (self._discriminator_losses(name, *part[name]) for part in shown))
        self.scaler.update()
        return losses

    def _generator_losses(self, part: int, source: Tensor, target: Tensor, shown: list[Shown]) -> Part:
        """G and E together, through both cycles; adds to `shown` what the discriminators will compare."""
        half = len(source) // 2
        source, (target, other) = source[:half], target.split(half)
        with autocast(self.device, self.precision):
            mean, log_variance = self.netE(target)
            z = draw_latent(half, self.netG.nz, source, self.share)
            encoded = self.netG(source, sample_code(mean.float(), log_variance.float(), self.share))
            random = self.netG(source, z)
        shown.append({"D": (target, encoded.detach()), "D2": (other, random.detach())})
        return self._judge(encoded, random, target, z, mean.float(), log_variance.float())

    def _judge(self, encoded: Tensor, random: Tensor, target: Tensor, z: Tensor, mean: Tensor, log_variance: Tensor) -> Part:
        """Both discriminators judge as they are; of the random code's loss only G learns."""
        o = self.objective
        with frozen(self.netD, self.netD2), autocast(self.device, self.precision):
            gan, gan2 = (gan_loss(netD(fake), o.gan_mode) for netD, fake in ((self.netD, encoded), (self.netD2, random)))
        with frozen(self.netE), autocast(self.device, self.precision):
            found, _ = self.netE(random)
        l1 = (encoded.float() - target).abs().mean()
        kl = kl_divergence(mean, log_variance)
        code_l1 = (found.float() - z).abs().mean()
        loss = gan + gan2 + o.lambda_l1 * l1 + o.lambda_z * code_l1 + o.lambda_kl * kl
        return loss, {"G_gan": gan, "G_l1": l1, "G_gan2": gan2, "G_z": code_l1, "E_kl": kl}

    def _discriminator_losses(self, name: str, real: Tensor, fake: Tensor) -> Part:
        """One discriminator sees real pictures and generated ones, apart, so that batch statistics never mix the two."""
        netD = self.networks[name]
        with autocast(self.device, self.precision):
            answers = zip(netD(real), netD(fake), strict=True)
        scales = [discriminator_losses(a.float(), b.float(), self.objective.gan_mode) for a, b in answers]
        on_real, on_fake = (sum(losses) for losses in zip(*scales, strict=True))
        return (on_real + on_fake) * self.objective.d_loss_weight, {f"{name}_real": on_real, f"{name}_fake": on_fake}

    def answer(self, source: Tensor, target: Tensor) -> Tensor:
        """The target again, from its own code: how well code and generator together know it."""
        return self.netG(source, self.netE(target)[0])

    def weights(self) -> dict[str, Tensor]:
        """Generator and encoder."""
        return join_weights(self.netG, self.netE)


def sample_code(mean: Tensor, log_variance: Tensor, share: Share | None = None) -> Tensor:
    """One code from every distribution: (N, nz). The noise is multiplied and added, so that gradients reach both parameters."""
    return mean + torch.exp(log_variance / 2) * draw_latent(*mean.shape, mean, share)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, I)) in nats, a scalar: the sum over the nz numbers of a code, the mean over the batch.

    Of one number it is (mean^2 + variance - 1 - log variance) / 2, 0 at mean 0 and variance 1. The authors' code adds up the batch;
    with one picture in each half of it, as they train, that is the same.
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2


def gan_loss(answers: list[Tensor], mode: GanMode) -> Tensor:
    """G's adversarial loss over all scales of a discriminator, a scalar."""
    return sum(generator_loss(logits.float(), mode) for logits in answers)


def join_weights(netG: nn.Module, netE: nn.Module | None) -> dict[str, Tensor]:
    """The state dict of a generator and, where there is one, its encoder, as they lie in one file."""
    encoder = {} if netE is None else {ENCODER_PREFIX + name: tensor for name, tensor in netE.state_dict().items()}
    return netG.state_dict() | encoder


def split_weights(state_dict: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What `join_weights` joined: the entries of the generator, and those of the encoder (none for pix2pix)."""
    encoder = {k.removeprefix(ENCODER_PREFIX): v for k, v in state_dict.items() if k.startswith(ENCODER_PREFIX)}
    return {name: tensor for name, tensor in state_dict.items() if not name.startswith(ENCODER_PREFIX)}, encoder
