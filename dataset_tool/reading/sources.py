"""Where pictures come from: folders, zips and files become a sorted list of entries, and entries bytes.

Nothing here looks into a picture. What cannot be read safely (links, archives inside archives, entries that
would unpack to gigabytes) becomes a row of the problem table before anything is opened.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dataset_tool.problems import Problem, UserError
from dataset_tool.reading.sniff import HEAD_BYTES, is_picture

# The largest sprite sheets and scans of artwork are tens of megabytes; beyond this a file is a mistake or
# an attack.
MAX_FILE_BYTES = 256 * 2**20
# ImageNet has 1.3 million pictures; a file list of that size still fits in memory.
MAX_ARCHIVE_ENTRIES = 2_000_000
MAX_ARCHIVE_BYTES = 512 * 2**30
# Deflate cannot exceed 1032:1. A blank 24-bit BMP reaches several hundred, so small entries are let through.
MAX_RATIO = 200
RATIO_EXEMPT_BYTES = 16 * 2**20

# Droppings of operating systems, network storage and version control: not worth a row in the problem table.
# Names that begin with a dot (.DS_Store, .Trash, .@__thumb) are droppings too.
_SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"})
_SYSTEM_FOLDERS = frozenset(
    {
        *("$recycle.bin", "system volume information", "__macosx", "lost+found"),
        *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
    }
)


@dataclass(frozen=True)
class Entry:
    """One candidate file.

    `name` is how the user knows it, with forward slashes, independent of where the source lies; `source` is
    the position of its source among those given; `inside` is its path relative to that source; `path` is
    the file on disk; `index` is its position in the zip at `path`, or None for a file of its own;
    `premultiplied` tells that its colours are multiplied by alpha.
    """

    name: str
    source: int
    inside: str
    path: Path
    index: int | None
    premultiplied: bool = False


@dataclass(frozen=True)
class Listing:
    """What was found: entries in the order of the data set, problems, and patterns that matched no file.

    `system_folders` are folders such as @eaDir, whose thumbnails and copies are no part of the set.
    """

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    unused_patterns: tuple[str, ...]
    system_folders: tuple[str, ...]


def natural_key(text: str) -> tuple[tuple[object, ...], str]:
    """Return a sort key for paths: `9.png` before `10.png`, `25.png` before `25-belle.png`, any case alike.

    Keys are equal for equal texts only.
    """
    stem, _, suffix = text.rpartition(".")
    parts = re.split(r"([0-9]+)", (text if not stem or "/" in suffix else stem).casefold())
    # Every second part is a number; its length without zeros orders it without converting it (names can
    # be long).
    digits = {i: part.lstrip("0") for i, part in enumerate(parts) if i % 2}
    return tuple(
        (len(digits[i]), digits[i], len(part)) if i % 2 else part for i, part in enumerate(parts)
    ), text


def list_sources(
    sources: Sequence[Path],
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    skip: Sequence[Path] = (),
    originals: Mapping[tuple[int, str], str] | None = None,
) -> Listing:
    """List the files of all `sources` (folders searched recursively, zips, single files) in a stable order.

    `include` and `exclude` are patterns of file names; an excluded file is not even looked at. `skip` are
    paths that are never listed (the zip that is about to be written, the table of labels). `originals` are
    names by source and path that patterns are tried on instead. The order is that
    of `sources`, then natural order of the paths inside, whatever order the file system has. Raises
    UserError for a source that does not exist or is not a readable folder, zip or file.
    """
    wanted = _Patterns(include)
    unwanted = _Patterns(exclude)
    entries: list[Entry] = []
    problems: list[tuple[int, str, Problem]] = []
    prefixes = _prefixes(sources)
    skipped = {path.name: os.path.realpath(path) for path in skip}
    left_out: dict[str, str] = {}
    for number, source in enumerate(sources):
        for inside, path, index, reason in _walk(source):
            if _is_dropping(inside):
                left_out |= {name.casefold(): name for name in _parts(inside)}
                continue
            if path.name in skipped and os.path.realpath(path) == skipped[path.name]:
                continue
            # Names that are no valid text (bytes of another encoding) get escapes, so that they can be
            # recorded.
            inside = unicodedata.normalize("NFC", inside).encode("utf-8", "backslashreplace").decode("utf-8")
            known = originals.get((number, inside), inside) if originals else inside
            name = prefixes[number] + inside
            shell = path.as_posix() if index is None else f"{source.as_posix()}/{inside}"
            as_named = {name, prefixes[number] + known, shell}
            if not wanted.accept(known, as_named, empty=True):
                continue
            if unwanted.accept(known, as_named, empty=False):
                continue
            if reason is None:
                entries.append(Entry(name, number, inside, path, index))
            else:
                problems.append((number, inside, Problem(name, reason)))
    entries.sort(key=lambda entry: (entry.source, natural_key(entry.inside), entry.index or 0))
    entries, repeated = _without_repeats(entries)
    problems.sort(key=lambda row: (row[0], natural_key(row[1])))
    return Listing(
        entries=tuple(entries),
        problems=(*(problem for _, _, problem in problems), *repeated),
        unused_patterns=(*wanted.unused("--include"), *unwanted.unused("--exclude")),
        system_folders=tuple(left_out[name] for name in sorted(_SYSTEM_FOLDERS & left_out.keys())),
    )


def read_entry(entry: Entry, head: int = -1) -> bytes:
    """Return the content of `entry`, or only its first `head` bytes.

    Raises ValueError with a reason for the problem table.
    """
    try:
        if entry.index is None:
            with open(entry.path, "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1 if head < 0 else head)
            if len(data) > MAX_FILE_BYTES:
                raise ValueError(_too_large(os.stat(entry.path).st_size))
            return data
        with _open_cached(entry.path).open(entry_info(entry)) as file:
            return file.read(head)
    except zipfile.BadZipFile as error:
        raise ValueError("damaged in the archive (its checksum does not match)") from error
    except UnicodeDecodeError as error:
        raise ValueError("damaged in the archive (its name cannot be read)") from error
    except NotImplementedError as error:
        raise ValueError("compressed in a way that is not supported: unpack it, or zip it again") from error
    except (OSError, EOFError, RuntimeError) as error:
        if getattr(error, "errno", None) == errno.EINVAL:  # the first part of a split zip is missing
            raise ValueError("damaged in the archive (it lies outside of the file)") from error
        raise ValueError(f"cannot be read: {getattr(error, 'strerror', None) or 'it is damaged'}") from error
    except Exception as error:
        if type(error).__module__ in ("zlib", "lzma", "_lzma"):
            raise ValueError("damaged in the archive (it does not decompress)") from error
        raise


def entry_info(entry: Entry) -> zipfile.ZipInfo:
    """Return what the directory of its zip says of `entry`."""
    assert entry.index is not None
    return _open_cached(entry.path).infolist()[entry.index]


def common_folder(entries: Sequence[Entry]) -> dict[int, PurePosixPath]:
    """Return for every source the deepest folder that holds all of its entries (`.`: the source)."""
    common: dict[int, PurePosixPath] = {}
    for source, folder in {(entry.source, entry.inside.rpartition("/")[0]) for entry in entries}:
        parent = PurePosixPath(folder)
        known = common.setdefault(source, parent)
        while not parent.is_relative_to(known):
            known = known.parent
        common[source] = known
    return common


def source_names(sources: Sequence[Path]) -> list[str]:
    """Return one distinct name per source: its own name without `.zip`, numbered where two are the same."""
    names: list[str] = []
    for source in sources:
        absolute = Path(os.path.realpath(source))  # Path.resolve() fails for a link to itself
        base = unicodedata.normalize("NFC", absolute.stem if absolute.is_file() else absolute.name) or "root"
        name, count = base, 1
        while name in names:
            count += 1
            name = f"{base}-{count}"
        names.append(name)
    return names


def _prefixes(sources: Sequence[Path]) -> list[str]:
    # A file that is given by itself keeps its bare name unless another source would claim the same one.
    if len(sources) == 1:
        return [""]
    single_files = all(source.is_file() and not is_zip(source) for source in sources)
    if single_files and len({source.name for source in sources}) == len(sources):
        return [""] * len(sources)
    return [f"{name}/" for name in source_names(sources)]


def _walk(source: Path) -> Iterator[tuple[str, Path, int | None, str | None]]:
    """Yield (path inside the source, file, index in the zip or None, problem or None) in any order."""
    if source.is_dir():
        yield from _walk_folder(source)
    elif not source.exists():
        raise UserError(f"{source} does not exist: give a folder, a zip or a picture")
    elif not source.is_file():
        raise UserError(f"{source} is not a regular file: give a folder, a zip or a picture")
    elif is_zip(source):
        yield from _walk_zip(source)
    else:
        yield source.name, source, None, None


def _walk_folder(folder: Path) -> Iterator[tuple[str, Path, int | None, str | None]]:
    unreadable: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=unreadable.append):
        base = Path(parent)
        for name in list(folders):
            path = base / name
            if path.is_symlink():
                inside = path.relative_to(folder).as_posix()
                yield inside, path, None, "a link to a folder, not followed: give the folder as a source"
            elif _is_dropping(name):
                folders.remove(name)
                yield path.relative_to(folder).as_posix(), path, None, None
        for name in files:
            path = base / name
            yield path.relative_to(folder).as_posix(), path, None, _problem_of_file(path)
    for error in unreadable:
        path = Path(error.filename)
        if path == folder:
            raise UserError(f"{folder} cannot be read: {error.strerror}; check its permissions")
        yield path.relative_to(folder).as_posix(), path, None, f"folder cannot be read: {error.strerror}"


def _problem_of_file(path: Path) -> str | None:
    try:
        status = path.stat()
    except OSError:
        return "a broken link" if path.is_symlink() else "cannot be read"
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if status.st_size == 0:
        return "empty file"
    if status.st_size > MAX_FILE_BYTES:
        return _too_large(status.st_size)
    return None


def _walk_zip(path: Path) -> Iterator[tuple[str, Path, int | None, str | None]]:
    archive = open_zip(path)
    with archive:
        infos = archive.infolist()
    if len(infos) > MAX_ARCHIVE_ENTRIES:
        raise UserError(
            f"{path} holds {len(infos)} entries, more than {MAX_ARCHIVE_ENTRIES}: split it into smaller zips"
        )
    total = sum(info.file_size for info in infos)
    if total > MAX_ARCHIVE_BYTES:
        raise UserError(
            f"{path} would unpack to {total / 2**30:.0f} GiB, more than {MAX_ARCHIVE_BYTES / 2**30:.0f} GiB: "
            "check where it comes from, or unpack it and give the folder"
        )
    for index, info in enumerate(infos):
        if not info.filename:
            yield "(no name)", path, index, "an entry without a name"
        elif not info.is_dir():
            yield info.filename.replace("\\", "/"), path, index, _problem_of_zip_entry(info)


def _problem_of_zip_entry(info: zipfile.ZipInfo) -> str | None:
    parts = re.split(r"[/\\]", info.filename)
    if ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", info.filename):
        return "an unsafe path: it points outside of the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link inside the archive"
    if info.flag_bits & 0x1:
        return "encrypted: unpack it with its password first"
    if info.file_size == 0:
        return "empty file"
    if info.file_size > MAX_FILE_BYTES:
        return _too_large(info.file_size)
    if info.file_size > RATIO_EXEMPT_BYTES and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        return f"a decompression bomb: {info.compress_size} bytes that unpack to {info.file_size}"
    return None


def is_zip(path: Path) -> bool:
    """Return whether `path` is or was meant to be a zip; raises UserError when it cannot be read."""
    # A cut-off zip has lost its directory, so the first bytes decide that an archive was meant. They also
    # decide for a picture with a zip behind it, which is a picture inside folders.
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; check its permissions") from error
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06")) or (
        not is_picture(head) and zipfile.is_zipfile(path)
    )


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip for reading; raises UserError for a damaged one."""
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{path} is a damaged or incomplete zip: download or copy it again") from error


