"""The numbers of a model's card: how far its answers are from the truth, beside two answers that need no training.

    python weights/measure.py facades [--split test] [--lpips DIR]

Real data are looked for in $P2P_DATA; pairs are resized to the size the model was trained at. DIR holds SqueezeNet and the LPIPS
heads as .npz files; without it LPIPS is left out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from skimage.metrics import structural_similarity
from torch import Tensor

import p2p_lib as p2p
from p2p_lib import metrics
from p2p_lib.data.pairs import PairedImages
from p2p_lib.translator import Translator

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from lpips_squeeze import Lpips

Table = dict[str, dict[str, float]]


def measure(model: Translator, pairs: PairedImages, *, lpips: Path | None = None) -> Table:
    """What is answered -> metric -> mean over the pairs: by the model, by the source itself, by the mean of the targets.

    Of a model with many answers "model" is the one at z = 0, and "own code" the one at the target's own code.
    """
    source, target = pairs.batch(range(len(pairs)))
    seen = model.codec.seen(source)
    mean = target.float().mean(0, keepdim=True).round().to(torch.uint8).expand_as(target)
    answers = {"model": torch.cat([model(part) for part in source.split(8)]), "source": seen, "mean target": mean}
    if model.netE is not None:
        codes = model.encode(target)
        answers["own code"] = torch.stack([model(picture, z=code) for picture, code in zip(source, codes, strict=True)])
    distance = lpips and Lpips(lpips)
    return {who: score(answer, target, model.task.colors, distance) for who, answer in answers.items()}


def score(answers: Tensor, targets: Tensor, colors: bool, lpips: Lpips | None) -> dict[str, float]:
    """Means over two batches of pictures, uint8 (N, 3, H, W) each."""
    found = {"l1": metrics.l1(answers, targets), "psnr": metrics.psnr(answers, targets), "ssim": ssim(answers, targets)}
    if colors:
        found |= {"ciede2000": metrics.mean_ciede2000(answers, targets), "colorfulness": metrics.colorfulness(answers)}
    if lpips:
        found["lpips"] = lpips(answers, targets)
    return {name: round(float(values.mean()), 4) for name, values in found.items()}


def ssim(answers: Tensor, targets: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004), scikit-image's, of uint8 batches (N, 3, H, W): (N,), 1 is equal."""
    pictures = zip(answers.permute(0, 2, 3, 1).numpy(), targets.permute(0, 2, 3, 1).numpy(), strict=True)
    return torch.tensor([structural_similarity(a, b, channel_axis=-1) for a, b in pictures])


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
