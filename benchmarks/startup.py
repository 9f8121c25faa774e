"""How long it takes until training begins: `p2p train` in a new process, the first and later times, until its first step is done.

    python benchmarks/startup.py [--repeats 3]

The first time draws and caches the samples; a later one finds them. "A later run" is what a reader waits for who starts a lesson's
training a second time, imports included.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clock import machine

TASKS = ("facades", "sat2map", "edges2shoes", "paint-lab", "comics", "faces")


def seconds_to_first_step(task: str, out: Path, cache: Path) -> float:
    """From the start of the process until the run of one step has ended."""
    command = [sys.executable, "-m", "p2p_lib", "train", task, "--profile", "lite", "--steps", "1", "--out", str(out)]
    environment = os.environ | {"P2P_CACHE": str(cache)}
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(f"{machine()}; a process of one training step, its validation and its checkpoint; median of {options.repeats} later runs")
    with tempfile.TemporaryDirectory() as folder:
        for task in TASKS:
            first, *later = (
                seconds_to_first_step(task, Path(folder) / f"{task}{i}", Path(folder) / "cache") for i in range(options.repeats + 1)
            )
            print(f"  {task:14} first {first:5.1f} s   a later run {statistics.median(later):5.1f} s")
