"""What leaves the course answers outside as it did inside."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from p2p_lib import export as module
from p2p_lib.cli import main
from p2p_lib.errors import ExportError
from p2p_lib.export import export
from p2p_lib.translator import Translator

onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX files are run by onnxruntime; pip install the extra [export]")
pytest.importorskip("onnxscript", reason="ONNX files are written with onnxscript; pip install the extra [export]")

KINDS = {
    "unet": {},
    "lab": {"codec": "lab", "norm": "instance-affine", "padding": "reflect", "upsample": "bilinear"},
    "gray": {"codec": "gray", "norm": "instance", "upsample": "nearest", "source_skip": True},
    "resnet": {"generator": "resnet6", "norm": "instance", "padding": "reflect"},
    "bicyclegan": {"method": "bicyclegan", "nz": 3, "inject": "all", "n_scales": 1},
    "noise": {"nz": 2, "inject": "input"},
    "sketch": {"codec": "sketch"},
    "ink": {"codec": "ink", "source_skip": True},
}

OUTSIDE = """
import json, sys, torch
sys.modules["p2p_lib"] = None  # importing it fails
facts = {"p2p_lib.json": ""}
program = torch.export.load("model.pt2", extra_files=facts)
pictures = torch.load("pictures.pt")
torch.save([program.module()(*inputs) for inputs in pictures], "answers.pt")
print(facts["p2p_lib.json"])
"""


@pytest.fixture
def model(small_task):
    """``model(codec="lab")``: a small network, whose weights are large enough for answers that are no plain gray."""

    def make(side: int | None = None, **changes) -> Translator:
        task = small_task(**changes)
        netG, netE = task.make_generator(), task.make_encoder()
        with torch.no_grad():
            for weight in netG.parameters():
                weight.mul_(4 if weight.ndim > 1 else 1)
        return Translator(netG, task, torch.device("cpu"), side=side, netE=netE)

    return make


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def run(path, array: np.ndarray, z: np.ndarray | None = None) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"picture": array[None]} | ({} if z is None else {"z": z}))


def test_onnx_gives_the_pictures_of_the_translator(model, tmp_path):
    inside, path = model(), tmp_path / "model.onnx"
    made = export(inside, onnx=path)
    assert list(made.differences) == [(64, 64), (64, 128), (128, 64)]
    assert max(made.differences.values()) < 1e-4
    for width, height in ((32, 32), (64, 32), (96, 160)):  # none but the first multiple was traced or checked
        array = picture(width, height)
        translated, answer = run(path, array)
        assert translated.shape == (1, height, width, 3) and translated.dtype == np.uint8
        assert answer.shape == (1, 3, height, width)
        off = np.abs(translated[0].astype(int) - inside(array))
        assert off.max() <= 1 and (off > 0).mean() < 0.01  # rounding, here and there
        assert np.ptp(answer) > 0.1  # there was something to compare
    with pytest.raises(Exception, match="INVALID_ARGUMENT|Got invalid dimensions|ShapeInferenceError|Concat"):
        run(path, picture(40, 32))
    facts = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert facts["height and width"].startswith("multiples of 32")
    assert facts["inside, before the network"] == "R, G, B / 127.5 - 1" and "-1..1" in facts["output answer"]
    assert json.loads(facts["config"])["ngf"] == inside.task.ngf


@pytest.mark.slow  # two more models are traced
def test_a_graph_that_answers_otherwise_is_not_written(model, tmp_path, monkeypatch):
    right = module.to_onnx
    monkeypatch.setattr(module, "to_onnx", lambda program, facts: right(other, facts))
    inside = model()
    other = module.trace(module.PictureModel(model(seed=1).netG, inside.codec).eval(), inside)
    with pytest.raises(ExportError, match=r"At 64 x 64 ONNX Runtime answers .* nothing was written"):
        export(inside, onnx=tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_said(model, tmp_path, monkeypatch):
    with pytest.raises(ExportError, match="nothing to write; say --onnx"):
        export(model())
    found = module.importlib.util.find_spec
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None if name == "onnxscript" else found(name))
    with pytest.raises(ExportError, match="needs onnxscript, which is not installed; pip install onnx onnxscript onnxruntime"):
        export(model(), onnx=tmp_path / "model.onnx")


@pytest.mark.slow  # every kind is traced and translated anew: some seconds each
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_leaves(kind, model, tmp_path, run_python):
    """In both forms; what `torch.export` wrote is run where `p2p_lib` cannot be imported."""
    inside = model(**KINDS[kind])
    made = export(inside, onnx=tmp_path / "model.onnx", pt2=tmp_path / "model.pt2")
    codes = [torch.full((1, inside.nz), 0.5)] if inside.nz else []
    given = [[torch.from_numpy(picture(w, h))[None], *codes] for w, h in ((32, 32), (64, 32), (32, 96))]
    torch.save(given, tmp_path / "pictures.pt")
    assert json.loads(run_python(OUTSIDE)) == made.facts
    for (array, *z), (translated, answer) in zip(given, torch.load(tmp_path / "answers.pt"), strict=True):
        expected = inside(array[0].numpy(), **({"z": z[0][0]} if z else {}))
        assert np.abs(translated[0].numpy().astype(int) - expected).max() <= 1
        _, other = run(tmp_path / "model.onnx", array[0].numpy(), *(code.numpy() for code in z))
        assert np.abs(other - answer.detach().numpy()).max() < 1e-3


@pytest.mark.slow  # as above
def test_a_network_of_one_size_keeps_it(model, tmp_path):
    inside = model(side=64, codec="sketch")
    made = export(inside, onnx=tmp_path / "model.onnx")
    assert list(made.differences) == [(64, 64)]
    assert "64 x 64 alone" in made.facts["height and width"]
    translated, _ = run(tmp_path / "model.onnx", picture(64, 64))
    assert np.abs(translated[0].astype(int) - inside(picture(64, 64))).max() <= 1


@pytest.mark.slow  # a bundled model, which is larger
def test_the_command_line(tmp_path, capsys):
    assert main(["export", "faces-tiny", "--onnx", str(tmp_path / "faces.onnx")]) == 0
    said = capsys.readouterr().out
    assert "input z: float32 (1, 8)" in said and "multiples of 64" in said and "within" in said
    drawing = np.asarray(Image.new("RGB", (64, 64), "white"))
    first, second = (run(tmp_path / "faces.onnx", drawing, np.full((1, 8), z, np.float32))[0] for z in (-1, 1))
    assert np.abs(first.astype(int) - second).max() > 5  # the code is not lost on the way


def test_the_command_line_asks_for_a_file(capsys):
    assert main(["export", "facades-tiny"]) == 2
    assert "nothing to write" in capsys.readouterr().err
