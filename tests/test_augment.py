"""Augmentation: source and target get the same geometry, whatever the settings; draws follow from the generator alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from p2p_lib.data.augment import Augment, random_crop, random_flip, random_zoom


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_images(n: int = 4, side: int = 20, seed: int = 0) -> Tensor:
    return torch.randint(256, (n, 3, side, side), dtype=torch.uint8, generator=generator(seed))


def position_images(n: int, height: int, width: int) -> Tensor:
    """Pictures whose pixels hold their own row and column, (n, 2, height, width)."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([rows, columns]).to(torch.uint8).expand(n, 2, height, width)


AUGMENTS = st.builds(
    Augment,
    size=st.integers(8, 20),
    hflip=st.booleans(),
    vflip=st.booleans(),
    zoom=st.one_of(st.just(1.0), st.floats(0.3, 1.0)),
)


@given(augment=AUGMENTS, seed=st.integers(0, 2**63 - 1))
def test_source_and_target_get_the_same_geometry(augment, seed):
    images = random_images()
    source, target = augment(images, images.clone(), generator(seed))
    assert source.shape == (4, 3, augment.size, augment.size)
    assert source.dtype == torch.uint8
    assert torch.equal(source, target)


@given(augment=AUGMENTS, seed=st.integers(0, 2**63 - 1))
def test_same_generator_same_pictures(augment, seed):
    pair = random_images(), random_images(seed=1)
    for first, second in zip(augment(*pair, generator(seed)), augment(*pair, generator(seed)), strict=True):
        assert torch.equal(first, second)


def test_other_seed_other_pictures():
    augment, images = Augment(12), random_images()
    assert not torch.equal(augment(images, images, generator(0))[0], augment(images, images, generator(1))[0])


def test_draws_leave_the_global_generator_alone():
    images = random_images()
    before = torch.get_rng_state()
    Augment(12, vflip=True, zoom=0.5, source_jitter=(0.5, 0.5, 0.5, 0.5))(images, images, generator())
    assert torch.equal(torch.get_rng_state(), before)


def test_crops_are_windows_of_the_picture_at_every_place():
    crops = random_crop(position_images(500, 14, 12), 8, generator()).long()
    tops, lefts = crops[:, 0, 0, 0], crops[:, 1, 0, 0]
    windows = position_images(1, 8, 8).long() + torch.stack([tops, lefts], dim=1)[:, :, None, None]
    assert torch.equal(crops, windows)
    assert set(tops.tolist()) == set(range(7))
    assert set(lefts.tolist()) == set(range(5))


@pytest.mark.parametrize("dim", [-1, -2])
def test_half_of_the_pictures_are_mirrored(dim):
    images = position_images(2000, 4, 4)
    flipped = random_flip(images, dim, generator())
    mirrored = (flipped == images.flip(dim)).all(dim=(1, 2, 3))
    assert torch.equal(mirrored, (flipped != images).any(dim=(1, 2, 3)))  # each is either mirrored or left alone
    assert 900 < mirrored.sum() < 1100  # more than four standard deviations to either side


def test_both_flips_are_independent():
    images = position_images(800, 4, 4)
    out, _ = Augment(4, hflip=True, vflip=True)(images, images, generator())
    corners = out[:, :, 0, 0].tolist()
    counts = [corners.count(corner) for corner in ([0, 0], [0, 3], [3, 0], [3, 3])]
    assert sum(counts) == 800
    assert min(counts) > 150


def test_without_anything_to_do_pictures_stay_as_they_are():
    source, target = random_images(), random_images(seed=1)
    out = Augment(20, hflip=False)(source, target, generator())
    assert torch.equal(out[0], source)
    assert torch.equal(out[1], target)


def test_zoom_takes_half_of_the_pictures_and_leaves_the_others_exactly():
    images = random_images(400)
    untouched = (random_zoom(images, 0.5, generator()) == images).all(dim=(1, 2, 3))
    assert 150 < untouched.sum() < 250


def zoomed_positions(zoom: float) -> tuple[Tensor, Tensor]:
    """Where the pixels of 300 zoomed pictures came from, in thousandths of a pixel: along a column and along a row, (300, 64)."""
    zoomed = random_zoom(position_images(300, 64, 64) * 1000.0, zoom, generator())
    return zoomed[:, 0, :, 32], zoomed[:, 1, 32, :]


def test_zoom_takes_an_upright_square_inside_the_picture():
    """Steps between pixels are the zoom: the same along both sides and all over, with no border drawn in."""
    rows, columns = zoomed_positions(0.6)
    scale = (rows[:, 56] - rows[:, 8]) / 48
    for places in (rows, columns):
        steps = places.diff(dim=1)[:, 1:-1]  # at the very border the outermost pixel is repeated
        torch.testing.assert_close(steps, scale[:, None].expand_as(steps), atol=1.5, rtol=0)
    assert 600 - 1 < scale.min() < 620
    assert scale[scale < 999].max() > 980


def test_zoom_goes_everywhere():
    rows, columns = zoomed_positions(0.5)
    for places in (rows, columns):
        assert places[:, 0].min() < 1000
        assert places[:, -1].max() > 62_000
        assert places[:, 0].max() > 25_000  # half of the picture, at its far end


@pytest.mark.parametrize("jitter", [(0.5, 0, 0, 0), (0, 0.5, 0, 0), (0, 0, 0.5, 0), (0, 0, 0, 0.3), (0.5, 0.5, 0.5, 0.5)])
def test_colour_jitter_touches_the_source_alone(jitter):
    source, target = random_images(), random_images(seed=1)
    plain = Augment(12)(source, target, generator())
    out = Augment(12, source_jitter=jitter)(source, target, generator())
    assert torch.equal(out[1], plain[1])
    assert out[0].dtype == torch.uint8
    assert (out[0] != plain[0]).flatten(1).any(dim=1).all()  # every picture


def test_brightness_stays_within_its_range():
    gray = torch.full((200, 3, 2, 2), 100, dtype=torch.uint8)
    out, _ = Augment(2, source_jitter=(0.5, 0, 0, 0))(gray, gray, generator())
    assert 50 <= out.min() < 60
    assert 140 < out.max() <= 150
