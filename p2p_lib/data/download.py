"""Files from the web: resumed where they broke off, checked, and in place only when they are whole.

``requests`` carries the bytes and ``filelock`` keeps two processes from fetching the same file. What is added here is what a large
file from an overloaded server needs: the part that has arrived is kept as ``NAME.part`` beside the target and continued, also by
the next process (HTTP ranges, RFC 9110 section 14; ``If-Range`` makes sure that it is still the same file).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import math
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from p2p_lib.errors import DownloadError
from p2p_lib.files import atomic_write_text

if TYPE_CHECKING:
    import requests

CHUNK = 1 << 15  # what is lost at most when a connection ends
PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers that may be different in a minute
log = logging.getLogger("p2p_lib")


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds, and how often to try again.

    `retries` counts attempts in a row that bring nothing new; the wait before the first is `backoff`, and doubles with each.
    A server that asks for more (Retry-After) is given up to `longest_wait`. `read` is the longest silence in mid-transfer.
    """

    connect: float = 10
    read: float = 30
    retries: int = 4
    backoff: float = 1
    longest_wait: float = 60


class _BrokenOffError(Exception):
    """The transfer broke off, or the server asked to come back later."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    progress: bool = True,
    patience: Patience | None = None,
) -> Path:
    """Fetch `url` (http or https) to the file `target`, unless that is there already; returns `target`.

    A file that is there is kept if it has the `size` in bytes and the `sha256` that were asked for. Another process that fetches
    the same target is waited for. DownloadError says in a sentence why there is no file; what has arrived stays beside it as
    ``NAME.part`` and is continued the next time, unless it turned out to be wrong.
    """
    target = Path(target)
    with only_one(target):
        if target.is_file() and _fault(target, sha256, size) is None:
            return target
        part = _Part(target, url)
        resumed = _fetch(part, size, patience or Patience(), progress, pages=sha256 is None and not _is_page(target))
        fault = _fault(part.path, sha256, size)
        if fault and resumed:  # the piece of an earlier attempt may be what is wrong: once more, from the start
            part.forget()
            _fetch(part, size, patience or Patience(), progress, pages=False)
            fault = _fault(part.path, sha256, size)
        if fault:
            page = _begins_as_page(part.path)
            part.forget()
            raise DownloadError(f"{url} gave {'a web page' if page else 'a file'} that {fault}; it was changed or damaged.")
        os.replace(part.path, target)
        part.forget()
    return target


@contextlib.contextmanager
def only_one(target: Path) -> Iterator[None]:
    """Let one process at a time make `target`, a file or a folder; the others wait, and should then look whether it is there.

    The lock is released by the system when its process ends, however it ends.
    """
    from filelock import FileLock, Timeout

    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("Waiting for another process that is fetching %s.", target.name)
        lock.acquire()
    try:
        yield
        with contextlib.suppress(OSError):  # only after a success: whoever waits on this file finds the target made
            os.unlink(lock.lock_file)
    finally:
        lock.release()


class _Part:
    """The file ``NAME.part`` with what has arrived, and ``NAME.part.json``, which says of which version of which address."""

    def __init__(self, target: Path, url: str) -> None:
        self.url = url
        self.name = target.name
        self.path = target.with_name(f"{target.name}.part")
        self._facts = target.with_name(f"{target.name}.part.json")

    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def known(self) -> tuple[str | None, int | None]:
        """The version (ETag or date) and the full size of the file that the part belongs to; (None, None) if it is of no use."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            facts = json.loads(self._facts.read_text())
            if facts["url"] == self.url:
                return facts["version"], facts["total"]
        return None, None

    def begin(self, version: str | None, total: int | None) -> None:
        """Start anew, with a file of this version and size."""
        self.forget()
        atomic_write_text(self._facts, json.dumps({"url": self.url, "version": version, "total": total}))

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)


def _fetch(part: _Part, size: int | None, patience: Patience, progress: bool, pages: bool) -> bool:
    """Bring the part to its full length; returns whether it was put together from several transfers.

    `pages`: a web page is refused, since something else was expected.
    """
    transfers = failures = 0
    furthest = part.size()
    while True:
        resumed = transfers > 0 or part.size() > 0
        try:
            _transfer(part, size, patience, progress, pages)
            return resumed
        except _BrokenOffError as error:
            transfers += 1
            failures = 1 if part.size() > furthest else failures + 1
            furthest = max(furthest, part.size())
            if failures > patience.retries or error.wait > patience.longest_wait:
                raise DownloadError(f"{part.url} could not be fetched: {error}; try again later.") from error
            wait = max(error.wait, patience.backoff * 2 ** (failures - 1))
            log.warning("%s: %s; trying again in %.0f s.", part.name, error, wait)
            time.sleep(wait)


def _transfer(part: _Part, size: int | None, patience: Patience, progress: bool, pages: bool) -> None:
    """One request, from where the part ends; _BrokenOffError where another attempt may help, DownloadError where it would not."""
    version, total = part.known()
    have = part.size() if version and (total is None or part.size() <= total) else 0
    if have and have == total:
        return
    headers = {"Accept-Encoding": "identity"}  # else a server may pack the file once more, and lengths mean something else
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    with _open(part.url, headers, patience) as response:
        start, total = _accept(response, part, have, version)
        stream = _chunks(response)
        first = next(stream, b"")
        if pages and start == 0 and _looks_like_page(response.headers.get("Content-Type", ""), first):
            raise DownloadError(f"{part.url} gave a web page{_title(first)} in place of {part.name}; open it in a browser.")
        if size is not None and total not in (None, size):
            raise DownloadError(f"{part.url} is {total} bytes long, and {size} were expected; it was changed or damaged.")
        _check_space(part, (total or 0) - start)
        if start == 0:
            part.begin(_version(response), total)
        with open(part.path, "ab") as file, _bar(part.name, start, total, progress) as bar:
            for chunk in [first], stream:
                for data in chunk:
                    file.write(data)
                    bar.update(len(data))
    if total is not None and part.size() < total:
        raise _BrokenOffError(f"the connection ended after {part.size()} of {total} bytes")


