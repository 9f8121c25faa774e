"""Combining two folders and splitting one: what lands where, what is refused, and that an interrupted call goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from p2p_lib.cli import main
from p2p_lib.data import arrange
from p2p_lib.data.arrange import combine, join_groups, split
from p2p_lib.data.check import check
from p2p_lib.data.pairs import PairedImages
from p2p_lib.data.synthetic.facades import facade
from p2p_lib.errors import DataError

SIZE = 48
CARS, VIEWS = 6, 3


def write(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture(scope="module")
def cars(tmp_path_factory) -> Path:
    """Pairs in two folders, ``car0_0.png``...: three of every "car"; and the first of car 0 once more, as a JPEG of car 9."""
    folder = tmp_path_factory.mktemp("cars")
    for i in range(CARS * VIEWS):
        for side, array in zip(("source", "target"), facade(i, SIZE), strict=True):
            write(array, folder / side / f"car{i // VIEWS}_{i % VIEWS}.png")
            if i == 0:
                Image.fromarray(array).save(folder / side / "car9_0.jpg", quality=80)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Combine.


def test_a_is_left_and_b_right(tmp_path, cars, capsys):
    out = tmp_path / "out"
    assert main(["data", "combine", str(cars / "source"), str(cars / "target"), str(out)]) == 0
    assert "19 pairs, A left and B right" in capsys.readouterr().out
    pairs = PairedImages.from_side_by_side(out, "left", SIZE)
    original = PairedImages.from_folders(cars / "source", cars / "target", SIZE)
    assert [Path(name).stem for name in pairs.names] == [Path(name).stem for name in original.names]
    assert (pairs.array == original.array).all()
    assert not list(out.rglob("*.partial"))


def test_sizes(tmp_path):
    for name, shape in (("a", (40, 60)), ("sub/b", (40, 60))):
        write(np.full((*shape, 3), 10, np.uint8), tmp_path / f"A/{name}.png")
        write(np.full((2 * shape[0], 2 * shape[1], 3), 200, np.uint8), tmp_path / f"B/{name}.jpg")
    combine(tmp_path / "A", tmp_path / "B", tmp_path / "own")
    combine(tmp_path / "A", tmp_path / "B", tmp_path / "square", size=32)
    for out, expected in (("own", (120, 40)), ("square", (64, 32))):
        for name in ("a", "sub/b"):
            with Image.open(tmp_path / out / f"{name}.png") as image:
                assert image.size == expected
                left, right = np.split(np.asarray(image), 2, axis=1)
            assert (left == 10).all() and (np.abs(right.astype(int) - 200) <= 1).all()


def spoiled(folder: Path) -> tuple[Path, Path]:
    a, b = folder / "A", folder / "B"
    for name in ("good", "lonely", "torn", "wide", "twice"):
        write(facade(1, SIZE)[0], a / f"{name}.png")
    for name in ("good", "other", "torn", "wide", "twice"):
        write(facade(1, SIZE)[1], b / f"{name}.png")
    (b / "torn.png").write_bytes((b / "torn.png").read_bytes()[:200])
    write(facade(1, SIZE)[1][:30], b / "wide.png")
    write(facade(1, SIZE)[0], a / "twice.bmp")
    return a, b


def test_everything_that_does_not_pair_is_listed_and_nothing_is_written(tmp_path):
    a, b = spoiled(tmp_path)
    with pytest.raises(DataError) as error:
        combine(a, b, tmp_path / "out")
    for name in ("A/lonely.png: has no partner in B/", "B/other.png: has no partner", "B/torn.png is trunc", "48 x 48, but its"):
        assert name in str(error.value)
    assert "A/twice.png: has the same stem as twice.bmp" in str(error.value)
    assert not (tmp_path / "out").exists()


def test_skip_leaves_out_what_does_not_pair(tmp_path, capsys):
    a, b = spoiled(tmp_path)
    assert main(["data", "combine", str(a), str(b), str(tmp_path / "out"), "--on_error", "skip"]) == 0
    assert "2 pairs" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"good.png", "twice.png"}


@pytest.mark.parametrize("what", [combine, split])
def test_an_interrupted_call_goes_on(tmp_path, cars, monkeypatch, what):
    arguments = (cars / "source", cars / "target") if what is combine else (cars,)
    whole, out = tmp_path / "whole", tmp_path / "out"
    what(*arguments, whole)
    steps = iter(range(1000))
    real = arrange.atomic_write if what is split else arrange.save_image

    def killed(*args, **options):
        if next(steps) >= 5:
            raise KeyboardInterrupt
        return real(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(arrange, "atomic_write" if what is split else "save_image", killed)
        with pytest.raises(KeyboardInterrupt):
            what(*arguments, out)
    assert 0 < len(files_of(out)) < len(files_of(whole))
    first = next(path for path in sorted(out.rglob("*.*")) if path.suffix in (".png", ".jpg"))
    time = first.stat().st_mtime_ns
    (first.parent / ".x.png.12345678.partial").write_bytes(b"half")
    what(*arguments, out)
    assert files_of(out) == files_of(whole)
    assert first.stat().st_mtime_ns == time  # not written again


@pytest.mark.parametrize("what", [combine, split])
def test_a_folder_in_use_is_refused(tmp_path, cars, what):
    arguments = (cars / "source", cars / "target") if what is combine else (cars,)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="holds something else.*choose a new folder"):
        what(*arguments, tmp_path)
    with pytest.raises(DataError, match="lies inside"):
        what(*arguments, arguments[0] / "out")
    what(*arguments, tmp_path / "out")
    options = {"size": 32} if what is combine else {"seed": 1}
    with pytest.raises(DataError, match="holds something else, or the same made from other files or settings"):
        what(*arguments, tmp_path / "out", **options)


# Split.


def test_split_keeps_groups_and_what_looks_alike_together(tmp_path, cars, capsys):
    out = tmp_path / "out"
    assert main(["data", "split", str(cars), str(out), "--group", r"^(car\d)_", "--share", "0.2"]) == 0
    printed = capsys.readouterr().out
    assert "19 pairs in 6 groups" in printed and "car0_0, car9_0" in printed
    fold_of_car: dict[str, set[str]] = {}
    for name, content in files_of(out).items():
        if name == "arranged.json":
            continue
        fold, side, file = name.split("/")
        assert content == (cars / side / file).read_bytes()
        fold_of_car.setdefault(file[:4], set()).add(fold)
    assert all(len(folds) == 1 for folds in fold_of_car.values())
    assert fold_of_car["car0"] == fold_of_car["car9"]
    assert {fold for folds in fold_of_car.values() for fold in folds} == {"train", "val", "test"}
    assert not [fault for fault in check(out).faults if fault[0] == "leak"]


def test_a_split_of_side_by_side_files(tmp_path, cars):
    combine(cars / "source", cars / "target", tmp_path / "pairs")
    (tmp_path / "pairs" / "arranged.json").unlink()
    arranged = split(tmp_path / "pairs", tmp_path / "out", share=0.2)
    assert sorted(path.stem for path in (tmp_path / "out").glob("*/*.png")) == sorted(
        path.stem for path in (cars / "target").iterdir()
    )
    assert arranged.folds["car0_0"] == arranged.folds["car9_0"]
    assert ["car0_0", "car9_0"] in arranged.alike
    assert not [fault for fault in check(tmp_path / "out", source_side="left").faults if fault[0] == "leak"]


def test_the_same_split_from_another_place(tmp_path, cars):
    first = split(cars, tmp_path / "first", seed=3)
    (tmp_path / "moved").symlink_to(cars)
    assert split(tmp_path / "moved", tmp_path / "second", seed=3).folds == first.folds
    assert split(cars, tmp_path / "third", seed=4).folds != first.folds


def test_joined_groups_join_in_turn():
    labels = [np.array([0, 1, 1, 2, 3, 4])], [np.array([0, 1, 2, 3, 4, 4])]
    groups = ["a", "b", "c", "c", "d", "e"]
    assert join_groups(groups, labels[0]) == ["a", "b", "b", "b", "d", "e"]
    assert join_groups(groups, labels[0] + labels[1]) == ["a", "b", "b", "b", "d", "d"]


@pytest.mark.parametrize(
    ("spoil", "options", "message"),
    [
        (lambda folder: None, {"group": "(bike)"}, "does not match 'p0'"),
        (lambda folder: None, {"group": "("}, "not a regular expression"),
        (lambda folder: None, {"group": "p"}, "there are 1 in 6 pictures"),
        (lambda folder: (folder / "source/p0.png").unlink(), {}, "do not pair.*without a partner: target/p0.png"),
        (lambda folder: (folder / "target/p0.png").write_bytes(b"torn"), {}, "p0: a file is not a picture.*data check"),
        (
            lambda folder: write(facade(0, SIZE)[0], folder / "source/p0.bmp"),
            {},
            "twice the same name: source/p0.bmp, source/p0.png",
        ),
        (lambda folder: (folder / "train").mkdir(), {}, "There are no pairs in"),
        (lambda folder: (folder / "source").rename(folder / "elsewhere"), {}, "do not pair"),
    ],
)
def test_what_cannot_be_split(tmp_path, spoil, options, message):
    folder = tmp_path / "pairs"
    for i in range(6):
        for side, array in zip(("source", "target"), facade(i, SIZE), strict=True):
            write(array, folder / side / f"p{i}.png")
    spoil(folder)
    with pytest.raises(DataError, match=message):
        split(folder, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_split_already(tmp_path, cars):
    split(cars, tmp_path / "out")
    with pytest.raises(DataError, match="is split already: it has train/, val/, test/"):
        split(tmp_path / "out", tmp_path / "again")
