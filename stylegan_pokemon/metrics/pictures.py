"""Pictures that somebody else made, from a folder or a zip, to be measured."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.images import on_white

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
_MOST = 100_000  # pictures
_MOST_BYTES = 4 << 30  # once decoded


def read_pictures(where: Path, option: str = "--pictures") -> np.ndarray:
    """All pictures of a folder (with subfolders) or a zip, in the order of their names: uint8 [N, H, W, 3].

    Alpha is laid over white. option: where the user named it. Raises UserError where there is none, where one
    cannot be read, and where their sizes differ.
    """
    named = f"{option} {where}"
    found: list[np.ndarray] = []
    total = 0
    for name, content in _contents(where, named):
        picture = _decoded(content, f"{named}: {name}")
        if found and picture.shape != found[0].shape:
            raise UserError(
                f"{named}: {name} has {picture.shape[1]}×{picture.shape[0]} pixels, others have"
                f" {found[0].shape[1]}×{found[0].shape[0]}; bring them to one size with `python -m"
                " dataset_tool convert`"
            )
        total += picture.nbytes
        if len(found) >= _MOST or total > _MOST_BYTES:
            raise UserError(f"{named} holds more than can be compared at once; choose fewer")
        found.append(picture)
    if not found:
        raise UserError(f"{named} holds no pictures; name a folder or a zip of PNG files")
    return np.stack(found)


def _contents(where: Path, named: str) -> Iterator[tuple[str, bytes]]:
    if where.is_dir():
        for path in sorted(where.rglob("*")):
            if path.suffix.lower() in _SUFFIXES and path.is_file():
                name = str(path.relative_to(where))
                try:
                    yield name, path.read_bytes()
                except OSError as error:
                    raise UserError(f"{named}: {name} cannot be read: {error.strerror}; check it") from error
        return
    if not where.is_file():
        raise UserError(f"{named} does not exist; name a folder or a zip of pictures")
    try:
        with zipfile.ZipFile(where) as archive:
            entries = [e for e in archive.infolist() if e.filename.lower().endswith(_SUFFIXES)]
            if sum(entry.file_size for entry in entries) > _MOST_BYTES:
                raise UserError(f"{named} holds more than can be compared at once; choose fewer")
            for entry in sorted(entries, key=lambda e: e.filename):
                yield entry.filename, archive.read(entry)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError, NotImplementedError, OSError) as error:
        raise UserError(f"{named} is no whole zip of pictures ({error}); name another") from error


def _decoded(content: bytes, name: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(content)) as image:
            plain = image.mode in ("L", "RGB") and "transparency" not in image.info
            return on_white(np.asarray(image.convert("RGB" if plain else "RGBA"), dtype=np.uint8))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow's are all four
        raise UserError(f"{name} is no readable picture ({error}); leave it out") from error
