"""Downloads from a real server that truncates, stalls, redirects, refuses, changes the file and serves pages."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import python_path
from http_server import Answer, Server, serve

from p2p_lib.data.download import Patience, download
from p2p_lib.errors import DownloadError

BODY = random.Random(0).randbytes(500_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
HASTE = Patience(connect=2, read=0.2, retries=3, backoff=0.001, longest_wait=2)
PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def fetch(server: Server, folder: Path, **options: object) -> Path:
    return download(server.url(), folder / "file.tar.gz", progress=False, **{"patience": HASTE} | options)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def ranges(server: Server) -> list[str | None]:
    return [request.get("Range") for request in server.requests]


def test_a_file(tmp_path):
    with serve(Answer(BODY)) as server:
        path = fetch(server, tmp_path / "new" / "folder", sha256=SHA256, size=len(BODY))
    assert path.read_bytes() == BODY
    assert list(path.parent.iterdir()) == [path]  # no part, no lock


def test_a_file_that_is_there_is_not_fetched_again(tmp_path):
    with serve(Answer(BODY)) as server:
        fetch(server, tmp_path)
        fetch(server, tmp_path, sha256=SHA256)
        assert len(server.requests) == 1
        (tmp_path / "file.tar.gz").write_bytes(b"something else")
        assert fetch(server, tmp_path, sha256=SHA256).read_bytes() == BODY


def test_a_truncated_file_is_continued(tmp_path):
    with serve(Answer(BODY, cut=300_000), Answer(BODY, cut=100_000), Answer(BODY)) as server:
        assert fetch(server, tmp_path).read_bytes() == BODY
    assert ranges(server) == [None, "bytes=300000-", "bytes=400000-"]
    assert server.requests[1]["If-Range"] == '"one"'


def test_a_server_that_always_cuts_is_left_only_when_nothing_new_comes(tmp_path):
    with serve(Answer(BODY, cut=70_000)) as server:  # eight pieces, and only three retries
        assert fetch(server, tmp_path, sha256=SHA256).read_bytes() == BODY
    with serve(Answer(BODY, cut=70_000, ranges=False)) as server:
        with pytest.raises(DownloadError, match="the connection broke off .*; try again later"):
            fetch(server, tmp_path / "2")
        assert len(server.requests) == 1 + HASTE.retries
    assert left(tmp_path / "2") == ["file.tar.gz.part", "file.tar.gz.part.json"]  # to be continued


def test_a_server_that_falls_silent(tmp_path):
    with serve(Answer(BODY, cut=200_000, stall=0.6), Answer(BODY)) as server:
        assert fetch(server, tmp_path, sha256=SHA256).read_bytes() == BODY
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_trouble(tmp_path, status):
    with serve(Answer(status=status), Answer(status=status), Answer(BODY)) as server:
        assert fetch(server, tmp_path).read_bytes() == BODY
        assert len(server.requests) == 3
    with serve(Answer(status=status)) as server:
        with pytest.raises(DownloadError, match=f"the server answered {status} .*; try again later"):
            fetch(server, tmp_path / "2")
        assert len(server.requests) == 1 + HASTE.retries
    assert left(tmp_path / "2") == []


def test_retry_after_is_honoured_within_reason(tmp_path):
    with serve(Answer(status=429, headers={"Retry-After": "1"}), Answer(BODY)) as server:
        start = time.monotonic()
        fetch(server, tmp_path)
        assert time.monotonic() - start >= 1
    with serve(Answer(status=503, headers={"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"})) as server:
        with pytest.raises(DownloadError, match="503 Service Unavailable and asked to wait"):
            fetch(server, tmp_path / "2")
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [403, 404, 410])
def test_lasting_trouble_is_not_tried_again(tmp_path, status):
    with serve(Answer(status=status)) as server:
        with pytest.raises(DownloadError, match=f"cannot be fetched: the server answered {status} [A-Z]"):
            fetch(server, tmp_path)
        assert len(server.requests) == 1
    assert left(tmp_path) == []


def test_redirects(tmp_path):
    with serve(Answer(BODY)) as other, serve(Answer(status=302, headers={"Location": other.url("/elsewhere")})) as server:
        assert fetch(server, tmp_path).read_bytes() == BODY
        assert other.requests[0]["path"] == "/elsewhere"
    with serve(Answer(status=302, headers={"Location": "/"})) as server, pytest.raises(DownloadError, match="redirects"):
        fetch(server, tmp_path / "2")


def test_a_file_that_changes_between_ranges_starts_anew(tmp_path):
    other = BODY[::-1]
    with serve(Answer(BODY, cut=300_000), Answer(other, etag='"two"')) as server:
        assert fetch(server, tmp_path).read_bytes() == other


def test_a_changed_file_from_a_server_that_ignores_if_range(tmp_path):
    """It answers 206 with the new file's bytes; its ETag gives it away."""
    body = BODY[::-1]
    at = {"Content-Range": f"bytes 294912-{len(body) - 1}/{len(body)}"}  # where nine chunks end
    wrong = Answer(body[294_912:], status=206, etag='"two"', headers=at)
    with serve(Answer(BODY, cut=294_912), wrong, Answer(body, etag='"two"')) as server:
        assert fetch(server, tmp_path).read_bytes() == body
    assert ranges(server) == [None, "bytes=294912-", None]


