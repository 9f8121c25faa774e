"""Weights by an address: fetched once, checked and pinned as a name without a checksum is, never taken for another's."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import drive_pages
import numpy as np
import pytest
from drive_pages import ID
from helpers import ROOT
from http_server import Answer, serve
from test_weights import GOOD, OTHER, PAGE, SHA256, both_at_once, left, other_network, own_cache  # noqa: F401 - a fixture

import p2p_lib as p2p
from p2p_lib.checkpoint import load_weights
from p2p_lib.errors import CheckpointError, DownloadError
from p2p_lib.weights import WEIGHTS_FILE, download_folder, fetch_address, find, is_address
from p2p_lib.weights_record import record

FOLDER = "addresses"
OF_DRIVE = [
    f"https://drive.google.com/file/d/{ID}/view?usp=sharing",
    f"https://drive.google.com/file/u/0/d/{ID}/edit",
    f"https://drive.google.com/file/d/{ID}",
    f"https://drive.google.com/uc?id={ID}",
    f"https://drive.google.com/uc?export=download&id={ID}",
    f"https://drive.google.com/open?id={ID}",
    f"https://docs.google.com/uc?export=download&id={ID}",
    f"https://drive.usercontent.google.com/download?id={ID}&export=download&confirm=t",
]


def kept() -> list[str]:
    """What lies in the folder of addresses, but for locks."""
    return left(download_folder() / FOLDER / "any")


def test_fetched_once_then_from_the_cache(caplog):
    with serve(Answer(GOOD)) as server:
        url = server.url("/models/netG%20(1).pth?download=1")
        found = [fetch_address(url), find(url), find(f"{url}#part")]
        assert [request["path"] for request in server.requests] == ["/models/netG%20(1).pth?download=1"]
    assert len(set(found)) == 1
    target = found[0]
    assert target == download_folder() / FOLDER / f"netG201-{hashlib.sha256(url.encode()).hexdigest()[:32]}.bin"
    assert target.read_bytes() == GOOD
    assert record(target).read_text() == f"{SHA256}  {target.name}\n"
    assert kept() == [target.name, record(target).name]
    (said,) = caplog.messages
    assert said.startswith(f"The weights {url} are unverified") and str(record(target)) in said


def test_translates():
    with serve(Answer(GOOD)) as server:
        assert p2p.Translator.load(server.url("/netG.pth")).side == 512


def test_translates_with_weights_of_the_course():
    bundled = ROOT / "weights" / "facades-tiny.safetensors"
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    with serve(Answer(bundled.read_bytes())) as server:
        model = p2p.Translator.load(server.url("/facades-tiny.safetensors"))
    np.testing.assert_array_equal(model(picture), p2p.Translator.load(bundled)(picture))


def test_every_address_has_a_file_of_its_own():
    """Also where only the query, or the capitals, differ."""
    with serve(Answer(GOOD)) as server:
        urls = [server.url(path) for path in ("/a/netG.pth", "/b/netG.pth", "/a/netg.pth", "/a/netG.pth?v=2", "/", "/%2e%2e/..")]
        assert len({str(fetch_address(url)).lower() for url in urls}) == len(urls)
        assert all(fetch_address(url).parent == download_folder() / FOLDER for url in urls)
        assert len(server.requests) == len(urls)


@pytest.mark.parametrize("url", OF_DRIVE)
def test_every_link_of_drive_is_the_same_file(url, monkeypatch):
    with serve(drive_pages.file(GOOD)) as server:
        drive_pages.lead_to(server, monkeypatch)
        target = fetch_address(url)
        assert [request["path"] for request in server.requests] == [f"/drive.google.com/uc?id={ID}"]
        assert fetch_address(OF_DRIVE[0]) == target
        assert len(server.requests) == 1
    assert target.read_bytes() == GOOD
    assert re.fullmatch(r"drive-[0-9a-f]{32}\.bin", target.name)


@pytest.mark.parametrize(
    "url",
    [
        "https://drive.google.com/drive/folders/1RILKwUdjjBBngB17JHwhZNBEaW4Mr-Ml",
        f"https://docs.google.com/document/d/{ID}/edit",
        "https://drive.google.com/uc?export=download",
        "https://drive.google.com/uc?id=../x",
        f"https://drive.google.com/other?id={ID}",
        "https://drive.google.com/",
    ],
)
def test_what_is_no_file_of_drive(url):
    with pytest.raises(DownloadError, match=f"^{re.escape(url)} is no file of Google Drive; give the link of a single file"):
        fetch_address(url)


@pytest.mark.parametrize("url", ["http://[", "http://", "https://:7/"])
def test_what_is_no_address(url):
    with pytest.raises(DownloadError):
        fetch_address(url)


def test_another_file_is_refused_from_then_on():
    with serve(Answer(GOOD), Answer(OTHER, etag='"two"')) as server:
        target = fetch_address(server.url("/netG.pth"))
        target.write_bytes(OTHER)
        with pytest.raises(CheckpointError, match=f"not the file that was here before .* instead of {SHA256}"):
            find(server.url("/netG.pth"))
        target.unlink()
        with pytest.raises(DownloadError, match=f"another file than the first time: .* delete {record(target)}; if not"):
            find(server.url("/netG.pth"))
    assert kept() == [record(target).name]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(PAGE), r'gave a web page \("Service unavailable"\)'),
        (Answer(GOOD[:-2000]), "did not give the file that was expected"),
        (Answer(other_network()), "did not give the file that was expected: The weights .* are of no network that is known"),
        (Answer(b"gone", status=404), "the server answered 404"),
        (Answer(GOOD, cut=300_000, ranges=False), "the connection broke off .*; try again later"),
    ],
)
def test_nothing_wrong_is_kept(answer, reason):
    with serve(answer) as server:
        url = server.url("/netG.pth")
        with pytest.raises(
            DownloadError, match=f"^The weights {url} could not be fetched. .*{reason}.* Or get {url} .* save it as .*$"
        ):
            fetch_address(url)
    assert not [name for name in kept() if not name.endswith((".part", ".part.json"))]


def test_drive_says_what_to_do(monkeypatch):
    with serve(drive_pages.QUOTA) as server:
        drive_pages.lead_to(server, monkeypatch)
        with pytest.raises(
            DownloadError, match=f"quota.* Or get https://drive.google.com/file/d/{ID}/view with a browser and save"
        ):
            fetch_address(OF_DRIVE[3])


def test_two_at_once_fetch_it_once():
    with serve(Answer(GOOD, pace=0.03)) as server:
        url = server.url("/netG.pth")
        assert len(set(both_at_once(lambda: fetch_address(url)))) == 1
        assert len(server.requests) == 1


def test_a_file_put_there_by_hand(caplog):
    """Where the sentence of the failure said; the address is not asked again."""
    with pytest.raises(DownloadError) as caught:
        fetch_address("http://127.0.0.1:1/netG.pth")
    target = Path(re.search(r"save it as (.*)\.$", str(caught.value))[1])
    target.write_bytes(GOOD)
    assert fetch_address("http://127.0.0.1:1/netG.pth") == target
    assert record(target).read_text().startswith(SHA256)
    assert len(caplog.messages) == 1


def test_weights_of_this_course(finished_run):
    content = (finished_run.out / WEIGHTS_FILE).read_bytes()
    with serve(Answer(content)) as server:
        target = fetch_address(server.url("/weights.safetensors"))
    weights, facts = load_weights(target)
    assert facts["config"]["name"] == "facades"
    assert all(np.array_equal(value, load_weights(finished_run.out / WEIGHTS_FILE)[0][key]) for key, value in weights.items())


def test_what_is_an_address():
    assert all(map(is_address, ["http://a/b", "https://a", "HTTPS://A/b"]))
    assert not any(map(is_address, ["facades", "http.pth", "ftp://a/b", "file:///etc/passwd", "drive:x", Path("https://a/b")]))
