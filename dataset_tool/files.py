"""Files written whole or not at all: a temporary file in the same folder, fsync, rename."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dataset_tool.problems import InputError

_PATIENCE = 2.0  # seconds to wait for a file that another program holds open


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on any exception it is removed.

    The caller writes the yielded path. The data reach the disk (fsync) before the rename, so that a crash
    leaves either the old file or the new one. Raises InputError when the folder cannot be written or is full.
    """
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".tmp" + path.suffix)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {_reason(error)}; check that its folder exists and is writable"
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        # mkstemp makes files private; data sets are meant to be shared like any other file.
        os.chmod(temporary, 0o666 & ~_UMASK)
        _replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {_reason(error)}; check the folder and its free space"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def replace_folder(new: Path, dest: Path, aside: Path) -> None:
    """Put the folder `new` in the place of `dest`; what was there moves to `aside`, and back should that
    fail.

    All three must lie on one disk. Raises InputError.
    """
    try:
        if dest.exists():
            os.replace(dest, aside)
        os.replace(new, dest)
    except OSError as error:
        if aside.exists() and not dest.exists():
            os.replace(aside, dest)
        raise InputError(f"{dest} cannot be replaced: {_reason(error)}; close what uses it") from error


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


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
