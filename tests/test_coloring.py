"""Colouring from end to end: the lightness that goes in comes out, whatever the file, and people are shown what the network saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import color
from skimage import data as photos

import p2p_lib as p2p
from p2p_lib import translator
from p2p_lib.cli import main
from p2p_lib.codec import GrayCodec
from p2p_lib.data.pairs import PairedImages
from p2p_lib.gallery import results_picture

ONE_LEVEL = 100 / 255


@pytest.fixture(scope="module")
def paintings() -> PairedImages:
    """Colourful pictures, each source and target at once."""
    photo = Image.fromarray(photos.astronaut())
    crops = [np.asarray(photo.crop((x, 0, x + 300, 300)).resize((36, 36))) for x in range(0, 200, 40)]
    return PairedImages(np.stack([crops, crops], axis=1), list("abcde"), "parts of a photo")


@pytest.fixture(scope="module")
def run(small_task, paintings, tmp_path_factory) -> p2p.Run:
    """A training that has learned to answer with some colour or other."""
    task = small_task(codec="lab", steps=40, lr=5e-3, eval_every=40, save_every=40, jitter=4)
    array = paintings.array[:, :, :32, :32]
    val = PairedImages(array, paintings.names, "parts of a photo")
    return p2p.fit(task, tmp_path_factory.mktemp("runs") / "lab", train=paintings, val=val, progress=False)


@pytest.fixture(scope="module")
def model(run) -> p2p.Translator:
    return p2p.Translator.load(run.out)


def lightness(picture: np.ndarray) -> np.ndarray:
    return color.rgb2lab(picture)[..., 0]


def unclipped(picture: np.ndarray) -> np.ndarray:
    """Pixels whose colour was certainly not clipped: no channel is near black or white."""
    return ((picture > 2) & (picture < 253)).all(axis=-1)


def test_lightness_of_every_kind_of_file(run, tmp_path):
    """`p2p generate` on colour, grayscale, 16-bit and CMYK files, lossless and not."""
    photo = Image.fromarray(photos.astronaut()).resize((100, 80))
    gray16 = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    files = {"rgb.png": photo, "rgb.tif": photo, "gray.png": photo.convert("L"), "gray.jpg": photo.convert("L")}
    files |= {"16.png": gray16, "16.tif": gray16, "cmyk.tif": photo.convert("CMYK"), "cmyk.jpg": photo.convert("CMYK")}
    files |= {"rgb.jpg": photo, "rgb.webp": photo, "rgb.bmp": photo}
    (tmp_path / "in").mkdir()
    for name, image in files.items():
        image.save(tmp_path / "in" / name)
    assert main(["generate", str(run.out), str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    for name in files:
        with Image.open(tmp_path / "in" / name) as image:
            given = (
                (np.asarray(image) // 257).astype(np.uint8) if image.mode.startswith("I;16") else np.asarray(image.convert("RGB"))
            )
        given = np.broadcast_to(given[..., None], (80, 100, 3)) if given.ndim == 2 else given
        with Image.open(tmp_path / "out" / name) as image:
            assert image.mode == "RGB"
            made = np.asarray(image)
        chroma = color.rgb2lab(made)[..., 1:]
        assert np.abs(chroma).mean() > 2, "a picture without colour proves nothing"
        kept = unclipped(made)
        assert kept.mean() > 0.5
        tolerance = 2 * ONE_LEVEL if name.endswith("jpg") else ONE_LEVEL
        assert np.abs(lightness(made) - lightness(given))[kept].max() < tolerance, name


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_lightness_where_tiles_overlap(model, monkeypatch, dtype):
    """Tiles are blended before they are decoded: two colours of one lightness have a mean of another."""
    picture = np.asarray(Image.fromarray(photos.astronaut()).resize((420, 300)))
    picture = picture / np.float32(255) if dtype == np.float32 else picture.astype(dtype) * (257 if dtype == np.uint16 else 1)
    monkeypatch.setattr(translator, "SINGLE_PASS_PIXELS", 0)
    monkeypatch.setattr(translator, "MIN_TILE", 320)
    made = model(picture)
    assert made.dtype == dtype
    white = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[dtype]
    kept = ((made > 0) & (made < white)).all(axis=-1)
    error = np.abs(lightness(made / white) - lightness(picture / white))[kept].max()
    assert error < (ONE_LEVEL if dtype == np.uint8 else 0.02)


def test_samples_and_gallery_show_what_the_network_saw(run, model, paintings):
    sheet = results_picture(model, PairedImages(paintings.array[:2, :, :32, :32], ["a", "b"], "parts of a photo"))
    with Image.open(next((run.out / "samples").iterdir())) as image:
        samples = np.asarray(image)
    for picture in (sheet, samples):
        source, target = picture[20:50, 1:31].astype(int), picture[20:50, 73:103].astype(int)
        assert np.ptp(source, axis=-1).max() <= 1
        assert np.ptp(target, axis=-1).max() > 50


@pytest.mark.slow
def test_both_routes_learn_colour(small_task, paintings, tmp_path):
    """Nearer to the truth than the gray picture is, on what they were trained on."""
    val = PairedImages(paintings.array[:, :, :32, :32], paintings.names, "parts of a photo")
    source, target = val.batch(range(5))
    left_gray = p2p.metrics.mean_ciede2000(GrayCodec().seen(target), target).mean()
    for codec in ("gray", "lab"):
        when = {"steps": 70, "eval_every": 70, "save_every": 70}
        task = small_task(codec=codec, lr=3e-3, batch_size=5, jitter=4, hflip=False, dropout=False, ngf=12, **when)
        model = p2p.Translator.load(p2p.fit(task, tmp_path / codec, train=paintings, val=val, progress=False).out)
        assert p2p.metrics.mean_ciede2000(model(source), target).mean() < 0.9 * left_gray


def test_batches_are_coloured_one_by_one(model, paintings):
    source, _ = paintings.batch(range(3))
    torch.testing.assert_close(model(source)[1:2], model(source[1:2]), atol=1, rtol=0)


def test_train_on_a_folder_from_the_command_line(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("astronaut", "coffee", "chelsea", "rocket", "retina"):
        Image.fromarray(getattr(photos, name)()).convert("RGB").resize((90, 60)).save(folder / f"{name}.jpg")
    small = ("--image_size", "32", "--receptive_field", "16", "--ngf", "4", "--ndf", "4", "--jitter", "4", "--steps", "2")
    out = Path("run")
    assert main(["train", "paint-lab", "--profile", "lite", "--dataset", str(folder), *small, "--out", str(out)]) == 0
    assert (out / "gallery" / "index.html").exists()
    assert "mine" in p2p.Translator.load(out).task.dataset
