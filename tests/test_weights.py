"""Where weights are found: the folder of a run, a file, a bundled name."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import p2p_lib as p2p
from p2p_lib import weights
from p2p_lib.errors import CheckpointError
from p2p_lib.weights import WEIGHTS_FILE, find, registry, registry_folder


def test_folder_of_a_run(finished_run):
    assert find(finished_run.out) == find(str(finished_run.out)) == finished_run.out / WEIGHTS_FILE


def test_file(finished_run):
    assert find(finished_run.out / "best.safetensors") == finished_run.out / "best.safetensors"


def test_home_is_understood(finished_run, monkeypatch):
    monkeypatch.setenv("HOME", str(finished_run.out.parent))
    assert find(f"~/{finished_run.out.name}") == finished_run.out / WEIGHTS_FILE


def test_folder_without_weights(tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no weights.safetensors; it is not the folder of a training run"):
        find(tmp_path)


def test_every_bundled_name_has_its_file():
    """And a model that loads and translates."""
    for name, entry in registry().items():
        assert find(name) == registry_folder() / entry["file"]
        model = p2p.Translator.load(name)
        assert model(np.zeros((8, 9, 3), np.uint8)).shape == (8, 9, 3)


@pytest.fixture
def two_names(tmp_path, monkeypatch, finished_run):
    """A registry of its own with two bundled names."""
    shutil.copy(finished_run.out / WEIGHTS_FILE, tmp_path / "one.safetensors")
    (tmp_path / "index.toml").write_text('[facades]\nfile = "one.safetensors"\n[maps]\nfile = "two.safetensors"\n')
    monkeypatch.setattr(weights, "registry_folder", lambda: tmp_path)
    return tmp_path


def test_bundled_name(two_names):
    assert find("facades") == two_names / "one.safetensors"
    assert p2p.Translator.load("facades").task.name == "facades"


def test_unknown_name(two_names):
    with pytest.raises(CheckpointError, match=r"no weights 'facade': neither .* nor a bundled name. Did you mean 'facades'\?"):
        find("facade")
    with pytest.raises(CheckpointError, match="no weights 'runs/zebra'.*Known: facades, maps"):
        find("runs/zebra")
