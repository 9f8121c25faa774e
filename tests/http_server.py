"""A real HTTP server on the loopback, which misbehaves as it is told: one list of behaviours, one for each request."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclasses.dataclass(frozen=True)
class Answer:
    """How one request is answered: the file whole, or the part that was asked for, unless told otherwise."""

    body: bytes = b""
    status: int = 200
    etag: str | None = '"one"'
    ranges: bool = True  # whether Range is understood
    cut: int | None = None  # close the connection after so many bytes of the body
    stall: float = 0  # seconds of silence before the body goes on after `cut`
    pace: float = 0  # seconds between pieces of 64 KiB
    length: bool = True  # whether to say how long the body is
    claim: int | None = None  # a Content-Length that is not true
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


class Server(ThreadingHTTPServer):
    """Answers the first request with the first answer, and so on; the last one again and again."""

    daemon_threads = True

    def __init__(self, *answers: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = list(answers)
        self.requests: list[dict[str, str]] = []
        self.lock = threading.Lock()

    def url(self, path: str = "/file.tar.gz") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what the tests are about; nothing is printed."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.requests.append({"path": self.path, **self.headers})
            answer = self.server.answers[min(len(self.server.requests), len(self.server.answers)) - 1]
        start = self._start(answer)
        if start is not None and start >= len(answer.body):
            return self._head(dataclasses.replace(answer, status=416), b"", None)
        body = answer.body[start or 0 :]
        self._head(answer, body, start)
        self._send(answer, body)

    do_POST = do_GET  # noqa: N815

    def _start(self, answer: Answer) -> int | None:
        """The first byte that was asked for, where the answer honours that."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not asked or not answer.ranges or answer.status != 200 or self.headers.get("If-Range") != answer.etag:
            return None
        return int(asked[1])

    def _head(self, answer: Answer, body: bytes, start: int | None) -> None:
        self.send_response(206 if start is not None else answer.status)
        headers = {"Content-Type": "application/gzip"}
        if answer.etag:
            headers["ETag"] = answer.etag
        if answer.length:
            headers["Content-Length"] = str(len(body) if answer.claim is None else answer.claim)
        if start is not None:
            headers["Content-Range"] = f"bytes {start}-{len(answer.body) - 1}/{len(answer.body)}"
        for name, value in (headers | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, answer: Answer, body: bytes) -> None:
        head = body if answer.cut is None else body[: answer.cut]
        for i in range(0, len(head), 65536):
            self.wfile.write(head[i : i + 65536])
            time.sleep(answer.pace)
        if answer.stall:
            time.sleep(answer.stall)
            self.wfile.write(body[len(head) :])
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@contextlib.contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[None]:
    """A server answers, in a thread of its own, until the end of the block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def serve(*answers: Answer) -> Iterator[Server]:
    """``with serve(Answer(b"...")) as server:`` a server that is gone at the end of the block."""
    with Server(*answers) as server, running(server):
        yield server
