"""LPIPS against its formula written out once more, and what it says of weights that are not there or not whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import ROOT
from torchvision.models import squeezenet1_1

from p2p_lib.errors import DataError
from p2p_lib.lpips import BACKBONE_FILE, HEADS_FILE, Lpips

WEIGHTS = ROOT.parent / "shared" / "data" / "weights"
CHANNELS = (64, 128, 256, 384, 384, 512, 512)


@pytest.fixture(scope="module", params=["made up", "real"])
def folder(request, tmp_path_factory):
    """SqueezeNet and heads: random ones, which are there for everybody, and the real ones where they are."""
    if request.param == "real":
        if not WEIGHTS.is_dir():
            pytest.skip("the weights of LPIPS are not beside the project")
        return WEIGHTS
    folder = tmp_path_factory.mktemp("weights")
    made_up_weights(folder)
    return folder


def made_up_weights(folder) -> None:
    torch.manual_seed(0)
    np.savez(folder / BACKBONE_FILE, **{key: value.numpy() for key, value in squeezenet1_1().state_dict().items()})
    np.savez(
        folder / HEADS_FILE,
        **{f"lin{i}.model.1.weight": np.random.default_rng(i).random((1, c, 1, 1), np.float32) for i, c in enumerate(CHANNELS)},
    )


def reference(folder, a: np.ndarray, b: np.ndarray) -> float:
    """The lpips package's LPIPS(net="squeeze"), v0.1, for one picture (H, W, 3): its ScalingLayer, slices, and linear layers."""
    net = squeezenet1_1()
    with np.load(folder / BACKBONE_FILE) as state, np.load(folder / HEADS_FILE) as heads:
        net.load_state_dict({key: torch.from_numpy(state[key]) for key in state.files})
        lin = [torch.from_numpy(heads[key]).double() for key in sorted(heads.files)]
    layers = net.double().eval().features
    slices = [layers[start:end] for start, end in ((0, 2), (2, 5), (5, 8), (8, 10), (10, 11), (11, 12), (12, 13))]
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]).double(), torch.tensor([0.458, 0.448, 0.450]).double()
    x, y = (((torch.from_numpy(p).double() / 255 * 2 - 1 - shift) / scale).permute(2, 0, 1)[None] for p in (a, b))
    total = 0.0
    with torch.no_grad():
        for piece, head in zip(slices, lin, strict=True):
            x, y = piece(x), piece(y)
            one, other = (z / (z.pow(2).sum(1, keepdim=True).sqrt() + 1e-10) for z in (x, y))
            total += float(torch.nn.functional.conv2d((one - other) ** 2, head).mean())
    return total


def test_lpips_is_the_formula(folder):
    a, b = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 48, 3), np.uint8)
    found = Lpips(folder)(*(torch.from_numpy(x).permute(0, 3, 1, 2) for x in (a, b)))
    assert found.shape == (3,)
    for i in range(3):
        assert float(found[i]) == pytest.approx(reference(folder, a[i], b[i]), abs=1e-4, rel=1e-4)


def test_equal_pictures_have_no_distance(folder, make_pairs):
    pictures = make_pairs(2, 64).batch([0, 1])[0]
    assert Lpips(folder)(pictures, pictures).tolist() == [0, 0]


def test_missing_and_damaged_weights_are_one_sentence(tmp_path):
    with pytest.raises(DataError, match=f"There is no .*{BACKBONE_FILE}; LPIPS needs"):
        Lpips(tmp_path)
    made_up_weights(tmp_path)
    whole = (tmp_path / HEADS_FILE).read_bytes()
    (tmp_path / HEADS_FILE).write_bytes(whole[:1000])
    with pytest.raises(DataError, match="cannot be read as an .npz file"):
        Lpips(tmp_path)
    (tmp_path / HEADS_FILE).write_bytes((tmp_path / BACKBONE_FILE).read_bytes())
    with pytest.raises(DataError, match="has 7"):
        Lpips(tmp_path)
    (tmp_path / BACKBONE_FILE).write_bytes(whole)
    with pytest.raises(DataError, match="holds other weights than"):
        Lpips(tmp_path)


def test_too_small_pictures_are_one_sentence(tmp_path):
    made_up_weights(tmp_path)
    with pytest.raises(DataError, match="at least 32 x 32 pixels; got 20 x 40"):
        Lpips(tmp_path)(*torch.zeros(2, 1, 3, 40, 20, dtype=torch.uint8))
