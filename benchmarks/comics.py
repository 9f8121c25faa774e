"""Does it help to train on drawings by many hands? Pepper&Carrot, episodes 03, 06 and 10 to learn from, 15 to be tested on.

    python benchmarks/comics.py PAGES WEIGHTS OUT [--seeds 0 1 2] [--steps 3000] [--size 64] [--test ep15]

PAGES holds a folder of pages without text for every episode (https://www.peppercarrot.com, by David Revoy, CC BY 4.0); titles and
credits, the first and the last page of each, are left out. WEIGHTS holds SqueezeNet and the LPIPS heads as .npz files. For every
seed the task "comics" is trained with its policy and once without, which differ in nothing else; the drawings in training are
Canny's. Both are tested on drawings by Canny, on an extractor that neither has met (OpenCV's pencilSketch), on XDoG's, which are
like some that the policy makes, and on the same pictures printed as manga: LPIPS, CIEDE2000 and lightness; and on whole pages as
`color_page` gives them, at 256 px a square. OUT gets the pairs, the runs, results.json and pictures; an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

import p2p_lib as p2p
from p2p_lib import metrics
from p2p_lib.color import rgb_to_lab
from p2p_lib.data import comics, sketch
from p2p_lib.data.comics import squares_of
from p2p_lib.data.images import read_image, to_rgb
from p2p_lib.data.pairs import PairedImages
from p2p_lib.data.panels import find_panels
from p2p_lib.files import atomic_write_text
from p2p_lib.lpips import Lpips
from p2p_lib.pages import color_page

EPISODES = ("ep03", "ep06", "ep10", "ep15")
SIDE = 256  # drawings are made at this size, then reduced with their pictures
PAPER = 250  # levels: what is at least so bright in all channels is paper
SHOWN = 10


def pencil(image: np.ndarray) -> np.ndarray:
    """OpenCV's pencilSketch (Gastal and Oliveira 2011): shaded, with the grain of paper."""
    return cv2.pencilSketch(np.ascontiguousarray(image[..., ::-1]), sigma_s=60, sigma_r=0.07, shade_factor=0.04)[0]


INPUTS = {"canny": sketch.opencv_canny, "pencil": pencil, "manga": sketch.manga, "xdog": sketch.xdog}


def story_pages(pages: Path, home: Path) -> Path:
    """Links to the pages of the story: numbered ones without the first (the title) and the last (the credits)."""
    for episode in EPISODES:
        numbered = sorted(path for path in (pages / episode).iterdir() if re.search(r"P\d\d\.\w+$", path.name))
        for path in numbered[1:-1]:
            link = home / episode / path.name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.symlink_to(path.resolve())
    return home


def test_pairs(folder: Path, draw: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The pictures of the test episode drawn by `draw`, and themselves: uint8 (N, SIDE, SIDE, 3) each."""
    pictures = [np.asarray(read_image(path).crop((SIDE, 0, 2 * SIDE, SIDE))) for path in sorted(folder.glob("*.png"))]
    return np.stack([np.repeat(draw(picture)[..., None], 3, axis=2) for picture in pictures]), np.stack(pictures)


def reduced(images: np.ndarray, size: int) -> Tensor:
    """uint8 (N, H, W, 3) -> uint8 (N, 3, size, size), as training pairs are resized."""
    small = [np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)) for image in images]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2)


def test_pages(folder: Path) -> list[np.ndarray]:
    """Every other page of an episode in colour, uint8 (H, W, 3)."""
    return [np.asarray(to_rgb(read_image(path))) for path in sorted(folder.iterdir())[::2]]


def draw_page(page: np.ndarray, draw: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A page as `draw` draws it, its white paper kept: uint8 (H, W, 3)."""
    return np.where(page.min(axis=2, keepdims=True) >= PAPER, 255, draw(page)[..., None].repeat(3, axis=2)).astype(np.uint8)


def cut(pages: list[np.ndarray], like: list[np.ndarray]) -> Tensor:
    """The squares of the panels of `like`, cut out of `pages`: uint8 (N, 3, SIDE, SIDE)."""
    squares = []
    for page, true in zip(pages, like, strict=True):
        for box in (box for panel in find_panels(true) for box in squares_of(panel.grown(-4)) if box.bottom - box.top > 120):
            corners = (box.left, box.top, box.right, box.bottom)
            squares.append(np.asarray(Image.fromarray(page).resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=corners)))
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)


