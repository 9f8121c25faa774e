"""The ResNet generator: the reference's numbers, any size that is a multiple of 4, and the same answer wherever a thing lies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import p2p_lib as p2p
from p2p_lib.models import ResNetGenerator


def small_resnet(**options) -> ResNetGenerator:
    torch.manual_seed(0)
    return ResNetGenerator(ngf=4, n_blocks=2, **options).eval()


@pytest.mark.parametrize(
    ("options", "count"),
    [({}, 11_378_179), ({"n_blocks": 6}, 7_837_699), ({"norm": "batch"}, 11_383_427)],
)
def test_parameter_count(options, count):
    with torch.device("meta"):
        net = ResNetGenerator(**options)
    assert sum(parameter.numel() for parameter in net.parameters()) == count


@pytest.mark.parametrize(
    ("name", "options"), [("junyanz_resnet9_instance", {}), ("junyanz_resnet9_instance_dropout", {"dropout": True})]
)
def test_reference_output(name, options, fill_from_reference):
    with torch.device("meta"):
        net = ResNetGenerator(**options).eval()
    x, expected = fill_from_reference(net, name)
    with torch.inference_mode():
        out = net(x).numpy()
    np.testing.assert_allclose(out[:, :, ::4, ::4], expected["output"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(out[:, :, -32:, -32:], expected["corner"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("upsample", ["transpose", "nearest", "bilinear"])
@pytest.mark.parametrize("size", [(32, 32), (20, 44)])
def test_any_multiple_of_four(upsample, size):
    x = torch.rand(2, 3, *size) * 2 - 1
    out = small_resnet(upsample=upsample)(x)
    assert out.shape == x.shape
    assert out.abs().max() <= 1


def test_other_sizes_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match="multiples of 4; got 33 x 32"):
        small_resnet()(torch.zeros(1, 3, 32, 33))


def test_a_shift_by_four_pixels_shifts_the_answer():
    """Without statistics of the whole picture, and with nothing at the border; a U-Net, which halves to a pixel, cannot do this."""
    net = small_resnet(norm="none")
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
    x = torch.zeros(1, 3, 96, 96)
    x[..., 40:48, 40:48] = torch.rand(1, 3, 8, 8)
    moved = net(x.roll((4, 8), dims=(-2, -1)))
    torch.testing.assert_close(moved, net(x).roll((4, 8), dims=(-2, -1)), atol=1e-5, rtol=0)


def test_a_block_adds_to_what_it_is_given():
    block = small_resnet().layers[9]
    for parameter in block.parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.rand(1, 16, 8, 8)
    torch.testing.assert_close(block(x), x)


@pytest.mark.parametrize(("generator", "n_blocks"), [("resnet6", 6), ("resnet9", 9)])
def test_a_task_with_a_resnet_trains_and_translates(small_task, make_pairs, tmp_path, generator, n_blocks):
    task = small_task(generator=generator, steps=2, eval_every=2)
    assert sum(type(layer).__name__ == "ResidualBlock" for layer in task.make_generator().layers) == n_blocks
    run = p2p.fit(task, tmp_path / "run", train=make_pairs(4, 36), val=make_pairs(2, 32), progress=False)
    assert p2p.Translator.load(run.out)(make_pairs(1, 45)[0][0]).shape == (45, 45, 3)
