"""Whole pages in colour: what stays, what is coloured, and that neither lines nor tiles show where they should not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import nn

import p2p_lib as p2p
from p2p_lib.color import rgb_to_lab
from p2p_lib.data.balloons import find_balloons
from p2p_lib.data.synthetic.comics_pages import page as synthetic_page
from p2p_lib.errors import ConfigError, DataError
from p2p_lib.pages import color_page, color_pages, find_ink, without_lines

ORANGE = (230, 130, 60)


class Tint(nn.Module):
    """A generator that answers `color`, less so where its source is dark: what an ideal network would do with line art."""

    multiple = 2

    def __init__(self, color: tuple[float, ...] = ORANGE, channels: int = 3) -> None:
        super().__init__()
        self.color = torch.tensor(color).reshape(1, -1, 1, 1)
        self.channels = channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.channels == 2:
            return self.color.expand(-1, -1, *x.shape[-2:]) / 110
        return (x.mean(dim=1, keepdim=True) + 1) * self.color / 255 - 1


@pytest.fixture
def tint() -> p2p.Translator:
    """A model of 64 pixels that makes everything orange."""
    return p2p.Translator(Tint(), p2p.task("facades", "lite", image_size=64))


@pytest.fixture
def comic() -> Image.Image:
    """Two framed panels on white: one with a line and a balloon, one with a gray tone and a black area."""
    page = Image.new("RGB", (300, 420), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle([20, 20, 279, 199], "white", "black", 2)
    draw.line([40, 180, 260, 150], "black", 2)
    draw.ellipse([40, 40, 180, 110], "white", "black", 2)
    draw.text((110, 75), "Hello cat!", "black", font_size=16, anchor="mm")
    draw.rectangle([20, 220, 279, 399], "white", "black", 2)
    draw.rectangle([40, 240, 140, 380], (128, 128, 128))
    draw.rectangle([160, 240, 260, 380], "black")
    return page


def lightness(picture: np.ndarray) -> np.ndarray:
    """L* of uint8 (H, W, 3)."""
    return rgb_to_lab(torch.from_numpy(picture).permute(2, 0, 1))[0].numpy()


def test_what_stays_and_what_is_coloured(tint, comic):
    before, after = np.array(comic), color_page(tint, comic)
    assert after.size == comic.size
    assert after.mode == "RGB"
    after = np.array(after)
    balloon = find_balloons(before)
    assert balloon[75, 50:170].all()
    outside = np.ones(balloon.shape, bool)
    outside[20:200, 20:280] = outside[220:400, 20:280] = False
    for kept in (balloon, outside):
        np.testing.assert_array_equal(after[kept], before[kept])
    assert lightness(after)[balloon & (before.min(axis=2) > 200)].mean() > 97
    np.testing.assert_allclose(after[30:38, 30:270], np.broadcast_to(ORANGE, (8, 240, 3)), atol=8)


def test_lines_are_sharp_and_tones_are_darkened_once(tint, comic):
    after = np.array(color_page(tint, comic)).astype(int)
    drawn = np.array(comic)[145:185, 40:260].max(axis=2)
    assert after[145:185, 40:260][drawn == 0].max() < 12
    beside = after[145:185, 60:240].reshape(-1, 3)[np.array(comic)[145:185, 60:240].min(axis=2).ravel() == 255]
    assert np.abs(beside - ORANGE).max(axis=1).mean() < 8  # no halo
    np.testing.assert_allclose(after[300:320, 80:100].mean(axis=(0, 1)), np.multiply(ORANGE, 128 / 255), atol=4)
    assert after[300:320, 200:220].max() < 10


def test_a_codec_that_keeps_the_lightness_has_its_lines_already(comic):
    model = p2p.Translator(Tint((20.0, 30.0), channels=2), p2p.task("paint-lab", "lite"))
    before, after = np.array(comic), np.array(color_page(model, comic))
    tone = np.s_[250:370, 50:130]
    assert np.abs(lightness(after)[tone] - lightness(before)[tone]).max() < 1
    assert rgb_to_lab(torch.from_numpy(after[tone]).permute(2, 0, 1))[2].mean() == pytest.approx(30, abs=2)
    assert after[250:370, 170:250].max() < 40  # black stays nearly black


def test_ink_is_lines_not_tones_nor_dots():
    page = Image.new("RGB", (700, 1000), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle([0, 500, 700, 1000], (150, 150, 150))
    for y in (250, 750):
        draw.line([100, y, 600, y], "black", 3)
    for x in range(100, 600, 5):
        for y in range(60, 180, 5):
            draw.rectangle([x, y, x + 2, y + 2], "black")
    ink = find_ink(np.array(page))
    assert ink[250, 300] < 0.03
    assert ink[750, 300] < 0.05
    assert ink[100, 100] == ink[600, 300] == ink[20, 20] == 1
    assert ink.mean() > 0.98


def test_without_lines_fills_with_the_colours_beside():
    picture = np.full((20, 20, 3), ORANGE, np.uint8)
    picture[10] = 0
    ink = np.ones((20, 20), np.float32)
    ink[10] = 0
    assert np.abs(without_lines(picture, ink).astype(int) - ORANGE).max() <= 1


@pytest.mark.parametrize("kind", ["line_art", "manga"])
def test_a_procedural_page(tint, kind):
    """Balloons and gutters stay white, everything else takes colour."""
    page = synthetic_page(3, 1000, 700)
    drawing = getattr(page, kind)
    after = color_page(tint, drawing)
    paper = page.balloons & (drawing.min(axis=2) > 230)
    assert lightness(after)[paper].mean() > 97
    gutter = np.ones(paper.shape, bool)
    for top, left, bottom, right in page.panels:
        gutter[top:bottom, left:right] = False
    np.testing.assert_array_equal(after[gutter & ~page.balloons], drawing[gutter & ~page.balloons])
    colored = np.ptp(after.astype(int), axis=2) > 40
    assert colored[~gutter & ~page.balloons & (drawing.min(axis=2) > 230)].mean() > 0.97


def test_no_seam_where_a_panel_is_tiled():
    """Even from a network that answers dark and light by turns, tile after tile, a panel has no visible step."""

    class Moody(Tint):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return torch.full_like(x, 0.5 * (-1) ** self.calls)

    model = p2p.Translator(Moody(), p2p.task("facades", "lite"))
    page = Image.new("L", (1400, 1000), 255)
    ImageDraw.Draw(page).rectangle([30, 30, 1369, 969], 255, 0, 4)
    after = color_page(model, np.array(page), scale=100)[40:960, 40:1360, 0].astype(int)
    assert model.netG.calls > 2
    assert np.ptp(after) > 100
    assert max(np.abs(np.diff(after, axis=axis)).max() for axis in (0, 1)) <= 3


@pytest.mark.parametrize(
    "page",
    [
        Image.new("RGB", (300, 200), "white"),
        Image.new("1", (300, 200), 1),
        Image.new("RGB", (1, 1), "white"),
        Image.new("LA", (40, 60), (0, 0)),
    ],
)
def test_pages_without_panels_stay_as_they_are(tint, page):
    after = color_page(tint, page)
    assert after.size == page.size
    assert np.array(after).min() == 255


@pytest.mark.parametrize("kind", ["L", "1", "gray array", "float", "uint16", "tensor"])
def test_kinds_of_pages(tint, comic, kind):
    gray = np.array(comic.convert("1" if kind == "1" else "L"), dtype=np.uint8)
    pages = {
        "L": comic.convert("L"),
        "1": comic.convert("1"),
        "gray array": gray,
        "float": (gray / 255).astype(np.float32),
        "uint16": gray.astype(np.uint16) * 257,
        "tensor": torch.from_numpy(gray)[None],
    }
    after = color_page(tint, pages[kind])
    assert type(after) is (Image.Image if kind in "L1" else type(pages[kind]))
    white = {"float": 1, "uint16": 65535}.get(kind, 255)
    array = after.permute(1, 2, 0).numpy() if kind == "tensor" else np.array(after)
    assert array.shape == (420, 300, 3)
    np.testing.assert_allclose(array[34, 150] / white, np.divide(ORANGE, 255), atol=0.02)
    np.testing.assert_allclose(array[5, 5] / white, 1)


def test_what_cannot_be_coloured(tint):
    for page in (np.zeros((0, 10, 3), np.uint8), torch.zeros(2, 3, 30, 30), np.zeros((5, 5), bool), "page.png"):
        with pytest.raises(DataError):
            color_page(tint, page)
    for scale in (0, -1, float("nan")):
        with pytest.raises(ConfigError, match="scale is greater than 0"):
            color_page(tint, np.zeros((9, 9), np.uint8), scale=scale)


def test_folders(tint, comic, tmp_path):
    (tmp_path / "in").mkdir()
    comic.save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").write_bytes(b"no picture")
    report = color_pages(tint, tmp_path / "in", tmp_path / "out", progress=False)
    assert report.written == [tmp_path / "out" / "a.png"]
    assert list(report.unreadable) == [tmp_path / "in" / "b.png"]
    with Image.open(report.written[0]) as written:
        np.testing.assert_array_equal(np.array(written), np.array(color_page(tint, comic)))
    again = color_pages(tint, tmp_path / "in", tmp_path / "out", progress=False)
    assert (again.written, again.existing) == ([], report.written)
