"""Pictures from a folder or a zip, to be measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dataset_tool.reading.dataset_zip import choose_pictures, read_dataset
from dataset_tool.reading.pixels import decode_pixels, straight
from dataset_tool.reading.sources import close_archives, list_sources, read_entry
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.images import on_white
from stylegan_pokemon.render.seeds import is_overview

_REMEDY = "`python -m dataset_tool convert` leaves such files out"
_MOST = 100_000  # pictures
_MOST_BYTES = 4 << 30  # once decoded


def read_pictures(where: Path, option: str = "--pictures") -> np.ndarray:
    """All pictures of a folder (with subfolders) or a zip, in the order of their names: uint8 [N, H, W, 3].

    Alpha is laid over white. Sheets and films that `generate.py` writes beside its pictures are left out.
    option: where the user named it. Raises UserError if there is no picture, if one cannot be read, and if
    their sizes differ.
    """
    named = f"{option} {where}"
    if not where.exists():
        raise UserError(f"{named} does not exist; name a folder or a zip of pictures")
    found: list[np.ndarray] = []
    total = 0
    try:
        premultiplied = read_dataset(where).premultiplied
        pictures, problems, others = choose_pictures(list_sources([where]))
        for name, reason in problems:
            raise UserError(f"{named}: {name} cannot be used: {reason}; {_REMEDY}")
        for entry in pictures:
            if is_overview(entry.inside):
                continue
            try:
                array = decode_pixels(read_entry(entry)).array
                picture = on_white(straight(array) if premultiplied and array.shape[2] == 4 else array)
            except ValueError as error:
                raise UserError(
                    f"{named}: {entry.name} is no readable picture: {error}; {_REMEDY}"
                ) from error
            if found and picture.shape != found[0].shape:
                raise UserError(
                    f"{named}: {entry.name} has {picture.shape[1]}×{picture.shape[0]} pixels, others have"
                    f" {found[0].shape[1]}×{found[0].shape[0]}; bring them to one size with `python -m"
                    " dataset_tool convert`"
                )
            total += picture.nbytes
            if len(found) >= _MOST or total > _MOST_BYTES:
                raise UserError(f"{named} holds more than can be compared at once; choose fewer")
            found.append(picture)
    finally:
        close_archives()
    if not found:
        held = f" ({others[0].file}: {others[0].reason})" if others else ""
        raise UserError(f"{named} holds no pictures{held}; name a folder or a zip of pictures")
    return np.stack(found)
