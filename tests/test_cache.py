"""The cache of decoded pictures: decoded once, decoded again when a file changes, safe under two processes."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from p2p_lib.data import PairedImages
from p2p_lib.data.cache import cache_folder, cached

WAIT_S = 60


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache for one test."""
    monkeypatch.setenv("P2P_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three side-by-side files of one gray each."""
    home = tmp_path / "pictures"
    home.mkdir()
    for i in range(3):
        Image.new("RGB", (16, 8), (i, i, i)).save(home / f"{i}.bmp")
    return home


def load(folder: Path, size: int = 8) -> PairedImages:
    return PairedImages.from_side_by_side(folder, "left", size)


def spoil(path: Path, *, same_time: bool) -> None:
    """Replace a file by garbage of the same length, so that whoever decodes it fails."""
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    later = 0 if same_time else 1
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + later))


def test_second_load_decodes_nothing_and_maps_the_disk(cache, folder):
    first = np.array(load(folder).array)
    spoil(folder / "1.bmp", same_time=True)
    second = load(folder)
    assert isinstance(second.array, np.memmap)
    assert not second.array.flags.writeable
    np.testing.assert_array_equal(second.array, first)
    assert second.names == ["0.bmp", "1.bmp", "2.bmp"]


def test_a_file_with_another_time_is_decoded_again(cache, folder):
    load(folder)
    spoil(folder / "1.bmp", same_time=False)
    with pytest.raises(Exception, match="1.bmp"):
        load(folder)


@pytest.mark.parametrize("change", ["replaced", "added", "removed"])
def test_changed_files_show_and_the_old_entry_goes(cache, folder, change):
    load(folder)
    expected = [0, 1, 2]
    if change == "replaced":
        Image.new("RGB", (32, 16), (200, 200, 200)).save(folder / "1.bmp")
        expected[1] = 200
    elif change == "added":
        Image.new("RGB", (16, 8), (3, 3, 3)).save(folder / "3.bmp")
        expected.append(3)
    else:
        (folder / "2.bmp").unlink()
        expected.pop()
    assert load(folder).array[:, 0, 0, 0, 0].tolist() == expected
    assert len(list(cache.glob("*.npy"))) == len(list(cache.glob("*.json"))) == 1


def test_other_size_side_and_folder_are_other_entries(cache, folder):
    assert load(folder, 8).array.shape[2:4] == (8, 8)
    assert load(folder, 4).array.shape[2:4] == (4, 4)
    PairedImages.from_side_by_side(folder, "right", 8)
    assert len(list(cache.glob("*.npy"))) == 3
    assert load(folder, 8).array.shape[2:4] == (8, 8)


@pytest.mark.parametrize("name", ["set.v2", "2024.05.01", "my [old] set"])
def test_any_folder_name_will_do(cache, folder, name):
    folder = folder.rename(folder.with_name(name))
    assert load(folder, 8).array.shape[2:4] == (8, 8)
    assert load(folder, 4).array.shape[2:4] == (4, 4)
    Image.new("RGB", (32, 16), (200, 200, 200)).save(folder / "1.bmp")
    assert load(folder, 8).array[1, 0, 0, 0, 0] == 200
    assert len(list(cache.glob("*.npy"))) == 2


def test_an_entry_without_its_array_is_made_anew(cache, folder):
    """As a process killed between the two files of an entry leaves it."""
    load(folder)
    (array,) = cache.glob("*.npy")
    array.unlink()
    assert load(folder).array[:, 0, 0, 0, 0].tolist() == [0, 1, 2]


def visit(barrier, folder: str) -> None:
    """What each of two processes does: nobody finds an entry, so both make one at the same time."""

    def make() -> tuple[np.ndarray, dict]:
        barrier.wait(WAIT_S)
        return np.arange(300_000), {"made": True}

    array, facts = cached("busy", "what", "version", make)
    Path(folder, f"{os.getpid()}.json").write_text(json.dumps([int(array.sum()), len(array), facts]))


def test_two_processes_at_once_get_the_same(cache, tmp_path):
    forks = "fork" in multiprocessing.get_all_start_methods()  # not on Windows; saves each process from importing everything anew
    context = multiprocessing.get_context("fork" if forks else "spawn")
    barrier = context.Barrier(2)
    answers = tmp_path / "answers"
    answers.mkdir()
    processes = [context.Process(target=visit, args=(barrier, str(answers))) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(WAIT_S)
    assert [process.exitcode for process in processes] == [0, 0]
    expected = [299_999 * 150_000, 300_000, {"made": True}]
    assert [json.loads(path.read_text()) for path in answers.iterdir()] == [expected, expected]
    assert sorted(path.suffix for path in cache.iterdir()) == [".json", ".npy"]  # one entry, nothing half-written


def test_where_the_cache_cannot_be_written_pictures_stay_in_memory(tmp_path, monkeypatch, folder, caplog):
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setenv("P2P_CACHE", str(in_the_way / "cache"))
    with caplog.at_level(logging.WARNING, "p2p_lib"):
        pairs = load(folder)
    assert pairs.array[:, 0, 0, 0, 0].tolist() == [0, 1, 2]
    assert f"The cache {in_the_way / 'cache'} cannot be written" in caplog.text


def test_cache_folder_of_the_user(monkeypatch, tmp_path):
    monkeypatch.delenv("P2P_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "p2p_lib"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "p2p_lib"
