"""Quality against minutes of wall clock: `facades-laptop` from the command to the finished model, measured along the way.

    P2P_DATA=... python benchmarks/quality.py OUT WEIGHTS [--every 2]

Runs `p2p train` on the real facades into the new folder OUT, keeping the generator every few epochs, and measures each on the real
test split at 256 px: LPIPS with SqueezeNet (WEIGHTS holds the two .npz files), L1 and PSNR, beside copying the source. Minutes are
wall clock from the start of the command, so imports, loading and validation count. Draws the curve as benchmarks/quality.svg.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from clock import machine
from matplotlib.figure import Figure
from torch import Tensor

import p2p_lib as p2p
from p2p_lib.data import PairedImages
from p2p_lib.lpips import Lpips

PICTURE = Path(__file__).with_name("quality.svg")
BATCH = 8


def scores(answers: Tensor, targets: Tensor, lpips: Lpips) -> tuple[float, float, float]:
    """Mean LPIPS, L1 and PSNR of answers to their targets, both (N, 3, H, W) uint8."""
    distances = [lpips(a, t).mean() * len(a) for a, t in zip(answers.split(BATCH), targets.split(BATCH), strict=True)]
    values = (sum(distances) / len(answers), p2p.metrics.l1(answers, targets).mean(), p2p.metrics.psnr(answers, targets).mean())
    return tuple(float(value) for value in values)


def measure(file: Path, test: PairedImages, lpips: Lpips) -> tuple[float, float, float]:
    sources, targets = test.batch(range(len(test)))
    return scores(p2p.Translator.load(file)(sources), targets, lpips)


def draw(minutes: list[float], distances: list[float], copy: float) -> None:
    """The curve, from no model at all to the finished one."""
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    ax = figure.subplots()
    ax.plot([0, *minutes], [copy, *distances], marker="o")
    ax.axhline(0.45, linestyle=":", color="gray")
    ax.set(
        xlabel="minutes of wall clock", ylabel="LPIPS (SqueezeNet), lower is nearer", title="facades-laptop on the real test split"
    )
    ax.grid(alpha=0.3)
    figure.savefig(PICTURE, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--every", type=int, default=2, help="epochs between measurements")
    options = parser.parse_args()
    task = p2p.task("facades-laptop")
    test, lpips = p2p.data.load(task, "test", size=task.image_size), Lpips(options.weights)
    print(f"{machine()}; measured on {test.origin}")
    started = time.time()
    command = [sys.executable, "-m", "p2p_lib", "train", task.name, "--out", str(options.out), "--keep_every", str(options.every)]
    subprocess.run(command, check=True)
    print(f"{(time.time() - started) / 60:.1f} minutes from the command to its end")
    copy = scores(*test.batch(range(len(test))), lpips)
    files = [*sorted((options.out / "kept").iterdir()), options.out / "weights.safetensors"]
    minutes = [(file.stat().st_mtime - started) / 60 for file in files]
    found = [measure(file, test, lpips) for file in files]
    print("| minutes | LPIPS | L1 | PSNR |\n|---|---|---|---|")
    for when, row in zip([0, *minutes], [copy, *found], strict=True):
        print(f"| {when:.1f} | {row[0]:.3f} | {row[1]:.3f} | {row[2]:.1f} |")
    draw(minutes, [row[0] for row in found], copy[0])


if __name__ == "__main__":
    main()
