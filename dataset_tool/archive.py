"""The dataset zip, written reproducibly, whole or not at all; `reading/dataset_zip.py` says what is in it."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dataset_tool.files import check_free, whole_file
from dataset_tool.problems import UserError
from dataset_tool.reading.dataset_zip import METADATA

# Time stamps, owners and permissions would make equal data sets differ; zip dates start in 1980.
_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_PERMISSIONS = 0o100644 << 16
# Local header, central directory entry and metadata of one picture, generously.
_OVERHEAD_BYTES = 512


def image_name(index: int) -> str:
    """Return the name of picture `index` in a dataset zip: a thousand per folder, `00000/img00000000.png`."""
    return f"{index // 1000:05d}/img{index:08d}.png"


def write_dataset(
    dest: Path,
    pictures: Iterable[bytes],
    labels: Sequence[int] | None,
    classes: Sequence[str] | None,
    sources: Sequence[str],
    options: Mapping[str, Any],
    expected_bytes: int = 0,
) -> int:
    """Write a dataset zip to `dest`, whole or not at all, and return its size in bytes.

    pictures: encoded PNG files in order. labels: one class per picture, or None; classes: their
    names by number. sources: the original file of every picture. options: recorded under `convert`.
    expected_bytes: size of all pictures, for the check of free space before anything is written (0: no
    check). Equal arguments give equal bytes. Raises UserError when the folder cannot be written or has too
    little space.
    """
    check_space(dest, expected_bytes + len(sources) * _OVERHEAD_BYTES if expected_bytes else 0)
    with whole_file(dest) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for index, data in enumerate(pictures):
                archive.writestr(_info(image_name(index)), data)
            metadata = {
                "labels": None if labels is None else _by_name(labels),
                "classes": None if classes is None else list(classes),
                "sources": _by_name(sources),
                "convert": dict(options),
            }
            archive.writestr(_info(METADATA), json.dumps(metadata, ensure_ascii=False).encode("utf-8"))
        return os.stat(temporary).st_size


def check_destination(dest: Path, overwrite: bool) -> None:
    """Raise UserError unless `dest` is a `.zip` that may be written without losing anything."""
    if dest.suffix.lower() != ".zip":
        raise UserError(f"{dest} does not end in .zip: name the zip to write, such as {dest.name}.zip")
    check_free(dest, overwrite)


def check_space(dest: Path, needed: int) -> None:
    """Raise UserError when the disk of `dest` has less than `needed` bytes free."""
    free = shutil.disk_usage(dest.parent).free
    if free < needed:
        raise UserError(
            f"{dest} needs about {needed / 2**20:.0f} MiB, but its disk has {free / 2**20:.0f} MiB free: "
            "make some room, or write somewhere else"
        )


def _by_name(values: Sequence[Any]) -> list[list[Any]]:
    return [[image_name(index), value] for index, value in enumerate(values)]


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = _UNIX
    info.external_attr = _PERMISSIONS
    return info
