"""Manga renderings, pages and films of the synthetic comics: lines in place, tones by luminance, true panels, balloons, shots."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, minimum_filter
from scipy.stats import spearmanr

from p2p_lib.data.synthetic import comics_pages
from p2p_lib.data.synthetic.canvas import Canvas
from p2p_lib.data.synthetic.comics import draw_palette, drawn, frame, manga, printed, scene
from p2p_lib.data.synthetic.comics_film import film
from p2p_lib.data.synthetic.comics_pages import lay_out, page
from p2p_lib.data.synthetic.comics_shapes import Shape, View, blank, ellipse, paint, render, square
from p2p_lib.data.synthetic.comics_tones import PLACES, draw_printing, luma, print_tones, screen, tone_of
from p2p_lib.errors import ConfigError

PRINTING = dataclasses.replace(
    draw_printing(np.random.default_rng(0), 4.0), flat=False, bare=False, hatched=frozenset(), white=frozenset(), shadow="dots"
)


@pytest.fixture(scope="module", params=(1, 4, 9))
def sheet(request):
    return page(request.param, 1000, 700)


def renderings(sheet):
    return {"line_art": sheet.line_art, "manga": sheet.manga, "colour": sheet.colour}


def near(mask: np.ndarray, pixels: int) -> np.ndarray:
    return binary_dilation(mask, np.ones((3, 3), bool), iterations=pixels)


# ------------------------------------------------------------------------------------------------------------ views


def test_the_unit_square_looks_as_on_the_canvas_of_the_other_worlds():
    canvas, shapes = Canvas(64), []
    for index, center in enumerate(np.random.default_rng(0).random((5, 2))):
        shapes.append(Shape(ellipse(*center, 0.3, 0.2), str(index), line=0.0))
        canvas.polygon(shapes[-1].points.tolist(), (50 * index, 100, 7))
    np.testing.assert_array_equal(render(shapes, 64, lambda shape: (50 * int(shape.part), 100, 7)), canvas.array())


def test_a_view_is_a_window_on_the_whole_picture():
    shapes = scene(np.random.default_rng(3))
    window = render(shapes, View(height=48, width=80, scale=128.0, left=0.25, top=0.5), blank).astype(int)
    whole = render(shapes, 128, blank)[64:112, 32:112]
    assert (window == whole).mean() > 0.99  # a corner may be rounded the other way
    assert np.abs(window - whole).max() < 64


# ------------------------------------------------------------------------------------------------------------ tones


@pytest.mark.parametrize("kind", ("dots", "hatch", "cross"))
@pytest.mark.parametrize("share", (0.08, 0.25, 0.5))
@pytest.mark.parametrize("pitch", (2.7, 5.0))
def test_a_screen_inks_the_share_it_is_asked_for(kind, share, pitch):
    how = dataclasses.replace(PRINTING, pitch=pitch, slant=0.8)
    ink = print_tones(np.ones((600, 600), np.uint8), [("dots", 0.0), (kind, share)], how)
    assert ink.mean() == pytest.approx(share, abs=0.02)


def test_dots_stand_in_rows_at_45_degrees():
    spectrum = np.abs(np.fft.fft2(screen("dots", 256, 256, pitch=256 / (8 * 2**0.5))))
    strongest = {tuple(np.minimum(at, 256 - np.array(at))) for at in np.argwhere(spectrum > 0.5 * spectrum.max())}
    assert strongest == {(8, 8)}  # as many waves down as across, 8 * sqrt(2) along the diagonal


def test_dots_look_gray_from_afar():
    shapes, palette = scene(np.random.default_rng(2)), draw_palette(np.random.default_rng(2))
    dots, gray = (
        printed(shapes, palette, square(256), dataclasses.replace(PRINTING, flat=flat))[..., 0].astype(float)
        for flat in (False, True)
    )
    far = [picture.reshape(16, 16, 16, 16).mean((1, 3)) for picture in (dots, gray)]
    assert np.abs(far[0] - far[1]).mean() < 4
    assert np.abs(dots - gray).mean() > 20


def areas(shapes, size: int) -> np.ndarray:
    """For every pixel the number of its shape's part in full light, 0 elsewhere and near lines."""
    parts = sorted({shape.part for shape in shapes})
    numbers = paint(shapes, square(size), lambda shape: 0 if shape.tone else 1 + parts.index(shape.part), 0, 0)
    lines = render(shapes, size, blank)[..., 0] < 250
    return np.where(near(lines, 1), 0, np.asarray(numbers)[2::4, 2::4])


