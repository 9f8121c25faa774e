"""Every public network reproduces its authors' answers, given nothing but keys and tensors."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from helpers import REFERENCE, reference_entry
from torch import Tensor, nn

from p2p_lib.models import foreign

NAMES = sorted(path.stem for path in REFERENCE.glob("*.json"))
AGAIN = {  # large networks of an architecture of which another one is quick, or that test_unet.py compares, too
    "anime2sketch_default",
    "anime2sketch_improved",
    "bicycle_G_unet256_input",
    "junyanz_resnet9_instance",
    "junyanz_unet128_batch",
    "junyanz_unet256_batch",
    "junyanz_unet256_batch_batchstats",
    "junyanz_unet256_instance",
}


def weights_of(vector: dict) -> dict[str, Tensor]:
    """The state dict of a test vector; numbers that the vector says are not drawn."""
    constants = vector["constants"]
    entries = {key: constants.get(key) or reference_entry(vector, key, shape) for key, shape in vector["state_dict"]}
    return {key: torch.as_tensor(value, dtype=None if key.endswith("tracked") else torch.float32) for key, value in entries.items()}


def inputs_of(vector: dict) -> list[Tensor]:
    """What the call of a test vector takes."""
    x = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, vector["input"]["x_shape"]).astype(np.float32))
    z = torch.from_numpy(np.random.default_rng(2).standard_normal((1, 8)).astype(np.float32))
    return {"net(x)": [x], "net(x, z)": [x, z], "net(x[:, 0:3], x[:, 3:6])": [x[:, 0:3], x[:, 3:6]]}[vector["input"]["call"]]


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in AGAIN else ()) for name in NAMES])
def test_published_answer(name):
    vector = json.loads((REFERENCE / f"{name}.json").read_text())
    net = foreign.load(weights_of(vector))
    assert not net.training
    assert sum(parameter.numel() for parameter in net.parameters()) == vector["parameter_count"]
    assert sum(buffer.numel() for buffer in net.buffers()) == vector["buffer_value_count"]
    for module in net.modules():
        module.training = isinstance(module, nn.BatchNorm2d) and "train mode" in vector["mode"]
    with torch.inference_mode():
        answer = net(*inputs_of(vector))
    answers = answer if isinstance(answer, (tuple, list)) else [answer]
    with np.load(REFERENCE / f"{name}.seed1.npz") as expected:
        found = as_stored([y.numpy() for y in answers], dense="corner" in expected)
        assert found.keys() == set(expected)
        for key, value in found.items():
            np.testing.assert_allclose(value, expected[key], rtol=0, atol=1e-4)


def as_stored(answers: list[np.ndarray], dense: bool) -> dict[str, np.ndarray]:
    """Pictures thinned out and their corner in full; maps and vectors whole."""
    if dense:
        return {"output": answers[0][:, :, ::4, ::4], "corner": answers[0][:, :, -32:, -32:]}
    return {"output" if i == 0 else f"output_{i}": y for i, y in enumerate(answers)}


def test_all_vectors_are_there():
    if not NAMES:
        pytest.skip("the test vectors of public networks are not beside the project")
    assert len(NAMES) >= 24
    assert set(NAMES) >= AGAIN
