"""Near-duplicates are found, and never parted; grayscale files are recognised."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from skimage import data as photos

from p2p_lib.data.synthetic.paintings import malevich, monet
from p2p_lib.data.works import is_grayscale, look, perceptual_hash, same_work, split_works, survey
from p2p_lib.errors import DataError

PAINTINGS = [Image.fromarray(monet(seed, 64)) for seed in range(12)]


def recompressed(image: Image.Image, quality: int = 30) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


VARIANTS = {
    "recompressed": recompressed,
    "smaller": lambda image: image.resize((50, 40)),
    "larger": lambda image: image.resize((300, 260), Image.Resampling.BICUBIC),
    "trimmed": lambda image: image.crop((1, 1, image.width - 1, image.height - 1)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "faded": lambda image: ImageEnhance.Color(image).enhance(0.3),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_another_copy_is_the_same_work(variant):
    copies = [VARIANTS[variant](image) for image in PAINTINGS]
    works = same_work(np.stack([perceptual_hash(image) for image in [*PAINTINGS, *copies]]))
    assert (works[: len(PAINTINGS)] == works[len(PAINTINGS) :]).all()


def test_other_paintings_are_other_works():
    names = ("astronaut", "coffee", "chelsea", "rocket", "retina", "hubble_deep_field")
    different = [*PAINTINGS, *(Image.fromarray(getattr(photos, name)()).convert("RGB") for name in names)]
    assert len(set(same_work(np.stack([perceptual_hash(image) for image in different])))) == len(different)


def test_likeness_goes_from_neighbour_to_neighbour():
    hashes = np.zeros((4, 256), bool)
    hashes[1, :60], hashes[2, :120] = True, True
    hashes[3] = np.arange(256) % 2
    first, second, third, other = same_work(hashes, near=88)
    assert first == second == third != other
    assert len(set(same_work(hashes, near=59))) == 4


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_works", [3, 4, 30, 200])
def test_works_are_never_parted(seed, n_works):
    works = np.random.default_rng(seed).integers(0, n_works, 3 * n_works)
    works[:n_works] = np.arange(n_works)
    names = [f"{i}.jpg" for i in range(len(works))]
    folds = split_works(names, works, seed)
    for work in range(n_works):
        assert len({fold for fold, other in zip(folds, works, strict=True) if other == work}) == 1
    shares = {fold: folds.count(fold) / len(folds) for fold in ("train", "val", "test")}
    assert min(shares.values()) > 0
    if n_works >= 30:
        assert shares["val"] == pytest.approx(0.1, abs=0.03)
        assert shares["test"] == pytest.approx(0.1, abs=0.03)


def test_split_depends_on_names_and_seed_alone():
    names, works = [f"{i}.jpg" for i in range(50)], np.arange(50)
    folds = split_works(names, works)
    assert folds == split_works(names, works)
    assert folds != split_works(names, works, seed=1)
    assert dict(zip(names, folds, strict=True)) == dict(zip(names[::-1], split_works(names[::-1], works[::-1]), strict=True))


def test_too_few_works_to_hold_any_out():
    with pytest.raises(DataError, match="there are 2 in 3 pictures"):
        split_works(["a", "b", "c"], np.array([0, 1, 1]))


@pytest.mark.parametrize("image", [*PAINTINGS[:3], Image.fromarray(malevich(1, 64)), Image.new("RGB", (9, 9), (200, 30, 40))])
def test_grayscale(image):
    assert not is_grayscale(image)
    assert is_grayscale(image.convert("L").convert("RGB"))
    assert is_grayscale(recompressed(image.convert("L").convert("RGB"), 60))


def test_survey_sorts_files_and_remembers(tmp_path):
    PAINTINGS[0].save(tmp_path / "a.png")
    PAINTINGS[1].convert("L").save(tmp_path / "b.png")
    Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(tmp_path / "c.png")
    (tmp_path / "d.png").write_bytes(b"no picture")
    files = sorted(tmp_path.iterdir())
    for _ in range(2):
        found = survey("test", files)
        assert [path.name for path in found.files] == ["a.png"]
        assert [path.name for path in found.gray] == ["b.png", "c.png"]
        assert {path.name for path in found.problems} == {"d.png"}
        np.testing.assert_array_equal(found.hashes, [look(tmp_path / "a.png")[0]])
