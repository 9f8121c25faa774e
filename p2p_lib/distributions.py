"""Do the generated pictures, taken together, look like the real ones: FID and KID.

Neither asks which picture belongs to which: both compare two clouds of features, one vector a picture. FID (Heusel et al. 2017,
arXiv:1706.08500) fits a Gaussian to each cloud, KID (Binkowski et al. 2018, arXiv:1801.01401) does without. The names stand for the
features of one certain Inception network; on SqueezeNet's the same formulas give other numbers, named FID-squeeze and KID-squeeze.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from p2p_lib.errors import ConfigError, DownloadError
from p2p_lib.intervals import RESAMPLES, Estimate, centred_estimate, resamples

MANY = 256  # pictures, from which on a distance takes so long that fewer sets are drawn
FEWER_RESAMPLES = 200
Distance = Callable[[np.ndarray, np.ndarray], float]


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """FID of two clouds of features, (n, d) and (m, d): |mean_a - mean_b|^2 + Tr(S_a + S_b - 2 (S_a S_b)^(1/2)), 0 is equal.

    With S = X^T X, the trace of the root is the sum of the singular values of X_a X_b^T: no root of a d x d matrix is needed, and
    nothing is lost where there are fewer pictures than features.
    """
    mean = np.square(a.mean(0) - b.mean(0)).sum()
    xa, xb = _deviations(a), _deviations(b)
    cross = np.linalg.svd(xa @ xb.T, compute_uv=False).sum()
    return float(max(mean + np.square(xa).sum() + np.square(xb).sum() - 2 * cross, 0.0))


def _deviations(x: np.ndarray) -> np.ndarray:
    """X with X^T X the covariance of the features (n, d); at most d rows."""
    x = (x - x.mean(0)).astype(np.float64) / np.sqrt(len(x) - 1)
    return np.linalg.qr(x, mode="r") if len(x) > x.shape[1] else x


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """KID of two clouds of features, (n, d) and (m, d): unbiased squared MMD with the kernel (x y / d + 1)^3 (equation 4).

    Of two clouds that come from one distribution it is 0 in the mean, and so it may be a little below.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    kaa, kbb, kab = (_kernel(x, y) for x, y in ((a, a), (b, b), (a, b)))
    n, m = kab.shape
    within = (kaa.sum() - np.trace(kaa)) / (n * (n - 1)) + (kbb.sum() - np.trace(kbb)) / (m * (m - 1))
    return float(within - 2 * kab.mean())


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a @ b.T / a.shape[1] + 1) ** 3


def set_estimate(distance: Distance, fake: np.ndarray, real: np.ndarray, count: int | None = None) -> Estimate:
    """A distance between the features of generated and real pictures, (n, d) each and in the same order, with its interval.

    Pairs are drawn, so that the same real pictures stand against the generated ones; 1000 sets,
    of more than 256 pictures 200. FID is never below 0, and neither is its interval.
    """
    count = count or (RESAMPLES if len(fake) <= MANY else FEWER_RESAMPLES)
    drawn = np.array([distance(fake[index], real[index]) for index in resamples(len(fake), count)])
    found = centred_estimate(distance(fake, real), drawn)
    return dataclasses.replace(found, low=max(found.low, 0.0)) if distance is frechet_distance else found


def pooled(deepest: Tensor) -> Tensor:
    """One vector a picture of activations (N, C, h, w): their mean, (N, C)."""
    return deepest.mean((2, 3))


class Inception:
    """Features of the Inception network that FID and KID are defined on (torch-fidelity's): uint8 (N, 3, H, W) -> (N, 2048).

    Its weights (91 MB) are downloaded on first use, or read from the file `weights`. ConfigError where torch-fidelity is not
    installed, DownloadError where the weights cannot be fetched.
    """

    def __init__(self, weights: str | Path | None = None) -> None:
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ModuleNotFoundError as error:
            raise ConfigError("FID needs a package that is not installed: pip install torch-fidelity.") from error
        try:
            path = None if weights is None else str(weights)
            self.net = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=path).eval()
        except (OSError, RuntimeError) as error:  # urllib's errors are OSErrors
            raise DownloadError(
                f"The weights of FID's Inception network cannot be fetched ({error}); leave out --inception: with --lpips DIR the "
                "report has FID-squeeze and KID-squeeze."
            ) from error

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        return self.net(images)[0]
