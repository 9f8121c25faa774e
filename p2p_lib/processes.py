"""Several processes that train one model together, each on its share of every batch.

``accelerate launch``, ``torchrun`` and accelerate's ``notebook_launcher`` all start the same program several times and tell each
copy, in environment variables, which one it is. The copies hold the same networks; each computes the gradients of its share, and
after the mean over all processes each makes the same step. Process 0, the main one, does the rest alone: it writes, validates and
shows progress. Without a launcher there is one process, and nothing here does anything.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from p2p_lib.errors import ConfigError, TrainingError

GO, STOP, FAILED = 0, 1, 2  # what processes tell each other; the largest counts
log = logging.getLogger("p2p_lib")
LOST = "Another process of this training stopped with an error; its own message says why."


@dataclasses.dataclass(frozen=True)
class Processes:
    """All processes of a training as seen by number `rank` of `count`; `control` is the group in which their CPUs talk."""

    rank: int = 0
    count: int = 1
    control: Any = None

    @property
    def main(self) -> bool:
        """Whether this is the process that writes, validates and shows progress."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace the gradients of all `parameters` by their mean over the processes, in one go."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        mean = self._mean(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, piece in zip(gradients, mean.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(piece.view(gradient.shape))

    def average(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The means of scalars over the processes."""
        if self.count == 1:
            return losses
        return dict(zip(losses, self._mean(torch.stack(list(losses.values()))).unbind(), strict=True))

    def _mean(self, tensor: Tensor) -> Tensor:
        import torch.distributed as dist

        with lost_explained():
            dist.all_reduce(tensor)
        return tensor / self.count

    def agree(self, stop: bool = False) -> bool:
        """Wait for all, and whether any of them asks to stop; TrainingError where one has failed in what it did alone."""
        if self.count == 1:
            return stop
        word = self._loudest(STOP if stop else GO)
        if word == FAILED:
            raise TrainingError(LOST)
        return word == STOP

    def _loudest(self, word: int) -> int:
        import torch.distributed as dist

        said = torch.tensor(word)
        with lost_explained():
            dist.all_reduce(said, dist.ReduceOp.MAX, group=self.control)
        return int(said)

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Around what this process does alone while the others wait in `agree`: they learn that it failed."""
        try:
            yield
        except BaseException:
            if self.count > 1:
                with contextlib.suppress(TrainingError):
                    self._loudest(FAILED)
            raise

    @contextlib.contextmanager
    def main_first(self) -> Iterator[None]:
        """The main process does this first, and only if it succeeds the others do, without saying the same again."""
        if not self.main:
            self.agree()
            log.disabled = True
            try:
                yield
            finally:
                log.disabled = False
            return
        with self.telling():
            yield
        self.agree()

    def check_alike(self, **facts: Any) -> None:
        """ConfigError in every process unless all of them came with the same `facts`."""
        if self.count == 1:
            return
        import torch.distributed as dist

        seen: list[Any] = [None] * self.count
        with lost_explained():
            dist.all_gather_object(seen, facts, group=self.control)
        for name, value in facts.items():
            values = [other[name] for other in seen]
            if any(other != value for other in values):
                raise ConfigError(
                    f"All processes must start alike, but {name} is {' and '.join(map(str, values))}; "
                    "give them the same task, data and folder (on several machines, one that all of them see)."
                )


ONE_PROCESS = Processes()


@contextlib.contextmanager
def lost_explained() -> Iterator[None]:
    """Turn the error of a connection that another process has left into a TrainingError."""
    try:
        yield
    except RuntimeError as error:
        raise TrainingError(LOST) from error


def join_processes() -> Processes:
    """The processes that a launcher started, this one among them; one alone where it was started without."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "RANK" not in os.environ:
        return ONE_PROCESS
    return _join()


def is_main_process() -> bool:
    """Whether this process is the one that prints and writes; known before the processes have joined."""
    return int(os.environ.get("WORLD_SIZE", "1")) == 1 or os.environ.get("RANK", "0") == "0"


@functools.cache  # joined once, however many trainings follow
def _join() -> Processes:
    import torch.distributed as dist

    cuda = torch.cuda.is_available()
    if cuda:
        choose_gpu(int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count())
    elif torch.backends.mps.is_available():
        raise ConfigError("Several processes train on NVIDIA GPUs or on CPUs, and this machine has Apple's GPU; start one alone.")
    if not dist.is_initialized():
        dist.init_process_group("nccl" if cuda else "gloo")
    return Processes(dist.get_rank(), dist.get_world_size(), dist.new_group(backend="gloo"))


def choose_gpu(local_rank: int, n_gpus: int) -> None:
    """Give this process the GPU of its number on this machine; ConfigError where there is none."""
    if local_rank >= n_gpus:
        raise ConfigError(f"Every process needs a GPU of its own, and this machine has {n_gpus}; start {n_gpus} processes on it.")
    torch.cuda.set_device(local_rank)
