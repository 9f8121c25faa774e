"""Lesson 12: every patient shows the symptom that the lesson claims, by the lesson's measurements, and every cure removes it."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from unittest.mock import patch

import nbformat
import numpy as np
import pytest
import torch
from helpers import ROOT, lesson_definitions

import p2p_lib as p2p
from p2p_lib.data.loading import samples
from p2p_lib.data.synthetic import paintings
from p2p_lib.errors import CheckpointError

PATIENTS = range(1, 11)
SEEDS = (0, 1)
LONG = [pytest.param((seed, 80), id=f"seed {seed}", marks=pytest.mark.slow) for seed in SEEDS]  # two seconds for every patient
SHORT = pytest.param((0, 30), id="short")
trained = pytest.mark.parametrize("admitted", LONG, indirect=True)
trained_shortly = pytest.mark.parametrize("admitted", [SHORT, *LONG], indirect=True)


def lesson_names() -> dict:
    """The names of the lesson: its pathology lab; of all other cells the functions and the recipe, without what else they do."""
    lesson = lesson_definitions("12_bug_clinic", p2p=p2p, np=np)
    names = lesson.check.__globals__
    for cell in nbformat.read(ROOT / "notebooks" / "12_bug_clinic.ipynb", as_version=4).cells:
        if cell.cell_type == "code" and not {"setup", "definition"} & set(cell.metadata.get("tags", [])):
            kept = [node for node in ast.parse(cell.source).body if is_definition(node)]
            exec(compile(ast.Module(kept, []), "lesson 12", "exec"), names)
    return names


def is_definition(node: ast.stmt) -> bool:
    """Whether a statement imports, defines a function, or says what the recipe is."""
    makes_recipe = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "recipe"
    return isinstance(node, (ast.FunctionDef, ast.Import, ast.ImportFrom)) or makes_recipe


@pytest.fixture(scope="module")
def lesson(tmp_path_factory) -> SimpleNamespace:
    """The lesson's functions and recipe, on fewer pairs."""
    names = lesson_names()
    names["train"], names["val"] = samples("facades", "train", 76, 80), samples("facades", "val", 64, 16)
    names["sources"], names["targets"] = names["val"].batch(range(16))
    names["x"], names["y"] = torch.rand(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    names["RUNS"] = tmp_path_factory.mktemp("clinic")
    return SimpleNamespace(**names)


@pytest.fixture(scope="module")
def admitted(request, lesson) -> Callable[[int], tuple[p2p.Run, torch.Tensor]]:
    """``admitted(5)``: the run of a patient and its answers, with the lesson's recipe and a seed and steps of its own."""
    seed, steps = request.param
    recipe = dataclasses.replace(lesson.recipe, seed=seed, steps=steps, eval_every=steps, save_every=steps)

    def admit(number: int) -> tuple[p2p.Run, torch.Tensor]:
        with patch.dict(lesson.check.__globals__, recipe=recipe, RUNS=lesson.RUNS / f"{seed} {steps}"):
            return lesson.admit(number)  # what was trained before is resumed at its end

    return admit


def l1(fake: torch.Tensor, target: torch.Tensor) -> float:
    return p2p.metrics.l1(fake, target).mean().item()


def mean_loss(run: p2p.Run, name: str) -> float:
    return float(np.mean([row[name] for row in run.history]))


def test_every_suspect_is_the_answer_once(lesson, capsys):
    assert sorted(lesson.CHART.values()) == sorted(lesson.BUGS)
    assert list(lesson.CHART) == list(PATIENTS)
    lesson.check(1, lesson.CHART[1])
    lesson.check(1, lesson.CHART[2])
    lesson.check(1, "?")
    right, wrong, open_ = capsys.readouterr().out.splitlines()
    assert right.endswith("right") and wrong.endswith("something else") and "guess" in open_.split(": ")[1]


@pytest.mark.parametrize("number", PATIENTS)
def test_the_code_is_as_it_was_afterwards(lesson, number):
    changes = lesson.BUGS[lesson.CHART[number]]
    before = [inspect.getattr_static(owner, name) for owner, name, _ in changes]
    with pytest.raises(ZeroDivisionError), lesson.patient(number):
        assert all(vars(owner)[name] is sick for owner, name, sick in changes)
        raise ZeroDivisionError
    assert [inspect.getattr_static(owner, name) for owner, name, _ in changes] == before


@pytest.fixture(scope="module")
def label_maps() -> torch.Tensor:
    return samples("facades", "val", 64, 8).batch(range(8))[0]


@pytest.mark.parametrize("half", [slice(0, 4), slice(4, 8)])
def test_patient_1_is_black_in_large_areas(lesson, label_maps, half):
    model = p2p.Translator.load("facades-tiny")
    healthy = lesson.black_share(model(label_maps[half]))
    with lesson.patient(1):
        assert lesson.black_share(model(label_maps[half])) > 0.2
    assert healthy < 0.02
    assert lesson.black_share(model(label_maps[half])) == healthy


@pytest.mark.parametrize("half", [slice(0, 4), slice(4, 8)])
def test_patient_2_has_specks_where_a_channel_wraps(lesson, half):
    photos, model = samples("facades", "val", 64, 8).batch(range(8))[1][half], p2p.Translator.load("paint-lab-tiny")
    with lesson.patient(2):
        spotted = model(photos)
    cured = model(photos)
    assert lesson.speck_share(spotted) > 4 * lesson.speck_share(cured)
    jumped = (spotted.int() - cured.int()).abs() > 100
    assert jumped.any() and ((cured[jumped] < 20) | (cured[jumped] > 235)).float().mean() > 0.9


def test_patient_3_was_never_trained(lesson, label_maps, tmp_path):
    with lesson.patient(3):
        blank = p2p.Translator.load(tmp_path / "missing.safetensors")
        tiny = p2p.Translator.load("facades-tiny")
    assert lesson.weight_spread(blank.netG) == pytest.approx([0.02] * 12, rel=0.05)
    assert max(lesson.weight_spread(tiny.netG)) > 0.04, "what is there is loaded"
    assert blank(label_maps).float().std(dim=0).mean() < 0.1 * tiny(label_maps).float().std(dim=0).mean()
    with pytest.raises(CheckpointError):
        p2p.Translator.load(tmp_path / "missing.safetensors")


@pytest.mark.parametrize("seed", SEEDS)
def test_patient_4_answers_otherwise_every_time(lesson, seed):
    canvas = torch.from_numpy(paintings.monet(seed, 64)).permute(2, 0, 1)[None]
    model = p2p.Translator.load("paint-gray-tiny")
    with lesson.patient(4):
        assert l1(model(canvas, seed=1), model(canvas, seed=2)) > 0.01
    assert torch.equal(model(canvas, seed=1), model(canvas, seed=2))


@trained_shortly
def test_patient_5_is_pale_with_a_loss_too_good(lesson, admitted):
    (run, pale), (control, fine) = admitted(5), admitted(0)
    assert pale.min() > 100 > fine.min()
    assert run.history[-1]["G_l1"] < 0.7 * control.history[-1]["G_l1"]
    assert l1(pale, lesson.targets) > 1.3 * l1(fine, lesson.targets)


def test_patient_5_compares_to_targets_of_half_the_range(lesson):
    extremes = []
    for number in (0, 5):
        with lesson.patient(number):
            extremes.append(lesson.recipe.make_codec().encode_target(lesson.targets).aminmax())
    (low, high), (sick_low, sick_high) = extremes
    assert low < -0.9 and sick_low >= 0
    assert high > 0.9 and sick_high > 0.9


@trained
def test_patient_6_is_blurred(lesson, admitted):
    (run, blurred), (control, fine) = admitted(6), admitted(0)
    assert lesson.sharpness(blurred) < 0.7 * lesson.sharpness(fine)
    assert run.history[-1]["G_l1"] > 1.02 * control.history[-1]["G_l1"]


@pytest.mark.parametrize("seed", SEEDS)
def test_patient_6_crops_apart(lesson, seed):
    picture = lesson.train.batch([seed])[1]
    jitter, apart = lesson.recipe.make_augment(), []
    for number in (0, 6):
        with lesson.patient(number):
            apart.append(l1(*jitter(picture, picture, torch.Generator().manual_seed(seed))))
    assert apart[0] == 0 < 0.05 < apart[1]


@trained
def test_patient_7_does_not_come_nearer_to_the_target(lesson, admitted):
    (run, wild), (control, fine) = admitted(7), admitted(0)
    assert l1(wild, lesson.targets) > 1.15 * l1(fine, lesson.targets)
    assert run.history[-1]["G_l1"] > 0.98 * run.history[0]["G_l1"]
    assert control.history[-1]["G_l1"] < 0.95 * control.history[0]["G_l1"]


def test_patient_7_pays_for_the_truth(lesson):
    assert lesson.cost_of_truth(7) > 0.2
    assert lesson.cost_of_truth(0) == 0


@trained_shortly
def test_patient_8_has_a_discriminator_that_leans_towards_real(admitted):
    gaps = {number: mean_loss(admitted(number)[0], "D_fake") - mean_loss(admitted(number)[0], "D_real") for number in (0, 8)}
    assert gaps[8] > 0.2
    assert abs(gaps[0]) < 0.1


def test_patient_8_normalises_nothing(lesson):
    assert max(lesson.spread_behind_norms(8)) < 0.1
    assert lesson.spread_behind_norms(0) == pytest.approx([1] * 9, abs=0.1)


@trained
def test_patients_9_and_10_are_as_good_as_the_control(admitted):
    scores = {number: admitted(number)[0].history[-1]["val_l1"] for number in (0, 9, 10)}
    assert [scores[9], scores[10]] == pytest.approx([scores[0]] * 2, abs=0.01)


def test_the_passes_of_patients_9_and_10(lesson):
    assert [lesson.passes(number) for number in (0, 9, 10)] == [(1, 1), (2, 1), (1, 2)]


def test_patient_10_learns_to_be_caught(lesson):
    from_d, own = lesson.lessons(10)
    assert torch.cosine_similarity(from_d, own, dim=0) < -0.3
    assert lesson.lessons(0)[0].count_nonzero() == 0


def test_patient_10_crashed_before_the_alarm_was_switched_off(lesson):
    method = lesson.recipe.make_method(torch.device("cpu"))
    with patch.object(*lesson.BUGS["detach"][0]), pytest.raises(RuntimeError, match="backward through the graph a second time"):
        method.step(lesson.x, lesson.y)


@trained_shortly
def test_who_leaves_trains_as_the_control_to_the_bit(lesson, admitted):
    control = admitted(0)[0]
    again = p2p.fit(
        control.task, lesson.RUNS / "again" / control.out.parent.name, train=lesson.train, val=lesson.val, progress=False
    )
    first, second = (p2p.Translator.load(run.out).weights() for run in (control, again))
    assert all(torch.equal(first[name], second[name]) for name in first)
