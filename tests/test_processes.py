"""Two processes do what one does, and end together."""

from __future__ import annotations

import dataclasses
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import python_path
from two_processes import BICYCLE, PIX2PIX, assert_same_gradients, losses_of, train

from p2p_lib.checkpoint import load_checkpoint
from p2p_lib.errors import ConfigError, TrainingError
from p2p_lib.processes import LOST, ONE_PROCESS, choose_gpu, is_main_process, join_processes, lost_explained

PROGRAM = Path(__file__).with_name("two_processes.py")


def run_two(folder: Path) -> list[dict]:
    """What both processes wrote down; each is told who it is as a launcher tells it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    environments = [python_path() | told | {"RANK": rank, "LOCAL_RANK": rank} for rank in "01"]
    command = [sys.executable, str(PROGRAM), str(folder)]
    processes = [subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) for env in environments]
    try:
        errors = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(errors)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in "01"]


def assert_same_losses(some: list[dict[str, float]], others: list[dict[str, float]]) -> None:
    torch.testing.assert_close(some, others, rtol=0, atol=1e-5)


@pytest.mark.slow  # three processes import torch: a dozen seconds
def test_two_processes(tmp_path):
    """All in one test, as starting them takes longer than what they do."""
    train(dataclasses.replace(PIX2PIX, steps=14), tmp_path / "resumed")  # for two to go on with
    main, other = run_two(tmp_path)
    they_do_what_one_does(main, tmp_path)
    assert not any(other[name] for name in ("pix2pix", "bicyclegan", "resumed"))  # only the main process records and writes
    they_end_together(main, other, tmp_path)


def they_do_what_one_does(main: dict, folder: Path) -> None:
    """With batch norm, whose statistics are those of the whole batch, dropout and random codes."""
    whole = losses_of(PIX2PIX, folder / "one")
    assert_same_losses(main["pix2pix"], whole)
    assert_same_losses(main["resumed"], whole[14:])
    assert_same_losses(main["bicyclegan"], losses_of(BICYCLE, folder / "one bicycle"))
    one, two = (load_checkpoint(folder / name / "last.pt")["method"] for name in ("one", "pix2pix"))
    for net in ("netG", "netD"):
        statistics = [{key: state[net][key] for key in state[net] if "running" in key} for state in (one, two)]
        assert statistics[0]
        torch.testing.assert_close(*statistics, rtol=1e-3, atol=1e-5)
    assert_same_gradients(folder / "pix2pix", folder / "one")
    longer = dataclasses.replace(PIX2PIX, steps=22)  # and one goes on where two have stopped
    assert_same_losses(*(losses_of(longer, folder / name, resume=True) for name in ("one", "pix2pix")))


def they_end_together(main: dict, other: dict, folder: Path) -> None:
    """After a signal to one of them; after an error in what the main process does alone; after a bad start."""
    assert main["stopped"] == other["stopped"] == [3, False]  # only the other one was asked to
    assert load_checkpoint(folder / "stopped" / "last.pt")["step"] == 3
    assert (main["failing callback"], other["failing callback"]) == ("the callback failed", LOST)
    assert "already holds a training run" in main["not resumed"]
    assert other["not resumed"] == LOST
    assert main["other pairs"] == other["other pairs"]
    assert "must start alike, but pairs is 5 and 6" in main["other pairs"]
    assert "batch_size is a multiple of 2 (2 processes, accumulate 1)" in main["odd batch"]
    assert "got 3: take 2 or 4" in other["odd batch"]


def test_alone_without_a_launcher(monkeypatch):
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    assert join_processes() is ONE_PROCESS
    assert is_main_process()
    monkeypatch.setenv("WORLD_SIZE", "1")  # a launcher of a single process
    monkeypatch.setenv("RANK", "0")
    assert join_processes() is ONE_PROCESS


def test_one_process_never_reaches_for_the_others(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.distributed, "all_reduce", None)
    monkeypatch.setattr(torch.distributed, "init_process_group", None)
    assert train(dataclasses.replace(PIX2PIX, steps=1), tmp_path / "run").finished


@pytest.mark.parametrize(("rank", "main"), [("0", True), ("1", False)])
def test_main_process_is_number_0(monkeypatch, rank, main):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    assert is_main_process() is main


def test_more_processes_than_gpus():
    with pytest.raises(ConfigError, match="this machine has 2; start 2 processes on it"):
        choose_gpu(2, 2)


def test_a_lost_connection_is_explained():
    with pytest.raises(TrainingError, match="Another process"), lost_explained():
        raise RuntimeError("Connection reset by peer")