# One handle per process and archive: reading the directory of a large zip takes longer than reading a
# picture.
_archives: dict[Path, zipfile.ZipFile] = {}


def _open_cached(path: Path) -> zipfile.ZipFile:
    if path not in _archives:
        _archives[path] = open_zip(path)
    return _archives[path]


def close_archives(path: Path | None = None) -> None:
    """Close the zip at `path`, or all that `read_entry` holds open (Windows cannot replace an open file).

    The next `read_entry` opens it again.
    """
    for name in [path] if path else list(_archives):
        if archive := _archives.pop(name, None):
            archive.close()


def _is_dropping(inside: str) -> bool:
    names = [part.casefold() for part in _parts(inside)]
    hidden = any(name.startswith(".") and name != ".." for name in names)
    return hidden or not (_SYSTEM_FILES | _SYSTEM_FOLDERS).isdisjoint(names)


def _parts(inside: str) -> list[str]:
    return re.split(r"[/\\]", inside)


def _without_repeats(entries: list[Entry]) -> tuple[list[Entry], list[Problem]]:
    kept: list[Entry] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    of_file: dict[tuple[str, int | None], Entry] = {}
    for entry in entries:
        first = of_file.setdefault((os.path.abspath(entry.path), entry.index), entry)
        if first.source != entry.source:
            problems.append(Problem(entry.name, f"already in the set, as {first.name}"))
        elif entry.name in seen:
            problems.append(Problem(entry.name, "the name occurs twice; convert uses the first"))
        else:
            seen.add(entry.name)
            kept.append(entry)
    return kept, problems


