"""Comic pages to pairs: squares of panels, whole episodes held out, restartable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from p2p_lib.data import load, sketch
from p2p_lib.data.boxes import Box
from p2p_lib.data.comics import page_squares, prepare, split_episodes, squares_of
from p2p_lib.data.synthetic.comics_pages import page
from p2p_lib.errors import DataError


def draw(pictures):
    return [sketch.xdog(picture) for picture in pictures]


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    """Three episodes of two pages each."""
    home = tmp_path_factory.mktemp("pages")
    for seed in range(6):
        folder = home / f"ep{seed // 2 + 1:02}"
        folder.mkdir(exist_ok=True)
        Image.fromarray(page(seed, 500, 350).colour).save(folder / f"P{seed % 2 + 1:02}.png")
    return home


def test_no_episode_is_on_two_sides(pages, tmp_path):
    prepared = prepare(pages, tmp_path / "out", draw=draw, size=64, held_out=["ep02"], progress=False)
    assert prepared.groups == {"ep01": "train", "ep02": "val", "ep03": "train"}
    assert {name[:4] for name, fold in prepared.folds.items() if fold == "val"} == {"ep02"}
    for fold in ("train", "val"):
        written = {path.name for path in (tmp_path / "out" / fold).glob("*.png")}
        assert written == {name for name, other in prepared.folds.items() if other == fold} != set()


def test_pairs_are_a_drawing_beside_its_picture(pages, tmp_path, monkeypatch):
    prepare(pages, tmp_path / "data" / "comics", draw=draw, size=64, held_out=["ep02"], progress=False)
    monkeypatch.setenv("P2P_DATA", str(tmp_path / "data"))
    source, target = load("comics", "train", size=64)[0]
    assert source.shape == target.shape == (64, 64, 3)
    assert np.array_equal(source[..., 0], sketch.xdog(target))


def test_an_interrupted_preparation_goes_on_to_the_same_files(pages, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    prepare(pages, whole, draw=draw, size=64, progress=False)
    calls = []

    def tires(pictures):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return draw(pictures)

    tires.__name__ = draw.__name__
    with pytest.raises(KeyboardInterrupt):
        prepare(pages, broken, draw=tires, size=64, progress=False)
    prepare(pages, broken, draw=draw, size=64, progress=False)
    files = {path.relative_to(whole): path.read_bytes() for path in whole.rglob("*.*")}
    assert files == {path.relative_to(broken): path.read_bytes() for path in broken.rglob("*.*")}
    with pytest.raises(DataError, match="prepared otherwise"):
        prepare(pages, whole, draw=draw, size=32, progress=False)


def test_what_shows_no_panel_or_is_no_picture_is_named(pages, tmp_path):
    home = tmp_path / "pages"
    (home / "ep01").mkdir(parents=True)
    Image.open(pages / "ep01" / "P01.png").save(home / "ep01" / "a.png")
    Image.new("RGB", (350, 500), "white").save(home / "ep01" / "b.png")
    (home / "ep01" / "c.png").write_bytes(b"no picture")
    (home / "ep02").mkdir()
    Image.open(pages / "ep02" / "P01.png").save(home / "ep02" / "d.png")
    prepared = prepare(home, tmp_path / "out", draw=draw, size=64, held_out=["ep02"], progress=False)
    assert prepared.problems["b.png"] == "shows no panel"
    assert "damaged" in prepared.problems["c.png"]
    assert "c.png" in str(prepared)


def test_episodes_that_cannot_be_held_out():
    with pytest.raises(DataError, match="no episode 'ep16'.*ep15"):
        split_episodes(["ep03", "ep15"], ["ep16"])
    with pytest.raises(DataError, match="none is left to train on"):
        split_episodes(["ep03", "ep15"], ["ep03", "ep15"])
    with pytest.raises(DataError, match="a group each"):
        split_episodes(["ep03", "ep15"])


@pytest.mark.parametrize(("height", "width", "count"), [(100, 100, 1), (100, 125, 1), (100, 200, 3), (90, 300, 4), (300, 100, 4)])
def test_squares_cover_a_panel(height, width, count):
    squares = squares_of(Box(10, 20, 10 + height, 20 + width))
    assert len(squares) == count
    assert all(box.bottom - box.top == box.right - box.left == min(height, width) for box in squares)
    assert all(box.top >= 10 and box.bottom <= 10 + height and box.left >= 20 and box.right <= 20 + width for box in squares)
    if count > 1:
        covered = np.zeros((height + 20, width + 40), bool)
        for box in squares:
            covered[box.slices] = True
        assert covered.sum() == height * width


def test_squares_show_the_panels_without_their_frames():
    drawn = page(3, 1000, 700)
    squares = page_squares(drawn.colour, 64)
    assert len(squares) >= len(drawn.panels)
    for square in squares:
        border = np.concatenate([square[0], square[-1], square[:, 0], square[:, -1]]).mean(axis=1)
        assert (border < 60).mean() < 0.5, "no black frame along the border"


def test_a_blank_panel_gives_no_square():
    blank = np.full((400, 300, 3), 255, np.uint8)
    blank[40:360, 40:260] = 180
    assert page_squares(blank, 64) == []
    blank[100:300:8, 60:240] = 0
    assert page_squares(blank, 64) != []  # there was a panel, and it was left out for being blank
