"""Other people's checkpoints: the published answers are reproduced, and what does not fit is said."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import REFERENCE
from PIL import Image
from torch import Tensor

from p2p_lib import translator
from p2p_lib.codec import make_codec
from p2p_lib.errors import CheckpointError
from p2p_lib.models import foreign
from p2p_lib.translator import Translator

StateDict = dict[str, Tensor]
SHAPES = {key: shape for key, (_, shape) in foreign.ANIME2SKETCH.keys().items()}


def thin_weights() -> StateDict:
    """All entries of Anime2Sketch, each of a single value that is stored once: a file of them has some KB instead of 217 MB."""
    values = (torch.rand(len(SHAPES), 1, generator=torch.Generator().manual_seed(3)) - 0.5) / 50
    return {key: value.expand(shape) for (key, shape), value in zip(SHAPES.items(), values, strict=True)}


@pytest.fixture(scope="module")
def vector() -> dict:
    if not REFERENCE.is_dir():
        pytest.skip("the test vectors of public networks are not beside the project")
    return json.loads((REFERENCE / "anime2sketch_default.json").read_text())


@pytest.fixture(scope="module")
def thin_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("thin") / "netG.pth"
    torch.save(thin_weights(), path)
    assert path.stat().st_size < 1e5
    return path


@pytest.fixture(scope="module")
def model(thin_file) -> Translator:
    return Translator.load(thin_file, device="cpu")


def photo(height: int, width: int) -> np.ndarray:
    """Smooth and coarse at once, uint8 (H, W, 3)."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 9 + y / 31), np.sin(x * y / 4000), np.cos(y / 6)]
    return np.rint(127.5 + 127.5 * np.stack(waves, axis=2)).astype(np.uint8)


def test_keys_and_shapes_are_the_published_ones(vector):
    assert {key: list(shape) for key, shape in SHAPES.items()} == dict(vector["state_dict"])
    assert sum(shape.numel() for shape in SHAPES.values()) == vector["parameter_count"] == 54_405_505


def without(*keys: str) -> StateDict:
    return {key: value for key, value in thin_weights().items() if key not in keys}


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (without("model.model.1.model.5.bias"), "missing model.model.1.model.5.bias."),
        (without(*list(SHAPES)[:5]), r"missing model.model.0.weight, .* and 2 more"),
        (thin_weights() | {"model.head.weight": torch.zeros(1)}, "unexpected model.head.weight."),
        (
            thin_weights() | {"model.model.3.weight": torch.zeros(128, 3, 4, 4)},
            r"misshapen model.model.3.weight with the shape \(128, 3, 4, 4\) instead of \(128, 1, 4, 4\).",
        ),
    ],
)
def test_what_does_not_fit_is_named(weights, said):
    with pytest.raises(CheckpointError, match=rf"not those of Anime2Sketch \(default\): {said}"):
        foreign.anime2sketch(weights)
    with pytest.raises(CheckpointError, match=said):
        foreign.load(weights)


class Trap:
    """A pickle of it makes a file when it is opened as pickles usually are."""

    def __reduce__(self) -> tuple:
        return Path.touch, (Path("sprung"),)


def test_files_that_are_no_state_dict(tmp_path):
    """`tests/test_state_dicts.py` has the rest; here the translator hands on what was said."""
    file = tmp_path / "netG.pth"
    for content, said in [
        (b"  <!DOCTYPE html><html>Quota exceeded</html>", "is a web page; expected are the weights"),
        (b"", "netG.pth is empty"),
        (pickle.dumps(Trap(), protocol=2), "netG.pth"),
    ]:
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match=said):
            Translator.load(file)
    torch.save({"weight": Trap()}, file)
    with pytest.raises(CheckpointError, match="netG.pth"):
        Translator.load(file)
    assert not Path("sprung").exists()


