"""fit(): repeatable to the bit, resumed exactly, and honest about what goes wrong."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import p2p_lib as p2p
from p2p_lib.checkpoint import load_checkpoint, load_weights
from p2p_lib.data import PairedImages
from p2p_lib.errors import CheckpointError, ConfigError, TrainingError
from p2p_lib.guards import out_of_memory_explained
from p2p_lib.tasks import Task, task_from_dict
from p2p_lib.training import Event, Run, Trainer, batch_indices, derive_seed

DATA = os.environ.get("P2P_DATA") or str(Path(__file__).resolve().parents[2] / "shared" / "data")  # before tests unset it
LOSSES = ["G_gan", "G_l1", "D_real", "D_fake"]


class ActAt(PairedImages):
    """Pairs that do something when the batch of step `at` is asked for."""

    at = -1
    asked = 0

    def batch(self, indices):
        if self.asked == self.at:
            self.act()
        self.asked += 1
        return super().batch(indices)

    def act(self) -> None:
        raise AssertionError("no batch should have been asked for")


class Interrupting(ActAt):
    """Pairs that send signals to their own process."""

    signals: tuple[signal.Signals, ...] = ()

    def act(self) -> None:
        for number in self.signals:
            os.kill(os.getpid(), number)


@pytest.fixture
def fit(make_pairs, tmp_path):
    """``fit(task)``: train on five pairs into tmp_path/run, quietly."""

    def run(task: Task, out: str = "run", train: PairedImages | None = None, **options) -> Run:
        train, val = train or make_pairs(5, task.load_size), make_pairs(3, task.image_size, seed=1)
        return p2p.fit(task, tmp_path / out, train=train, val=val, progress=False, **options)

    return run


@pytest.fixture
def interrupted_fit(fit, make_pairs):
    """``interrupted_fit(task, at, *signals)``: the same, with signals arriving while step `at` gets its batch."""

    def run(task: Task, at: int, *signals: signal.Signals, **options) -> Run:
        pairs = make_pairs(5, task.load_size, kind=Interrupting)
        pairs.at, pairs.signals = at, signals
        return fit(task, train=pairs, **options)

    return run


def without_seconds(history: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


def assert_same_end(one: Run, other: Run) -> None:
    """Equal to the bit: weights, the best weights, optimisers, history, pictures."""
    for name in ("weights.safetensors", "best.safetensors"):
        assert (one.out / name).read_bytes() == (other.out / name).read_bytes(), name
    assert without_seconds(one.history) == without_seconds(other.history)
    states = [load_checkpoint(run.out / "last.pt")["method"] for run in (one, other)]
    torch.testing.assert_close(*states, rtol=0, atol=0)
    samples = [{path.name: path.read_bytes() for path in (run.out / "samples").iterdir()} for run in (one, other)]
    assert samples[0] == samples[1]


def test_two_runs_are_equal_to_the_bit(fit, small_task):
    torch.manual_seed(1)
    first = fit(small_task(), "first")
    torch.manual_seed(2)
    assert_same_end(first, fit(small_task(), "second"))


def test_another_seed_is_another_run(fit, small_task):
    runs = fit(small_task(), "first"), fit(small_task(seed=1), "second")
    assert runs[0].history[-1]["G_l1"] != runs[1].history[-1]["G_l1"]


@pytest.mark.parametrize(("number", "at"), [(signal.SIGINT, 0), (signal.SIGINT, 6), (signal.SIGTERM, 3), (signal.SIGTERM, 10)])
def test_interrupted_and_resumed_is_as_never_interrupted(fit, interrupted_fit, small_task, number, at):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    broken = interrupted_fit(small_task(), at, number)
    assert not broken.finished
    assert broken.step == at + 1  # the step was finished, and saved
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    resumed = fit(small_task(), resume=True)
    assert resumed.finished
    assert_same_end(resumed, fit(small_task(), "whole"))


def test_interrupted_at_every_step(fit, interrupted_fit, small_task):
    """With a learning rate so high that the best weights are not the last."""
    task = small_task(steps=4, eval_every=1, lr=0.05, decay_from=1.0)
    whole = fit(task, "whole")
    assert load_weights(whole.out / "best.safetensors")[1]["step"] == 2
    for _ in range(4):
        interrupted_fit(task, 0, signal.SIGINT, resume=True)
    assert_same_end(fit(task, resume=True), whole)


def test_stopping_says_how_to_go_on(interrupted_fit, small_task, caplog):
    interrupted_fit(small_task(), 6, signal.SIGINT)
    assert "saved at step 7 of 12; go on with resume=True (--resume)" in caplog.text


def test_second_signal_breaks_off_at_once(fit, interrupted_fit, small_task):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        interrupted_fit(small_task(), 7, signal.SIGINT, signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert_same_end(fit(small_task(), resume=True), fit(small_task(), "whole"))


def test_resuming_a_finished_run_returns_at_once(fit, small_task, make_pairs, tmp_path):
    first = fit(small_task())
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").glob("*.[ps]*")}
    untouchable = make_pairs(5, 36, kind=ActAt)
    untouchable.at = 0
    again = fit(small_task(), resume=True, train=untouchable)
    assert again.finished
    assert again.history == first.history
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_resuming_nothing_starts(fit, small_task):
    assert fit(small_task(), resume=True).finished


def test_a_run_is_not_overwritten(fit, small_task, tmp_path):
    fit(small_task())
    before = (tmp_path / "run" / "last.pt").read_bytes()
    with pytest.raises(ConfigError, match=r"already holds a training run; resume it \(resume=True, --resume\)"):
        fit(small_task())
    assert (tmp_path / "run" / "last.pt").read_bytes() == before


def test_resuming_with_other_settings_names_them(fit, small_task):
    fit(small_task())
    with pytest.raises(ConfigError, match="ngf was 4 and is now 8, lr was 0.0008 and is now 0.1"):
        fit(small_task(lr=0.1, ngf=8), resume=True)


def test_a_run_may_be_made_longer(fit, small_task):
    assert fit(small_task(steps=6)).step == 6
    longer = fit(small_task(steps=9, save_every=2, keep_every=9), resume=True)
    assert (longer.step, longer.finished) == (9, True)
    assert [row["step"] for row in longer.history] == [4, 6, 8, 9]


def test_damaged_checkpoint_is_reported(fit, small_task, tmp_path):
    fit(small_task())
    (tmp_path / "run" / "last.pt").write_bytes(b"PK half a file")
    with pytest.raises(CheckpointError, match="last.pt is not a checkpoint"):
        fit(small_task(), resume=True)


def test_leftovers_of_a_killed_save_are_cleared_away(fit, interrupted_fit, small_task, tmp_path):
    interrupted_fit(small_task(), 3, signal.SIGTERM)
    leftover = tmp_path / "run" / ".last.pt.0123abcd.partial"
    leftover.write_bytes(b"half")
    fit(small_task(), resume=True)
    assert not leftover.exists()


def test_what_a_run_leaves(fit, small_task, tmp_path):
    run = fit(small_task(keep_every=2))
    files = {path.relative_to(tmp_path / "run").as_posix() for path in run.out.rglob("*") if path.is_file()}
    assert files == {
        *("config.toml", "history.csv", "last.pt", "weights.safetensors", "best.safetensors"),
        *("samples/step_000004.png", "samples/step_000008.png", "samples/step_000012.png"),
        *("kept/epoch_0002.safetensors", "kept/epoch_0004.safetensors"),
    }
    assert task_from_dict(tomllib.loads((run.out / "config.toml").read_text())) == run.task
    assert load_weights(run.out / "weights.safetensors")[1]["step"] == 12
    with Image.open(run.out / "samples" / "step_000004.png") as picture:
        assert picture.size == (3 * 32 + 2 * 4, 18 + 3 * 32 + 2 * 4)  # three columns, three rows, gaps of 4, a label of 18


def test_generators_are_kept_at_the_end_of_their_epochs(fit, small_task):
    """Five pairs in batches of two: an epoch ends in the middle of every other batch; the last one is kept, too."""
    run = fit(small_task(epochs=3, steps=0, keep_every=1))
    kept = {path.stem: load_weights(path)[1]["step"] for path in (run.out / "kept").iterdir()}
    assert run.total_steps == 8
    assert kept == {"epoch_0001": 3, "epoch_0002": 5, "epoch_0003": 8}


def test_history(fit, small_task):
    run = fit(small_task(lr=1e-3, decay_from=0.5))
    assert [row["step"] for row in run.history] == [4, 8, 10, 12]
    assert [row["images"] for row in run.history] == [8, 16, 20, 24]
    lrs = [row["lr"] for row in run.history]
    assert lrs == pytest.approx([1e-3, 1e-3 * 5 / 6, 1e-3 * 3 / 6, 1e-3 * 1 / 6])  # of the step just done
    with open(run.out / "history.csv", newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == ["step", "images", "seconds", "lr", *LOSSES, "val_l1", "val_psnr"]
        rows = [{key: float(value) for key, value in row.items() if value} for row in reader]
    assert rows == run.history
    assert ["val_l1" in row for row in rows] == [True, True, False, True]


def test_losses_in_the_history_are_means(fit, small_task):
    """A row over four steps is the mean of four rows over one."""
    fine, coarse = (fit(small_task(steps=4, eval_every=every), f"every {every}").history for every in (1, 4))
    for name in LOSSES:
        assert coarse[0][name] == pytest.approx(np.mean([row[name] for row in fine]), rel=1e-5)


def test_best_weights_are_those_with_the_lowest_validation_l1(fit, small_task):
    run = fit(small_task(steps=16, eval_every=2, lr=5e-3))
    scores = {row["step"]: row["val_l1"] for row in run.history if "val_l1" in row}
    best = load_weights(run.out / "best.safetensors")[1]["step"]
    assert scores[best] == min(scores.values())


def test_validation_scores_are_those_of_the_translator(finished_run, make_pairs):
    """The scores again, from the shared weights and with scikit-image's PSNR."""
    from skimage.metrics import peak_signal_noise_ratio

    model, val = p2p.Translator.load(finished_run.out), make_pairs(3, 32, seed=1)
    scores = []
    for source, target in (val[i] for i in range(len(val))):
        fake = model(source)
        scores.append((np.abs(fake.astype(float) - target).mean() / 255, peak_signal_noise_ratio(target, fake)))
    l1, psnr = np.mean(scores, axis=0)
    assert finished_run.history[-1]["val_l1"] == pytest.approx(l1, rel=1e-4)
    assert finished_run.history[-1]["val_psnr"] == pytest.approx(psnr, rel=1e-4)


