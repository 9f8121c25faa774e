"""Panels and balloons: on pages drawn here, on procedural pages whose truth is known, and on the real pages beside the project."""

from __future__ import annotations

import io

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image, ImageDraw

from p2p_lib.data.balloons import find_balloons, has_lettering
from p2p_lib.data.boxes import Box, reading_order
from p2p_lib.data.images import read_image, to_rgb
from p2p_lib.data.panels import find_panels, label_panels
from p2p_lib.data.synthetic.comics_pages import page as synthetic_page
from p2p_lib.errors import DataError

COMICS = ROOT.parent / "shared" / "data" / "comics"
GRID = [Box(20, 20, 290, 180), Box(20, 200, 290, 480), Box(310, 20, 680, 480)]  # two panels above a wide one
GRAY = (200, 200, 200)


@pytest.fixture
def sheet() -> Image.Image:
    """A white page of 500 x 700 with the three panels of GRID in black frames, gray inside."""
    page = Image.new("RGB", (500, 700), "white")
    for box in GRID:
        ImageDraw.Draw(page).rectangle(corners(box), GRAY, "black", 3)
    return page


def corners(box: Box) -> list[int]:
    """As Pillow takes them: left, top, and the last column and row inside."""
    return [box.left, box.top, box.right - 1, box.bottom - 1]


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    return one.common(other) / (one.area + other.area - one.common(other))


def matches(found: list[Box], expected: list[Box], least: float = 0.9) -> bool:
    """Whether the boxes are the expected ones, in their order."""
    return len(found) == len(expected) and all(overlap(a, b) > least for a, b in zip(found, expected, strict=True))


def test_frames_to_the_pixel_and_in_reading_order(sheet):
    assert find_panels(np.array(sheet)) == GRID
    assert find_panels(np.array(sheet.convert("L"))) == GRID
    assert find_panels(np.array(sheet), right_to_left=True) == [GRID[1], GRID[0], GRID[2]]


def test_scans(sheet):
    """Yellowed paper, noise, JPEG; and a page printed on black."""
    noise = np.random.default_rng(0).normal(0, 4, (700, 500, 1))
    yellowed = np.clip(np.array(sheet) * (0.94, 0.9, 0.8) + noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(yellowed).save(file, "JPEG", quality=60)
    assert matches(find_panels(np.array(Image.open(file))), GRID, 0.97)
    assert matches(find_panels(255 - np.array(sheet)), GRID, 0.97)


def test_white_panels_hold_by_their_frames_alone(sheet):
    ImageDraw.Draw(sheet).rectangle(corners(GRID[2]), "white", "black", 2)
    ImageDraw.Draw(sheet).line([20, 400, 20, 401], "white", 3)  # a gap in the frame
    assert find_panels(np.array(sheet)) == GRID


def test_panels_without_frames(sheet):
    for box in GRID:
        ImageDraw.Draw(sheet).rectangle(corners(box), GRAY, GRAY, 3)
    assert find_panels(np.array(sheet)) == GRID


@pytest.mark.parametrize("bridge", [(150, 100, 240, 160), (60, 250, 160, 350), (170, 270, 260, 330)])
def test_balloons_that_bridge_a_gutter_join_no_panels(sheet, bridge):
    ImageDraw.Draw(sheet).ellipse(bridge, "white", "black", 3)
    assert matches(find_panels(np.array(sheet)), GRID)


def test_what_sticks_out_belongs_to_its_panel_but_not_to_the_frame(sheet):
    ImageDraw.Draw(sheet).rectangle([150, 297, 250, 330], "black")  # a hat, not quite up to the panels above
    page = np.array(sheet)
    assert find_panels(page) == GRID
    labels = label_panels(page)
    assert labels[300, 200] == labels[500, 200] > 0
    assert labels[300, 400] == labels[5, 5] == labels[100, 190] == 0


def test_page_numbers_and_specks_are_no_panels(sheet):
    ImageDraw.Draw(sheet).text((240, 684), "17", "black", font_size=14)
    for x in range(5, 500, 31):
        ImageDraw.Draw(sheet).ellipse([x, 4, x + 3, 7], "black")
    assert find_panels(np.array(sheet)) == GRID


def test_slanted_gutters():
    page = Image.new("RGB", (500, 400), "white")
    ImageDraw.Draw(page).polygon([(20, 20), (270, 20), (190, 380), (20, 380)], GRAY)
    ImageDraw.Draw(page).polygon([(290, 20), (480, 20), (480, 380), (210, 380)], GRAY)
    expected = [Box(20, 20, 381, 271), Box(20, 210, 381, 481)]
    assert find_panels(np.array(page)) == expected


def test_loose_drawings_are_gathered_and_one_picture_is_one_panel():
    page = Image.new("RGB", (500, 700), "white")
    draw = ImageDraw.Draw(page)
    draw.ellipse([200, 100, 300, 200], "white", "black", 3)
    draw.line([250, 210, 250, 400], "black", 4)
    draw.line([250, 300, 150, 250], "black", 4)
    assert len(find_panels(np.array(page))) == 1
    photo = np.random.default_rng(0).integers(40, 200, (90, 60, 3), np.uint8)
    assert find_panels(photo) == [Box(0, 0, 90, 60)]


@pytest.mark.parametrize("shape", [(1, 1), (3, 2, 3), (700, 500), (16, 16, 3)])
def test_blank_and_tiny_pages_have_no_panels(shape):
    for value in (0, 255):
        blank = np.full(shape, value, np.uint8)
        assert find_panels(blank) == []
        assert not find_balloons(blank).any()
        assert label_panels(blank).shape == shape[:2]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (np.zeros((0, 5, 3), np.uint8), "at least one pixel"),
        (np.zeros((5, 5, 4), np.uint8), r"got uint8 \(5, 5, 4\)"),
        (np.zeros((5, 5)), "got float64"),
        (np.zeros(5, np.uint8), r"\(5,\)"),
    ],
)
def test_what_is_no_page(page, message):
    for find in (find_panels, find_balloons, label_panels):
        with pytest.raises(DataError, match=message):
            find(page)


