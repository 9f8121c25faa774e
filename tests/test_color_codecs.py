"""The codecs that colour: lightness is exact, gray is Pillow's, and what has no colour on a display is counted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from p2p_lib import color
from p2p_lib.codec import GrayCodec, LabCodec, RgbCodec


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    """scikit-image's astronaut, uint8 (1, 3, 128, 128)."""
    picture = Image.fromarray(data.astronaut()).resize((128, 128))
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32])
def test_lab_round_trip(photo, dtype):
    image = photo if dtype == torch.uint8 else photo.float() / 255 if dtype == torch.float32 else (photo.int() * 257).to(dtype)
    codec = LabCodec()
    source, target = codec.encode_source(image), codec.encode_target(image)
    assert source.shape == (1, 1, 128, 128)
    assert target.shape == (1, 2, 128, 128)
    assert source.abs().max() <= 1
    assert target.abs().max() <= 1
    back = codec.decode(target, image, dtype)
    assert back.dtype == dtype
    tolerance = {torch.uint8: 0, torch.uint16: 1, torch.float32: 1e-5}[dtype]
    assert (back.double() - image.double()).abs().max() <= tolerance


def test_lightness_is_the_sources_wherever_the_colour_exists(photo):
    """Any answer of the network: only pixels out of gamut may change their lightness."""
    answer = 0.3 * torch.randn(1, 2, 128, 128, generator=torch.Generator().manual_seed(0))
    picture, share = LabCodec().decode_counted(answer, photo)
    wanted = color.rgb_to_lab(photo)[:, 0]
    rgb = color.lab_to_rgb(torch.cat([wanted[:, None], answer * 110], dim=1))
    inside = ((rgb >= 0) & (rgb <= 1)).all(dim=1)
    assert 0 < share.item() < 1
    assert share.item() == pytest.approx(1 - inside.float().mean().item(), abs=0.02)
    one_level = 100 / 255
    assert (color.rgb_to_lab(picture)[:, 0] - wanted)[inside].abs().max() < one_level


def test_a_gray_answer_to_a_gray_source_is_the_source():
    gray = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert torch.equal(LabCodec().decode(torch.zeros(1, 2, 16, 16), gray), gray)


def test_gray_is_pillows(photo):
    expected = np.asarray(Image.fromarray(photo[0].permute(1, 2, 0).numpy()).convert("L"))
    seen = GrayCodec().encode_source(photo)
    assert seen.shape == (1, 1, 128, 128)
    np.testing.assert_array_equal(((seen[0, 0] + 1) * 127.5).round().byte().numpy(), expected)
    as_float = GrayCodec().encode_source(photo.float() / 255)
    assert (as_float - seen).abs().max() <= 1.01 / 255


def test_what_the_network_sees(photo):
    """A gray picture, which encodes to the same as the picture itself."""
    for codec, tolerance in ((LabCodec(), 0.6 / 50), (GrayCodec(), 1e-6)):
        for image in (photo, photo.float() / 255):
            seen = codec.seen(image)
            assert (seen.shape, seen.dtype) == (image.shape, image.dtype)
            assert (seen.amax(1).float() - seen.amin(1).float()).max() <= (1 if seen.dtype == torch.uint8 else 1e-3)
            assert (codec.encode_source(seen) - codec.encode_source(image)).abs().max() <= tolerance
    assert torch.equal(RgbCodec().seen(photo), photo)


@pytest.mark.parametrize("codec", ["lab", "gray"])
def test_training_and_translating(small_task, make_pairs, tmp_path, codec):
    import p2p_lib as p2p

    task = small_task(codec=codec, steps=2, eval_every=2)
    run = p2p.fit(task, tmp_path / "run", train=make_pairs(4, 36), val=make_pairs(2, 32), progress=False)
    source = make_pairs(1, 40)[0][0]
    assert p2p.Translator.load(run.out)(source).shape == (40, 40, 3)
