"""Datasets fetched from real servers on the loopback, and through the real kagglehub."""

from __future__ import annotations

import dataclasses
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from http_server import Answer, Server, serve

from p2p_lib.cli import main
from p2p_lib.data.catalog import CATALOG, Archive, Dataset, Kaggle
from p2p_lib.data.download import Patience
from p2p_lib.data.get import describe, get
from p2p_lib.errors import DataError

HASTE = Patience(connect=2, read=0.5, retries=1, backoff=0.001)
FACADES = {"facades/train/1.jpg": b"one", "facades/val/2.jpg": b"two", "facades/test/3.jpg": b"three"}
HERE = {name.removeprefix("facades/"): data for name, data in FACADES.items()}


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


@pytest.fixture(autouse=True)
def nobody(tmp_path, monkeypatch) -> None:
    """No proxy, and nobody signed in at Kaggle."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "kaggle"))
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mirrors(monkeypatch) -> Callable[..., Dataset]:
    """``mirrors("facades", ...)``: the row, with these mirrors in place of the true ones."""

    def change(name: str, *to: Archive | Kaggle) -> Dataset:
        monkeypatch.setitem(CATALOG, name, dataclasses.replace(CATALOG[name], mirrors=to))
        return CATALOG[name]

    return change


@pytest.fixture
def kaggle(monkeypatch) -> Callable[[Server], None]:
    """``kaggle(server)``: a server that kagglehub takes for Kaggle's."""
    kaggle_env = pytest.importorskip("kagglesdk.kaggle_env", reason="this kagglehub has no server to set")

    def answer(server: Server) -> None:
        monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.TEST, server.url("").rstrip("/"))

    return answer


def archive(server: Server) -> Archive:
    return Archive(server.url("/datasets/facades.tar.gz"))


def test_from_the_first_mirror_that_works(tmp_path, mirrors):
    with serve(Answer(status=404)) as dead, serve(Answer(packed(FACADES))) as server:
        mirrors("facades", archive(dead), archive(server))
        home = get("facades", progress=False, patience=HASTE)
        assert home == Path("datasets/facades")
        assert content(home) == HERE
        assert left(home.parent) == ["facades"]
        assert get("facades") == home  # not asked for again
        assert (len(dead.requests), len(server.requests)) == (1, 1)


def test_the_folder_is_the_readers_choice(tmp_path, mirrors, monkeypatch):
    with serve(Answer(packed(FACADES))) as server:
        mirrors("facades", archive(server))
        assert content(get("facades", folder=tmp_path / "mine", progress=False)) == HERE
        monkeypatch.setenv("P2P_DATA", str(tmp_path))
        assert get("facades", progress=False) == tmp_path / "facades"


def test_all_mirrors_dead(mirrors):
    with serve(Answer(status=404)) as gone, serve(Answer(b"<html><title>Down</title>")) as page:
        row = mirrors("facades", archive(gone), archive(page), Kaggle("nothing", files=("train.zip",)))
        with pytest.raises(DataError) as caught:
            get("facades", progress=False, patience=HASTE)
        message = str(caught.value)
        assert "from any of its 3 mirrors" in message
        assert f"{gone.url('/datasets/facades.tar.gz')} cannot be fetched: the server answered 404 Not Found." in message
        assert 'gave a web page ("Down") in place of facades.tar.gz' in message
        assert "https://www.kaggle.com/competitions/nothing/rules" in message
        assert f"Put it there by hand ({row.home}): datasets/facades with {row.layout}." in message
    assert left(Path("datasets")) == []


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (FACADES | {"../evil": b"evil"}, "a path out of its folder"),
        ({"maps/train/1.jpg": b"", "maps/2.jpg": b""}, "it holds no folder with train and val; it must have been rearranged"),
    ],
)
def test_an_archive_that_is_not_what_it_should_be_leaves_nothing(mirrors, files, reason):
    with serve(Answer(packed(files))) as server:
        mirrors("facades", archive(server))
        with pytest.raises(DataError, match=reason):
            get("facades", progress=False, patience=HASTE)
    assert left(Path("datasets")) == []


def test_a_broken_download_is_continued_the_next_time(mirrors):
    data = packed(FACADES | {"facades/train/4.jpg": Path(__file__).read_bytes() * 3})
    with serve(Answer(data, cut=len(data) // 2), Answer(status=403), Answer(data)) as server:
        mirrors("facades", archive(server))
        with pytest.raises(DataError, match="403"):
            get("facades", progress=False, patience=HASTE)
        assert len(content(get("facades", progress=False))) == 4
        assert server.requests[2]["Range"] == f"bytes={len(data) // 2}-"
    assert left(Path("datasets")) == ["facades"]


def test_an_archive_that_the_reader_has_is_taken_and_kept(mirrors):
    mirrors("facades", Archive("http://127.0.0.1:9/facades.tar.gz"))
    Path("datasets").mkdir()
    Path("datasets/facades.tar.gz").write_bytes(packed(FACADES))
    assert content(get("facades", progress=False)) == HERE
    assert left(Path("datasets")) == ["facades", "facades.tar.gz"]


def test_something_else_in_its_place_is_left_alone(mirrors):
    Path("datasets/facades/train").mkdir(parents=True)
    with pytest.raises(DataError, match="datasets/facades is there, but holds no val; move it away, or complete it: train/"):
        get("facades")
    Path("datasets/faces/source").mkdir(parents=True)  # the layout of a reader's own pairs will do as well
    assert get("faces") == Path("datasets/faces")


def test_an_empty_folder_is_no_dataset(mirrors):
    Path("datasets/facades").mkdir(parents=True)
    with serve(Answer(packed(FACADES))) as server:
        mirrors("facades", archive(server))
        assert content(get("facades", progress=False)) == HERE


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("edges2cars", "nothing to download for edges2cars: it is made from the dataset carvana"),
        ("anime", "made from frames of a video of your own by data_scripts/prepare_anime.py, or put it there by hand"),
        ("facade", "There is no dataset 'facade' in the catalog. Did you mean 'facades'?"),
    ],
)
def test_what_cannot_be_downloaded(name, reason):
    with pytest.raises(DataError, match=reason):
        get(name)


