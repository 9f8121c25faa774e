"""Figures that take colours apart, and a translation beside its original."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import color
from skimage import data as photos

import p2p_lib as p2p
from p2p_lib.errors import DataError
from p2p_lib.viz import GAP
from p2p_lib.viz_color import gamut_slice, lab_views, plot_ab, plot_gamut, show_lab


def negative(image: Image.Image) -> Image.Image:
    return Image.fromarray(255 - np.asarray(image))


@pytest.fixture
def photo() -> torch.Tensor:
    """Two crops of scikit-image's astronaut, uint8 (2, 3, 64, 64)."""
    picture = np.array(Image.fromarray(photos.astronaut()).resize((128, 64)))
    return torch.from_numpy(picture).permute(2, 0, 1).reshape(3, 64, 2, 64).permute(2, 0, 1, 3).contiguous()


def shown(figure) -> list[np.ndarray]:
    """The pictures of a figure, as matplotlib holds them."""
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


@pytest.mark.parametrize("kind", ["path", "string", "PIL", "array", "tensor", "gray", "CMYK"])
def test_translation_beside_its_original(tmp_path, kind):
    array = photos.astronaut()[:40, :60]
    image = Image.fromarray(array)
    image.save(tmp_path / "a.png")
    given = {
        "path": tmp_path / "a.png",
        "string": str(tmp_path / "a.png"),
        "PIL": image,
        "array": array,
        "tensor": torch.from_numpy(array).permute(2, 0, 1),
        "gray": array[..., 0],
        "CMYK": image.convert("CMYK"),
    }[kind]
    original, generated = shown(p2p.viz.show_translation(given, negative))
    np.testing.assert_array_equal(generated, 255 - original)
    expected = np.repeat(array[..., :1], 3, axis=-1) if kind == "gray" else array
    np.testing.assert_array_equal(original, expected)


def test_translation_is_saved_at_full_size(tmp_path):
    array = photos.astronaut()[:40, :60]
    p2p.viz.show_translation(array, negative, save=tmp_path / "deep" / "pair.png")
    with Image.open(tmp_path / "deep" / "pair.png") as image:
        saved = np.asarray(image)
    assert saved.shape == (40, 2 * 60 + GAP, 3)
    np.testing.assert_array_equal(saved[:, :60], array)
    np.testing.assert_array_equal(saved[:, -60:], 255 - array)


def test_translation_of_a_file_that_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="not a picture"):
        p2p.viz.show_translation(tmp_path / "a.png", negative)


def test_each_view_shows_its_own_channel(photo):
    lab = color.rgb2lab(photo.permute(0, 2, 3, 1).numpy())
    lightness, a, b = (color.rgb2lab(view.permute(0, 2, 3, 1).numpy()) for view in lab_views(photo))
    np.testing.assert_allclose(lightness[..., 0], lab[..., 0], atol=0.5)
    np.testing.assert_allclose(lightness[..., 1:], 0, atol=1)
    moderate = np.abs(lab[..., 1:]).max(axis=-1) < 25  # stronger ones may not exist at the lightness of the view
    np.testing.assert_allclose(a[moderate][:, 1], lab[moderate][:, 1], atol=1)
    np.testing.assert_allclose(b[moderate][:, 2], lab[moderate][:, 2], atol=1)
    np.testing.assert_allclose(b[moderate][:, 1], 0, atol=1)


def test_gain_makes_colours_stronger(photo):
    chroma = [color.rgb2lab(lab_views(photo, gain)[1].permute(0, 2, 3, 1).numpy())[..., 1] for gain in (1, 2)]
    assert np.abs(chroma[1]).mean() > 1.5 * np.abs(chroma[0]).mean()


def test_rows_of_channels(photo):
    assert len(shown(show_lab(photo))) == 8


@pytest.mark.parametrize("lightness", [20, 50, 80])
def test_gamut_slice_holds_what_a_display_has(lightness):
    picture = gamut_slice(lightness)
    inside = (picture < 255).any(axis=-1)
    lab = color.rgb2lab(picture)[inside]
    np.testing.assert_allclose(lab[:, 0], lightness, atol=0.5)
    axis = np.linspace(-110, 110, 221)
    b, a = np.meshgrid(axis[::-1], axis, indexing="ij")
    np.testing.assert_allclose(lab[:, 1], a[inside], atol=1.5)
    np.testing.assert_allclose(lab[:, 2], b[inside], atol=1.5)
    assert inside[110, 110], "gray is always there"


@pytest.mark.parametrize(
    ("losses", "titles"),
    [
        (("G_gan", "G_l1", "D_real", "D_fake"), ["adversarial losses", "L1 in training, pictures in -1..1"]),
        (("G_l1",), ["L1 in training, pictures in -1..1"]),
        (("G_l1", "val_l1", "val_psnr"), ["L1 in training, pictures in -1..1", "validation"]),
    ],
)
def test_history_shows_the_losses_that_there_are(losses, titles):
    figure = p2p.viz.plot_history([{"step": step, **dict.fromkeys(losses, 0.5)} for step in range(3)])
    assert [axes.get_title()[: len(title)] for axes, title in zip(figure.axes, titles, strict=True)] == titles


def test_figures_draw(photo):
    figure = plot_ab({"photo": photo, "paler": photo // 2 + 64})
    for axes in figure.axes:
        for steps in axes.patches:
            assert steps.get_data().values.sum() == pytest.approx(1)
    assert len(shown(plot_gamut((30, 70), photo))) == 2
