"""Training from tar shards, in a folder and over http, is training from the folder; and what can go wrong on the way."""

from __future__ import annotations

import filecmp
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from folder_server import offer
from helpers import ROOT
from kill_and_resume import kill_and_resume
from PIL import Image

import p2p_lib as p2p
from p2p_lib.cli import main
from p2p_lib.data import places, shards
from p2p_lib.data.download import Patience
from p2p_lib.data.places import Web, make_room
from p2p_lib.data.shard_writer import shard
from p2p_lib.data.shards import Index, Kept, load_shards
from p2p_lib.errors import DataError, DownloadError
from p2p_lib.evaluation import mean_target
from p2p_lib.tasks import Task

QUICK = Patience(connect=2, read=2, retries=2, backoff=0.01)
OWN = {"image_size": 32, "jitter": 4, "receptive_field": 16}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_pairs) -> Path:
    """Pairs of a reader: `source/` and `target/`, 23 of 40 px, in a folder that is not split."""
    home = tmp_path_factory.mktemp("own")
    pairs = make_pairs(23, 40)
    for i in range(len(pairs)):
        for side, picture in zip(("source", "target"), pairs[i], strict=True):
            (home / side).mkdir(exist_ok=True)
            Image.fromarray(picture).save(home / side / f"a.b {i}.png")
    return home


@pytest.fixture(scope="module")
def sharded(folder, tmp_path_factory) -> Path:
    """The same as shards of 8 pairs, for a task at 32 px; made once, so never written to."""
    out = tmp_path_factory.mktemp("shards") / "out"
    made = shard(Task(dataset=str(folder), **OWN), out, pairs_per_shard=8)
    assert {split: len(index.names) for split, index in made.indices.items()} == {"train": 21, "val": 2}  # "test" is "val"
    return out


@pytest.fixture
def copied(sharded, tmp_path) -> Path:
    """Shards to be damaged."""
    out = tmp_path / "copied"
    out.mkdir()
    for path in sharded.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    return out


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(places, "Patience", lambda: QUICK)


def equal(one: p2p.data.PairedImages, other: p2p.data.PairedImages, at: list[int]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.batch(at), other.batch(at), strict=True))


def test_shards_hold_what_the_folder_holds(folder, sharded):
    task = Task(dataset=str(folder), **OWN)
    for split, count in (("train", 21), ("val", 2), ("test", 2)):
        there, here = p2p.data.load(task, split), p2p.data.load(str(sharded), split, size=36 if split == "train" else 32)
        assert len(here) == count and here.names == there.names
        assert equal(there, here, list(range(count))) and equal(there, here, [count - 1, 0, -1])
        assert all(np.array_equal(a, b) for a, b in zip(there[1], here[1], strict=True))
    assert "23" not in here.origin and str(sharded) in here.origin
    assert folder.name in here.origin and str(folder.parent) not in here.origin.replace(str(sharded), "")
    assert torch.equal(mean_target(here), mean_target(there))  # what else wants pairs takes them one by one
    smaller = load_shards(str(sharded), "train", 16)
    assert smaller.batch([3, 5])[0].shape == (2, 3, 16, 16)
    assert equal(smaller.subset([5, 3]), smaller, [0, 1]) is False and equal(smaller.subset([0, 1]), smaller, [0, 1])
    assert torch.equal(smaller.swapped().batch([4])[0], smaller.batch([4])[1])
    with pytest.raises(IndexError):
        smaller.batch([21])
    with pytest.raises(DataError, match="needs all at once"):
        _ = smaller.array


def test_other_readers_understand_the_shards(sharded):
    with tarfile.open(sharded / "train-00000.tar") as tar:
        members = tar.getnames()
    assert members[:3] == ["00000000.source.png", "00000000.target.png", "00000000.json"] and len(members) == 24
    webdataset = pytest.importorskip("webdataset", reason="the package webdataset is not installed")
    urls = [str(path) for path in sorted(sharded.glob("train-*.tar"))]
    read = list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False).decode("rgb8"))
    pairs = load_shards(str(sharded), "train", 36)
    assert [sample["json"]["name"] for sample in read] == pairs.names
    assert all(np.array_equal(read[i]["target.png"], pairs[i][1]) for i in (0, 13, 20))


def test_one_picture_that_is_both_halves_is_stored_once(tmp_path, make_pairs):
    (tmp_path / "colors").mkdir()
    for i, (picture, _) in enumerate(make_pairs(12, 40, seed=3)):
        Image.fromarray(picture).save(tmp_path / "colors" / f"{i}.png")
    shard(Task(dataset=str(tmp_path / "colors"), codec="lab", **OWN), tmp_path / "out")
    pairs = load_shards(str(tmp_path / "out"), "train", 36)
    assert all(np.array_equal(*pairs[i]) for i in range(len(pairs)))
    with tarfile.open(tmp_path / "out" / "train-00000.tar") as tar:
        assert tar.getnames()[:2] == ["00000000.source.png", "00000000.json"]


