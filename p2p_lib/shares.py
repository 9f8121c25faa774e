"""A batch computed in equal shares, by several processes or one after another, as if it were computed at once.

Losses are means over the batch, so the mean over the shares is the same. Two kinds of layers would notice the difference: dropout,
which draws for every picture, and batch norm, whose statistics are those of all pictures. Here are both for shares: dropout draws
for the whole batch and takes what belongs to its share; batch norm asks the other processes. (Shares that are computed one after
another cannot ask: each has statistics of its own.)
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from p2p_lib.processes import lost_explained


@dataclasses.dataclass
class Share:
    """Which share of the whole batch is being computed: number `index` of `count` equal ones."""

    index: int = 0
    count: int = 1

    def of(self, batch: Tensor, groups: int = 1) -> Tensor:
        """This share of a whole batch (N, ...), (N / count, ...).

        A batch may consist of several `groups` that are treated apart, one behind the other; a share then has its part of each.
        ValueError where the shares would not be equal.
        """
        if self.count == 1:
            return batch
        if len(batch) % (self.count * groups):
            raise ValueError(f"A batch in {self.count * groups} equal shares is a multiple of that; got {len(batch)} pictures.")
        return torch.cat([group.chunk(self.count)[self.index] for group in batch.chunk(groups)])


class SharedDropout(nn.Dropout):
    """Dropout that drops in a share what `nn.Dropout` drops there in the whole batch."""

    def __init__(self, p: float, share: Share) -> None:
        super().__init__(p)
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        whole = torch.ones_like(torch.cat([x] * self.share.count))  # cat and ones_like keep the order in memory, and so the draws
        return x * self.share.of(F.dropout(whole, self.p))


class MeanOverProcesses(torch.autograd.Function):
    """The mean of a tensor over all processes; of its gradient, too, as every process goes back from a loss of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        import torch.distributed as dist

        total = x.contiguous().clone()
        with lost_explained():
            dist.all_reduce(total)
        return total / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return MeanOverProcesses.apply(gradient)


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm with the statistics of the shares of all processes, on the CPU, where `nn.SyncBatchNorm` does not work."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        import torch.distributed as dist

        exact = x.float()
        mean = MeanOverProcesses.apply(exact.mean((0, 2, 3)))
        deviation = exact - mean[:, None, None]
        # the variance does not change with the mean that is subtracted, so no gradient goes that way
        variance = MeanOverProcesses.apply((exact - mean.detach()[:, None, None]).square().mean((0, 2, 3)))
        count = x.numel() // x.shape[1] * dist.get_world_size()
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (deviation * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def share_dropout(network: nn.Module, share: Share) -> None:
    """Put a `SharedDropout` in the place of every dropout of `network`."""
    for module in network.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, SharedDropout(child.p, share))


def share_batch_norm(network: nn.Module) -> None:
    """Make every batch norm of `network` take the statistics of all processes; its parameters stay the objects they are."""
    if next(network.parameters()).is_cuda:
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm2d  # the same parameters and buffers, another forward


@contextlib.contextmanager
def kept_statistics(network: nn.Module) -> Iterator[None]:
    """Run `network` again on what it has seen already: the running statistics of its batch norms stay as they are."""
    layers = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    before = [(layer.momentum, layer.num_batches_tracked.clone()) for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, (momentum, tracked) in zip(layers, before, strict=True):
            layer.momentum = momentum
            layer.num_batches_tracked.copy_(tracked)
