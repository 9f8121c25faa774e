"""The Translator: any kind and size of picture in, the same kind and size out, and no seam where tiles meet."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import p2p_lib as p2p
from p2p_lib import translator
from p2p_lib.codec import from_network_range, to_network_range
from p2p_lib.errors import CheckpointError, ConfigError, DataError
from p2p_lib.translator import OVERLAP, Translator, fade_window, mirror_indices, tile_starts, translate_folder

MEMORY_LIMIT = 1.5e9


@pytest.fixture(scope="module")
def model(small_task, make_pairs, tmp_path_factory) -> Translator:
    """A model that has learned to turn a picture into its negative, roughly."""
    out = tmp_path_factory.mktemp("runs") / "negative"
    task = small_task(steps=60, lr=5e-3, eval_every=60, save_every=60)
    p2p.fit(task, out, train=make_pairs(5, 36), val=make_pairs(3, 32, seed=1), progress=False)
    return Translator.load(out)


def smooth(height: int, width: int, channels: int = 3) -> np.ndarray:
    """A colour gradient, float32 (H, W, channels) in [0, 1]."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / (np.array([height, width]).reshape(2, 1, 1))
    return np.stack([x, y, (x + y) / 2, 1 - x], axis=-1)[..., :channels].astype(np.float32)


def picture(height: int = 20, width: int = 45, channels: int = 3) -> np.ndarray:
    return (smooth(height, width, channels) * 255).round().astype(np.uint8)


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).movedim(-1, -3)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 31), (1, 100), (32, 32), (33, 64), (432, 268), (1300, 1100)])
def test_any_size_comes_back(model, width, height):
    out = model(Image.fromarray(picture(height, width)))
    assert out.size == (width, height)
    assert out.mode == "RGB"


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_pil_images_of_any_mode(model, mode):
    image = Image.new("I;16", (45, 20), 40_000) if mode == "I;16" else Image.fromarray(picture()).convert(mode)
    out = model(image)
    assert (out.mode, out.size) == ("RGB", (45, 20))
    assert image.mode == mode


def test_transparency_goes_over_white(model):
    color, alpha = picture(), np.full((20, 45, 1), 102, np.uint8)
    flat = (color * 0.4 + 255 * 0.6).round().astype(np.uint8)
    for see_through in (Image.fromarray(np.dstack([color, alpha])), np.dstack([color, alpha])):
        np.testing.assert_allclose(np.asarray(model(see_through)), model(flat), atol=2)
    gray = np.dstack([color[..., :1], alpha])
    np.testing.assert_allclose(model(gray), model(flat[..., 0]), atol=2)


def test_photos_are_turned_upright(model):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.fromarray(picture())
    turned = lying.transpose(Image.Transpose.ROTATE_270)
    lying.getexif().update(exif)
    out = model(lying)
    assert out.size == (20, 45)
    np.testing.assert_array_equal(np.asarray(out), np.asarray(model(turned)))


def test_modes_of_unknown_range_are_refused(model):
    with pytest.raises(DataError, match="mode F, whose range is unknown"):
        model(Image.new("F", (8, 8)))