def test_callbacks(fit, small_task):
    events: list[Event] = []
    run = fit(small_task(), callbacks=[events.append])
    assert [(event.kind, event.row["step"]) for event in events] == [
        ("validation", 4),
        ("validation", 8),
        ("log", 10),
        ("validation", 12),
        ("end", 12),
    ]
    assert {event.total_steps for event in events} == {12}
    for event in events:
        assert (event.samples is None) == (event.kind != "validation")
    saved = np.asarray(Image.open(run.out / "samples" / "step_000008.png"))
    np.testing.assert_array_equal(saved, events[1].samples)


def test_global_generators_are_left_alone(fit, small_task):
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    fit(small_task())
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)


def test_training_in_a_thread(fit, small_task):
    """Only the main thread may handle signals; a widget trains in another."""
    runs = []
    thread = threading.Thread(target=lambda: runs.append(fit(small_task())))
    thread.start()
    thread.join(60)
    assert runs[0].finished


def test_training_lowers_the_loss(fit, small_task):
    run = fit(small_task(steps=60, eval_every=60, dropout=False, lr=5e-3))
    assert run.history[-1]["G_l1"] < 0.5 * run.history[0]["G_l1"]


def explode(trainer: Trainer, at: int):
    """A callback that lets the learning rate explode after step `at`."""

    def callback(event: Event) -> None:
        if event.row["step"] == at:
            trainer.method.base_lr = {"G": 1e30, "D": 1e30}

    return callback


