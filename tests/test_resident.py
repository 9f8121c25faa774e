"""Pairs in the memory of a device: the same batches, and on a GPU the same training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import p2p_lib as p2p
from p2p_lib.data import PairedImages, resident
from p2p_lib.data.resident import ResidentPairs, batches_for

CPU = torch.device("cpu")


def test_batches_are_those_of_the_pairs(make_pairs, monkeypatch):
    monkeypatch.setattr(resident, "AT_ONCE", 3)
    pairs = make_pairs(8, 20)
    there = ResidentPairs(pairs, CPU)
    for indices in ([0], [7, 2, 2, 5], range(8)):
        for half, other in zip(there.batch(indices), pairs.batch(indices), strict=True):
            assert half.dtype == torch.uint8 and torch.equal(half, other)


def test_single_pictures_are_source_and_target_there_too():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8, 3), np.uint8)
    pairs = PairedImages(np.broadcast_to(pictures, (3, 2, 8, 8, 3)), list("abc"), "made up")
    source, target = ResidentPairs(pairs, CPU).batch([2, 0])
    assert torch.equal(source, target) and torch.equal(source[1].permute(1, 2, 0), torch.from_numpy(pictures[0, 0]))


def test_without_a_gpu_pairs_stay_where_they_are(make_pairs):
    pairs = make_pairs(2, 8)
    assert batches_for(pairs, CPU) is pairs


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_on_a_gpu_training_is_the_same_with_pairs_there(small_task, make_pairs, tmp_path):
    class Elsewhere(PairedImages):
        """Pairs that stay in main memory."""

    kinds = {"there": PairedImages, "elsewhere": Elsewhere}
    runs = [
        p2p.fit(small_task(), tmp_path / name, train=make_pairs(5, 36, kind=kind), val=make_pairs(3, 32, seed=1), progress=False)
        for name, kind in kinds.items()
    ]
    assert isinstance(batches_for(make_pairs(5, 36), p2p.device.best_device()), ResidentPairs)
    assert runs[0].history[-1]["G_l1"] == pytest.approx(runs[1].history[-1]["G_l1"], rel=1e-2)
