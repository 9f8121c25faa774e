"""How many answers BicycleGAN has, against pix2pix with a random code, on procedural faces:

    python benchmarks/faces.py WEIGHTS OUT [--seeds 0 1 2] [--steps 3000]

Trains both for every seed, with the recipe of the bundled model (`weights/recipes.toml`) and equally many steps, and measures them
on 100 sketches with 20 codes each, as the paper does (section 5.2). WEIGHTS holds SqueezeNet and the LPIPS heads as .npz files; OUT
gets the runs, which go on where they were interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import p2p_lib as p2p
from p2p_lib import diversity, metrics
from p2p_lib.data.synthetic.faces import portrait, regions
from p2p_lib.lpips import Lpips

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "weights"))
from train import recipes

PEOPLE = range(3_000_000, 3_000_100)  # of no split
CODES = 20


def pictures(seeds: range, size: int, colors: int | None = None) -> Tensor:
    """Sketches and photos of these people, uint8 (2, N, 3, H, W); with `colors`, all in the colours of one."""
    drawn = np.stack([np.stack(portrait(seed, size, colors=colors)) for seed in seeds])
    return torch.from_numpy(drawn).permute(1, 0, 4, 2, 3).contiguous()


def measure(model: p2p.Translator, people: Tensor, backdrop: np.ndarray, lpips: Lpips) -> dict[str, float]:
    sketches, photos = people
    answers = model(sketches, n_samples=CODES, seed=0)
    found = np.stack([diversity.region_color(answer, backdrop) for answer in answers])
    true = diversity.region_color(photos, backdrop)
    ranges = diversity.color_range(found.reshape(-1, 3), true)
    own_code = model.netE is not None
    l1 = diversity.reconstruction_l1(model, sketches, photos) if own_code else metrics.l1(model(sketches), photos)
    return {
        "LPIPS between samples": float(diversity.sample_distance(answers, lpips).mean()),
        **{f"range of {name}": float(share) for name, share in zip("Lab", ranges, strict=True)},
        "backgrounds reached": diversity.color_coverage(found.reshape(-1, 3), true),
        "style agreement": float(np.min(diversity.style_agreement(found))),
        "L1 to the photo": float(l1.mean()),
    }


def truth(people: Tensor, backdrop: np.ndarray, lpips: Lpips) -> dict[str, float]:
    """The same of right answers: the first ten people in the colours of twenty others each."""
    size = people.shape[-1]
    recolored = [pictures(PEOPLE[:10], size, colors=seed)[1] for seed in range(CODES)]
    return {"LPIPS between samples": float(diversity.sample_distance(recolored, lpips).mean())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, help="unset: those of the recipe")
    options = parser.parse_args()
    recipe, lpips = recipes()["faces"], Lpips(options.weights)
    task = recipe.make_task()
    people = pictures(PEOPLE, task.image_size)
    backdrop = np.stack([regions(seed, task.image_size)["background"] for seed in PEOPLE])
    train, val = recipe.pairs("train"), recipe.pairs("val")
    print("right answers", truth(people, backdrop, lpips))
    for seed in options.seeds:
        for method in ("bicyclegan", "pix2pix"):
            this = dataclasses.replace(task, method=method, seed=seed, steps=options.steps or task.steps)
            run = p2p.fit(this, options.out / f"{method}-{seed}", train=train, val=val, resume=True)
            if not run.finished:  # stopped by a signal
                return
            table = measure(p2p.Translator.load(run.out), people, backdrop, lpips)
            print(f"{method} {seed} ({run.history[-1]['seconds']:.0f} s)", {name: round(value, 4) for name, value in table.items()})


if __name__ == "__main__":
    main()
