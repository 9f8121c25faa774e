"""The numbers of a model's card: how far its answers are from the truth, beside two answers that need no training.

    python weights/measure.py facades [--split test] [--lpips DIR]

Real data are looked for in $P2P_DATA; pairs are resized to the size the model was trained at. DIR holds SqueezeNet and the LPIPS
heads as .npz files; without it LPIPS is left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import p2p_lib as p2p
from p2p_lib import evaluation
from p2p_lib.data.pairs import PairedImages
from p2p_lib.lpips import Lpips
from p2p_lib.translator import Translator

Table = dict[str, dict[str, float]]


def measure(model: Translator, pairs: PairedImages, *, lpips: Path | None = None) -> Table:
    """What is answered -> metric -> mean over the pairs: by the model, by the source itself, by the mean of the targets.

    Of a model with many answers "model" is the one at z = 0, and "own code" the one at the target's own code.
    """
    judges = evaluation.Judges(lpips=lpips and Lpips(lpips))
    found = evaluation.measure(model, pairs, judges)
    found.pop(evaluation.REAL)
    scored = {who: {name: each for name, each in values.items() if name in evaluation.METRICS} for who, values in found.items()}
    return {who: {name: round(float(each.mean()), 4) for name, each in values.items()} for who, values in scored.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="bundled name, weights file, or folder of a run")
    parser.add_argument("--split", default="test", choices=["train", "val", "test"])
    parser.add_argument("--lpips", type=Path, metavar="DIR", help="SqueezeNet and the LPIPS heads as .npz files")
    options = parser.parse_args()
    model = Translator.load(options.model)
    pairs = p2p.data.load(model.task, options.split, size=model.task.image_size)
    print(f"{options.model} on {len(pairs)} pairs, {pairs.origin}, {model.task.image_size} px")
    table = measure(model, pairs, lpips=options.lpips)
    print(f"{'':12}", *(f"{name:>12}" for name in table["model"]))
    for who, values in table.items():
        print(f"{who:12}", *(f"{value:12.4f}" for value in values.values()))


if __name__ == "__main__":
    main()
