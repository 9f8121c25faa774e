"""Families: each is known by its keys and shapes, in any of its sizes, and what does not fit is said."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from p2p_lib.codec import CODECS
from p2p_lib.errors import CheckpointError
from p2p_lib.models import foreign
from p2p_lib.models.foreign_family import STATISTICS, Family
from p2p_lib.models.foreign_networks import UnitRange
from p2p_lib.models.unet import UNetGenerator
from p2p_lib.translator import Translator

FAMILIES = {family.name: family for family in foreign.FAMILIES}

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "bicyclegan-input": [{"in_channels": 1}, {"ngf": 32, "image_size": 128}],
    "bicyclegan-all": [{"in_channels": 1}, {"nz": 3, "image_size": 128}, {"ngf": 8, "out_channels": 1}],
    "bicyclegan-encoder": [{"nz": 16, "n_blocks": 3}, {"nef": 32, "in_channels": 1}],
    "bicyclegan-discriminator": [{"n_scales": 3}, {"in_channels": 6, "ndf": 32}, {"receptive_field": 34}],
    "junyanz-unet": [
        {"image_size": 128},
        {"norm": "instance"},
        {"in_channels": 1, "out_channels": 2},
        {"ngf": 16, "image_size": 1024, "in_channels": 9},
        {"image_size": 32, "norm": "instance"},
    ],
    "junyanz-resnet": [{"n_blocks": 6}, {"dropout": True}, {"norm": "batch"}, {"norm": "batch", "dropout": True, "ngf": 32}],
    "junyanz-patchgan": [{"receptive_field": 16}, {"receptive_field": 286, "norm": "instance"}, {"in_channels": 3, "ndf": 32}],
    "junyanz-pixelgan": [{"norm": "instance"}, {"ndf": 16, "in_channels": 4}],
    "jys1670": [{"ngf": 32}, {"in_channels": 1, "out_channels": 3}],
    "jys1670-discriminator": [{"ndf": 32}, {"in_channels": 4}],
    "alexeylabs": [{"ngf": 32}, {"in_channels": 1}],
    "alexeylabs-discriminator": [{"ndf": 32}],
    "vladislav": [{"ngf": 32}, {"out_channels": 1}],
    "vladislav-discriminator": [{"ndf": 32}],
    "pavel": [{"nz": 4}, {"ngf": 32, "out_channels": 1}],
    "annkka3": [{"in_channels": 1, "out_channels": 2}, {"ngf": 32}],
    "annkka3-discriminator": [{"ndf": 32}, {"in_channels": 3}],
}
CASES = [(name, {}) for name in FAMILIES] + [(name, changes) for name, several in VARIANTS.items() for changes in several]


def of(name: str, **changes: Any) -> Family:
    """The family with other sizes."""
    return dataclasses.replace(FAMILIES[name], settings={**FAMILIES[name].settings, **changes})


def thin(family: Family) -> dict[str, Tensor]:
    """All entries of a family's network, each of a single value that is stored once."""
    return {key: torch.zeros(1).expand(shape) if shape else torch.tensor(0) for key, (_, shape) in family.keys().items()}


THIN = {name: thin(family) for name, family in FAMILIES.items()}


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_recognised_in_every_size(name, changes):
    family = of(name, **changes)
    assert foreign.recognise(thin(family)) == family


@pytest.mark.parametrize("name", FAMILIES)
def test_prefix_of_data_parallel(name):
    assert foreign.recognise({f"module.{key}": value for key, value in THIN[name].items()}) == FAMILIES[name]


@pytest.mark.parametrize("name", FAMILIES)
def test_facts(name):
    family = FAMILIES[name]
    assert family.source == f"https://github.com/{family.project}"
    assert (family.codec in CODECS) == (family.kind == "generator")
    assert isinstance(family.empty(), nn.Module)
    assert family.title


@settings(max_examples=30)
@given(st.data())
def test_a_fault_is_named(data):
    """One entry that is missing, misshapen or too much: the family is still found, and the sentence names the entry."""
    name = data.draw(st.sampled_from(sorted(FAMILIES)))
    weights = dict(THIN[name])
    key = data.draw(st.sampled_from([key for key in weights if not key.endswith("num_batches_tracked")]))
    fault = data.draw(st.sampled_from(["missing", "misshapen", "unexpected"]))
    if fault == "missing":
        del weights[key]
    elif fault == "misshapen":
        shape = weights[key].shape
        weights[key] = torch.zeros(1).expand(*shape, 2)
    else:
        key = f"{key}.bogus"
        weights[key] = torch.zeros(1)
    with pytest.raises(CheckpointError) as error:
        foreign.load(weights)
    said = str(error.value)
    relatives = [f for f in FAMILIES.values() if (f.project, f.kind) == (FAMILIES[name].project, FAMILIES[name].kind)]
    assert said.startswith(tuple(f"The weights are not those of {family.title}: " for family in relatives))
    assert fault in said
    assert key in said


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("bicyclegan-discriminator", "model_1.0.weight"),
        ("bicyclegan-encoder", "conv.4.shortcut.1.weight"),
        ("junyanz-patchgan", "model.11.weight"),
        ("junyanz-pixelgan", "net.3.weight"),
        ("junyanz-resnet", "model.26.weight"),
        ("junyanz-unet", "model.model.1.model.2.weight"),
        ("junyanz-unet", "model.model.0.weight"),
    ],
)
def test_size_and_norm_hang_on_no_single_key(name, key):
    """Else a file that lacks one entry would be told apart from its own network in many."""
    weights = {other: value for other, value in THIN[name].items() if other != key}
    with pytest.raises(CheckpointError, match=f"^The weights are not those of {FAMILIES[name].title}: missing {key}.$"):
        foreign.load(weights)


