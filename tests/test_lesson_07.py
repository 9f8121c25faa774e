"""Lesson 7: what its own definitions say of pictures whose answer is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import lesson_definitions
from PIL import Image

from p2p_lib.data import PairedImages
from p2p_lib.data.redraw import RedrawPolicy
from p2p_lib.data.synthetic.comics_film import film


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """What the cells tagged "definition" define."""
    return lesson_definitions("07_anime_and_manga", np=np)


def test_changes_peak_at_the_cuts(lesson):
    cartoon = film(3, size=72, shots=4, frames=8)
    change = lesson.changes([Image.fromarray(frame) for frame in cartoon])
    assert change.shape == (len(cartoon),) and change[0] == 0
    assert {int(at) for at in np.argsort(change)[-3:]} == set(cartoon.cuts)


def test_measures_of_drawings(lesson):
    halves = torch.full((1, 3, 8, 9), 255, dtype=torch.uint8)
    halves[..., 3:] = 0  # one step in each row
    assert lesson.edge_density(halves).item() == pytest.approx(1 / 8)
    assert lesson.edge_density(halves.transpose(2, 3)).item() == pytest.approx(1 / 8)
    assert lesson.tone(halves).item() == pytest.approx(1 / 3)
    assert lesson.grays(halves).item() == 0
    faint = torch.where(halves == 0, torch.tensor(200, dtype=torch.uint8), halves)
    assert lesson.edge_density(faint).item() == 0
    assert lesson.grays(faint).item() == pytest.approx(2 / 3)


def test_redrawn_keeps_pairs_together(lesson):
    array = np.random.default_rng(0).integers(256, size=(3, 2, 16, 16, 3), dtype=np.uint8)
    array[:, 0] = array[:, 0, ..., :1]  # drawings are gray
    pairs = PairedImages(array, ["a", "b", "c"], "noise")
    redrawn = lesson.redrawn(pairs, RedrawPolicy(given=0.5, relit=0), rounds=4)
    assert redrawn.names == ["a", "b", "c"] * 4
    for index in range(12):
        np.testing.assert_array_equal(redrawn[index][1], pairs[index % 3][1])  # not relit: every target is its own
    given = [np.abs(redrawn[i][0].astype(int) - pairs[i % 3][0]).max() <= 1 for i in range(12)]
    assert 0 < sum(given) < 12
    untouched = lesson.redrawn(pairs, RedrawPolicy(given=1, relit=0), rounds=1)
    assert np.abs(untouched.array.astype(int) - array).max() <= 1  # luminance of gray, rounded
