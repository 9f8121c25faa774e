"""Weights from Google Drive, through the real gdown: 6 here, 5.2.2 by `make test-gdown5`; Drive is a server on the loopback."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path

import drive_pages
import pytest
import torch
from drive_pages import ID, file
from http_server import Answer, Server, serve
from test_foreign import thin_weights
from test_weights import GOOD, NAME, OTHER, SHA256, both_at_once, left, own_cache, registered, weights_file  # noqa: F401 - fixtures

import p2p_lib as p2p
from p2p_lib import weights
from p2p_lib.errors import DownloadError
from p2p_lib.weights import find
from p2p_lib.weights_record import record

BIG = weights_file(2**21)  # gdown writes in pieces of 512 KiB
MAJOR = os.environ.get("GDOWN_MAJOR")
"""Set by `make test-gdown5`, which wants to be sure of testing that one."""


@pytest.fixture
def drive(registered, monkeypatch) -> Callable[..., Path]:  # noqa: F811
    """``drive(server, size=1)``: a registry with Anime2Sketch on Drive, which is that server; where its file belongs."""

    def register(server: Server | str, **fields: object) -> Path:
        drive_pages.lead_to(server, monkeypatch)
        return registered(f"drive:{ID}", **fields)

    return register


def paths(server: Server) -> list[str]:
    return [request["path"].partition("?")[0] for request in server.requests]


def test_the_major_that_was_asked_for():
    import gdown

    assert gdown.__version__.startswith(f"{MAJOR}." if MAJOR else ("5.", "6."))


def test_a_file(drive, caplog):
    with serve(file(GOOD)) as server:
        target = drive(server)
        assert find(NAME) == find(NAME) == target
        assert [request["path"] for request in server.requests] == [f"/drive.google.com/uc?id={ID}"]
    assert target.read_bytes() == GOOD
    assert left(target) == [target.name, record(target).name]
    assert record(target).read_text() == f"{SHA256}  anime2sketch.pth\n"
    assert len(caplog.messages) == 1 and "unverified" in caplog.messages[0]
    assert p2p.Translator.load(NAME).side == 512


def test_a_large_file_that_drive_does_not_scan(drive):
    with serve(drive_pages.SCAN, file(GOOD)) as server:
        drive(server)
        assert find(NAME).read_bytes() == GOOD
        assert "confirm=t" in server.requests[1]["path"] and f"id={ID}" in server.requests[1]["path"]
        assert paths(server) == ["/drive.google.com/uc", "/drive.usercontent.google.com/download"]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([drive_pages.QUOTA], "quota for it is used up; it comes back within 24 hours"),
        ([drive_pages.SCAN, drive_pages.QUOTA], "quota for it is used up"),
        ([drive_pages.TO_LOGIN, drive_pages.SIGN_IN] * 2, "not shared with everyone; ask its owner for access"),
        ([drive_pages.NEED_ACCESS], "not shared with everyone"),
        ([drive_pages.DELETED], "no such file any more, its owner has deleted or moved it"),
        ([drive_pages.IN_TRASH], "no such file any more"),
        ([drive_pages.ROBOT], "takes this network for a robot that asks too often; try again later, or from another network"),
        ([drive_pages.TROUBLE], r"out of order \(it answers 503\); try again later"),
        ([drive_pages.PLAIN], 'shows the page "Something new" in place of the file; look at it in a browser'),
        ([file(drive_pages.PLAIN.body)], "did not give the file that was expected: what came is a web page"),
        ([file(GOOD[:-2000])], "did not give the file that was expected: what came is damaged"),
        ([file(b"")], "did not give the file that was expected"),
        ([file(GOOD, cut=300_000)], "the connection broke off|gdown reports: Download is incomplete"),
        ([file(b"odd", status=503)], "the server reports: 503|did not give the file that was expected"),  # gdown 6, gdown 5
        ([drive_pages.page("Error 500", "", status=500)], r"out of order \(it answers 500\)"),
    ],
)
def test_every_refusal_is_one_sentence_that_says_what_to_do(drive, answers, reason):
    with serve(*answers) as server:
        target = drive(server)
        page = f"https://drive.google.com/file/d/{ID}/view"
        with pytest.raises(DownloadError) as caught:
            find(NAME)
    assert caught.match(f"^The weights {NAME} could not be fetched. {page}.*({reason}).*[.] Or get {page} .* save it as {target}.$")
    assert "\n" not in str(caught.value)
    assert left(target) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"sha256": SHA256}, f"changed, damaged or cut short: its sha256 is [0-9a-f]{{64}} instead of {SHA256}"),
        ({"size": 7}, f"changed, damaged or cut short: it has {len(OTHER):,} bytes instead of 7"),
    ],
)
def test_a_file_that_is_not_the_registered_one(drive, fields, reason):
    with serve(file(OTHER)) as server:
        target = drive(server, **fields)
        with pytest.raises(DownloadError, match=reason):
            find(NAME)
    assert left(target) == []


def test_a_file_that_was_deleted_has_to_come_back_the_same(drive):
    with serve(file(GOOD), file(OTHER)) as server:
        target = drive(server)
        find(NAME)
        target.unlink()
        with pytest.raises(DownloadError, match=f"another file than the first time: .* delete {record(target)}; if not"):
            find(NAME)
    assert left(target) == [record(target).name]


def test_no_network(drive):
    target = drive("http://127.0.0.1:1")
    with pytest.raises(DownloadError, match="view: Google Drive cannot be reached; check the connection and try again. Or get"):
        find(NAME)
    assert left(target) == []


def test_full_disk(drive, disk_full_after):
    with serve(file(BIG)) as server, disk_full_after(700_000):
        target = drive(server)
        with pytest.raises(DownloadError, match=r"the disk of .* is full \(File too large\); make room, or set P2P_CACHE"):
            find(NAME)
    assert left(target) == []


def test_no_room_is_noticed_before_the_start(drive):
    with serve(file(GOOD)) as server:
        drive(server, megabytes=10**12)
        with pytest.raises(DownloadError, match=r"no room in .*: 1,000,000,000,000 MB are missing"):
            find(NAME)
        assert not server.requests


def test_two_at_once_fetch_it_once(drive):
    with serve(file(GOOD, pace=0.03)) as server:
        target = drive(server)
        assert both_at_once(lambda: find(NAME)) == [target, target]
        assert len(server.requests) == 1


def test_a_transfer_that_breaks_off_is_gone_on_with(drive):
    with serve(file(BIG, cut=1_300_000), file(BIG)) as server:
        target = drive(server)
        assert find(NAME).read_bytes() == BIG
        asked = [request["Range"] for request in server.requests if "Range" in request]
    assert asked == ["bytes=1048576-"]
    assert left(target) == [target.name, record(target).name]


def test_what_had_arrived_is_gone_on_with_the_next_time(drive):
    """Drive's quota is used up in the middle; a day later the rest comes."""
    with serve(file(BIG, cut=1_300_000), drive_pages.QUOTA) as server:
        target = drive(server)
        with pytest.raises(DownloadError, match="quota"):
            find(NAME)
        assert not target.exists()
        server.answers[:] = [file(BIG)]
        assert find(NAME).read_bytes() == BIG
        assert server.requests[-1]["Range"] == "bytes=1048576-"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