def test_training_from_shards_over_http_is_training_from_the_folder(folder, sharded, small_task, tmp_path, monkeypatch):
    """Bit for bit: the same pairs in the same order with the same jitter. One request a pair, and none for what is not needed."""
    monkeypatch.setattr(shards, "KEPT_BYTES", 0)
    settings = {"steps": 14, "eval_every": 7}
    p2p.fit(small_task(dataset=str(folder), **settings), tmp_path / "folder", progress=False)
    with offer(sharded) as server:
        run = p2p.fit(small_task(dataset=server.url, **settings), tmp_path / "http", progress=False)
    assert server.url in run.data_origin
    for name in ("weights.safetensors", "best.safetensors"):
        one, other = (p2p.checkpoint.load_weights(tmp_path / run / name)[0] for run in ("folder", "http"))
        assert all(torch.equal(one[key], other[key]) for key in one)
    asked = [request for request in server.requests if request[0].startswith("/train-0")]
    assert len(asked) == 28 and all(span for _, span, _ in asked)  # 14 steps of 2, what was read ahead among them


@pytest.mark.slow  # three processes' worth of training
def test_killed_and_resumed_over_http(tmp_path, sharded, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with offer(sharded) as server:
        same = kill_and_resume(tmp_path, kills=1, seed=0, dataset=server.url)
        assert "left a checkpoint" in capsys.readouterr().out
        assert same and server.requests


def test_a_server_without_ranges_gives_whole_shards_within_a_bound(sharded, tmp_path, monkeypatch, caplog, quick):
    monkeypatch.setenv("P2P_CACHE", str(tmp_path / "cache"))
    biggest = max(path.stat().st_size for path in sharded.glob("train-*.tar"))
    monkeypatch.setattr(places, "WHOLE_FILES_BYTES", biggest + 10)
    with offer(sharded, ranges=False) as server:
        pairs = load_shards(server.url, "train", 36)
        assert equal(pairs, load_shards(str(sharded), "train", 36), list(range(21)))
        assert equal(pairs, load_shards(str(sharded), "train", 36), list(range(21)))
    assert "gives no pieces of files" in caplog.text
    kept = list((tmp_path / "cache" / "shards").glob("*.tar"))
    assert len(kept) == 1 and any(filecmp.cmp(kept[0], path, shallow=False) for path in sharded.glob("train-*.tar"))


def test_troubles_on_the_way_are_overcome(sharded, quick):
    """The connection ends in the middle, the server is busy: once each."""
    troubles = {"/train-00000.tar": [100, -503], "/train-00001.tar": [-500, 0], "/train.index.json": [50]}
    with offer(sharded) as server:
        server.trouble = lambda path: troubles[path].pop() if troubles.get(path) else None
        pairs = load_shards(server.url, "train", 36)
        assert equal(pairs, load_shards(str(sharded), "train", 36), list(range(21)))
    assert not any(troubles.values())


def test_a_server_that_is_gone_is_one_sentence(sharded, quick):
    with offer(sharded) as server:
        pairs = load_shards(server.url, "train", 36)
        server.trouble = lambda path: -403
        with pytest.raises(DownloadError, match=r"train-00000.tar cannot be fetched: the server answered 403\.$"):
            pairs.batch([0])
        server.trouble = lambda path: -404
        with pytest.raises(DownloadError, match="is not there any more"):
            pairs.batch([0])
        with pytest.raises(DataError, match=r"There is no train.index.json at http.*`p2p data shard` makes"):
            load_shards(server.url, "train", 36)
    with pytest.raises(DownloadError, match=r"could not be fetched: .*; go on \(--resume\) when the server is back\."):
        pairs.batch([0, 20])
    with pytest.raises(DownloadError, match="is no address"):
        load_shards("http://[", "train", 36)


def test_a_server_that_sends_too_much(sharded):
    with offer(sharded) as server:
        place = Web(server.url, QUICK)
        assert len(place._patiently("train-00000.tar", "bytes=20-29", 10)) == 10
        with pytest.raises(DownloadError, match="gave more than the 10 bytes"):
            place._patiently("train-00000.tar", None, 10)


@pytest.mark.parametrize("damage", ["cut", "flipped", "another"])
def test_damaged_shards_are_named(copied, damage):
    path = copied / "train-00001.tar"
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 3]
    elif damage == "flipped":
        data[len(data) // 2 :] = bytes(255 - value for value in data[len(data) // 2 :])
    else:
        data = bytearray((copied / "train-00000.tar").read_bytes())
    path.write_bytes(data)
    pairs = load_shards(str(copied), "train", 36)
    pairs.batch([0, 7, 16, 20])  # the other shards
    with pytest.raises(DataError, match=r"a\.b \d+\.png in .*train-00001\.tar is not what the index says"):
        pairs.batch([15])
    path.unlink()
    with pytest.raises(DataError, match=r"train-00001\.tar cannot be read"):
        pairs.batch([15])


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields["shards"][0].update(file="../../etc/passwd"),
        lambda fields: fields["shards"][0].update(file="http://elsewhere/a.tar"),
        lambda fields: fields["shards"][0].update(file=3),
        lambda fields: fields["shards"][0].update(sha256="../a"),
        lambda fields: fields["rows"][3].__setitem__(2, 10**15),
        lambda fields: fields["rows"][3].__setitem__(1, -1),
        lambda fields: fields["rows"][3].__setitem__(0, 3),
        lambda fields: fields["rows"][3].pop(),
        lambda fields: fields["rows"][3].__setitem__(0, 2**70),
        lambda fields: fields["names"].pop(),
        lambda fields: fields.update(more=1),
        lambda fields: fields.update(rows=[], names=[]),
        lambda fields: fields.update(shards=3),
    ],
)
def test_an_index_from_anywhere_is_not_trusted(sharded, change):
    fields = json.loads((sharded / "train.index.json").read_text())
    change(fields)
    with pytest.raises(DataError, match="^here is (no index of shards|a damaged index)"):
        Index.from_json(json.dumps(fields).encode(), "here")


