"""How long a reader waits until training begins: a new process, from its start to its first step, imports and data included.

    python benchmarks/startup.py [--repeats 3]

The first time draws and caches the samples; a later one finds them. The clock stops where `fit` begins its first step.
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


PROGRAM = """
import sys
import time

import p2p_lib as p2p
from p2p_lib.training import LOG_EVERY


def tell(event):
    if event.kind == "log":  # so many seconds of training ago the first step began
        print(time.time() - event.row["seconds"])


p2p.fit(p2p.task(sys.argv[1], "lite", steps=LOG_EVERY + 1), sys.argv[2], callbacks=[tell], progress=False)
"""


def seconds_to_first_step(task: str, out: Path, cache: Path) -> float:
    """From the start of a process until it begins to train."""
    environment = os.environ | {"P2P_CACHE": str(cache)}
    started = time.time()
    command = [sys.executable, "-c", PROGRAM, task, str(out)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout) - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(f"{machine()}; from the start of a process to its first training step; median of {options.repeats} later runs")
    with tempfile.TemporaryDirectory() as folder:
        for task in TASKS:
            first, *later = (
                seconds_to_first_step(task, Path(folder) / f"{task}{i}", Path(folder) / "cache") for i in range(options.repeats + 1)
            )
            print(f"  {task:14} first {first:5.1f} s   a later run {statistics.median(later):5.1f} s")
