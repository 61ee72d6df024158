"""Files written whole or not at all: a temporary file in the same folder, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stylegan_pokemon.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
_PATIENCE = 2.0  # seconds to wait for a file that another program holds open


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on any exception it is removed.

    The caller writes the yielded path. Data reach the disk (fsync) before the rename, so a crash leaves
    either the old file or the new one. Raises UserError when the folder cannot be written or is full.
    """
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".tmp" + path.suffix)
        os.close(handle)
    except OSError as error:
        remedy = "free some space" if error.errno in _FULL else "check the folder"
        raise UserError(f"cannot write {path}: {error.strerror}; {remedy}") from error
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_UMASK)  # mkstemp makes files private; pictures are meant to be shared
        _replace(temporary, path)
    except PermissionError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; close the program that has it open"
        ) from error
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; free some space") from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_temporaries(folder: Path) -> None:
    """Remove what `whole_file` leaves in `folder` when its process is killed. Nobody may be writing there.

    The safetensors library, which writes within `whole_file`, names its own like `.tmpXXXXXX`.
    """
    for temporary in {*folder.glob(".*.tmp*"), *folder.glob(".tmp*")}:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


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
