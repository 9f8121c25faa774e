"""A real HTTP server on the loopback that offers a folder, with or without Range, and breaks down as it is told."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from http_server import running


class FolderServer(ThreadingHTTPServer):
    """`requests` lists (path, what Range said, bytes sent); `trouble` is asked before every answer: the number of bytes after which
    the connection ends, a status in the hundreds to answer with as ``-status``, or None for an answer as it should be."""

    daemon_threads = True

    def __init__(self, folder: Path, *, ranges: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.ranges = folder, ranges
        self.requests: list[tuple[str, str | None, int]] = []
        self.trouble: Callable[[str], int | None] = lambda path: None
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed hangs up; nothing is printed."""


class _Handler(BaseHTTPRequestHandler):
    server: FolderServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked, trouble = self.headers.get("Range"), self.server.trouble(self.path)
        path = self.server.folder / self.path.lstrip("/")
        if (trouble is not None and trouble < 0) or not path.is_file():
            self._head(404 if trouble is None else -trouble, 0)
            self.server.requests.append((self.path, asked, 0))
            return
        data = path.read_bytes()
        total, span = len(data), re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "")
        if span and self.server.ranges:
            first = int(span[1])
            data = data[first : int(span[2]) + 1 if span[2] else None]
            self._head(206, len(data), {"Content-Range": f"bytes {first}-{first + len(data) - 1}/{total}"})
        else:
            self._head(200, len(data))
        self.server.requests.append((self.path, asked, len(data)))
        self.wfile.write(data[:trouble])
        self.close_connection = trouble is not None

    def _head(self, status: int, length: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@contextlib.contextmanager
def offer(folder: Path, **options: bool) -> Iterator[FolderServer]:
    """``with offer(folder) as server:`` a server that is gone at the end of the block."""
    with FolderServer(folder, **options) as server, running(server):
        yield server