@pytest.mark.parametrize("shape", [(20, 45), (20, 45, 1), (20, 45, 2), (20, 45, 3), (20, 45, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_arrays_of_any_dtype_and_channels(model, dtype, shape):
    channels = shape[2] if len(shape) == 3 else 1
    values = smooth(20, 45, channels).reshape(shape)
    white = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    array = (values * white).round().astype(dtype) if white > 1 else values.astype(dtype)
    before = array.copy()
    out = model(array)
    assert isinstance(out, np.ndarray)
    assert (out.dtype, out.shape) == (dtype, (20, 45, 3))
    np.testing.assert_array_equal(array, before)
    np.testing.assert_allclose(out / white, model((values * 255).round().astype(np.uint8)) / 255, atol=0.02)


@pytest.mark.parametrize("array", [picture()[::-1, ::2], np.asfortranarray(picture()), picture().astype(">u2") * 257])
def test_arrays_of_any_memory_layout(model, array):
    plain = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    np.testing.assert_array_equal(model(array), model(plain))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32, torch.float64, torch.float16])
def test_tensors_and_batches(model, dtype):
    white = {torch.uint8: 255, torch.uint16: 65535}.get(dtype, 1)
    batch = torch.stack([tensor(smooth(20, 45)), tensor(smooth(20, 45)).flip(-1)])
    batch = (batch * white).round().to(dtype) if white > 1 else batch.to(dtype)
    out = model(batch)
    assert (out.dtype, out.shape) == (dtype, (2, 3, 20, 45))
    assert torch.equal(model(batch[1]), out[1])
    assert model(batch[:, :1]).shape == (2, 3, 20, 45)
    assert not out.requires_grad


def test_a_picture_of_the_native_size_is_what_the_network_gives(model):
    array = picture(32, 64)
    with torch.inference_mode():
        expected = from_network_range(model.netG.eval()(to_network_range(tensor(array)[None])))
    np.testing.assert_array_equal(tensor(model(array)), expected[0])


def test_the_model_does_what_it_learned(model):
    array = smooth(40, 40)
    assert np.abs(model(array) - (1 - array)).mean() < 0.15


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((4, 4), np.int32), "uint8, uint16, or floats"),
        (np.zeros((4, 4), np.uint32), "uint8, uint16, or floats"),
        (np.zeros((4, 4), bool), "uint8, uint16, or floats"),
        (np.zeros((4, 4), np.complex64), "uint8, uint16, or floats"),
        (np.zeros((4, 4), object), "uint8, uint16, or floats"),
        (np.full((4, 4), 200.0), r"in \[0, 1\]; got 200 to 200"),
        (np.full((4, 4), -0.1), r"in \[0, 1\]"),
        (np.full((4, 4), np.nan), r"in \[0, 1\]"),
        (np.zeros((4, 4, 5), np.uint8), "1 to 4 channels; got 5"),
        (np.zeros((3, 4, 40), np.uint8), "1 to 4 channels; got 40"),
        (np.zeros(4, np.uint8), r"\(H, W\) or \(H, W, channels\); got the shape \(4,\)"),
        (np.zeros((1, 4, 4, 3), np.uint8), "got the shape"),
        (np.zeros((0, 4, 3), np.uint8), "empty"),
        (torch.zeros(4, 4), "N, channels, H, W"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), "uint8, uint16, or floats"),
        (torch.zeros(0, 3, 4, 4), "empty"),
        ("picture.png", "got str"),
        (None, "got NoneType"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(model, wrong, message):
    with pytest.raises(DataError, match=message):
        model(wrong)


def test_eval_mode_gives_the_same_answer_every_time(model):
    first = model(picture(), seed=1)
    model(picture(), mode="paper")
    np.testing.assert_array_equal(model(picture(), seed=2), first)
    assert not model.netG.training


def test_paper_mode_draws_its_noise_from_the_seed(model):
    answers = [model(picture(), mode="paper", seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert (answers[0] != answers[2]).any()
    assert (answers[0] != model(picture())).any()


def test_paper_mode_leaves_the_model_as_it_was(model):
    before = {name: value.clone() for name, value in model.netG.state_dict().items()}
    model(picture(), mode="paper")
    after = model.netG.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not model.netG.training


def test_paper_mode_is_the_network_in_train_mode_one_picture_at_a_time(model):
    batch = torch.stack([tensor(picture(32, 32)), 255 - tensor(picture(32, 32)) // 2])
    netG = copy.deepcopy(model.netG).train()
    with torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(3)
        expected = netG(to_network_range(batch[:1]).contiguous(memory_format=torch.channels_last))
    answers = model(batch, mode="paper", seed=3)
    assert torch.equal(answers[:1], from_network_range(expected))
    assert torch.equal(answers[0], model(batch[0], mode="paper", seed=3))


def test_unknown_mode(model):
    with pytest.raises(ConfigError, match="mode is eval or paper; got 'test'"):
        model(picture(), mode="test")


def test_global_generator_is_left_alone(finished_run):
    before = torch.get_rng_state()
    Translator.load(finished_run.out)(picture(), mode="paper", seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_that_do_not_fit_their_configuration(finished_run, tmp_path):
    from p2p_lib.checkpoint import load_weights, save_weights

    tensors, facts = load_weights(finished_run.out / "weights.safetensors")
    save_weights(tmp_path / "w.safetensors", tensors, facts["config"] | {"ngf": 8})
    with pytest.raises(CheckpointError, match="do not fit the network of their own configuration"):
        Translator.load(tmp_path / "w.safetensors")


@pytest.fixture
def tiles_and_whole(model, monkeypatch):
    """``tiles_and_whole(array)``: the same picture in tiles of 384, and in one piece."""

    def both(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        monkeypatch.setattr(translator, "MIN_TILE", 384)
        monkeypatch.setattr(translator, "SINGLE_PASS_PIXELS", 0)
        in_tiles = model(array)
        monkeypatch.setattr(translator, "SINGLE_PASS_PIXELS", array.size)
        return in_tiles, model(array)

    return both


@pytest.mark.parametrize(("height", "width"), [(544, 672), (550, 650)])
def test_tiles_give_nearly_what_one_piece_gives(tiles_and_whole, height, width):
    noise = np.random.default_rng(0).random((height, width, 3), np.float32)
    for array in (smooth(height, width), noise):
        in_tiles, whole = tiles_and_whole(array)
        assert (in_tiles != whole).any()  # it really went in tiles
        difference = np.abs(in_tiles - whole)[64:-64, 64:-64]
        assert difference.mean() < 0.005
        assert difference.max() < 0.05


@pytest.mark.parametrize("axis", [0, 1])
def test_no_seam_in_a_smooth_gradient(tiles_and_whole, axis):
    """Steps between neighbouring pixels are nowhere larger than in one piece, tile borders and fades included."""
    in_tiles, whole = tiles_and_whole(smooth(600, 700))
    steps, expected = (np.abs(np.diff(out, axis=axis)).mean(axis=(1 - axis, 2))[40:-40] for out in (in_tiles, whole))
    assert steps.max() <= 1.02 * expected.max()


def test_tiles_keep_integers_rounded_once(tiles_and_whole):
    array = (smooth(400, 500) * 65535).astype(np.uint16)
    in_tiles, _ = tiles_and_whole(array)
    as_float, _ = tiles_and_whole(array / np.float32(65535))
    np.testing.assert_allclose(in_tiles, as_float * 65535, atol=2)


def test_strips_are_decoded_as_the_whole(model, monkeypatch):
    inked = Translator(model.netG, dataclasses.replace(model.task, codec="ink"), model.device)
    array = np.random.default_rng(0).integers(0, 256, (70, 40, 3), np.uint8)
    whole = inked(array)
    assert (whole != model(array)).any()
    monkeypatch.setattr(translator, "DECODED_ROWS", 16)
    np.testing.assert_array_equal(inked(array), whole)


@given(steps=st.integers(1, 150), tile=st.sampled_from([512, 768, 1024]), align=st.sampled_from([32, 64, 128, 256]))
def test_tiles_cover_a_side_with_enough_overlap(steps, tile, align):
    size = steps * align
    starts = tile_starts(size, tile, align)
    assert all(start % align == 0 for start in starts)
    assert starts[0] == 0
    assert starts[-1] == max(0, size - tile)
    for one, following in itertools.pairwise(starts):
        assert one < following
        assert following - one <= tile - OVERLAP


@given(size=st.integers(1, 300), multiple=st.sampled_from([32, 64, 256]))
def test_mirroring_keeps_the_picture_and_continues_it_smoothly(size, multiple):
    mirrored = mirror_indices(size, multiple)
    assert len(mirrored.indices) % multiple == 0
    before, after = mirrored.inner.start, len(mirrored.indices) - mirrored.inner.stop
    assert before + after < multiple
    assert 0 <= after - before <= 1
    assert mirrored.indices[mirrored.inner].tolist() == list(range(size))
    if size > 1:
        assert (mirrored.indices.diff().abs() == 1).all()


def test_neighbouring_tiles_fade_into_each_other():
    """Over the 256 pixels that they share, one falls as the other rises, and neither counts in its own margin."""
    left, right = fade_window(768, first=True, last=False), fade_window(768, first=False, last=True)
    assert (left[:512] == 1).all()
    assert (left[-64:] == 0).all()
    torch.testing.assert_close(left[-256:] + right[:256], torch.ones(256))
    assert (fade_window(768, first=True, last=True) == 1).all()


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def pictures(tmp_path) -> Path:
    """A folder with pictures at two levels, one of them no picture at all."""
    folder = tmp_path / "in"
    (folder / "deep" / "er").mkdir(parents=True)
    for name in ("a.png", "deep/B.JPG", "deep/er/c.gif", "deep/er/gray.bmp"):
        image = Image.fromarray(picture(20, 45))
        image.convert("L" if "gray" in name else "RGB").save(folder / name)
    (folder / "letter.png").write_text("no picture")
    (folder / "notes.txt").write_text("left alone")
    return folder


def test_folder_keeps_relative_paths_and_reports_the_unreadable(model, pictures, tmp_path):
    report = translate_folder(model, pictures, tmp_path / "out", progress=False)
    assert files_below(tmp_path / "out") == {"a.png", "deep/B.JPG", "deep/er/c.gif.png", "deep/er/gray.bmp"}
    assert {path.relative_to(tmp_path / "out").as_posix() for path in report.written} == files_below(tmp_path / "out")
    assert report.existing == []
    assert report.unreadable == {pictures / "letter.png": "not a picture, or a damaged one"}
    for name in files_below(tmp_path / "out"):
        with Image.open(tmp_path / "out" / name) as out:
            assert (out.mode, out.size) == ("RGB", (45, 20))
    expected = model(picture(20, 45))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), expected)


def test_folder_works_at_several_pictures_and_leaves_torch_its_threads(model, pictures, tmp_path, monkeypatch):
    together = threading.Barrier(2, timeout=30)  # two calls meet, or this breaks
    seen, threads = [], torch.get_num_threads()

    def meet(self, picture, **options):
        seen.append(torch.get_num_threads())
        if len(seen) <= 2:
            together.wait()
        return picture

    monkeypatch.setattr(Translator, "__call__", meet)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    translate_folder(model, pictures, tmp_path / "out", progress=False)
    assert set(seen) == {max(1, threads // 2)}
    assert torch.get_num_threads() == threads


def test_folder_overwrites_only_if_asked(model, pictures, tmp_path):
    out = tmp_path / "out"
    translate_folder(model, pictures, out, progress=False)
    (out / "a.png").write_text("mine")
    again = translate_folder(model, pictures, out, progress=False)
    assert again.written == []
    assert len(again.existing) == 4
    assert (out / "a.png").read_text() == "mine"
    replaced = translate_folder(model, pictures, out, overwrite=True, progress=False)
    assert len(replaced.written) == 4
    assert Image.open(out / "a.png").size == (45, 20)


def test_single_file(model, pictures, tmp_path):
    report = translate_folder(model, pictures / "a.png", tmp_path / "out", progress=False)
    assert report.written == [tmp_path / "out" / "a.png"]


def test_folder_without_pictures(model, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="There are no pictures in"):
        translate_folder(model, tmp_path / "empty", tmp_path / "out", progress=False)
    with pytest.raises(DataError, match="There is no folder"):
        translate_folder(model, tmp_path / "nowhere", tmp_path / "out", progress=False)


def test_output_that_cannot_be_written(model, pictures, tmp_path):
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(DataError, match=r"out.*a.png cannot be written"):
        translate_folder(model, pictures, tmp_path / "out", progress=False)
    assert (tmp_path / "out").read_text() == "in the way"


def test_full_disk_leaves_no_half_written_picture(model, pictures, tmp_path, disk_full_after):
    with disk_full_after(100), pytest.raises(DataError, match=r"a.png cannot be written"):
        translate_folder(model, pictures, tmp_path / "out", progress=False)
    assert files_below(tmp_path / "out") == set()


MEASURE = """
import resource, torch
import numpy as np
import p2p_lib as p2p
task = p2p.task("facades", "full")
model = p2p.Translator(task.make_generator(), task)
model(np.zeros((256, 256, 3), np.uint8))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
out = model(np.zeros((3000, 4000, 3), np.uint8))
assert out.shape == (3000, 4000, 3)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.slow
def test_memory_for_a_large_picture_is_bounded(run_python):
    pytest.importorskip("resource")
    assert int(run_python(MEASURE, timeout=1200)) < MEMORY_LIMIT
