"""Pairs from files: which half is which, what pairs with what, and one report that names every file that does not fit."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from p2p_lib.data import PairedImages
from p2p_lib.data.images import find_images, read_image, to_rgb
from p2p_lib.data.split import hold_out
from p2p_lib.errors import DataError

RED, BLUE = (200, 30, 40), (10, 60, 220)


def noise(width: int, height: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(width).integers(0, 256, (height, width, channels), np.uint8)


def save(path: Path, picture: np.ndarray | Image.Image | tuple[int, int, int], size: tuple[int, int] = (8, 8)) -> Path:
    """Write a picture; a colour stands for a picture of that colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(picture, tuple):
        picture = Image.new("RGB", size, picture)
    elif isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    picture.save(path)
    return path


def red_and_blue() -> Image.Image:
    sheet = Image.new("RGB", (16, 8), RED)
    sheet.paste(BLUE, (8, 0, 16, 8))
    return sheet


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def colors(pairs: PairedImages, index: int = 0) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The colours of source and target, which must be of one colour each."""
    halves = pairs[index]
    assert all((half == half[0, 0]).all() for half in halves)
    return tuple(tuple(half[0, 0].tolist()) for half in halves)


@pytest.mark.parametrize(("side", "expected"), [("left", (RED, BLUE)), ("right", (BLUE, RED))])
def test_side_by_side(tmp_path, side, expected):
    save(tmp_path / "a.png", red_and_blue())
    pairs = PairedImages.from_side_by_side(tmp_path, side, 8)
    assert len(pairs) == 1
    assert pairs.names == ["a.png"]
    assert colors(pairs) == expected


def test_pictures_come_back_as_they_are_at_their_own_size(tmp_path):
    picture = noise(16, 8)
    save(tmp_path / "a.png", picture)
    source, target = PairedImages.from_side_by_side(tmp_path, "left", 8)[0]
    np.testing.assert_array_equal(source, picture[:, :8])
    np.testing.assert_array_equal(target, picture[:, 8:])


def test_batch_is_the_pairs_stacked(tmp_path):
    for i in range(4):
        save(tmp_path / f"{i}.png", noise(20 + 2 * i, 10))
    pairs = PairedImages.from_side_by_side(tmp_path, "left", 12)
    source, target = pairs.batch([3, 0])
    assert source.shape == target.shape == (2, 3, 12, 12)
    assert source.dtype == torch.uint8
    for position, index in enumerate([3, 0]):
        for half, expected in zip((source, target), pairs[index], strict=True):
            np.testing.assert_array_equal(half[position].permute(1, 2, 0).numpy(), expected)
    assert pairs.subset([2, 1]).names == ["2.png", "1.png"]
    np.testing.assert_array_equal(pairs.subset([2, 1])[1], pairs[1])


def test_two_folders_pair_by_stem_whatever_the_suffix(tmp_path):
    for name, target_name in (("a.png", "a.bmp"), ("b.webp", "b.tif"), ("deep/er/c.gif", "deep/er/c.JPG")):
        save(tmp_path / "source" / name, RED)
        save(tmp_path / "target" / target_name, BLUE)
    pairs = PairedImages.from_folders(tmp_path / "source", tmp_path / "target", 8)
    assert pairs.names == ["a.png", "b.webp", "deep/er/c.gif"]
    assert colors(pairs) == (RED, BLUE)


@pytest.fixture
def troubled(tmp_path) -> tuple[Path, dict[str, str]]:
    """A folder with one good file, and with all that can be wrong: name -> what the report must say."""
    folder = tmp_path / "troubled"
    save(folder / "good.png", red_and_blue())
    cut_in_half(save(folder / "half.jpg", noise(64, 32)))
    cut_in_half(save(folder / "half.png", noise(64, 32)))
    (folder / "empty.png").touch()
    (folder / "letter.png").write_text("Dear reader, this is no picture.")
    save(folder / "odd.png", noise(15, 8))
    save(folder / "float.tif", Image.fromarray(np.linspace(0, 1000, 128, dtype=np.float32).reshape(8, 16)))
    damaged = save(folder / "damaged.png", noise(64, 32))
    content = bytearray(damaged.read_bytes())
    content[200:220] = bytes(20)
    damaged.write_bytes(content)
    return folder, {
        "half.jpg": "truncated",
        "half.png": "truncated",
        "empty.png": "not a picture",
        "letter.png": "not a picture",
        "odd.png": "15 pixels wide",
        "float.tif": "mode F",
        "damaged.png": "damaged",
    }


def test_one_report_names_every_unusable_file(troubled):
    folder, expected = troubled
    with pytest.raises(DataError) as caught:
        PairedImages.from_side_by_side(folder, "left", 8)
    first, *lines = str(caught.value).splitlines()
    assert first.startswith(f"{len(expected)} files in {folder} cannot be used")
    assert 'on_error="skip"' in first
    reported = dict(line.strip().removeprefix("troubled/").split(": ", 1) for line in lines)
    assert reported.keys() == expected.keys()
    for name, what in expected.items():
        assert what in reported[name], name


def test_training_goes_on_without_them_if_asked(troubled, caplog):
    folder, expected = troubled
    for _ in range(2):  # the second time from the cache
        caplog.clear()
        with caplog.at_level(logging.WARNING, "p2p_lib"):
            pairs = PairedImages.from_side_by_side(folder, "left", 8, on_error="skip")
        assert pairs.names == ["good.png"]
        assert colors(pairs) == (RED, BLUE)
        assert pairs.report.problems.keys() == {f"troubled/{name}" for name in expected}
        assert all(name in caplog.text for name in expected)


def test_the_report_comes_again_from_the_cache(troubled):
    folder, _ = troubled
    PairedImages.from_side_by_side(folder, "left", 8, on_error="skip")
    with pytest.raises(DataError, match="letter.png: not a picture"):
        PairedImages.from_side_by_side(folder, "left", 8)


def test_nothing_usable_is_an_error_even_if_skipping(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(DataError, match="No usable pair") as caught:
        PairedImages.from_side_by_side(tmp_path, "left", 8, on_error="skip")
    assert "a.png" in str(caught.value)


def test_report_of_what_does_not_pair(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    for name in ("both.png", "twice.png", "twice.jpg", "lonely.png", "wide.png"):
        save(source / name, RED)
    for name in ("both.png", "twice.png", "single.png"):
        save(target / name, BLUE)
    save(target / "wide.png", BLUE, size=(16, 8))
    with pytest.raises(DataError) as caught:
        PairedImages.from_folders(source, target, 8)
    for line in (
        "source/lonely.png: has no partner in target/",
        "target/single.png: has no partner in source/",
        "source/twice.png: has the same stem as twice.jpg",
        "source/wide.png: 8 x 8, but its partner is 16 x 8",
    ):
        assert line in str(caught.value)
    pairs = PairedImages.from_folders(source, target, 8, on_error="skip")
    assert pairs.names == ["both.png", "twice.jpg"]


def test_unreadable_partner_is_named_with_its_folder(tmp_path):
    for side in ("source", "target"):
        for stem in "ab":
            save(tmp_path / side / f"{stem}.png", RED)
    (tmp_path / "target" / "b.png").write_bytes(b"")
    with pytest.raises(DataError, match="target/b.png: not a picture"):
        PairedImages.from_folders(tmp_path / "source", tmp_path / "target", 8)


@pytest.mark.parametrize("size", [(101, 100), (10, 10), (200, 199)])
def test_small_differences_of_shape_are_resized_away(tmp_path, size):
    save(tmp_path / "source" / "a.png", RED, size=(50, 50))
    save(tmp_path / "target" / "a.png", BLUE, size=size)
    assert colors(PairedImages.from_folders(tmp_path / "source", tmp_path / "target", 8)) == (RED, BLUE)


def palette() -> Image.Image:
    return Image.new("RGB", (16, 8), RED).quantize(4)


def half_transparent() -> Image.Image:
    return Image.new("RGBA", (16, 8), (*RED, 51))


def transparent_palette() -> Image.Image:
    picture = palette()
    picture.info["transparency"] = picture.getpixel((0, 0))
    return picture


def over_white(color: tuple[int, int, int], opacity: float) -> tuple[int, ...]:
    return tuple(round(opacity * value + (1 - opacity) * 255) for value in color)


@pytest.mark.parametrize(
    ("name", "picture", "expected"),
    [
        ("gray.png", Image.new("L", (16, 8), 77), (77, 77, 77)),
        ("bilevel.png", Image.new("1", (16, 8), 1), (255, 255, 255)),
        ("palette.png", palette(), RED),
        ("transparent.png", half_transparent(), over_white(RED, 0.2)),
        ("transparent_gray.png", Image.new("LA", (16, 8), (100, 51)), over_white((100, 100, 100), 0.2)),
        ("transparent_palette.png", transparent_palette(), (255, 255, 255)),
        ("deep.png", Image.fromarray(np.full((8, 16), 25700, np.uint16)), (100, 100, 100)),
        ("deep.tif", Image.fromarray(np.full((8, 16), 65535, np.uint16)), (255, 255, 255)),
        ("print.tif", Image.new("CMYK", (16, 8), (0, 255, 255, 0)), (255, 0, 0)),
    ],
)
def test_other_modes_are_converted_with_a_note(tmp_path, name, picture, expected):
    save(tmp_path / name, picture)
    mode = Image.open(tmp_path / name).mode
    assert mode != "RGB"
    pairs = PairedImages.from_side_by_side(tmp_path, "left", 8)
    np.testing.assert_allclose(colors(pairs), (expected, expected), atol=1)
    assert list(pairs.report.notes.values()) == [f"mode {mode}, converted to RGB"]


def test_sixteen_bits_are_rounded_to_the_nearest_of_eight():
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(np.asarray(to_rgb(Image.fromarray(levels)))[..., 0], np.round(levels / 257))


@pytest.mark.parametrize("mode", ["F", "I"])
def test_modes_of_unknown_range_are_refused(mode):
    with pytest.raises(DataError, match=f"mode {mode}, whose range is unknown"):
        to_rgb(Image.new(mode, (2, 2)))


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").size == (20, 30)


def test_gigantic_pictures_are_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", noise(30, 30))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match="larger than 200 pixels"):
        read_image(path)


def test_empty_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(DataError, match=r"no pictures in .*; expected side-by-side files"):
        PairedImages.from_side_by_side(tmp_path, "left", 8)


@pytest.mark.parametrize("missing", ["source", "target"])
def test_missing_folder(tmp_path, missing):
    for side in {"source", "target"} - {missing}:
        save(tmp_path / side / "a.png", RED)
    with pytest.raises(DataError, match=f"no folder {tmp_path / missing}"):
        PairedImages.from_folders(tmp_path / "source", tmp_path / "target", 8)


def test_nested_files_are_found_and_hidden_ones_are_not(tmp_path):
    for name in ("b.png", "a/deep/er.PNG", ".hidden.png", ".folder/a.png", "a/._er.png"):
        save(tmp_path / name, RED)
    (tmp_path / "folder.png").mkdir()
    assert find_images(tmp_path) == [tmp_path / "a/deep/er.PNG", tmp_path / "b.png"]


def test_folds_of_a_folder_are_disjoint_and_complete(tmp_path):
    for i in range(12):
        save(tmp_path / f"{i}.png", (i, 0, 0), size=(4, 2))
    train, val = (PairedImages.from_side_by_side(tmp_path, "left", 2, fold=fold) for fold in ("train", "val"))
    assert (len(train), len(val)) == (11, 1)
    assert set(train.names) | set(val.names) == {f"{i}.png" for i in range(12)}
    for pairs in (train, val):
        assert [colors(pairs, i)[0][0] for i in range(len(pairs))] == [int(Path(name).stem) for name in pairs.names]


NAMES = st.lists(st.text(min_size=1, max_size=6), min_size=2, max_size=40, unique=True)


@given(names=NAMES, order=st.randoms(use_true_random=False))
def test_hold_out(names, order):
    train, val = (hold_out(names, fold, key=str) for fold in ("train", "val"))
    assert sorted(train + val) == sorted(names)
    assert len(val) == max(1, len(names) // 10)
    shuffled = order.sample(names, len(names))
    assert set(hold_out(shuffled, "val", key=str)) == set(val)
    assert hold_out(shuffled, "train", key=str) == [name for name in shuffled if name in train]


def test_a_single_item_is_in_both_folds():
    assert hold_out(["a"], "train", key=str) == hold_out(["a"], "val", key=str) == ["a"]
