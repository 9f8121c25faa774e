"""The catalog: which half is the source, where datasets are looked for, and what stands in where there is none."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from p2p_lib import data
from p2p_lib.data.catalog import CATALOG, SAMPLES, SPLIT_SEEDS, samples
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


@pytest.mark.parametrize("name", CATALOG)
def test_stand_in_of_every_dataset(name):
    pairs = samples(name, "train", 32, count=2)
    assert pairs.array.shape == (2, 2, 32, 32, 3)
    assert pairs.array.dtype == np.uint8
    assert np.array_equal(*pairs[0]) == (CATALOG[name].source is None)  # a single picture is source and target at once
    assert not np.array_equal(pairs[0][1], pairs[1][1])
    assert CATALOG[name].title in pairs.origin


@pytest.mark.parametrize(("name", "color"), [("facades", RIGHT), ("maps", LEFT), ("edges2shoes", LEFT)])
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
