"""Archives from strangers, unpacked so that nothing leaves the folder and nothing fills the disk.

Zip and tar (also gz, bz2, xz) are read entry by entry and written by our own code: no links, no devices,
no permissions are taken over. Every size is counted while it is written, since the sizes that an archive
declares are only claims.
"""

from __future__ import annotations

import lzma
import re
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, cast

from dataset_tool.problems import UserError

MAX_ENTRIES = 1_000_000
# Pictures hardly compress; the share of the whole archive is what counts, since single text files
# compress well.
MAX_RATIO = 100
RATIO_EXEMPT_BYTES = 64 * 2**20
_BLOCK_BYTES = 2**20
# tar pads to 10 kB; this many MiB are no padding but a bomb.
_MAX_TRAILING_BLOCKS = 64
# Names that Windows gives to devices, whatever their extension.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
# Besides what Windows forbids: surrogates, which stand for bytes that are no UTF-8.
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\ud800-\udfff]')


class Unpacked(NamedTuple):
    """What was written: number of files, their bytes, and how many links and devices were left out."""

    files: int
    bytes: int
    skipped: int


class _Member(NamedTuple):
    name: str
    size: int
    is_file: bool
    is_folder: bool
    open: Callable[[], IO[bytes]]


def is_archive(path: Path) -> bool:
    """Return whether `path` is an archive that `unpack` reads."""
    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


def unpack(archive: Path, folder: Path, max_bytes: int, name: str | None = None) -> Unpacked:
    """Write the files of `archive` into `folder`, which must exist and be empty.

    max_bytes: the most that may be written in all. name: what messages call the archive. Links, devices and
    empty folders are left out. Raises UserError, with the entry's name, for a path that leaves the folder or
    cannot exist on every system, two names that differ in case only, encryption, damage, and more entries or
    bytes than allowed.
    """
    name = name or archive.name
    # What may come out of an archive of this size without suspicion.
    plausible = max(RATIO_EXEMPT_BYTES, MAX_RATIO * archive.stat().st_size)
    limit = min(max_bytes, plausible)
    too_much = _too_much(name, archive.stat().st_size, limit, max_bytes)
    paths = _Paths(name)
    files = written = declared = skipped = 0
    try:
        with _opened(archive, name) as members:
            for count, member in enumerate(members, 1):
                declared += member.size
                if count > MAX_ENTRIES:
                    raise UserError(f"{name} holds more than {MAX_ENTRIES} entries: it is not unpacked")
                if declared > limit:
                    raise UserError(too_much)
                parts = safe_parts(member.name, name)
                if not member.is_file:
                    skipped += not member.is_folder
                    continue
                paths.claim(parts)
                target = folder.joinpath(*parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with member.open() as source, open(target, "xb") as file:
                    while block := source.read(_BLOCK_BYTES):
                        written += len(block)
                        if written > limit:
                            raise UserError(too_much)
                        file.write(block)
                files += 1
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError) as error:
        raise UserError(_damaged(name, error)) from error
    except OSError as error:
        # gzip and bz2 report damaged data as errors of the system, which has a number for all of its own.
        if error.errno is None:
            raise UserError(_damaged(name, error)) from error
        raise
    except (NotImplementedError, RuntimeError) as error:
        raise UserError(f"{name} cannot be unpacked: {error}") from error
    return Unpacked(files, written, skipped)


def copy_folder(origin: Path, folder: Path, max_bytes: int, name: str) -> Unpacked:
    """Copy the regular files below `origin` into `folder`, under the same bound and without links."""
    files = written = skipped = 0
    for path in sorted(origin.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            skipped += 1
        elif path.is_file():
            written += path.stat().st_size
            if written > max_bytes:
                raise UserError(_too_much(name, written, max_bytes, max_bytes))
            target = folder / path.relative_to(origin)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            files += 1
    return Unpacked(files, written, skipped)


def safe_parts(path: str, name: str) -> tuple[str, ...]:
    """Return the parts of an entry's path below the target folder (none for the folder itself).

    Absolute paths, drive letters, `..`, device names of Windows, control characters and parts that end in
    a dot or blank are refused on every system, so that an archive unpacks everywhere or nowhere. Raises
    UserError, which calls the archive `name`.
    """
    text = unicodedata.normalize("NFC", path).replace("\\", "/")
    parts = tuple(part for part in text.split("/") if part not in ("", "."))
    if text.startswith("/") or not all(map(_is_safe, parts)):
        raise UserError(f"{name} holds the unsafe path {path[:100]!a}: nothing of it is kept")
    return parts


def _is_safe(part: str) -> bool:
    return (
        part[-1] not in ". "
        and not _FORBIDDEN.search(part)
        and not _DEVICES.fullmatch(part)
        and len(part.encode()) <= 255
    )


class _Paths:
    """The paths written so far, so that no two of them are the same file on a system that ignores case."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def claim(self, parts: tuple[str, ...]) -> None:
        """Note that a file is written at `parts`; raises UserError where a file or a folder already is."""
        keys = ["/".join(parts[:length]).casefold() for length in range(1, len(parts) + 1)]
        if not keys or keys[-1] in self._folders or not self._files.isdisjoint(keys):
            path = ascii("/".join(parts))
            raise UserError(
                f"{self._name} holds {path} twice (perhaps in another case): nothing of it is kept"
            )
        self._files.add(keys[-1])
        self._folders.update(keys[:-1])


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Iterator[_Member]]:
    """Give the members of an archive, which is open meanwhile."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield _zip_members(archive, name)
    else:
        with tarfile.open(path) as archive:
            yield _tar_members(archive)


def _zip_members(archive: zipfile.ZipFile, name: str) -> Iterator[_Member]:
    for info in archive.infolist():
        if info.flag_bits & 0x1:
            raise UserError(f"{name} is encrypted: unpack it with its password and convert the folder")
        kind = stat.S_IFMT(info.external_attr >> 16)
        is_file = not info.is_dir() and kind in (0, stat.S_IFREG)
        yield _Member(info.filename, info.file_size, is_file, info.is_dir(), partial(archive.open, info))


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        opened = cast(
            "Callable[[], IO[bytes]]", partial(archive.extractfile, info)
        )  # None if no regular file
        yield _Member(info.name, info.size, info.isreg(), info.isdir(), opened)
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


def _damaged(name: str, error: Exception) -> str:
    return f"{name} is a damaged archive ({error or type(error).__name__}): fetch it again"


def _too_much(name: str, size: int, limit: int, max_bytes: int) -> str:
    if limit == max_bytes:
        return f"{name} unpacks to more than {max_bytes / 2**30:g} GiB: raise --max-size if that is expected"
    return f"{name} is a decompression bomb: {size} bytes that unpack to more than {limit}"
