"""One entry of a source becomes one encoded picture of the data set. This is what worker processes run."""

from __future__ import annotations

import io
from typing import NamedTuple

from PIL import Image

from dataset_tool.background import parse_background, random_colour
from dataset_tool.dedupe import Signature, signature
from dataset_tool.fit import compose, fit
from dataset_tool.options import ConvertOptions
from dataset_tool.reading.decode import decode
from dataset_tool.reading.sources import Entry, read_entry

# Among the fast settings of zlib, run-length matching at level 1 gave the smallest files for the 819
# official artworks at 512: 147 kB and 15 ms a picture, against 787 kB and 10 ms stored, 159 kB and 17 ms at
# plain level 1, 143 kB and 36 ms at level 6. Files five times smaller are worth 5 ms once per picture.
PNG_LEVEL = 1
PNG_STRATEGY = 3  # Z_RLE
# Duplicates must match whatever colour was drawn for their background, so these are compared on white.
_COMPARED_ON = (255, 255, 255)


class Rendered(NamedTuple):
    """What became of one entry: an encoded PNG, or the reason why there is none.

    `pixels` is the area of the source (the larger of two duplicates is kept); `signature` is for finding
    duplicates.
    """

    png: bytes | None
    reason: str | None = None
    filter: str = ""
    notes: tuple[str, ...] = ()
    pixels: int = 0
    signature: Signature | None = None


def render(entry: Entry, options: ConvertOptions) -> Rendered:
    """Read, verify, fit, compose and encode one picture; a problem is returned, not raised."""
    try:
        decoded = decode(read_entry(entry))
        fitted = fit(decoded.image, options)
    except ValueError as error:
        return Rendered(None, reason=str(error))
    except MemoryError:
        return Rendered(None, reason="not enough memory for its pixels")
    background = parse_background(options.background)
    picture = compose(fitted, background or random_colour(options.seed, entry.name))
    fingerprint = None
    if options.dedupe:
        fingerprint = signature(picture if background else compose(fitted, _COMPARED_ON))
    return Rendered(
        png=encode(picture),
        filter=fitted.filter,
        notes=(*decoded.notes, *fitted.notes),
        pixels=decoded.image.width * decoded.image.height,
        signature=fingerprint,
    )


def encode(picture: Image.Image) -> bytes:
    """Return `picture` (RGB) as PNG, without any metadata."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=PNG_LEVEL, compress_type=PNG_STRATEGY)
    return buffer.getvalue()
