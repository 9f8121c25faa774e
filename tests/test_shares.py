"""Shares of a batch: what is drawn, dropped and learned is that of the whole."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F
from two_processes import BICYCLE, PIX2PIX, assert_same_gradients, losses_of

import p2p_lib as p2p
from p2p_lib.errors import ConfigError
from p2p_lib.latent import draw_latent
from p2p_lib.shares import Share, SharedDropout, kept_statistics
from p2p_lib.tasks import Task

BATCH = {"batch_size": 4, "steps": 4}


def test_shares_of_groups():
    batch = torch.arange(8)
    assert [Share(i, 2).of(batch).tolist() for i in range(2)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [Share(i, 2).of(batch, groups=2).tolist() for i in range(2)] == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert Share(1, 2).of(Share(0, 2).of(batch)).tolist() == Share(1, 4).of(batch).tolist()
    with pytest.raises(ValueError, match="4 equal shares"):
        Share(0, 2).of(batch[:6], groups=2)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_dropout_of_shares_is_that_of_the_whole(memory_format):
    x = torch.randn(4, 6, 5, 7).to(memory_format=memory_format)
    torch.manual_seed(0)
    whole = F.dropout(x, 0.5)
    for i, part in enumerate(x.chunk(2)):
        torch.manual_seed(0)
        assert torch.equal(SharedDropout(0.5, Share(i, 2))(part), whole.chunk(2)[i])


def test_dropout_of_a_share_is_off_in_evaluation():
    x = torch.randn(2, 3)
    assert torch.equal(SharedDropout(0.5, Share(0, 2)).eval()(x), x)


def test_codes_of_shares_are_those_of_the_whole():
    draws = []
    for share in (Share(), Share(0, 2), Share(1, 2)):
        torch.manual_seed(0)
        draws.append(draw_latent(4 // share.count, 8, share=share))
    assert torch.equal(draws[0], torch.cat(draws[1:]))


@pytest.mark.parametrize(("task", "accumulate"), [(dataclasses.replace(PIX2PIX, nz=4), 4), (BICYCLE, 2)])
def test_parts_give_the_losses_of_the_whole(task, accumulate, tmp_path):
    """With instance norm, dropout and random codes; batch norm's statistics are those of each part."""
    task = dataclasses.replace(task, norm="instance", **BATCH)
    whole, parts = (losses_of(dataclasses.replace(task, accumulate=n), tmp_path / str(n)) for n in (1, accumulate))
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-5)
    assert_same_gradients(tmp_path / str(accumulate), tmp_path / "1")


def test_batch_norm_has_the_statistics_of_each_part(tmp_path):
    """What the configuration's documentation says, so that nobody is surprised: close, but not the same."""
    whole, parts = (losses_of(dataclasses.replace(PIX2PIX, **BATCH, accumulate=n), tmp_path / str(n)) for n in (1, 2))
    assert 1e-5 < abs(whole[0]["G_l1"] - parts[0]["G_l1"]) < 0.05


def test_what_is_computed_again_does_not_count_twice():
    norm = torch.nn.BatchNorm2d(3)
    norm(torch.randn(2, 3, 4, 4))
    before = copy.deepcopy(norm.state_dict())
    with kept_statistics(norm):
        norm(torch.randn(2, 3, 4, 4))
    torch.testing.assert_close(norm.state_dict(), before, rtol=0, atol=0)
    norm(torch.randn(2, 3, 4, 4))
    assert not torch.equal(norm.running_mean, before["running_mean"])


@pytest.mark.parametrize(("accumulate", "passes"), [(1, 1), (4, 8)])
def test_translations_of_parts_are_not_held(accumulate, passes):
    """The generator's graph of a part would be; so it is left, and made again when its turn comes."""
    task = dataclasses.replace(PIX2PIX, norm="instance", batch_size=4, accumulate=accumulate)
    method, batch = task.make_method(torch.device("cpu")), torch.zeros(4, 3, 32, 32)
    seen: list[int] = []
    method.netG.register_forward_pre_hook(lambda net, inputs: seen.append(len(inputs[0])))
    method.step(batch, batch)
    assert seen == [4 // accumulate] * passes


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"batch_size": 3, "accumulate": 2}, r"a multiple of 2 \(accumulate 2\).*; got 3: take 2 or 4"),
        ({"batch_size": 1, "accumulate": 2}, "got 1: take 2"),
        ({"accumulate": 0}, "accumulate must be greater than 0"),
    ],
)
def test_batches_that_have_no_equal_parts(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Task(**changes)


def test_halves_in_parts():
    with pytest.raises(ConfigError, match=r"a multiple of 4 \(accumulate 2, halves\).*; got 6: take 4 or 8"):
        p2p.task("faces", "lite", batch_size=6, accumulate=2)
