"""Text and JSON files, written whole or not at all as `dataset_tool.files` does."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from dataset_tool.files import remedy_of, sha256_of, whole_file

__all__ = ["remedy_of", "remove_temporaries", "sha256_of", "whole_file", "write_json", "write_text"]


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