def test_reading_order_of_a_tall_panel_beside_two():
    tall, upper, lower, last = Box(0, 0, 100, 40), Box(0, 50, 45, 100), Box(55, 50, 100, 100), Box(110, 0, 150, 100)
    assert reading_order([last, lower, upper, tall]) == [tall, upper, lower, last]
    assert reading_order([last, lower, upper, tall], right_to_left=True) == [upper, lower, tall, last]
    assert reading_order([]) == []


def speak(page: Image.Image, text: str, outline: int = 3, kind: str = "ellipse", fill: str = "white") -> np.ndarray:
    """Draw a balloon over (240..440, 420..540); returns its inside, bool (H, W)."""
    inside = Image.new("1", page.size)
    for target, color, line in ((page, fill, "black"), (inside, 1, 0)):
        pen = ImageDraw.Draw(target)
        if kind == "ellipse":
            pen.ellipse([240, 420, 440, 540], color, line, outline)
        else:
            pen.rounded_rectangle([240, 420, 440, 540], 20 if kind == "rounded" else 0, color, line, outline)
    ImageDraw.Draw(page).multiline_text((340, 480), text, "black", font_size=18, anchor="mm", align="center")
    return np.array(inside)


@pytest.mark.parametrize("outline", [2, 6])
@pytest.mark.parametrize("kind", ["ellipse", "rounded", "narration"])
@pytest.mark.parametrize("text", ["Whatever\nit may cost", "ASK THE CAT!\nOR BETTER\nDON'T"])
def test_balloons_with_lettering(sheet, outline, kind, text):
    inside = speak(sheet, text, outline, kind)
    found = find_balloons(np.array(sheet))
    assert (found & inside).sum() / (found | inside).sum() > 0.97
    assert not (found & ~inside).any()  # no halo


def test_an_empty_ellipse_is_a_balloon_an_empty_box_and_a_moon_are_none(sheet):
    inside = speak(sheet, "")
    ImageDraw.Draw(sheet).ellipse([60, 420, 140, 500], "white", "black", 3)
    ImageDraw.Draw(sheet).rectangle([60, 540, 180, 600], "white", "black", 3)
    found = find_balloons(np.array(sheet))
    assert (found & inside).sum() / (found | inside).sum() > 0.97