def test_several_faults_are_all_told():
    weights = THIN["junyanz-patchgan"] | {"model.0.weight": torch.zeros(64, 6, 3, 3), "head.weight": torch.zeros(1)}
    del weights["model.5.weight"], weights["model.6.running_var"]
    with pytest.raises(
        CheckpointError,
        match=r"^The weights are not those of junyanz' PatchGAN: missing model.5.weight, model.6.running_var; "
        r"unexpected head.weight; misshapen model.0.weight with the shape \(64, 6, 3, 3\) instead of \(64, 6, 4, 4\).$",
    ):
        foreign.load(weights)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({}, r"are empty: there is not a single tensor"),
        ({"layer1.0.conv1.weight": torch.zeros(3)}, r"\(1 tensor: layer1.0.conv1.weight\) are of no network .* Anime2Sketch"),
        (
            {"down1.conv.0.weight": torch.zeros(64, 6, 4, 4), "head.weight": torch.zeros(3)},
            r"\(2 tensors: down1.conv.0.weight, head.weight\).*; nearest is annkka3's PatchGAN, of which 11 tensors are missing: "
            r"down2.conv.0.weight, down2.conv.1.weight, .* and 8 more.",
        ),
        ({"weight": 3}, "is a dict of named tensors"),
        ({3: torch.zeros(1)}, "is a dict of named tensors"),
    ],
)
def test_other_networks_are_refused(weights, said):
    with pytest.raises(CheckpointError, match=said):
        foreign.load(weights)


def test_old_files_lack_counters_and_hold_statistics_of_norms_without():
    """Counters came with PyTorch 0.4.1; before 0.4 instance norm had running statistics, which nobody used."""
    weights = small("junyanz-unet", ngf=2, image_size=32)
    bare = {key: value for key, value in weights.items() if not key.endswith("num_batches_tracked")}
    assert len(bare) < len(weights)
    assert_same(foreign.load(bare), foreign.load(weights))

    weights = small("junyanz-unet", ngf=2, image_size=32, norm="instance")
    old = {"model.model.1.model.2.running_mean": torch.zeros(4), "model.model.1.model.2.num_batches_tracked": torch.tensor(7)}
    assert foreign.recognise(weights | old).settings["norm"] == "instance"
    assert_same(foreign.load(weights | old), foreign.load(weights))


def test_half_precision_and_other_layouts():
    weights = small("junyanz-pixelgan", ndf=2)
    net = foreign.load({key: value.half() if value.is_floating_point() else value for key, value in weights.items()})
    assert net.layers[0].weight.dtype == torch.float32
    with pytest.raises(CheckpointError, match=r"no plain numbers in net.0.bias \(torch.complex64\), net.5.weight"):
        foreign.load(
            weights | {"net.0.bias": torch.zeros(2, dtype=torch.complex64), "net.5.weight": weights["net.5.weight"].to_sparse()}
        )


def test_networks_share_no_memory_with_the_state_dict():
    weights = small("bicyclegan-all", ngf=2, image_size=32)
    before = {key: value.clone() for key, value in weights.items()}
    net = foreign.load(weights)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1)
    assert all(torch.equal(weights[key], value) for key, value in before.items())


def test_a_network_of_impossible_size_is_refused():
    weights = thin(of("junyanz-unet", ngf=512))
    with pytest.raises(CheckpointError, match="more than 250000000 values"):
        foreign.load(weights)


def small(name: str, **changes: Any) -> dict[str, Tensor]:
    """A thin network of a family with random weights around 0 (those of norms around 0.5), under its authors' keys."""
    generator, weights = torch.Generator().manual_seed(0), {}
    for key, (_, shape) in of(name, **changes).keys().items():
        value = torch.rand(shape, generator=generator)
        weights[key] = (value if len(shape) == 1 else value - 0.5) if shape else torch.tensor(0)
    return weights


def assert_same(net: nn.Module, other: nn.Module) -> None:
    ours, theirs = net.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def saved(weights: dict[str, Tensor], tmp_path, name: str = "net.pth"):
    torch.save(weights, tmp_path / name)
    return tmp_path / name


