"""Many answers from one model: codes that are drawn, given, read from a photo and walked between."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

import p2p_lib as p2p
from p2p_lib import translator
from p2p_lib.cli import main
from p2p_lib.errors import DataError
from p2p_lib.latent import interpolate, random_latents
from p2p_lib.translator import Translator

SMALL = {"image_size": 32, "jitter": 4, "receptive_field": 16, "ngf": 4, "ndf": 4, "nef": 4, "batch_size": 4, "nz": 3}
ONE_ANSWER = "This model has one answer to a picture"


@pytest.fixture(scope="module")
def model(make_pairs, tmp_path_factory) -> Translator:
    """A little trained, so that codes have an effect that can be seen."""
    task = p2p.task("faces", "lite", **SMALL, steps=8, lr=5e-3, eval_every=8, save_every=8)
    out = tmp_path_factory.mktemp("runs") / "faces"
    p2p.fit(task, out, train=make_pairs(5, 36), val=make_pairs(3, 32, seed=1), progress=False)
    return Translator.load(out)


def picture(height: int = 40, width: int = 50, seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def test_a_strip_of_samples(model):
    strip = model(picture(), n_samples=4, seed=1)
    assert [(one.shape, one.dtype) for one in strip] == [((40, 50, 3), np.uint8)] * 4
    assert all(not np.array_equal(one, other) for one, other in pairwise(strip))
    np.testing.assert_array_equal(strip, model(picture(), n_samples=4, seed=1))
    np.testing.assert_array_equal(strip[:2], model(picture(), n_samples=2, seed=1))  # more begin as fewer do
    assert not np.array_equal(strip[0], model(picture(), n_samples=1, seed=2)[0])


def test_a_code_of_ones_own(model):
    codes = random_latents(2, model.nz, seed=5)
    both = model(picture(), z=codes)
    np.testing.assert_array_equal(both, model(picture(), n_samples=2, seed=5))
    for given in (codes[1], codes[1].tolist(), torch.from_numpy(codes[1])):
        np.testing.assert_array_equal(model(picture(), z=given), both[1])
    np.testing.assert_array_equal(model(picture()), model(picture(), z=np.zeros(model.nz)))
    assert isinstance(model(Image.fromarray(picture()), z=codes[0]), Image.Image)
    batch = torch.from_numpy(np.stack([picture(), picture(seed=1)])).permute(0, 3, 1, 2)
    assert [one.shape for one in model(batch, n_samples=3)] == [(2, 3, 40, 50)] * 3


def test_one_code_goes_to_every_tile(model, monkeypatch):
    monkeypatch.setattr(translator, "MIN_TILE", 384)
    monkeypatch.setattr(translator, "SINGLE_PASS_PIXELS", 0)
    seen = []
    model.netG.register_forward_pre_hook(lambda net, args: seen.append(args[1]))
    code = random_latents(1, model.nz)[0]
    try:
        model(picture(500, 700), z=code)
    finally:
        model.netG._forward_pre_hooks.clear()
    assert len(seen) > 3
    assert all(np.array_equal(z, code[None]) for z in seen)


@pytest.mark.parametrize("z", [np.zeros(4), np.zeros((2, 4)), np.zeros((1, 1, 3)), np.zeros((0, 3)), 1.0, "blue", None])
def test_codes_of_another_shape(model, z):
    with pytest.raises(DataError, match=r"z is an array of 3 numbers, or \(n, 3\) for n answers; got"):
        model(picture(), z=[z] if z is None else z)


def test_what_else_cannot_be_asked_for(model, finished_run):
    with pytest.raises(DataError, match="not finite"):
        model(picture(), z=[np.nan, 0, 0])
    with pytest.raises(DataError, match="n_samples draws codes and z gives them"):
        model(picture(), z=np.zeros(3), n_samples=2)
    with pytest.raises(DataError, match="n_samples is 1 or more; got 0"):
        model(picture(), n_samples=0)
    pix2pix = Translator.load(finished_run.out)
    for question in ({"n_samples": 2}, {"z": np.zeros(3)}):
        with pytest.raises(DataError, match=ONE_ANSWER):
            pix2pix(picture(), **question)
    with pytest.raises(DataError, match="This model has no encoder"):
        pix2pix.encode(picture())


def test_the_code_of_a_photo(model):
    """Of any size and kind, and what the encoder itself says of a photo of the right size."""
    photo = picture(32, 32)
    code = model.encode(photo)
    assert (code.shape, code.dtype) == ((3,), np.float32)
    x = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        np.testing.assert_allclose(code, model.netE(x)[0][0], atol=1e-5)
    large = np.asarray(Image.fromarray(photo).resize((128, 96), Image.Resampling.BICUBIC))
    other = model.encode(picture(32, 32, seed=7))
    assert np.linalg.norm(model.encode(large) - code) < 0.2 * np.linalg.norm(other - code)
    batch = torch.from_numpy(np.stack([photo, picture(32, 32, seed=7)])).permute(0, 3, 1, 2)
    np.testing.assert_allclose(model.encode(batch), [code, other], atol=1e-5)
    assert model(picture(), z=code).shape == (40, 50, 3)


def test_weights_go_out_as_they_came_in(model, tmp_path):
    import dataclasses

    from p2p_lib.checkpoint import save_weights

    save_weights(tmp_path / "w.safetensors", model.weights(), dataclasses.asdict(model.task))
    again = Translator.load(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(again.encode(picture()), model.encode(picture()))
    np.testing.assert_array_equal(again(picture(), n_samples=2), model(picture(), n_samples=2))


def test_noise_for_pix2pix(make_pairs, tmp_path):
    """It trains with random codes, has samples, and no encoder."""
    task = p2p.task("facades", "lite", **(SMALL | {"nz": 3, "steps": 2, "eval_every": 2}))
    run = p2p.fit(task, tmp_path / "run", train=make_pairs(5, 36), val=make_pairs(3, 32), progress=False)
    noisy = Translator.load(run.out)
    assert len(noisy(picture(), n_samples=3)) == 3
    with pytest.raises(DataError, match="no encoder"):
        noisy.encode(picture())


@pytest.mark.parametrize(("start", "end"), [([3, 0, 0], [0, 1, 0]), ([1, 2, 3], [-2, 0.5, 1])])
def test_the_way_between_two_codes_is_an_arc(start, end):
    way = interpolate(np.array(start), np.array(end), 9)
    np.testing.assert_allclose(way[[0, -1]], [start, end], atol=1e-6)
    lengths = np.linalg.norm(way, axis=1)
    np.testing.assert_allclose(np.diff(lengths), np.diff(lengths).mean(), atol=1e-6)
    unit = way / lengths[:, None]
    angles = np.arccos(np.clip((unit[:-1] * unit[1:]).sum(axis=1), -1, 1))
    np.testing.assert_allclose(angles, angles.mean(), rtol=1e-4)


@pytest.mark.parametrize(("start", "end"), [([0, 0], [1, 2]), ([1, 2], [-1, -2]), ([1, 2], [2, 4]), ([0, 0], [0, 0])])
def test_where_there_is_no_arc_the_way_is_straight(start, end):
    way = interpolate(np.array(start), np.array(end), 5)
    np.testing.assert_allclose(way, np.linspace(start, end, 5))


def test_generate_writes_so_many_samples(model, tmp_path, capsys):
    import dataclasses

    from p2p_lib.checkpoint import save_weights

    save_weights(tmp_path / "w.safetensors", model.weights(), dataclasses.asdict(model.task))
    (tmp_path / "in").mkdir()
    Image.fromarray(picture()).save(tmp_path / "in" / "face.png")
    command = ["generate", str(tmp_path / "w.safetensors"), str(tmp_path / "in"), str(tmp_path / "out"), "--samples", "3"]
    assert main(command) == 0
    assert "3 pictures written" in capsys.readouterr().out
    strip = [np.asarray(Image.open(tmp_path / "out" / f"face_{i}.png")) for i in range(3)]
    np.testing.assert_array_equal(strip, model(picture(), n_samples=3))
    assert main(command) == 0
    assert "3 were there already" in capsys.readouterr().out
    assert main([*command, "--pages"]) == 2
    assert "leave out --samples, or --pages" in capsys.readouterr().err


def test_generate_with_a_model_of_one_answer(finished_run, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    Image.fromarray(picture()).save(tmp_path / "in" / "face.png")
    assert main(["generate", str(finished_run.out), str(tmp_path / "in"), str(tmp_path / "out"), "--samples", "2"]) == 2
    assert ONE_ANSWER in capsys.readouterr().err