def test_faces_are_no_balloons(sheet):
    pen = ImageDraw.Draw(sheet)
    pen.ellipse([100, 400, 240, 580], "white", "black", 3)
    for x in (130, 180):
        pen.ellipse([x, 460, x + 30, 490], "white", "black", 2)
        pen.ellipse([x + 10, 465, x + 22, 487], "black")
        pen.line([x, 450, x + 30, 448], "black", 3)
    pen.line([168, 500, 165, 515, 171, 515], "black", 2)
    pen.arc([145, 520, 195, 550], 20, 160, "black", 3)
    assert not find_balloons(np.array(sheet)).any()


def test_lettering():
    """Letters side by side; what fails, fails by one thing alone."""

    def lettering(draw) -> bool:
        ink = Image.new("1", (200, 120))
        draw(ImageDraw.Draw(ink))
        return has_lettering(np.ones((120, 200), bool), np.array(ink), page_side=500, least=4)

    def bars(pen, places) -> None:
        for x, y, width, height in places:
            pen.rectangle([x, y, x + width - 1, y + height - 1], 1)

    def eyes(pen) -> None:
        for x in (20, 46, 72, 98):
            pen.ellipse([x, 50, x + 18, 68], None, 1)
            pen.ellipse([x + 4, 53, x + 14, 66], 1)

    assert lettering(lambda pen: pen.text((100, 60), "Is it?", 1, font_size=20, anchor="mm"))
    assert lettering(lambda pen: pen.text((100, 10), "N\nO\nT\nI", 1, font_size=18, spacing=2))
    assert not lettering(lambda pen: None)
    assert not lettering(lambda pen: pen.text((100, 60), "I a", 1, font_size=20, anchor="mm"))  # too few
    assert not lettering(eyes)  # nested
    assert not lettering(lambda pen: bars(pen, [(x, 50, 5 + x // 20, 15) for x in (10, 50, 95, 140)]))  # far apart
    assert not lettering(lambda pen: bars(pen, [(x, y, 12, 12) for x in (10, 28, 46) for y in (20, 70)]))  # windows
    assert not lettering(lambda pen: bars(pen, [(x, 50, 3, 20 if x % 20 else 8) for x in range(10, 90, 10)]))  # of two heights
    assert not lettering(lambda pen: bars(pen, [(x, y, 1 + 2 * (x % 2), 12) for x in range(10, 190, 9) for y in (5, 99)]))  # sparse


def test_text_on_a_gray_wall_is_no_balloon(sheet):
    speak(sheet, "THE END\nOF IT ALL", fill=GRAY)
    assert not find_balloons(np.array(sheet)).any()


@pytest.mark.parametrize("kind", ["line_art", "manga"])
def test_procedural_pages(kind):
    """Two pages of 1000 x 700: every panel, and nearly every balloon and nothing else."""
    pages = [synthetic_page(seed, 1000, 700) for seed in range(2)]
    drawings = [getattr(page, kind) for page in pages]
    found = np.stack([find_balloons(drawing) for drawing in drawings])
    true = np.stack([page.balloons for page in pages])
    assert (found & true).sum() > 0.95 * found.sum()
    assert (found & true).sum() > 0.9 * true.sum()
    for page, drawing in zip(pages, drawings, strict=True):
        boxes = find_panels(drawing)
        assert len(boxes) == len(page.panels)
        assert all(max(overlap(Box(*panel), box) for box in boxes) > 0.9 for panel in page.panels)


@pytest.mark.skipif(not COMICS.is_dir(), reason="the comic pages are not beside the project")
@pytest.mark.parametrize(
    ("name", "tiers"),
    [("03/P01", (1, 3)), ("03/P04", (1, 1, 3)), ("06/P04", (4, 1, 3)), ("06/P05", (1, 1, 3, 1)), ("10/P01", (1, 1, 1, 1))],
)
def test_panels_of_real_pages(name, tiers):
    """As many panels in each tier as a person counts; transparent gutters, slanted ones, panels without frames."""
    episode, page = name.split("/")
    file = COMICS / f"ep{episode}" / f"gfx_Pepper-and-Carrot_by-David-Revoy_E{episode}{page}.png"
    boxes = find_panels(np.array(to_rgb(read_image(file))))
    tops = np.array([box.top for box in boxes])
    starts = np.flatnonzero(np.diff(tops, prepend=-100) > 50)
    assert tuple(np.diff(np.append(starts, len(boxes)))) == tiers
