"""The command line: what it does, and that whatever goes wrong is one sentence on stderr and exit code 2."""

from __future__ import annotations

import signal
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from p2p_lib.checkpoint import load_checkpoint
from p2p_lib.cli import main
from p2p_lib.errors import CheckpointError, ConfigError, P2PError
from p2p_lib.tasks import task_from_dict

WAIT_S = 60


@pytest.fixture
def own_pairs(tmp_path) -> Path:
    """A folder with twelve pairs, from which one is held out."""
    home = tmp_path / "pairs"
    coarse = np.random.default_rng(0).integers(0, 256, (12, 2, 4, 4, 3), np.uint8)
    for i, pair in enumerate(coarse):
        for side, array in zip(("source", "target"), pair, strict=True):
            (home / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).resize((40, 40)).save(home / side / f"{i}.png")
    return home


@pytest.fixture
def train_small(own_pairs) -> list[str]:
    """The arguments of a training of a second."""
    return [
        *("train", "facades", "--profile", "lite", "--dataset", str(own_pairs), "--image-size", "32", "--jitter=4"),
        *("--receptive-field", "16", "--ngf", "4", "--ndf", "4", "--batch-size=2", "--steps", "6"),
        *("--eval_every", "3", "--save_every", "3"),
    ]


@pytest.fixture
def printed_config(capsys):
    """``printed_config("--lr", "1")``: the task that `p2p train ... --print-config` prints."""

    def run(*arguments: object):
        assert main(["train", *map(str, arguments), "--print-config"]) == 0
        return task_from_dict(tomllib.loads(capsys.readouterr().out))

    return run


@pytest.fixture
def refused(capsys):
    """``refused("train", "zebra")``: the one sentence on stderr with which the command line refuses; exit code 2."""

    def run(*arguments: object) -> str:
        capsys.readouterr()
        assert main(list(map(str, arguments))) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        lines = [line for line in printed.err.splitlines() if line and "%|" not in line]  # but for progress bars
        assert len(lines) == 1
        assert lines[0].startswith("p2p: ")
        return lines[0].removeprefix("p2p: ")

    return run


