"""Pictures: grids of pictures as arrays, and figures (matplotlib). Colours that are taken apart are in `viz_color`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps
from torch import Tensor

from p2p_lib.data.images import read_image, save_image, to_rgb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAP = 4
LABEL_HEIGHT = 18


def to_array(image: Tensor) -> np.ndarray:
    """A picture (3, H, W) uint8 as an array (H, W, 3), ready for imshow and Pillow."""
    return image.permute(1, 2, 0).cpu().numpy()


def to_image(picture: str | Path | Image.Image | np.ndarray | Tensor) -> Image.Image:
    """A file, a PIL image of any mode, an array (H, W) or (H, W, 3) uint8, or a tensor (3, H, W) uint8, as upright RGB.

    DataError where a file cannot be read, or where nobody knows the range of a mode.
    """
    if isinstance(picture, (str, Path)):
        picture = read_image(Path(picture).expanduser())
    elif not isinstance(picture, Image.Image):
        picture = Image.fromarray(to_array(picture) if isinstance(picture, Tensor) else picture)
    return to_rgb(ImageOps.exif_transpose(picture))


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


def show_rows(
    rows: Sequence[Sequence[np.ndarray | Tensor]],
    labels: Sequence[str] = (),
    *,
    row_labels: Sequence[str] = (),
    scale: float = 1.0,
) -> Figure:
    """A figure of rows of pictures, with a title above every column, or above the first picture of every row.

    Pictures are arrays (H, W, 3) uint8 or (H, W) of floats, or uint8 tensors (3, H, W).
    """
    rows = [[to_array(picture) if isinstance(picture, Tensor) else picture for picture in row] for row in rows]
    n_columns = max(map(len, rows))
    heights = [row[0].shape[0] / row[0].shape[1] for row in rows]
    figure, grid = grid_of_axes(len(rows), n_columns, 2 * scale, heights)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            grid[i, j].imshow(picture, cmap="gray" if picture.ndim == 2 else None)
    for j, label in enumerate(labels):
        grid[0, j].set_title(label, fontsize=10)
    for i, label in enumerate(row_labels):
        grid[i, 0].set_title(label, fontsize=9, loc="left")
    return figure


def show_translation(
    picture: str | Path | Image.Image | np.ndarray | Tensor,
    model: Callable[[Image.Image], Image.Image],
    *,
    save: str | Path | None = None,
) -> Figure:
    """A picture beside what `model` (a Translator) makes of it.

    `picture` is a file, a PIL image of any mode, an array (H, W) or (H, W, 3) uint8, or a tensor (3, H, W) uint8. `save` writes
    both side by side, at full size, in the format of the file name's suffix. DataError where the file cannot be read.
    """
    original = to_image(picture)
    pair = [np.asarray(original), np.asarray(model(original))]
    if save is not None:
        save_image(Image.fromarray(picture_grid([pair])), Path(save).expanduser())
    return show_rows([pair], ["original", "generated"], scale=2)


def show_patches(picture: np.ndarray | Tensor, field: int, step: int, n_answers: int, places: Sequence[int]) -> Figure:
    """The patches that some answers of a PatchGAN see, drawn on the picture: answer i lies at row i and column i of the map.

    `field` is the side of a patch, `step` how far neighbouring answers lie apart, both in pixels; `n_answers` the map's side.
    """
    from matplotlib.patches import Rectangle

    picture = to_array(picture) if isinstance(picture, Tensor) else picture
    figure, grid = grid_of_axes(1, 1, 4)
    grid[0, 0].imshow(picture)
    margin = (len(picture) - step * (n_answers - 1) - field) / 2  # negative: patches at the border begin outside
    for i, place in enumerate(places):
        corner = margin + step * place
        grid[0, 0].add_patch(Rectangle((corner, corner), field, field, fill=False, color=f"C{i}", linewidth=2))
    return figure


def show_answers(pictures: Sequence[Tensor], answers: Sequence[Tensor], names: Sequence[str]) -> Figure:
    """Rows of pictures, uint8 (N, 3, H, W), under D's answer maps, logits (N, 1, h, w): blue for "real", red for "generated"."""
    figure, grid = grid_of_axes(len(pictures), len(pictures[0]), 2.4)
    for axes, batch, logits, name in zip(grid, pictures, answers, names, strict=True):
        for ax, picture, heat in zip(axes, batch, logits.float().sigmoid().cpu(), strict=True):
            extent = (0, picture.shape[-1], picture.shape[-2], 0)
            ax.imshow(to_array(picture), extent=extent)
            ax.imshow(heat[0], extent=extent, cmap="coolwarm_r", vmin=0, vmax=1, alpha=0.5)
            ax.set_title(f"{name}: real with {heat.mean():.0%}", fontsize=9)
    return figure


def plot_history(history: Sequence[dict[str, float]], *, smooth: int = 1) -> Figure:
    """The curves of a run: L1, and where there are any, adversarial losses with log 2 as pix2pix's guide, codes and validation.

    `smooth` averages so many neighbouring rows. With BicycleGAN, the adversarial losses are those of its first cycle, and a plot of
    the codes shows how much the encoder says (KL, in nats) and how far the codes read back are off.
    """
    from matplotlib.figure import Figure

    judged, coded, scored = (any(name in row for row in history) for name in ("D_real", "E_kl", "val_psnr"))
    figure = Figure(figsize=(5 + 3 * (judged + coded + scored), 3), layout="constrained")
    *before, l1 = figure.subplots(1, 1 + judged + coded + scored, squeeze=False)[0][: 1 + judged]
    others = figure.axes[1 + judged :]
    if judged:
        adversarial = before[0]
        for name, label in (("D_real", "D on real"), ("D_fake", "D on fake"), ("G_gan", "G")):
            _curve(adversarial, history, name, label, smooth)
        if not coded:
            adversarial.axhline(np.log(2), color="gray", linestyle=":", label="log 2: D cannot tell")
        adversarial.set(title="adversarial losses", ylim=(0, None))
        adversarial.legend(fontsize="small")
    _curve(l1, history, "G_l1", "training", smooth)
    l1.set(title="L1 in training, pictures in -1..1")
    if coded:
        _curve(others[0], history, "E_kl", "KL in nats", smooth)
        _curve(others[0], history, "G_z", "error of codes read back", smooth)
        others[0].set(title="codes", ylim=(0, None))
        others[0].legend(fontsize="small")
    if scored:
        _curve(others[-1], history, "val_psnr", "validation", 1)
        others[-1].set(title="validation PSNR in dB")
    for axes in figure.axes:
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    return figure


def grid_of_axes(n_rows: int, n_columns: int, inches: float, heights: Sequence[float] = ()) -> tuple[Figure, np.ndarray]:
    """A figure with a grid of axes without frames, each `inches` wide; `heights` of the rows are relative to that (unset: 1)."""
    from matplotlib.figure import Figure

    heights = list(heights) or [1.0] * n_rows
    figure = Figure(figsize=(inches * n_columns, inches * sum(heights) + 0.25 * n_rows), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes in grid.flat:
        axes.axis("off")
    return figure, grid


def _curve(axes: Axes, history: Sequence[dict[str, float]], name: str, label: str, smooth: int) -> None:
    points = [(row["step"], float(row[name])) for row in history if name in row]
    steps, values = np.array(points).T
    kernel = np.ones(min(smooth, len(values)))
    values = np.convolve(values, kernel / kernel.sum(), mode="valid")
    axes.plot(steps[len(steps) - len(values) :], values, label=label, marker="." if len(values) < 30 else "")
