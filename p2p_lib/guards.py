"""What can go wrong from outside while a training runs: signals, memory that runs out, a disk that is full."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from p2p_lib.errors import CheckpointError, TrainingError
from p2p_lib.tasks import Task


@contextlib.contextmanager
def stop_signals(patient: bool = False) -> Iterator[threading.Event]:
    """An event that Ctrl-C (a notebook's stop button) or SIGTERM sets, so that a step is still finished; a second breaks off.

    Not if `patient`: a launcher of several processes passes on the signal that they have got already.
    """
    stopping = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopping  # only the main thread may handle signals
        return

    def stop(number: int, frame: Any) -> None:
        if stopping.is_set() and not patient:
            raise KeyboardInterrupt
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def out_of_memory_explained(task: Task, device: torch.device, n_processes: int = 1) -> Iterator[None]:
    """Turn an out-of-memory error into a TrainingError that says what to lower."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not isinstance(error, (torch.OutOfMemoryError, MemoryError)) and "can't allocate memory" not in str(error):
            raise
        raise TrainingError(
            f"Out of memory on {device.type} with batch_size {task.batch_size}, image_size {task.image_size} and ngf {task.ngf}; "
            f"{less_memory(task, n_processes)}."
        ) from error


def less_memory(task: Task, n_processes: int = 1) -> str:
    """What to change where memory runs out: first what changes the result least."""
    n_parts = task.batch_size // (n_processes * (2 if task.bicycle else 1))  # as many as there can be
    if task.accumulate < n_parts:
        parts = next(n for n in range(task.accumulate + 1, n_parts + 1) if n_parts % n == 0)
        return f"raise accumulate to {parts}, or lower batch_size"
    return "lower image_size first" if task.image_size > 256 else "lower ngf and ndf first"


@contextlib.contextmanager
def unwritable_explained(out: Path) -> Iterator[None]:
    """Turn a failed write of a picture or of the history into a CheckpointError; what was saved before is as it was."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"{error.filename or out} cannot be written ({error.strerror}); the last checkpoint is untouched."
        ) from error
