"""Networks by name or address: embedded files, the manifest, the user's cache and its checksums.

Nothing here goes online: a caller passes the downloader. Without one, a network that is not in the cache yet
is an error that names the command to fetch it.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import filelock
import safetensors

from dataset_tool.reading.sniff import UNKNOWN, kind_of_file
from stylegan_pokemon.cache import cache_folder
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import sha256_of, write_json

SUFFIXES = (".pkl", ".safetensors")

Download = Callable[[str, Path], str]
"""Fetch an address to a path, whole or not at all, and return its SHA-256; raises UserError."""
Echo = Callable[[str], object]
"""Takes a line about a slow step; `str` drops it."""

_PACKAGE = Path(__file__).resolve().parent.parent
_ROOMS = (_PACKAGE / "pretrained", _PACKAGE.parent / "pretrained")  # installed; in a checkout
_STARTS = {32: "crayon32", 64: "creatures64"}


@dataclass(frozen=True)
class Licence:
    """What a network may be used for: a few words for a table, and a sentence."""

    short: str
    text: str


@dataclass(frozen=True)
class Entry:
    """A network of the zoo, one that comes with the program, or one given by its address."""

    name: str
    url: str | None  # None: it comes with the program
    path: Path  # where it lies after the download
    resolution: int | None = None  # None: unknown, here and below
    conditional: bool | None = None
    format: str | None = None  # pytorch, tensorflow or native
    licence: Licence | None = None
    mib: float | None = None  # approximate

    @property
    def is_here(self) -> bool:
        """Whether it can be read without a download."""
        return self.path.is_file()


def embedded_checkpoint(resolution: int) -> Path | None:
    """The embedded starting point for this resolution, or None where there is none."""
    name = _STARTS.get(resolution)
    return None if name is None else embedded_file(f"{name}.safetensors")


def embedded_file(name: str) -> Path | None:
    """A file of `pretrained/`, or None where there is none of that name."""
    return next((room / name for room in _ROOMS if (room / name).is_file()), None)


def entries(part: str = "networks") -> dict[str, Entry]:
    """Networks by name, in the order of the manifest.

    part: "networks", or "feature_networks", the TorchScript networks of the standard metrics: inception and
    vgg16.
    """
    manifest = embedded_file("zoo.json")
    if manifest is None:
        raise UserError("pretrained/zoo.json is missing from this installation; install the program again")
    zoo = json.loads(manifest.read_text(encoding="utf-8"))
    licences = {key: Licence(**value) for key, value in zoo["licences"].items()}
    found = {}
    for row in zoo[part]:
        if row["url"] is None:
            path = embedded_file(row["name"] + ".safetensors")
        else:
            path = cache_folder() / "checkpoints" / (row["name"] + _suffix(row["url"]))
        if path is not None:
            found[row["name"]] = Entry(**row | {"licence": licences[row["licence"]], "path": path})
    return found


def identify(what: str | os.PathLike[str]) -> Path | Entry:
    """The file of that name if it exists, else the network with that name or http(s) address.

    Raises UserError for an unknown name, with the nearest known ones, and for an address that cannot be used.
    """
    text = os.fspath(what)
    if re.match(r"[a-z][a-z0-9+.-]+://", text, re.IGNORECASE):
        return _by_address(text)
    if os.path.exists(text):
        return Path(text)
    known = entries() | entries("feature_networks")
    if text in known:
        return known[text]
    near = difflib.get_close_matches(re.sub(r"\.\w+$", "", Path(text).name).lower(), known, 3, 0.6)
    nearest = f" (near: {', '.join(near)})" if near else ""
    raise UserError(
        f"{text} does not exist and is no name in the zoo{nearest}; name a .safetensors or .pkl file, its"
        " URL, or a network that `python -m stylegan_pokemon zoo` lists"
    )


def locate(what: str | os.PathLike[str], download: Download | None = None, echo: Echo = str) -> Path:
    """The path of a network: `what` itself if it exists, else its place in the cache. See `obtain`."""
    found = identify(what)
    return found if isinstance(found, Path) else obtain(found, download, echo)


def obtain(entry: Entry, download: Download | None = None, echo: Echo = str) -> Path:
    """Return where the network lies, after downloading it if it is not there, and after checking it.

    Its checksum is recorded beside it when it first arrives, by download or by hand, and compared from then
    on, also after another download. echo: called with a line about every slow step. Raises UserError if the
    checksum differs, if the file is no whole checkpoint, or if it cannot be downloaded.
    """
    if entry.url is None:
        return entry.path
    if not entry.is_here and download is None:
        raise UserError(f"{entry.name} is not downloaded yet; run `{_command(entry)}` first")
    if not entry.is_here and download is not None:
        try:
            entry.path.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(entry.path.with_name(entry.path.name + ".lock"))
            try:  # two processes appending to one download would mix their bytes
                held = lock.acquire(timeout=0)
            except filelock.Timeout:
                echo(f"another process is downloading {entry.path.name}; waiting for it")
                held = lock.acquire()
            with held:
                if not entry.is_here:  # another process may have been faster
                    _receive(entry, download, echo)
        except OSError as error:
            raise UserError(
                f"cannot write {entry.path.parent}: {error.strerror or error}; make room, or set"
                " STYLEGAN_POKEMON_CACHE to another folder"
            ) from error
    try:
        _verify(entry)
    except OSError as error:
        raise UserError(f"{entry.path} cannot be read: {error.strerror}; check its permissions") from error
    return entry.path


def _receive(entry: Entry, download: Download, echo: Echo) -> None:
    """Download beside the final place; move the file there after checking it."""
    assert entry.url is not None
    url, arriving = without_secrets(entry.url), entry.path.with_name(entry.path.name + ".download")
    size = f" (about {entry.mib:g} MiB)" if entry.mib else ""
    echo(f"downloading {url}{size} to {entry.path}")
    try:
        digest = download(entry.url, arriving)
    except UserError as error:
        raise UserError(
            f"{error}; or download {url} by other means and put it at {entry.path}, or name that file,"
            " as in --resume FILE"
        ) from error
    try:
        if flaw := _flaw(arriving, entry.path.suffix):
            raise UserError(f"{url} {flaw}; check the address, or try again later")
        known = _read_record(entry.path).get("sha256", digest)
        if digest != known:
            raise UserError(
                f"{url} now has the checksum {digest[:12]}…, not {known[:12]}… as at its first download;"
                f" if you trust the change, delete {_record(entry.path)} and download it again"
            )
        # Before the file is in its place, so that it never lies there unrecorded; a rename keeps its time.
        _write_record(entry, arriving, digest)
        os.replace(arriving, entry.path)
    finally:
        arriving.unlink(missing_ok=True)


def _verify(entry: Entry) -> None:
    """Compare a file of the cache with its record; record one without, which the user put there."""
    path, record = entry.path, _read_record(entry.path)
    status = path.stat()
    if (record.get("bytes"), record.get("mtime_ns")) == (status.st_size, status.st_mtime_ns):
        return  # hashing takes a second for 350 MiB
    again = f"delete it and run `{_command(entry)}`"
    digest, known = sha256_of(path), record.get("sha256")
    if known is not None and digest != known:
        raise UserError(
            f"{path} has the checksum {digest[:12]}…, not {known[:12]}… as at its first download; {again}"
        )
    if known is None and (flaw := _flaw(path, path.suffix)):
        raise UserError(f"{path} {flaw}; {again}")
    with contextlib.suppress(UserError):  # a cache that many share may be read-only
        _write_record(entry, path, digest)


def _flaw(path: Path, suffix: str) -> str | None:
    """Why a file is no whole checkpoint, judged by its ends; a server may have sent a wrong length."""
    kind = kind_of_file(path).what
    named = "" if kind in UNKNOWN else f" but {kind}"
    if suffix == ".safetensors":
        try:
            with safetensors.safe_open(path, framework="np"):
                return None
        except (safetensors.SafetensorError, OSError):
            return f"is no whole safetensors file{named}"
    if suffix == ".pt":
        return None if zipfile.is_zipfile(path) else f"is no whole TorchScript file{named}"
    with open(path, "rb") as file:
        if file.read(1) != b"\x80":  # how pickles begin since protocol 2
            return f"is no pickle{named}"
        file.seek(-1, os.SEEK_END)
        return None if file.read(1) == b"." else "ends in the middle of a pickle"


def _by_address(url: str) -> Entry:
    url = url.partition("#")[0]
    for entry in entries().values():
        if entry.url == url:
            return entry
    public, parts = without_secrets(url), _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(f"{public} is no address of a network; give one that begins with https:// or http://")
    if (suffix := _suffix(url)) not in SUFFIXES:
        raise UserError(
            f"{public} ends neither in .pkl nor in .safetensors; give the address of the file itself, or"
            " download it and name the file"
        )
    # The query may select the content, so it counts; a password does not, and neither is ever written.
    identity = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
    stem = Path(unquote(parts.path)).name[: -len(suffix)]
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "_", stem)[:60].strip("._") or "network"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:10]
    return Entry(public, url, cache_folder() / "checkpoints" / f"{safe}-{digest}{suffix}")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise UserError(f"{url} is no valid address ({error}); check it") from error


def without_secrets(url: str) -> str:
    """An address without user name, password, query and fragment, which may hold secrets."""
    parts = _split(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _suffix(url: str) -> str:
    return Path(unquote(_split(url).path)).suffix.lower()


def _command(entry: Entry) -> str:
    if "://" not in entry.name:
        return f"python -m stylegan_pokemon zoo fetch {entry.name}"
    secret = "?…" if entry.url and _split(entry.url).query else ""
    return f'python -m stylegan_pokemon zoo fetch "{entry.name}{secret}"'


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(_record(path).read_text(encoding="utf-8"))
        return record if isinstance(record["sha256"], str) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write_record(entry: Entry, file: Path, digest: str) -> None:
    assert entry.url is not None
    status = file.stat()
    facts = {"sha256": digest, "bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    write_json(_record(entry.path), {"source": without_secrets(entry.url), **facts})