def test_an_index_that_is_no_json_or_of_another_version(sharded):
    for data, message in ((b"<html>", "no index"), (b"[]", "no index"), (b'{"version": 2}', "another version")):
        with pytest.raises(DataError, match=message):
            Index.from_json(data, "here")


def test_memory_is_bounded(sharded, monkeypatch):
    monkeypatch.setattr(shards, "KEPT_BYTES", 20_000)
    pairs = load_shards(str(sharded), "train", 36)
    for start in (0, 7, 14):
        pairs.batch(range(start, start + 7))
    assert 0 < sum(len(data) for members in pairs.kept.items.values() for data in members) == pairs.kept.bytes <= 20_000
    kept = Kept(10)
    kept.put(1, (b"1234", b"1234"))
    kept.put(1, (b"1234", b"1234"))
    kept.put(2, (b"1", b"1"))
    assert kept.get(1) and kept.bytes == 10
    kept.put(3, (b"1", b""))  # the longest unused goes: 2, since 1 was just looked at
    assert kept.get(2) is None and kept.get(1) and kept.bytes == 9


def test_what_is_announced_is_read_before_it_is_asked_for(sharded):
    with offer(sharded) as server:
        pairs = load_shards(server.url, "train", 36)
        pairs.read_ahead([3, 4])
        [future.result() for future in pairs.ahead.values()]
        before = len(server.requests)
        pairs.batch([4, 3])
        assert len(server.requests) == before == 3 and not pairs.ahead  # the index and two pairs
        pairs.read_ahead([5])
        pairs.read_ahead([])
        assert not pairs.ahead


def test_make_room_takes_the_longest_unused(tmp_path):
    for age, name in enumerate("cab"):
        (tmp_path / f"{name}.tar").write_bytes(b"1234")
        os.utime(tmp_path / f"{name}.tar", (-age, -age))
    make_room(tmp_path, 4, limit=12)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "c.tar"]


def test_sharding_goes_on_and_never_mixes(folder, tmp_path, sharded):
    out = tmp_path / "out"
    out.mkdir()
    (out / "train-00009.tar").write_bytes(b"of a call that was killed")
    task = Task(dataset=str(folder), **OWN)
    shard(task, out, pairs_per_shard=8)
    assert all(filecmp.cmp(out / path.name, path, shallow=False) for path in sharded.iterdir())  # equal pairs, equal shards
    assert not (out / "train-00009.tar").exists()
    with pytest.raises(DataError, match=r"holds .*; shards are written into a new folder"):
        shard(task, out)


def test_the_command_line(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["data", "shard", str(folder), str(out), "--size", "24", "--format", "jpg", "--pairs", "10"]) == 0
    assert "train: 21 pairs of 24 px in 3 shards" in capsys.readouterr().out
    assert main(["data", "shard", str(folder), str(out)]) == 2
    pairs = load_shards(str(out), "train", 24)
    with tarfile.open(out / "train-00000.tar") as tar:
        assert tar.getnames()[0] == "00000000.source.jpg"
    there = p2p.data.load(str(folder), "train", size=24)
    assert np.abs(pairs[3][1].astype(int) - there[3][1]).mean() < 4
