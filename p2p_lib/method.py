"""What every way of training has in common: networks, an Adam for each, and their whole state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from p2p_lib.device import Precision, isolated_rng
from p2p_lib.processes import ONE_PROCESS, Processes
from p2p_lib.shares import Share, share_batch_norm, share_dropout

Part = tuple[Tensor, dict[str, Tensor]]
"""What is minimised over a part of a batch, a scalar with gradients, and the losses in it, by name."""


class Method:
    """Networks by their names ("G", "D", ...), an Adam with a learning rate of its own for each, and the loss scaling of fp16.

    A method adds `step`, what one batch does to them, and says what it answers to a validation pair and what is saved for use.
    Network X is also at hand as the attribute `netX`; "G" is the generator.

    A batch may be computed in shares (see `shares`): each of the `processes` is given one, and computes it in `accumulate` parts
    one after another, for which less memory is enough. `groups` says of how many groups of pictures a batch consists.
    """

    groups = 1

    def __init__(
        self,
        networks: dict[str, nn.Module],
        base_lr: dict[str, float],
        betas: tuple[float, float],
        precision: Precision,
        *,
        accumulate: int = 1,
        processes: Processes = ONE_PROCESS,
    ) -> None:
        self.networks, self.base_lr, self.precision = networks, base_lr, precision
        self.netG = networks["G"]
        self.device = next(self.netG.parameters()).device
        fused = self.device.type in ("cpu", "cuda")  # one pass over the weights instead of ten
        self.optimizers = {
            name: DenseAdam(network.parameters(), lr=base_lr[name], betas=betas, fused=fused) for name, network in networks.items()
        }
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "fp16")
        self.accumulate, self.processes = accumulate, processes
        self.share = Share(count=processes.count * accumulate)
        for network in networks.values():
            if self.share.count > 1:
                share_dropout(network, self.share)
            if processes.count > 1:
                share_batch_norm(network)

    def step(self, source: Tensor, target: Tensor) -> dict[str, Tensor]:
        """One optimisation step on pictures (N, C, H, W) in [-1, 1]; returns the losses before it as detached scalars."""
        raise NotImplementedError

    def parts(self, source: Tensor, target: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The parts of a batch, numbered; each begins with the same state of the random generators as the whole would."""
        for i in range(self.accumulate):
            part = Share(i, self.accumulate)
            with isolated_rng() if i < self.accumulate - 1 else nullcontext():
                self.begin_part(i)
                yield i, part.of(source, self.groups), part.of(target, self.groups)

    def begin_part(self, i: int) -> None:
        """Let random draws be those of part `i` of this process."""
        self.share.index = self.processes.rank * self.accumulate + i

    def minimise(self, names: tuple[str, ...], parts: Iterable[Part]) -> dict[str, Tensor]:
        """Step down the gradient of the mean over all `parts` and processes; returns the mean losses, detached.

        The graph of a part is gone before the next one is asked for.
        """
        for name in names:
            self.optimizers[name].zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for loss, losses in parts:
            self.scaler.scale(loss / self.accumulate if self.accumulate > 1 else loss).backward()
            for name, value in losses.items():
                sums[name] = sums[name] + value.detach() if name in sums else value.detach()
        for name in names:
            self.processes.average_gradients(self.networks[name].parameters())
            self.scaler.step(self.optimizers[name])
        return {name: total / self.accumulate for name, total in sums.items()} if self.accumulate > 1 else sums

    def answer(self, source: Tensor, target: Tensor) -> Tensor:
        """What validation compares to `target`, in evaluation mode: (N, C, H, W) in [-1, 1]."""
        return self.netG(source)

    def weights(self) -> dict[str, Tensor]:
        """The state dict of what is needed to use the model once it is trained."""
        return self.netG.state_dict()

    def set_lr_factor(self, factor: float) -> None:
        """Set all learning rates to `factor` times what they started from."""
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self.base_lr[name] * factor

    def train(self, mode: bool = True) -> None:
        """Training mode (batch statistics, dropout), or evaluation mode."""
        for network in self.networks.values():
            network.train(mode)

    def state_dict(self) -> dict[str, Any]:
        """Everything that a step changes: networks, optimisers, loss scale."""
        networks = {f"net{name}": network.state_dict() for name, network in self.networks.items()}
        optimizers = {f"optimizer_{name}": optimizer.state_dict() for name, optimizer in self.optimizers.items()}
        return networks | optimizers | {"scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        for name in self.networks:
            self.networks[name].load_state_dict(state[f"net{name}"])
            self.optimizers[name].load_state_dict(state[f"optimizer_{name}"])
        self.scaler.load_state_dict(state["scaler"])


class DenseAdam(torch.optim.Adam):
    """Adam that takes channels-last weights as they lie in memory; torch's fused one on the CPU copies them there and back."""

    def _init_group(self, group: dict, params: list, grads: list, exp_avgs: list, exp_avg_sqs: list, *others: list) -> bool:
        has_complex = super()._init_group(group, params, grads, exp_avgs, exp_avg_sqs, *others)
        for tensors in (params, grads, exp_avgs, exp_avg_sqs):
            tensors[:] = map(as_it_lies, tensors)  # views: what is changed is the same memory
        return has_complex


def as_it_lies(tensor: Tensor) -> Tensor:
    """A view of a channels-last tensor (N, C, H, W) as (N, H, W, C), which is contiguous; others as they are."""
    channels_last = tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return tensor.permute(0, 2, 3, 1) if channels_last else tensor


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Gradients pass through these networks, and leave nothing in them."""
    for network in networks:
        network.requires_grad_(False)
    try:
        yield
    finally:
        for network in networks:
            network.requires_grad_(True)
