"""`p2p data check`: every planted fault is found and its files are named; good pairs are not accused."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image

from p2p_lib.cli import main
from p2p_lib.data.alignment import estimate_shift
from p2p_lib.data.check import KINDS, check
from p2p_lib.data.layout import Pair
from p2p_lib.data.look import look_at
from p2p_lib.data.synthetic.facades import facade
from p2p_lib.data.synthetic.maps import street_map
from p2p_lib.data.synthetic.shoes import shoe
from p2p_lib.errors import DataError

REAL = ROOT.parent / "shared" / "data"
SIZE = 64
PARTS = {"train": range(16), "val": range(100, 104)}


def write(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@functools.cache
def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    return facade(seed, SIZE)


def two_folders(folder: Path) -> Path:
    """Good pairs in train/ and val/, in two folders."""
    for part, seeds in PARTS.items():
        for seed in seeds:
            for side, array in zip(("source", "target"), drawn(seed), strict=True):
                write(array, folder / part / side / f"{seed:03}.png")
    return folder


def side_by_side(folder: Path) -> Path:
    """Good pairs in train/ and val/, side by side, the source right."""
    for part, seeds in PARTS.items():
        for seed in seeds:
            source, target = drawn(seed)
            write(np.concatenate([target, source], axis=1), folder / part / f"{seed:03}.png")
    return folder


# The faults: each spoils a folder of good pairs, and says which kind should be reported for which files.


def unpaired_source(folder: Path) -> tuple[str, set[str]]:
    (folder / "train/target/000.png").unlink()
    return "unpaired", {"train/source/000.png"}


def unpaired_target(folder: Path) -> tuple[str, set[str]]:
    (folder / "val/source/100.png").unlink()
    return "unpaired", {"val/target/100.png"}


def truncated_jpeg(folder: Path) -> tuple[str, set[str]]:
    path = folder / "train/target/001.png"
    file = io.BytesIO()
    Image.open(path).save(file, "JPEG")
    path.unlink()
    path.with_suffix(".jpg").write_bytes(file.getvalue()[: len(file.getvalue()) // 2])
    return "unreadable", {"train/target/001.jpg"}


def zero_bytes(folder: Path) -> tuple[str, set[str]]:
    (folder / "train/source/002.png").write_bytes(b"")
    return "unreadable", {"train/source/002.png"}


def text_named_png(folder: Path) -> tuple[str, set[str]]:
    (folder / "train/target/003.png").write_text("not a picture")
    return "unreadable", {"train/target/003.png"}


def other_aspect(folder: Path) -> tuple[str, set[str]]:
    path = folder / "train/target/004.png"
    Image.open(path).crop((0, 0, SIZE, SIZE - 8)).save(path)
    return "aspect", {"train/source/004.png", "train/target/004.png"}


def same_stem_twice(folder: Path) -> tuple[str, set[str]]:
    Image.open(folder / "train/source/005.png").save(folder / "train/source/005.jpg")
    return "same name", {"train/source/005.png", "train/source/005.jpg"}


def near_duplicate(folder: Path) -> tuple[str, set[str]]:
    for side in ("source", "target"):
        image = Image.open(folder / f"train/{side}/006.png").point(lambda value: min(255, int(1.06 * value)))
        image.resize((SIZE - 2, SIZE - 2)).resize((SIZE, SIZE)).save(folder / f"val/{side}/200.jpg", quality=60)
    return "leak", {"train/target/006.png", "val/target/200.jpg"}


def shifted(folder: Path) -> tuple[str, set[str]]:
    path = folder / "train/target/007.png"
    write(np.roll(np.asarray(Image.open(path)), (3, 8), axis=(0, 1)), path)
    return "shifted", {"train/source/007.png", "train/target/007.png"}


def blank(folder: Path) -> tuple[str, set[str]]:
    write(np.full((SIZE, SIZE, 3), (200, 30, 40), np.uint8), folder / "train/target/008.png")
    return "blank", {"train/target/008.png"}


def odd_mode(folder: Path) -> tuple[str, set[str]]:
    path = folder / "train/source/009.png"
    values = np.asarray(Image.open(path).convert("L")).astype(np.float32) / 255
    path.unlink()
    Image.fromarray(values).save(path.with_suffix(".tif"))
    return "mode", {"train/source/009.tif"}


def odd_size(folder: Path) -> tuple[str, set[str]]:
    for side in ("source", "target"):
        path = folder / f"train/{side}/010.png"
        Image.open(path).resize((SIZE + 20, SIZE + 20)).save(path)
    return "size", {"train/source/010.png", "train/target/010.png"}


def identical(folder: Path) -> tuple[str, set[str]]:
    Image.open(folder / "train/source/011.png").save(folder / "train/target/011.png")
    return "identical", {"train/source/011.png", "train/target/011.png"}


def swapped(folder: Path) -> tuple[str, set[str]]:
    source, target = folder / "train/source/012.png", folder / "train/target/012.png"
    was_source = source.read_bytes()
    source.write_bytes(target.read_bytes())
    target.write_bytes(was_source)
    return "swapped", {"train/source/012.png", "train/target/012.png"}


def copied(folder: Path) -> tuple[str, set[str]]:
    for side in ("source", "target"):
        Image.open(folder / f"train/{side}/013.png").save(folder / f"train/{side}/300.png")
    return "copies", {f"train/{side}/{stem}.png" for side in ("source", "target") for stem in ("013", "300")}


def tiny(folder: Path) -> tuple[str, set[str]]:
    for side in ("source", "target"):
        path = folder / f"train/{side}/014.png"
        Image.open(path).resize((16, 16)).save(path)
    return "tiny", {"train/source/014.png", "train/target/014.png"}


def sixteen_bit(folder: Path) -> tuple[str, set[str]]:
    path = folder / "train/source/015.png"
    Image.fromarray(np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 257).save(path)
    return "converted", {"train/source/015.png"}


def gray_among_colors(folder: Path) -> tuple[str, set[str]]:
    path = folder / "val/target/101.png"
    Image.open(path).convert("L").save(path)
    return "converted", {"val/target/101.png"}


def jpeg_named_png(folder: Path) -> tuple[str, set[str]]:
    path = folder / "train/target/013.png"
    image = Image.open(path).convert("RGB")
    image.save(path, format="JPEG", quality=95)
    return "format", {"train/target/013.png"}


FAULTS = [
    jpeg_named_png,
    unpaired_source,
    unpaired_target,
    truncated_jpeg,
    zero_bytes,
    text_named_png,
    other_aspect,
    same_stem_twice,
    near_duplicate,
    shifted,
    blank,
    odd_mode,
    odd_size,
    identical,
    swapped,
    copied,
    tiny,
    sixteen_bit,
    gray_among_colors,
]


def found(report) -> dict[str, set[str]]:
    """Kind -> names of all files that the report finds so."""
    kinds: dict[str, set[str]] = {}
    for kind, files, _ in report.faults:
        kinds.setdefault(kind, set()).update(map(report.layout.name, files))
    return kinds


def test_good_pairs_are_good(tmp_path):
    report = check(two_folders(tmp_path))
    assert report.ok and not report.faults, str(report)
    assert "train: 16 pairs" in str(report) and "val: 4 pairs" in str(report) and "64 x 64 (16); RGB (16)" in str(report)
    assert "Nothing is wrong" in str(report)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_single_fault_is_the_only_one_found(tmp_path, fault):
    folder = two_folders(tmp_path)
    kind, files = fault(folder)
    report = check(folder)
    assert found(report) == {kind: files}, str(report)
    assert report.ok == (kind in ("converted", "format"))
    assert all(name in str(report) for name in files)


def test_all_faults_in_one_folder(tmp_path):
    folder = two_folders(tmp_path)
    planted = [fault(folder) for fault in FAULTS]
    report = check(folder)
    expected: dict[str, set[str]] = {}
    for kind, files in planted:
        expected.setdefault(kind, set()).update(files)
    assert found(report) == expected, str(report)
    assert list(dict.fromkeys(kind for kind, *_ in report.faults)) == [kind for kind in KINDS if kind in expected]


def test_the_command_prints_the_table_writes_the_sheet_and_says_by_its_exit_code(tmp_path, capsys):
    folder, sheet = two_folders(tmp_path / "pairs"), tmp_path / "sheets" / "sheet.png"
    assert main(["data", "check", str(folder), "--sheet", str(sheet)]) == 0
    for fault in FAULTS:
        fault(folder)
    assert main(["data", "check", str(folder), "--sheet", str(sheet)]) == 1
    printed = capsys.readouterr().out
    assert "train/source/002.png: an empty file (0 bytes)" in printed and str(sheet) in printed
    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert image.width > 1000 and image.height > 500
    assert ((pixels - (190, 30, 30)).__abs__().sum(axis=2) < 20).sum() > 1000  # red frames


# Side-by-side files.


def test_side_by_side_files(tmp_path):
    folder = side_by_side(tmp_path)
    assert check(folder, source_side="right").ok
    image = Image.open(folder / "train/003.png")
    image.crop((0, 0, 2 * SIZE - 1, SIZE)).save(folder / "train/003.png")
    halves = np.split(np.asarray(Image.open(folder / "train/004.png")), 2, axis=1)
    write(np.concatenate(halves[::-1], axis=1), folder / "train/004.png")
    Image.open(folder / "train/005.png").save(folder / "val/900.jpg", quality=90)
    Image.open(folder / "train/006.png").resize((2 * SIZE, SIZE + 30)).save(folder / "train/006.png")
    report = check(folder, source_side="right")
    assert found(report) == {
        "odd width": {"train/003.png"},
        "swapped": {"train/004.png"},
        "leak": {"train/005.png", "val/900.jpg"},
        "size": {"train/006.png"},
    }, str(report)


def test_side_by_side_files_want_to_know_the_side(tmp_path, capsys):
    assert main(["data", "check", str(side_by_side(tmp_path)), "--sheet", str(tmp_path / "sheet.png")]) == 2
    assert "say which half is the source" in capsys.readouterr().err


def test_an_unsplit_folder_tells_of_what_looks_alike(tmp_path):
    for seed in range(6):
        for side, array in zip(("source", "target"), drawn(seed), strict=True):
            write(array, tmp_path / side / f"{seed}.png")
            if seed == 5:
                write(array // 8 * 8, tmp_path / side / "copy.png")
    report = check(tmp_path)
    assert found(report) == {"alike": {"target/5.png", "target/copy.png"}}, str(report)
    assert report.ok


def test_a_folder_without_pairs(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match="There are no pairs in .*; expected source/ and target/"):
        check(tmp_path)
    with pytest.raises(DataError, match="There is no folder"):
        check(tmp_path / "elsewhere")


def test_a_sheet_that_is_no_picture(tmp_path):
    with pytest.raises(DataError, match="sheet.pdf came"):
        check(two_folders(tmp_path), sheet=tmp_path / "sheet.pdf")


# Misalignment.


@pytest.mark.parametrize("down, right", [(0, 12), (-9, 5), (14, -14)])
@pytest.mark.parametrize("world", [facade, street_map, shoe])
def test_the_shift_is_measured(world, down, right):
    source, target = world(3, 128)
    shift = estimate_shift(source, np.roll(target, (down, right), axis=(0, 1)))
    assert shift.clear
    assert (shift.down, shift.right) == (pytest.approx(down, abs=1), pytest.approx(right, abs=1))
    back = estimate_shift(np.roll(target, (down, right), axis=(0, 1)), source)
    assert (back.down, back.right) == (pytest.approx(-down, abs=1), pytest.approx(-right, abs=1))


def test_the_shift_in_the_report_is_in_pixels_of_the_file(tmp_path):
    source, target = street_map(7, 512)
    write(source, tmp_path / "source/007.png")
    write(np.roll(target, -24, axis=0), tmp_path / "target/007.png")
    ((kind, _, what),) = check(tmp_path).faults
    assert kind == "shifted" and "24 px up of the source" in what


REAL_PAIRS = {"facades": ("right", "val", 1), "maps": ("left", "val", 1), "edges2shoes": ("left", "train", 2)}


def real_pairs(name: str, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Source and target of some real pairs, at 256 pixels."""
    if not (REAL / name).is_dir():
        pytest.skip("the real data are not beside the project")
    if name == "faces":
        files = [(REAL / name / "sketches" / path.name, path) for path in sorted((REAL / name / "photos").iterdir())[:count]]
        return [tuple(np.asarray(Image.open(path).convert("RGB")) for path in pair) for pair in files]
    side, part, _ = REAL_PAIRS[name]
    images = [Image.open(path).resize((512, 256), Image.Resampling.BOX) for path in sorted((REAL / name / part).iterdir())[:count]]
    halves = [np.split(np.asarray(image.convert("RGB")), 2, axis=1) for image in images]
    return [tuple(pair if side == "left" else pair[::-1]) for pair in halves]