def test_train_and_generate(train_small, tmp_path, capsys):
    assert main([*train_small, "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    assert f"Trained on 11 pairs from {tmp_path / 'pairs' / 'source'}." in printed
    for name in ("weights.safetensors", "gallery/index.html"):
        assert str(tmp_path / "run" / name) in printed
        assert (tmp_path / "run" / name).is_file()
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.new("RGB", (50, 20)).save(tmp_path / "in" / "deep" / "a.png")
    (tmp_path / "in" / "b.png").touch()
    generate = ["generate", str(tmp_path / "run"), str(tmp_path / "in"), str(tmp_path / "out")]
    assert main(generate) == 0
    printed = capsys.readouterr()
    assert "1 pictures written" in printed.out
    assert f"Skipped {tmp_path / 'in' / 'b.png'}: not a picture" in printed.err
    assert Image.open(tmp_path / "out" / "deep" / "a.png").size == (50, 20)
    assert main(generate) == 0
    assert "0 pictures written" in (printed := capsys.readouterr().out)
    assert "1 were there already and were left alone; --overwrite replaces them" in printed
    assert main([*generate, "--overwrite", "--mode", "paper"]) == 0
    assert "1 pictures written" in capsys.readouterr().out


def test_out_is_runs_and_the_name_of_the_task(train_small, tmp_path):
    assert main(train_small) == 0
    assert (tmp_path / "runs" / "facades" / "last.pt").is_file()  # tests run in a folder of their own


def test_resume(train_small, tmp_path, refused):
    assert main([*train_small, "--out", "run"]) == 0
    assert "already holds a training run; resume it" in refused(*train_small, "--out", "run")
    assert "ngf was 4 and is now 8" in refused(*train_small, "--out", "run", "--resume", "--ngf", 8)
    assert main([*train_small, "--out", "run", "--resume", "--steps", "9"]) == 0
    assert load_checkpoint(tmp_path / "run" / "last.pt")["step"] == 9


def test_tensorboard(train_small, tmp_path):
    pytest.importorskip("tensorboard")
    assert main([*train_small, "--out", "run", "--tensorboard"]) == 0
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on(train_small, tmp_path, start_p2p):
    process = start_p2p(*train_small, "--out", "run", "--steps", "100000")
    deadline = time.monotonic() + WAIT_S
    while not (tmp_path / "run" / "last.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    step = load_checkpoint(tmp_path / "run" / "last.pt")["step"]
    assert f"saved at step {step} of 100000; go on with resume=True (--resume)" in errors
    assert "Traceback" not in errors


def test_flags_win_over_the_file_and_the_file_over_the_row(printed_config, tmp_path):
    (tmp_path / "mine.toml").write_text('name = "maps-annkka3"\nprofile = "full"\nlr = 1e-3\nngf = 8\nbetas = [0.6, 0.99]\n')
    task = printed_config("-c", tmp_path / "mine.toml", "--ngf", 16, "--batch-size", 3)
    assert (task.name, task.profile, task.lr, task.ngf, task.batch_size) == ("maps-annkka3", "full", 1e-3, 16, 3)
    assert (task.dataset, task.padding, task.betas) == ("maps", "reflect", (0.6, 0.99))


def test_the_task_on_the_command_line_wins_over_the_one_in_the_file(printed_config, tmp_path):
    (tmp_path / "mine.toml").write_text('name = "facades"\nlr = 1e-3\n')
    task = printed_config("maps-annkka3", "-c", tmp_path / "mine.toml")
    assert (task.name, task.dataset, task.lr) == ("maps-annkka3", "maps", 1e-3)


def test_no_task_is_facades(printed_config):
    assert printed_config().name == "facades"


def test_every_kind_of_value(printed_config):
    task = printed_config(
        *("--betas", "[0.9, 0.99]", "--source_jitter=[0.1,0.2,0.3,0.1]", "--vflip", "true", "--dropout=false"),
        *("--source-side", "left", "--upsample", "bilinear", "--lr", "1e-5", "--dataset", "my pictures"),
    )
    assert (task.betas, task.source_jitter) == ((0.9, 0.99), (0.1, 0.2, 0.3, 0.1))
    assert (task.vflip, task.dropout, task.source_side, task.upsample) == (True, False, "left", "bilinear")
    assert (task.lr, task.dataset) == (1e-5, "my pictures")


def test_dashes_do_for_underscores(printed_config):
    assert printed_config("--lr-d-factor", 0.25) == printed_config("--lr_d_factor=0.25")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["trian"], "There is no command 'trian'. Did you mean 'train'?"),
        (["train", "facade"], "There is no task 'facade'. Did you mean 'facades'?"),
        (["train", "--bacth_size", "3"], "There is no option --bacth_size. Did you mean 'batch_size'?"),
        (["train", "--bacth-size=3"], "Did you mean 'batch_size'?"),
        (["train", "--reusme"], "There is no option --reusme. Did you mean 'resume'?"),
        (["train", "--batch_size", "many"], "batch_size: expected int, got many."),
        (["train", "--upsample", "transposed"], "upsample: expected ['transpose', 'nearest', 'bilinear'], got transposed."),
        (["train", "--dropout", "perhaps"], "dropout"),
        (["train", "--ngf", "0"], "ngf must be greater than 0; got 0."),
        (["train", "--image_size", "100"], "image_size is a power of two from 32 to 1024; got 100."),
        (["train", "--betas", "[0.5]"], "betas"),
        (["train", "--profile", "medium"], "profile"),
        (["train", "--dataset", "nowhere"], "'nowhere' is neither a dataset of the catalog"),
        (["train", "-c", "nowhere.toml"], "nowhere.toml cannot be read (No such file or directory)."),
        (["train", "facades", "maps-annkka3"], "maps-annkka3"),
        (["train", "--ngf"], "ngf"),
        (["generate", "nowhere", "in", "out"], "There are no weights 'nowhere'"),
        (["generate"], "required: weights, input, output"),
        (["generate", "a", "b", "c", "--mode", "test"], "mode"),
        (["generate", "a", "b", "c", "--overwirte"], "Did you mean 'overwrite'?"),
        (["generate", "a", "b", "c", "--page"], "Did you mean 'pages'?"),
    ],
)
def test_what_is_wrong_is_one_sentence(refused, arguments, sentence):
    assert sentence in refused(*arguments)


