"""Measuring variety, and the world that it can be measured on: where the parts of a portrait are, and CUFS by its names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from p2p_lib import data, diversity, metrics
from p2p_lib.color import rgb_to_lab
from p2p_lib.data.cufs import person
from p2p_lib.data.synthetic.faces import portrait, regions
from p2p_lib.errors import DataError

FACES = Path(__file__).resolve().parents[2] / "shared" / "data" / "faces"


def flat(*grays: int) -> torch.Tensor:
    """Pictures (N, 3, 2, 2) of one gray each."""
    return torch.tensor(grays, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 2, 2)


def test_distance_between_samples_is_between_each_and_the_next():
    samples = [flat(0, 10), flat(51, 10), flat(0, 10), flat(255, 10)]
    torch.testing.assert_close(diversity.sample_distance(samples, metrics.l1), torch.tensor([(0.2 + 0.2 + 1.0) / 3, 0.0]))
    assert diversity.data_distance(flat(0, 51, 255), metrics.l1) == pytest.approx((0.2 + 0.8) / 2)


def test_reconstruction_uses_the_targets_code():
    class Model:
        """Answers in the gray that is the code."""

        def encode(self, photos):
            return photos[:, 0, 0, 0].numpy()

        def __call__(self, picture, z):
            return torch.full_like(picture, int(z) + 51)

    np.testing.assert_allclose(diversity.reconstruction_l1(Model(), flat(0, 0), flat(10, 100)), [0.2, 0.2], atol=1e-6)


def test_color_of_a_region():
    picture = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    picture[0, 0, 0] = 255  # a red row over a black one
    red = rgb_to_lab(picture)[0, :, 0, 0]
    top = np.array([[1.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(diversity.region_color(picture, top)[0], red, atol=1e-4)
    np.testing.assert_allclose(diversity.region_color(picture, np.ones((1, 2, 2)))[0], red / 2, atol=1e-4)


def test_range_and_coverage():
    true = np.random.default_rng(0).uniform(-50, 50, (500, 3))
    np.testing.assert_allclose(diversity.color_range(true, true), 1)
    assert diversity.color_coverage(true, true) == 1
    np.testing.assert_allclose(diversity.color_range(true * (0.5, 3, 1), true), (0.5, 1, 1), atol=0.02)
    np.testing.assert_allclose(diversity.color_range(true + np.array([200, 0, 0]), true), (0, 1, 1))
    half = true[true[:, 0] > 0]
    assert diversity.color_coverage(half, true, radius=1.0) == pytest.approx(len(half) / len(true), abs=0.02)
    assert diversity.color_coverage(true[:1], true, radius=1.0) == pytest.approx(1 / 500)


def test_agreement_on_a_style():
    style = np.random.default_rng(0).normal(size=(40, 1, 3))
    noise = np.random.default_rng(1).normal(size=(40, 6, 3))
    np.testing.assert_allclose(diversity.style_agreement(style + np.arange(6)[None, :, None]), 1)
    assert np.abs(diversity.style_agreement(noise)).max() < 0.15
    assert 0.3 < diversity.style_agreement(style + noise).mean() < 0.7  # 0.5: half of the variance is common


def test_parts_of_a_portrait_add_up_and_show_their_colour():
    seen = regions(5, 48)
    np.testing.assert_allclose(sum(seen.values()), 1, atol=1e-5)
    assert all(share.shape == (48, 48) and share.min() > -1e-6 for share in seen.values())
    photo = torch.from_numpy(portrait(5, 48)[1]).permute(2, 0, 1)[None]
    whole = seen["background"] > 0.999
    assert 0.2 < whole.mean() < 0.8
    assert rgb_to_lab(photo)[0][:, whole].std(dim=1).max() < 6  # one wall, in its light
    skin, wall = (diversity.region_color(photo, seen[part])[0] for part in ("skin", "background"))
    assert np.linalg.norm(skin - wall) > 10


@pytest.mark.parametrize(
    ("sketch", "photo"),
    [
        ("cuhk/F2-005-01-sz1", "cuhk/f-005-01"),
        ("M2-008-01-sz1", "m-008-01"),
        ("f-039-01-sz1", "f-039-01"),
        ("f1-001-01-sz1", "f1-001-01"),
        ("AR/m-001-01", "ar/M-001-01"),
        ("xm2vts/003_1_1", "xm2vts/003_1_1"),
    ],
)
def test_a_sketch_and_its_photo_have_the_same_person(sketch, photo):
    assert person(sketch) == person(photo)


def test_other_people_are_other_people():
    names = ("f-005-01", "f1-005-01", "m-005-01", "f-006-01", "ar/f-005-01", "f-005-02", "012_1_1", "021_1_1")
    assert len({person(name) for name in names}) == len(names)


def lay_out(home: Path, names: dict[str, str]) -> None:
    for i, pair in enumerate(names.items()):
        for folder, name, color in zip(("sketches", "photos"), pair, ((i, 0, 0), (i, 99, 0)), strict=True):
            path = home / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.new("RGB", (8, 10), color)
            (image.quantize(4) if folder == "sketches" else image).save(path)


def test_the_three_parts_of_cufs_pair_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("P2P_DATA", str(tmp_path))
    names = {"cuhk/F2-005-01-sz1": "cuhk/f-005-01", "cuhk/m1-001-01-sz1": "cuhk/m1-001-01"}
    names |= {name: name for name in ("ar/m-001-01", *(f"xm2vts/{i:03}_1_1" for i in range(17)))}
    lay_out(tmp_path / "faces", names)
    train, val = (data.load("faces", split, size=8) for split in ("train", "val"))
    assert len(train) + len(val) == 20
    for pairs in (train, val):
        for source, target in pairs:
            assert abs(int(source[0, 0, 0]) - int(target[0, 0, 0])) <= 1  # the same person
            assert (source[0, 0, 1], target[0, 0, 1]) == (0, 99)
    (tmp_path / "faces" / "photos" / "cuhk" / "f-005-01.png").unlink()
    with pytest.raises(DataError, match="F2-005-01-sz1.png: has no partner in photos/"):
        data.load("faces", "train", size=8)


def test_real_faces_pair_all(monkeypatch):
    if not FACES.is_dir():
        pytest.skip("the real data are not beside the project")
    monkeypatch.setenv("P2P_DATA", str(FACES.parent))
    parts = [data.load("faces", split, size=32) for split in ("train", "val")]
    assert sum(map(len, parts)) == 88
    assert not any(pairs.report.problems for pairs in parts)
    source, target = parts[0].batch(range(len(parts[0])))
    assert source.float().mean() > target.float().mean()  # paper is light
