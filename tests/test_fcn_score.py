"""The FCN-score: classes of label maps, the paper's three numbers, and a segmenter that learns and is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from p2p_lib import fcn_score
from p2p_lib.data import PairedImages
from p2p_lib.data.synthetic.facades import PALETTE, facade
from p2p_lib.errors import DataError


@pytest.fixture(scope="module")
def streets() -> PairedImages:
    """Procedural facades with label maps."""
    array = np.stack([np.stack(facade(seed, 32)) for seed in range(16)])
    return PairedImages(array, [str(i) for i in range(16)], "made-up streets")


@pytest.fixture(scope="module")
def segmenter(streets) -> fcn_score.Segmenter:
    return fcn_score.train_segmenter(streets, steps=80, progress=False)


def test_classes_are_the_nearest_colours():
    colors = torch.tensor(list(PALETTE.values()), dtype=torch.uint8).T.reshape(3, 1, 12).repeat_interleave(4, 1)
    noisy = (colors.int() + torch.randint(-20, 21, colors.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 255).byte()
    maps = noisy.repeat_interleave(8, 1).repeat_interleave(8, 2)[None]  # (1, 3, 32, 96), read at 12 x 12
    assert (fcn_score.classes_of(maps, 12) == torch.arange(12)).all()


def test_scores_are_the_papers():
    """Two classes of 30 and 10 pixels; 24 and 8 are right: 32/40; (24/30 + 8/10)/2; (24/32 + 8/16)/2."""
    counts = np.zeros((12, 12), np.int64)
    counts[0, 0], counts[0, 1], counts[1, 1], counts[1, 0] = 24, 6, 8, 2
    found = fcn_score.scores(counts)
    assert [float(x) for x in found.values()] == pytest.approx([0.8, 0.8, (24 / 32 + 8 / 16) / 2])


def test_confusion_counts_true_by_found():
    truth, found = torch.tensor([[[0, 0], [3, 11]]]), torch.tensor([[[0, 3], [3, 11]]])
    counts = fcn_score.confusion(found, truth).numpy()
    assert counts.shape == (1, 12, 12)
    assert (counts[0, 0, 0], counts[0, 0, 3], counts[0, 3, 3], counts[0, 11, 11], counts.sum()) == (1, 1, 1, 1, 4)


def test_intervals_lie_around_the_score():
    counts = np.random.default_rng(0).integers(0, 50, (20, 12, 12)) + 100 * np.eye(12, dtype=int)
    for name, found in fcn_score.score_estimates(counts).items():
        assert found.low < found.value < found.high, name
        assert found.value == pytest.approx(float(fcn_score.scores(counts.sum(0))[name]))


@pytest.mark.slow
def test_segmenter_reads_real_photos_better_than_their_blur_and_others(streets, segmenter):
    source, target = streets.batch(range(len(streets)))
    truth = fcn_score.classes_of(source, 32)

    def accuracy(photos: torch.Tensor) -> float:
        return float(fcn_score.scores(fcn_score.confusion(segmenter.read(photos), truth).sum(0).numpy())["fcn_pixel_accuracy"])

    most_frequent = float(truth.flatten().bincount().max() / truth.numel())
    assert accuracy(target) > most_frequent + 0.1
    assert accuracy(target) > accuracy(target.roll(1, 0)) + 0.1
    assert accuracy(target) > accuracy(source) + 0.1


def test_segmenter_is_trained_once(streets, monkeypatch):
    first = fcn_score.segmenter_for(streets, steps=2, progress=False)
    monkeypatch.setattr(fcn_score, "train_segmenter", None)
    photos = streets.batch([0, 1])[1]
    torch.testing.assert_close(fcn_score.segmenter_for(streets, steps=2)(photos), first(photos))
    with pytest.raises(TypeError):
        fcn_score.segmenter_for(streets.subset(range(5)), steps=2)


def test_other_pictures_are_no_label_maps(make_pairs):
    with pytest.raises(DataError, match="needs label maps in the colours of CMP facades.*made-up pairs"):
        fcn_score.segmenter_for(make_pairs(4, 32), progress=False)