@pytest.mark.parametrize("changes", [{"ranges": False}, {"etag": None}, {"etag": 'W/"weak"'}, {"length": False}])
def test_servers_that_offer_less(tmp_path, changes):
    """No ranges, no version or only a weak one, no length: the file is whole all the same."""
    with serve(Answer(BODY, cut=300_000, **changes | {"length": True}), Answer(BODY, **changes)) as server:
        assert fetch(server, tmp_path).read_bytes() == BODY
        assert (ranges(server)[1] is not None) == (changes in ({"ranges": False}, {"length": False}))  # who has a strong version


def test_what_arrived_is_not_unpacked_on_the_way(tmp_path):
    with serve(Answer(BODY, headers={"Content-Encoding": "x-gzip"})) as server:
        assert fetch(server, tmp_path, sha256=SHA256).read_bytes() == BODY
    assert server.requests[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("page", [Answer(PAGE), Answer(b"busy", headers={"Content-Type": "text/html; charset=utf-8"})])
def test_a_web_page_in_place_of_an_archive(tmp_path, page):
    with serve(page) as server, pytest.raises(DownloadError, match="gave a web page.* in place of file.tar.gz"):
        fetch(server, tmp_path)
    assert left(tmp_path) == []


def test_the_title_of_the_page_is_said(tmp_path):
    with serve(Answer(PAGE)) as server:
        with pytest.raises(DownloadError, match=r'a web page \("Sign in"\) in place'):
            fetch(server, tmp_path)
        assert download(server.url(), tmp_path / "page.html", progress=False).read_bytes() == PAGE  # here it was asked for
        with pytest.raises(DownloadError, match="gave a web page that has the sha256"):
            fetch(server, tmp_path, sha256=SHA256)


def test_a_page_does_not_spoil_what_has_arrived(tmp_path):
    with serve(Answer(BODY, cut=300_000), Answer(PAGE, etag=None), Answer(BODY)) as server:
        with pytest.raises(DownloadError, match="a web page"):
            fetch(server, tmp_path)
        assert fetch(server, tmp_path).read_bytes() == BODY
    assert ranges(server) == [None, "bytes=300000-", "bytes=300000-"]


def test_wrong_checksum_and_size(tmp_path):
    with serve(Answer(BODY)) as server:
        with pytest.raises(DownloadError, match=f"gave a file that has the sha256 {SHA256} instead of 00"):
            fetch(server, tmp_path, sha256="00")
        with pytest.raises(DownloadError, match="is 500000 bytes long, and 7 were expected"):
            fetch(server, tmp_path, size=7)
        assert len(server.requests) == 2
    assert left(tmp_path) == []


def test_a_spoilt_part_is_fetched_anew(tmp_path):
    with serve(Answer(BODY, cut=300_000), Answer(status=404), Answer(BODY)) as server:
        with pytest.raises(DownloadError):
            fetch(server, tmp_path)
        with open(tmp_path / "file.tar.gz.part", "r+b") as part:
            part.write(b"spoilt")
        assert fetch(server, tmp_path, sha256=SHA256).read_bytes() == BODY
    assert [bool(asked) for asked in ranges(server)] == [False, True, True, False]


@pytest.mark.parametrize("url", ["no address", "ftp://127.0.0.1/file", "http://"])
def test_what_is_no_address(tmp_path, url):
    with pytest.raises(DownloadError, match="cannot be fetched"):
        download(url, tmp_path / "file", patience=HASTE)


def test_nobody_answers(tmp_path):
    with serve(Answer(BODY)) as server:
        pass
    with pytest.raises(DownloadError, match="could not be fetched: .*refused.*; try again later"):
        fetch(server, tmp_path)


def test_a_file_that_does_not_fit(tmp_path):
    with serve(Answer(b"x", claim=10**18)) as server, pytest.raises(DownloadError, match="does not fit .* make room"):
        fetch(server, tmp_path)
    assert left(tmp_path) == []


PROGRAM = """
import sys
from pathlib import Path
from p2p_lib.data.download import download
download(sys.argv[1], Path(sys.argv[2]), sha256=sys.argv[3], progress=False)
"""


def start(server: Server, target: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, server.url(), target, SHA256], env=python_path())


@pytest.mark.slow
def test_killed_at_60_percent_it_resumes_and_verifies(tmp_path):
    target, part = tmp_path / "file.tar.gz", tmp_path / "file.tar.gz.part"
    with serve(Answer(BODY, pace=0.05), Answer(BODY)) as server:
        process = start(server, target)
        wait_for(lambda: part.exists() and part.stat().st_size >= 0.6 * len(BODY))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        arrived = part.stat().st_size
        assert 0.6 * len(BODY) <= arrived < len(BODY)
        assert not target.exists()
        assert fetch(server, tmp_path, sha256=SHA256).read_bytes() == BODY
        assert ranges(server) == [None, f"bytes={arrived}-"]
    assert list(tmp_path.iterdir()) == [target]


def test_killed_just_before_the_end_asks_for_nothing_more(tmp_path):
    with serve(Answer(BODY, cut=300_000), Answer(status=404), Answer(BODY)) as server:
        with pytest.raises(DownloadError):
            fetch(server, tmp_path)
        (tmp_path / "file.tar.gz.part").write_bytes(BODY)
        assert fetch(server, tmp_path, sha256=SHA256).read_bytes() == BODY
        assert len(server.requests) == 2


@pytest.mark.slow
def test_two_processes_fetch_once(tmp_path, caplog):
    with serve(Answer(BODY, pace=0.1)) as server:
        process = start(server, tmp_path / "file.tar.gz")
        wait_for(lambda: server.requests)
        assert fetch(server, tmp_path, sha256=SHA256).read_bytes() == BODY
        assert process.wait() == 0
        assert len(server.requests) == 1
    assert "Waiting for another process that is fetching file.tar.gz" in caplog.text


def wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
