"""What L1 and the discriminator each contribute (Isola et al. 2017, section 4.2), on facades at 128 px:

    P2P_DATA=... OMP_NUM_THREADS=1 python benchmarks/ablations.py OUT [--seeds 0 1 2] [--steps 700]

Trains L1, cGAN and L1+cGAN with the lite recipe of facades, equally many steps for every seed, and measures them on the test split:
sharpness relative to the real photos, and the FCN-score. Intervals come from a thousand sets of pictures drawn with replacement;
those of differences from the same sets for both, so that hard pictures are hard for both. OUT gets the runs, which go on where they
were interrupted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

import p2p_lib as p2p
from p2p_lib import fcn_score
from p2p_lib.data import PairedImages
from p2p_lib.fcn_score import Segmenter
from p2p_lib.intervals import Estimate, percentiles, resamples

VARIANTS = {"L1": {"lambda_gan": 0.0}, "cGAN": {"lambda_l1": 0.0}, "L1+cGAN": {}}
TRUTH = "real photos"
BATCH = 8
Scores = dict[str, np.ndarray]  # measure -> its value on all pictures, then on each drawn set: (1 + draws,)


def judge(model: p2p.Translator | None, pairs: PairedImages, segmenter: Segmenter) -> Scores:
    """The scores of a model's answers to all sources, of the real photos where there is none."""
    sharp, true, counts = [], [], []
    for start in range(0, len(pairs), BATCH):
        source, target = pairs.batch(range(start, min(start + BATCH, len(pairs))))
        answer = target if model is None else model(source)
        sharp.append(p2p.metrics.sharpness(answer))
        true.append(p2p.metrics.sharpness(target))
        counts.append(fcn_score.confusion(segmenter.read(answer), fcn_score.classes_of(source, segmenter.side)))
    return scores(*(torch.cat(part).numpy() for part in (sharp, true, counts)))


def scores(sharp: np.ndarray, true: np.ndarray, counts: np.ndarray) -> Scores:
    """Sharpness (N,) relative to the truth's (N,), and the FCN-scores of confusions (N, 12, 12)."""
    n = len(sharp)
    index = np.concatenate([np.arange(n)[None], resamples(n)])
    times = np.stack([np.bincount(row, minlength=n) for row in index])  # how often a set holds each picture
    relative = sharp[index].sum(1) / true[index].sum(1)
    return {"sharpness": relative} | fcn_score.scores(np.tensordot(times, counts, axes=1))


def mean(of_seeds: list[Scores]) -> Scores:
    """The mean over trainings, set by set."""
    return {name: np.mean([each[name] for each in of_seeds], axis=0) for name in of_seeds[0]}


def row(title: str, found: Scores) -> str:
    """A line of the table, in Markdown."""
    estimates = (Estimate(float(values[0]), *percentiles(values[1:])) for values in found.values())
    return " | ".join(["", title, *(f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" for e in estimates), ""]).strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--size", type=int, default=128, help="side of the pictures")
    parser.add_argument("--segmenter-steps", type=int, default=fcn_score.STEPS)
    options = parser.parse_args()
    base = p2p.task("facades", "lite", image_size=options.size, steps=options.steps)
    train, val = p2p.data.load(base, "train"), p2p.data.load(base, "val")
    test = p2p.data.load(base, "test", size=options.size)
    segmenter = fcn_score.segmenter_for(p2p.data.load(base, "train", size=options.size), steps=options.segmenter_steps)
    print(f"Trained on {train.origin}, measured on {test.origin}.")
    truth = judge(None, test, segmenter)
    print(f"| | {' | '.join(truth)} |\n{'|---' * (len(truth) + 1)}|\n{row(TRUTH, truth)}")
    found: dict[str, list[Scores]] = {name: [] for name in VARIANTS}
    for seed in options.seeds:
        for name, changes in VARIANTS.items():
            task = p2p.task("facades", "lite", image_size=options.size, steps=options.steps, seed=seed, **changes)
            run = p2p.fit(task, options.out / f"{name}-{seed}", train=train, val=val, resume=True)
            if not run.finished:  # stopped by a signal
                return
            found[name].append(judge(p2p.Translator.load(run.out), test, segmenter))
            print(row(f"{name}, seed {seed}", found[name][-1]))
    means = {name: mean(each) for name, each in found.items()}
    for name, each in means.items():
        print(row(f"{name}, mean of seeds", each))
    for name in ("cGAN", "L1+cGAN"):
        print(row(f"{name} - L1, mean of seeds", {key: means[name][key] - means["L1"][key] for key in truth}))


if __name__ == "__main__":
    main()