def test_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(fit, small_task, make_pairs, tmp_path):
    task = small_task(steps=24, eval_every=5, save_every=3)
    (tmp_path / "run").mkdir()
    trainer = Trainer(task, tmp_path / "run", make_pairs(5, 36), make_pairs(3, 32, seed=1), progress=False)
    trainer.callbacks = [explode(trainer, at=10)]
    with pytest.raises(TrainingError, match=r"The loss of step 11 is not finite; .*last.pt still holds the last good state"):
        trainer.run(None)
    state = load_checkpoint(tmp_path / "run" / "last.pt")
    assert state["step"] == 9
    assert_same_end(fit(task, resume=True), fit(task, "whole"))


@pytest.mark.parametrize("settings", [{"lambda_l1": 1e39}, {"lr": 1e10}])
def test_no_checkpoint_ever_holds_weights_that_are_not_finite(fit, small_task, tmp_path, settings):
    """The losses of the first step are finite, but what the step makes of the weights is not."""
    with pytest.raises(TrainingError, match="not finite"):
        fit(small_task(save_every=1, **settings))
    for path in (tmp_path / "run").glob("*.safetensors"):
        assert all(tensor.isfinite().all() for tensor in load_weights(path)[0].values()), path.name
    if (tmp_path / "run" / "last.pt").exists():
        method = load_checkpoint(tmp_path / "run" / "last.pt")["method"]
        assert all(tensor.isfinite().all() for net in ("netG", "netD") for tensor in method[net].values())