def test_interrupted_and_gone_on_with(drive):
    """Ctrl-C in a notebook, which keeps the traceback, and with it whatever gdown had open."""
    with serve(file(BIG, pace=0.02)) as server:
        target = drive(server)
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.4)
        try:
            with pytest.raises(KeyboardInterrupt) as kept:
                find(NAME)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert not target.exists()
        server.answers[:] = [file(BIG)]
        assert find(NAME) == target
        assert "Range" in server.requests[-1]
    del kept
    assert target.read_bytes() == BIG


def test_a_server_that_cannot_go_on_is_asked_for_the_whole(drive):
    """gdown 5 puts the whole file, or a page, behind the part that was there, and 6 refuses; neither is the end."""
    with serve(file(BIG, cut=1_300_000, ranges=False), file(BIG, ranges=False)) as server:
        drive(server)
        assert find(NAME).read_bytes() == BIG


def test_a_page_in_place_of_the_rest_is_no_part_of_the_file(drive):
    """In the old format of `torch.save`, which has no checksums of its own, and whose end nobody would miss."""
    buffer = io.BytesIO()
    values = torch.rand(2**19, generator=torch.Generator().manual_seed(0))
    torch.save(thin_weights() | {"model.model.3.bias": values[:1]}, buffer, _use_new_zipfile_serialization=False)
    old = buffer.getvalue()
    with serve(file(old, cut=1_300_000), file(old), drive_pages.DELETED, file(old)) as server:
        drive(server)
        assert find(NAME).read_bytes() == old


def test_the_next_source_is_tried(drive, registered, caplog):  # noqa: F811
    with serve(drive_pages.QUOTA) as server, serve(Answer(GOOD)) as mirror:
        drive(server)
        registered(f"drive:{ID}", mirror.url("/netG.pth"))
        assert find(NAME).read_bytes() == GOOD
    assert "quota" in caplog.messages[0] and caplog.messages[0].endswith("The next source is tried.")


def test_no_answer_in_time(drive, monkeypatch):
    """gdown 5 cannot be told how long to wait."""
    import inspect

    import gdown

    from p2p_lib.data import drive as module

    if "timeout" not in inspect.signature(gdown.download).parameters:
        pytest.skip("this gdown waits as long as the system does")
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    with serve(file(GOOD, cut=1000, stall=1)) as server:
        drive(server)
        with pytest.raises(DownloadError, match="Google Drive cannot be reached"):
            find(NAME)
    assert weights.download_folder().is_dir()
