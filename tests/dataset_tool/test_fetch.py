"""Fetching from servers that break off, lie, redirect and refuse; and never more than was asked for."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import threading
import types
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dataset_tool import fetch as fetch_module
from dataset_tool.convert import convert
from dataset_tool.fetch import RECORD, download, fetch
from dataset_tool.options import ConvertOptions
from dataset_tool.problems import UserError
from tests.dataset_tool.pictures import creature, encoded

CONTENT = os.urandom(300_000)
OTHER = os.urandom(300_000)
PICTURE = encoded(creature(32), "PNG")


def archive_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


ARCHIVE = archive_of({"sprites/1.png": PICTURE, "sprites/2.png": PICTURE})


class Server(ThreadingHTTPServer):
    """A server whose behaviour is chosen by the path, and which remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.etag: str | None = '"v1"'
        self.requests: list[tuple[str, str | None]] = []
        self.counts: dict[str, int] = {}

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up on purpose here."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.lstrip("/")
        self.server.requests.append((path, self.headers.get("Range")))
        self.server.counts[path] = self.server.counts.get(path, 0) + 1
        getattr(self, "serve_" + path.split(".")[0].replace("-", "_"))(self.server.counts[path])

    def answer(self, body: bytes, status: int = 200, length: int | None = -1, **headers: str) -> None:
        """Send `body`; `length` is what is declared (None: nothing, and the connection just ends)."""
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length == -1 else length))
        if self.server.etag and status in (200, 206):
            self.send_header("ETag", self.server.etag)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def ranged(self, limit: int | None = None) -> None:
        """Send what is asked for; with `limit`, break the connection after so many bytes."""
        content, start = self.server.content, 0
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range") in (None, self.server.etag):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        body = content[start:]
        total = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        self.answer(body[:limit], 206 if start else 200, len(body), **total)

    def serve_good(self, _: int) -> None:
        self.ranged()

    def serve_breaks(self, count: int) -> None:
        self.ranged(limit=100_000 if count < 4 else None)

    def serve_always_breaks(self, _: int) -> None:
        self.answer(self.server.content[:1000], length=len(self.server.content))

    def serve_drips(self, _: int) -> None:
        self.ranged(limit=1)

    def serve_no_ranges(self, count: int) -> None:
        body = self.server.content
        self.answer(body[:50_000] if count < 3 else body, length=len(body))

    def serve_changes(self, count: int) -> None:
        if count == 1:
            self.ranged(limit=100_000)
        else:
            self.server.content, self.server.etag = OTHER, '"v2"'
            self.ranged()

    def serve_wrong_range(self, count: int) -> None:
        if count == 1:
            self.ranged(limit=100_000)
        elif self.headers.get("Range"):
            body = CONTENT[50_000:]
            self.answer(body, 206, Content_Range=f"bytes 50000-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            self.ranged()

    def serve_range_gone(self, count: int) -> None:
        if count == 1:
            self.ranged(limit=100_000)
        elif self.headers.get("Range"):
            self.answer(b"", 416)
        else:
            self.ranged()

    def serve_without_length(self, _: int) -> None:
        self.answer(self.server.content, length=None)

    def serve_too_long(self, _: int) -> None:
        self.answer(b"", length=10**15)

    def serve_endless(self, _: int) -> None:
        self.answer(b"", length=None)
        for _ in range(10_000):
            self.wfile.write(CONTENT)

    def serve_busy(self, count: int) -> None:
        self.answer(b"wait", 503) if count < 3 else self.ranged()

    def serve_always_busy(self, _: int) -> None:
        self.answer(b"no", 503)

    def serve_missing(self, _: int) -> None:
        self.answer(b"not here", 404)

    def serve_private(self, _: int) -> None:
        self.answer(b"who are you", 401)

    def serve_page(self, _: int) -> None:
        self.answer(b"\n<!DOCTYPE html><html>Please log in</html>")

    def serve_moved(self, _: int) -> None:
        self.answer(b"", 302, Location="/good.bin")

    def serve_loop(self, _: int) -> None:
        self.answer(b"", 302, Location="/loop")

    def serve_to_file(self, _: int) -> None:
        self.answer(b"", 302, Location="file:///etc/passwd")

    def serve_archive(self, _: int) -> None:
        self.server.content = ARCHIVE
        self.ranged()

    def serve_evil(self, _: int) -> None:
        self.answer(archive_of({"good.png": PICTURE, "../evil.png": PICTURE, "p/Type: Null.png": PICTURE}))

    def serve_bomb(self, _: int) -> None:
        self.answer(archive_of({"bomb.bmp": bytes(70 * 2**20)}))

    def serve_picture(self, _: int) -> None:
        self.answer(PICTURE)

    def serve_text(self, _: int) -> None:
        self.answer(b"just a text\n")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def get(server: Server, path: str, target: Path, **options: object) -> str:
    return download(server.url(path), target, progress=False, pause=lambda _: None, **options)


def leftovers(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("path", ["good.bin", "without-length", "busy", "moved"])
def test_downloads_arrive_whole_and_are_hashed(server, tmp_path, path):
    digest = get(server, path, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert digest == hashlib.sha256(CONTENT).hexdigest()
    assert leftovers(tmp_path) == {"x"}


def test_a_broken_connection_is_resumed_where_it_broke(server, tmp_path):
    get(server, "breaks", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == [None, "bytes=100000-", "bytes=200000-"]


def test_an_interrupted_run_is_resumed_by_the_next_one(server, tmp_path, monkeypatch):
    class Stop(Exception):
        pass

    def stop(_: float) -> None:
        raise Stop

    with pytest.raises(Stop):
        download(server.url("breaks"), tmp_path / "x", progress=False, pause=stop)
    assert leftovers(tmp_path) == {"x.part", "x.part.json"}
    get(server, "breaks", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.requests[1] == ("breaks", "bytes=100000-")
    assert leftovers(tmp_path) == {"x"}


def test_a_part_of_another_address_is_not_continued(server, tmp_path):
    (tmp_path / "x.part").write_bytes(OTHER[:1000])
    (tmp_path / "x.part.json").write_text(
        '{"source": "http://other/y", "validator": "\\"v1\\"", "total": 300000}'
    )
    get(server, "good.bin", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert server.requests == [("good.bin", None)]


def test_without_etag_or_date_nothing_is_pieced_together(server, tmp_path):
    server.etag = None
    get(server, "breaks", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert {wanted for _, wanted in server.requests} == {None}


@pytest.mark.parametrize(
    ("path", "expected"), [("changes", OTHER), ("wrong-range", CONTENT), ("range-gone", CONTENT)]
)
def test_parts_of_different_contents_are_never_joined(server, tmp_path, path, expected):
    get(server, path, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == expected


def test_a_server_without_ranges_is_asked_for_everything_again(server, tmp_path):
    get(server, "no-ranges", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT


@pytest.mark.parametrize("path", ["always-breaks", "always-busy", "drips"])
def test_a_hopeless_server_is_given_up(server, tmp_path, path):
    with pytest.raises(
        UserError, match=r"cannot be downloaded after \d+ attempts .*run the same command later"
    ):
        get(server, path, tmp_path / "x")
    assert not (tmp_path / "x").exists()
    assert len(server.requests) <= 60


def test_a_server_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="no connection"):
        download("http://127.0.0.1:9/x.zip", tmp_path / "x", progress=False, pause=lambda _: None)


@pytest.mark.parametrize("path", ["too-long", "endless"])
def test_size_is_bounded_whatever_the_server_declares(server, tmp_path, path):
    with pytest.raises(UserError, match="--max-size"):
        get(server, path, tmp_path / "x", max_bytes=10**6)
    assert leftovers(tmp_path) == set()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "404"),
        ("private", "401 .*login"),
        ("page", "web page"),
        ("loop", "redirects more than 5 times"),
        ("to-file", "not followed"),
    ],
)
def test_refusals_are_one_sentence_without_another_attempt(server, tmp_path, path, reason):
    with pytest.raises(UserError, match=reason):
        get(server, path, tmp_path / "x")
    assert leftovers(tmp_path) == set()
    assert len(server.requests) == (6 if path == "loop" else 1)


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "file:///etc/passwd", "sprites.zip", "http://", "https:///x", ""]
)
def test_addresses_that_cannot_be_fetched_are_one_sentence(tmp_path, url):
    with pytest.raises(UserError, match=r"give http"):
        download(url, tmp_path / "x")


def test_an_address_that_cannot_even_be_parsed_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="no valid address"):
        fetch("http://[x", tmp_path / "x")
    assert leftovers(tmp_path) == set()


def test_a_checksum_that_does_not_match_leaves_nothing(server, tmp_path):
    with pytest.raises(UserError, match="with --sha256"):
        fetch(server.url("archive.zip"), tmp_path / "x", sha256="0" * 64, progress=False)
    assert leftovers(tmp_path) == set()


def test_passwords_and_tokens_are_not_repeated(server, tmp_path):
    url = server.url("missing?token=hunter2").replace("http://", "http://me:secret@")
    with pytest.raises(UserError) as error:
        download(url, tmp_path / "x", progress=False)
    assert "hunter2" not in str(error.value)
    assert "secret" not in str(error.value)


def test_an_archive_becomes_a_folder(server, tmp_path):
    report = fetch(server.url("archive.zip"), tmp_path / "new" / "sprites", progress=False)
    assert (report.files, report.bytes) == (2, 2 * len(PICTURE))
    assert report.sha256 == hashlib.sha256(ARCHIVE).hexdigest()
    assert (tmp_path / "new" / "sprites" / "sprites" / "1.png").read_bytes() == PICTURE
    assert leftovers(tmp_path / "new") == {"sprites"}


def test_odd_names_cost_at_most_their_own_entry_and_convert_finds_the_creature(server, tmp_path):
    report = fetch(server.url("evil"), tmp_path / "sprites", progress=False)
    assert report.files == 2
    assert [remark.rpartition(", such as")[0] for remark in report.remarks] == [
        "entries whose path leaves the folder, left out: 1",
        "names changed so that every system can store them: 1",
    ]
    assert (tmp_path / "sprites" / "p" / "Type_ Null.png").read_bytes() == PICTURE
    assert leftovers(tmp_path) == {"sprites"}
    options = ConvertOptions(resolution=8, labels="type", include=("*null*",))
    classes = convert([tmp_path / "sprites"], tmp_path / "o.zip", options, progress=False).classes
    assert [row.name for row in classes if row.pictures] == ["normal"]


def test_a_single_picture_becomes_a_file(server, tmp_path):
    fetch(server.url("picture.png"), tmp_path / "sprites", progress=False)
    assert leftovers(tmp_path / "sprites") == {"picture.png", RECORD}


@pytest.mark.parametrize(("path", "reason"), [("bomb", "bomb"), ("text", "nor a picture, but text")])
def test_bad_contents_leave_nothing_behind(server, tmp_path, path, reason):
    with pytest.raises(UserError, match=reason):
        fetch(server.url(path), tmp_path / "sprites", progress=False)
    assert leftovers(tmp_path) == set()


def test_what_is_already_there_is_not_fetched_again(server, tmp_path):
    first = fetch(server.url("archive.zip"), tmp_path / "sprites", progress=False)
    second = fetch(server.url("archive.zip"), tmp_path / "sprites", progress=False)
    assert len(server.requests) == 1
    assert (second.files, second.sha256) == (first.files, first.sha256)
    assert "nothing was done" in second.remarks[0]
    with pytest.raises(UserError, match="not empty"):
        fetch(server.url("archive.zip?other"), tmp_path / "sprites", progress=False)
    with pytest.raises(UserError, match="with the checksum"):
        fetch(server.url("archive.zip"), tmp_path / "sprites", sha256="0" * 64, progress=False)


def test_a_source_that_changed_since_it_was_recorded_is_noticed(server, tmp_path):
    folder = tmp_path / "sprites"
    digest = fetch(server.url("archive.zip"), folder, progress=False).sha256
    record = folder / RECORD
    record.write_text(record.read_text(encoding="utf-8").replace(digest, "0" * 64), encoding="utf-8")
    with pytest.raises(UserError, match=f"give --sha256 {digest}"):
        fetch(server.url("archive.zip"), folder, overwrite=True, progress=False)
    assert (folder / "sprites" / "1.png").exists()
    fetch(server.url("archive.zip"), folder, sha256=digest, overwrite=True, progress=False)
    assert leftovers(tmp_path) == {"sprites"}


def test_overwrite_replaces_the_whole_folder(server, tmp_path):
    folder = tmp_path / "sprites"
    folder.mkdir()
    (folder / "old.png").write_bytes(b"old")
    with pytest.raises(UserError, match="--overwrite"):
        fetch(server.url("archive.zip"), folder, progress=False)
    assert (folder / "old.png").exists()
    fetch(server.url("archive.zip"), folder, overwrite=True, progress=False)
    assert leftovers(folder) == {"sprites", RECORD}


def test_bad_destinations_and_options_are_one_sentence(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(UserError, match="is a file"):
        fetch(server.url("archive.zip"), tmp_path / "file")
    with pytest.raises(UserError, match="--sha256 abc"):
        fetch(server.url("archive.zip"), tmp_path / "x", sha256="abc")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="the folder you are in"):
        fetch(server.url("archive.zip"), Path("."))
    assert server.requests == []


@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    """Put a kagglehub in place that has one data set and no network."""
    cache = tmp_path / "cache" / "versions" / "1"
    (cache / "images").mkdir(parents=True)
    (cache / "images" / "1.png").write_bytes(PICTURE)
    asked = []

    def dataset_download(handle: str) -> str:
        asked.append(handle)
        if handle.startswith("nobody/"):
            raise RuntimeError("403 Client Error:\n Forbidden")
        return str(cache)

    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=dataset_download))
    return asked