@contextlib.contextmanager
def _open(url: str, headers: dict[str, str], patience: Patience) -> Iterator[requests.Response]:
    """The answer to a GET, redirects followed; its errors sorted into those that pass and those that do not."""
    import requests

    try:
        response = requests.get(url, headers=headers, stream=True, timeout=(patience.connect, patience.read))
    except requests.exceptions.SSLError as error:
        raise DownloadError(f"{url} has no valid certificate ({reason_of(error)}).") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise _BrokenOffError(reason_of(error)) from error
    except (requests.RequestException, ValueError) as error:  # not an address, or redirects without end
        raise DownloadError(f"{url} cannot be fetched: {reason_of(error)}.") from error
    with response:
        yield response


def _accept(response: requests.Response, part: _Part, have: int, version: str | None) -> tuple[int, int | None]:
    """Where the body of an answer begins, and how long the whole file is; raises where there is no body to take."""
    status = f"{response.status_code} {response.reason}".strip()
    if response.status_code in PASSING:
        wait = _retry_after(response)
        raise _BrokenOffError(f"the server answered {status}" + (f" and asked to wait {wait:.0f} s" if wait else ""), wait)
    if response.status_code == 206 and have:
        begins, total = _content_range(response)
        if begins == have and _version(response) in (None, version):
            return have, total
        part.forget()
        raise _BrokenOffError("the file changed in the meantime, so it is fetched anew")
    if response.status_code == 416:
        part.forget()
        raise _BrokenOffError("the server has nothing to add to the part that was here, so the file is fetched anew")
    if response.status_code != 200:
        raise DownloadError(f"{part.url} cannot be fetched: the server answered {status}.")
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """First byte and full size, from ``Content-Range: bytes 100-199/200``."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
    if not match:
        return None, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _version(response: requests.Response) -> str | None:
    """What tells this version of the file from another: its ETag, if it promises equal bytes, else its date."""
    etag = response.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")


def _retry_after(response: requests.Response) -> float:
    """The seconds of ``Retry-After``, in either form; 0 where there is none."""
    from email.utils import parsedate_to_datetime

    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return 0.0


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """The bytes as they come over the wire (a .tar.gz is not unpacked on the way); _BrokenOffError where they break off."""
    import urllib3

    try:
        yield from response.raw.stream(CHUNK, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _BrokenOffError(f"the connection broke off ({reason_of(error)})") from error


def _check_space(part: _Part, missing: int) -> None:
    free = shutil.disk_usage(part.path.parent).free
    if missing > free:
        gigabytes = f"{missing / 1e9:.1f} GB are missing, and {free / 1e9:.1f} GB are free"
        raise DownloadError(f"{part.name} does not fit into {part.path.parent}: {gigabytes}; make room, or choose another disk.")


def _fault(path: Path, sha256: str | None, size: int | None) -> str | None:
    """What is wrong with a file, in words that go on from "a file that"; None if nothing is."""
    if size is not None and path.stat().st_size != size:
        return f"is {path.stat().st_size} bytes long instead of {size}"
    if sha256 is not None:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256.lower():
            return f"has the sha256 {found} instead of {sha256}"
    return None


def _is_page(target: Path) -> bool:
    return target.suffix.lower() in (".html", ".htm", ".xhtml")


def _begins_as_page(path: Path) -> bool:
    with open(path, "rb") as file:
        return _looks_like_page("", file.read(1024))


def _looks_like_page(content_type: str, first: bytes) -> bool:
    start = first[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return content_type.lower().startswith(("text/html", "application/xhtml")) or start.startswith((b"<!doctype html", b"<html"))


def _title(first: bytes) -> str:
    """' ("Service unavailable")', from the title of a page, or nothing."""
    match = re.search(rb"<title[^>]*>(.{1,200}?)</title", first, re.IGNORECASE | re.DOTALL)
    return f' ("{" ".join(match[1].decode(errors="replace").split())}")' if match else ""


def reason_of(error: BaseException) -> str:
    """The innermost cause of a network error, in a few words."""
    while isinstance(getattr(error, "reason", None), BaseException) or any(isinstance(arg, BaseException) for arg in error.args):
        inner = getattr(error, "reason", None)
        error = inner if isinstance(inner, BaseException) else next(arg for arg in error.args if isinstance(arg, BaseException))
    words = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    return re.sub(r"^.*?object at 0x[0-9a-f]+>\W*|^HTTP\w+Pool\([^)]*\)\W*", "", words).rstrip(".")


def _bar(name: str, start: int, total: int | None, progress: bool) -> tqdm:
    known = total if total is not None else math.inf
    return tqdm(
        desc=name, total=known, initial=start, unit="B", unit_scale=True, unit_divisor=1024, leave=False, disable=not progress
    )
