"""Line art by many hands: a policy that redraws the sources of a batch, so that a network meets more than one program's.

A network that was trained on the clean lines of one sketch extractor knows nothing else: thicker lines, another extractor's, dots
of screentone and solid black are all new to it, and it answers with mud. What it should learn is what all of them share. So in
training the drawing of a pair is replaced at random: lines found in the target by several extractors, each with random parameters,
tones laid under them as flat gray, screentone or hatching, and then the pen and the paper change. Some pictures are put into
another light before they are drawn: a dark tone shall mean a dark place; where the policy says so, some whose drawing stays, too,
so that a drawing without tones tells nothing of the light.

All of it works on whole batches of tensors on whatever device they are, float (N, 1, H, W) in [0, 1], white 1; every random number
comes from the generator that is passed in, drawn on the CPU. Widths are in pixels of the training picture.
"""

from __future__ import annotations

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

Range = tuple[float, float]
NIGHT = (1.0, 0.2, -0.8)
"""Red, green and blue fall with the level of light to the power of 1 + these."""


@dataclasses.dataclass(frozen=True)
class RedrawPolicy:
    """How drawings are replaced in training.

    Parameters
    ----------
    given : share of drawings that stay as they are.
    kept_lines : share of the others whose lines stay those of the given drawing; the rest takes another extractor's.
    toned : share of the others that get tones as a manga page has them.
    width : share of the others whose lines are made wider or thinner by up to a pixel.
    breaks, noise : share of the others whose lines are interrupted, whose paper is speckled.
    strength : range of factors on the darkness of lines.
    printed : range of factors on the light of the picture, for the tone that stands for it.
    relit : share of the others whose picture is put into another light first.
    relit_given : the same of the drawings that stay. They do not change with it, so the network learns that such a drawing does not
        tell the light, and answers with colours between day and night: duller where the light was always the same, nearer to the
        truth where it was not.
    """

    given: float = 0.5
    kept_lines: float = 0.3
    toned: float = 0.6
    width: float = 0.4
    breaks: float = 0.3
    noise: float = 0.3
    strength: Range = (0.5, 1.3)
    printed: Range = (0.8, 1.1)
    relit: float = 0.6
    relit_given: float = 0.0

    def __call__(self, source: Tensor, target: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Drawings and pictures, uint8 (N, 3, H, W) each -> the same, some of the drawings drawn anew, some pictures relit."""
        draw = _Draw(len(source), source.device, generator)
        stays = draw.chance(self.given)
        toned = ~stays & draw.chance(self.toned)
        relit = draw.uniform((0, 1)) < torch.where(stays, self.relit_given, self.relit)
        target = torch.where(relit, relight(target, draw), target)
        given, light = luminance(source), luminance(target)
        lines = self._lines(given, light, draw)
        tones = torch.where(toned, tone_layer(light, draw, self.printed), 1.0)
        drawing = (self._pen(lines, draw) * tones).clamp(0, 1)
        drawing = torch.where(draw.chance(self.noise), speckle(drawing, draw), drawing)
        return torch.where(stays, source, (drawing * 255).round().to(source.dtype)), target

    def _lines(self, given: Tensor, light: Tensor, draw: _Draw) -> Tensor:
        """Lines by an extractor at random for every picture."""
        found = draw.choose([extractor(light, draw) for extractor in EXTRACTORS])
        return torch.where(draw.chance(self.kept_lines), given, found)

    def _pen(self, lines: Tensor, draw: _Draw) -> Tensor:
        """Another pen: wider or thinner lines, interrupted ones, of another strength."""
        lines = torch.where(draw.chance(self.width), change_width(lines, draw), lines)
        lines = torch.where(draw.chance(self.breaks), interrupt(lines, draw), lines)
        return 1 - (1 - lines) * draw.uniform(self.strength)


class _Draw:
    """Random numbers for every picture of a batch, (N, 1, 1, 1) on its device."""

    def __init__(self, n: int, device: torch.device, generator: Generator) -> None:
        self.n, self.device, self.generator = n, device, generator

    def uniform(self, between: Range) -> Tensor:
        low, high = between
        return (low + (high - low) * torch.rand(self.n, 1, 1, 1, generator=self.generator)).to(self.device)

    def log_uniform(self, between: Range) -> Tensor:
        low, high = between
        return self.uniform((math.log(low), math.log(high))).exp()

    def chance(self, share: float) -> Tensor:
        return (torch.rand(self.n, 1, 1, 1, generator=self.generator) < share).to(self.device)

    def integer(self, below: int) -> Tensor:
        return torch.randint(below, (self.n,), generator=self.generator).to(self.device)

    def choose(self, options: list[Tensor]) -> Tensor:
        """For every picture one of these batches (N, 1, H, W)."""
        chosen = self.integer(len(options))
        return torch.stack(options)[chosen, torch.arange(self.n, device=self.device)]

    def field(self, like: Tensor, cells: int) -> Tensor:
        """Smooth noise in [0, 1] that changes over about 1/cells of the side, the size of `like`."""
        coarse = torch.rand(self.n, 1, cells, cells, generator=self.generator).to(self.device)
        return F.interpolate(coarse, like.shape[-2:], mode="bicubic", align_corners=False).clamp(0, 1)

    def white(self, like: Tensor) -> Tensor:
        """White noise of a standard deviation of 1, the size of `like`."""
        return torch.randn(like.shape, generator=self.generator).to(self.device)


def luminance(image: Tensor) -> Tensor:
    """uint8 (N, 3, H, W) -> float (N, 1, H, W) in [0, 1], Rec. 709's weights as in `sketch`."""
    weights = torch.tensor([0.2125, 0.7154, 0.0721], device=image.device).view(1, 3, 1, 1)
    return (image.float() * (weights / 255)).sum(1, keepdim=True)


def blur(image: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of (N, 1, H, W), each picture by its own `sigma` (N, 1, 1, 1), in pixels."""
    radius = math.ceil(3 * float(sigma.max()))
    at = torch.arange(-radius, radius + 1, device=image.device)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)  # (N, 1, 1, K)
    kernel = kernel / kernel.sum(-1, keepdim=True)
    stack = F.pad(image.transpose(0, 1), (radius,) * 4, mode="replicate")  # (1, N, H, W)
    stack = F.conv2d(stack, kernel, groups=len(image))
    return F.conv2d(stack, kernel.transpose(-1, -2), groups=len(image)).transpose(0, 1)


def relight(image: Tensor, draw: _Draw) -> Tensor:
    """The same scene in another light, uint8 (N, 3, H, W): at night, at dusk, beside a lamp.

    Every channel is multiplied by a gain of its own, the darker, the bluer, as nights are painted; and the light fades over the
    picture.
    """
    level = draw.log_uniform((0.35, 1.1))
    night = level ** torch.tensor(NIGHT, device=image.device).view(1, 3, 1, 1)
    tint = night * torch.cat([draw.log_uniform((0.6, 1.6)) for _ in range(3)], dim=1)
    fade = 1 - draw.uniform((0, 0.6)) * draw.field(image, 3)
    return (image * level * tint * fade).clamp(0, 255).round().to(image.dtype)


def soft_strokes(light: Tensor, draw: _Draw) -> Tensor:
    """XDoG (see `sketch.xdog`) of any width and sharpness, with or without dark areas filled in."""
    sigma, p = draw.log_uniform((0.4, 1.2)), draw.log_uniform((8, 40))
    epsilon, phi = draw.uniform((-0.15, 0.1)), draw.log_uniform((1.5, 8))
    sharp = (1 + p) * blur(light, sigma) - p * blur(light, 1.6 * sigma)
    return torch.where(sharp >= epsilon, 1.0, 1 + torch.tanh(phi * (sharp - epsilon)))


def outlines(light: Tensor, draw: _Draw) -> Tensor:
    """Thick soft outlines: the morphological gradient, the brightest minus the darkest of the neighbours."""
    smooth = blur(light, draw.log_uniform((0.5, 1.5)))
    highest, lowest = (sign * F.max_pool2d(sign * smooth, 3, stride=1, padding=1) for sign in (1, -1))
    return (1 - draw.log_uniform((2, 8)) * (highest - lowest - 0.03).clamp_min(0)).clamp(0, 1)


def steepness(light: Tensor, draw: _Draw) -> Tensor:
    """Lines along steep slopes, as dark as they are steep, or black above a threshold; however dark the picture."""
    smooth = blur(light, draw.log_uniform((0.5, 1.2)))
    dx = F.pad(smooth[..., 1:] - smooth[..., :-1], (0, 1))
    dy = F.pad(smooth[..., 1:, :] - smooth[..., :-1, :], (0, 0, 0, 1))
    slope = torch.hypot(dx, dy)
    limit = torch.quantile(slope.flatten(1), 0.93, dim=1).view(-1, 1, 1, 1).clamp_min(0.01) * draw.uniform((0.8, 1.6))
    hardness = draw.log_uniform((1, 8))
    return 1 - torch.sigmoid(4 * hardness * (slope / limit - 1))


def shading(light: Tensor, draw: _Draw) -> Tensor:
    """Gray beside every edge, on its darker side: the picture divided by its own blur ("colour dodge")."""
    ratio = light / blur(light, draw.log_uniform((1, 5))).clamp_min(0.02)
    return (1 - draw.log_uniform((1, 5)) * (1 - ratio).clamp_min(0)).clamp(0, 1)


EXTRACTORS = (soft_strokes, outlines, steepness, shading)


def change_width(lines: Tensor, draw: _Draw) -> Tensor:
    """Lines wider by a pixel, by half of one, or thinner."""
    wider = -F.max_pool2d(-lines, 3, stride=1, padding=1)
    between = 0.5 * (lines + wider)
    thinner = 0.5 * (lines + F.max_pool2d(lines, 3, stride=1, padding=1))
    return draw.choose([wider, between, thinner])


def interrupt(lines: Tensor, draw: _Draw) -> Tensor:
    """Lines with gaps here and there."""
    gaps = (draw.field(lines, 24) < draw.uniform((0.1, 0.35))).float()
    return 1 - (1 - lines) * (1 - gaps)


def speckle(drawing: Tensor, draw: _Draw) -> Tensor:
    """Grain, coarser or finer and lightest on bare paper, and paper that is not quite white."""
    paper = 1 - draw.uniform((0, 0.12)) * draw.field(drawing, 3)
    grain = blur(draw.white(drawing), draw.log_uniform((0.3, 1)))
    grain = draw.log_uniform((0.01, 0.2)) * grain / grain.std(dim=(2, 3), keepdim=True)
    return (drawing * paper + grain * (1.2 - drawing)).clamp(0, 1)


def tone_layer(light: Tensor, draw: _Draw, printed: Range) -> Tensor:
    """Tones as a manga page has them, on a curve of any steepness: flat, dots of screentone, hatching; light areas stay white."""
    tone = (draw.uniform((-0.05, 0.15)) + draw.uniform(printed) * light ** draw.log_uniform((0.6, 1.2))).clamp(0, 1)
    levels = draw.integer(5).view(-1, 1, 1, 1) + 2
    steps = (blur(tone, draw.uniform((0.5, 2))) * levels).round() / levels
    tone = torch.where(draw.chance(0.6), steps, tone)
    return draw.choose([tone, screen(tone, draw), hatching(tone, draw), stipple(tone, draw)])


def screen(tone: Tensor, draw: _Draw) -> Tensor:
    """Screentone: dots on a turned grid whose size follows the tone, with soft rims as in a scan."""
    u, v = _turned_grid(tone, draw.uniform((0.15, 1.4)), draw.log_uniform((2.0, 6)))
    threshold = 0.5 + 0.25 * (torch.cos(u) + torch.cos(v))
    return torch.sigmoid(draw.log_uniform((6, 30)) * (tone - 0.03 - 0.94 * threshold))


def hatching(tone: Tensor, draw: _Draw) -> Tensor:
    """Parallel strokes whose width follows the tone."""
    u, _ = _turned_grid(tone, draw.uniform((0, math.pi)), draw.log_uniform((2.5, 8)))
    threshold = 0.5 + 0.5 * torch.cos(u)
    return torch.sigmoid(draw.log_uniform((6, 30)) * (tone - 0.03 - 0.94 * threshold))


def stipple(tone: Tensor, draw: _Draw) -> Tensor:
    """Irregular dots, or the grain of a pencil on rough paper, as dense as the tone is dark."""
    grain = blur(draw.white(tone), draw.log_uniform((0.4, 1.2)))
    threshold = torch.special.ndtr(grain / grain.std(dim=(2, 3), keepdim=True))  # spread evenly over [0, 1]
    return torch.sigmoid(draw.log_uniform((4, 20)) * (tone - 0.03 - 0.94 * threshold))


def _turned_grid(like: Tensor, angle: Tensor, period: Tensor) -> tuple[Tensor, Tensor]:
    """Phases, in radians, along the two axes of a grid turned by `angle` with so many pixels a period."""
    y = torch.arange(like.shape[-2], device=like.device).view(1, 1, -1, 1)
    x = torch.arange(like.shape[-1], device=like.device).view(1, 1, 1, -1)
    turn = 2 * math.pi / period
    return turn * (x * angle.cos() + y * angle.sin()), turn * (y * angle.cos() - x * angle.sin())


REDRAWS: dict[str, RedrawPolicy] = {
    "manga": RedrawPolicy(),
    "any-light": RedrawPolicy(given=0.25, toned=0.35, printed=(0.75, 1.0), relit=0.8, relit_given=0.25),
}
"""The policies that a task can name: for pictures in the light of the training pictures, and for those in any other light."""
