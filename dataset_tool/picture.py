"""One entry of a source becomes encoded pictures of the data set. This is what worker processes run."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from dataset_tool.background import parse_background, random_colour, visible
from dataset_tool.cutting import sheet_boxes, sprites_of
from dataset_tool.dedupe import Signature, signature
from dataset_tool.fit import Fitted, compose, compose_premultiplied, fit
from dataset_tool.options import ConvertOptions, parse_sheet
from dataset_tool.reading.decode import Decoded, decode
from dataset_tool.reading.pixels import straight
from dataset_tool.reading.sources import Entry, read_entry
from dataset_tool.remarks import Look, look_of

# Among the fast settings of zlib, run-length matching at level 1 gave the smallest files for the 819
# official artworks at 512: 147 kB and 15 ms a picture, against 787 kB and 10 ms stored, 159 kB and 17 ms at
# plain level 1, 143 kB and 36 ms at level 6. Files five times smaller are worth 5 ms once per picture.
PNG_LEVEL = 1
PNG_STRATEGY = 3  # Z_RLE
# Duplicates must match whatever colour was drawn for their background, so these are compared on white.
_COMPARED_ON = (255, 255, 255)


class Rendered(NamedTuple):
    """What became of one picture: an encoded PNG, or the reason why there is none.

    `piece` counts the sprites of a sheet from 1, 0 is a picture of its own; `pixels` is the area of the
    source (the larger of two duplicates is kept); `signature` is for finding duplicates, `look` for finding
    strays; `sprites` is how many a picture that looks like a sheet holds, which was not asked to be cut.
    """

    png: bytes | None
    reason: str | None = None
    piece: int = 0
    filter: str = ""
    notes: tuple[str, ...] = ()
    pixels: int = 0
    signature: Signature | None = None
    look: Look | None = None
    sprites: int = 0


def render(entry: Entry, options: ConvertOptions) -> list[Rendered]:
    """Read, verify, cut, fit, compose and encode one file; a problem is returned, not raised."""
    try:
        decoded = _decoded(entry)
        if options.sheet is None:
            sprites = len(sheet_boxes(visible(decoded.image, options.tolerance)))
            return [_rendered(decoded.image, entry.name, 0, decoded.notes, options)._replace(sprites=sprites)]
        pieces = sprites_of(decoded.image, parse_sheet(options.sheet), options.tolerance)
    except ValueError as error:
        return [Rendered(None, reason=str(error))]
    except MemoryError:
        return [Rendered(None, reason="not enough memory for its pixels")]
    if len(pieces) == 1 and pieces[0] is decoded.image:
        return [_rendered(decoded.image, entry.name, 0, decoded.notes, options)]
    notes = (*decoded.notes, "cut from a sheet")
    return [_rendered(piece, entry.name, n, notes, options) for n, piece in enumerate(pieces, 1)]


def _rendered(
    image: Image.Image, name: str, piece: int, notes: tuple[str, ...], options: ConvertOptions
) -> Rendered:
    try:
        fitted = fit(image, options)
    except ValueError as error:
        return Rendered(None, reason=str(error), piece=piece)
    picture, compared = _composed(fitted, piece_name(name, piece), options)
    return Rendered(
        png=encode(picture),
        piece=piece,
        filter=fitted.filter,
        notes=(*notes, *fitted.notes, *_note_opaque(fitted, options)),
        pixels=image.width * image.height,
        signature=signature(compared) if options.dedupe else None,
        look=look_of(compared),
    )


def _decoded(entry: Entry) -> Decoded:
    decoded = decode(read_entry(entry))
    if not entry.premultiplied:
        return decoded
    return decoded._replace(image=Image.fromarray(straight(np.asarray(decoded.image))))


def _composed(fitted: Fitted, name: str, options: ConvertOptions) -> tuple[Image.Image, Image.Image]:
    """The picture for the set, and the RGB picture by which it is compared with others."""
    if options.alpha:
        return compose_premultiplied(fitted), compose(fitted, _COMPARED_ON)
    background = parse_background(options.background)
    picture = compose(fitted, background or random_colour(options.seed, name))
    return picture, picture if background else compose(fitted, _COMPARED_ON)


def _note_opaque(fitted: Fitted, options: ConvertOptions) -> tuple[str, ...]:
    if not options.alpha or fitted.image.mode == "RGBA":
        return ()
    return ("opaque: --key would cut out a plain background",) if not options.key else ("opaque",)


def piece_name(name: str, piece: int) -> str:
    """What a picture is called: its file, and which sprite of a sheet it is."""
    return f"{name}#{piece}" if piece else name


def encode(picture: Image.Image) -> bytes:
    """Return `picture` (RGB or RGBA) as PNG, without any metadata."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=PNG_LEVEL, compress_type=PNG_STRATEGY)
    return buffer.getvalue()
