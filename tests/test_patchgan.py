"""The PatchGAN: what one answer sees, how many answers there are, and the reference's numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from p2p_lib.models import MultiScaleDiscriminator, PatchDiscriminator
from p2p_lib.models.patchgan import RECEPTIVE_FIELDS, STRIDES, output_size, receptive_field

ANSWERS_AT_256 = {1: 256, 16: 126, 34: 62, 70: 30, 94: 15, 142: 14, 286: 6, 382: 2}


def pictures(n: int = 2, channels: int = 3, size: int = 64, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(("options", "count"), [({}, 2_768_705), ({"receptive_field": 1}, 9_024)])
def test_parameter_count(options, count):
    assert sum(parameter.numel() for parameter in PatchDiscriminator(**options).parameters()) == count


def test_the_table_below_covers_every_field():
    assert set(ANSWERS_AT_256) == set(RECEPTIVE_FIELDS)


@pytest.mark.parametrize(("field", "answers"), ANSWERS_AT_256.items())
def test_number_of_answers(field, answers):
    netD = PatchDiscriminator(ndf=2, receptive_field=field).eval()
    with torch.inference_mode():
        assert netD(pictures(1, 6, 256)).shape == (1, 1, answers, answers)
    assert output_size(256, field) == answers


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
@pytest.mark.parametrize("size", [30, 33, 47, 64])
def test_output_size_holds_for_any_size(size, padding):
    netD = PatchDiscriminator(ndf=2, receptive_field=16, padding=padding).eval()
    assert netD(pictures(1, 6, size)).shape[-1] == output_size(size, 16)


@pytest.mark.parametrize("field", STRIDES)
def test_receptive_field_follows_from_the_strides(field):
    assert receptive_field(STRIDES[field]) == field


@pytest.mark.parametrize("field", RECEPTIVE_FIELDS)
def test_one_answer_sees_exactly_its_patch(field):
    """The gradient of one answer is non-zero on a square of that side, and zero everywhere else."""
    size = 2 * field + 64
    torch.manual_seed(0)
    netD = PatchDiscriminator(in_channels=1, ndf=1, receptive_field=field, norm="none").double()
    x = pictures(1, 1, size).double().requires_grad_()
    answers = netD(x)
    answers[0, 0, answers.shape[-2] // 2, answers.shape[-1] // 2].backward()
    seen = x.grad[0, 0] != 0
    rows, columns = (seen.any(dim).nonzero() for dim in (1, 0))
    for place in (rows, columns):
        assert place.min() > 0
        assert place.max() < size - 1  # or the border might have cut the patch
        assert place.max() - place.min() + 1 == field
    assert seen.sum() == field**2


@pytest.mark.parametrize("norm", ["batch", "instance", "instance-affine", "none"])
@pytest.mark.parametrize("field", [1, 16, 34])
def test_every_norm_runs_forward_and_backward(field, norm):
    netD = PatchDiscriminator(ndf=4, receptive_field=field, norm=norm)
    netD(pictures(), pictures(seed=1)).square().mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in netD.parameters())


def test_pictures_are_seen_together_in_the_order_given():
    netD, source, image = PatchDiscriminator(ndf=4).eval(), pictures(), pictures(seed=1)
    assert torch.equal(netD(source, image), netD(torch.cat([source, image], dim=1)))
    assert not torch.allclose(netD(source, image), netD(image, source))


def test_unconditional_discriminator_sees_the_picture_alone():
    assert PatchDiscriminator(in_channels=3, ndf=4, receptive_field=16)(pictures()).shape == (2, 1, 30, 30)


@pytest.mark.parametrize("field", [0, 2, 71, 256])
def test_unknown_field_is_refused(field):
    with pytest.raises(ValueError, match=f"1, 16, 34, 70, .*; got {field}"):
        PatchDiscriminator(receptive_field=field)


@pytest.mark.parametrize(("size", "field"), [(32, 286), (64, 382), (16, 70), (2, 16)])
def test_picture_too_small_for_an_answer(size, field):
    with pytest.raises(ValueError, match=f"{field} x {field} PatchGAN has no answer for a picture of side {size}"):
        output_size(size, field)


def test_scales_see_the_picture_ever_smaller():
    """A picture of one colour stays one, also at its borders; each scale has half the filters of the one before."""
    netD, x = MultiScaleDiscriminator(ndf=8, n_scales=3, receptive_field=16), torch.full((1, 3, 64, 64), 0.5)
    seen = []
    for scale in netD.scales:
        scale.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    answers = netD(x)
    assert [y.shape[-1] for y in answers] == [output_size(size, 16) for size in (64, 32, 16)]
    assert [y.shape[-1] for y in seen] == [64, 32, 16]
    assert all(torch.allclose(y, torch.tensor(0.5)) for y in seen)
    assert [scale.layers[0].out_channels for scale in netD.scales] == [8, 4, 2]
    sum(y.square().mean() for y in answers).backward()
    assert all(parameter.grad.isfinite().all() for parameter in netD.parameters())


def test_scales_have_the_references_parameter_count_and_take_conditions():
    assert sum(parameter.numel() for parameter in MultiScaleDiscriminator().parameters()) == 3_458_978
    source, image = pictures(), pictures(seed=1)
    netD = MultiScaleDiscriminator(in_channels=6, ndf=4, receptive_field=16)
    for ours, joined in zip(netD(source, image), netD(torch.cat([source, image], dim=1)), strict=True):
        assert torch.equal(ours, joined)


@pytest.mark.parametrize(("name", "options"), [("junyanz_D_basic_batch", {}), ("junyanz_D_pixel_batch", {"receptive_field": 1})])
def test_reference_output(name, options, fill_from_reference):
    netD = PatchDiscriminator(**options).eval()
    x, expected = fill_from_reference(netD, name)
    with torch.inference_mode():
        out = netD(x[:, :3], x[:, 3:]).numpy()
    whole = out if "corner" not in expected else out[:, :, ::4, ::4]
    np.testing.assert_allclose(whole, expected["output"], rtol=0, atol=1e-4)
    if "corner" in expected:
        np.testing.assert_allclose(out[:, :, -32:, -32:], expected["corner"], rtol=0, atol=1e-4)
