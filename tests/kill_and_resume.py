"""Kill a training run with SIGKILL at random moments, resume it each time, and compare its end with an uninterrupted run's.

    python tests/kill_and_resume.py --kills 20

Every process is a real ``p2p train``. Exit code 0 where the final weights are equal, byte for byte.
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

SMALL = ["--profile", "lite", "--image_size", "32", "--receptive_field", "16", "--ngf", "8", "--ndf", "8"]
EVERY = ["--save_every", "7", "--eval_every", "40", "--dropout", "true", "--jitter", "4"]


def train_command(out: Path, steps: int) -> list[str]:
    return [sys.executable, "-m", "p2p_lib", "train", "facades", *SMALL, *EVERY, f"--steps={steps}", "--out", str(out), "--resume"]


def kill_and_resume(folder: Path, kills: int, seed: int) -> bool:
    """Whether a run that is killed `kills` times ends with the same weights and history as one that is not."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    whole, broken = folder / "whole", folder / "broken"
    steps = 100 + 40 * kills  # enough to be left for the last kill
    subprocess.run(train_command(whole, steps), env=environment, check=True, capture_output=True)
    duration = (whole / "history.csv").stat().st_mtime - (whole / "config.toml").stat().st_mtime
    moments = random.Random(seed)
    for i in range(kills):
        process = subprocess.Popen(
            train_command(broken, steps), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_a_save(process, broken / "last.pt")
        time.sleep(moments.uniform(0, duration / (kills + 1)))
        process.send_signal(signal.SIGKILL)
        finished = process.wait() == 0
        print(f"kill {i + 1} of {kills}: {'it had finished' if finished else describe(broken)}", flush=True)
    subprocess.run(train_command(broken, steps), env=environment, check=True, capture_output=True)
    return filecmp.cmp(whole / "weights.safetensors", broken / "weights.safetensors", shallow=False) and filecmp.cmp(
        whole / "best.safetensors", broken / "best.safetensors", shallow=False
    )


def wait_for_a_save(process: subprocess.Popen, checkpoint: Path) -> None:
    """Until the process has written a checkpoint of its own: killed earlier, it would have achieved nothing."""
    before = modified(checkpoint)
    while process.poll() is None and modified(checkpoint) == before:
        time.sleep(0.005)


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
