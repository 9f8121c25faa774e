"""`TrainingMonitor`: what a training is doing, while it does it."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from tqdm import tqdm

from p2p_lib.training import Event, Trainer

BOOKKEEPING = {"step", "images", "seconds", "lr"}  # columns of the history that are neither losses nor scores


class TrainingMonitor:
    """Shows a training in the notebook: progress and time left, the latest losses and scores, curves, and the fixed samples.

    For ``fit(task, monitor=TrainingMonitor())``, where it takes the place of the progress bar. Its button stops the training as
    Ctrl-C does: the step is finished, all is saved, and ``fit(task, resume=True)`` goes on. When the training has ended, plain
    pictures take the place of the widgets, so that a reloaded notebook, or one on GitHub, shows them too. Where there are no
    widgets (no notebook, or no ipywidgets) there is the progress bar, and a printed line at every validation.

    Without widgets, ``viz.plot_history(run.history)`` draws the same curves, and the pictures of the samples are the files in
    ``run.out / "samples"``. `smooth` is that of `viz.plot_history`.
    """

    def __init__(self, smooth: int = 1) -> None:
        self.smooth = smooth
        self._tell: Callable[[Event], None] = _nothing

    def __call__(self, event: Event) -> None:
        """What `fit` tells its callbacks."""
        self._tell(event)

    @contextlib.contextmanager
    def watch(self, trainer: Trainer, stop: Callable[[], None]) -> Iterator[AbstractContextManager[tqdm]]:
        """Show `trainer` while the context is open; gives what has the `update` and `set_postfix` of a progress bar."""
        if has_front_end():
            from p2p_lib.widgets.monitor_view import MonitorView

            shown = MonitorView(trainer, stop, self.smooth)
            self._tell = shown.tell
        else:
            shown = trainer.progress_bar()
            self._tell = _print_validation
        try:
            with shown as bar:
                yield bar
        finally:
            self._tell = _nothing


class Progress:
    """How far a training is, and how long it still takes at the pace of this session."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.first, self.started = trainer, trainer.step, time.monotonic()

    def __str__(self) -> str:
        session = " of this session" if self.first else ""
        return f"step {self.trainer.step:,} of {self.trainer.total_steps:,}, {tqdm.format_interval(self._elapsed())}{session}"

    def left(self) -> str:
        """The time that is left, as text; empty before the first step."""
        done, remaining = self.trainer.step - self.first, self.trainer.total_steps - self.trainer.step
        return f", about {tqdm.format_interval(self._elapsed() / done * remaining)} left" if done else ""

    def _elapsed(self) -> float:
        return time.monotonic() - self.started


def has_front_end() -> bool:
    """Whether this runs in a kernel, as notebooks do, and ipywidgets is installed."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None and importlib.util.find_spec("ipywidgets") is not None


def latest(history: Sequence[dict[str, float]]) -> list[str]:
    """The newest losses of a history and its newest validation, a line each."""
    validated = [row for row in history if "val_l1" in row]
    return [_line("losses", row, False) for row in history[-1:]] + [_line("validation", row, True) for row in validated[-1:]]


def _line(what: str, row: dict[str, float], validation: bool) -> str:
    shown = [name for name in row if name.startswith("val_") == validation and name not in BOOKKEEPING]
    return f"{what.capitalize()} at step {row['step']:,}: {', '.join(f'{name} {row[name]:.3g}' for name in shown)}"


def _print_validation(event: Event) -> None:
    if event.kind == "validation":
        tqdm.write("; ".join(latest([event.row])))


def _nothing(event: Event) -> None:
    """Between trainings there is nothing to show."""
