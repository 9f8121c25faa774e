"""From videos to pairs: which frames, split by scene, killed and gone on with, and what is refused."""

from __future__ import annotations

import collections
import json
import logging
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, python_path
from PIL import Image
from test_frames import VIDEOS, numbered, real, shot, write_video

from p2p_lib.data import anime
from p2p_lib.data.anime import geometry, prepare, seconds
from p2p_lib.data.frames import read_frames
from p2p_lib.errors import DataError


def draw(frames: list[np.ndarray]) -> list[np.ndarray]:
    return [255 - frame[..., 1] for frame in frames]


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Ten scenes of 12 frames; the first shot comes again as the fourth scene, and goes on."""
    shots = [shot(seed) for seed in range(9)]
    shots[0], again = shot(0, 24)[:12], shot(0, 24)[12:]
    shots.insert(3, again)
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", [picture for pictures in shots for picture in pictures])


def contents(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def folds_of_scenes(out: Path) -> dict[str, set[str]]:
    folds = collections.defaultdict(set)
    for path in out.rglob("*.png"):
        folds[re.fullmatch(r"(.*-s\d{4})-f\d{6}", path.stem)[1]].add(path.parent.name)
    return folds


def test_pairs(film, tmp_path):
    out = tmp_path / "out"
    prepared = prepare(film, out, draw=draw, rate=5, size=32, near=0, progress=False)
    np.testing.assert_allclose(prepared.scenes["film.mp4"], np.arange(10) * 12 / 25)
    assert len(prepared.folds) == 24  # 4.8 s, five a second
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.png")} == {
        f"{fold}/{x}" for x, fold in prepared.folds.items()
    }
    shown = {time: picture for _, time, picture in read_frames(film, rate=5)}
    for number, (name, fold) in enumerate(prepared.folds.items()):
        pair = np.asarray(Image.open(out / fold / name))
        assert pair.shape == (32, 64, 3)
        middle = list(shown.values())[number].crop((16, 0, 112, 96)).resize((32, 32), Image.Resampling.BICUBIC)
        assert np.abs(pair[:, 32:].astype(int) - np.asarray(middle)).max() == 0
        np.testing.assert_array_equal(pair[:, :32], np.repeat(255 - pair[:, 32:, 1:2], 3, axis=2))


def test_no_scene_and_no_shot_on_two_sides(film, tmp_path):
    for seed in range(4):
        prepared = prepare(film, tmp_path / str(seed), draw=draw, rate=25, size=8, seed=seed, progress=False)
        folds = folds_of_scenes(tmp_path / str(seed))
        assert all(len(names) == 1 for names in folds.values())
        assert prepared.same_shots == [["film-s0000", "film-s0003"]]
        assert folds["film-s0000"] == folds["film-s0003"]
        assert set.union(*folds.values()) == {"train", "val", "test"}


@pytest.mark.slow
@real
def test_real_videos(tmp_path):
    videos = [VIDEOS / "bikes.mp4", VIDEOS / "bigbuckbunny.mp4"]
    prepare(videos, tmp_path / "out", draw=draw, rate=4, size=16, progress=False)
    scenes = [f"bikes-s{scene:04}" for scene in range(6)] + ["bigbuckbunny-s0000"]
    assert {name: len(folds) for name, folds in folds_of_scenes(tmp_path / "out").items()} == dict.fromkeys(scenes, 1)


def test_one_frame_from_the_middle_of_each_scene(film, tmp_path):
    prepared = prepare(film, tmp_path / "out", draw=draw, rate="cuts", size=8, progress=False)
    assert list(prepared.folds) == [f"film-s{scene:04}-f{12 * scene + 6:06}.png" for scene in range(10)]


def test_repeated_and_blank_frames_are_left_out(tmp_path):
    """Stills, as animation holds them, under the noise of encoding; and black between two scenes."""
    pictures = [shot(seed)[0] for seed in range(5) for _ in range(12)] + [np.zeros_like(shot(0)[0])] * 12
    video = write_video(tmp_path / "a.mp4", pictures + list(shot(7)), crf=30)
    prepared = prepare(video, tmp_path / "out", draw=draw, rate=25, size=8, progress=False)
    assert (prepared.repeated, prepared.blank) == (5 * 11, 12)
    assert len(prepared.folds) == 5 + 12
    assert "55 frames that repeat one of their scene, 12 blank ones" in str(prepared)


def test_part_and_crop(film, tmp_path):
    prepared = prepare(
        film, tmp_path / "out", draw=draw, rate=25, start=0.96, end=2.4, crop=(40, 30, 64, 20), size=30, near=0, progress=False
    )
    assert len(prepared.folds) == 36
    _, _, picture = next(read_frames(film, 0.96))
    pair = np.asarray(Image.open(tmp_path / "out" / prepared.folds["film-s0000-f000000.png"] / "film-s0000-f000000.png"))
    np.testing.assert_array_equal(pair[:, 30:], np.asarray(picture)[20:50, 69:99])
    with pytest.raises(DataError, match=r"crop of 80x80\+50\+20 does not fit into frames of 128 x 96"):
        prepare(film, tmp_path / "other", draw=draw, crop=(80, 80, 50, 20), progress=False)


def test_videos_of_one_name(film, tmp_path):
    (tmp_path / "film.mp4").write_bytes(film.read_bytes())
    prepared = prepare([film, tmp_path / "film.mp4"], tmp_path / "out", draw=draw, rate="cuts", size=8, progress=False)
    assert len(prepared.folds) == 20
    assert all(len({prepared.folds[name], prepared.folds[name.replace("_1-", "_2-")]}) == 1 for name in list(prepared.folds)[:10])


# Killed, and gone on with.

KILLED = """
import os, sys
import numpy as np
from p2p_lib.data.anime import prepare
sys.path.insert(0, sys.argv[3])
from test_anime import Batchwise
class Killed(Batchwise):
    left = 2
    def __call__(self, frames):
        self.left -= 1
        if self.left < 0:
            os._exit(9)
        return super().__call__(frames)
