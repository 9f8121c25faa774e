"""The U-Net: the reference's sizes and numbers, every option, and skip connections that carry something."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from p2p_lib.models import UNetGenerator
from p2p_lib.models.blocks import init_weights
from p2p_lib.models.unet import DROPOUT_LAYERS

SIZES = (32, 64, 128, 256, 512, 1024)


def small_unet(**options) -> UNetGenerator:
    torch.manual_seed(0)
    return UNetGenerator(**({"image_size": 32, "ngf": 4} | options))


def random_pictures(n: int = 2, height: int = 32, width: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 54_413_955),
        ({"norm": "instance"}, 54_409_603),
        ({"image_size": 128}, 41_828_995),
        ({"dropout": False}, 54_413_955),
        ({"norm": "instance-affine"}, 54_413_955),
        ({"norm": "instance", "out_channels": 1}, 54_405_505),  # Anime2Sketch's
        ({"norm": "instance", "nz": 8}, 54_417_795),  # BicycleGAN's
        ({"norm": "instance", "nz": 8, "inject": "all"}, 54_794_627),
        # without skips: each of the seven outer layers up has half the inputs, its own width x what it gives x 16 weights fewer
        ({"skips": False}, 54_413_955 - 16 * (3 * 512 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 3)),
    ],
)
def test_parameter_count(options, count):
    with torch.device("meta"):
        net = UNetGenerator(**options)
    assert sum(parameter.numel() for parameter in net.parameters()) == count


@pytest.mark.parametrize("size", SIZES)
def test_every_power_of_two_goes_down_to_one_pixel_and_back(size):
    net = small_unet(image_size=size, ngf=2).eval()
    shapes = []
    net.down[-1].register_forward_hook(lambda module, args, out: shapes.append(tuple(out.shape)))
    with torch.inference_mode():
        out = net(random_pictures(1, size, size))
    assert out.shape == (1, 3, size, size)
    assert shapes == [(1, 16, 1, 1)]
    assert out.abs().max() <= 1


@pytest.mark.parametrize("size", [0, 1, 16, 31, 33, 48, 96, 100, 2048])
def test_other_image_sizes_are_refused(size):
    with pytest.raises(ValueError, match=f"power of two from 32 to 1024; got {size}"):
        UNetGenerator(image_size=size)


def test_sides_may_be_different_multiples():
    assert small_unet()(random_pictures(1, 64, 96)).shape == (1, 3, 64, 96)


@pytest.mark.parametrize(("height", "width"), [(33, 32), (32, 48), (16, 32)])
def test_sides_that_are_no_multiples_are_refused(height, width):
    with pytest.raises(ValueError, match=f"multiples of 32; got {width} x {height}"):
        small_unet()(random_pictures(1, height, width))


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
@pytest.mark.parametrize("upsample", ["transpose", "nearest", "bilinear"])
@pytest.mark.parametrize("norm", ["batch", "instance", "instance-affine", "none"])
def test_every_option_runs_forward_and_backward(norm, upsample, padding):
    net = small_unet(norm=norm, upsample=upsample, padding=padding)
    out = net(random_pictures())
    assert out.shape == (2, 3, 32, 32)
    out.square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("option", ["norm", "upsample", "padding", "inject"])
def test_unknown_option_is_refused(option):
    with pytest.raises(ValueError, match="bogus"):
        small_unet(**{option: "bogus"})


def test_dropout_acts_in_train_mode_only():
    net, x = small_unet(norm="none"), random_pictures()
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))
    without = small_unet(norm="none", dropout=False)
    assert torch.equal(without(x), without(x))


def test_dropout_is_in_the_innermost_decoder_layers():
    drops = [isinstance(block.dropout, torch.nn.Dropout) for block in small_unet(image_size=256).up]
    assert drops == [True] * DROPOUT_LAYERS + [False] * (len(drops) - DROPOUT_LAYERS)


def test_output_needs_both_the_skip_and_what_comes_from_below():
    """Every decoder layer but the first gets two halves; the output must depend on each."""
    net = small_unet(norm="none", dropout=False)
    inputs = []
    for block in net.up[1:]:
        block.register_forward_pre_hook(lambda module, args: inputs.append(args[0]) or args[0].retain_grad())
    net(random_pictures()).sum().backward()
    assert len(inputs) == 4
    for x in inputs:
        skip, below = x.grad.chunk(2, dim=1)
        assert skip.abs().sum() > 0
        assert below.abs().sum() > 0


def test_positions_travel_through_the_skips():
    """With the bottleneck cut, an encoder-decoder would answer every picture alike; the U-Net does not."""
    net = small_unet().eval()
    net.up[0].register_forward_hook(lambda module, args, out: torch.zeros_like(out))
    one, other = net(random_pictures(2))
    assert not torch.allclose(one, other, atol=1e-3)


def test_encoder_decoder_has_nothing_but_its_bottleneck():
    net = small_unet(skips=False).eval()
    one, other = net(random_pictures(2))
    assert not torch.equal(one, other)
    net.up[0].register_forward_hook(lambda module, args, out: torch.zeros_like(out))
    one, other = net(random_pictures(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize("inject", ["input", "all"])
def test_latent_code_chooses_the_answer(inject):
    """And both it and every weight that sees it learn."""
    net, x = small_unet(norm="instance", dropout=False, nz=3, inject=inject), random_pictures()
    init_weights(net, seed=0, std=0.1)
    z = torch.eye(3)[:2].requires_grad_()
    one, other = net(x[:1].expand(2, -1, -1, -1), z)
    assert not torch.allclose(one, other, atol=1e-4)
    net(x, z).square().mean().backward()
    assert (z.grad != 0).all()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())
    assert [block.conv.in_channels for block in net.down[:2]] == [6, 4 + 3 * (inject == "all")]


def test_latent_code_is_zeros_where_none_is_given():
    net, x = small_unet(nz=2, inject="all").eval(), random_pictures()
    assert torch.equal(net(x), net(x, torch.zeros(2, 2)))


def test_code_enters_where_it_is_said():
    """With the first layer blind to the code, "input" is blind and "all" is not."""
    for inject, blind in [("input", True), ("all", False)]:
        net, x = small_unet(norm="none", nz=2, inject=inject).eval(), random_pictures(1)
        net.down[0].conv.weight.data[:, 3:] = 0
        assert torch.equal(net(x, torch.ones(1, 2)), net(x, -torch.ones(1, 2))) == blind


@pytest.mark.parametrize(("nz", "shape"), [(2, (1, 2)), (2, (2, 3)), (2, (2,)), (0, (2, 1))])
def test_latent_code_of_another_shape_is_refused(nz, shape):
    with pytest.raises(ValueError, match=rf"has the shape \(2, {nz}\) here; got \({shape[0]},"):
        small_unet(nz=nz)(random_pictures(), torch.zeros(shape))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("junyanz_unet256_batch", {}),
        ("junyanz_unet256_instance", {"norm": "instance"}),
        ("junyanz_unet128_batch", {"image_size": 128}),
    ],
)
def test_reference_output(name, options, fill_from_reference):
    with torch.device("meta"):
        net = UNetGenerator(**options).eval()
    x, expected = fill_from_reference(net, name)
    with torch.inference_mode():
        out = net(x).numpy()
    np.testing.assert_allclose(out[:, :, ::4, ::4], expected["output"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(out[:, :, -32:, -32:], expected["corner"], rtol=0, atol=1e-4)
