"""Figures of colour taken apart: the channels of L*a*b*, how often each colour occurs, and which colours a display has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from p2p_lib.codec import GAMUT_TOLERANCE, picture_to_lab, store
from p2p_lib.color import lab_to_rgb
from p2p_lib.viz import grid_of_axes, show_rows, to_array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EDGE = 110
"""a and b are drawn from -EDGE to EDGE."""
VIEW_LIGHTNESS = 65.0
"""The lightness at which a and b are shown alone: there a display has most of their colours."""


def lab_views(image: Tensor, gain: float = 1.0) -> list[Tensor]:
    """Pictures (N, 3, H, W) -> three batches of the same shape, uint8: L as gray, a from green to red, b from blue to yellow.

    `gain` exaggerates a and b, so that pale colours can be told apart.
    """
    lightness, a, b = picture_to_lab(image).split(1, dim=1)
    even, none = torch.full_like(a, VIEW_LIGHTNESS), torch.zeros_like(a)
    channels = ((lightness, none, none), (even, gain * a, none), (even, none, gain * b))
    return [store(lab_to_rgb(torch.cat(lab, dim=1)).clamp(0, 1), torch.uint8) for lab in channels]


def show_lab(images: Tensor, gain: float = 1.0) -> Figure:
    """Pictures (N, 3, H, W) in rows, each beside its L, a and b in their own colours, made `gain` times stronger."""
    stronger = f" (x {gain:g})" if gain != 1 else ""
    rows = zip(images, *lab_views(images, gain), strict=True)
    return show_rows(list(rows), ["picture", "L: lightness", f"a: green - red{stronger}", f"b: blue - yellow{stronger}"])


def plot_ab(groups: Mapping[str, Tensor], bins: int = 88) -> Figure:
    """How often every a and every b occurs in each group of pictures (N, 3, H, W): two histograms with a logarithmic scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    edges = np.linspace(-EDGE, EDGE, bins + 1)
    for axes, channel, title in zip(
        figure.subplots(1, 2, sharey=True), (1, 2), ("a: green (-) to red (+)", "b: blue (-) to yellow (+)"), strict=True
    ):
        for name, images in groups.items():
            counts, _ = np.histogram(picture_to_lab(images)[:, channel].cpu().numpy(), edges)
            axes.stairs(counts / counts.sum(), edges, label=name, linewidth=1.5)
        axes.set(yscale="log", ylim=(1e-5, 1), xlim=(-EDGE, EDGE), title=title)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("share of pixels")
    figure.axes[0].legend(fontsize="small")
    return figure


def gamut_slice(lightness: float, side: int = 221) -> np.ndarray:
    """The colours of one lightness that a display has, uint8 (side, side, 3), white elsewhere; a to the right, b upwards."""
    axis = torch.linspace(-EDGE, EDGE, side)
    b, a = torch.meshgrid(axis.flip(0), axis, indexing="ij")
    rgb = lab_to_rgb(torch.stack([torch.full_like(a, lightness), a, b]))
    shown = ((rgb >= -GAMUT_TOLERANCE) & (rgb <= 1 + GAMUT_TOLERANCE)).all(dim=0)
    return to_array(store(torch.where(shown, rgb, 1.0).clamp(0, 1), torch.uint8))


def plot_gamut(levels: Sequence[float] = (20, 40, 60, 80), images: Tensor | None = None, within: float = 5.0) -> Figure:
    """Slices through the colours of a display, one for each lightness of `levels`.

    With pictures (N, 3, H, W), black dots show which colours occur in them at that lightness, give or take `within`.
    """
    figure, grid = grid_of_axes(1, len(levels), 2.4)
    lab = None if images is None else picture_to_lab(images).permute(1, 0, 2, 3).flatten(1).cpu().numpy()
    for axes, level in zip(grid[0], levels, strict=True):
        axes.imshow(gamut_slice(level), extent=(-EDGE, EDGE, -EDGE, EDGE))
        if lab is not None:
            near = lab[1:, np.abs(lab[0] - level) < within]
            axes.scatter(*near[:, :: max(1, near.shape[1] // 1500)], s=2, color="black", alpha=0.3, linewidths=0)
        axes.axhline(0, color="gray", linewidth=0.5)
        axes.axvline(0, color="gray", linewidth=0.5)
        axes.set(title=f"L = {level:g}", xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE))
    return figure
