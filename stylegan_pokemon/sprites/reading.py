"""Picture files and films, read for sprites."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np

from dataset_tool.reading.decode import decode, decode_frames
from dataset_tool.reading.pixels import straight
from dataset_tool.reading.sources import Entry, read_entry
from stylegan_pokemon.sprites.batch import Picture


def read_picture(entry: Entry) -> Picture:
    """The picture of a file, or all frames of an animated GIF, PNG or WebP.

    Raises PictureError (a ValueError) with a reason for the problem table.
    """
    data = read_entry(entry)
    name = str(PurePosixPath(entry.name).with_suffix(""))
    first = decode(data)
    if any(note.startswith("first frame of an animation") for note in first.notes):
        images, durations = zip(*decode_frames(data), strict=True)
        return Picture(name, tuple(map(np.asarray, images)), durations)
    picture = np.asarray(first.image)
    return Picture(name, (straight(picture) if entry.premultiplied else picture,))
