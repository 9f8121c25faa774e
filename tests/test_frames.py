"""Frames and scenes of videos, real ones and small ones that are encoded here."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from helpers import ROOT
from PIL import Image

from p2p_lib.data import frames
from p2p_lib.data.frames import clock, decoded, probe, read_frames, scene_cuts
from p2p_lib.data.synthetic.comics import frame as comics_frame
from p2p_lib.errors import DataError

VIDEOS = ROOT.parent / "shared" / "data" / "video"
CUTS_OF_BIKES = [30, 76, 137, 187, 242]  # looked at by eye; scene_cuts.mp4 is the same film beside two diagrams
real = pytest.mark.skipif(not VIDEOS.is_dir(), reason="the real videos are not here")
with_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="there is no ffmpeg to compare with"
)


def write_video(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    fps: int = 25,
    codec: str = "libx264",
    pts: Sequence[int] | None = None,
    **options,
) -> Path:
    """Encode pictures, uint8 (H, W, 3) each; `pts`: when each is shown, in units of 1 / fps."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 2_000_000
        stream.options = (
            {"preset": "ultrafast"} | {name: str(value) for name, value in options.items()} if codec == "libx264" else {}
        )
        for number, picture in enumerate(pictures):
            raw = av.VideoFrame.from_ndarray(picture)
            raw.pts, raw.time_base = (pts[number] if pts else number), Fraction(1, fps)
            container.mux(stream.encode(raw))
        container.mux(stream.encode())
    return path


@functools.cache
def shot(seed: int, count: int = 12, width: int = 128, height: int = 96) -> tuple[np.ndarray, ...]:
    """A procedural cartoon frame over which the camera pans and zooms."""
    image = Image.fromarray(comics_frame(seed, 192)[1])
    rng = np.random.default_rng(seed)
    (x0, y0), (x1, y1), (side0, side1) = rng.uniform(0, 40, 2), rng.uniform(0, 40, 2), rng.uniform(120, 150, 2)
    pictures = []
    for share in np.linspace(0, count / 30, count):
        x, y, side = (first + share * (last - first) for first, last in ((x0, x1), (y0, y1), (side0, side1)))
        box = (x, y, x + side, y + side * height / width)
        pictures.append(np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, box=box)))
    return tuple(pictures)


def numbered(count: int) -> list[np.ndarray]:
    """Grey frames, each of which is told from its neighbours by its level (its number times 5)."""
    return [np.full((48, 64, 3), 5 * number, np.uint8) for number in range(count)]


def number_of(picture: Image.Image) -> int:
    return round(np.asarray(picture).mean() / 5)


@functools.cache
def ffprobe(path: Path) -> dict:
    entries = "stream=width,height,nb_read_frames:frame=pts_time:format=start_time"
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-count_frames",
        "-show_entries",
        entries,
        "-of",
        "json",
        str(path),
    ]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


# What a file says, and when its frames are shown.


@real
@pytest.mark.parametrize(
    ("name", "width", "height", "count"),
    [("bikes", 640, 272, 250), ("bigbuckbunny", 1280, 720, 132), ("scene_cuts", 1280, 272, 250)],
)
def test_real_videos(name, width, height, count):
    video = probe(VIDEOS / f"{name}.mp4")
    assert (video.width, video.height, video.frames, video.fps, video.start) == (width, height, count, 25, 0)
    assert video.duration == pytest.approx(count / 25)
    np.testing.assert_allclose([frame.time for frame in decoded(VIDEOS / f"{name}.mp4")], np.arange(count) / 25)


@real
@with_ffmpeg
@pytest.mark.parametrize("name", ["bikes", "bigbuckbunny", "scene_cuts"])
def test_counts_and_times_agree_with_ffprobe(name):
    path = VIDEOS / f"{name}.mp4"
    expected = ffprobe(path)
    assert probe(path).frames == int(expected["streams"][0]["nb_read_frames"])
    np.testing.assert_allclose([frame.time for frame in decoded(path)], [float(frame["pts_time"]) for frame in expected["frames"]])


@with_ffmpeg
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_variable_frame_rate_and_b_frames_agree_with_ffprobe(tmp_path, suffix):
    """MPEG-TS begins at 1.4 s, Matroska counts no frames and knows milliseconds only."""
    path = write_video(tmp_path / f"a.{suffix}", shot(1, 20), pts=[0, 1, 2, 5, *range(7, 20), 30, 31, 40], bf=3, preset="veryfast")
    expected, video = ffprobe(path), probe(path)
    assert video.frames == 20
    assert video.start == pytest.approx(float(expected["format"]["start_time"]))
    times = [time for _, time, _ in read_frames(path)]
    np.testing.assert_allclose(np.add(times, video.start), [float(frame["pts_time"]) for frame in expected["frames"]], atol=1e-5)
    assert (np.diff(times) > 0).all()


