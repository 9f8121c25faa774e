"""The catalog: which half is the source, where datasets are looked for, and what stands in where there is none."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import p2p_lib as p2p
from p2p_lib import data
from p2p_lib.data.catalog import CATALOG, SAMPLES, SPLIT_SEEDS, Archive, Kaggle
from p2p_lib.data.loading import samples
from p2p_lib.errors import DataError

LEFT, RIGHT = (200, 30, 40), (10, 60, 220)


def side_by_side(folder: Path, count: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        sheet = Image.new("RGB", (16, 8), LEFT)
        sheet.paste(RIGHT, (8, 0, 16, 8))
        sheet.save(folder / f"{i}.png")


def two_folders(home: Path, count: int = 1) -> None:
    for side, color in (("source", LEFT), ("target", RIGHT)):
        (home / side).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.new("RGB", (8, 8), color).save(home / side / f"{i}.png")


def source_color(pairs: data.PairedImages) -> tuple[int, ...]:
    return tuple(pairs[0][0][0, 0].tolist())


@pytest.mark.parametrize("name", [name for name, row in CATALOG.items() if row.world])
def test_stand_in_of_every_dataset(name):
    pairs = samples(name, "train", 32, count=2)
    assert pairs.array.shape == (2, 2, 32, 32, 3)
    assert pairs.array.dtype == np.uint8
    assert np.array_equal(*pairs[0]) == (CATALOG[name].source is None)  # a single picture is source and target at once
    assert not np.array_equal(pairs[0][1], pairs[1][1])
    assert CATALOG[name].title in pairs.origin


SIDES = {"facades": RIGHT, "maps": LEFT, "edges2shoes": LEFT, "edges2handbags": LEFT, "night2day": LEFT, "faces": LEFT}


@pytest.mark.parametrize(("name", "color"), SIDES.items())
def test_the_catalog_knows_which_half_is_the_source(tmp_path, monkeypatch, name, color):
    monkeypatch.setenv("P2P_DATA", str(tmp_path))
    side_by_side(tmp_path / name / "val", 2)
    pairs = data.load(name, "val", size=8)
    assert len(pairs) == 2
    assert source_color(pairs) == color


def test_datasets_folder_is_the_default_place(tmp_path):
    side_by_side(tmp_path / "datasets" / "facades" / "train")
    assert len(data.load("facades", "train", size=8)) == 1


def test_where_there_is_no_dataset_samples_say_so(caplog):
    with caplog.at_level(logging.WARNING, "p2p_lib"):
        pairs = data.load("facades", "val", size=32)
    assert len(pairs) == SAMPLES["val"]
    assert "procedural samples in place of CMP facades" in pairs.origin
    assert pairs.origin in caplog.text


def test_no_sample_is_in_two_splits():
    seeds = [range(SPLIT_SEEDS[split], SPLIT_SEEDS[split] + SAMPLES[split]) for split in SAMPLES]
    assert len(set().union(*seeds)) == sum(map(len, seeds))


def test_samples_are_the_same_everywhere(tmp_path, monkeypatch):
    first = samples("facades", "train", 32, count=3)
    monkeypatch.setenv("P2P_CACHE", str(tmp_path / "elsewhere"))
    np.testing.assert_array_equal(samples("facades", "train", 32, count=3).array, first.array)


def test_a_data_folder_that_is_not_there(monkeypatch):
    monkeypatch.setenv("P2P_DATA", "nowhere")
    with pytest.raises(DataError, match="P2P_DATA is nowhere, and there is no such folder"):
        data.load("facades")


def test_an_empty_variable_is_as_none(tmp_path, monkeypatch):
    monkeypatch.setenv("P2P_DATA", "")
    assert "procedural" in data.load("facades", "val", size=32).origin


def test_a_task_says_the_sizes(small_task, tmp_path):
    two_folders(tmp_path / "mine", 10)
    task = small_task(dataset=str(tmp_path / "mine"))
    train, val = data.load(task, "train"), data.load(task, "val")
    assert train.array.shape == (9, 2, 36, 36, 3)
    assert val.array.shape == (1, 2, 32, 32, 3)


def test_own_folder_with_two_subfolders(tmp_path):
    two_folders(tmp_path, 20)
    train, val = data.load(str(tmp_path), "train", size=8), data.load(str(tmp_path), "val", size=8)
    assert (len(train), len(val)) == (18, 2)
    assert not set(train.names) & set(val.names)
    assert source_color(train) == LEFT
    assert data.load(str(tmp_path), "test", size=8).names == val.names


def test_own_folder_with_splits(tmp_path):
    two_folders(tmp_path / "train", 3)
    two_folders(tmp_path / "val", 2)
    two_folders(tmp_path / "test", 1)
    assert [len(data.load(str(tmp_path), split, size=8)) for split in ("train", "val", "test")] == [3, 2, 1]


def test_own_side_by_side_files(tmp_path):
    side_by_side(tmp_path, 10)
    assert source_color(data.load(str(tmp_path), "train", size=8, source_side="right")) == RIGHT
    with pytest.raises(DataError, match='say which half is the source: source_side="left" or "right"'):
        data.load(str(tmp_path), "train", size=8)


def test_neither_dataset_nor_folder():
    with pytest.raises(DataError, match=r"'facade' is neither a dataset of the catalog \(facades, .*\) nor a folder"):
        data.load("facade")


def test_rows_say_what_a_reader_needs():
    for name, row in CATALOG.items():
        assert row.title and row.home and row.terms and row.layout, name
        assert row.citation or name == "anime"  # your own video
        assert bool(row.mirrors) == (row.made_from is None) == (row.megabytes is not None), name
        for mirror in row.mirrors:
            assert isinstance(mirror, Kaggle) or mirror.url.startswith("https://")
    assert isinstance(CATALOG["facades"].mirrors[0], Archive)  # the authors come first


@pytest.mark.parametrize("name", [name for name, row in CATALOG.items() if row.world is None])
def test_where_nothing_stands_in_the_way_to_the_data_is_said(name):
    with pytest.raises(
        DataError, match=f"`p2p data get {name}` fetches it, or put it there by hand .*: datasets/{name} with "
    ) as caught:
        data.load(name)
    assert CATALOG[name].layout in str(caught.value)


def test_raw_data_is_no_pairs(tmp_path):
    (tmp_path / "datasets" / "carvana" / "train").mkdir(parents=True)
    with pytest.raises(DataError, match="without pairs yet; data_scripts/prepare_carvana.py makes edges2cars of it"):
        data.load("carvana")


def test_a_dataset_without_test_shows_val(tmp_path):
    side_by_side(tmp_path / "datasets" / "maps" / "val", 3)
    assert len(data.load("maps", "test", size=8)) == 3
    side_by_side(tmp_path / "datasets" / "maps" / "test", 2)
    assert len(data.load("maps", "test", size=8)) == 2


@pytest.mark.parametrize("part", ["", "train", "val"])
def test_a_dataset_may_lie_in_two_folders(tmp_path, part):
    two_folders(tmp_path / "datasets" / "faces" / part, 10)
    pairs = data.load("faces", part or "train", size=8)
    assert len(pairs) == (10 if part else 9)
    assert source_color(pairs) == LEFT


@pytest.mark.parametrize("here", [True, False])
def test_the_other_direction(tmp_path, monkeypatch, here):
    """For the dataset and for the samples in its place."""
    monkeypatch.setenv("P2P_DATA", str(tmp_path))
    if here:
        side_by_side(tmp_path / "maps" / "val", 2)
    there, back = (data.load(p2p.task(name, "lite", image_size=32), "val") for name in ("sat2map", "map2sat"))
    for i in range(2):
        for one, other in zip(there[i], reversed(back[i]), strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(back.batch([1])[0], there.batch([1])[1])