def test_darker_colours_get_darker_tones():
    tones, lightness = [], []
    for seed in range(12):
        shapes, palette = scene(np.random.default_rng(seed)), draw_palette(np.random.default_rng(seed))
        how = dataclasses.replace(draw_printing(np.random.default_rng(seed), 3.0), bare=False, white=frozenset())
        picture, colour = printed(shapes, palette, square(128), how)[..., 0], drawn(shapes, palette, square(128))[1]
        numbers = areas(shapes, 128)
        for number in range(1, numbers.max() + 1):
            if (numbers == number).sum() > 80:
                tones.append(picture[numbers == number].mean())
                lightness.append(luma(colour[numbers == number].mean(0)))
    assert len(tones) > 60
    assert spearmanr(tones, lightness).statistic > 0.8


def test_one_area_has_one_tone_and_shadows_are_darker():
    color = (120, 140, 160)
    for part in ("a.top", "a.hair", "wall"):
        plain, shade = (tone_of(Shape(ellipse(0, 0, 1, 1), part, tone), color, PRINTING) for tone in (0, -1))
        assert tone_of(Shape(ellipse(0.5, 0, 1, 2), part), color, PRINTING) == plain
        assert shade[1] > plain[1]


# ------------------------------------------------------------------------------------------------------------ manga


@pytest.mark.parametrize("seed", range(6))
def test_manga_lines_lie_where_the_lines_of_the_colour_picture_are(seed):
    picture, colour = manga(seed, 256)
    assert picture.shape == colour.shape == (256, 256, 3)
    assert (picture == picture[..., :1]).all()
    ink = frame(seed, 256)[0].max(2) < 60
    assert (minimum_filter(picture[..., 0], 3)[ink] < 110).mean() > 0.999
    assert (colour[ink].max(1) < 60).all()
    assert (picture > 240).mean() > 0.1


def test_manga_has_the_colours_of_the_frame_but_for_focus_lines():
    same = [np.array_equal(manga(seed, 32)[1], frame(seed, 32)[1]) for seed in range(24)]
    assert 0 < same.count(False) < 10


