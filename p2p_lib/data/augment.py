"""Augmentation on whole batches of tensors, on whatever device they are.

One rule stands above all: source and target get the *same* geometry. Shift one against the other and the network learns to
predict blur. So both halves travel stacked, as one tensor with six channels, through every geometric step; colour may be jittered
on the source alone, or the source be drawn anew from the target.

All random numbers come from the generator that is passed in, drawn on the CPU: the same on every device.
"""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from p2p_lib.data.redraw import REDRAWS

ColorJitter = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Augment:
    """The jitter of one training step: crop, zoom, flips, colour.

    Parameters
    ----------
    size : side of what comes out; larger pictures are cropped at random to size x size (the paper: 286 -> 256, section 6.2).
    hflip, vflip : mirror a pair left-right, upside down, with probability 1/2.
    zoom : a square of side zoom*size..size is cut out at random and resized back, with probability 1/2; 1 switches it off.
    redraw : a policy of `redraw.REDRAWS` by which drawings are replaced by others of the same picture; "none" keeps them.
    source_jitter : how far brightness, contrast and saturation of the source may go from 1, and its hue from 0 (in turns).
    """

    size: int
    hflip: bool = True
    vflip: bool = False
    zoom: float = 1.0
    redraw: str = "none"
    source_jitter: ColorJitter = (0.0, 0.0, 0.0, 0.0)

    def __call__(self, source: Tensor, target: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Two uint8 batches (N, C, H, W) -> two uint8 batches (N, C, size, size), jittered alike."""
        both = torch.cat([source, target], dim=1)
        both = random_crop(both, self.size, generator)
        if self.zoom < 1:
            both = random_zoom(both, self.zoom, generator)
        if self.hflip:
            both = random_flip(both, -1, generator)
        if self.vflip:
            both = random_flip(both, -2, generator)
        source, target = both.split([source.shape[1], target.shape[1]], dim=1)
        if self.redraw != "none":
            source, target = REDRAWS[self.redraw](source, target, generator)
        if any(self.source_jitter):
            source = jitter_colors(source, self.source_jitter, generator)
        return source, target


def random_crop(images: Tensor, size: int, generator: Generator) -> Tensor:
    """Cut size x size out of every picture of (N, C, H, W), each at a place of its own."""
    n, _, height, width = images.shape
    if (height, width) == (size, size):
        return images
    tops = torch.randint(height - size + 1, (n,), generator=generator).tolist()
    lefts = torch.randint(width - size + 1, (n,), generator=generator).tolist()
    crops = [image[:, top : top + size, left : left + size] for image, top, left in zip(images, tops, lefts, strict=True)]
    return torch.stack(crops)


def random_flip(images: Tensor, dim: int, generator: Generator) -> Tensor:
    """Mirror every picture of (N, C, H, W) along `dim` (-1: left-right, -2: upside down) with probability 1/2."""
    flip = (torch.rand(len(images), generator=generator) < 0.5).to(images.device)
    return torch.where(flip[:, None, None, None], images.flip(dim), images)


def random_zoom(images: Tensor, zoom: float, generator: Generator) -> Tensor:
    """With probability 1/2, cut a square of side zoom..1 out of every picture (N, C, H, W) and resize it back (bilinear)."""
    n = len(images)
    chosen = torch.rand(n, generator=generator) < 0.5
    scale = torch.where(chosen, zoom + (1 - zoom) * torch.rand(n, generator=generator), 1.0)
    shift = (1 - scale)[:, None] * (2 * torch.rand(n, 2, generator=generator) - 1)  # keeps the square inside the picture
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, :, 2] = shift
    grid = F.affine_grid(theta.to(images.device), list(images.shape), align_corners=False)
    zoomed = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return zoomed.round().to(images.dtype)


def jitter_colors(images: Tensor, jitter: ColorJitter, generator: Generator) -> Tensor:
    """Brightness, contrast, saturation (each times 1 - j..1 + j) and hue (-j..j turns) of every RGB picture, by torchvision."""
    from torchvision.transforms.v2 import functional as tv

    adjust = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
    draws = (2 * torch.rand(len(images), 4, generator=generator) - 1) * torch.tensor(jitter)
    amounts = (draws + torch.tensor([1.0, 1.0, 1.0, 0.0])).tolist()

    def one(image: Tensor, factors: list[float]) -> Tensor:
        for change, factor, strength in zip(adjust, factors, jitter, strict=True):
            image = change(image, factor) if strength else image
        return image

    return torch.stack([one(image, factors) for image, factors in zip(images, amounts, strict=True)])
