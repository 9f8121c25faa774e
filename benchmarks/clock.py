"""What the benchmarks of speed share: calls taken in turns, and how their times are told."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable

import torch

from p2p_lib.device import best_device

Contestants = dict[str, Callable[[], object]]


def machine() -> str:
    """Versions and hardware, for the line above the figures."""
    device = best_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{platform.machine()}, {torch.get_num_threads()} threads"
    return f"torch {torch.__version__}, {device.type} ({name}), load {os.getloadavg()[0]:.1f}"


def seconds(work: Callable[[], object]) -> float:
    """The wall time of one call, the device's work included."""
    synchronize = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    synchronize()
    started = time.perf_counter()
    work()
    synchronize()
    return time.perf_counter() - started


def in_turns(contestants: Contestants, repeats: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Seconds of every call, taken in turns, so that a busy moment hits all of them."""
    rounds = [{name: seconds(work) for name, work in contestants.items()} for _ in range(warm_up + repeats)][warm_up:]
    return {name: [times[name] for times in rounds] for name in contestants}


def report(times: dict[str, list[float]], unit: str, factor: float) -> None:
    """A line for each: median and quartiles of seconds times `factor`, and how many times faster it is than the first."""
    reference = statistics.median(next(iter(times.values())))
    for name, values in times.items():
        low, median, high = (value * factor for value in statistics.quantiles(values, n=4))
        print(f"  {name:34} {median:8.1f} {unit} ({low:.1f}-{high:.1f})   {reference * factor / median:.2f}x")