def test_manga_is_drawn_from_its_seed():
    for first, second in zip(manga(5, 64), manga(5, 64), strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(manga(5, 64)[0], manga(6, 64)[0])


# ------------------------------------------------------------------------------------------------------------ pages


@pytest.mark.parametrize("shape", ((2000, 1400), (300, 260), (500, 900)))
def test_panels_lie_on_the_page_and_apart(shape):
    counts = set()
    for seed in range(60):
        boxes = lay_out(np.random.default_rng(seed), *shape)
        taken = np.zeros(shape, int)
        for top, left, bottom, right in boxes:
            assert 0 < top < bottom < shape[0]
            assert 0 < left < right < shape[1]
            assert min((bottom - top) / shape[0], (right - left) / shape[1]) > 0.08
            taken[top - 1 : bottom + 1, left - 1 : right + 1] += 1  # there is white between two
        assert taken.max() == 1
        counts.add(len(boxes))
    assert counts == {3, 4, 5, 6, 7}


def test_borders_are_black_and_gutters_white(sheet):
    paper, speech = np.ones(sheet.balloons.shape, bool), near(sheet.balloons, 5)
    for picture in renderings(sheet).values():
        for top, left, bottom, right in sheet.panels:
            ring = np.zeros_like(paper)
            ring[top:bottom, left:right] = True
            ring[top + 2 : bottom - 2, left + 2 : right - 2] = False
            paper[top:bottom, left:right] = False
            assert picture[ring & ~speech].max() < 40
        assert (picture[paper & ~speech] == 255).all()


def test_balloons_are_white_with_dark_lettering_and_the_same_in_all_renderings(sheet):
    assert 0.005 < sheet.balloons.mean() < 0.25
    for picture in renderings(sheet).values():
        np.testing.assert_array_equal(picture[sheet.balloons], sheet.line_art[sheet.balloons])
    letters = (sheet.line_art.max(2) < 128) & sheet.balloons
    assert 0.02 < letters.sum() / sheet.balloons.sum() < 0.3
    assert sheet.line_art[sheet.balloons & ~near(letters, 1)].mean() > 250
    rim = near(sheet.balloons, 3) & ~near(sheet.balloons, 1)
    assert (minimum_filter(sheet.line_art[..., 0], 5)[rim] < 80).mean() > 0.95


def test_lines_of_the_page_are_in_all_renderings(sheet):
    ink = sheet.line_art.max(2) < 60
    assert sheet.colour[ink].max() < 60
    assert (minimum_filter(sheet.manga[..., 0], 3)[ink] < 120).mean() > 0.97
    assert 0.03 < ink.mean() < 0.3


def test_lines_are_as_wide_as_a_pen_on_a_large_page():
    from scipy.ndimage import distance_transform_edt
    from skimage.morphology import skeletonize

    sheet = page(4, 2000, 1400)
    ink = (sheet.line_art.max(2) < 128) & ~near(sheet.balloons, 8)
    widths = 2 * distance_transform_edt(ink)[skeletonize(ink)]
    assert 2 <= np.median(widths) <= 5


def test_page_is_drawn_from_its_seed():
    first, second, other = page(7, 300, 210), page(7, 300, 210), page(8, 300, 210)
    for name in ("line_art", "manga", "colour", "balloons"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.panels == second.panels != other.panels


def test_line_art_and_balloons_tell_nothing_about_the_colours(monkeypatch):
    drawn_from = []

    def spied(rng):
        drawn_from.append(rng.bit_generator.state)
        return draw_palette(np.random.default_rng(len(drawn_from)))

    monkeypatch.setattr(comics_pages, "draw_palette", spied)
    first, second = page(9, 300, 210), page(9, 300, 210)
    np.testing.assert_array_equal(first.line_art, second.line_art)
    np.testing.assert_array_equal(first.balloons, second.balloons)
    assert np.abs(first.colour.astype(float) - second.colour).mean() > 10
    untouched = np.random.default_rng(np.random.SeedSequence(9).spawn(3)[1])
    assert drawn_from[0] == untouched.bit_generator.state


def test_a_page_without_room_is_refused():
    with pytest.raises(ConfigError, match="200"):
        page(0, 150, 700)


def test_places_are_parts_of_the_palette():
    assert set(PLACES) <= set(draw_palette(np.random.default_rng(0)))


# ------------------------------------------------------------------------------------------------------------ films


def test_film_knows_its_shots():
    reel = film(3, size=72, shots=5, frames=12)
    frames = list(reel)
    assert len(frames) == len(reel) == len(reel.shots)
    assert all(picture.shape == (72, 128, 3) and picture.dtype == np.uint8 for picture in frames)
    assert list(dict.fromkeys(reel.shots)) == [0, 1, 3, 4]  # the third take is the first shot again
    assert [reel.shots[cut] for cut in reel.cuts] == [1, 0, 3, 4]


@pytest.mark.parametrize("seed", range(4))
def test_frames_change_little_within_a_take_and_much_at_a_cut(seed):
    reel = film(seed, size=72, shots=4, frames=12)
    frames = [picture.astype(float) for picture in reel]
    change = np.array([np.abs(a - b).mean() for a, b in pairwise(frames)])
    at_cut = np.isin(np.arange(1, len(frames)), reel.cuts)
    assert change[at_cut].min() > 1.5 * change[~at_cut].max()
    assert 0.4 < (change[~at_cut] == 0).mean() < 1  # held frames, and something that moves


def test_a_shot_that_returns_looks_as_before():
    reel = film(0, size=72, shots=3, frames=8)
    first, other, again = (picture.astype(float) for picture in (list(reel)[at] for at in (0, *reel.cuts)))
    assert np.abs(first - again).mean() < 0.5 * np.abs(first - other).mean()


def test_in_some_takes_the_camera_moves_and_in_others_only_eyes_do():
    reel = film(0, size=36, shots=4, frames=24)
    pictures = [set() for _ in range(4)]
    for take, picture in zip(reel.takes, reel, strict=True):
        pictures[take].add(picture.tobytes())
    assert min(len(seen) for seen in pictures) == 2
    assert max(len(seen) for seen in pictures) > 5


def test_film_is_drawn_from_its_seed():
    np.testing.assert_array_equal(list(film(2, 36, 2, 4)), list(film(2, 36, 2, 4)))
    assert film(2, 36).seeds != film(3, 36).seeds
