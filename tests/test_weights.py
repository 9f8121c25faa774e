"""Where weights are found: the folder of a run, a file, a bundled name; and how the others are fetched, with the real gdown."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import python_path
from http_server import Answer, serve
from test_foreign import thin_weights

import p2p_lib as p2p
from p2p_lib import weights
from p2p_lib.errors import CheckpointError, DownloadError
from p2p_lib.weights import WEIGHTS_FILE, download_folder, find, registry, registry_folder


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
    bundled = {name: entry for name, entry in registry().items() if "url" not in entry}
    assert bundled
    for name, entry in bundled.items():
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


PAGE = b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"


def weights_file(length: int) -> bytes:
    """The file of a state dict that loads, brought to about that many bytes by values that belong to no entry."""
    file = io.BytesIO()
    torch.save(thin_weights() | {"model.model.3.bias": torch.rand(length // 4)[:1]}, file)
    return file.getvalue()


GOOD = weights_file(2**19 - 2000)
assert 0 < len(GOOD) - 2**19 < 2**13, len(GOOD)  # gdown's last piece is so small that it stays in the file's buffer


@pytest.fixture(autouse=True)
def own_cache(own_settings, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("P2P_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def registered(monkeypatch, tmp_path) -> Callable[[str], Path]:
    """``registered(url)``: a registry with Anime2Sketch at that address; where its file belongs."""

    def register(url: str) -> Path:
        (tmp_path / "index.toml").write_text(f'[anime2sketch]\nfile = "anime2sketch.pth"\nurl = "{url}"\n')
        monkeypatch.setattr(weights, "registry_folder", lambda: tmp_path)
        return download_folder() / "anime2sketch.pth"

    return register


def test_entry_of_anime2sketch():
    """It has an address and no checksum, since nobody has seen the file."""
    entry = registry()["anime2sketch"]
    assert entry["url"] == "https://drive.google.com/uc?id=1RILKwUdjjBBngB17JHwhZNBEaW4Mr-Ml"
    assert entry["licence"] == "MIT"
    assert "sha256" not in entry


def test_fetched_once_then_from_the_cache(registered):
    with serve(Answer(GOOD)) as server:
        target = registered(server.url("/netG.pth"))
        assert find("anime2sketch") == find("anime2sketch") == target
        assert len(server.requests) == 1
    assert target.read_bytes() == GOOD
    assert os.listdir(target.parent) == [target.name]
    assert p2p.Translator.load("anime2sketch").side == 512


def test_file_put_there_by_hand_is_used(registered):
    target = registered("http://127.0.0.1:1/netG.pth")
    target.parent.mkdir(parents=True)
    target.write_bytes(GOOD)
    before = target.parent.stat().st_mtime_ns
    assert find("anime2sketch") == target
    assert target.parent.stat().st_mtime_ns == before  # no lock: the folder may be read-only


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(PAGE, headers={"Content-Type": "text/html"}), "what came is not the file that was expected"),
        (Answer(GOOD[:-2000]), "what came is not the file that was expected"),
        (Answer(b""), "what came is not the file that was expected"),
        (Answer(b"not found", status=404), "404|what came is not the file"),  # gdown 6, gdown 5
        (Answer(GOOD, cut=300_000), "."),
    ],
)
def test_nothing_wrong_is_kept(registered, answer, reason):
    with serve(answer) as server:
        target = registered(server.url("/netG.pth"))
        with pytest.raises(DownloadError, match=f"could not be fetched: .*{reason}.*; try again later, or get http.* {target}.$"):
            find("anime2sketch")
    assert not [path for path in target.parent.iterdir() if path.suffix != ".lock"]


def test_no_server(registered):
    target = registered("http://127.0.0.1:1/netG.pth")
    with pytest.raises(DownloadError, match=f"the server cannot be reached; .* save it as {target}.$"):
        find("anime2sketch")


def test_full_disk(registered, disk_full_after):
    with serve(Answer(GOOD)) as server, disk_full_after(100_000):
        target = registered(server.url("/netG.pth"))
        with pytest.raises(DownloadError, match="could not be fetched: .*File too large"):
            find("anime2sketch")
    assert not [path for path in target.parent.iterdir() if path.suffix != ".lock"]


def test_folder_that_cannot_be_made(registered, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("P2P_CACHE", str(tmp_path / "file"))
    registered("http://127.0.0.1:1/netG.pth")
    with pytest.raises(DownloadError, match="could not be fetched: (Not a directory|File exists|.*path)"):
        find("anime2sketch")


def test_two_at_once_fetch_it_once(registered):
    with serve(Answer(GOOD, pace=0.3)) as server:
        target = registered(server.url("/netG.pth"))
        found = []
        threads = [threading.Thread(target=lambda: found.append(find("anime2sketch"))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [target, target]
        assert len(server.requests) == 1


def test_leftovers_of_a_killed_process_are_cleared(registered):
    with serve(Answer(GOOD)) as server:
        target = registered(server.url("/netG.pth"))
        target.parent.mkdir(parents=True)
        (target.parent / f".{target.name}.0123abcd.partial").write_bytes(b"half")
        find("anime2sketch")
    assert os.listdir(target.parent) == [target.name]


def test_words_of_drive_are_passed_on():
    """gdown's own error, as both of its majors word it, is cut down to what Drive says."""
    from gdown.exceptions import FileURLRetrievalError

    words = "Failed to retrieve file url:\n\n\tToo many users have viewed\n\tthis file.\n\nYou may still be able to access the file"
    assert weights._reason(FileURLRetrievalError(words)) == "Too many users have viewed this file"


def test_without_gdown():
    """In a process of its own: one sentence, and nothing else is missed."""
    code = """
import sys
sys.modules["gdown"] = None
from p2p_lib import weights
from p2p_lib.errors import DownloadError
try:
    weights.fetch("anime2sketch", "https://example.org/x", "anime2sketch.pth")
except DownloadError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], env=python_path(), capture_output=True, text=True, check=True)
    assert "gdown is not installed (pip install gdown); try again later, or get https://example.org/x" in done.stdout
