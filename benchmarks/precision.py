"""Does bf16 cost quality? The lite recipe of facades in fp32 and in bf16, everything else equal.

    P2P_DATA=... python benchmarks/precision.py OUT [WEIGHTS] [--seeds 0 1 2]

Measured on the validation pairs in fp32: L1, PSNR, and LPIPS where WEIGHTS holds SqueezeNet and the LPIPS heads as .npz files. The
spread of fp32's own seeds is the noise that a difference has to be held against. OUT gets the runs, which go on where they were
interrupted.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from clock import machine

import p2p_lib as p2p
from p2p_lib import evaluation
from p2p_lib.data import PairedImages
from p2p_lib.lpips import Lpips

PRECISIONS = ("fp32", "bf16")
SHOWN = {"l1": "L1", "psnr": "PSNR", "lpips": "LPIPS"}


def judge(model: p2p.Translator, pairs: PairedImages, judges: evaluation.Judges) -> dict[str, float]:
    """Means over all pairs."""
    found = evaluation.measure(model, pairs, judges, progress=False)[evaluation.MODEL]
    return {title: float(found[name].mean()) for name, title in SHOWN.items() if name in found}


def spread(name: str, values: list[float]) -> str:
    """The mean over seeds, and the range."""
    return f"{name} {statistics.fmean(values):.4f} ({min(values):.4f} to {max(values):.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("weights", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=700)
    options = parser.parse_args()
    judges = evaluation.Judges(lpips=options.weights and Lpips(options.weights))
    pairs = p2p.data.load(p2p.task("facades", "lite"), "val")
    print(f"{machine()}; {options.steps} steps, {pairs.origin}")
    found: dict[str, list[dict[str, float]]] = {precision: [] for precision in PRECISIONS}
    for seed in options.seeds:
        for precision in PRECISIONS:
            task = p2p.task("facades", "lite", precision=precision, seed=seed, steps=options.steps)
            run = p2p.fit(task, options.out / f"{precision}-{seed}", resume=True)
            if not run.finished:  # stopped by a signal
                return
            found[precision].append(judge(p2p.Translator.load(run.out), pairs, judges))
            print(f"{precision}, seed {seed}:", *(f"{name} {value:.4f}" for name, value in found[precision][-1].items()))
    for name in found["fp32"][0]:
        print(f"{name}:", *(spread(precision, [each[name] for each in of_seeds]) for precision, of_seeds in found.items()))


if __name__ == "__main__":
    main()
