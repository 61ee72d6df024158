"""Archives from strangers, unpacked so that nothing leaves the folder and nothing fills the disk.

Zip and tar (also gz, bz2, xz) are read entry by entry and written by our own code: no links, no devices,
no permissions are taken over. Every size is counted while it is written, since the sizes that an archive
declares are only claims. An odd name, encryption and damage cost their own entry, in a zip; a bomb, and
damage of a tar, which has no directory, the whole.
"""

from __future__ import annotations

import errno
import lzma
import os
import re
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, cast

from dataset_tool.problems import UserError
from dataset_tool.reading.sources import is_zip

MAX_ENTRIES = 1_000_000
# Pictures hardly compress; the share of the whole archive is what counts, since single text files
# compress well.
MAX_RATIO = 100
RATIO_EXEMPT_BYTES = 64 * 2**20
_BLOCK_BYTES = 2**20
# tar pads to 10 kB; this many MiB are no padding but a bomb.
_MAX_TRAILING_BLOCKS = 64
# Names that Windows gives to devices, whatever their extension.
_DEVICES = re.compile(r"(con|conin\$|conout\$|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)
# Besides what Windows forbids: control characters, and surrogates, which stand for bytes that are no UTF-8.
_FORBIDDEN = re.compile(r'[<>:"|?*\\/\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_MAX_NAME_BYTES = 255
_SHOWN = 100  # characters of a name in a note
_MAX_SUFFIX = 16  # characters; what is longer is no extension
# A path is too long, or has a sign that the disk cannot store; Windows says ENOENT.
_UNSTORABLE = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ENOENT)


class Unpacked(NamedTuple):
    """What was written: number of files, their bytes, and sentences about what is not as in the archive."""

    files: int
    bytes: int
    notes: tuple[str, ...] = ()


# Why an entry of a zip cannot be read.
_DAMAGED, _ENCRYPTED, _UNSUPPORTED = "damaged", "encrypted", "compressed in a way that is not supported"


class _Member(NamedTuple):
    """An entry; it is `alone` where damage to it says nothing of what follows."""

    name: str
    size: int
    is_file: bool
    is_folder: bool
    open: Callable[[], IO[bytes]]
    alone: bool


def is_archive(path: Path) -> bool:
    """Return whether `path` is, or was meant to be, an archive that `unpack` reads."""
    return is_zip(path) or tarfile.is_tarfile(path)


def unpack(archive: Path, folder: Path, max_bytes: int, name: str | None = None) -> Unpacked:
    """Write the files of `archive` into `folder`, which must exist and be empty.

    max_bytes: the most that may be written in all. name: what messages call the archive. Names become those
    of `safe_name`, with a number where two would be one file on a system that ignores case. Links, devices,
    paths that leave the folder or that this disk cannot store, and entries of a zip that are encrypted or
    damaged are left out, with a note; so are empty folders. Raises UserError for an archive of which nothing
    can be read, a damaged tar, and more entries or bytes than allowed.
    """
    name = name or archive.name
    # What may come out of an archive of this size without suspicion.
    plausible = max(RATIO_EXEMPT_BYTES, MAX_RATIO * archive.stat().st_size)
    limit = min(max_bytes, plausible)
    too_much = _too_much(name, archive.stat().st_size, limit, max_bytes)
    paths, notes = _Paths(), _Notes()
    faults: dict[str, None] = {}
    files = written = declared = 0
    try:
        with _opened(archive) as members:
            for count, member in enumerate(members, 1):
                declared += member.size
                if count > MAX_ENTRIES:
                    raise UserError(f"{name} holds more than {MAX_ENTRIES} entries: it is not unpacked")
                if declared > limit:
                    raise UserError(too_much)
                if member.is_folder:
                    continue
                parts = parts_inside(member.name)
                if not member.is_file or not parts:
                    what = "whose path leaves the folder" if member.is_file else "that are links or devices"
                    notes.add(f"entries {what}, left out", repr(member.name[:_SHOWN]))
                    continue
                path = paths.claim(parts)
                file = _created(folder / path)
                if file is None:
                    notes.add("entries whose path this disk cannot store, left out", repr(path[:_SHOWN]))
                    continue
                if path != "/".join(parts):
                    changed = f"{'/'.join(parts)[:_SHOWN]!r} to {path[:_SHOWN]!r}"
                    notes.add("names changed so that every system can store them", changed)
                fault = ""
                with file:
                    try:
                        for block in _blocks(member):
                            written += len(block)
                            if written > limit:
                                raise UserError(too_much)
                            file.write(block)
                    except _EntryFault as error:
                        fault = str(error)
                if fault:
                    (folder / path).unlink()
                    faults.setdefault(fault)
                    notes.add(f"entries that are {fault}, left out", repr(path[:_SHOWN]))
                else:
                    files += 1
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError) as error:
        raise UserError(_remedy(name, _DAMAGED)) from error
    except OSError as error:
        # gzip and bz2 report damaged data as errors of the system, which has a number for all of its own.
        if error.errno is None:
            raise UserError(_remedy(name, _DAMAGED)) from error
        raise
    if faults and not files:
        raise UserError(_remedy(name, next(iter(faults))))
    return Unpacked(files, written, notes.sentences())


class _EntryFault(Exception):
    """An entry of a zip that cannot be read; the message is the reason."""


def _blocks(member: _Member) -> Iterator[bytes]:
    """Yield the content; raises _EntryFault where another entry may still be read."""
    try:
        with member.open() as source:
            while block := source.read(_BLOCK_BYTES):
                yield block
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        if not member.alone:
            raise
        raise _EntryFault(_DAMAGED) from error
    except OSError as error:
        # EINVAL: it lies outside of the file, since the first part of a split zip is missing.
        if not member.alone or error.errno not in (None, errno.EINVAL):
            raise
        raise _EntryFault(_DAMAGED) from error
    except NotImplementedError as error:
        raise _EntryFault(_UNSUPPORTED) from error
    except RuntimeError as error:  # what zipfile raises for an entry that needs a password
        raise _EntryFault(_ENCRYPTED) from error


