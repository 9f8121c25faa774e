"""fit(): the training loop, readable in one sitting.

Every random draw follows from (seed, step): which pairs, how they are jittered, what dropout drops. So a checkpoint needs no
generator states, and a resumed run ends with the same bits (on the CPU) as one that was never interrupted.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import hashlib
import io
import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from p2p_lib import data, metrics, viz
from p2p_lib.checkpoint import load_checkpoint, save_checkpoint, save_weights
from p2p_lib.data.images import save_image
from p2p_lib.data.pairs import PairedImages
from p2p_lib.data.resident import batches_for
from p2p_lib.device import best_device, isolated_rng
from p2p_lib.errors import ConfigError, P2PError, TrainingError
from p2p_lib.files import atomic_write_text, remove_partial
from p2p_lib.guards import out_of_memory_explained, stop_signals, unwritable_explained
from p2p_lib.latent import random_latents
from p2p_lib.processes import ONE_PROCESS, Processes, join_processes
from p2p_lib.shares import Share
from p2p_lib.tasks import Task, task_from_dict, to_toml
from p2p_lib.weights import WEIGHTS_FILE

CHECKPOINT_FILE = "last.pt"
BEST_FILE = "best.safetensors"
FREE_TO_CHANGE = {"epochs", "steps", "eval_every", "save_every", "keep_every", "on_error", "profile", "accumulate"}
N_SAMPLES = 4
N_RANDOM = 4  # random codes in the picture of samples
LOG_EVERY = 10
EVAL_BATCH = 8

log = logging.getLogger("p2p_lib")


@dataclasses.dataclass(frozen=True)
class Event:
    """What a callback is told: a row of the history, and at validations the picture of the fixed samples.

    `row` holds step, images (pairs seen), seconds (of training), lr, the losses of the method's step (G_gan, G_l1, D_real, D_fake,
    ..., means since the last row), and at validations val_l1 and val_psnr. `samples` is uint8 (H, W, 3).
    """

    kind: Literal["log", "validation", "end"]
    out: Path
    total_steps: int
    row: dict[str, float]
    samples: np.ndarray | None = None


Callback = Callable[[Event], None]


class Monitor(Protocol):
    """A callback that also shows the training, in place of the progress bar, and may stop it (`widgets.TrainingMonitor` is one)."""

    def __call__(self, event: Event) -> None: ...

    def watch(self, trainer: Trainer, stop: Callable[[], None]) -> AbstractContextManager[tqdm]:
        """What is open while `trainer` trains, and has tqdm's `update` and `set_postfix`; ``stop()`` does what Ctrl-C does."""
        ...


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished or interrupted training: where it lies, what was asked for, and how it went."""

    out: Path
    task: Task
    step: int
    total_steps: int
    history: list[dict[str, float]]
    data_origin: str

    @property
    def finished(self) -> bool:
        return self.step >= self.total_steps


def fit(
    task: Task,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    train: PairedImages | None = None,
    val: PairedImages | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
    monitor: Monitor | None = None,
) -> Run:
    """Train `task` and leave everything in the folder `out` (unset: runs/NAME).

    `out` gets config.toml, history.csv, samples/ (fixed validation sources, translated every `eval_every` steps), last.pt (the
    checkpoint), weights.safetensors (the generator, with BicycleGAN's encoder), best.safetensors (those with the lowest validation
    L1; low L1 is not yet a good picture, so look before you choose it) and, with `keep_every`, kept/.

    With `resume`, an interrupted run goes on from its checkpoint, a finished one is returned as it is, and where there is nothing
    to resume, training starts. `train` and `val` take the place of the task's own data. Ctrl-C, a notebook's stop button and
    SIGTERM save before they stop; the Run that is returned is then not `finished`. `monitor` takes the place of the progress bar:
    in a notebook, ``widgets.TrainingMonitor()`` shows curves and pictures while the training runs.

    Where a launcher (``accelerate launch``, ``torchrun``) has started several processes, all call this alike, and `batch_size` is
    that of all together. Process 0 writes, validates and calls `callbacks`; the Run of the others has no history of its own.
    A run may go on with another number of processes.

    Raises ConfigError where `out` holds a run that cannot be resumed so, DataError for unusable pairs, TrainingError where the loss
    is not finite or memory runs out, CheckpointError where a checkpoint cannot be written.
    """
    out = Path(out) if out is not None else Path("runs") / task.name
    processes = join_processes()
    task.check_shares(processes.count)
    with processes.main_first():
        state = open_run(out, task, resume) if processes.main else saved_state(out, task)
        train = train or data.load(task, "train")
        val = val or data.load(task, "val")
    return Trainer(task, out, train, val, callbacks, progress, monitor, processes).run(state)


def open_run(out: Path, task: Task, resume: bool) -> dict[str, Any] | None:
    """Make the folder; the state to go on from, or None to start; ConfigError where that would destroy or mix up a run."""
    checkpoint = out / CHECKPOINT_FILE
    try:
        out.mkdir(parents=True, exist_ok=True)
        remove_partial(out)
        if not checkpoint.exists():
            atomic_write_text(out / "config.toml", to_toml(task))
    except OSError as error:
        raise ConfigError(f"Nothing can be written to {out} ({error.strerror}); choose another folder.") from error
    if checkpoint.exists() and not resume:
        raise ConfigError(f"{out} already holds a training run; resume it (resume=True, --resume) or choose another folder.")
    return saved_state(out, task)


def saved_state(out: Path, task: Task) -> dict[str, Any] | None:
    """The state that lies in `out`, or None; ConfigError where it is that of another task."""
    checkpoint = out / CHECKPOINT_FILE
    if not checkpoint.exists():
        return None
    state = load_checkpoint(checkpoint, best_device())
    check_same_task(task, task_from_dict(state["config"]), out)
    return state


def check_same_task(asked: Task, saved: Task, out: Path) -> None:
    """ConfigError that lists what differs, unless a checkpoint of `saved` may be continued as `asked`."""
    before, now = dataclasses.asdict(saved), dataclasses.asdict(asked)
    changed = [field for field in now if now[field] != before[field] and field not in FREE_TO_CHANGE]
    if changed:
        listed = ", ".join(f"{field} was {before[field]!r} and is now {now[field]!r}" for field in changed)
        raise ConfigError(f"The run in {out} was started otherwise: {listed}. Ask for the same, or choose another folder.")


class Trainer:
    """The state of one training run, and the loop over it."""

    def __init__(
        self,
        task: Task,
        out: Path,
        train: PairedImages,
        val: PairedImages,
        callbacks: Sequence[Callback] = (),
        progress: bool = True,
        monitor: Monitor | None = None,
        processes: Processes = ONE_PROCESS,
    ) -> None:
        self.task, self.out, self.pairs, self.val = task, out, train, val
        self.device = best_device()
        self.batches = batches_for(train, self.device)
        self.processes = processes
        self.monitor = monitor if processes.main else None
        self.callbacks = [*callbacks, *filter(None, [monitor])] if processes.main else []
        self.progress = progress and processes.main
        self.codec, self.augment = task.make_codec(), task.make_augment()
        self.method = task.make_method(self.device, processes)
        self.share = Share(processes.rank, processes.count)
        self.total_steps = task.total_steps(len(train))
        self.step = 0
        self.history: list[dict[str, float]] = []
        self.best_l1 = math.inf
        self.seconds = 0.0
        self.saved_step = -1
        self.sums: dict[str, Tensor] = {}  # losses since the last row of the history
        self.bad_step = torch.full((), -1, device=self.device)  # first step whose loss was not finite

    def run(self, state: dict[str, Any] | None) -> Run:
        """Train to the end, or until a signal asks to stop."""
        if state is not None:
            self.load_state(state)
        task, alone = dataclasses.asdict(self.task), self.processes.count == 1
        self.processes.check_alike(task=task, step=self.step, pairs=len(self.pairs), out=str(self.out))
        with stop_signals(patient=not alone) as stopping, self.shown(stopping.set) as bar, isolated_rng():
            while self.step < self.total_steps and not self.processes.agree(stopping.is_set()):
                started = time.perf_counter()
                losses = self.train_step()
                self.seconds += time.perf_counter() - started
                self.on_main(self.record, losses, bar)
            self.on_main(self.finish)
            self.processes.agree()  # a launcher ends all where one ends early
        if self.step < self.total_steps and self.processes.main:
            log.warning("Stopped and saved at step %d of %d; go on with resume=True (--resume).", self.step, self.total_steps)
        run = Run(self.out, self.task, self.step, self.total_steps, self.history, self.pairs.origin)
        self.tell("end")
        return run

    def on_main(self, work: Callable[..., None], *arguments: Any) -> None:
        """What the main process does alone; the others go on, and wait for it before the next step."""
        if self.processes.main:
            with self.processes.telling():
                work(*arguments)

    def finish(self) -> None:
        """Leave everything as it stands at the last step."""
        if self.step > self.saved_step:
            self.save()
        self.write_history()

    def train_step(self) -> dict[str, Tensor]:
        """One batch, jittered and encoded, through one step of the method.

        Of several processes each jitters the whole batch, as the draws belong to it, and goes on with its share.
        """
        generator = torch.Generator().manual_seed(derive_seed(self.task.seed, "augment", self.step))
        indices = batch_indices(self.step, self.task.batch_size, len(self.pairs), self.task.seed)
        source, target = (half.to(self.device, non_blocking=True) for half in self.batches.batch(indices))
        if self.step + 1 < self.total_steps:
            self.batches.read_ahead(batch_indices(self.step + 1, self.task.batch_size, len(self.pairs), self.task.seed))
        source, target = self.augment(source, target, generator)
        source, target = (self.share.of(half, self.method.groups) for half in (source, target))
        torch.manual_seed(derive_seed(self.task.seed, "dropout", self.step))
        self.method.set_lr_factor(self.task.lr_factor(self.step, self.total_steps))
        self.method.train()
        with out_of_memory_explained(self.task, self.device, self.processes.count):
            losses = self.method.step(self.codec.encode_source(source), self.codec.encode_target(target))
        self.step += 1
        return self.processes.average(losses)

    def record(self, losses: dict[str, Tensor], bar: tqdm) -> None:
        """Add up the losses, and do what is due after this step: a row, a validation, a checkpoint."""
        finite = torch.stack(list(losses.values())).isfinite().all()
        self.bad_step = torch.where(finite | (self.bad_step >= 0), self.bad_step, self.step)
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0) + loss
        self.sums["n"] = self.sums.get("n", 0) + 1
        last = self.step == self.total_steps
        evaluate = last or self.step % self.task.eval_every == 0
        if evaluate or self.step % LOG_EVERY == 0:
            self.log_row(bar, evaluate)
        if last or self.step % self.task.save_every == 0:
            self.save()
        before, epoch = ((step * self.task.batch_size) // len(self.pairs) for step in (self.step - 1, self.step))
        if self.task.keep_every and epoch // self.task.keep_every > before // self.task.keep_every:
            self.save_generator(self.out / "kept" / f"epoch_{epoch:04d}.safetensors")
        bar.update(1)

    def log_row(self, bar: tqdm, evaluate: bool) -> None:
        """Close a row of the history; TrainingError where a loss since the last one was not finite."""
        self.check_finite()
        n = self.sums.pop("n")
        means = {name: float(total) / n for name, total in self.sums.items()}
        self.sums = {}
        row = {"step": self.step, "images": self.step * self.task.batch_size, "seconds": round(self.seconds, 2)}
        row |= {"lr": self.task.lr * self.task.lr_factor(self.step - 1, self.total_steps)} | means
        self.history.append(row)
        bar.set_postfix({name: f"{value:.3f}" for name, value in means.items()}, refresh=False)
        if not evaluate:
            return self.tell("log")
        scores, picture = self.validate()
        row |= scores
        if scores["val_l1"] < self.best_l1:
            self.check_weights()
            self.best_l1 = scores["val_l1"]
            self.save_generator(self.out / BEST_FILE)
        with unwritable_explained(self.out):
            save_image(Image.fromarray(picture), self.out / "samples" / f"step_{self.step:06d}.png")
        self.write_history()
        self.tell("validation", picture)

    def validate(self) -> tuple[dict[str, float], np.ndarray]:
        """L1 and PSNR over the validation pairs (inference mode "eval"), and a picture of the first few.

        BicycleGAN is scored on the target made again from its own code, as a random answer to a sketch may well be another photo.
        """
        self.method.train(False)
        scores, rows = [], []
        for start in range(0, len(self.val), EVAL_BATCH):
            source, target = self.val.batch(range(start, min(start + EVAL_BATCH, len(self.val))))
            with torch.no_grad(), out_of_memory_explained(self.task, self.device):
                x = self.codec.encode_source(source.to(self.device)).contiguous(memory_format=torch.channels_last)
                answer = self.method.answer(x, self.codec.encode_target(target.to(self.device)))
                fake, *others = (
                    self.codec.decode(y, source.to(self.device)).cpu() for y in (answer, *self.random_answers(x, start))
                )
            scores += zip(metrics.l1(fake, target).tolist(), metrics.psnr(fake, target).tolist(), strict=True)
            columns = zip(self.codec.seen(source[:N_SAMPLES]), fake, target, *others, strict=False)
            rows = (rows + [[viz.to_array(image) for image in row] for row in columns])[:N_SAMPLES]
        val_l1, val_psnr = np.mean(scores, axis=0)
        titles = ["source", f"step {self.step}", "target", *(f"z {i + 1}" for i in range(len(rows[0]) - 3))]
        return {"val_l1": float(val_l1), "val_psnr": float(val_psnr)}, viz.picture_grid(rows, titles)

    def random_answers(self, x: Tensor, start: int) -> list[Tensor]:
        """For the picture of samples: what a model with a latent code makes of the first batch with always the same codes."""
        if self.task.nz == 0 or start > 0:
            return []
        codes = random_latents(N_RANDOM, self.task.nz, derive_seed(self.task.seed, "samples"))
        return [self.method.netG(x, torch.from_numpy(z).to(x).expand(len(x), -1)) for z in codes]

    def check_finite(self) -> None:
        """TrainingError that names the first step with a loss that is not a number; the last checkpoint stays as it is."""
        bad = int(self.bad_step)
        if bad >= 0:
            raise self.not_finite(f"The loss of step {bad} is")

    def check_weights(self) -> None:
        """TrainingError where a step with a finite loss has made weights that are not, so that they are never saved."""
        tensors = [tensor for network in self.method.networks.values() for tensor in network.state_dict().values()]
        if not torch.stack([tensor.isfinite().all() for tensor in tensors]).all():
            raise self.not_finite(f"The weights after step {self.step} are")

    def not_finite(self, what: str) -> TrainingError:
        checkpoint = self.out / CHECKPOINT_FILE
        kept = f"{checkpoint} still holds the last good state" if checkpoint.exists() else "nothing had been saved yet"
        return TrainingError(f"{what} not finite; {kept}. Try a lower lr, or precision fp32.")

    def save(self) -> None:
        """The generator, then the checkpoint: what is resumed is never newer than what can be used."""
        self.check_finite()
        self.check_weights()
        self.save_generator(self.out / WEIGHTS_FILE)
        state = {"config": dataclasses.asdict(self.task), "step": self.step, "method": self.method.state_dict()}
        state |= {"history": self.history, "sums": self.sums, "best_l1": self.best_l1, "seconds": self.seconds}
        state |= {"data": self.pairs.origin}
        save_checkpoint(self.out / CHECKPOINT_FILE, state)
        self.saved_step = self.step

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `save` wrote."""
        if state.get("data", self.pairs.origin) != self.pairs.origin:
            log.warning("This run began on %s; it goes on with %s.", state["data"], self.pairs.origin)
        self.method.load_state_dict(state["method"])
        self.step, self.history, self.sums = state["step"], state["history"], state["sums"]
        self.best_l1, self.seconds, self.saved_step = state["best_l1"], state["seconds"], self.step

    def save_generator(self, path: Path) -> None:
        save_weights(path, self.method.weights(), dataclasses.asdict(self.task), step=self.step)

    def write_history(self) -> None:
        """history.csv, a line a row; validation columns are empty between validations."""
        columns = list(dict.fromkeys(key for row in self.history for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.history)
        with unwritable_explained(self.out):
            atomic_write_text(self.out / "history.csv", text.getvalue())

    def tell(self, kind: Literal["log", "validation", "end"], samples: np.ndarray | None = None) -> None:
        row = self.history[-1] if self.history else {}
        for callback in self.callbacks:
            callback(Event(kind, self.out, self.total_steps, row, samples))

    def shown(self, stop: Callable[[], None]) -> AbstractContextManager[tqdm]:
        """The progress bar, or the monitor that takes its place."""
        return self.monitor.watch(self, stop) if self.monitor else self.progress_bar()

    def progress_bar(self) -> tqdm:
        """Time left, pairs a second, losses."""
        return tqdm(
            total=self.total_steps,
            initial=self.step,
            unit="img",
            unit_scale=self.task.batch_size,
            desc=f"training {self.task.name}",
            disable=not self.progress,
            mininterval=0.5,
        )


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed that follows from `parts` and nothing else."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def batch_indices(step: int, batch_size: int, n_pairs: int, seed: int) -> list[int]:
    """The pairs of one step: all are seen once, in random order, before any is seen again."""
    indices = []
    for position in range(step * batch_size, (step + 1) * batch_size):
        epoch, place = divmod(position, n_pairs)
        indices.append(int(epoch_order(epoch, n_pairs, seed)[place]))
    return indices


@functools.lru_cache(maxsize=2)  # a batch may lie across two epochs; every step of an epoch asks for the same order
def epoch_order(epoch: int, n_pairs: int, seed: int) -> Tensor:
    """The order of the pairs in one epoch, int64 (n_pairs,)."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    return torch.randperm(n_pairs, generator=generator)


def tensorboard(folder: str | Path) -> Callback:
    """A callback that writes losses, validation scores and samples for TensorBoard; P2PError where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise P2PError("TensorBoard is not installed; pip install tensorboard, or leave it out.") from None
    writer = SummaryWriter(str(folder))

    def callback(event: Event) -> None:
        if event.kind == "end":
            return writer.close()
        for name, value in event.row.items():
            writer.add_scalar(name, value, int(event.row["step"]))
        if event.samples is not None:
            writer.add_image("samples", event.samples, int(event.row["step"]), dataformats="HWC")

    return callback
