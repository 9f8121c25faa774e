"""What the tests share: one thread, settings of their own, and networks and pairs small enough for milliseconds."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import REFERENCE, python_path, reference_entry
from hypothesis import settings
from torch import Tensor

import p2p_lib as p2p
from p2p_lib.data import PairedImages

SMALL = {"image_size": 32, "jitter": 4, "receptive_field": 16, "ngf": 4, "ndf": 4, "dropout": True, "upsample": "transpose"}
SHORT = {"batch_size": 2, "steps": 12, "eval_every": 4, "save_every": 5}

torch.set_num_threads(1)  # pytest-xdist keeps the cores busy
settings.register_profile("repeatable", deadline=None, derandomize=True, database=None, max_examples=50)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory) -> Path:
    """One cache for all tests of a process, so that procedural samples are drawn once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_settings(monkeypatch, tmp_path, session_cache) -> None:
    """No test sees the reader's data, profile or cache, nor leaves anything in the working folder."""
    monkeypatch.setenv("P2P_CACHE", str(session_cache))
    monkeypatch.delenv("P2P_DATA", raising=False)
    monkeypatch.delenv("P2P_PROFILE", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # for the processes that a test starts
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def small_task() -> Callable[..., p2p.Task]:
    """``small_task(lr=1e-3)``: the paper's recipe at 32 pixels for 12 steps, with any field changed."""
    return lambda **changes: p2p.task("facades", "lite", **(SMALL | SHORT | changes))


@pytest.fixture(scope="session")
def make_pairs() -> Callable[..., PairedImages]:
    """``make_pairs(5, 36)``: five smooth random sources, each with its negative as the target."""

    def make(count: int, size: int, seed: int = 0, kind: type[PairedImages] = PairedImages) -> PairedImages:
        coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
        smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
        source = (smooth * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return kind(np.stack([source, 255 - source], axis=1), [f"pair {i}" for i in range(count)], "made-up pairs")

    return make


@pytest.fixture(scope="session")
def finished_run(small_task, make_pairs, tmp_path_factory) -> p2p.Run:
    """A training that went to its end; for tests that only read it."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    return p2p.fit(small_task(), out, train=make_pairs(5, 36), val=make_pairs(3, 32, seed=1), progress=False)


@pytest.fixture(scope="session")
def run_p2p() -> Callable[..., subprocess.CompletedProcess]:
    """``run_p2p("train", ...)``: the command line in a process of its own."""

    def run(*arguments: object) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "p2p_lib", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=python_path(), timeout=120)

    return run


@pytest.fixture
def start_p2p() -> Iterator[Callable[..., subprocess.Popen]]:
    """``start_p2p("train", ...)``: the same, left running until the end of the test at the latest."""
    started: list[subprocess.Popen] = []

    def start(*arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-m", "p2p_lib", *map(str, arguments)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=python_path()))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def run_python() -> Callable[..., str]:
    """``run_python("print(1)")``: what a program prints in a process of its own; it must not fail."""

    def run(program: str, timeout: float = 120) -> str:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, env=python_path(), timeout=timeout)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def disk_full_after() -> Callable[[int], contextlib.AbstractContextManager[None]]:
    """``with disk_full_after(size):`` no file grows beyond `size` bytes: the operating system refuses, as on a full disk."""
    resource = pytest.importorskip("resource")  # not on Windows

    @contextlib.contextmanager
    def limit(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))  # Python ignores the signal that comes with it
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit


@pytest.fixture(scope="session")
def fill_from_reference() -> Callable[[torch.nn.Module, str], tuple[Tensor, dict[str, np.ndarray]]]:
    """``fill_from_reference(net, "junyanz_D_basic_batch")``: the weights of a public network by the rule of its test vector.

    Entries are matched in order, since only the names differ; returns the input and the outputs that the authors' class gives.
    """

    def fill(net: torch.nn.Module, name: str) -> tuple[Tensor, dict[str, np.ndarray]]:
        if not REFERENCE.is_dir():
            pytest.skip("the test vectors of public networks are not beside the project")
        vector = json.loads((REFERENCE / f"{name}.json").read_text())
        values = [torch.from_numpy(reference_entry(vector, key, shape)) for key, shape in vector["state_dict"]]
        check = vector["rule_check_seed1"]
        total = sum(float(value.abs().sum(dtype=torch.float64)) for value in values if value.is_floating_point())
        assert total == pytest.approx(check["abs_sum_of_all_float_entries"], rel=1e-5)  # else the rule is applied wrongly
        net.load_state_dict(dict(zip(net.state_dict(), values, strict=True)), assign=True)
        x = np.random.default_rng(1).uniform(-1, 1, vector["input"]["x_shape"]).astype(np.float32)
        with np.load(REFERENCE / f"{name}.seed1.npz") as file:
            return torch.from_numpy(x), dict(file)

    return fill
