"""Sketchers: the right one draws, a substitute says so, and a folder holds the drawings of one."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_foreign import photo, thin_weights

from p2p_lib import sketching, weights, weights_sources
from p2p_lib.data.download import Patience
from p2p_lib.data.sketch import SKETCHES
from p2p_lib.errors import CheckpointError, ConfigError, DataError
from p2p_lib.sketching import Sketcher, by_network, sketch_folder, sketcher
from p2p_lib.translator import Translator
from p2p_lib.weights import download_folder


@pytest.fixture(autouse=True)
def own_cache(own_settings, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("P2P_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def no_network(monkeypatch, tmp_path) -> None:
    """The registry's address of Anime2Sketch is one where nobody answers."""
    (tmp_path / "index.toml").write_text('[anime2sketch]\nfile = "anime2sketch.pth"\nsources = ["http://127.0.0.1:1/netG.pth"]\n')
    monkeypatch.setattr(weights, "registry_folder", lambda: tmp_path)
    monkeypatch.setattr(weights_sources, "PATIENCE", Patience(retries=0))


def counting(name: str = "xdog") -> tuple[Sketcher, list[int]]:
    """A sketcher that notes the sizes of its batches."""
    sizes: list[int] = []

    def draw(pictures):
        sizes.append(len(pictures))
        return [255 - picture[..., 0] for picture in pictures]

    return Sketcher(name, draw), sizes


@pytest.fixture
def frames(tmp_path) -> Path:
    """Five frames in two folders, one of them damaged."""
    home = tmp_path / "frames"
    for i, name in enumerate(["a/1.png", "a/2.jpg", "b/1.png", "b/2.png"]):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(20 + i, 30)).save(home / name)
    (home / "b" / "3.png").write_bytes(b"no picture")
    return home


@pytest.mark.parametrize("name", SKETCHES)
def test_formulas(name):
    pictures = [photo(40, 50), photo(30, 20)]
    draw = sketcher(name)
    assert draw.name == name
    for drawing, picture in zip(draw(pictures), pictures, strict=True):
        np.testing.assert_array_equal(drawing, SKETCHES[name](picture))


def test_unknown_name():
    with pytest.raises(ConfigError, match="no sketcher 'anime2scetch'. Did you mean 'anime2sketch'"):
        sketcher("anime2scetch")


@pytest.mark.slow
def test_network_draws_each_picture_as_the_translator_does(no_network):
    """Pictures of two sizes, mixed: they come back in their order."""
    download_folder().mkdir(parents=True)
    torch.save(thin_weights(), download_folder() / "anime2sketch.pth")
    model = Translator.load("anime2sketch", device="cpu")
    np.testing.assert_allclose(sketcher()([photo(30, 20)])[0].astype(int), model(photo(30, 20))[..., 0], atol=1)
    assert sketcher().name == "anime2sketch"
    model.side = 256  # takes a quarter of the time
    pictures = [photo(20, 30), photo(30, 20), photo(20, 30)[::-1].copy()]
    drawings = by_network(model, pictures)
    assert not np.array_equal(drawings[0], drawings[2])
    for drawing, picture in zip(drawings, pictures, strict=True):
        assert drawing.dtype == np.uint8
        np.testing.assert_allclose(drawing.astype(int), model(picture)[..., 0], atol=1)


def test_substitute_says_that_it_is_one(no_network, caplog):
    with caplog.at_level(logging.WARNING):
        draw = sketcher("anime2sketch")
    assert draw.name == "xdog"
    (message,) = caplog.messages
    assert "XDoG draws in place of Anime2Sketch" in message
    assert "Connection refused" in message
    assert f"with a browser and save it as {download_folder() / 'anime2sketch.pth'}." in message


def test_a_wrong_file_put_there_by_hand_is_not_passed_over(no_network):
    download_folder().mkdir(parents=True)
    (download_folder() / "anime2sketch.pth").write_bytes(b"<html>")
    with pytest.raises(CheckpointError, match="anime2sketch.pth is a web page"):
        sketcher()


def test_folder(frames, tmp_path):
    draw, sizes = counting()
    out = tmp_path / "drawings"
    report = sketch_folder(frames, out, draw, batch_size=2, progress=False)
    assert sizes == [2, 2, 0]
    assert [path.relative_to(out).as_posix() for path in report.written] == ["a/1.png", "a/2.png", "b/1.png", "b/2.png"]
    assert report.existing == []
    assert report.unreadable == {frames / "b" / "3.png": "not a picture, or a damaged one"}
    with Image.open(out / "b" / "1.png") as drawing:
        assert drawing.mode == "L"
        np.testing.assert_array_equal(np.asarray(drawing), 255 - photo(22, 30)[..., 0])


def test_second_call_finishes_the_first(frames, tmp_path):
    out = tmp_path / "drawings"
    sketch_folder(frames, out, counting()[0], progress=False)
    (out / "a" / "2.png").unlink()
    (out / "a" / "1.png").write_bytes(b"kept")
    report = sketch_folder(frames, out, counting()[0], progress=False)
    assert report.written == [out / "a" / "2.png"]
    assert len(report.existing) == 3
    assert (out / "a" / "1.png").read_bytes() == b"kept"
    report = sketch_folder(frames, out, counting()[0], overwrite=True, progress=False)
    assert (len(report.written), report.existing) == (4, [])
    assert (out / "a" / "1.png").read_bytes() != b"kept"


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_sketchers_never_mix(frames, tmp_path, overwrite):
    out = tmp_path / "drawings"
    sketch_folder(frames, out, counting("anime2sketch")[0], progress=False)
    before = {path: path.read_bytes() for path in out.rglob("*.png")}
    with pytest.raises(DataError, match="holds drawings by anime2sketch, and xdog would draw now; choose another folder, or write"):
        sketch_folder(frames, out, counting("xdog")[0], overwrite=overwrite, progress=False)
    (out / sketching.RECORD).unlink()
    with pytest.raises(DataError, match="holds drawings by an unknown sketcher, and xdog would draw now"):
        sketch_folder(frames, out, counting("xdog")[0], overwrite=overwrite, progress=False)
    assert {path: path.read_bytes() for path in out.rglob("*.png")} == before


def test_folders_that_cannot_be_drawn(frames, tmp_path):
    draw = counting()[0]
    for out in (frames, frames / "drawings"):
        with pytest.raises(DataError, match="among the pictures"):
            sketch_folder(frames, out, draw)
    with pytest.raises(DataError, match="There is no folder"):
        sketch_folder(tmp_path / "none", tmp_path / "out", draw)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="There are no pictures in"):
        sketch_folder(tmp_path / "empty", tmp_path / "out", draw)
    Image.fromarray(photo(5, 5)).save(frames / "a" / "1.bmp")
    with pytest.raises(DataError, match=r"1.bmp and 1.png would both be drawn as 1.png; rename one of them."):
        sketch_folder(frames, tmp_path / "out", draw)
    assert not (tmp_path / "out").exists()


def test_full_disk(frames, tmp_path, disk_full_after):
    sketch_folder(frames, tmp_path / "out", counting()[0], progress=False)  # so that the record is there
    with disk_full_after(10), pytest.raises(DataError, match="cannot be written"):
        sketch_folder(frames, tmp_path / "out", counting()[0], overwrite=True, progress=False)
    with Image.open(tmp_path / "out" / "a" / "1.png") as drawing:  # still whole
        drawing.load()
