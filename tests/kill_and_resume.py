"""Kill a training run with SIGKILL at random moments, resume it each time, and compare its end with an uninterrupted run's.

    python tests/kill_and_resume.py --kills 20

What is killed is a real ``p2p train`` in a process of its own; the runs that go to their end are run here. Exit code 0 where the
final weights are equal, byte for byte.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from p2p_lib.cli import main

SMALL = ["--profile", "lite", "--image_size", "32", "--receptive_field", "16", "--ngf", "8", "--ndf", "8"]
SAVE_EVERY = 7
EVERY = ["--save_every", str(SAVE_EVERY), "--eval_every", "40", "--dropout", "true", "--jitter", "4"]


def train_command(out: Path, steps: int, dataset: str = "facades") -> list[str]:
    """What stands behind ``p2p``."""
    return ["train", "facades", *SMALL, *EVERY, f"--steps={steps}", f"--dataset={dataset}", "--out", str(out), "--resume"]


def kill_and_resume(folder: Path, kills: int, seed: int, dataset: str = "facades") -> bool:
    """Whether a run that is killed `kills` times ends with the same weights and history as one that is not."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    torch.set_num_threads(1)  # here as there: sums in another order are other sums
    whole, broken = folder / "whole", folder / "broken"
    steps = 60 + 40 * kills  # enough to be left for the last kill
    assert main(train_command(whole, steps, dataset)) == 0
    saves = steps // SAVE_EVERY // (kills + 1)  # of which at least two are awaited: the time between them says how long one takes
    moments = random.Random(seed)
    for i in range(kills):
        command = [sys.executable, "-m", "p2p_lib", *train_command(broken, steps, dataset)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        between = wait_for_saves(process, broken / "last.pt", moments.randint(2, saves))
        time.sleep(moments.uniform(0, between))
        process.send_signal(signal.SIGKILL)
        finished = process.wait() == 0
        print(f"kill {i + 1} of {kills}: {'it had finished' if finished else describe(broken)}", flush=True)
    assert main(train_command(broken, steps, dataset)) == 0
    return filecmp.cmp(whole / "weights.safetensors", broken / "weights.safetensors", shallow=False) and filecmp.cmp(
        whole / "best.safetensors", broken / "best.safetensors", shallow=False
    )


def wait_for_saves(process: subprocess.Popen, checkpoint: Path, count: int) -> float:
    """Until the process has written so many checkpoints of its own; returns the seconds from the last but one to the last."""
    for _ in range(count):
        before, begun = modified(checkpoint), time.monotonic()
        while process.poll() is None and modified(checkpoint) == before:
            time.sleep(0.002)
    return time.monotonic() - begun


def modified(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def describe(out: Path) -> str:
    partial = len(list(out.glob(".*.partial")))
    checkpoint = "a checkpoint" if (out / "last.pt").exists() else "no checkpoint"
    return f"left {checkpoint}" + (", in the middle of a save" if partial else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    home = Path(tempfile.mkdtemp())
    equal = kill_and_resume(home, options.kills, options.seed)
    shutil.rmtree(home)
    print("the weights are equal, byte for byte" if equal else "THE WEIGHTS DIFFER")
    sys.exit(not equal)