def _created(path: Path) -> IO[bytes] | None:
    """The file and its folders, new; None if the disk cannot store such a path."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "xb")
    except OSError as error:
        if error.errno in _UNSTORABLE:
            return None
        raise


def copy_folder(origin: Path, folder: Path, max_bytes: int, name: str) -> Unpacked:
    """Copy the regular files below `origin` into `folder`, under the same bound and without links."""
    files = written = 0
    notes = _Notes()
    for path in sorted(origin.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            notes.add("entries that are links or devices, left out", repr(path.name))
        elif path.is_file():
            written += path.stat().st_size
            if written > max_bytes:
                raise UserError(_too_much(name, written, max_bytes, max_bytes))
            target = folder / path.relative_to(origin)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            files += 1
    return Unpacked(files, written, notes.sentences())


def parts_inside(path: str) -> tuple[str, ...]:
    """The parts of an entry's path, in NFC; none if it leaves the folder or names the folder itself.

    Absolute paths, drive letters and `..` leave it.
    """
    text = unicodedata.normalize("NFC", path).replace("\\", "/")
    parts = tuple(part for part in text.split("/") if part not in ("", "."))
    return () if ".." in parts or re.match(r"/|[A-Za-z]:", text) else parts


def safe_name(part: str) -> str:
    """The part of a path as every system can store it, such as `Type_ Null.png` for `Type: Null.png`.

    Signs that Windows forbids and control characters become `_`, dots and blanks at the end are dropped, a
    device's name gets a `_` in front, and a name over 255 bytes is cut before its extension.
    """
    name = _FORBIDDEN.sub("_", part).rstrip(". ") or "_"
    return _fitted(f"_{name}" if _DEVICES.fullmatch(name) else name)


def _fitted(name: str, number: int = 1) -> str:
    """A name of at most 255 bytes, with the number, if it is not 1, before the extension."""
    stem, suffix = os.path.splitext(name)
    if len(suffix) > _MAX_SUFFIX:
        stem, suffix = name, ""
    tail = (f" ({number})" if number > 1 else "") + suffix
    room = _MAX_NAME_BYTES - len(tail.encode())
    return (stem.encode()[:room].decode(errors="ignore") + tail).rstrip(". ")


class _Paths:
    """The paths written so far, so that no two of them are the same file on a system that ignores case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._folders: dict[str, str] = {}
        self._numbers: Counter[str] = Counter()

    def claim(self, parts: tuple[str, ...]) -> str:
        """The free path nearest to `parts`. Folders whose names differ by case only become one."""
        path = ""
        for depth, part in enumerate(parts, 1):
            path = self._below(path, safe_name(part), depth < len(parts))
        return path

    def _below(self, folder: str, name: str, is_folder: bool) -> str:
        wanted = f"{folder}/{name}".casefold()
        if is_folder and wanted in self._folders:
            return self._folders[wanted]
        while True:
            self._numbers[wanted] += 1  # kept, so that many files of one name do not take quadratic time
            path = f"{folder}/{_fitted(name, self._numbers[wanted])}".removeprefix("/")
            if path.casefold() not in self._taken:
                break
        self._taken.add(path.casefold())
        if is_folder:
            self._folders[wanted] = path
        return path


class _Notes:
    """Counts of what is not as in the archive, each with its first example."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, what: str, example: str) -> None:
        self._counts[what] += 1
        self._examples.setdefault(what, example)

    def sentences(self) -> tuple[str, ...]:
        return tuple(
            f"{what}: {count}, such as {self._examples[what]}" for what, count in self._counts.items()
        )


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[_Member]]:
    """Give the members of an archive, which is open meanwhile."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield _zip_members(archive)
    else:
        with tarfile.open(path) as archive:
            yield _tar_members(archive)


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        is_folder = info.filename.endswith("/")  # is_dir() fails for an empty name
        is_file = not is_folder and kind in (0, stat.S_IFREG)
        opened = partial(archive.open, info)
        yield _Member(info.filename, info.file_size, is_file, is_folder, opened, alone=True)


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        opened = cast(
            "Callable[[], IO[bytes]]", partial(archive.extractfile, info)
        )  # None if no regular file
        yield _Member(info.name, info.size, info.isreg(), info.isdir(), opened, alone=False)
    # tarfile takes a damaged header for the end. A true end is a block of zeros, or nothing at all;
    # reading on from there makes the decompressor compare its checksum.
    stream = archive.fileobj
    stream.seek(archive.offset)
    if stream.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError("a header cannot be read")
    for _ in range(_MAX_TRAILING_BLOCKS):
        if not stream.read(_BLOCK_BYTES):
            return
    raise tarfile.ReadError("endless padding")


def _remedy(name: str, fault: str) -> str:
    remedies = {
        _DAMAGED: "is a damaged archive: fetch it again",
        _ENCRYPTED: "is encrypted: unpack it with its password and convert the folder",
        _UNSUPPORTED: f"is {_UNSUPPORTED}: unpack it with another program and convert the folder",
    }
    return f"{name} {remedies[fault]}"


def _too_much(name: str, size: int, limit: int, max_bytes: int) -> str:
    if limit == max_bytes:
        return f"{name} unpacks to more than {max_bytes / 2**30:g} GiB: raise --max-size if that is expected"
    return f"{name} is a decompression bomb: {size} bytes that unpack to more than {limit}"