def test_generator_of_a_file_with_several_networks(thin_file, tmp_path):
    """As jys1670 saves: generator, discriminator and the states of both optimisers in one file, called .tar."""
    file = tmp_path / "best.tar"
    networks = {"dis_state_dict": {"weight": torch.zeros(3)}, "gen_state_dict": thin_weights()}
    torch.save(networks | {"gen_op_state_dict": {"state": {}, "param_groups": [{"lr": 2e-4}]}}, file)
    assert Translator.load(file, device="cpu").task.name == "anime2sketch"


def test_truncated_file_and_missing_key_name_the_file(thin_file, tmp_path):
    cut = tmp_path / "cut.pth"
    cut.write_bytes(thin_file.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"cut.pth is damaged"):
        Translator.load(cut)
    torch.save(without("model.model.0.bias"), cut)
    with pytest.raises(CheckpointError, match=r"cut.pth cannot be used: .* missing model.model.0.bias."):
        Translator.load(cut)


def test_translator_follows_the_authors_pipeline(model):
    """Pillow's bicubic to 512 x 512, the network, (y + 1) / 2, bicubic back; to two levels, since they cut to 8 bits between."""
    picture = photo(150, 333)
    small = np.asarray(Image.fromarray(picture).resize((512, 512), Image.Resampling.BICUBIC))
    with torch.inference_mode():
        y = model.netG(torch.from_numpy(small.copy()).permute(2, 0, 1)[None] / 127.5 - 1)[0, 0]
    drawing = Image.fromarray(((y + 1) / 2 * 255).numpy().astype(np.uint8))
    expected = np.asarray(drawing.resize((333, 150), Image.Resampling.BICUBIC)).astype(int)
    out = model(picture)
    assert out.shape == picture.shape
    assert (out == out[..., :1]).all()
    assert np.ptp(expected) > 20  # otherwise this could not fail
    assert np.abs(out[..., 0] - expected).max() <= 2


@pytest.mark.parametrize("size", [(64, 50), (12, 9), (20, 100)])
def test_resizing_is_pillows(size):
    """In floats, and cut off at the end; noise of black and white is where bicubic overshoots most."""
    noise = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), (20, 33))
    expected = np.asarray(Image.fromarray(noise).resize(size[::-1], Image.Resampling.BICUBIC)).clip(-1, 1)
    x = translator.resize(torch.from_numpy(noise)[None, None], size)
    assert x.shape == (1, 1, *size)
    np.testing.assert_allclose(x[0, 0], expected, atol=1e-5)
    assert x.min() == -1


def test_a_batch_gives_what_single_pictures_give(model, monkeypatch):
    monkeypatch.setattr(model, "side", 256)  # takes a quarter of the time
    batch = torch.from_numpy(np.stack([photo(40, 60), photo(60, 40).swapaxes(0, 1)])).permute(0, 3, 1, 2)
    singly = model(batch)
    assert not torch.equal(singly[0], singly[1])
    seen = []
    hook = model.netG.register_forward_hook(lambda module, args, out: seen.append(len(out)))
    monkeypatch.setitem(translator.AT_ONCE, "cpu", 2)
    together = model(batch)
    hook.remove()
    assert seen == [2]
    assert (singly.int() - together.int()).abs().max() <= 1


def test_task_of_the_translator_rebuilds_the_network(model):
    assert model.task.codec == "sketch"
    assert not model.task.colors
    with torch.device("meta"):
        netG = model.task.make_generator()
    assert {key: value.shape for key, value in netG.state_dict().items()} == {
        k: v.shape for k, v in model.netG.state_dict().items()
    }


def test_sketch_codec():
    codec = make_codec("sketch")
    image = torch.from_numpy(photo(4, 5)).permute(2, 0, 1)[None]
    gray = torch.from_numpy(np.asarray(Image.fromarray(photo(4, 5)).convert("L")).copy())
    assert torch.equal(codec.decode(codec.encode_target(image), image), gray.expand(1, 3, 4, 5))
    assert (codec.encode_source(image).shape[1], codec.encode_target(image).shape[1]) == (codec.in_channels, codec.out_channels)
    assert codec.seen(image) is image
