"""How many answers are there to one question: how far samples lie apart, and how much of the truth's variety they cover.

Distances between pictures are asked of the caller, a function of two uint8 batches (N, 3, H, W) that gives (N,): LPIPS (Zhang et
al. 2018, arXiv:1801.03924), as in the paper on BicycleGAN (section 5.2), `metrics.l1`, or another. Colours are Lab, (n, 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from p2p_lib import metrics
from p2p_lib.color import rgb_to_lab

if TYPE_CHECKING:
    from p2p_lib.translator import Translator

Distance = Callable[[Tensor, Tensor], Tensor]
JUST_DIFFERENT = 10.0  # Delta E (1976): colours that nobody would call the same, but neighbours
OUTLIERS = 5.0  # per cent at either end that do not count for the range of a distribution


def sample_distance(samples: Sequence[Tensor], distance: Distance) -> Tensor:
    """The mean distance between each sample and the next, for every input: (N,), 0 where all samples are the same.

    `samples` is what ``model(sources, n_samples=20)`` gives: batches (N, 3, H, W), one for every code. The paper takes the mean
    over 100 inputs with 19 such pairs each.
    """
    return torch.stack([distance(one, other) for one, other in pairwise(samples)]).mean(dim=0)


def data_distance(pictures: Tensor, distance: Distance) -> float:
    """The mean distance between each of the real pictures (N, 3, H, W) and the next; they differ in their shapes, too."""
    return float(distance(pictures[:-1], pictures[1:]).mean())


def reconstruction_l1(model: Translator, sources: Tensor, targets: Tensor) -> Tensor:
    """L1 between targets, uint8 (N, 3, H, W), and what a model makes of the sources with the targets' own codes: (N,) in [0, 1]."""
    codes = model.encode(targets)
    made = [model(source, z=code) for source, code in zip(sources, codes, strict=True)]
    return metrics.l1(torch.stack(made), targets)


def region_color(pictures: Tensor, region: np.ndarray | Tensor) -> np.ndarray:
    """The mean colour of a part of every picture, Lab (N, 3).

    `pictures` is uint8 (N, 3, H, W), `region` the share of the part in every pixel, (H, W) or (N, H, W) in [0, 1].
    """
    share = torch.as_tensor(region, dtype=torch.float32)[..., None, :, :]
    lab = rgb_to_lab(pictures)
    return ((lab * share).sum(dim=(-2, -1)) / share.sum(dim=(-2, -1)).clamp_min(1e-6)).numpy()


def color_range(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """How much of the true range of L, of a and of b the colours `found` span: (3,), 1 is all of it.

    The range goes from the 5th to the 95th percentile of `true`; what `found` spans is cut at its ends.
    """
    low, high = np.percentile(true, [OUTLIERS, 100 - OUTLIERS], axis=0)
    found_low, found_high = np.percentile(found, [OUTLIERS, 100 - OUTLIERS], axis=0)
    return np.clip(np.minimum(high, found_high) - np.maximum(low, found_low), 0, None) / (high - low)


def color_coverage(found: np.ndarray, true: np.ndarray, radius: float = JUST_DIFFERENT) -> float:
    """The share of the true colours that one of the colours `found` comes near, within `radius` of Delta E (1976), in [0, 1]."""
    apart = np.linalg.norm(np.asarray(true)[:, None] - np.asarray(found)[None], axis=-1)
    return float((apart.min(axis=1) <= radius).mean())


def style_agreement(colors: np.ndarray) -> np.ndarray:
    """Whether a code means the same for all sketches: correlation of L, of a and of b over the codes, (3,), 1 for the same style.

    `colors` (n_codes, n_sketches, 3) holds the colour of one part, as `region_color` measures it. Of every two sketches the
    correlation over the codes is taken; the mean over all twos is returned. Not a number where a colour does not change at all.
    """
    upper = np.triu_indices(colors.shape[1], k=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.array([np.corrcoef(channel.T)[upper].mean() for channel in np.moveaxis(colors, -1, 0)])
