"""The latent encoder: the reference's numbers, any size, and codes that depend on the picture."""

from __future__ import annotations

import pytest
import torch

from p2p_lib.models import LatentEncoder
from p2p_lib.models.blocks import init_weights


def small_encoder(**options) -> LatentEncoder:
    net = LatentEncoder(**({"nz": 5, "nef": 4, "n_blocks": 2} | options))
    init_weights(net, seed=0, std=0.2)
    return net


@pytest.mark.parametrize(("options", "count"), [({}, 2_590_032), ({"n_blocks": 3}, 1_344_080)])
def test_parameter_count(options, count):
    with torch.device("meta"):
        net = LatentEncoder(**options)
    assert sum(parameter.numel() for parameter in net.parameters()) == count


@pytest.mark.parametrize("norm", ["batch", "instance", "instance-affine", "none"])
@pytest.mark.parametrize("size", [(32, 32), (40, 72)])
def test_mean_and_log_variance_of_any_size(norm, size):
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    net = small_encoder(norm=norm)
    mean, log_variance = net(x)
    assert mean.shape == log_variance.shape == (2, 5)
    assert not torch.allclose(mean[0], mean[1], atol=1e-4)
    assert not torch.allclose(mean, log_variance, atol=1e-4)
    (mean.square().sum() + log_variance.square().sum()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())


def test_shapes_halve_with_every_block():
    net, sizes = small_encoder(n_blocks=4), []
    for layer in (net.first, *net.blocks):
        layer.register_forward_hook(lambda module, args, out: sizes.append(tuple(out.shape[1:])))
    net(torch.zeros(1, 3, 256, 256))
    assert sizes == [(4, 128, 128), (8, 64, 64), (12, 32, 32), (16, 16, 16), (16, 8, 8)]
