"""Pictures from the network: a Kaggle data set or a URL becomes a folder, whole or not at all.

A download that breaks is resumed, within one run and from the next one. Its checksum is recorded beside
the pictures, so that a source that changes later is noticed. This is the only module that imports network
libraries.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from tqdm import tqdm

from dataset_tool import __version__
from dataset_tool.archive import check_space
from dataset_tool.files import replace_folder, sha256_of
from dataset_tool.problems import TooLargeError, UserError
from dataset_tool.reading.sniff import HEAD_BYTES, LEAVE, is_picture, is_web_page, kind_of
from dataset_tool.terminal import no_bar
from dataset_tool.unpack import Unpacked, copy_folder, is_archive, safe_name, unpack

# The complete official artwork at its largest is about 2 GiB.
MAX_BYTES = 16 * 2**30
# Hidden, so that convert does not take it for a picture.
RECORD = ".fetch.json"
# In a row without anything new, and altogether.
_ATTEMPTS = 4
_ATTEMPTS_ALTOGETHER = 60
_FIRST_PAUSE_SECONDS = 1.0
_TIMEOUT_SECONDS = (15, 60)  # to connect, between two packets
_MAX_REDIRECTS = 5
_BLOCK_BYTES = 256 * 2**10


@dataclass(frozen=True)
class FetchReport:
    """What lies in `dest` now: files, their bytes, checksum of the download (None: Kaggle), remarks."""

    source: str
    dest: Path
    files: int
    bytes: int
    sha256: str | None
    remarks: tuple[str, ...]


def fetch(
    source: str,
    dest: Path,
    sha256: str | None = None,
    max_bytes: int = MAX_BYTES,
    overwrite: bool = False,
    progress: bool = True,
) -> FetchReport:
    """Fetch `kaggle:OWNER/SLUG` or an http(s) URL into the folder `dest` and return what came.

    An archive is unpacked, a single picture becomes one file. sha256: what the download must hash to;
    without it, the hash that an earlier fetch recorded in `dest` is what counts. A `dest` that already
    holds this source is left as it is. overwrite: fetch again and replace `dest`, whatever it holds.
    max_bytes bounds the download and what it unpacks to. Raises UserError.
    """
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise UserError(f"--sha256 {sha256} is not a SHA-256 checksum: give its 64 hexadecimal digits")
    is_kaggle = source.startswith("kaggle:")
    if sha256 is not None and is_kaggle:
        raise UserError("--sha256 is for a URL: a Kaggle data set is many files, so pin kaggle:…/versions/N")
    dest = Path(dest)
    place = Path(os.path.realpath(dest))  # Path.resolve() fails for a link to itself
    if dest.exists() and not dest.is_dir():
        raise UserError(f"{dest} is a file: name a folder for the pictures")
    if Path.cwd().is_relative_to(place):
        raise UserError(f"{dest} is the folder you are in, or above it: name a new folder for the pictures")
    name, record = _identity(source), _read_record(dest)
    known = record.get("sha256") if record.get("source") == name else None
    expected = sha256.lower() if sha256 else known
    if dest.is_dir() and any(dest.iterdir()) and not overwrite:
        return _already_there(name, dest, record, expected)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as temporary:
            folder = Path(temporary) / "new"
            folder.mkdir()
            if is_kaggle:
                got, digest = _from_kaggle(source.removeprefix("kaggle:"), folder, max_bytes), None
            else:
                got, digest = _from_url(source, place, folder, expected, sha256 is None, max_bytes, progress)
            if got.files == 0:
                raise UserError(f"{name} holds no files: check the source")
            new = {"source": name, "sha256": digest, "files": got.files, "bytes": got.bytes}
            (folder / RECORD).write_text(json.dumps(new, indent=2) + "\n", encoding="utf-8")
            replace_folder(folder, place, Path(temporary) / "old")
    except OSError as error:
        raise UserError(f"{dest} cannot be written: {error.strerror or error}; check its disk") from error
    return FetchReport(name, dest, got.files, got.bytes, digest, got.notes)


def download(
    url: str,
    path: Path,
    max_bytes: int = MAX_BYTES,
    progress: bool = True,
    pause: Callable[[float], None] = time.sleep,
) -> str:
    """Download `url` to `path`, whole or not at all, and return the SHA-256 of the content in hexadecimal.

    The bytes so far lie in `path` + `.part`, with a note of their source in `.part.json`. After a broken
    connection, in this run or a later one, only the rest is requested, if the server still has the same
    content. At most five redirects are followed, on http(s) only and never from https to http. A web page in
    place of data is recognised. pause: called with the seconds to wait between attempts. Raises UserError for
    an address that cannot be used, a refusal, a content larger than `max_bytes` (TooLargeError), and after
    four attempts in a row without progress.
    """
    import requests

    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise UserError(
            f"{url} is no address that can be fetched: give http://…, https://… or kaggle:OWNER/SLUG"
        )
    part = _Part(Path(path), _identity(url))
    failures = tries = most = 0
    bar = tqdm(desc=path.name, unit="B", unit_scale=True, unit_divisor=1024, disable=no_bar(progress))
    with requests.Session() as session, bar:
        session.headers["User-Agent"] = f"dataset_tool/{__version__}"
        # Encoded transfers have no lengths to resume by, and pictures gain nothing from them.
        session.headers["Accept-Encoding"] = "identity"
        while True:
            try:
                _receive(session, url, part, max_bytes, bar)
                break
            except requests.exceptions.InvalidURL as error:
                raise UserError(f"{_without_secrets(url)} is no valid address: check it") from error
            except (requests.RequestException, _Broken) as error:
                tries += 1
                failures = 0 if part.size > most else failures + 1
                most = max(most, part.size)
                if failures >= _ATTEMPTS or tries >= _ATTEMPTS_ALTOGETHER:
                    raise UserError(
                        f"{_without_secrets(url)} cannot be downloaded after {tries} attempts "
                        f"({_short(error)}): run the same command later to continue where it stopped"
                    ) from error
                pause(_FIRST_PAUSE_SECONDS * 2 ** max(failures - 1, 0))
    digest = sha256_of(part.file)
    os.replace(part.file, path)
    part.discard()
    return digest


class _Broken(Exception):
    """The server or the connection failed in a way that another attempt may mend."""


class _Part:
    """A download in progress: the bytes so far, and the note that tells which content they belong to."""

    def __init__(self, path: Path, source: str) -> None:
        self.file = path.with_name(path.name + ".part")
        self._note = path.with_name(path.name + ".part.json")
        self._source = source
        self.validator: str | None = None
        self.total: int | None = None
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            if note["source"] == source and self.file.is_file():
                self.validator, self.total = note["validator"], note["total"]
        except (OSError, ValueError, KeyError, TypeError):
            pass
        if self.validator is None:
            # Without an ETag or a date it is unknown whether the rest would fit.
            self.discard()

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0

    def begin(self, validator: str | None, total: int | None) -> None:
        """Start over with a content of `total` bytes that the server calls `validator`."""
        self.file.write_bytes(b"")
        self.validator, self.total = validator, total
        note = {"source": self._source, "validator": validator, "total": total}
        self._note.write_text(json.dumps(note), encoding="utf-8")

    def discard(self) -> None:
        self.file.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self.validator = self.total = None


def _receive(session: Any, url: str, part: _Part, max_bytes: int, bar: tqdm) -> None:
    """Ask once for what is missing and append it; raises _Broken when it is not complete afterwards."""
    headers = {}
    if part.size and part.validator:
        if part.size == part.total:
            return
        headers = {"Range": f"bytes={part.size}-", "If-Range": part.validator}
    with _respond(session, url, headers) as response:
        if response.status_code == 416:
            part.discard()
            raise _Broken("the server no longer has the rest of what was begun")
        if response.status_code == 206:
            if not headers or not _continues(response, part):
                part.discard()
                raise _Broken("the server sent another part than it was asked for")
        else:
            length = response.headers.get("content-length", "")
            part.begin(_validator(response), int(length) if length.isdecimal() else None)
        expected = part.total
        if expected is not None and expected > max_bytes:
            part.discard()
            raise TooLargeError(
                f"{_without_secrets(url)} has {expected / 2**30:.3g} GiB, more than"
                f" {max_bytes / 2**30:.3g} GiB: raise --max-size"
            )
        if expected is not None:
            check_space(part.file, expected - part.size)
        bar.total = expected
        bar.n = part.size
        _append(response, part, max_bytes, url, bar)
    if part.total is not None and part.size != part.total:
        if part.size > part.total:
            part.discard()
        raise _Broken(f"{part.size} of {part.total} bytes arrived")


def _append(response: Any, part: _Part, max_bytes: int, url: str, bar: tqdm) -> None:
    import urllib3

    fresh = part.size == 0
    size = part.size
    with open(part.file, "ab") as file:
        try:
            # Raw, so that a .tar.gz that is labelled as an encoding arrives as the file it is.
            for block in response.raw.stream(_BLOCK_BYTES, decode_content=False):
                if fresh and is_web_page(block):
                    raise UserError(
                        f"{_without_secrets(url)} is a web page, not data: copy the address of the download "
                        "itself (pages behind a login cannot be fetched; download them in a browser)"
                    )
                fresh = False
                size += len(block)
                if size > max_bytes:
                    raise TooLargeError(
                        f"{_without_secrets(url)} has more than {max_bytes / 2**30:.3g} GiB:"
                        " raise --max-size if that is expected"
                    )
                file.write(block)
                bar.update(len(block))
        except urllib3.exceptions.HTTPError as error:
            raise _Broken(_short(error)) from error
        except UserError:
            file.close()
            part.discard()
            raise


def _respond(session: Any, url: str, headers: dict[str, str]) -> Any:
    """Return the response after redirects; raises UserError for a refusal, _Broken for a passing one."""
    address = url
    for _ in range(_MAX_REDIRECTS + 1):
        response = session.get(
            address, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS, allow_redirects=False
        )
        if response.status_code in (200, 206, 416):
            return response
        response.close()
        if response.is_redirect:
            target = urljoin(address, response.headers["location"])
            if urlsplit(target).scheme not in ("http", "https") or (
                urlsplit(address).scheme == "https" and urlsplit(target).scheme == "http"
            ):
                raise UserError(
                    f"{_without_secrets(url)} redirects to {_without_secrets(target)}, "
                    "which is not followed: it is not http(s), or less safe than the address itself"
                )
            address = target
            continue
        if response.status_code in (408, 425, 429) or response.status_code >= 500:
            raise _Broken(f"the server answered {response.status_code} {response.reason}")
        raise UserError(
            f"{_without_secrets(url)} cannot be fetched: the server answered {response.status_code} "
            f"{response.reason}; check the address, and whether it needs a login"
        )
    raise UserError(f"{_without_secrets(url)} redirects more than {_MAX_REDIRECTS} times: check the address")


def _continues(response: Any, part: _Part) -> bool:
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", ""))
    if match is None or int(match[1]) != part.size:
        return False
    return match[2] == "*" or part.total in (None, int(match[2]))


def _validator(response: Any) -> str | None:
    etag = response.headers.get("etag", "")
    # A weak ETag promises equal meaning, not equal bytes.
    return etag if etag.startswith('"') else response.headers.get("last-modified")


def _from_url(
    url: str,
    dest: Path,
    folder: Path,
    expected: str | None,
    is_recorded: bool,
    max_bytes: int,
    progress: bool,
) -> tuple[Unpacked, str]:
    """Download `url` beside `dest` and unpack it into `folder`; return what came and its checksum."""
    name = unquote(urlsplit(url).path.rsplit("/", 1)[-1]) or "download"
    path = dest.parent / f".{dest.name}.download"
    digest = download(url, path, max_bytes, progress)
    try:
        if expected is not None and digest != expected:
            known = "when it was fetched before" if is_recorded else "with --sha256"
            raise UserError(
                f"{_without_secrets(url)} has the checksum {digest}, not {expected} as {known}: "
                f"if the change is expected, give --sha256 {digest}"
            )
        if is_archive(path):
            return unpack(path, folder, max_bytes, name), digest
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
        if not is_picture(head):
            kind = kind_of(head)
            remedy = "check the address" if kind.remedy == LEAVE else kind.remedy
            raise UserError(
                f"{_without_secrets(url)} is neither a zip, a tar nor a picture, but {kind.what}: {remedy}"
            )
        shutil.copyfile(path, folder / safe_name(name.replace("/", "_")))
        return Unpacked(1, path.stat().st_size), digest
    finally:
        path.unlink(missing_ok=True)


def _from_kaggle(handle: str, folder: Path, max_bytes: int) -> Unpacked:
    """Copy a Kaggle data set into `folder`; kagglehub keeps its own download in its cache."""
    if not re.fullmatch(r"[\w-]+/[\w-]+(/versions/\d+)?", handle):
        raise UserError(f"kaggle:{handle} is no Kaggle data set: write kaggle:OWNER/SLUG")
    try:
        import kagglehub
    except ModuleNotFoundError as error:
        raise UserError('kaggle: needs kagglehub: run `pip install "stylegan-pokemon[fetch]"`') from error
    try:
        origin = Path(kagglehub.dataset_download(handle))
    except Exception as error:
        # kagglehub raises whatever its HTTP layer, its cache and its login raise.
        raise UserError(
            f"kaggle:{handle} cannot be downloaded ({_short(error)}): check its name, the network, and for "
            "private data sets the login (KAGGLE_USERNAME and KAGGLE_KEY)"
        ) from error
    return copy_folder(origin, folder, max_bytes, f"kaggle:{handle}")


def _already_there(source: str, dest: Path, record: dict[str, Any], expected: str | None) -> FetchReport:
    if record.get("source") != source:
        raise UserError(
            f"{dest} is not empty: name a new folder, or add --overwrite to replace what it holds"
        )
    if expected != record.get("sha256"):
        raise UserError(
            f"{dest} holds {source} with the checksum {record.get('sha256')}, not {expected}: "
            "add --overwrite to fetch it again"
        )
    remark = "it was fetched before and nothing was done; add --overwrite to fetch it again"
    return FetchReport(source, dest, record["files"], record["bytes"], record.get("sha256"), (remark,))


def _read_record(dest: Path) -> dict[str, Any]:
    try:
        record = json.loads((dest / RECORD).read_text(encoding="utf-8"))
        return record if {"source", "files", "bytes"} <= record.keys() else {}
    except (OSError, ValueError, AttributeError):
        return {}


def _without_secrets(source: str) -> str:
    """Return `source` without user name, password, query and fragment, which hold passwords and tokens."""
    if source.startswith("kaggle:"):
        return source
    parts = urlsplit(source)
    return urlunsplit((parts.scheme, parts.netloc.rsplit("@", 1)[-1], parts.path, "", ""))


def _identity(source: str) -> str:
    """Return what tells sources apart in records: no secrets, but a trace of the query if there is one."""
    try:
        query = "" if source.startswith("kaggle:") else urlsplit(source).query
    except ValueError as error:
        raise UserError("what to fetch is no valid address: check it") from error
    trace = f"?{hashlib.sha256(query.encode()).hexdigest()[:12]}" if query else ""
    return _without_secrets(source) + trace


def _short(error: BaseException) -> str:
    """Return an error in a few words; those of requests quote addresses, which may hold tokens."""
    import requests

    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate cannot be verified"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "no connection: the name is unknown, or nothing answers there"
    return re.sub(r"\s+", " ", str(error)).strip()[:200] or type(error).__name__