def test_not_finite_before_anything_was_saved(fit, small_task):
    with pytest.raises(TrainingError, match=r"loss of step \d+ is not finite; nothing had been saved yet.* lower lr"):
        fit(small_task(lr=1e30, save_every=100))


def test_full_disk_during_training(fit, small_task, tmp_path, disk_full_after):
    """The save fails, the earlier checkpoint stays, and training goes on from it once there is room."""
    with contextlib.ExitStack() as later:

        def fill_disk(event: Event) -> None:
            if event.row["step"] == 8:
                later.enter_context(disk_full_after(100_000))

        with pytest.raises(CheckpointError, match="could not be written"):
            fit(small_task(ngf=8), callbacks=[fill_disk])
    assert load_checkpoint(tmp_path / "run" / "last.pt")["step"] == 5
    assert not list((tmp_path / "run").glob(".*"))
    assert_same_end(fit(small_task(ngf=8), resume=True), fit(small_task(ngf=8), "whole"))


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"batch_size": 4, "image_size": 512}, "raise accumulate to 2, or lower batch_size"),
        ({"batch_size": 12, "accumulate": 4, "image_size": 512}, "raise accumulate to 6, or lower batch_size"),
        ({"batch_size": 4, "accumulate": 4, "image_size": 512}, "lower image_size first"),
        ({"batch_size": 1, "image_size": 512}, "lower image_size first"),
        ({"batch_size": 1, "image_size": 256}, "lower ngf and ndf first"),
    ],
)
def test_out_of_memory_says_what_to_lower(settings, advice):
    refused = pytest.raises(TrainingError, match=f"Out of memory on cpu with batch_size .*; {advice}")
    with refused, out_of_memory_explained(Task(**settings), torch.device("cpu")):
        torch.empty(2**50)