def _too_large(size: int) -> str:
    return f"{size / 2**20:.0f} MiB, larger than {MAX_FILE_BYTES / 2**20:.0f} MiB"


class _Patterns:
    """Shell patterns that remember whether they ever matched, so that a mistyped one is reported.

    A pattern that ends with a slash means what is in that folder. One that is the name of a file, as messages
    or the shell write it, means that file, whatever brackets are in it.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = []
        for text in patterns:
            plain = unicodedata.normalize("NFC", text).replace("\\", "/").removeprefix("./")
            glob = f"{plain}*" if plain.endswith("/") else plain
            self._patterns.append((text, plain, re.compile(fnmatch.translate(glob.casefold()))))
        self._used: set[str] = set()

    def accept(self, inside: str, names: Set[str], empty: bool) -> bool:
        """Return whether a pattern matches a path in its source, or is one of its whole `names`."""
        if not self._patterns:
            return empty
        path = inside.casefold()
        name = path.rsplit("/", 1)[-1]
        hits = [
            text
            for text, plain, pattern in self._patterns
            if pattern.match(path)
            or pattern.match(name)
            or plain.casefold() in (path, name)
            or plain in names
        ]
        self._used.update(hits)
        return bool(hits)

    def unused(self, option: str) -> list[str]:
        return [f"{option} {text}" for text, *_ in self._patterns if text not in self._used]
