"""Checkpoints and weights: what goes in comes out, files run no code, and a failed write costs nothing that was there before."""

from __future__ import annotations

import pathlib
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from p2p_lib.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from p2p_lib.errors import CheckpointError
from p2p_lib.files import atomic_write, atomic_write_text, remove_partial

CONFIG = {"name": "facades", "betas": (0.5, 0.999), "ngf": 4}


def state(value: float = 1.0, size: int = 3) -> dict:
    tensors = {"w": torch.full((size,), value), "n": torch.tensor(7), "half": torch.ones(2, dtype=torch.bfloat16)}
    return {"config": CONFIG, "step": 12, "method": tensors, "history": [{"step": 1, "lr": 1e-4}], "best_l1": float("inf")}


class Evil:
    """An object whose pickle, once loaded, touches a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def test_round_trip(tmp_path):
    save_checkpoint(tmp_path / "last.pt", state())
    loaded = load_checkpoint(tmp_path / "last.pt")
    assert loaded.pop("format") == 1
    for key, tensor in state()["method"].items():
        assert loaded["method"][key].dtype == tensor.dtype
        assert torch.equal(loaded["method"].pop(key), tensor)
    assert loaded == state() | {"method": {}}
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_loading_runs_no_code(tmp_path):
    trap = tmp_path / "trap"
    torch.save({"format": 1, "evil": Evil(trap)}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match=r"evil.pt is not a checkpoint of this course, or it is damaged"):
        load_checkpoint(tmp_path / "evil.pt")
    assert not trap.exists()
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert trap.exists()  # the trap works


def test_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        load_checkpoint(tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match="There are no weights"):
        load_weights(tmp_path / "weights.safetensors")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_cut_files_are_refused(tmp_path, share):
    save_checkpoint(tmp_path / "last.pt", state(size=1000))
    save_weights(tmp_path / "w.safetensors", state(size=1000)["method"], CONFIG)
    for name, load in (("last.pt", load_checkpoint), ("w.safetensors", load_weights)):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: int(share * len(content))])
        with pytest.raises(CheckpointError, match=f"{name} is not a .*, or it is damaged"):
            load(tmp_path / name)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused_with_a_sentence(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(content)
    for load in (load_checkpoint, load_weights):
        with pytest.raises(CheckpointError):
            load(path)


@pytest.mark.parametrize("content", [{"format": 2}, {"netG": torch.ones(2)}, torch.ones(2), [1, 2]])
def test_other_peoples_checkpoints_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="not a training checkpoint of this course"):
        load_checkpoint(tmp_path / "other.pt")


def test_weights_round_trip(tmp_path):
    tensors = {"w": torch.randn(4, 3, 2, 2).contiguous(memory_format=torch.channels_last), "n": torch.tensor(7)}
    save_weights(tmp_path / "w.safetensors", tensors, CONFIG, step=12)
    loaded, facts = load_weights(tmp_path / "w.safetensors")
    assert facts == {"format": 1, "config": CONFIG | {"betas": [0.5, 0.999]}, "step": 12}
    assert loaded.keys() == tensors.keys()
    assert all(torch.equal(loaded[key], tensors[key]) for key in tensors)


def test_half_precision_halves_the_file_and_loads_as_fp32(tmp_path):
    tensors = {"w": torch.rand(20_000), "n": torch.tensor(70_000)}
    save_weights(tmp_path / "whole", tensors, CONFIG)
    save_weights(tmp_path / "half", tensors, CONFIG, half=True)
    assert (tmp_path / "half").stat().st_size == pytest.approx((tmp_path / "whole").stat().st_size / 2, rel=0.02)
    loaded, _ = load_weights(tmp_path / "half")
    assert loaded["w"].dtype == torch.float32
    torch.testing.assert_close(loaded["w"], tensors["w"], atol=1e-3, rtol=0)
    assert loaded["n"] == 70_000  # counters are not floats


def test_weights_without_a_configuration_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"w": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="carries no configuration"):
        load_weights(tmp_path / "other.safetensors")


def save_as_checkpoint(path: Path, size: int) -> None:
    save_checkpoint(path, state(size=size))


def save_as_weights(path: Path, size: int) -> None:
    save_weights(path, state(size=size)["method"], CONFIG)


@pytest.mark.parametrize("save", [save_as_checkpoint, save_as_weights])
@pytest.mark.parametrize("room", [0, 5_000, 150_000])
def test_full_disk_leaves_the_earlier_file_whole(tmp_path, save, room, disk_full_after):
    path = tmp_path / "file"
    save(path, 3)
    before = path.read_bytes()
    with disk_full_after(room), pytest.raises(CheckpointError, match="could not be written .*; the earlier one is untouched"):
        save(path, 50_000)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("save", [save_as_checkpoint, save_as_weights])
def test_full_disk_at_the_first_save_leaves_nothing(tmp_path, save, disk_full_after):
    with disk_full_after(5_000), pytest.raises(CheckpointError, match="could not be written .*; nothing is left of it"):
        save(tmp_path / "file", 50_000)
    assert list(tmp_path.iterdir()) == []


def test_file_in_the_way_of_the_folder(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(CheckpointError, match="could not be written"):
        save_checkpoint(tmp_path / "run" / "last.pt", state())


def test_error_in_the_middle_leaves_the_earlier_file_whole(tmp_path):
    path = tmp_path / "deep" / "text"
    atomic_write_text(path, "é")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as file:
        file.write(b"half of")
        file.flush()
        raise KeyboardInterrupt
    assert path.read_text(encoding="utf-8") == "é"
    assert list(path.parent.iterdir()) == [path]


def test_half_written_files_are_cleared_away(tmp_path):
    for name in (".last.pt.0123abcd.partial", "last.pt", "notes.partial", ".hidden"):
        (tmp_path / name).touch()
    remove_partial(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"last.pt", "notes.partial", ".hidden"}
