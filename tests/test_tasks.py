"""The table of tasks: every row builds, says what its project did, and survives the way through a TOML file."""

from __future__ import annotations

import dataclasses
import shutil
import tomllib

import pytest
import torch

import p2p_lib as p2p
from p2p_lib.checkpoint import load_checkpoint, save_checkpoint
from p2p_lib.cli import main
from p2p_lib.errors import ConfigError
from p2p_lib.tasks import TASKS, Task, task_from_dict, to_toml

PROFILES = ("full", "lite")
ROWS = [(name, profile) for name in TASKS for profile in PROFILES]


@pytest.mark.parametrize(("name", "profile"), ROWS)
def test_every_row_builds_and_runs(name, profile):
    task = p2p.task(name, profile, ngf=2, ndf=4, image_size=256 if profile == "full" else 128)
    method = task.make_method(torch.device("cpu"))
    method.train()
    codec, picture = task.make_codec(), torch.rand(task.batch_size if task.bicycle else 1, 3, task.image_size, task.image_size)
    source, target = codec.encode_source(picture), codec.encode_target(picture)
    assert all(loss.isfinite() for loss in method.step(source, target).values())


def test_laptop_is_the_same_in_both_profiles():
    full, lite = (p2p.task("facades-laptop", profile) for profile in PROFILES)
    assert dataclasses.replace(full, profile="lite") == lite


@pytest.mark.parametrize("name", sorted(TASKS.keys() - {"facades-laptop"}))  # which is made for ten minutes on them
def test_lite_fits_two_cores(name):
    task = p2p.task(name, "lite")
    assert task.image_size <= 128
    assert task.ngf <= 32
    assert task.total_steps(240) <= 1000
    assert task.dataset == p2p.task(name, "full").dataset


@pytest.mark.parametrize(("name", "profile"), ROWS)
def test_toml_round_trip(name, profile, capsys, tmp_path):
    assert main(["train", name, "--profile", profile, "--print-config"]) == 0
    text = capsys.readouterr().out
    assert task_from_dict(tomllib.loads(text)) == p2p.task(name, profile)
    (tmp_path / "mine.toml").write_text(text)
    assert main(["train", "-c", str(tmp_path / "mine.toml"), "--print-config"]) == 0
    assert capsys.readouterr().out == text


def test_names_that_toml_must_escape():
    task = p2p.task("facades", "lite", dataset='C:\\pictures\\"mine" é 日本\n')
    assert task_from_dict(tomllib.loads(to_toml(task))) == task


def test_default_is_the_papers_recipe():
    task = p2p.task("facades", "full")
    assert task == Task()
    assert (task.image_size, task.load_size, task.hflip, task.batch_size, task.epochs) == (256, 286, True, 1, 200)
    assert (task.norm, task.dropout, task.upsample, task.padding) == ("batch", True, "transpose", "zeros")
    assert (task.gan_mode, task.lambda_l1, task.d_loss_weight, task.receptive_field) == ("vanilla", 100, 0.5, 70)
    assert (task.lr, task.lr_d_factor, task.betas, task.decay_from) == (2e-4, 1, (0.5, 0.999), 0.5)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (
            "facades-jys1670",
            {"norm": "instance-affine", "padding": "reflect", "zoom": 0.895, "jitter": 0, "vflip": False, "batch_size": 1}
            | {"epochs": 200, "lr": 2e-4, "decay_from": 1, "d_loss_weight": 0.5, "receptive_field": 70},
        ),
        (
            "facades-vladislav",
            {"norm": "instance-affine", "upsample": "bilinear", "receptive_field": 382, "epochs": 350, "lr": 2e-4, "batch_size": 1},
        ),
        (
            "edges2shoes-alexeylabs",
            {"dataset": "edges2shoes", "batch_size": 4, "epochs": 13, "lr": 1e-4, "lr_d_factor": 0.5, "d_loss_weight": 1}
            | {"receptive_field": 94, "norm": "batch", "vflip": True, "hflip": True, "source_jitter": (0.5, 0.5, 0.5, 0.5)},
        ),
        ("sat2map", {"dataset": "maps", "source_side": None, "batch_size": 1, "epochs": 200, "jitter": 30}),
        ("map2sat", {"dataset": "maps", "source_side": "right", "batch_size": 1, "epochs": 200, "jitter": 30}),
        ("edges2shoes", {"dataset": "edges2shoes", "batch_size": 4, "epochs": 15, "receptive_field": 70}),
        ("edges2cars-alexeylabs", {"dataset": "edges2cars", "epochs": 33, "batch_size": 4, "lr": 1e-4}),
        ("paint-gray", {"dataset": "monet", "codec": "gray", "padding": "reflect", "norm": "batch", "dropout": True}),
        ("paint-lab", {"dataset": "monet", "codec": "lab", "padding": "reflect", "norm": "batch", "dropout": True}),
        ("maps-annkka3", {"dataset": "maps", "padding": "reflect", "norm": "batch", "receptive_field": 70, "dropout": True}),
    ],
)
def test_rows_have_the_settings_of_their_projects(name, settings):
    task = p2p.task(name, "full")
    assert {field: getattr(task, field) for field in settings} == settings