@pytest.mark.parametrize("name", ["facades", "maps", "edges2shoes", "faces"])
def test_real_pairs_are_not_accused_and_moved_ones_are_found(name):
    pairs = real_pairs(name, 40)
    assert not any(estimate_shift(source, target).clear for source, target in pairs)
    moved = [estimate_shift(source, np.roll(target, (8, -4), axis=(0, 1))) for source, target in pairs]
    assert sum(shift.clear for shift in moved) >= 0.8 * len(pairs)
    true = [abs(shift.down - 8) <= 2 and abs(shift.right + 4) <= 2 for shift in moved if shift.clear]
    assert np.mean(true) >= 0.9


def test_labels_that_lie_a_little_beside_are_not_accused():
    if not REAL.is_dir():
        pytest.skip("the real data are not beside the project")
    for name, side in (("facades/train/218.jpg", "right"), ("maps/train/451.jpg", "left")):
        shift = look_at(Pair("train", "", (REAL / name,)), side).shift
        assert max(abs(shift.down), abs(shift.right)) >= 4 and shift.peak > 7 and not shift.clear


def test_real_facades_have_no_fault(tmp_path):
    if not REAL.is_dir():
        pytest.skip("the real data are not beside the project")
    (tmp_path / "train").mkdir()
    for path in sorted((REAL / "facades" / "train").iterdir())[:40]:
        (tmp_path / "train" / path.name).symlink_to(path)
    report = check(tmp_path, source_side="right")
    assert report.ok, str(report)
