"""How good is it: distances between generated pictures and the truth."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from p2p_lib.color import rgb_to_lab

AB_PEAK = 220.0
"""The range of a and b that a network can answer with, -110..110."""


def l1(fake: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of uint8 pictures (N, C, H, W), each relative to white: (N,) in [0, 1], lower is nearer."""
    return (fake.float() - target.float()).abs().mean(dim=(1, 2, 3)) / 255


def psnr(fake: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of uint8 pictures (N, C, H, W) in decibel: (N,), higher is nearer, at most 100."""
    error = (fake.float() - target.float()).square().mean(dim=(1, 2, 3)) / 255**2
    return -10 * torch.log10(error.clamp_min(1e-10))


def ssim(fake: Tensor, target: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004), scikit-image's, of uint8 pictures (N, 3, H, W): (N,), 1 is equal."""
    from skimage.metrics import structural_similarity

    pictures = zip(fake.permute(0, 2, 3, 1).numpy(), target.permute(0, 2, 3, 1).numpy(), strict=True)
    return torch.tensor([structural_similarity(a, b, channel_axis=-1) for a, b in pictures])


def ab_psnr(fake: Tensor, target: Tensor) -> Tensor:
    """PSNR of the colour alone, a and b of Lab with a peak of 220, of uint8 pictures (N, 3, H, W): (N,) dB, at most 100."""
    error = (rgb_to_lab(fake) - rgb_to_lab(target))[:, 1:].square().mean(dim=(1, 2, 3)) / AB_PEAK**2
    return -10 * torch.log10(error.clamp_min(1e-10))


def colorfulness(image: Tensor) -> Tensor:
    """Hasler & Suesstrunk (2003), M3, of uint8 pictures (N, 3, H, W): (N,), 0 gray, 33 moderate, 109 extremely colourful."""
    red, green, blue = image.float().unbind(1)
    opponent = torch.stack([red - green, (red + green) / 2 - blue], dim=1)
    spread, offset = opponent.std(dim=(2, 3), correction=0), opponent.mean(dim=(2, 3))
    return spread.norm(dim=1) + 0.3 * offset.norm(dim=1)


def sharpness(image: Tensor) -> Tensor:
    """How far neighbouring pixels of uint8 pictures (N, 3, H, W) lie apart in lightness, mean of both directions: (N,), in L*.

    To compare with the truth's, and to read beside the picture: blur has less, but grain and checkerboards have as much as detail.
    """
    lightness = rgb_to_lab(image)[:, 0]
    across, down = (lightness.diff(dim=dim).abs().mean(dim=(1, 2)) for dim in (2, 1))
    return (across + down) / 2


def mean_ciede2000(fake: Tensor, target: Tensor) -> Tensor:
    """Mean CIEDE2000 colour difference of uint8 pictures (N, 3, H, W): (N,), lower is nearer; about 1 is just noticeable."""
    return ciede2000(rgb_to_lab(fake), rgb_to_lab(target)).mean(dim=(1, 2))


def ciede2000(lab1: Tensor, lab2: Tensor) -> Tensor:
    """CIEDE2000 of every pixel, Lab (..., 3, H, W) -> (..., H, W): Sharma, Wu & Dalal (2005), equations 2-22, in radians."""
    (l1_, a1, b1), (l2_, a2, b2) = lab1.unbind(-3), lab2.unbind(-3)
    stretch = 1.5 - 0.5 * _chroma_weight((torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    chroma, product = (c1 + c2) / 2, c1 * c2
    dh, hue = _hues(a1, b1, a2, b2, product)
    off = ((l1_ + l2_) / 2 - 50).square()
    lightness = (l2_ - l1_) / (1 + 0.015 * off / (20 + off).sqrt())
    colour = (c2 - c1) / (1 + 0.045 * chroma)
    tint = 2 * product.sqrt() * torch.sin(dh / 2) / (1 + 0.015 * chroma * _hue_weight(hue))
    turn = math.radians(60) * torch.exp(-(((hue * (180 / math.pi) - 275) / 25).square()))
    rotation = -2 * torch.sin(turn) * _chroma_weight(chroma)
    return (lightness.square() + colour.square() + tint.square() + rotation * colour * tint).clamp_min(0).sqrt()


def _chroma_weight(chroma: Tensor) -> Tensor:
    """sqrt(C^7 / (C^7 + 25^7)): 0 for gray, near 1 for vivid colours."""
    power = (chroma / 25) ** 7
    return (power / (power + 1)).sqrt()


def _hue_weight(hue: Tensor) -> Tensor:
    """T, equation 15."""
    terms = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    return 1 + sum(factor * torch.cos(times * hue + math.radians(shift)) for factor, times, shift in terms)


def _hues(a1: Tensor, b1: Tensor, a2: Tensor, b2: Tensor, product: Tensor) -> tuple[Tensor, Tensor]:
    """Difference and mean of two hues on the circle, equations 7, 10 and 14; where a colour is gray it has no hue of its own."""
    turn = 2 * math.pi
    h1, h2 = torch.atan2(b1, a1) % turn, torch.atan2(b2, a2) % turn
    gray, wraps = product == 0, (h2 - h1).abs() > math.pi
    difference = torch.where(wraps, h2 - h1 - turn * torch.sign(h2 - h1), h2 - h1).masked_fill(gray, 0)
    mean = torch.where(wraps, (h1 + h2 + torch.where(h1 + h2 < turn, turn, -turn)) / 2, (h1 + h2) / 2)
    return difference, torch.where(gray, h1 + h2, mean)