@with_ffmpeg
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("levels", ["tv", "pc"])
def test_colours_are_those_of_ffmpeg(tmp_path, matrix, levels):
    raw = write_video(tmp_path / "raw.mp4", shot(2, 2), qp=0)
    path, png = tmp_path / "a.mp4", tmp_path / "a.png"
    convert = ["-vf", f"scale=out_color_matrix={matrix}:out_range={levels}", "-color_range", levels]
    space = ["-colorspace", {"bt601": "smpte170m", "bt709": "bt709"}[matrix]]
    for command in (
        [raw, *convert, *space, "-c:v", "libx264", "-qp", "0", path],
        [path, "-frames:v", "1", "-pix_fmt", "rgb24", png],
    ):
        subprocess.run(["ffmpeg", "-v", "error", "-i", *command], check=True)
    _, _, picture = next(read_frames(path))
    np.testing.assert_allclose(np.asarray(picture).astype(int), np.asarray(Image.open(png)).astype(int), atol=1)


def test_upright_and_with_square_pixels(tmp_path):
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32] = 255  # the left half is white
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        stream.set_display_rotation(90)  # counterclockwise
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    video, (_, _, shown) = probe(path), next(read_frames(path))
    assert (video.width, video.height) == shown.size == (48, 128)
    assert np.asarray(shown)[80:].mean() > 240
    assert np.asarray(shown)[:48].mean() < 15


# A part of a video.


def test_start_and_end(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered(40), g=10, bf=2, preset="veryfast")
    for start, end, expected in ((0.44, 0.8, range(11, 20)), (0.45, None, range(12, 40)), (0, 0.04, [0]), (1.56, 9, [39])):
        got = list(read_frames(path, start, end))
        assert [number_of(picture) for _, _, picture in got] == list(expected)
        assert [number for number, _, _ in got] == list(range(len(expected)))
        np.testing.assert_allclose([time for _, time, _ in got], np.array(expected) / 25)


@pytest.mark.parametrize(
    ("start", "end", "rate", "expected"),
    [
        (0, None, 5, [0, 5, 10, 15, 20, 25, 30, 35]),
        (0.1, 1, 5, [2, 7, 12, 17, 22]),  # the frame that is shown then, which began before
        (0, 0.2, 10, [0, 2]),
        (0.4, 0.6, 1000, [10, 11, 12, 13, 14]),  # none twice
        (0, None, 0.5, [0]),
    ],
)
def test_rate(tmp_path, start, end, rate, expected):
    path = write_video(tmp_path / "a.mp4", numbered(40))
    assert [number_of(picture) for _, _, picture in read_frames(path, start, end, rate)] == expected


def test_rate_of_a_variable_frame_rate(tmp_path):
    path = write_video(tmp_path / "a.mkv", numbered(5), pts=[0, 1, 2, 20, 24])  # the third is shown for 0.72 s
    assert [number_of(picture) for _, _, picture in read_frames(path, rate=5)] == [0, 2, 3]


def test_only_the_part_is_decoded(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", numbered(50), g=10, sc_threshold=0)
    seen = []
    original = frames._raw_frames
    monkeypatch.setattr(frames, "_raw_frames", lambda *of: (seen.append(frame.pts) or frame for frame in original(*of)))
    assert next(decoded(path, 1.72)).time == pytest.approx(1.72)
    assert len(seen) == 5  # the keyframe at 1.6 s, and to know until when the frame is shown, the one after it


# Files that are damaged, or no videos.


def test_truncated_video(tmp_path, caplog):
    whole = write_video(tmp_path / "whole.mkv", [picture for seed in range(8) for picture in shot(seed)])
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    times = [time for _, time, _ in read_frames(path)]
    assert 1 < times[-1] < 3
    np.testing.assert_allclose(times, np.arange(len(times)) / 25, atol=0.001)
    assert f"cut.mkv breaks off at {clock(times[-1] + 0.04)} of 00:00:03.84" in caplog.text


def test_what_follows_damage_is_left_out_up_to_the_next_keyframe(tmp_path, caplog):
    pictures = [picture for seed in range(8) for picture in shot(seed)]
    whole = write_video(tmp_path / "whole.mp4", pictures, g=12)
    broken = bytearray(whole.read_bytes())
    middle = len(broken) // 2
    broken[middle : middle + 500] = np.random.default_rng(0).bytes(500)
    path = tmp_path / "broken.mp4"
    path.write_bytes(broken)
    expected = {round(25 * time): np.asarray(picture).astype(int) for _, time, picture in read_frames(whole)}
    got = {round(25 * time): np.asarray(picture).astype(int) for _, time, picture in read_frames(path)}
    assert 70 <= len(got) < 96
    assert max(np.abs(picture - expected[number]).mean() for number, picture in got.items()) < 2
    assert "broken.mp4 is damaged after 00:00:0" in caplog.text


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.mp4", b""), ("a.mp4", b"no video" * 99), ("a.txt", b"words\n" * 99), ("a.mkv", bytes(range(256)) * 20)],
)
def test_not_a_video(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name} (is no video|has no pictures that move).*[;:].*[.?]$"):
        probe(tmp_path / name)


