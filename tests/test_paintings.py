"""From Kaggle's download to squares on disk, and any folder of colour pictures as pairs."""

from __future__ import annotations

import functools
import json
import logging
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image

import p2p_lib as p2p
from p2p_lib import data
from p2p_lib.data.catalog import CATALOG
from p2p_lib.data.paintings import find_artists, pick_artist, prepare, square
from p2p_lib.data.synthetic.paintings import monet
from p2p_lib.errors import DataError


@functools.cache
def painting(seed: int) -> Image.Image:
    return Image.fromarray(monet(seed, 48))


@pytest.fixture
def download(tmp_path) -> Path:
    """Two painters as Kaggle has them: wide pictures, one of them twice, one grayscale, one damaged."""
    home = tmp_path / "raw" / "images" / "images"
    for painter in ("Claude_Monet", "Albrecht_Du\u0308rer"):
        (home / painter).mkdir(parents=True)
        for i in range(12):
            image = painting(100 * len(painter) + i).resize((150, 96))
            image.save(home / painter / f"{painter}_{i}.jpg", quality=95)
    folder = home / "Claude_Monet"
    with Image.open(folder / "Claude_Monet_3.jpg") as image:
        image.resize((80, 50)).save(folder / "Claude_Monet_30.jpg", quality=50)
        image.convert("L").save(folder / "Claude_Monet_31.jpg")
    (folder / "Claude_Monet_32.jpg").write_bytes(b"no picture")
    return tmp_path / "raw"


@pytest.mark.parametrize("inside", ["", "images", "images/images"])
def test_painters_are_found_from_any_level(download, inside):
    assert list(find_artists(download / inside)) == ["Albrecht_Du\u0308rer", "Claude_Monet"]


@pytest.mark.parametrize("name", ["Claude_Monet", "claude monet", "Monet", "Albrecht D\u00fcrer", "durer"])
def test_painters_by_any_spelling(download, name):
    artists = find_artists(download)
    assert pick_artist(name, artists) == artists["Claude_Monet" if "onet" in name else "Albrecht_Du\u0308rer"]


def test_unknown_painter_names_the_nearest(download):
    with pytest.raises(DataError, match=r"no painter 'Claude_Manet'.*Claude_Monet"):
        pick_artist("Claude_Manet", find_artists(download))


def test_folder_without_painters(tmp_path):
    with pytest.raises(DataError, match="holds no folders of painters"):
        find_artists(tmp_path)


def test_prepare(download, tmp_path):
    out = tmp_path / "out"
    prepared = prepare(download, out, ["monet"], size=48, progress=False)
    assert len(prepared.folds) == 13
    assert prepared.gray == ["Claude_Monet/Claude_Monet_31.jpg"]
    assert list(prepared.problems) == ["Claude_Monet/Claude_Monet_32.jpg"]
    assert prepared.works == [["Claude_Monet/Claude_Monet_3.jpg", "Claude_Monet/Claude_Monet_30.jpg"]]
    for name, fold in prepared.folds.items():
        with Image.open(out / fold / Path(name).with_suffix(".png")) as image:
            assert (image.size, image.mode) == ((48, 48), "RGB")
    assert len(list(out.rglob("*.png"))) == 13
    assert json.loads((out / "prepared.json").read_text())["folds"] == prepared.folds
    for name in ("Claude_Monet_31.jpg", "Claude_Monet_32.jpg", "11 train"):
        assert name in str(prepared)


def test_prepared_folder_is_a_dataset(download, tmp_path, monkeypatch):
    prepared = prepare(download, tmp_path / "data" / "monet", ["monet"], size=40, progress=False)
    monkeypatch.setenv("P2P_DATA", str(tmp_path / "data"))
    for split in ("train", "val", "test"):
        assert len(data.load("monet", split, size=32)) == list(prepared.folds.values()).count(split)


def test_interrupted_preparation_goes_on(download, tmp_path):
    out = tmp_path / "out"
    prepared = prepare(download, out, ["monet"], size=24, progress=False)
    kept, lost, *_ = sorted(out.rglob("*.png"))
    content, stamp = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    assert prepare(download, out, ["monet"], size=24, progress=False) == prepared
    assert lost.read_bytes() == content
    assert kept.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("changes", [{"size": 32}, {"fit": "letterbox"}, {"seed": 1}, {"artists": ["durer"]}])
def test_two_preparations_do_not_mix(download, tmp_path, changes):
    settings = {"artists": ["monet"], "size": 24}
    prepare(download, tmp_path / "out", **settings, progress=False)
    with pytest.raises(DataError, match="prepared otherwise"):
        prepare(download, tmp_path / "out", **(settings | changes), progress=False)


