"""Colour metrics against scikit-image and against what their definitions say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000

from p2p_lib import metrics

# From table 1 of Sharma, Wu & Dalal (2005): hues on both sides of the seam of the circle, near grays, large differences
PAIRS = [
    ((50.0000, 2.6772, -79.7751), (50.0000, 0.0000, -82.7485), 2.0425),
    ((50.0000, -1.3802, -84.2814), (50.0000, 0.0000, -82.7485), 1.0000),
    ((50.0000, 0.0000, 0.0000), (50.0000, -1.0000, 2.0000), 2.3669),
    ((50.0000, 2.4900, -0.0010), (50.0000, -2.4900, 0.0009), 7.1792),
    ((50.0000, 2.4900, -0.0010), (50.0000, -2.4900, 0.0011), 7.2195),
    ((50.0000, 2.5000, 0.0000), (50.0000, 0.0000, -2.5000), 4.3065),
    ((50.0000, 2.5000, 0.0000), (73.0000, 25.0000, -18.0000), 27.1492),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("one", "other", "expected"), PAIRS)
def test_published_pairs(one, other, expected):
    lab = [torch.tensor(color, dtype=torch.float64).view(3, 1, 1) for color in (one, other)]
    assert metrics.ciede2000(*lab).item() == pytest.approx(expected, abs=1e-4)
    assert metrics.ciede2000(*reversed(lab)).item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-4), (np.float32, 1e-2)])
def test_ciede2000_agrees_with_skimage(dtype, tolerance):
    rng = np.random.default_rng(0)
    labs = rng.uniform([0, -100, -100], [100, 100, 100], (2, 100, 100, 3))
    labs[:, :20] *= [1, 0.01, 0.01]  # near gray
    ours = metrics.ciede2000(*(torch.from_numpy(lab.astype(dtype)).permute(2, 0, 1) for lab in labs))
    np.testing.assert_allclose(ours.numpy(), deltaE_ciede2000(*labs), atol=tolerance)


def test_colorfulness():
    gray = torch.full((1, 3, 8, 8), 90, dtype=torch.uint8)
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert metrics.colorfulness(gray).item() == 0
    assert metrics.colorfulness(red).item() == pytest.approx(0.3 * np.hypot(255, 127.5))


def test_ab_psnr_sees_colour_only():
    picture = torch.randint(256, (1, 3, 16, 16), generator=torch.Generator().manual_seed(0)).byte()
    gray = torch.full((1, 3, 16, 16), 90, dtype=torch.uint8)
    assert metrics.ab_psnr(picture, picture).item() == pytest.approx(100)
    assert metrics.ab_psnr(gray, gray // 2).item() == pytest.approx(100, abs=40)
    assert metrics.ab_psnr(picture, gray).item() < 25
    assert metrics.mean_ciede2000(picture, picture).item() == 0
