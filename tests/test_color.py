"""sRGB <-> Lab: scikit-image's numbers, exact round trips, and gradients that are finite everywhere."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from check_all_colors import wrong_colors
from skimage import data
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from p2p_lib.color import F_KNEE, LAB_KNEE, LINEAR_KNEE, SRGB_KNEE, lab_to_rgb, rgb_to_lab
from p2p_lib.errors import DataError


def planes(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array).permute(2, 0, 1).contiguous()


def cube() -> np.ndarray:
    grid = np.linspace(0, 1, 33)
    return np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), -1).reshape(33, -1, 3)


def test_the_cube_agrees_with_skimage():
    lab = rgb2lab(cube())
    assert (rgb_to_lab(planes(cube()).float()) - planes(lab)).abs().max() < 1e-4
    assert (lab_to_rgb(planes(lab).float()) - planes(lab2rgb(lab))).abs().max() < 1e-4
    assert (rgb_to_lab(planes(cube())) - planes(lab)).abs().max() < 1e-10


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_photos_agree_with_skimage(name):
    photo = getattr(data, name)()[::2, ::2]
    expected = planes(rgb2lab(photo))
    assert (rgb_to_lab(planes(photo)) - expected).abs().max() < 1e-4
    assert (rgb_to_lab(planes(photo).float() / 255) - expected).abs().max() < 1e-4


def test_round_trip_of_sampled_colors():
    assert wrong_colors(range(0, 256, 37)) == 0


def test_half_precision_and_blocks():
    x = torch.rand(2, 3, 3, 300, 300)
    whole = rgb_to_lab(x.clone().requires_grad_()).detach()
    torch.testing.assert_close(rgb_to_lab(x), whole, atol=1e-4, rtol=0)
    assert rgb_to_lab(x.bfloat16()).dtype == torch.bfloat16
    assert rgb_to_lab(x[:0]).shape == (0, 3, 3, 300, 300)


@pytest.mark.parametrize("function", [rgb_to_lab, lab_to_rgb])
def test_gradients(function):
    scale = 1 if function is rgb_to_lab else 90
    x = (torch.rand(3, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * scale).requires_grad_()
    assert torch.autograd.gradcheck(function, x)
    knees = torch.tensor([0, SRGB_KNEE, LAB_KNEE, LINEAR_KNEE, F_KNEE, 1e-30, -1, 2, 8, -50, 200, -200])
    special = torch.cartesian_prod(knees, knees, knees).T[:, None].contiguous().requires_grad_()
    result = function(special)
    result.sum().backward()
    assert result.isfinite().all() and special.grad.isfinite().all()


@pytest.mark.parametrize("wrong", [torch.zeros(3, 4, 4, dtype=torch.int32), torch.zeros(1, 4, 4), torch.zeros(3)])
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(DataError, match="Colours"):
        rgb_to_lab(wrong)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_compiled_gives_the_same():
    rgb = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    lab = rgb_to_lab(rgb)
    torch.testing.assert_close(torch.compile(rgb_to_lab)(rgb), lab, atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.compile(lab_to_rgb)(lab), rgb, atol=1e-5, rtol=0)