GENERATORS = [
    ("bicyclegan-input", {"ngf": 4, "in_channels": 1, "image_size": 64}),
    ("bicyclegan-all", {"ngf": 4, "image_size": 64}),
    ("junyanz-unet", {"ngf": 4, "image_size": 64, "in_channels": 1, "out_channels": 2}),
    ("junyanz-resnet", {"ngf": 4, "n_blocks": 6}),
    ("junyanz-resnet", {"ngf": 4, "n_blocks": 2, "dropout": True}),
    ("jys1670", {"ngf": 4}),
    ("alexeylabs", {"ngf": 4}),
    ("vladislav", {"ngf": 4}),
    ("pavel", {"ngf": 4}),
    ("annkka3", {"ngf": 4, "in_channels": 1, "out_channels": 2}),
]


@pytest.mark.parametrize(("name", "changes"), GENERATORS)
@pytest.mark.parametrize("mode", ["eval", "paper"])
def test_translator_serves_every_generator(name, changes, mode, tmp_path):
    model = Translator.load(saved(small(name, **changes), tmp_path), device="cpu")
    picture = torch.randint(0, 256, (3, 50, 70), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    answer = model(picture, mode=mode)
    assert answer.shape == picture.shape
    assert answer.dtype == torch.uint8
    assert model.task.name == name
    assert model.codec.in_channels == changes.get("in_channels", 3)


@pytest.mark.parametrize(("name", "changes"), [("junyanz-unet", {"norm": "instance"}), ("junyanz-resnet", {"n_blocks": 6})])
def test_task_builds_the_courses_own_networks_again(name, changes, tmp_path):
    model = Translator.load(saved(small(name, ngf=4, **changes), tmp_path), device="cpu")
    shapes = [{key: value.shape for key, value in net.state_dict().items()} for net in (model.netG, model.task.make_generator())]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.kind != "generator"])
def test_translator_refuses_what_translates_nothing(name, tmp_path):
    with pytest.raises(CheckpointError, match=r"net.pth cannot be used: These are the weights of .*, which translates no pictures"):
        Translator.load(saved(THIN[name], tmp_path))


def test_translator_refuses_channels_that_are_no_picture(tmp_path):
    weights = small("junyanz-unet", ngf=2, in_channels=6, image_size=32)
    with pytest.raises(
        CheckpointError, match=r"U-Net takes 6 channels here and gives 3; pictures are translated from 3 to 3, 3 to 1"
    ):
        Translator.load(saved(weights, tmp_path))
    assert foreign.load(weights)(torch.zeros(1, 6, 32, 32)).shape == (1, 3, 32, 32)


def test_pictures_between_black_and_white_for_who_wants_them(tmp_path):
    """alexeylabs' network sees black as 0 and white as 1, and answers in this range; what is below is black."""

    class Seen(nn.Module):
        multiple = 1

        def forward(self, x: Tensor) -> Tensor:
            self.x = x
            return x - 0.25

    seen = Seen()
    answer = UnitRange(seen)(torch.tensor([-1.0, 0.0, 1.0]))
    assert torch.equal(seen.x, torch.tensor([0.0, 0.5, 1.0]))
    assert torch.equal(answer, torch.tensor([-1.5, -0.5, 0.5]))
    assert isinstance(Translator.load(saved(small("alexeylabs", ngf=2), tmp_path), device="cpu").netG, UnitRange)
    assert not isinstance(foreign.load(small("alexeylabs", ngf=2)), UnitRange)


def test_skip_and_decoder_change_places():
    """What the authors give the decoder's half, ours gives it, too: with the skips' weights at zero, skips do nothing."""
    weights = small("bicyclegan-input", ngf=2, image_size=32)
    half = weights["model.model.3.weight"].shape[0] // 2
    weights["model.model.3.weight"][half:] = 0
    net = foreign.load(weights)
    assert isinstance(net, UNetGenerator)
    x = torch.rand(1, 3, 32, 32)
    plain = net(x)
    net.up[-1].register_forward_pre_hook(lambda module, args: torch.cat([args[0][:, :half] + 1, args[0][:, half:]], dim=1))
    assert torch.equal(net(x), plain)
    net.up[-1].register_forward_pre_hook(lambda module, args: torch.cat([args[0][:, :half], args[0][:, half:] + 1], dim=1))
    assert not torch.allclose(net(x), plain)


def test_a_code_that_does_not_fit_is_said():
    net = foreign.load(small("pavel", ngf=2))
    x = torch.zeros(2, 3, 128, 128)
    assert torch.equal(net(x), net(x, torch.zeros(2, 8)))
    assert not torch.allclose(net(x), net(x, torch.ones(2, 8)))
    with pytest.raises(ValueError, match=r"has the shape \(2, 8\) here; got \(1, 8\)"):
        net(x, torch.zeros(1, 8))
    with pytest.raises(ValueError, match="takes pictures of 128 x 128; got 256 x 256"):
        net(torch.zeros(1, 3, 256, 256))


def test_statistics_are_what_they_are_called():
    """`completed` drops only these; were the names wrong, old files would be refused."""
    batch, instance = nn.BatchNorm2d(2), nn.InstanceNorm2d(2, track_running_stats=True)
    assert set(STATISTICS) == set(instance.state_dict()) == set(batch.state_dict()) - {"weight", "bias"}
