"""Pictures: grids of pictures as arrays, and figures (matplotlib)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAP = 4
LABEL_HEIGHT = 18


def to_array(image: Tensor) -> np.ndarray:
    """A picture (3, H, W) uint8 as an array (H, W, 3), ready for imshow and Pillow."""
    return image.permute(1, 2, 0).cpu().numpy()


def picture_grid(rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str] = ()) -> np.ndarray:
    """Equally sized pictures uint8 (H, W, 3) in rows and columns on white, with a label above every column; uint8 (H', W', 3)."""
    height, width = rows[0][0].shape[:2]
    top = LABEL_HEIGHT if labels else 0
    size = (len(rows[0]) * (width + GAP) - GAP, top + len(rows) * (height + GAP) - GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for column, label in enumerate(labels):
        draw.text((column * (width + GAP) + 2, 2), label, fill="black", font=ImageFont.load_default(12))
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            sheet.paste(Image.fromarray(picture), (j * (width + GAP), top + i * (height + GAP)))
    return np.asarray(sheet)


def plot_history(history: Sequence[dict[str, float]]) -> Figure:
    """The curves of a run: adversarial losses with log 2 as the guide, L1, and the validation scores."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.2), layout="constrained")
    adversarial, l1, scores = figure.subplots(1, 3)
    for name, label in (("D_real", "D on real"), ("D_fake", "D on fake"), ("G_gan", "G")):
        _curve(adversarial, history, name, label)
    adversarial.axhline(np.log(2), color="gray", linestyle=":", label="log 2: D cannot tell")
    adversarial.set(title="adversarial losses", ylim=(0, None))
    adversarial.legend(fontsize="small")
    _curve(l1, history, "G_l1", "training")
    l1.set(title="L1 in training, range -1..1", ylim=(0, None))
    _curve(scores, history, "val_psnr", "validation")
    scores.set(title="validation PSNR in dB, higher is nearer")
    for axes in (adversarial, l1, scores):
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    return figure


def show_rows(rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str] = (), scale: float = 1.0) -> Figure:
    """A matplotlib figure of rows of pictures (H, W, 3) uint8, or (H, W) floats, with a title above every column."""
    from matplotlib.figure import Figure

    n_columns = max(map(len, rows))
    figure = Figure(figsize=(2 * scale * n_columns, 2 * scale * len(rows) + 0.3 * bool(labels)), layout="constrained")
    grid = figure.subplots(len(rows), n_columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            grid[i, j].imshow(picture, cmap="gray" if picture.ndim == 2 else None)
    for j, label in enumerate(labels):
        grid[0, j].set_title(label, fontsize=10)
    return figure


def _curve(axes: Axes, history: Sequence[dict[str, float]], name: str, label: str) -> None:
    points = [(row["step"], row[name]) for row in history if name in row]
    axes.plot(*zip(*points, strict=True), label=label, marker="." if len(points) < 30 else "")