def test_a_kaggle_data_set_becomes_a_folder(kaggle, tmp_path):
    report = fetch("kaggle:owner/some-set", tmp_path / "sprites", progress=False)
    assert kaggle == ["owner/some-set"]
    assert (report.files, report.sha256) == (1, None)
    assert (tmp_path / "sprites" / "images" / "1.png").read_bytes() == PICTURE
    assert "nothing was done" in fetch("kaggle:owner/some-set", tmp_path / "sprites").remarks[0]


def test_a_kaggle_failure_is_one_sentence(kaggle, tmp_path):
    with pytest.raises(UserError, match=r"403 Client Error: Forbidden.*KAGGLE_KEY") as error:
        fetch("kaggle:nobody/set", tmp_path / "sprites")
    assert "\n" not in str(error.value)
    assert leftovers(tmp_path) == {"cache"}


@pytest.mark.parametrize("handle", ["", "owner", "a/b/c", "../up", "a/b?x", "a b/c"])
def test_a_wrong_kaggle_name_is_one_sentence(kaggle, tmp_path, handle):
    with pytest.raises(UserError, match="kaggle:OWNER/SLUG"):
        fetch(f"kaggle:{handle}", tmp_path / "sprites")
    assert kaggle == []


def test_a_missing_kagglehub_is_one_sentence_with_the_command_to_run(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(UserError, match=r"pip install .*\[fetch\]"):
        fetch("kaggle:owner/set", tmp_path / "sprites")


def test_a_stalled_server_times_out(tmp_path, monkeypatch):
    import socket

    monkeypatch.setattr(fetch_module, "_TIMEOUT_SECONDS", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(UserError, match="no answer in time"):
            download(url, tmp_path / "x", progress=False, pause=lambda _: None)