def test_sound_without_pictures(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(DataError, match="has no pictures that move"):
        list(read_frames(tmp_path / "a.mp4"))


def test_missing_file_and_start_beyond_the_end(tmp_path):
    with pytest.raises(DataError, match="There is no video"):
        probe(tmp_path / "a.mp4")
    path = write_video(tmp_path / "b.mp4", numbered(10))
    for look in (lambda: list(read_frames(path, 60)), lambda: scene_cuts(path, 60)):
        with pytest.raises(DataError, match="b.mp4 has no frames from 00:01:00 on; it lasts until 00:00:00.4"):
            look()


# Scenes.


@real
@pytest.mark.parametrize(("name", "cuts"), [("scene_cuts", CUTS_OF_BIKES), ("bigbuckbunny", [])])
def test_cuts_of_real_videos(name, cuts):
    np.testing.assert_allclose(scene_cuts(VIDEOS / f"{name}.mp4"), np.array(cuts) / 25)


@real
def test_cuts_of_concatenated_shots(tmp_path):
    """Shots of the films, each of ten frames or more, in random order and encoded anew."""
    film = [picture.resize((160, 160)) for _, _, picture in read_frames(VIDEOS / "bikes.mp4")]
    bunny = [picture.resize((160, 160)) for _, _, picture in read_frames(VIDEOS / "bigbuckbunny.mp4", 1, 2)]
    shots = [film[start:end] for start, end in zip([0, *CUTS_OF_BIKES[:4]], CUTS_OF_BIKES, strict=True)] + [bunny]
    rng = np.random.default_rng(1)
    parts = [shots[i][: rng.integers(10, 25)] for i in rng.permutation(len(shots))]
    path = write_video(tmp_path / "a.mp4", [np.asarray(picture) for part in parts for picture in part], codec="mpeg4")
    np.testing.assert_allclose(scene_cuts(path), np.cumsum([len(part) for part in parts])[:-1] / 25)


def test_cuts_of_panned_cartoons(tmp_path):
    path = write_video(tmp_path / "a.mp4", [picture for seed in range(10) for picture in shot(seed, 10)])
    np.testing.assert_allclose(scene_cuts(path), np.arange(1, 10) * 10 / 25)
    np.testing.assert_allclose(scene_cuts(path, 1.0, 2.2), [1.2, 1.6, 2.0])


def test_repeated_frames_hide_no_cut(tmp_path):
    """Animation "on threes": every drawing is shown three times."""
    path = write_video(tmp_path / "a.mp4", [picture for seed in range(6) for picture in shot(seed, 12)[::3] for _ in range(3)])
    np.testing.assert_allclose(scene_cuts(path), np.arange(1, 6) * 12 / 25)


@pytest.mark.parametrize("flash", [255, 0])
def test_flashes_are_no_cuts(tmp_path, flash):
    pictures = list(shot(3, 30))
    pictures[14:17] = [np.full_like(picture, flash) for picture in pictures[14:17]]
    assert scene_cuts(write_video(tmp_path / "a.mp4", pictures)) == []


def test_dissolves_are_no_cuts_and_fades_are(tmp_path):
    weights = np.linspace(0, 1, 12)
    a, b = shot(4, 24), shot(5, 24)
    dissolve = [np.uint8((1 - w) * x + w * y) for w, x, y in zip(weights, a[12:], b[:12], strict=True)]
    assert scene_cuts(write_video(tmp_path / "a.mp4", [*a[:12], *dissolve, *b[12:]])) == []
    fade = [np.uint8(w * x) for w, x in zip(weights[::-1], a[12:], strict=True)]
    fade += [np.zeros_like(a[0])] * 8 + [np.uint8(w * x) for w, x in zip(weights, b[:12], strict=True)]
    (cut,) = scene_cuts(write_video(tmp_path / "b.mp4", [*a[:12], *fade, *b[12:]]))
    assert 24 <= 25 * cut <= 38


def test_clock():
    assert [clock(seconds) for seconds in (0, 0.5, 59.9996, 3725.25)] == ["00:00:00", "00:00:00.5", "00:01:00", "01:02:05.25"]