prepare(sys.argv[1], sys.argv[2], draw=Killed(), rate=10, size=8, near=0, progress=False)
"""


class Batchwise:
    """Draws a frame differently beside other ones, as a network does in its last bits."""

    name = "batchwise"

    def __call__(self, frames: list[np.ndarray]) -> list[np.ndarray]:
        level = np.uint8(np.mean(frames) * 7 % 256)
        return [np.full(frame.shape[:2], level) for frame in frames]


@pytest.mark.slow
def test_killed_and_gone_on_with(film, tmp_path, monkeypatch):
    settings = {"draw": Batchwise(), "rate": 10, "size": 8, "near": 0, "progress": False}
    whole = prepare(film, tmp_path / "whole", **settings)
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, film, out, Path(__file__).parent]
    assert subprocess.run(command, env=python_path(), timeout=120, check=False).returncode == 9
    written = list(out.rglob("*.png"))
    assert 0 < len(written) < len(whole.folds)
    written[0].unlink()  # from the middle of a batch
    monkeypatch.setattr(anime, "watched", None)  # the scenes are known
    assert prepare(film, out, **settings) == whole
    assert contents(out) == contents(tmp_path / "whole")
    monkeypatch.setattr(anime, "frames_at", None)  # so is the rest
    assert prepare(film, out, **settings) == whole


def test_other_settings_in_the_same_folder(film, tmp_path, monkeypatch):
    prepare(film, tmp_path / "out", draw=draw, rate=2, size=8, near=0, progress=False)
    before = contents(tmp_path / "out")
    monkeypatch.setattr(anime, "survey", None)  # refused before the long look
    for other in ({"rate": 3}, {"size": 16}, {"draw": Batchwise()}, {"crop": (9, 9, 0, 0)}, {"start": 1.0}):
        with pytest.raises(DataError, match="was prepared otherwise"):
            prepare(film, tmp_path / "out", **({"draw": draw, "rate": 2, "size": 8, "near": 0, "progress": False} | other))
    assert contents(tmp_path / "out") == before


# What is said before and after, and what is refused.


def test_disk_use_is_estimated(film, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "p2p_lib"):
        prepare(film, tmp_path / "out", draw=draw, rate=25, size=64, near=0, progress=False)
    said = re.search(r"120 pairs will take about ([\d.]+) MB; .* are free", caplog.text)
    taken = sum(-(-path.stat().st_size // 4096) * 4096 for path in (tmp_path / "out").rglob("*.png"))
    assert float(said[1]) == pytest.approx(taken / 1e6, rel=0.2)


def test_too_little_disk(film, tmp_path, monkeypatch):
    monkeypatch.setattr(anime.shutil, "disk_usage", lambda _: collections.namedtuple("Usage", "free")(100_000))
    with pytest.raises(DataError, match=r"120 pairs take about 1\.\d MB, but only 0\.1 MB are free.*; make room"):
        prepare(film, tmp_path / "out", draw=draw, rate=25, size=64, near=0, progress=False)
    assert not (tmp_path / "out").exists()


def test_broken_video(film, tmp_path):
    video = write_video(tmp_path / "a.mkv", [picture for seed in range(8) for picture in shot(seed)])
    video.write_bytes(video.read_bytes()[: video.stat().st_size * 2 // 3])
    prepared = prepare([film, video], tmp_path / "out", draw=draw, rate=5, size=8, progress=False)
    assert len(prepared.scenes["a.mkv"]) > 3
    assert re.fullmatch(r"a.mkv breaks off at 00:00:0\d.* of 00:00:03.84; the frames up to there are used.", prepared.problems[0])
    assert prepared.problems[0] in str(prepared)
    assert json.loads((tmp_path / "out" / "prepared.json").read_text())["problems"] == prepared.problems


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"videos": "one.mp4"}, "Training, validation and test want a scene each; 1 that differ came from one.mp4"),
        ({"videos": "gray.mp4"}, "All frames of gray.mp4 are blank"),
        ({"videos": "none.mp4"}, "There is no video none.mp4"),
        ({"start": 100.0}, "film.mp4 has no frames from 00:01:40 on; it lasts until 00:00:04.8"),
        ({"rate": 0}, "a number of frames a second above 0"),
        ({"rate": "cut"}, "or 'cuts'; 'cut' came"),
    ],
)
def test_one_sentence(film, tmp_path, change, message):
    write_video(tmp_path / "one.mp4", shot(1, 30))
    write_video(tmp_path / "gray.mp4", [numbered(2)[1]] * 9)
    settings = {"videos": film, "draw": draw, "size": 8, "progress": False} | change
    with pytest.raises(DataError, match=message):
        prepare(out=tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "expected"), [("00:06:00", 360), ("1:02:03.5", 3723.5), ("6:05", 365), ("90", 90), ("0.25", 0.25)]
)
def test_times(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "a", "1:60", "1:60:00", "-3", "1:2:3:4", "6:"])
def test_no_times(text):
    with pytest.raises(DataError, match="is not a time"):
        seconds(text)


def test_geometry():
    assert geometry("480x360+80+4") == (480, 360, 80, 4)
    with pytest.raises(DataError, match="'480x360' is not a crop"):
        geometry("480x360")


@pytest.mark.slow
def test_script(film, tmp_path):
    script = ROOT / "data_scripts" / "prepare_anime.py"
    command = [sys.executable, script, film, tmp_path / "out", "--cuts", "--size", "16", "--sketch", "xdog", "--end", "0:04"]
    done = subprocess.run(command, capture_output=True, text=True, env=python_path(), timeout=60)
    assert done.returncode == 0, done.stderr
    assert "9 pairs: 7 train, 1 val, 1 test.\nfilm.mp4: 9 scenes." in done.stdout
    assert "9 pairs will take about" in done.stderr


def test_script_explains_in_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["prepare_anime", "film.mp4", "out", "--sketch", "xdog", "--crop", "9"])
    assert runpy.run_path(str(ROOT / "data_scripts" / "prepare_anime.py"))["main"]() == 2
    assert capsys.readouterr().err == "prepare_anime: '9' is not a crop; expected WIDTHxHEIGHT+LEFT+TOP like 480x480+80+0.\n"
