"""Where shards lie: pieces of files in a local folder, or on a web server.

A server that answers Range requests (RFC 9110, section 14: all object stores and most servers) gives pieces; of one that does not,
whole files are fetched into a folder whose size is bounded.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from p2p_lib.data.cache import cache_folder
from p2p_lib.data.download import PASSING, Patience, download, reason_of
from p2p_lib.errors import DataError, DownloadError

if TYPE_CHECKING:
    import requests

CONNECTIONS = 8
WHOLE_FILES_BYTES = 20 * 2**30  # on disk, of servers that give no pieces
INDEX_BYTES = 2**30
log = logging.getLogger("p2p_lib")


class Place(Protocol):
    """Where files lie that are called by their names."""

    name: str

    def read(self, file: str, start: int, size: int) -> bytes:
        """A piece of a file, as much of it as there is."""

    def read_whole(self, file: str) -> bytes | None:
        """All of a small file, or None where there is none."""


class Folder:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, str(folder)

    def read(self, file: str, start: int, size: int) -> bytes:
        """See `Place`; DataError where the file is not there."""
        try:
            with open(self.folder / file, "rb") as opened:
                opened.seek(start)
                return opened.read(size)
        except OSError as error:
            raise DataError(f"{self.folder / file} cannot be read ({error.strerror}).") from error

    def read_whole(self, file: str) -> bytes | None:
        path = self.folder / file
        return path.read_bytes() if path.is_file() else None


class Web:
    """A folder of a web server.

    `whole` maps the files that may be fetched whole to (bytes, sha256); `gives_pieces` is True until the server turns out not to.
    """

    def __init__(self, url: str, patience: Patience | None = None) -> None:
        self.name = url.rstrip("/")
        self.patience = patience or Patience()
        self.whole: dict[str, tuple[int, str]] = {}
        self.gives_pieces = True
        self.fetching = threading.Lock()  # one whole file at a time, and none is removed while it is read
        self.local = threading.local()  # a session for every thread: requests does not promise more

    def read(self, file: str, start: int, size: int) -> bytes:
        """See `Place`; DownloadError where the server cannot be reached, or does not have it, after some patience."""
        if self.gives_pieces:
            piece = self._patiently(file, f"bytes={start}-{start + size - 1}", size)
            if piece is not None:
                return piece
            if self.gives_pieces:
                raise DownloadError(f"{self.name}/{file} is not there any more; the shards have to stay while they are read.")
        with self.fetching, open(self._fetched(file), "rb") as opened:
            opened.seek(start)
            return opened.read(size)

    def read_whole(self, file: str) -> bytes | None:
        return self._patiently(file, None, INDEX_BYTES)

    def _patiently(self, file: str, asked: str | None, limit: int) -> bytes | None:
        """`_get`, again and again with growing waits while there is hope."""
        for attempt in range(self.patience.retries + 1):
            try:
                return self._get(file, asked, limit)
            except OSError as error:  # requests' errors are OSErrors
                if isinstance(error, ValueError):
                    raise DownloadError(f"{self.name} is no address of a folder with shards ({reason_of(error)}).") from error
                reason = error
            if attempt < self.patience.retries:
                wait = self.patience.backoff * 2**attempt
                log.warning("%s/%s: %s; trying again in %.0f s.", self.name, file, reason_of(reason), wait)
                time.sleep(wait)
        raise DownloadError(
            f"{self.name}/{file} could not be fetched: {reason_of(reason)}; go on (--resume) when the server is back."
        )

    def _get(self, file: str, asked: str | None, limit: int) -> bytes | None:
        """One request: at most `limit` bytes; None where there is no such file, or no pieces of it (then `gives_pieces` is False).

        OSError where another attempt may help, DownloadError where it would not.
        """
        headers = {"Accept-Encoding": "identity"} | ({"Range": asked} if asked else {})
        wait = (self.patience.connect, self.patience.read)
        with self._session().get(f"{self.name}/{file}", headers=headers, stream=True, timeout=wait) as response:
            if response.status_code in (404, 410):
                return None
            if response.status_code in PASSING:
                raise OSError(f"the server answered {response.status_code} {response.reason}")
            if response.status_code == 416:
                return b""
            if asked and response.status_code == 200:
                self.gives_pieces = False
                return None
            if response.status_code not in (200, 206):
                raise DownloadError(f"{self.name}/{file} cannot be fetched: the server answered {response.status_code}.")
            return _body(response, limit)

    def _session(self) -> requests.Session:
        import requests

        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
        return self.local.session

    def _fetched(self, file: str) -> Path:
        """A file that was fetched whole; the longest unused make room for it."""
        size, sha256 = self.whole[file]
        path = cache_folder() / "shards" / f"{sha256}.tar"
        if not path.is_file():
            log.warning("%s gives no pieces of files, so whole shards are fetched into %s.", self.name, path.parent)
            make_room(path.parent, size)
            download(f"{self.name}/{file}", path, size=size, sha256=sha256, patience=self.patience)
        with contextlib.suppress(OSError):
            path.touch()  # used now
        return path


def _body(response: requests.Response, limit: int) -> bytes:
    """What a response holds; OSError where it breaks off, DownloadError where it is longer than `limit`."""
    pieces, length = [], 0
    for piece in response.iter_content(1 << 16):
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            raise DownloadError(f"{response.url} gave more than the {limit} bytes that it was asked for.")
    return b"".join(pieces)


def make_room(folder: Path, size: int, limit: int | None = None) -> None:
    """Remove the longest unused shards of a folder, until `size` bytes more are within the limit."""
    files = sorted(folder.glob("*.tar"), key=lambda path: path.stat().st_mtime)
    total = sum(path.stat().st_size for path in files)
    for path in files:
        if total + size <= (WHOLE_FILES_BYTES if limit is None else limit):
            return
        total -= path.stat().st_size
        path.unlink(missing_ok=True)