@pytest.mark.parametrize("profile", PROFILES)
def test_the_two_ways_to_colour_differ_in_the_codec_alone(profile):
    gray, lab = p2p.task("paint-gray", profile), p2p.task("paint-lab", profile)
    assert dataclasses.replace(gray, name="paint-lab", codec="lab") == lab


def test_jys1670_discriminator_has_the_original_size():
    with torch.device("meta"):
        netD = p2p.models.PatchDiscriminator(norm="instance-affine", padding="reflect")
    assert sum(parameter.numel() for parameter in netD.parameters()) == 2_768_705
    assert p2p.task("facades-jys1670", "full").make_discriminator().state_dict().keys() == netD.state_dict().keys()


@pytest.mark.parametrize(("value", "size"), [("full", 256), ("lite", 128)])
def test_profile_from_the_environment(monkeypatch, value, size):
    monkeypatch.setenv("P2P_PROFILE", value)
    assert p2p.task("facades").profile == value
    assert p2p.task("facades").image_size == size
    assert p2p.task("facades", "lite").profile == "lite"


def test_unset_profile_follows_the_hardware(monkeypatch):
    expected = "full" if torch.cuda.is_available() else "lite"
    assert p2p.task("facades").profile == expected
    monkeypatch.setenv("P2P_PROFILE", "")
    assert p2p.task("facades").profile == expected


def test_unknown_profile(monkeypatch):
    monkeypatch.setenv("P2P_PROFILE", "ful")
    with pytest.raises(ConfigError, match="P2P_PROFILE is full or lite; got 'ful'"):
        p2p.task("facades")


def test_unknown_task_names_the_nearest():
    with pytest.raises(ConfigError, match="no task 'facade'. Did you mean 'facades'"):
        p2p.task("facade")
    with pytest.raises(ConfigError, match="no task 'zebra'. Known: .*facades"):
        p2p.task("zebra")


def test_unknown_field_names_the_nearest():
    with pytest.raises(ConfigError, match="no field 'bacth_size'. Did you mean 'batch_size'"):
        p2p.task("facades", bacth_size=2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image_size", 100),
        ("image_size", 16),
        ("receptive_field", 71),
        ("ngf", 0),
        ("ndf", -1),
        ("batch_size", 0),
        ("epochs", 0),
        ("steps", -1),
        ("lr", 0.0),
        ("lr", -1e-4),
        ("lr_d_factor", 0.0),
        ("jitter", -1),
        ("zoom", 0.0),
        ("zoom", 1.5),
        ("decay_from", -0.1),
        ("decay_from", 1.1),
        ("eval_every", 0),
        ("save_every", 0),
        ("keep_every", -1),
        ("betas", (1.5, 0.999)),
        ("source_jitter", (0.0, 0.0, 0.0, 0.9)),
        ("source_jitter", (-0.5, 0.0, 0.0, 0.0)),
        *(
            (field, "bogus")
            for field in ("generator", "norm", "upsample", "padding", "gan_mode", "codec", "precision", "on_error", "profile")
        ),
    ],
)
def test_values_that_cannot_work_are_refused_at_once(field, value):
    """Not after the pictures were decoded, and not in the first step."""
    with pytest.raises(ConfigError, match=field):
        Task(**{field: value})


def test_discriminator_must_fit_the_picture():
    with pytest.raises(ConfigError, match="286 x 286 PatchGAN has no answer for a picture of side 32"):
        p2p.task("facades", "lite", image_size=32, receptive_field=286)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"lambda_gan": 0.0, "lambda_l1": 0.0}, "lambda_gan and lambda_l1 are both 0"),
        ({"lambda_gan": -1.0}, "lambda_gan must not be negative"),
        ({"skips": False, "generator": "resnet6"}, "Only a U-Net has skips.*resnet6"),
        ({"lambda_gan": 0.0, "method": "bicyclegan", "nz": 8, "batch_size": 2}, "lambda_gan is for method pix2pix.*0.0"),
    ],
)
def test_ablations_that_leave_nothing_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        Task(**settings)


