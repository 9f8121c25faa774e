"""The gallery of a run: one HTML page with its pictures and curves, to open in any browser."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np
from PIL import Image

from p2p_lib import data, viz
from p2p_lib.data.images import save_image
from p2p_lib.data.pairs import PairedImages
from p2p_lib.files import atomic_write, atomic_write_text
from p2p_lib.tasks import TASKS, to_toml
from p2p_lib.training import Run
from p2p_lib.translator import Translator

N_RESULTS = 12
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
  img {{ max-width: 100%; height: auto; }}
  figure {{ margin: 1.5rem 0; }}
  .stages {{ display: flex; gap: 1rem; overflow-x: auto; }}
  .stages img {{ max-width: none; }}
  pre {{ background: #f4f4f4; padding: 1rem; overflow-x: auto; font-size: 13px; }}
</style>
<h1>{title}</h1>
<p>{summary}</p>
<h2>Held-out pictures, never trained on</h2>
<figure><img src="results.png" alt="Rows of source, generated picture and target"></figure>
<h2>How it learned</h2>
<figure class="stages">{stages}</figure>
<figure><img src="curves.png" alt="Curves of the losses and of the validation scores"></figure>
<p>L1 and PSNR say little about a facade: the mean of all photos scores well and shows nothing. Trust your eyes first.</p>
<h2>The configuration</h2>
<pre>{config}</pre>
</html>
"""


def write_gallery(run: Run, val: PairedImages | None = None) -> Path:
    """Translate held-out pictures with the run's last weights and write OUT/gallery/index.html; returns its path."""
    folder = run.out / "gallery"
    val = val or data.load(run.task, "val")
    save_image(Image.fromarray(results_picture(Translator.load(run.out), val)), folder / "results.png")
    with atomic_write(folder / "curves.png") as file:
        viz.plot_history(run.history).savefig(file, format="png", dpi=110)
    atomic_write_text(folder / "index.html", page(run))
    return folder / "index.html"


def results_picture(model: Translator, val: PairedImages, count: int = N_RESULTS) -> np.ndarray:
    """Source as the network sees it, generated and target for `count` pairs in two columns, uint8 (H, W, 3)."""
    sources, targets = val.batch(range(min(count, len(val))))
    trios = [
        [viz.to_array(image) for image in trio] for trio in zip(model.codec.seen(sources), model(sources), targets, strict=True)
    ]
    rows = [[picture for trio in trios[i : i + 2] for picture in trio] for i in range(0, len(trios), 2)]
    return viz.picture_grid(rows, ["source", "generated", "target"] * (len(rows[0]) // 3))


def page(run: Run) -> str:
    """The HTML text."""
    last = run.history[-1]
    summary = (
        f"Trained on {run.data_origin}: {run.step:,} steps, {last['images']:,} pictures, {last['seconds']:.0f} s of training. "
        f"Validation: L1 {last['val_l1']:.3f}, PSNR {last['val_psnr']:.1f} dB."
    )
    stages = "".join(
        f'<img src="../samples/{path.name}" alt="Fixed samples at {path.stem}">'
        for path in sorted((run.out / "samples").glob("*.png"))
    )
    title = f"{TASKS[run.task.name].title} ({run.task.profile} profile)"
    return PAGE.format(title=html.escape(title), summary=html.escape(summary), stages=stages, config=html.escape(to_toml(run.task)))