def test_folder_that_holds_something_else(download, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty"):
        prepare(download, tmp_path / "out", ["monet"], progress=False)


def test_all_painters_where_none_is_named(download, tmp_path):
    assert len(prepare(download, tmp_path / "out", size=16, progress=False).folds) == 25


@pytest.mark.parametrize("shape", [(90, 60), (60, 90), (60, 60)])
def test_squares_are_not_distorted(shape):
    disc = np.hypot(*(np.indices(shape[::-1]) - np.array(shape[::-1]).reshape(2, 1, 1) / 2 + 0.5)) < 20
    image = Image.fromarray(np.where(disc[..., None], [200, 0, 0], [0, 0, 200]).astype(np.uint8))
    for fit, expected in (("crop", 40 / 60), ("letterbox", 40 / max(shape))):
        red = np.asarray(square(image, 120, fit))[..., 0] > 100
        red &= np.asarray(square(image, 120, fit))[..., 2] < 100
        height, width = np.ptp(np.nonzero(red), axis=1) + 1
        assert height == pytest.approx(120 * expected, abs=3)
        assert width == pytest.approx(120 * expected, abs=3)


@pytest.mark.parametrize(
    ("artist", "code", "said"),
    [("Monet", 0, "13 pictures: 11 train, 1 val, 1 test."), ("Manet", 2, "prepare_paintings: There is no painter 'Manet'")],
)
def test_script(download, tmp_path, monkeypatch, capsys, artist, code, said):
    script = str(ROOT / "data_scripts" / "prepare_paintings.py")
    monkeypatch.setattr(sys, "argv", [script, str(download), str(tmp_path / "out"), "--size", "16", "--artist", artist])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(script, run_name="__main__")
    assert ended.value.code == code
    assert said in (capsys.readouterr().err if code else capsys.readouterr().out)


# Any folder of colour pictures.


def pictures(folder: Path, count: int = 20) -> Path:
    folder.mkdir(parents=True)
    for i in range(count):
        painting(500 + i).resize((96, 64)).save(folder / f"{i}.png")
    return folder


def test_any_folder_of_colour_pictures(tmp_path):
    folder = pictures(tmp_path / "mine")
    names = []
    for split, count in (("train", 16), ("val", 2), ("test", 2)):
        pairs = data.load(str(folder), split, size=32, colors=True)
        assert len(pairs) == count
        names += pairs.names
        for i in range(count):
            source, target = pairs[i]
            np.testing.assert_array_equal(source, target)
            with Image.open(folder / pairs.names[i]) as image:
                middle = image.crop((16, 0, 80, 64)).resize((32, 32), Image.Resampling.BICUBIC)
            assert np.abs(source.astype(float) - np.asarray(middle)).mean() < 1
    assert sorted(names) == sorted(path.name for path in folder.iterdir())


def test_grayscale_files_are_reported(tmp_path, caplog):
    folder = pictures(tmp_path / "mine", 5)
    painting(1).convert("L").save(folder / "gray.png")
    with caplog.at_level(logging.WARNING, "p2p_lib"):
        pairs = data.load(p2p.task("paint-lab", "lite", dataset=str(folder)), "train")
    assert "gray.png" not in pairs.names
    assert "1 of" in caplog.text
    assert "gray.png" in caplog.text
    assert "grayscale" in pairs.report.notes["gray.png"]


def test_damaged_files_are_named_or_skipped(tmp_path):
    folder = pictures(tmp_path / "mine", 5)
    (folder / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="bad.png: not a picture"):
        data.load(str(folder), "train", size=32, colors=True)
    assert len(data.load(str(folder), "train", size=32, colors=True, on_error="skip")) == 3


def test_nothing_but_grayscale(tmp_path):
    (tmp_path / "mine").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "mine" / "a.png")
    with pytest.raises(DataError, match="no colour pictures.*1 grayscale"):
        data.load(str(tmp_path / "mine"), "train", colors=True)


@pytest.mark.parametrize("split_by_folders", [True, False])
def test_pairs_may_be_coloured_too(tmp_path, split_by_folders):
    for part in ("train", "val") if split_by_folders else ("",):
        pictures(tmp_path / "mine" / part / "source", 3)
        pictures(tmp_path / "mine" / part / "target", 3)
        for path in (tmp_path / "mine" / part / "source").iterdir():
            Image.new("RGB", (96, 64), "gray").save(path)
    for split in ("train", "val", "test"):
        source, target = data.load(str(tmp_path / "mine"), split, size=32, colors=True)[0]
        assert (source == 128).all()
        assert np.ptp(target) > 50


@pytest.mark.parametrize("name", [name for name, row in CATALOG.items() if row.source is None])
def test_catalog_names_of_single_pictures(tmp_path, monkeypatch, name):
    pictures(tmp_path / name, 10)
    monkeypatch.setenv("P2P_DATA", str(tmp_path))
    assert [len(data.load(name, split, size=32)) for split in ("train", "val", "test")] == [8, 1, 1]
