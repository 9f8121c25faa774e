"""Splits by group are the same everywhere and never part a group; a planted near-duplicate is found across them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data as photos

from p2p_lib.data.split import leaks, split_groups
from p2p_lib.data.synthetic.facades import facade
from p2p_lib.data.synthetic.shoes import shoe
from p2p_lib.data.works import MOST_ALIKE, NEAR, near_limit, perceptual_hash
from p2p_lib.errors import DataError

CARS = [f"car{car:03}" for car in range(60) for _ in range(16)]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from("abcdefghijkl"), min_size=3).filter(lambda groups: len(set(groups)) >= 3), st.integers(0, 5))
def test_groups_are_never_parted(groups, seed):
    folds = split_groups(groups, seed)
    assert len(set(zip(groups, folds, strict=True))) == len(set(groups))
    assert set(folds) == {"train", "val", "test"}


def test_shares_of_cars():
    folds = split_groups(CARS, share=0.1)
    assert [folds.count(fold) // 16 for fold in ("train", "val", "test")] == [48, 6, 6]
    assert folds != split_groups(CARS, seed=1)


def test_the_split_is_the_same_on_every_machine_and_in_every_order():
    folds = split_groups(CARS)
    held_out = {car for car, fold in zip(CARS, folds, strict=True) if fold == "val"}
    assert held_out == {"car003", "car014", "car018", "car022", "car045", "car046"}
    order = np.random.default_rng(0).permutation(len(CARS))
    assert split_groups([CARS[i] for i in order]) == [folds[i] for i in order]


def test_another_view_of_a_car_leaves_all_where_they_are():
    before = dict(zip(CARS, split_groups(CARS), strict=True))
    more = [*CARS, min(car for car in before if before[car] == "train")]
    assert dict(zip(more, split_groups(more), strict=True)) == before


def test_too_few_groups_and_impossible_shares():
    with pytest.raises(DataError, match="want a group each, at least; there are 2 in 3 pictures"):
        split_groups(["a", "b", "b"])
    for share in (0, 0.5, -1):
        with pytest.raises(DataError, match="between 0 and 0.5"):
            split_groups(CARS, share=share)


def hashes(pictures: list) -> np.ndarray:
    return np.stack([perceptual_hash(Image.fromarray(picture)) for picture in pictures])


def test_a_planted_near_duplicate_is_the_only_leak():
    pictures = [facade(seed, 64)[1] for seed in range(12)]
    again = Image.fromarray(pictures[3]).resize((50, 50)).point(lambda value: min(255, int(1.1 * value)))
    found = hashes([*pictures, np.asarray(again)])
    folds = ["train"] * 8 + ["val"] * 5
    near = near_limit(found)
    assert leaks(found, folds, near) == [(3, 12)]
    assert leaks(found, ["train"] * 13, near) == []


def test_leaks_come_nearest_first_across_blocks():
    found = np.random.default_rng(0).random((2100, 256)) < 0.5
    found[2000] = found[5] ^ (np.arange(256) < 20)
    found[1500] = found[1499] ^ (np.arange(256) < 10)
    folds = ["train" if i % 2 else "val" for i in range(2100)]
    assert [{*pair} for pair in leaks(found, folds, 24)] == [{1499, 1500}, {5, 2000}]


def test_how_near_is_near_depends_on_the_collection():
    alike = near_limit(hashes([shoe(seed, 64)[1] for seed in range(40)]))
    different = near_limit(hashes([facade(seed, 64)[1] for seed in range(40)]))
    assert MOST_ALIKE <= alike < different <= NEAR
    assert near_limit(hashes([photos.astronaut(), photos.astronaut()])) == MOST_ALIKE
    assert near_limit(hashes([photos.astronaut()])) == MOST_ALIKE
