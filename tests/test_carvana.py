"""From Kaggle's photos and masks to pairs: the recipe as OpenCV computes it, and a split that never parts a car."""

from __future__ import annotations

import functools
import itertools
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image
from scipy.ndimage import binary_dilation

from p2p_lib import data
from p2p_lib.data.carvana import _neighbours, cut_out, drawing, held_out_cars, make_pair, prepare
from p2p_lib.data.sketch import canny, contours
from p2p_lib.data.synthetic.cars import photo_and_mask
from p2p_lib.errors import ConfigError, DataError

REAL = ROOT.parent / "shared" / "data" / "carvana"
VIEWS = 3


@functools.cache
def synthetic(seed: int, view: int, size: int = 96) -> tuple[Image.Image, Image.Image]:
    """A made-up photo and its mask, both of 3 : 2, as Carvana's are."""
    photo, mask = photo_and_mask(seed, size, view)
    rows = slice(size // 6, size - size // 6)
    return Image.fromarray(photo[rows]), Image.fromarray(mask[rows].astype(np.uint8))


@pytest.fixture
def download(tmp_path) -> Path:
    """Four cars from three sides in Kaggle's layout."""
    raw = tmp_path / "raw"
    for folder in ("train", "train_masks"):
        (raw / folder).mkdir(parents=True)
    for car in range(4):
        for view in range(VIEWS):
            photo, mask = synthetic(car, view)
            photo.save(raw / "train" / f"car{car}_{view + 1:02}.jpg", quality=95)
            save_mask(mask, raw / "train_masks" / f"car{car}_{view + 1:02}_mask.gif")
    return raw


def save_mask(mask: Image.Image, path: Path) -> None:
    """As Kaggle's: a palette of black and white, indices 0 and 1."""
    mask = Image.frombytes("P", mask.size, mask.tobytes())
    mask.putpalette([0, 0, 0, 255, 255, 255])
    mask.save(path)


def recipe(photo: Image.Image, mask: Image.Image, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """RECIPES.md as OpenCV does it: the car on white (size, size, 3) and its edges, bool (size, size)."""
    cv2 = pytest.importorskip("cv2")
    white = np.where(np.asarray(mask)[..., None] == 1, np.asarray(photo.convert("RGB")), np.uint8(255))
    side = max(photo.size)
    top, left = (side - photo.height) // 2, (side - photo.width) // 2
    bottom, right = side - photo.height - top, side - photo.width - left
    padded = cv2.copyMakeBorder(white, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    car = cv2.resize(padded, (size, size), interpolation=cv2.INTER_LINEAR)
    return car, cv2.Canny(car, 100, 200) > 0


def agrees(pair: Image.Image, photo: Image.Image, mask: Image.Image, size: int = 256) -> None:
    """The photo half within 2 levels in the mean; nine of ten edge pixels within one pixel of the others, both ways."""
    car, edges = recipe(photo, mask, size)
    assert (pair.mode, pair.size) == ("RGB", (2 * size, size))
    array = np.asarray(pair)
    assert np.abs(array[:, size:].astype(int) - car).mean() <= 2
    assert (array[:, :size] == array[:, :size, :1]).all()
    ours = array[:, :size, 0] == 0
    assert edges.sum() > 100
    near = np.ones((3, 3))
    assert (ours & binary_dilation(edges, near)).sum() >= 0.9 * ours.sum()
    assert (edges & binary_dilation(ours, near)).sum() >= 0.9 * edges.sum()


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real photos")
@pytest.mark.parametrize("view", range(1, 6))
def test_real_photos_come_out_as_the_recipe_says(view):
    files = next((REAL / "train").glob(f"*_{view:02}.jpg")), next((REAL / "train_masks").glob(f"*_{view:02}_mask.gif"))
    with Image.open(files[0]) as photo, Image.open(files[1]) as mask:
        assert (photo.size, mask.mode) == ((1918, 1280), "P")
        pair = make_pair(photo, mask)
        agrees(pair, photo, mask)
        car, edges = recipe(photo, mask)
    np.testing.assert_array_equal(np.asarray(pair)[:, 256:], car)  # in fact they are equal
    np.testing.assert_array_equal(np.asarray(pair)[:, :256, 0] == 0, edges)


@pytest.mark.parametrize(
    ("shape", "size"), [((600, 400), 256), ((301, 200), 64), ((200, 301), 100), ((96, 64), 256), ((64, 64), 64)]
)
def test_photos_of_any_shape_come_out_as_the_recipe_says(shape, size):
    photo, mask = (image.resize(shape, Image.Resampling.NEAREST) for image in synthetic(5, 2, 600))
    agrees(make_pair(photo, mask, size), photo, mask, size)
    car, _ = recipe(photo, mask, size)
    assert np.abs(cut_out(photo, mask, size)[0].astype(int) - car).max() <= 1


@pytest.mark.parametrize(("shape", "size"), [((40, 40), 100), ((40, 30), 64), ((30, 40), 30), ((100, 100), 64)])
def test_up_to_the_margin(shape, size):
    """Where the car touches the photo's margin, there is no pixel beyond to be weighed."""
    noise = np.random.default_rng(0).integers(0, 256, (*shape[::-1], 3), np.uint8)
    photo, mask = Image.fromarray(noise), Image.new("P", shape, 1)
    assert np.abs(cut_out(photo, mask, size)[0].astype(int) - recipe(photo, mask, size)[0]).max() <= 1


def test_the_right_neighbours_are_picked_whatever_the_sizes():
    for side, size in itertools.product(range(20, 250, 7), (45, 64, 96, 100, 147, 250)):
        first = ((2 * np.arange(size) + 1) * side - size) // (2 * size)
        picked = np.asarray(_neighbours(Image.fromarray(np.arange(side, dtype=np.uint8)[None].repeat(side, 0)), side, size, 0, 0))
        np.testing.assert_array_equal(picked[size // 2], np.maximum(first, 0))


def test_cropping_takes_the_middle_square():
    photo, mask = synthetic(1, 4, 360)
    middle = (60, 0, 300, 240)
    expected = cut_out(photo.crop(middle), mask.crop(middle), 80)
    for ours, theirs in zip(cut_out(photo, mask, 80, "crop"), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_mask_comes_along():
    photo, mask = synthetic(1, 4, 360)
    _, cover = cut_out(photo, mask, 120)
    expected = np.pad(np.asarray(mask), ((60, 60), (0, 0)))[1::3, 1::3] > 0
    assert (cover != expected).mean() < 0.01


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (Image.new("P", (95, 64), 1), "96 x 64, but its mask is 95 x 64"),
        (Image.new("P", (96, 64), 0), "empty"),
        (Image.new("RGB", (96, 64), "white"), "mode RGB"),
    ],
)
def test_masks_that_do_not_fit(mask, message):
    with pytest.raises(DataError, match=message):
        cut_out(synthetic(0, 0)[0], mask)


def test_masks_of_0_and_255_mean_the_same():
    photo, mask = synthetic(0, 1)
    for other in (mask.point(lambda level: 255 * level), mask.point(lambda level: 255 * level).convert("1")):
        np.testing.assert_array_equal(cut_out(photo, other, 64)[0], cut_out(photo, mask, 64)[0])


def test_other_sketches_and_thresholds():
    photo, mask = synthetic(2, 3, 360)
    car, cover = cut_out(photo, mask, 128)
    assert (drawing(low=20, high=40)(car, cover) == 0).sum() > 1.2 * (drawing()(car, cover) == 0).sum()
    np.testing.assert_array_equal(drawing("canny", 0.02, 0.05)(car, cover), canny(car, low=0.02, high=0.05))
    np.testing.assert_array_equal(drawing("contours")(car, cover), contours(car, cover))
    with pytest.raises(ConfigError, match="no sketch 'cany'.*'canny'"):
        drawing("cany")
    with pytest.raises(ConfigError, match="'xdog' has no thresholds"):
        drawing("xdog", low=0.1)


def test_cars_are_held_out_whole_and_the_same_everywhere():
    cars = [f"car{number:03}" for number in range(318) for _ in range(16)]
    assert held_out_cars(cars) == held_out_cars(reversed(cars)) == {"car026", "car051", "car108", "car176", "car220"}
    assert held_out_cars(cars, seed=1) != held_out_cars(cars)
    assert [len(held_out_cars(cars[: 16 * count])) for count in (1, 2, 9, 10, 25, 26)] == [0, 1, 1, 2, 5, 5]


def test_prepare(download, tmp_path, monkeypatch):
    out = tmp_path / "data" / "edges2cars"
    prepared = prepare(download, out, size=64, progress=False)
    assert not prepared.problems
    assert len(prepared.held_out) == 1
    for name, fold in prepared.folds.items():
        assert (fold == "val") == (Path(name).stem[:4] in prepared.held_out)
        with Image.open(out / fold / f"{Path(name).stem}.png") as pair:
            photo, mask = download / name, download / "train_masks" / f"{Path(name).stem}_mask.gif"
            with Image.open(photo) as photo, Image.open(mask) as mask:
                agrees(pair, photo, mask, 64)
    assert len(list(out.rglob("*.png"))) == len(prepared.folds) == 4 * VIEWS
    assert json.loads((out / "prepared.json").read_text())["folds"] == prepared.folds
    monkeypatch.setenv("P2P_DATA", str(tmp_path / "data"))
    assert [len(data.load("edges2cars", split, size=64)) for split in ("train", "val")] == [3 * VIEWS, VIEWS]


def test_interrupted_preparation_goes_on(download, tmp_path):
    out = tmp_path / "out"
    prepared = prepare(download, out, size=32, progress=False)
    kept, lost, *_ = sorted(out.rglob("*.png"))
    content, stamp = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    assert prepare(download, out, size=32, workers=1, progress=False) == prepared
    assert lost.read_bytes() == content
    assert kept.stat().st_mtime_ns == stamp


def test_a_full_disk_stops_the_preparation_which_then_goes_on(download, tmp_path, disk_full_after):
    out = tmp_path / "out"
    with disk_full_after(1000), pytest.raises(OSError):
        prepare(download, out, size=64, progress=False)
    assert not list(out.rglob("*.partial"))
    assert len(prepare(download, out, size=64, progress=False).folds) == 4 * VIEWS


def test_what_cannot_be_used_is_reported_and_the_rest_prepared(download, tmp_path):
    photos, masks = download / "train", download / "train_masks"
    (masks / "car0_01_mask.gif").unlink()
    save_mask(synthetic(0, 1)[1].resize((50, 70)), masks / "car0_02_mask.gif")
    (masks / "car0_03_mask.gif").write_bytes(b"no picture")
    (photos / "car1_01.jpg").write_bytes((photos / "car1_01.jpg").read_bytes()[:900])
    (photos / "car1_02.jpg").unlink()
    synthetic(2, 0)[0].save(photos / "car2_01.png")
    prepared = prepare(download, tmp_path / "out", size=32, progress=False)
    assert prepared.problems == {
        "train/car0_01.jpg": "has no mask in train_masks/",
        "train/car0_02.jpg": "96 x 64, but its mask is 50 x 70",
        "train/car0_03.jpg": "its mask is not a picture, or a damaged one",
        "train/car1_01.jpg": prepared.problems["train/car1_01.jpg"],
        "train/car2_01.png": "has the same name as car2_01.jpg",
        "train_masks/car1_02_mask.gif": "has no photo in train/",
    }
    assert "truncated or damaged" in prepared.problems["train/car1_01.jpg"]
    assert len(prepared.folds) == len(list((tmp_path / "out").rglob("*.png"))) == 4 * VIEWS - 5
    for part in ("7 pairs", "cannot be used (6)", "car0_02.jpg: 96 x 64"):
        assert part in str(prepared)


@pytest.mark.parametrize("changes", [{"size": 48}, {"fit": "crop"}, {"seed": 1}, {"sketch": "xdog"}, {"low": 50}])
def test_two_preparations_do_not_mix(download, tmp_path, changes):
    prepare(download, tmp_path / "out", size=32, progress=False)
    with pytest.raises(DataError, match="prepared otherwise"):
        prepare(download, tmp_path / "out", **({"size": 32} | changes), progress=False)


def test_folders_that_are_no_download(download, tmp_path):
    with pytest.raises(DataError, match="holds no train/ and train_masks/"):
        prepare(tmp_path, tmp_path / "out", progress=False)
    for path in download.rglob("*.gif"):
        path.write_bytes(b"no picture")
    with pytest.raises(DataError, match="None of the 12 photos .* can be used; train/car0_01.jpg, for one: its mask is not"):
        prepare(download, tmp_path / "out", progress=False)
    for path in download.rglob("*.gif"):
        path.unlink()
    with pytest.raises(DataError, match="no photos with masks"):
        prepare(download, tmp_path / "other", progress=False)


def test_script(download, tmp_path, monkeypatch, capsys):
    script = ROOT / "data_scripts" / "prepare_carvana.py"

    def run(*options: str) -> int:
        monkeypatch.setattr("sys.argv", [str(script), str(download), str(tmp_path / "out"), "--size", "32", *options])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(script), run_name="__main__")
        return ended.value.code

    assert run() == 0
    assert capsys.readouterr().out.startswith("12 pairs: 9 train, 3 val.\n")
    assert run("--fit", "crop") == 2
    assert "prepare_carvana: " in capsys.readouterr().err