def scores(answers: Tensor, targets: Tensor, lpips: Lpips) -> dict[str, float]:
    """Means over the pictures; `dL` is the answers' mean lightness minus the targets', `abs_dL` the mean of its size by picture."""
    lightness = rgb_to_lab(answers)[:, 0].mean((1, 2)) - rgb_to_lab(targets)[:, 0].mean((1, 2))
    found = {"lpips": lpips(answers, targets).mean(), "ciede2000": metrics.mean_ciede2000(answers, targets).mean()}
    found |= {"dL": lightness.mean(), "abs_dL": lightness.abs().mean()}
    return {name: round(float(value), 4) for name, value in found.items()}


def evaluate(run: Path, pairs: Path, pages: Path, size: int, lpips: Lpips) -> tuple[dict, np.ndarray]:
    """Scores for every kind of input, and a picture of some of the answers; `pages` holds the test episode's."""
    model = p2p.Translator.load(run)
    found, rows = {}, []
    true_pages = test_pages(pages)
    true_squares = cut(true_pages, true_pages)
    for name, draw in INPUTS.items():
        drawings, pictures = test_pairs(pairs / "val", draw)
        sources, targets = (reduced(images, size) for images in (drawings, pictures))
        answers = model(sources)
        found[name] = scores(answers, targets, lpips)
        colored = [color_page(model, draw_page(page, draw)) for page in true_pages]
        found[f"{name}, pages"] = scores(cut(colored, true_pages), true_squares, lpips)
        chosen = torch.linspace(0, len(sources) - 1, SHOWN).long()
        rows += [torch.cat(list(images[chosen]), dim=2) for images in (sources, answers)]
    rows.append(torch.cat(list(targets[chosen]), dim=2))
    return found, torch.cat(rows, dim=1).permute(1, 2, 0).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--policies", nargs="+", default=["none", "any-light"])
    parser.add_argument("--norm", default="batch")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--test", choices=EPISODES, default="ep15", help="the episode to be tested on; the others are trained on")
    options = parser.parse_args()
    pairs, lpips = options.out / "pairs", Lpips(options.weights)
    pages = story_pages(options.pages, options.out / "pages")
    print(comics.prepare(pages, pairs, draw=sketch_all, size=SIDE, held_out=[options.test]))
    for seed in options.seeds:
        for policy in options.policies:
            run = options.out / f"{policy}-{options.norm}-{seed}"
            settings = {"image_size": options.size, "steps": options.steps, "norm": options.norm, "redraw": policy, "seed": seed}
            task = p2p.task("comics", "lite", save_every=500, eval_every=1000, **settings)
            train = PairedImages.from_side_by_side(pairs / "train", "left", task.load_size)
            val = PairedImages.from_side_by_side(pairs / "val", "left", task.image_size)
            result = p2p.fit(task, run, train=train, val=val, resume=True)
            if not result.finished:  # stopped by a signal
                return
            found, picture = evaluate(run, pairs, pages / options.test, options.size, lpips)
            atomic_write_text(run / "results.json", json.dumps(found, indent=1))
            Image.fromarray(picture).save(run / "answers.png")
            for name, values in found.items():
                print(f"{policy} {seed} {name:23}", *(f"{key} {value:7.3f}" for key, value in values.items()))


def sketch_all(pictures: list[np.ndarray]) -> list[np.ndarray]:
    """Canny's drawings, which both networks are trained on."""
    return [sketch.opencv_canny(picture) for picture in pictures]


if __name__ == "__main__":
    main()
