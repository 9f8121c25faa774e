"""The gallery of a run: a page whose pictures are all there, and a sheet of results that fits its pairs."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import p2p_lib as p2p
from p2p_lib.gallery import N_RESULTS, results_picture, write_gallery
from p2p_lib.tasks import to_toml
from p2p_lib.viz import GAP, LABEL_HEIGHT, picture_grid


@pytest.fixture
def run(finished_run, tmp_path) -> p2p.Run:
    """A copy of the finished run to write a gallery into."""
    shutil.copytree(finished_run.out, tmp_path / "run")
    return p2p.Run(
        tmp_path / "run", *(getattr(finished_run, name) for name in ("task", "step", "total_steps", "history", "data_origin"))
    )


def sheet_size(columns: int, rows: int) -> tuple[int, int]:
    return columns * (32 + GAP) - GAP, LABEL_HEIGHT + rows * (32 + GAP) - GAP


def test_page_shows_pictures_that_exist(run, make_pairs):
    page = write_gallery(run, make_pairs(4, 32))
    assert page == run.out / "gallery" / "index.html"
    text = page.read_text(encoding="utf-8")
    sources = re.findall(r'<img src="([^"]+)"', text)
    assert len(sources) == 2 + len(list((run.out / "samples").iterdir()))
    for source in sources:
        with Image.open(page.parent / source) as picture:
            picture.load()
    assert run.data_origin in text
    assert html.escape(to_toml(run.task)) in text


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 3, 1), (2, 6, 1), (4, 6, 2), (30, 6, N_RESULTS // 2)])
def test_results_are_two_columns_of_trios(run, make_pairs, count, columns, rows):
    write_gallery(run, make_pairs(count, 32))
    with Image.open(run.out / "gallery" / "results.png") as picture:
        assert picture.size == sheet_size(columns, rows)


def test_an_odd_number_of_results_leaves_none_out(run, make_pairs):
    model = p2p.Translator.load(run.out)
    sheet = results_picture(model, make_pairs(3, 32))
    assert sheet.shape[1::-1] == sheet_size(6, 2)
    np.testing.assert_array_equal(sheet[-32:, :32], make_pairs(3, 32)[2][0])


def test_results_are_source_generated_target(run, make_pairs):
    val, model = make_pairs(2, 32), p2p.Translator.load(run.out)
    sheet = results_picture(model, val)[LABEL_HEIGHT:]
    for i, (source, target) in enumerate(val[i] for i in range(2)):
        for j, expected in enumerate((source, model(source), target)):
            left = (3 * i + j) * (32 + GAP)
            np.testing.assert_array_equal(sheet[:32, left : left + 32], expected)


def test_a_gallery_can_be_written_again(run, make_pairs):
    pages = [Path(write_gallery(run, make_pairs(2, 32))).read_bytes() for _ in range(2)]
    assert pages[0] == pages[1]
    assert not list((run.out / "gallery").glob(".*"))


def test_grid_without_labels():
    red, blue = (np.full((4, 6, 3), color, np.uint8) for color in ((255, 0, 0), (0, 0, 255)))
    grid = picture_grid([[red, blue], [blue, red]])
    assert grid.shape == (4 + GAP + 4, 6 + GAP + 6, 3)
    np.testing.assert_array_equal(grid[:4, -6:], blue)
    np.testing.assert_array_equal(grid[-4:, -6:], red)
    assert (grid[4 : 4 + GAP] == 255).all()
