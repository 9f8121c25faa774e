"""One of the processes of tests/test_processes.py: it trains together with the others, and writes down what it met.

Called as ``two_processes.py FOLDER``, with the environment that a launcher sets.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import p2p_lib as p2p
from p2p_lib.checkpoint import load_checkpoint
from p2p_lib.data import PairedImages
from p2p_lib.errors import P2PError
from p2p_lib.training import Run, Trainer

SIZES = {"image_size": 32, "jitter": 4, "receptive_field": 16, "ngf": 4, "ndf": 4, "nef": 4, "precision": "fp32"}
RECIPE = {"lr": 2e-4, "lr_d_factor": 1.0, "decay_from": 1.0, "upsample": "transpose", "norm": "batch", "dropout": True}
"""The paper's. A learning rate for impatient readers drives rounding errors apart within twenty steps, in one process, too."""
RARELY = {"eval_every": 1000, "save_every": 1000}
PIX2PIX = p2p.task("facades", "lite", **(SIZES | RECIPE | RARELY | {"batch_size": 2, "steps": 20}))
BICYCLE = p2p.task("faces", "lite", **(SIZES | RECIPE | RARELY | {"batch_size": 4, "steps": 4}))


def make_pairs(count: int, size: int) -> PairedImages:
    """Random pictures, each with its negative as the target."""
    source = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)
    return PairedImages(np.stack([source, 255 - source], axis=1), [f"pair {i}" for i in range(count)], "noise")


class Signalling(PairedImages):
    """Pairs that send SIGTERM to their own process with the batch of the third step."""

    asked = 0

    def batch(self, indices):
        self.asked += 1
        if self.asked == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().batch(indices)


def train(task: p2p.Task, out: Path, pairs: PairedImages | None = None, **options: Any) -> Run:
    """Train on five pairs."""
    pairs = pairs or make_pairs(5, task.load_size)
    return p2p.fit(task, out, train=pairs, val=make_pairs(2, task.image_size), progress=False, **options)


def losses_of(task: p2p.Task, out: Path, **options: Any) -> list[dict[str, float]]:
    """The losses of every step of a training, as the main process records them."""
    steps: list[dict[str, float]] = []
    record = Trainer.record

    def keep(self: Trainer, losses: dict[str, torch.Tensor], bar: Any) -> None:
        steps.append({name: float(loss) for name, loss in losses.items()})
        record(self, losses, bar)

    Trainer.record = keep
    try:
        train(task, out, **options)
    finally:
        Trainer.record = record
    return steps


def assert_same_gradients(one: Path, other: Path) -> None:
    """Adam's mean gradients of all convolutions: its steps, and so the losses, would not show a factor."""
    states = [load_checkpoint(out / "last.pt")["method"] for out in (one, other)]
    for name in ("optimizer_G", "optimizer_D"):
        moments = [[entry["exp_avg"] for entry in state[name]["state"].values() if entry["exp_avg"].ndim == 4] for state in states]
        some, others = (torch.cat([moment.flatten() for moment in of_run]) for of_run in moments)
        assert (some - others).norm() < 0.01 * others.norm()


def same_results(folder: Path) -> dict[str, Any]:
    """Trainings from the start, and the continuation of one that a single process began."""
    return {
        "pix2pix": losses_of(PIX2PIX, folder / "pix2pix"),
        "bicyclegan": losses_of(BICYCLE, folder / "bicyclegan"),
        "resumed": losses_of(PIX2PIX, folder / "resumed", resume=True),
    }


def ends(folder: Path) -> dict[str, Any]:
    """What each process met where a training could not go to its end."""
    rank = int(os.environ["RANK"])
    kind = Signalling if rank == 1 else PairedImages
    pairs = make_pairs(5, PIX2PIX.load_size)
    stopped = train(PIX2PIX, folder / "stopped", kind(pairs.array, pairs.names, pairs.origin))

    def fail(event: Any) -> None:
        raise OSError("the callback failed")

    return {
        "stopped": [stopped.step, stopped.finished],
        "failing callback": error_of(train, PIX2PIX, folder / "failing", callbacks=[fail]),
        "not resumed": error_of(train, PIX2PIX, folder / "stopped"),
        "other pairs": error_of(train, PIX2PIX, folder / "unlike", make_pairs(5 + rank, PIX2PIX.load_size)),
        "odd batch": error_of(train, p2p.task("facades", "lite", batch_size=3), folder / "odd"),
    }


def error_of(work: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """The message of the error that `work` ends with."""
    try:
        work(*arguments, **options)
    except (P2PError, OSError) as error:
        return str(error)
    return "no error"


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(same_results(folder) | ends(folder)))
