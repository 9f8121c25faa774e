"""Where weights are found, and that nothing wrong is ever taken for them; `test_weights_drive.py` has Google Drive."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import shutil
import sys
import tarfile
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from http_server import Answer, serve
from test_foreign import thin_weights

import p2p_lib as p2p
from p2p_lib import weights, weights_sources
from p2p_lib.data.download import Patience
from p2p_lib.errors import CheckpointError, DownloadError
from p2p_lib.weights import WEIGHTS_FILE, download_folder, find, registry, registry_folder
from p2p_lib.weights_record import record

NAME = "anime2sketch"
PAGE = b"<!DOCTYPE html><html><title>Service unavailable</title></html>"
FIELDS = {"file", "sources", "member", "sha256", "size", "unverified", "megabytes", "title", "task", "architecture", "codec"}
FIELDS |= {"recipe", "data", "metrics", "terms", "author", "licence", "page"}


def weights_file(length: int, seed: int = 0) -> bytes:
    """The file of a state dict that loads, brought to about that many bytes by values that belong to no entry."""
    file = io.BytesIO()
    values = torch.rand(length // 4, generator=torch.Generator().manual_seed(seed))
    torch.save(thin_weights() | {"model.model.3.bias": values[:1]}, file)
    return file.getvalue()


GOOD = weights_file(2**19)
OTHER = weights_file(2**19, seed=1)
SHA256 = hashlib.sha256(GOOD).hexdigest()


@pytest.fixture(autouse=True)
def own_cache(own_settings, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("P2P_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(weights_sources, "PATIENCE", Patience(connect=2, read=0.5, retries=0, backoff=0.001))


@pytest.fixture
def registered(monkeypatch, tmp_path) -> Callable[..., Path]:
    """``registered(source, ..., size=1)``: a registry with Anime2Sketch from there; where its file belongs."""

    def register(*sources: str, **fields: object) -> Path:
        lines = [f"{key} = {value!r}" for key, value in ({"file": "anime2sketch.pth", "sources": list(sources)} | fields).items()]
        (tmp_path / "index.toml").write_text("\n".join([f"[{NAME}]", *lines]))
        monkeypatch.setattr(weights, "registry_folder", lambda: tmp_path)
        return download_folder() / "anime2sketch.pth"

    return register


def left(target: Path) -> list[str]:
    """What lies beside a file, and in the folders there, but for locks."""
    return sorted(path.name for path in target.parent.rglob("*") if path.is_file() and path.suffix != ".lock")


def both_at_once(get: Callable[[], Path]) -> list[Path]:
    """What two threads get."""
    with ThreadPoolExecutor(2) as threads:
        return [running.result() for running in [threads.submit(get) for _ in range(2)]]


# Files, runs, and what is bundled.


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


def test_a_folder_of_data_does_not_hide_a_name(tmp_path):
    (tmp_path / "facades").mkdir()
    assert find("facades") == registry_folder() / "facades.safetensors"


def test_every_bundled_name_has_its_file():
    """And a model that loads and translates."""
    bundled = {name: entry for name, entry in registry().items() if "sources" not in entry}
    assert bundled
    for name, entry in bundled.items():
        assert find(name) == registry_folder() / entry["file"]
        assert {"sha256", "size", "data"} <= set(entry), name
        model = p2p.Translator.load(name)
        assert model(np.zeros((8, 9, 3), np.uint8)).shape == (8, 9, 3)


def test_entries_of_other_projects_say_where_they_are_from():
    """A file that nobody has seen has no checksum and says so; its address is one that can be asked."""
    others = {name: entry for name, entry in registry().items() if "sources" in entry}
    assert {"anime2sketch", "junyanz-sat2map", "annkka3-lab-monet", "vladislav-D", "jys1670-facades", "pavel"} <= set(others)
    for name, entry in others.items():
        assert set(entry) <= FIELDS, name
        assert entry["page"].startswith("https://") and entry["licence"] and entry["author"] and entry["title"], name
        assert entry.get("unverified", False) == ("sha256" not in entry), name
        for source in entry["sources"]:
            scheme, _, rest = source.partition(":")
            assert len(rest) == 33 if scheme == "drive" else urlsplit(source).hostname, name
    files = [entry["file"] for entry in registry().values()]
    assert len(set(files)) == len(files)


def test_unknown_name():
    with pytest.raises(CheckpointError, match=r"no weights 'facade': .* nor a name that `p2p weights list` shows.*'facades'\?"):
        find("facade")
    with pytest.raises(CheckpointError, match="no weights 'runs/zebra'.*Known: .*facades, "):
        find("runs/zebra")


def test_a_bundled_file_that_is_missing(registered, tmp_path):
    (registered().parent.parent.parent / "index.toml").write_text('[facades]\nfile = "facades.safetensors"\n')
    with pytest.raises(DownloadError, match=f"facades.safetensors, .*is missing from {tmp_path}; get the course again."):
        find("facades")


# The cache.


def test_fetched_once_then_from_the_cache(registered, caplog):
    with serve(Answer(GOOD)) as server:
        target = registered(server.url("/netG.pth"))
        assert find(NAME) == find(NAME) == target
        assert len(server.requests) == 1
    assert target.read_bytes() == GOOD
    assert record(target).read_text() == f"{SHA256}  anime2sketch.pth\n"
    assert sorted(os.listdir(target.parent)) == [target.name, record(target).name]
    (said,) = caplog.messages
    assert said.startswith(f"The weights {NAME} are unverified") and str(record(target)) in said
    assert p2p.Translator.load(NAME).side == 512


def test_a_verified_file_needs_no_record(registered, caplog):
    with serve(Answer(GOOD)) as server:
        target = registered(server.url("/netG.pth"), sha256=SHA256, size=len(GOOD))
        assert find(NAME) == target
    assert os.listdir(target.parent) == [target.name]
    assert not caplog.messages


def test_file_put_there_by_hand_is_used_and_recorded(registered, caplog):
    target = registered("http://127.0.0.1:1/netG.pth")
    target.parent.mkdir(parents=True)
    target.write_bytes(GOOD)
    assert find(NAME) == target
    assert record(target).read_text().startswith(SHA256)
    before = target.parent.stat().st_mtime_ns
    assert find(NAME) == target
    assert target.parent.stat().st_mtime_ns == before  # no lock: the folder may be read-only
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("fields", [{}, {"sha256": SHA256}])
def test_another_file_in_the_cache_is_refused(registered, fields):
    with serve(Answer(GOOD)) as server:
        target = registered(server.url("/netG.pth"), **fields)
        find(NAME)
    target.write_bytes(OTHER)
    remedy = "delete it, and it is fetched again" if fields else f"If you trust the new one, delete {record(target)}; if not"
    with pytest.raises(CheckpointError, match=f"{target} is not the file .*sha256 is .* instead of {SHA256}.*{remedy}"):
        find(NAME)
    if not fields:  # what the sentence says helps
        record(target).unlink()
        assert find(NAME) == target


def test_a_file_that_was_deleted_has_to_come_back_the_same(registered):
    with serve(Answer(GOOD), Answer(GOOD), Answer(OTHER, etag='"two"'), Answer(OTHER, etag='"two"')) as server:
        target = registered(server.url("/netG.pth"))
        for _ in range(2):
            find(NAME)
            target.unlink()
        with pytest.raises(DownloadError, match=f"another file than the first time: .* delete {record(target)}; if not"):
            find(NAME)
        assert left(target) == [record(target).name]
        record(target).unlink()
        find(NAME)
        assert target.read_bytes() == OTHER


@pytest.mark.parametrize(
    "content", [PAGE, GOOD[: len(GOOD) // 2], b"", b"not found"], ids=["a web page", "cut short", "nothing", "words"]
)
def test_a_wrong_file_put_there_by_hand_is_refused(registered, content):
    target = registered("http://127.0.0.1:1/netG.pth")
    target.parent.mkdir(parents=True)
    target.write_bytes(content)
    with pytest.raises(CheckpointError, match="anime2sketch.pth"):
        find(NAME)
    assert not record(target).exists()


# Fetching from a plain address; how `download` meets a bad server is tested there.


def other_network() -> bytes:
    file = io.BytesIO()
    torch.save({"fc.weight": torch.zeros(3)}, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("answer", "fields", "reason"),
    [
        (Answer(PAGE), {}, r'gave a web page \("Service unavailable"\)'),
        (Answer(GOOD[:-2000]), {}, "did not give the file that was expected"),
        (Answer(b""), {}, "did not give the file that was expected"),
        (Answer(other_network()), {}, "did not give the file that was expected"),
        (Answer(b"gone", status=404), {}, "the server answered 404"),
        (Answer(GOOD, cut=300_000, ranges=False), {}, "the connection broke off .*; try again later"),
        (Answer(OTHER), {"sha256": SHA256}, f"changed, damaged or cut short: its sha256 is .* instead of {SHA256}"),
        (Answer(GOOD[:-2000]), {"size": len(GOOD)}, f"is {len(GOOD) - 2000} bytes long, and {len(GOOD)} were expected"),
        (Answer(GOOD[:-2000], length=False), {"size": len(GOOD)}, "bytes long instead of"),
    ],
)
def test_nothing_wrong_is_kept(registered, answer, fields, reason):
    with serve(answer) as server:
        target = registered(server.url("/netG.pth"), **fields)
        with pytest.raises(DownloadError, match=f"{NAME} could not be fetched. .*{reason}.* Or get http.* save it as {target}.$"):
            find(NAME)
    assert not target.exists() and not record(target).exists()
    assert not [name for name in left(target) if not name.startswith("anime2sketch.pth.part")]


def test_no_server(registered):
    target = registered("http://127.0.0.1:1/netG.pth")
    with pytest.raises(DownloadError, match=f"Connection refused; try again later. Or get http.* save it as {target}.$"):
        find(NAME)
    assert left(target) == []


def test_the_next_source_is_tried_and_failures_are_told(registered, caplog):
    with serve(Answer(status=404)) as gone, serve(Answer(OTHER)) as wrong, serve(Answer(GOOD)) as right:
        addresses = [server.url("/netG.pth") for server in (gone, wrong, right)]
        target = registered(*addresses, sha256=SHA256)
        assert find(NAME).read_bytes() == GOOD
        first, second = caplog.messages
        assert addresses[0] in first and "404" in first
        assert addresses[1] in second and "sha256" in second
        target.unlink()
        registered(*addresses[:2], sha256=SHA256)
        with pytest.raises(DownloadError) as caught:
            find(NAME)
        assert f"Or get {addresses[0]} or {addresses[1]} with a browser" in str(caught.value)
        assert str(caught.value).count("404") == str(caught.value).count(SHA256) == 1
    assert left(target) == []


def test_a_broken_transfer_is_gone_on_with_the_next_time(registered):
    with serve(Answer(GOOD, cut=300_000), Answer(status=403), Answer(GOOD)) as server:
        target = registered(server.url("/netG.pth"))
        for _ in range(2):
            with pytest.raises(DownloadError):
                find(NAME)
        assert find(NAME).read_bytes() == GOOD
        assert [request.get("Range") for request in server.requests] == [None, "bytes=300000-", "bytes=300000-"]
    assert left(target) == [target.name, record(target).name]


def test_pieces_that_do_not_fit_together_are_fetched_anew(registered):
    half = len(GOOD) // 2
    changed = OTHER[:half] + GOOD[half:]  # the server lies: the same ETag, other bytes
    with serve(Answer(changed, cut=half), Answer(GOOD)) as server:
        registered(server.url("/netG.pth"), sha256=SHA256)
        with pytest.raises(DownloadError):
            find(NAME)
        assert find(NAME).read_bytes() == GOOD
        assert len(server.requests) == 3


def test_full_disk(registered, disk_full_after):
    with serve(Answer(GOOD)) as server, disk_full_after(100_000):
        target = registered(server.url("/netG.pth"))
        with pytest.raises(DownloadError, match=r"the disk of .* is full \(File too large\); make room, or set P2P_CACHE"):
            find(NAME)
    assert left(target) == []


def test_no_room_is_noticed_before_the_start(registered):
    with serve(Answer(GOOD)) as server:
        registered(server.url("/netG.pth"), size=10**18)
        with pytest.raises(DownloadError, match="no room in .*cache/weights: 1,000,000,000,000 MB are missing, and .* MB are free"):
            find(NAME)
        assert not server.requests


def test_folder_that_cannot_be_made(registered, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("P2P_CACHE", str(tmp_path / "file"))
    registered("http://127.0.0.1:1/netG.pth")
    with pytest.raises(DownloadError, match="cannot be written .*set P2P_CACHE to a folder that can."):
        find(NAME)


def test_two_at_once_fetch_it_once(registered):
    with serve(Answer(GOOD, pace=0.03)) as server:
        target = registered(server.url("/netG.pth"))
        assert both_at_once(lambda: find(NAME)) == [target, target]
        assert len(server.requests) == 1


# Archives, and files that nobody can fetch.


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name.replace("__", "/") + ".tar")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def test_a_file_of_an_archive(registered, caplog):
    with serve(Answer(archive(output__config_facades=GOOD, output__anime_monster=OTHER))) as server:
        target = registered(server.url("/output.tar.gz"), member="*_facades.tar")
        assert find(NAME).read_bytes() == GOOD
    assert left(target) == [target.name, record(target).name]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (archive(weights=GOOD), r"holds 0 files \*_facades.tar where one was expected \(it holds weights.tar\)"),
        (archive(a_facades=GOOD, b_facades=GOOD), r"holds 2 files .*\(it holds a_facades.tar, b_facades.tar\)"),
        (archive(**{"..__a_facades": GOOD}), "a path out of its folder"),
        (archive(a_facades=PAGE), "did not give the file that was expected: what came is a web page"),
        (GOOD, "Or get http.* with a browser, unpack .*_facades.tar from it and save it as"),
    ],
)
def test_a_wrong_archive(registered, content, reason):
    with serve(Answer(content)) as server:
        target = registered(server.url("/output.tar.gz"), member="*_facades.tar")
        with pytest.raises(DownloadError, match=reason):
            find(NAME)
    assert left(target) == []


def test_what_has_to_be_placed_by_hand(registered):
    target = registered(page="https://example.org/weights")
    with pytest.raises(DownloadError, match=f"get them from https://example.org/weights with a browser and save .* {target}.$"):
        find(NAME)
    target.parent.mkdir(parents=True)
    shutil.copyfile(io_file(target.parent, GOOD), target)
    assert find(NAME) == target


def io_file(folder: Path, content: bytes) -> Path:
    (folder / "elsewhere").write_bytes(content)
    return folder / "elsewhere"


def test_without_gdown(monkeypatch):
    """One sentence; that nothing else misses it, `test_import.py` asks."""
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(DownloadError) as caught:
        find(NAME)
    assert "gdown, which is not installed: pip install gdown. Or get https://drive.google.com/file/d/1RIL" in str(caught.value)


def test_warnings_reach_the_reader(registered, caplog):
    with serve(Answer(GOOD)) as server, caplog.at_level(logging.WARNING, "p2p_lib"):
        registered("http://127.0.0.1:1/netG.pth", server.url("/netG.pth"))
        find(NAME)
    assert "The next source is tried." in caplog.messages[0]


def test_every_recipe_is_a_task_of_the_course():
    """And every bundled model has one: the recipe is how it is trained again."""
    recipes = tomllib.loads((registry_folder() / "recipes.toml").read_text())
    for recipe in recipes.values():
        p2p.task(recipe["task"], recipe["profile"], **recipe["changes"])
    bundled = {name for name, entry in registry().items() if entry["file"].endswith(".safetensors")}
    assert bundled == recipes.keys()
    for name in bundled:
        saved = p2p.Translator.load(name).task
        when = {"eval_every": saved.eval_every, "save_every": saved.save_every}  # changes nothing in the weights
        assert saved == p2p.task(recipes[name]["task"], recipes[name]["profile"], **recipes[name]["changes"] | when), name
