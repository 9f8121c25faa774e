"""The paper's own measure for labels -> photos, the FCN-score (Isola et al. 2017, section 4.1): is in the photo what was asked for?

A network learns to read the classes off real photos. Shown a generated one, it should find the label map that the photo was made
from. Its score on real photos says how well that network reads at all, so it always stands beside. The paper took an FCN-8s
(Long et al. 2015); here it is the course's U-Net, small enough for a CPU, so its numbers compare with
each other, not with the paper's.
"""

from __future__ import annotations

import hashlib
import logging

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from p2p_lib.checkpoint import load_weights, save_weights
from p2p_lib.codec import to_network_range
from p2p_lib.data.cache import cache_folder
from p2p_lib.data.pairs import PairedImages
from p2p_lib.data.synthetic.facades import PALETTE
from p2p_lib.device import best_device, isolated_rng
from p2p_lib.errors import CheckpointError, DataError
from p2p_lib.intervals import Estimate, percentiles, resamples
from p2p_lib.models import UNetGenerator

SIDE = 128
STEPS = 800
VERSION = 1  # to be raised when the same photos would train to another segmenter
LOGIT_SCALE = 10.0  # the U-Net ends in tanh: classes can differ by 20, which is certainty
NEAR = 60.0  # of 442 between black and white: as far as JPEG and resizing move a colour
SHARE_NEAR = 0.7  # fewer where a small picture has many edges
log = logging.getLogger("p2p_lib")


class Segmenter(nn.Module):
    """Photos uint8 (N, 3, H, W) of any size -> logits of the 12 classes, (N, 12, side, side)."""

    def __init__(self, side: int = SIDE, ngf: int = 24) -> None:
        super().__init__()
        self.side = side
        self.net = UNetGenerator(3, len(PALETTE), image_size=side, ngf=ngf)

    def forward(self, photos: Tensor) -> Tensor:
        return LOGIT_SCALE * self.net(shrunk(to_network_range(photos), self.side))

    @torch.inference_mode()
    def read(self, photos: Tensor) -> Tensor:
        """The classes seen in photos, int64 (N, side, side)."""
        return self.eval()(photos).argmax(1)


def shrunk(x: Tensor, side: int) -> Tensor:
    """Pictures in [-1, 1] resized to side x side (bicubic, smoothed before)."""
    if x.shape[-2:] == (side, side):
        return x
    return nn.functional.interpolate(x, (side, side), mode="bicubic", antialias=True).clamp_(-1, 1)


def classes_of(label_maps: Tensor, side: int = SIDE) -> Tensor:
    """The classes of label maps, uint8 (N, 3, H, W) in the colours of CMP facades: int64 (N, side, side), 0 is background.

    Every pixel has the class whose colour is nearest; of a larger map, the pixel in the middle of each patch is taken.
    """
    return distances_to_palette(label_maps, side).argmin(dim=1)


def distances_to_palette(label_maps: Tensor, side: int) -> Tensor:
    """How far every pixel is from the colour of each class, in levels of 8 bits: (N, 12, side, side)."""
    maps = nn.functional.interpolate(label_maps.float(), (side, side), mode="nearest-exact")
    palette = torch.tensor(list(PALETTE.values()), dtype=torch.float32)
    return torch.stack([(maps - color.view(1, 3, 1, 1)).norm(dim=1) for color in palette], dim=1)


def check_label_maps(pairs: PairedImages) -> None:
    """DataError unless the sources are label maps in the colours of CMP facades, blurred though they may be at their edges."""
    some = np.linspace(0, len(pairs) - 1, min(len(pairs), 32)).astype(int)
    apart = distances_to_palette(pairs.batch(some)[0], pairs.array.shape[2]).amin(dim=1)
    if (near := float((apart < NEAR).float().mean())) < SHARE_NEAR:
        raise DataError(
            f"The FCN-score needs label maps in the colours of CMP facades as the source; of {pairs.origin}, {near:.0%} of the "
            "pixels are near one of the twelve colours."
        )