def test_an_option_is_never_its_own_suggestion(refused):
    assert "Did you mean 'name'?" not in refused("train", "--name", "facades")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("bacth_size = 3", "mine.toml has a field 'bacth_size' that no task has. Did you mean 'batch_size'?"),
        ("batch_size = 'many'", "mine.toml: batch_size: expected int, got many."),
        ("norm = 'bach'", "mine.toml: norm: expected ['batch', 'instance', 'instance-affine', 'none'], got bach."),
        ("ngf = -1", "ngf must be greater than 0; got -1."),
        ("name = 'facade'", "There is no task 'facade'. Did you mean 'facades'?"),
        ("ngf = ", "mine.toml is not valid TOML"),
        ("[train]\nngf = 8", "mine.toml has a field 'train' that no task has."),
        ("betas = [0.5]", "mine.toml: betas"),
        ("ngf = [1, 2]", "mine.toml: ngf"),
    ],
)
def test_what_is_wrong_in_a_file(refused, tmp_path, text, sentence):
    (tmp_path / "mine.toml").write_text(text)
    assert sentence in refused("train", "-c", tmp_path / "mine.toml")


def test_binary_file_as_configuration(refused, tmp_path):
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    assert "mine.toml is not valid TOML" in refused("train", "-c", tmp_path / "mine.toml")


def test_output_in_the_way(refused, train_small, tmp_path, finished_run):
    (tmp_path / "file").touch()
    assert "Nothing can be written to file" in refused(*train_small, "--out", "file")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert "cannot be written" in refused("generate", finished_run.out, tmp_path / "a.png", tmp_path / "file")


def test_input_without_pictures(refused, tmp_path, finished_run):
    (tmp_path / "empty").mkdir()
    assert "There are no pictures in empty." in refused("generate", finished_run.out, "empty", "out")
    assert "There is no folder nowhere." in refused("generate", finished_run.out, "nowhere", "out")
    assert "empty has no source/ and target/" in refused("train", "--dataset", "empty", "--out", "run")


def test_folder_of_a_run_that_saved_nothing(refused, tmp_path):
    (tmp_path / "run").mkdir()
    assert "run holds no weights.safetensors" in refused("generate", "run", "in", "out")


def test_damaged_weights(refused, tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"half of a file")
    assert "w.safetensors is not a safetensors file, or it is damaged" in refused("generate", "w.safetensors", "in", "out")


def test_generate_pages(finished_run, capsys):
    """Whatever lies outside of the panels is left as it was."""
    page = np.full((90, 60), 255, np.uint8)
    page[10:80, 10:50] = 150
    Path("in").mkdir()
    Image.fromarray(page).save("in/a.png")
    assert main(["generate", str(finished_run.out), "in", "out", "--pages"]) == 0
    assert "1 pictures written" in capsys.readouterr().out
    colored = np.array(Image.open("out/a.png"))
    assert (colored[page == 255] == 255).all()
    assert (colored[page == 150] != 150).any()


def test_nothing_readable_is_exit_code_2(tmp_path, finished_run, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").touch()
    assert main(["generate", str(finished_run.out), "in", "out"]) == 2
    assert "Skipped in/a.png: not a picture" in capsys.readouterr().err


def test_unusable_pairs_are_listed(train_small, own_pairs, capsys):
    """The one message of several lines: each file has its own."""
    (own_pairs / "source" / "3.png").write_bytes(b"")
    (own_pairs / "target" / "5.png").unlink()
    assert main([*train_small, "--out", "run"]) == 2
    printed = capsys.readouterr().err
    assert "source/3.png: not a picture" in printed
    assert "source/5.png: has no partner in target/" in printed
    assert main([*train_small, "--out", "run", "--on_error", "skip"]) == 0


@pytest.mark.parametrize(
    ("arguments", "error"), [(["train", "facade"], ConfigError), (["generate", "nowhere", "a", "b"], P2PError)]
)
def test_debug_raises(arguments, error):
    with pytest.raises(error):
        main([*arguments, "--debug"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--help"], "p2p train [TASK]"),
        (["train", "--help"], "--lambda_l1"),
        (["generate", "--help"], "--overwrite"),
    ],
)
def test_help(arguments, text, capsys):
    try:
        assert main(arguments) == 0
    except SystemExit as end:
        assert end.code == 0
    assert text in capsys.readouterr().out


def test_no_command_shows_the_usage(capsys):
    assert main([]) == 2
    assert "p2p generate WEIGHTS_OR_RUN INPUT_DIR OUTPUT_DIR" in capsys.readouterr().out


def test_in_a_process_of_its_own(run_p2p):
    done = run_p2p("generate", "nowhere", "in", "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("p2p: There are no weights 'nowhere'")
    assert done.stderr.count("\n") == 1
    with pytest.raises(CheckpointError, match="There are no weights 'nowhere'"):  # which ends a process with the traceback
        main(["generate", "nowhere", "in", "out", "--debug"])
