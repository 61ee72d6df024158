"""Files written whole or not at all (temporary file in the same folder, fsync, rename), and their hashes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dataset_tool.problems import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
_PATIENCE = 2.0  # seconds to wait for a file that another program holds open
_BLOCK_BYTES = 1 << 20


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on any exception it is removed.

    The caller writes the yielded path. The data reach the disk (fsync) before the rename, so a crash leaves
    either the old file or the new one. Raises UserError when the folder cannot be written or is full.
    """
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".tmp" + path.suffix)
        os.close(handle)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; {remedy_of(error)}") from error
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_UMASK)  # mkstemp makes files private; these are meant to be shared
        _replace(temporary, path)
    except PermissionError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; close the program that has it open"
        ) from error
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; {remedy_of(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)


def remedy_of(error: OSError) -> str:
    """What to do about a file that cannot be written."""
    full = error.errno in (None, *_FULL)  # Pillow reports a full disk without its number
    return "free some space" if full else "check the folder and its disk"


def sentence_of(error: OSError) -> str | None:
    """One sentence about a file that the system refuses; None for an error that names none."""
    if error.errno is None or not (error.filename or error.errno in _FULL):
        return None
    denied = error.errno in (errno.EACCES, errno.EPERM)
    remedy = "check its permissions" if denied else remedy_of(error)
    return f"{error.filename or 'a file'} cannot be read or written: {error.strerror}; {remedy}"


def check_free(path: Path, overwrite: bool) -> None:
    """Raise UserError if `path` is a folder, or exists and must not be replaced."""
    if path.is_dir():
        raise UserError(f"{path} is a folder: name the file to write")
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists already: add --overwrite to replace it, or choose another name")


def replace_folder(new: Path, dest: Path, aside: Path) -> None:
    """Rename the folder `new` to `dest`. An existing `dest` moves to `aside`, and back if the rename fails.

    All three must lie on one disk. Raises UserError.
    """
    try:
        if dest.exists():
            os.replace(dest, aside)
        os.replace(new, dest)
    except OSError as error:
        if aside.exists() and not dest.exists():
            os.replace(aside, dest)
        reason = error.strerror or error
        raise UserError(f"{dest} cannot be replaced: {reason}; close what uses it") from error


def sha256_of(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's content in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _replace(temporary: Path, path: Path) -> None:
    """Rename; on Windows wait a moment for a virus scanner or a viewer that holds one of the files open."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


_UMASK = _umask()  # read once: asking for it means setting it, which threads must not do at the same time