def segmenter_for(pairs: PairedImages, *, steps: int = STEPS, progress: bool = True) -> Segmenter:
    """The segmenter that is trained on these pairs of label map and photo: from the cache, else trained now, and kept there.

    DataError where the sources are no such label maps.
    """
    check_label_maps(pairs)
    side = pairs.array.shape[2]
    what = hashlib.sha256(repr((VERSION, steps, pairs.array.shape)).encode())
    what.update(np.ascontiguousarray(pairs.array))
    path = cache_folder() / "segmenters" / f"{what.hexdigest()[:16]}.safetensors"
    segmenter = Segmenter(side)
    if path.is_file():
        segmenter.load_state_dict(load_weights(path)[0])
        return segmenter.eval()
    segmenter = train_segmenter(pairs, steps=steps, progress=progress)
    try:
        save_weights(path, segmenter.state_dict(), {"side": side}, data=pairs.origin)
    except (OSError, CheckpointError) as error:
        log.warning("The segmenter cannot be kept in the cache (%s); it will be trained again next time.", error)
    return segmenter


def train_segmenter(
    pairs: PairedImages, *, steps: int = STEPS, batch_size: int = 8, lr: float = 1e-3, progress: bool = True
) -> Segmenter:
    """A segmenter trained with cross-entropy on all `pairs` (source: label map, target: photo), mirrored at random; seed 0."""
    with isolated_rng():
        torch.manual_seed(0)
        device, rng = best_device(), np.random.default_rng(0)
        segmenter = Segmenter(pairs.array.shape[2]).to(device).train()
        classes = torch.cat([classes_of(pairs.batch([i])[0], segmenter.side).to(torch.uint8) for i in range(len(pairs))])
        optimizer = torch.optim.AdamW(segmenter.parameters(), lr, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
        for _ in tqdm(range(steps), desc="training the segmenter", unit="step", disable=not progress):
            chosen = rng.integers(0, len(pairs), batch_size)
            photos, truth = pairs.batch(chosen)[1], classes[chosen].long()
            if rng.random() < 0.5:
                photos, truth = photos.flip(-1), truth.flip(-1)
            optimizer.zero_grad()
            nn.functional.cross_entropy(segmenter(photos.to(device)), truth.to(device)).backward()
            optimizer.step()
            schedule.step()
    return segmenter.cpu().eval()


def confusion(found: Tensor, truth: Tensor) -> Tensor:
    """How many pixels of each picture are of class i and were read as class j: int64 (N, 12, 12) of classes (N, H, W)."""
    n = len(PALETTE)
    return torch.stack([code.bincount(minlength=n * n).view(n, n) for code in (truth * n + found).flatten(1)])


def scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """The paper's three numbers of confusions (..., 12, 12), summed over the pictures: of classes that are there, all in [0, 1]."""
    right, asked, read = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1), counts.sum(-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy, iou = right / asked, right / (asked + read - right)
    accuracy, iou = (np.where(asked > 0, x, np.nan) for x in (accuracy, iou))
    names = ("fcn_pixel_accuracy", "fcn_class_accuracy", "fcn_class_iou")
    return dict(zip(names, (right.sum(-1) / asked.sum(-1), np.nanmean(accuracy, -1), np.nanmean(iou, -1)), strict=True))


def score_estimates(counts: np.ndarray) -> dict[str, Estimate]:
    """`scores` of the confusions (N, 12, 12) of a set of pictures, with their intervals."""
    index = resamples(len(counts))
    times = np.stack([np.bincount(row, minlength=len(counts)) for row in index])  # how often a drawn set holds each picture
    drawn = scores(np.tensordot(times, counts, axes=1))
    return {name: Estimate(float(value), *percentiles(drawn[name])) for name, value in scores(counts.sum(0)).items()}
