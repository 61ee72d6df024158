"""A local server of one checkpoint that behaves as the first part of the path says, well or badly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class CheckpointServer(ThreadingHTTPServer):
    """Remembers what it was asked; `content` may change between requests, `down` makes it answer 503."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.etag, self.down = content, '"v1"', False
        self.requests: list[tuple[str, str | None]] = []

    def url(self, behaviour: str, name: str = "uncond32.pkl") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{behaviour}/{name}"

    def handle_error(self, request, client_address) -> None:
        """Clients hang up on purpose here."""


class Handler(BaseHTTPRequestHandler):
    server: CheckpointServer

    def log_message(self, *_) -> None:
        """Keep the test output clean."""

    def do_GET(self) -> None:
        behaviour = self.path.split("/")[1]
        self.server.requests.append((behaviour, self.headers.get("Range")))
        if self.server.down:
            self.answer(b"later", 503)
        else:
            getattr(self, behaviour)(self.server.content)

    def answer(self, body: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if status in (200, 206):
            self.send_header("ETag", self.server.etag)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def good(self, content: bytes, limit: int | None = None) -> None:
        start = 0
        if (wanted := self.headers.get("Range")) and self.headers.get("If-Range") == self.server.etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        body = content[start:]
        total = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        self.answer(body[:limit], 206 if start else 200, len(body), **total)

    def breaks(self, content: bytes) -> None:
        self.good(content, limit=len(content) // 3 + 1)  # three connections make it whole

    def dies(self, content: bytes) -> None:
        self.breaks(content)
        self.server.down = True

    def claims_more(self, content: bytes) -> None:
        self.answer(content, length=len(content) + 1000)

    def claims_less(self, content: bytes) -> None:
        self.answer(content, length=len(content) // 2)

    def claims_terabytes(self, content: bytes) -> None:
        self.answer(b"", length=10**12)

    def moved(self, _: bytes) -> None:
        self.answer(b"", 302, Location="/good/elsewhere.bin")

    def astray(self, _: bytes) -> None:
        self.answer(b"", 302, Location="file:///etc/hostname")

    def circle(self, _: bytes) -> None:
        self.answer(b"", 302, Location="/circle/uncond32.pkl")

    def missing(self, _: bytes) -> None:
        self.answer(b"not here", 404)

    def failing(self, _: bytes) -> None:
        self.answer(b"no", 500)

    def page(self, _: bytes) -> None:
        self.answer(b"\n<!DOCTYPE html><html>Please accept our terms</html>")

    def message(self, _: bytes) -> None:
        self.answer(b'{"error": "quota exceeded"}')


@contextmanager
def serving(content: bytes) -> Iterator[CheckpointServer]:
    """A running server."""
    server = CheckpointServer(content)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