def test_other_errors_are_not_explained_away():
    with pytest.raises(RuntimeError, match="shape"), out_of_memory_explained(Task(), torch.device("cpu")):
        torch.empty(3).view(2)


@pytest.mark.parametrize("in_the_way", ["run", "run/deeper"])
def test_folder_that_cannot_be_written(fit, small_task, tmp_path, in_the_way):
    (tmp_path / "run").touch()
    with pytest.raises(ConfigError, match=f"Nothing can be written to {tmp_path / in_the_way} .*; choose another folder"):
        fit(small_task(), in_the_way)


@given(n_pairs=st.integers(1, 30), batch_size=st.integers(1, 40), seed=st.integers(0, 5))
def test_every_pair_is_seen_once_an_epoch(n_pairs, batch_size, seed):
    n_steps = -(-3 * n_pairs // batch_size)
    seen = [index for step in range(n_steps) for index in batch_indices(step, batch_size, n_pairs, seed)]
    for epoch in range(3):
        assert sorted(seen[epoch * n_pairs : (epoch + 1) * n_pairs]) == list(range(n_pairs))


def test_every_epoch_and_seed_has_an_order_of_its_own():
    orders = {tuple(batch_indices(epoch, 20, 20, seed)) for epoch in range(4) for seed in range(4)}
    assert len(orders) == 16


def test_derived_seeds():
    seeds = [derive_seed(seed, purpose, step) for seed in range(3) for purpose in ("augment", "dropout") for step in range(9)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(0, "augment", 1) == 8557311236174590203  # must never change, or old runs resume otherwise


def test_tensorboard(fit, small_task, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from p2p_lib.training import tensorboard

    run = fit(small_task(), callbacks=[tensorboard(tmp_path / "board")])
    board = EventAccumulator(str(tmp_path / "board")).Reload()
    assert [(event.step, event.value) for event in board.Scalars("val_l1")] == [
        (row["step"], pytest.approx(row["val_l1"])) for row in run.history if "val_l1" in row
    ]
    assert [event.step for event in board.Images("samples")] == [4, 8, 12]


@pytest.mark.slow
def test_real_facades_are_learned_in_the_lite_profile(monkeypatch, tmp_path):
    """By LPIPS, at least a quarter nearer to the photos than their label maps are, and than the mean photo is."""
    from p2p_lib.cli import main
    from p2p_lib.lpips import Lpips

    if not Path(DATA, "facades", "train").is_dir() or not Path(DATA, "weights").is_dir():
        pytest.skip("the real facades and the weights of LPIPS are not there: set P2P_DATA")
    monkeypatch.setenv("P2P_DATA", DATA)
    assert main(["train", "facades", "--profile", "lite", "--out", str(tmp_path / "run")]) == 0
    model = p2p.Translator.load(tmp_path / "run")
    train, val = p2p.data.load(model.task, "train"), p2p.data.load(model.task, "val")
    source, target = val.batch(range(len(val)))
    mean_photo = torch.from_numpy(train.array[:, 1].mean(0).round().astype(np.uint8)).permute(2, 0, 1)
    mean_photo = torch.nn.functional.interpolate(mean_photo[None].float(), size=target.shape[-2:], mode="bilinear").round().byte()
    lpips = Lpips(Path(DATA, "weights"))
    score, copied, mean = (float(lpips(answer, target).mean()) for answer in (model(source), source, mean_photo.expand_as(target)))
    assert score < 0.75 * copied
    assert score < 0.75 * mean


def test_resuming_on_other_pairs_is_said(fit, small_task, make_pairs, caplog):
    fit(small_task(steps=6))
    others = make_pairs(5, 36)
    others.origin = "other pairs"
    with caplog.at_level("WARNING", "p2p_lib"):
        fit(small_task(steps=8), resume=True)
        assert "goes on with" not in caplog.text
        fit(small_task(steps=10), resume=True, train=others)
    assert "This run began on made-up pairs; it goes on with other pairs." in caplog.text
