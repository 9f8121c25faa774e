"""Line art by many hands: drawings replaced at random, pictures untouched unless the light changes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter

from p2p_lib.data import redraw, sketch
from p2p_lib.data.augment import Augment
from p2p_lib.data.redraw import EXTRACTORS, REDRAWS, RedrawPolicy, _Draw, blur
from p2p_lib.data.synthetic import comics


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    pairs = np.stack([np.stack(comics.frame(seed, 64)) for seed in range(12)])
    source, target = torch.from_numpy(pairs).permute(1, 0, 4, 2, 3)
    return source, target


def test_the_same_generator_gives_the_same_drawings(batch):
    first, second = (REDRAWS["manga"](*batch, seeded()) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert not torch.equal(first[0], REDRAWS["manga"](*batch, seeded(1))[0])


def test_drawings_are_gray_and_of_the_same_kind(batch):
    drawings, targets = RedrawPolicy(given=0.0)(*batch, seeded())
    assert drawings.shape == targets.shape == batch[0].shape
    assert drawings.dtype == targets.dtype == torch.uint8
    assert torch.equal(drawings[:, 0], drawings[:, 1]) and torch.equal(drawings[:, 0], drawings[:, 2])


def test_a_given_drawing_keeps_its_picture(batch):
    source, target = batch
    drawings, targets = RedrawPolicy(given=1.0)(source, target, seeded())
    assert torch.equal(targets, target)
    assert torch.equal(drawings, source)


def test_in_any_light_the_same_drawing_stands_for_many_pictures(batch):
    source, target = batch
    drawings, targets = RedrawPolicy(given=1.0, relit_given=1.0)(source, target, seeded())
    assert torch.equal(drawings, source)
    assert (targets != target).flatten(1).any(dim=1).all()


def test_dark_light_is_blue_as_nights_are_painted(batch):
    target = batch[1].repeat(25, 1, 1, 1)
    relit = redraw.relight(target, redraw._Draw(len(target), target.device, seeded())).float()
    red, _, blue = relit.mean(dim=(2, 3)).T
    dark = relit.mean(dim=(1, 2, 3)) / target.float().mean(dim=(1, 2, 3)) < 0.4
    assert 30 < dark.sum() < 270
    assert (blue / red)[dark].median() > 1.5 * (blue / red)[~dark].median()


def test_the_given_share_stays_and_the_rest_does_not(batch):
    source, target = (half.repeat(25, 1, 1, 1) for half in batch)  # 300 drawings
    drawings, _ = RedrawPolicy(given=0.4)(source, target, seeded())
    stayed = (drawings == source).flatten(1).all(dim=1).float().mean()
    assert 0.32 < stayed < 0.48


def test_relit_pictures_are_mostly_darker_and_drawn_in_their_own_light(batch):
    source, target = batch
    policy = RedrawPolicy(given=0.0, relit=1.0, toned=1.0, kept_lines=1.0, width=0.0, breaks=0.0, noise=0.0)
    drawings, targets = policy(source, target, seeded())
    assert (targets.float().mean(dim=(1, 2, 3)) < target.float().mean(dim=(1, 2, 3))).float().mean() > 0.7
    tones, lights = (images.float().mean(dim=(1, 2, 3)) for images in (drawings, targets))
    assert np.corrcoef(tones, lights)[0, 1] > 0.4


@pytest.mark.parametrize("extractor", EXTRACTORS, ids=lambda extractor: extractor.__name__)
def test_extractors_draw_dark_lines_on_white_where_xdog_does(batch, extractor):
    _, target = batch
    lines = extractor(redraw.luminance(target), _Draw(len(target), target.device, seeded()))
    assert lines.shape == (len(target), 1, 64, 64)
    assert lines.min() >= 0 and lines.max() <= 1.0001
    sketches = torch.stack([torch.from_numpy(sketch.xdog(picture)) for picture in target.permute(0, 2, 3, 1).numpy()])[:, None]
    near = F.max_pool2d(255 - sketches.float(), 5, stride=1, padding=2) > 0
    darkest = -F.max_pool2d(-lines, 3, stride=1, padding=1)  # some draw both sides of a line, some its middle
    assert lines[~near].median() > 0.9
    assert darkest[sketches < 100].median() < 0.7


def test_blur_is_gaussian_with_a_width_of_its_own_for_every_picture():
    images = torch.rand(3, 1, 40, 50, generator=seeded(), dtype=torch.float64)
    widths = torch.tensor([0.5, 1.3, 3.0], dtype=torch.float64).view(3, 1, 1, 1)
    for image, width, mine in zip(images, widths, blur(images, widths), strict=True):
        theirs = gaussian_filter(image[0].numpy(), float(width), mode="nearest", radius=9)
        assert np.abs(mine[0].numpy() - theirs).max() < 1e-10


@pytest.mark.parametrize("tones", [redraw.screen, redraw.hatching, redraw.stipple], ids=lambda tones: tones.__name__)
def test_printed_tones_are_as_dark_as_they_stand_for(tones):
    """Black and white alone add up to the tone, from afar."""
    levels = torch.linspace(0.15, 0.85, 8).view(8, 1, 1, 1).expand(8, 1, 96, 96).contiguous()
    printed = tones(levels, _Draw(8, levels.device, seeded())).mean(dim=(1, 2, 3))
    assert (printed - levels[:, 0, 0, 0]).abs().max() < 0.13
    assert torch.equal(printed.argsort(), torch.arange(8))
    assert tones(torch.ones(4, 1, 32, 32), _Draw(4, levels.device, seeded())).min() > 0.5, "white is paper"


def test_a_task_that_asks_for_it_is_trained_on_other_drawings(batch):
    source, target = batch
    plain, other = (Augment(64, hflip=False, redraw=name)(source, target, seeded()) for name in ("none", "manga"))
    assert torch.equal(plain[0], source) and torch.equal(plain[1], target)
    assert not torch.equal(other[0], source)


def test_lines_and_pictures_are_flipped_alike(batch):
    """Drawn after the geometry: of a mirrored pair comes the mirrored drawing."""
    source, target = batch
    policy = dataclasses.replace(
        REDRAWS["manga"], given=0.0, relit=0.0, toned=0.0, kept_lines=1.0, width=0.0, breaks=0.0, noise=0.0
    )
    policy = dataclasses.replace(policy, strength=(1.0, 1.0))
    straight, _ = policy(source, target, seeded())
    mirrored, _ = policy(source.flip(-1), target.flip(-1), seeded())
    assert torch.equal(mirrored.flip(-1), straight)