def test_networks_of_the_ablations(small_task):
    def inputs(**changes) -> int:
        return small_task(**changes).make_discriminator().layers[0].in_channels

    assert (inputs(), inputs(conditional=False)) == (6, 3)
    assert (inputs(codec="lab"), inputs(codec="lab", conditional=False)) == (3, 2)
    widths = [[block.conv.in_channels for block in small_task(skips=skips).make_generator().up] for skips in (True, False)]
    assert [inner * 2 for inner in widths[1][1:]] == widths[0][1:]


def test_runs_from_before_a_field_existed_go_on(finished_run, make_pairs, tmp_path):
    """Its checkpoint and its weights say nothing of the field; what it stands for by default is what they were trained with."""
    shutil.copytree(finished_run.out, tmp_path / "old")
    state = load_checkpoint(tmp_path / "old" / "last.pt", torch.device("cpu"))
    old = {key: value for key, value in state["config"].items() if key not in ("conditional", "lambda_gan", "skips")}
    assert len(old) == len(state["config"]) - 3
    save_checkpoint(tmp_path / "old" / "last.pt", state | {"config": old})
    more = dataclasses.replace(finished_run.task, steps=finished_run.step + 1)
    run = p2p.fit(more, tmp_path / "old", resume=True, train=make_pairs(5, 36), val=make_pairs(3, 32), progress=False)
    assert run.step == finished_run.step + 1
    assert task_from_dict(old) == finished_run.task


def test_task_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        p2p.task("facades").lr = 1.0


def test_plain_types_and_back():
    task = p2p.task("edges2shoes-alexeylabs", "full")
    assert task_from_dict(dataclasses.asdict(task)) == task
    assert task_from_dict({**dataclasses.asdict(task), "betas": [0.5, 0.999]}) == task


@pytest.mark.parametrize(
    ("settings", "n_pairs", "steps"),
    [
        ({"epochs": 200, "batch_size": 1, "steps": 0}, 400, 80_000),
        ({"epochs": 3, "batch_size": 4, "steps": 0}, 10, 8),  # 30 pairs, the last batch goes beyond
        ({"epochs": 3, "batch_size": 4, "steps": 50}, 10, 50),
    ],
)
def test_total_steps(settings, n_pairs, steps):
    assert Task(**settings).total_steps(n_pairs) == steps


def test_learning_rate_is_constant_and_then_falls_to_zero():
    task = Task(decay_from=0.5)
    factors = [task.lr_factor(step, 100) for step in range(101)]
    assert factors[:51] == [1.0] * 51
    assert factors[75] == pytest.approx(0.5)
    assert factors[99] == pytest.approx(0.02)
    assert factors[100] == 0
    assert {Task(decay_from=1.0).lr_factor(step, 100) for step in range(100)} == {1.0}
    assert Task(decay_from=0.0).lr_factor(25, 100) == pytest.approx(0.75)


def test_networks_start_as_the_paper_says(small_task):
    task = small_task(ngf=32, ndf=32)
    for net in (task.make_generator(), task.make_discriminator()):
        weights = torch.cat([p.flatten() for name, p in net.named_parameters() if p.ndim == 4])
        scales = torch.cat([p for name, p in net.named_parameters() if p.ndim == 1 and name.endswith("weight")])
        shifts = torch.cat([p for name, p in net.named_parameters() if name.endswith("bias")])
        assert weights.mean().item() == pytest.approx(0, abs=1e-3)
        assert weights.std().item() == pytest.approx(0.02, rel=0.02)
        assert scales.mean().item() == pytest.approx(1, abs=0.01)
        assert scales.std().item() == pytest.approx(0.02, rel=0.3)
        assert not shifts.any()


def test_networks_follow_from_the_seed_alone(small_task):
    def weights(seed: int, before: int) -> torch.Tensor:
        torch.manual_seed(before)
        return small_task(seed=seed).make_generator().down[0].conv.weight

    assert torch.equal(weights(0, before=1), weights(0, before=2))
    assert not torch.equal(weights(0, before=1), weights(1, before=1))


def test_table_for_readers():
    assert p2p.tasks()["facades"] == "Label map to facade, the paper's recipe"
    assert p2p.tasks().keys() == TASKS.keys()
