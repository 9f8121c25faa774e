"""The procedural street: label maps like those of CMP facades, and photos that fit them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from p2p_lib.data.synthetic.facades import PALETTE, facade

COLORS = np.array(list(PALETTE.values()))
DATA = Path(os.environ.get("P2P_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def of_class(labels: np.ndarray, name: str) -> np.ndarray:
    """Where a label map has exactly the colour of a class."""
    return (labels == PALETTE[name]).all(-1)


def distance_to_palette(colors: np.ndarray) -> np.ndarray:
    """Largest difference in any channel between each colour (..., 3) and every colour of the palette: (..., 12)."""
    return np.abs(colors[..., None, :].astype(int) - COLORS).max(-1)


def test_same_seed_same_bytes():
    for first, second in zip(facade(3, 96), facade(3, 96), strict=True):
        assert first.dtype == np.uint8
        assert first.shape == (96, 96, 3)
        assert first.tobytes() == second.tobytes()


def test_other_seed_other_building():
    (labels, photo), (other_labels, other_photo) = facade(3, 64), facade(4, 64)
    assert (labels != other_labels).any(-1).mean() > 0.1
    assert np.abs(photo.astype(float) - other_photo).mean() > 15


@pytest.mark.parametrize("seed", range(4))
def test_same_scene_at_every_size(seed):
    for large, small in zip(facade(seed, 256), facade(seed, 64), strict=True):
        reduced = np.asarray(Image.fromarray(large).reduce(4)).astype(float)
        assert np.abs(reduced - small).mean() < 8
        assert np.corrcoef(reduced.ravel(), small.ravel())[0, 1] > 0.95


def test_labels_are_palette_colours_but_at_edges():
    exact = [(distance_to_palette(facade(seed, 256)[0]).min(-1) == 0).mean() for seed in range(10)]
    assert min(exact) > 0.85


def test_every_class_appears_and_the_rare_ones_are_rare():
    maps = np.stack([facade(seed, 64)[0] for seed in range(60)])
    shares = {name: of_class(maps, name).mean() for name in PALETTE}
    assert min(shares.values()) > 0
    assert shares["facade"] > shares["background"] > shares["window"] > shares["molding"] > shares["door"]


def test_walls_are_of_many_colours():
    walls = [photo[of_class(labels, "facade")].mean(0) for labels, photo in (facade(seed, 64) for seed in range(30))]
    assert np.std(walls, axis=0).min() > 15


def test_windows_are_where_the_labels_say():
    """Contrast between window labels and the rest of the house is largest where the label map lies exactly on the photo."""
    shifts = [(dy, dx) for dy in (-4, 0, 4) for dx in (-4, 0, 4)]
    contrast = dict.fromkeys(shifts, 0.0)
    for seed in range(12):
        labels, photo = facade(seed, 128)
        grey, window, wall = photo.mean(-1), of_class(labels, "window"), of_class(labels, "facade")
        for shift in shifts:
            moved = np.roll(grey, shift, axis=(0, 1))
            contrast[shift] += moved[wall].mean() - moved[window].mean()
    assert max(contrast, key=contrast.get) == (0, 0)
    assert contrast[0, 0] / 12 > 20


def test_palette_is_that_of_the_real_label_maps():
    folder = DATA / "facades" / "train"
    if not folder.is_dir():
        pytest.skip(f"the real facades are not at {folder}: set P2P_DATA to check the palette against them")
    flat = []
    for path in sorted(folder.glob("*.jpg"))[:60]:
        labels = np.asarray(Image.open(path))[:, 256:]
        same = [(labels == np.roll(labels, shift, axis)).all(-1) for shift in (-1, 1) for axis in (0, 1)]
        flat.append(labels[np.all(same, axis=0)])
    distances = distance_to_palette(np.concatenate(flat))
    assert (distances.min(-1) <= 3).mean() > 0.995  # 3: what JPEG costs
    assert set(distances.argmin(-1)) == set(range(len(COLORS)))
