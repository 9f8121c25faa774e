"""Colour metrics against scikit-image and against what their definitions say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000

from p2p_lib import metrics
from p2p_lib.color import rgb_to_lab

# Table 1 of Sharma, Wu & Dalal (2005): L, a, b of two colours, and their difference
TABLE = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0010 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""
PAIRS = [[float(value) for value in line.split()] for line in TABLE.split("\n") if line]


@pytest.mark.parametrize("row", PAIRS, ids=range(1, 35))
def test_published_pairs(row):
    lab = torch.tensor(row[:6], dtype=torch.float64).view(2, 3, 1, 1)
    expected = row[6]
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


def test_sharpness_is_the_mean_step_in_lightness():
    stripes = torch.tensor([0, 255], dtype=torch.uint8).repeat(8).view(1, 1, 1, 16).expand(2, 3, 16, 16).clone()
    stripes[1] = stripes[0].transpose(1, 2)
    assert metrics.sharpness(stripes).tolist() == pytest.approx([50, 50], abs=1e-3)  # 100 in one direction, none in the other
    assert metrics.sharpness(torch.full((1, 3, 8, 8), 90, dtype=torch.uint8)).item() == 0
    ramp = torch.arange(0, 160, 10, dtype=torch.uint8).view(1, 1, 1, 16).expand(1, 3, 16, 16)
    lightness = rgb_to_lab(ramp)[0, 0, 0]
    assert metrics.sharpness(ramp).item() == pytest.approx(float(lightness[-1] - lightness[0]) / 15 / 2, abs=1e-3)


def test_blur_has_less_sharpness():
    picture = torch.randint(256, (1, 3, 16, 16), generator=torch.Generator().manual_seed(0)).byte()
    blurred = torch.nn.functional.avg_pool2d(picture.float(), 3, stride=1).byte()
    assert metrics.sharpness(blurred).item() < 0.5 * metrics.sharpness(picture).item()


def test_ab_psnr_sees_colour_only():
    picture = torch.randint(256, (1, 3, 16, 16), generator=torch.Generator().manual_seed(0)).byte()
    gray = torch.full((1, 3, 16, 16), 90, dtype=torch.uint8)
    assert metrics.ab_psnr(picture, picture).item() == pytest.approx(100)
    assert metrics.ab_psnr(gray, gray // 2).item() == pytest.approx(100, abs=40)
    assert metrics.ab_psnr(picture, gray).item() < 25
    assert metrics.mean_ciede2000(picture, picture).item() == 0
