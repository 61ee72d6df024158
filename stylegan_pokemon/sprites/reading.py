"""Picture files and films, read for sprites."""

from __future__ import annotations

import io
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, ImageSequence

from dataset_tool.reading.decode import MAX_PIXELS, decode
from dataset_tool.reading.pixels import straight
from dataset_tool.reading.sniff import PictureError, sniff
from dataset_tool.reading.sources import Entry, read_entry
from stylegan_pokemon.sprites.batch import Picture

_USUAL = 100  # milliseconds of a frame that gives none, as browsers show it


def read_picture(entry: Entry) -> Picture:
    """The picture of a file, or all frames of an animated GIF, PNG or WebP.

    Raises PictureError (a ValueError) with a reason for the problem table.
    """
    data = read_entry(entry)
    first = decode(data)
    name = str(PurePosixPath(entry.name).with_suffix(""))
    if not any(note.startswith("first frame of an animation") for note in first.notes):
        array = np.asarray(first.image)
        return Picture(name, (straight(array) if entry.premultiplied else array,))
    frames, durations = [], []
    try:
        film = Image.open(io.BytesIO(data), formats=[sniff(data)])
        for frame in ImageSequence.Iterator(film):
            frames.append(np.asarray(frame.convert("RGBA")))
            durations.append(round(frame.info.get("duration") or _USUAL))
            if sum(f[..., 0].size for f in frames) > MAX_PIXELS:
                raise PictureError(f"a film of more than {MAX_PIXELS // 10**6} million pixels in all")
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError("a damaged film: not all of its frames can be read") from error
    return Picture(name, tuple(frames), tuple(durations))
