"""Line drawings: against the libraries that define them, and what every sketch promises."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label

from p2p_lib.data.sketch import SKETCHES, canny, contours, drop_strokes, manga, opencv_canny, xdog
from p2p_lib.data.synthetic.cars import car

EIGHT = np.ones((3, 3))
ALL = pytest.mark.parametrize("name", SKETCHES)


@functools.cache
def photo(seed: int = 3) -> np.ndarray:
    return car(seed, 128, 3)[1]


def disc(radius: float, size: int = 64) -> np.ndarray:
    """A dark disc on white."""
    distance = np.hypot(*(np.indices((size, size)) - size / 2))
    return np.where(distance[..., None] < radius, np.uint8(60), np.uint8([255, 255, 255]))


def strokes(sketch: np.ndarray) -> int:
    return label(sketch < 255, EIGHT)[1]


@ALL
def test_a_sketch_is_dark_on_white_and_the_same_every_time(name):
    image = photo().copy()
    sketch = SKETCHES[name](image)
    assert (sketch.shape, sketch.dtype) == (image.shape[:2], np.uint8)
    assert 0.005 < (sketch < 128).mean() < 0.25
    assert (sketch == 255).mean() > 0.7
    np.testing.assert_array_equal(SKETCHES[name](image), sketch)
    np.testing.assert_array_equal(image, photo())


@ALL
@pytest.mark.parametrize("level", [0, 128, 255])
def test_where_nothing_is_nothing_is_drawn(name, level):
    assert (SKETCHES[name](np.full((40, 56, 3), level, np.uint8)) == 255).all()


@ALL
def test_a_moved_picture_gives_the_moved_sketch(name):
    image = np.full((160, 168, 3), 255, np.uint8)
    image[16:144, 20:148] = photo()
    moved = SKETCHES[name](np.roll(image, (5, -7), (0, 1)))
    assert (moved != np.roll(SKETCHES[name](image), (5, -7), (0, 1))).mean() < 1e-3


@pytest.mark.parametrize("thresholds", [(100, 200), (30, 60), (300, 300), (0, 1)])
@pytest.mark.parametrize("shape", [(128, 128), (37, 90), (1, 20), (3, 3)])
def test_opencv_canny_is_opencvs(thresholds, shape):
    cv2 = pytest.importorskip("cv2")
    noise = np.random.default_rng(shape[1]).normal(128, 400, (*shape, 3))
    images = [np.clip(gaussian_filter(noise, (sigma, sigma, 0)), 0, 255).astype(np.uint8) for sigma in (0, 1.5, 4)]
    for image in [*images, np.ascontiguousarray(photo()[: shape[0], : shape[1]])]:
        np.testing.assert_array_equal(opencv_canny(image, *thresholds), 255 - cv2.Canny(image, *thresholds))


def test_canny_is_skimages():
    from skimage.color import rgb2gray
    from skimage.feature import canny as theirs

    expected = theirs(rgb2gray(photo()), 1.5, 0.05, 0.15, mode="nearest")
    np.testing.assert_array_equal(canny(photo(), 1.5, 0.05, 0.15) == 0, expected)


def test_xdog_follows_the_papers_equations():
    gray = photo() @ np.array([0.2125, 0.7154, 0.0721]) / 255
    sigma, k, p, epsilon, phi = 1.2, 1.5, 12, 0.4, 5
    difference = gaussian_filter(gray, sigma, mode="nearest") - gaussian_filter(gray, k * sigma, mode="nearest")
    sharpened = gaussian_filter(gray, sigma, mode="nearest") + p * difference
    expected = np.where(sharpened < epsilon, 1 + np.tanh(phi * (sharpened - epsilon)), 1)
    assert np.abs(xdog(photo(), sigma, k, p, epsilon, phi) - 255 * expected).max() <= 0.51


def test_xdog_is_soft_and_canny_is_not():
    assert set(np.unique(canny(photo()))) == set(np.unique(opencv_canny(photo()))) == {0, 255}
    assert len(np.unique(xdog(photo()))) > 50


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_contours_have_few_strokes(seed):
    few, many = contours(photo(seed)), canny(photo(seed))
    assert 1 <= strokes(few) <= 8
    assert 2 * strokes(few) < strokes(many)


def test_a_contour_runs_around_the_thing_and_is_closed():
    sketch = contours(disc(20))
    rows, columns = np.nonzero(sketch == 0)
    assert np.abs(np.hypot(rows - 32, columns - 32) - 20).max() < 2
    inside = label(sketch == 255)[0]  # 4-connected, so that a line one pixel wide parts them
    assert inside[32, 32] != inside[0, 0]


def test_contours_know_the_thing_by_its_mask():
    mask = (disc(12) < 255).any(axis=2)
    rows, columns = np.nonzero(contours(disc(20), mask) == 0)
    assert np.abs(np.hypot(rows - 32, columns - 32) - 12).max() < 2


def test_contours_of_inner_parts():
    image = disc(24)
    image[disc(10)[..., 0] < 255] = 200
    assert strokes(contours(image)) == strokes(contours(disc(24))) + 1
    assert strokes(contours(image, shortest=2.0)) == 1


def test_dropout_takes_whole_strokes_and_about_the_share():
    sheet = np.full((60, 60), 255, np.uint8)
    for row in range(0, 60, 3):
        sheet[row, 5:25], sheet[row, 30:55] = 0, 90
    shares = []
    for seed in range(30):
        left = drop_strokes(sheet, 0.3, np.random.default_rng(seed))
        for row in range(0, 60, 3):
            for part in (slice(0, 28), slice(28, 60)):
                assert (left[row, part] == 255).all() or (left[row, part] == sheet[row, part]).all()
        shares.append(1 - strokes(left) / 40)
    assert np.mean(shares) == pytest.approx(0.3, abs=0.04)
    assert np.std(shares) > 0.02


def test_dropout_joins_diagonal_pixels_and_follows_its_generator():
    sketch = np.where(np.eye(20), np.uint8(0), np.uint8(255))
    sketch[0, 10:] = 0
    results = {drop_strokes(sketch, 0.5, np.random.default_rng(seed)).tobytes() for seed in range(20)}
    assert len(results) == 3  # both, or either
    first, again = (drop_strokes(sketch, 0.5, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_dropout_leaves_one_stroke_and_an_empty_sheet_alone():
    sketch = np.full((20, 20), 255, np.uint8)
    np.testing.assert_array_equal(drop_strokes(sketch, 0.9, np.random.default_rng(0)), sketch)
    sketch[2, :5], sketch[10, :15] = 0, 0
    left = drop_strokes(sketch, 1.0, np.random.default_rng(0))
    assert (left[10, :15] == 0).all() and (left[2] == 255).all()


def test_manga_prints_darker_tones_for_darker_pictures_and_leaves_white_white():
    levels = [20, 60, 110, 160, 210]
    printed = [manga(np.full((60, 60, 3), level, np.uint8)).mean() for level in levels]
    assert printed == sorted(printed)
    assert printed[0] < 60 < 200 < printed[-1]
    assert (manga(np.full((60, 60, 3), 255, np.uint8)) == 255).all()
