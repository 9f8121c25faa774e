"""FID and KID against torchmetrics and the textbook, and intervals against sets that are drawn anew."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from p2p_lib.distributions import frechet_distance, kernel_distance, set_estimate
from p2p_lib.intervals import mean_estimate, resamples

RNG = np.random.default_rng


def clouds(n: int, m: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    rng = RNG(n + d)
    return rng.normal(size=(n, d)).astype(np.float32), (rng.normal(0.3, 1.4, (m, d)) ** 2).astype(np.float32)


@pytest.mark.parametrize(("n", "m", "d"), [(50, 50, 8), (40, 60, 16), (300, 20, 8)])
def test_frechet_distance_is_heusels(n, m, d):
    a, b = clouds(n, m, d)
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(s + t - 2 * scipy.linalg.sqrtm(s @ t).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-5)


def test_frechet_distance_of_fewer_pictures_than_features():
    """The same clouds, the features turned and padded with zeros: no distance changes."""
    a, b = clouds(30, 30, 8)
    turn = np.linalg.qr(RNG(0).normal(size=(64, 64)))[0][:8]
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(frechet_distance(a, b), rel=1e-5)


@pytest.mark.parametrize("kind", ["fid", "kid"])
def test_torchmetrics_gives_the_same(kind):
    a, b = (torch.from_numpy(x) for x in clouds(60, 60, 16))

    class Features(torch.nn.Module):
        num_features = 16

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)[:, :16]

    shaped = [torch.nn.functional.pad(x, (0, 11)).view(-1, 3, 3, 3) for x in (a, b)]
    if kind == "fid":
        metric = FrechetInceptionDistance(Features(), normalize=True)
        metric.set_dtype(torch.float64)
    else:
        metric = KernelInceptionDistance(Features(), subsets=1, subset_size=60, normalize=True)
    metric.update(shaped[0], real=False)
    metric.update(shaped[1], real=True)
    expected = metric.compute() if kind == "fid" else metric.compute()[0]
    mine = frechet_distance if kind == "fid" else kernel_distance
    assert mine(a.numpy(), b.numpy()) == pytest.approx(float(expected), rel=1e-4)


def test_the_same_pictures_in_another_order_are_no_distance():
    a, _ = clouds(40, 40, 8)
    assert frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-4)
    assert kernel_distance(a, a[::-1]) < 0  # unbiased, so a set is nearer to itself than to another of its kind
    found = set_estimate(frechet_distance, a, a, count=20)
    assert (found.value, found.low, found.high) == pytest.approx((0, 0, 0), abs=1e-4)


def test_drawn_sets_are_the_same_for_the_same_seed():
    assert (resamples(7, 20) == resamples(7, 20)).all()
    assert not (resamples(7, 20) == resamples(7, 20, seed=1)).all()
    assert set(resamples(7, 20).flat) == set(range(7))


def test_intervals_of_means_cover():
    """Of 300 sets of 60 skewed values, 95 % should have the true mean in their interval; the bootstrap is known to stay below."""
    sets = RNG(0).exponential(1.0, (300, 60))
    inside = [(found := mean_estimate(values)).low <= 1.0 <= found.high for values in sets]
    assert 0.90 <= np.mean(inside) <= 0.98


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_intervals_of_distances_cover(distance):
    """What a set of the same size shows in the mean lies in about 95 % of the intervals."""
    rng = RNG(1)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        a = rng.normal(size=(60, 3))
        return a, 0.5 * a + rng.normal(0.8, 1.0, (60, 3))

    truth = np.mean([distance(*draw()) for _ in range(1000)])
    found = [set_estimate(distance, *draw(), count=200) for _ in range(80)]
    assert 0.86 <= np.mean([one.low <= truth <= one.high for one in found]) <= 1.0
    assert np.mean([one.high - one.low for one in found]) < 1.5 * truth


def test_intervals_of_distances_hold_what_was_measured():
    """With many features, sets that hold pictures twice all lie further off; what was measured stays inside nevertheless."""
    a, b = RNG(3).normal(size=(2, 40, 32))
    index = resamples(40, 200)
    found = set_estimate(frechet_distance, a, b, count=200)
    assert found.low < found.value == frechet_distance(a, b) < found.high
    assert np.quantile([frechet_distance(a[i], b[i]) for i in index], 0.025) > found.value