def keep(handle: str, files: dict[str, bytes]) -> None:
    """Put a dataset where kagglehub keeps what it has downloaded."""
    from kagglehub.cache import Cache
    from kagglehub.handle import parse_dataset_handle

    parsed = parse_dataset_handle(handle)
    for name, data in files.items():
        path = Path(Cache().get_path(parsed)) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    Cache().mark_as_complete(parsed)


def test_one_of_several_datasets_that_kagglehub_has(tmp_path, mirrors):
    others = {"maps/maps/train/1.jpg": b"", "maps/maps/val/2.jpg": b""}
    keep("someone/pix2pix/versions/1", {f"facades/{name}": data for name, data in FACADES.items()} | others)
    mirrors("facades", Kaggle("someone/pix2pix/versions/1", folder="facades"))
    mirrors("edges2shoes", Kaggle("someone/pix2pix/versions/1", folder="edges2shoes"))
    assert content(get("facades")) == HERE
    assert set(HERE.values()) <= set(content(tmp_path / "kagglehub").values())  # its copy is left to it
    with pytest.raises(DataError, match="it holds no folder edges2shoes with train and val"):
        get("edges2shoes")
    assert left(Path("datasets")) == ["facades"]


def test_a_painter_of_the_paintings(mirrors):
    keep("someone/art/versions/1", {"images/images/Claude_Monet/1.jpg": b"1", "resized/resized/Claude_Monet_1.jpg": b"2"})
    mirrors("monet", Kaggle("someone/art/versions/1", folder="Claude_Monet"))
    mirrors("paintings", Kaggle("someone/art/versions/1"))
    assert content(get("monet")) == {"1.jpg": b"1"}
    assert content(get("paintings")) == {"Claude_Monet/1.jpg": b"1"}


def test_the_archives_of_a_competition():
    from kagglehub.cache import Cache
    from kagglehub.handle import parse_competition_handle

    handle = parse_competition_handle("carvana-image-masking-challenge")
    photo, mask = "0a_01.jpg", "0a_01_mask.gif"
    for file, inside in (("train.zip", f"train/{photo}"), ("train_masks.zip", f"train_masks/{mask}")):
        path = Path(Cache().get_path(handle, file))
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as zipped:
            zipped.writestr(inside, b"picture")
        Cache().mark_as_complete(handle, file)
    assert content(get("carvana", progress=False)) == {f"train/{photo}": b"picture", f"train_masks/{mask}": b"picture"}
    assert left(Path("datasets")) == ["carvana"]


def test_kaggle_and_nobody_signed_in():
    with pytest.raises(DataError, match=r"put an API token .* into ~/.kaggle/, and accept the rules on https://.*challenge/rules"):
        get("carvana")


@pytest.mark.parametrize(
    ("status", "sentence"), [(404, "no such dataset"), (403, "put an API token"), (500, "kagglehub reports: 5")]
)
def test_kaggle_refuses(mirrors, kaggle, status, sentence):
    mirrors("facades", Kaggle("someone/pix2pix", folder="facades"))
    with serve(Answer(b"{}", status=status, headers={"Content-Type": "application/json"})) as server:
        kaggle(server)
        with pytest.raises(DataError, match=sentence) as caught:
            get("facades")
        assert server.requests
    assert "\n" not in str(caught.value)


def test_the_table(tmp_path, mirrors, capsys):
    Path("datasets/maps").mkdir(parents=True)
    lines = {line.split()[0]: line for line in describe().splitlines() if line}
    assert set(CATALOG) < set(lines)
    assert lines["maps"].split()[1:4] == ["yes", "250", "MB"]
    assert lines["facades"].split()[1] == "no"
    assert lines["facades"].endswith("efrosgans.eecs.berkeley.edu, Kaggle")
    assert lines["anime"].endswith("(no download)")
    assert main(["data", "list"]) == 0
    assert capsys.readouterr().out.strip() == describe()


def test_the_command(mirrors, capsys):
    with serve(Answer(packed(FACADES))) as server:
        mirrors("facades", archive(server))
        assert main(["data", "get", "facades"]) == 0
    assert capsys.readouterr().out == "facades is in datasets/facades.\n"
    assert main(["data", "get", "facade"]) == 2
    assert "Did you mean 'facades'?" in capsys.readouterr().err
