"""The chunks of a PNG: what the pixels need, what their colours mean, and the frames of an animation.

Everything else in the file, such as text, is stepped over unread, whatever it is and however much of it.
Source: PNG specification (third edition), chapters 5 (chunks), 11.3.2 (colour) and 13 (APNG).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from dataset_tool.reading.sniff import PictureError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6  # colour types
# Rows of interlaced pictures come in passes: first column and row, and their steps.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_MAX_RATIO = 1032  # of deflate: bytes that one byte can become
_BLOCK = 2**20  # pixels of 16 bits that are rounded at once
# An animation may begin with empty frames; so many are looked at.
MAX_FRAMES = 100
_PARTS = {b"IHDR": "header", b"PLTE": "palette", b"tRNS": "transparency", b"IDAT": "pixels", b"IEND": "end"}
# Ancillary chunks that change how pixels look; the first of each kind counts.
_COLOURS = frozenset({b"tRNS", b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf"})


class PngHeader(NamedTuple):
    """The fields of IHDR that decide how samples are read."""

    width: int
    height: int
    bit_depth: int
    colour_type: int
    tail: bytes  # methods of compression, of filters and of interlacing

    @property
    def is_interlaced(self) -> bool:
        return self.tail[2] == 1


class Frame(NamedTuple):
    """One frame of an animation: its place on the canvas, how it is laid there, its time, and its pixels."""

    box: tuple[int, int, int, int]
    milliseconds: float
    dispose: int
    blends: bool
    stream: bytearray


class Png(NamedTuple):
    """A PNG taken apart; `chunks` holds the ancillary ones that are whole, `still` the stream of IDAT.

    `frames` is empty unless the PNG is animated. `is_hidden`: the picture of IDAT is none of them.
    """

    header: PngHeader
    palette: bytes
    chunks: dict[bytes, bytes]
    still: bytearray
    frames: list[Frame]
    is_hidden: bool


def png_header(data: bytes) -> PngHeader:
    """Return the header of a PNG; raises PictureError when it is cut off or is not the first chunk."""
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR":
        raise PictureError("truncated or damaged PNG: it has no header")
    return PngHeader(*struct.unpack(">IIBB3s", data[16:29]))


def read_png(data: bytes, most_frames: int = MAX_FRAMES) -> Png:
    """Take a PNG apart, with up to `most_frames` frames; what follows its last chunk is not looked at.

    Raises PictureError when it ends before IEND, or the checksum of a chunk that pixels depend on is wrong.
    """
    header = png_header(data)
    view = memoryview(data)
    palette = b""
    chunks: dict[bytes, bytes] = {}
    still = bytearray()
    frames: list[Frame] = []
    is_animated = False
    position = len(_SIGNATURE)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, end = data[position + 4 : position + 8], position + 8 + length
        if end + 4 > len(data):
            break
        body = view[position + 8 : end]
        # Lower-case first letter: an ancillary chunk, whose damage costs no more than itself.
        is_critical = kind[0] & 0x20 == 0
        if is_critical or kind in _COLOURS:
            is_whole = zlib.crc32(view[position + 4 : end]) == struct.unpack_from(">I", data, end)[0]
            if not is_whole and (is_critical or kind == b"tRNS"):
                raise PictureError(f"damaged PNG: the checksum of its {_PARTS.get(kind, 'parts')} is wrong")
            if kind == b"IEND":
                if not still or (header.colour_type == _PALETTE and not palette):
                    raise PictureError(f"damaged PNG: it has no {'palette' if still else 'pixels'}")
                is_hidden = bool(frames) and frames[0].stream is not still
                return Png(header, palette, chunks, still, frames, is_hidden)
            if kind == b"IDAT":
                still += body
            elif kind == b"PLTE":
                palette = bytes(body)
            elif is_whole and not is_critical:
                chunks.setdefault(kind, bytes(body))
        elif kind == b"acTL":
            is_animated = not still
        elif kind == b"fcTL" and len(frames) == most_frames:
            is_animated = False
        elif kind == b"fcTL" and is_animated and length == 26:
            width, height, x, y, share, of_second = struct.unpack_from(">4I2H", body, 4)
            milliseconds = 1000 * share / (of_second or 100)
            # The stream of IDAT is that of the first frame when this stands before it.
            stream = bytearray() if still or frames else still
            box = (x, y, x + width, y + height)
            frames.append(Frame(box, milliseconds, body[24], body[25] == 1, stream))
        elif kind == b"fdAT" and is_animated and frames and frames[-1].stream is not still:
            frames[-1].stream.extend(body[4:])
        position = end + 4
    raise PictureError("truncated PNG: it ends before its last chunk")


def open_stream(png: Png, stream: bytearray, size: tuple[int, int]) -> Image.Image:
    """Return one stream of pixels as RGBA, its transparency applied; `info["mode"]`: how it is stored.

    Raises PictureError when the stream ends too early.
    """
    if png.header.bit_depth == 16:
        return _from_16_bits(png, stream, size)
    image = load_stream(png, stream, size)
    key = _colour_key(png)
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    if key is not None:
        top = 2**png.header.bit_depth - 1
        samples = np.array(rgba)
        samples[_equals(samples, [(value & top) * 255 // top for value in key]), 3] = 0
        rgba = Image.fromarray(samples)
    rgba.info["mode"] = image.mode
    return rgba


def _equals(samples: np.ndarray, colour: Sequence[int]) -> np.ndarray:
    return np.logical_and.reduce([samples[:, :, i] == value for i, value in enumerate(colour)])


def load_stream(png: Png, stream: bytearray, size: tuple[int, int], layout: str | None = None) -> Image.Image:
    """Return the samples as Pillow reads them.

    layout: which bytes it takes of samples of 16 bits, the first (ending in B) or the second (ending in L).
    """
    expected = _unpacked_size(png.header, size)
    cut_off = "truncated PNG: it ends before its last pixel"
    if len(stream) * _MAX_RATIO < expected:
        raise PictureError(cut_off)
    image = Image.open(io.BytesIO(_assemble(png, stream, size)), formats=["PNG"])
    if layout:
        image.tile = [(*tile[:3], layout) for tile in image.tile]  # type: ignore[misc]
    image.load()
    # Pillow leaves rows that a stream lacks at zero, and does not say so. The corner is sooner looked at.
    corner = image.getpixel((size[0] - 1, size[1] - 1))
    is_filled = any(corner) if isinstance(corner, tuple) else corner
    is_filled = is_filled or image.crop((0, size[1] - 1, *size)).getbbox() is not None
    if (png.header.is_interlaced or not is_filled) and len(
        zlib.decompressobj().decompress(stream, expected)
    ) < expected:
        raise PictureError(cut_off)
    return image


def _unpacked_size(header: PngHeader, size: tuple[int, int]) -> int:
    bits = header.bit_depth * {_RGB: 3, _GREY_ALPHA: 2, _RGBA: 4}.get(header.colour_type, 1)
    total = 0
    for x, y, step_x, step_y in _ADAM7 if header.is_interlaced else ((0, 0, 1, 1),):
        width, height = -(-(size[0] - x) // step_x), -(-(size[1] - y) // step_y)
        # A byte before every row names its filter.
        total += height * (1 + (width * bits + 7) // 8) if min(width, height) > 0 else 0
    return total


def _colour_key(png: Png) -> tuple[int, ...] | None:
    # The samples, in the file's own depth, whose pixels are transparent.
    count = {_GREY: 1, _RGB: 3}.get(png.header.colour_type)
    key = png.chunks.get(b"tRNS")
    if count is None or key is None:
        return None
    if len(key) < 2 * count:
        raise PictureError("damaged PNG: its transparent colour is cut off")
    return struct.unpack(f">{count}H", key[: 2 * count])


def _from_16_bits(png: Png, stream: bytearray, size: tuple[int, int]) -> Image.Image:
    """Round 16 bits a sample to 8: v × 255 / 65535, to the nearest. Pillow would cut off the low byte."""
    colour_type = png.header.colour_type
    if colour_type in (_GREY, _GREY_ALPHA):
        # One or two samples of two bytes are filtered as two or four samples of one byte are.
        doubled = png.header._replace(bit_depth=8, colour_type=_RGBA if colour_type else _GREY_ALPHA)
        pairs = np.asarray(load_stream(png._replace(header=doubled), stream, size))
        high, low = pairs[:, :, 0::2], pairs[:, :, 1::2]
    else:
        mode = "RGB" if colour_type == _RGB else "RGBA"
        high, low = (np.asarray(load_stream(png, stream, size, f"{mode};16{end}")) for end in "BL")
    has_alpha = colour_type in (_GREY_ALPHA, _RGBA)
    colours = high.shape[2] - has_alpha
    key = _colour_key(png)
    rgba = np.full((*high.shape[:2], 4), 255, np.uint8)
    rows = max(1, _BLOCK // size[0])
    for top in range(0, size[1], rows):
        block = slice(top, top + rows)
        samples = high[block].astype(np.uint32) << 8 | low[block]
        rounded = (samples * 255 + 32895) >> 16  # exactly the nearest, without a division
        rgba[block, :, :3] = rounded[:, :, :colours]
        if has_alpha:
            rgba[block, :, 3] = rounded[:, :, -1]
        elif key is not None:
            rgba[block, :, 3][_equals(samples, key)] = 0
    image = Image.fromarray(rgba)
    image.info["mode"] = {_GREY: "I;16", _RGB: "RGB", _GREY_ALPHA: "LA"}.get(colour_type, "RGBA")
    return image


def _assemble(png: Png, stream: bytearray, size: tuple[int, int]) -> bytes:
    header = png.header
    parts: list[bytes | bytearray] = [_SIGNATURE]
    parts += _chunk(b"IHDR", struct.pack(">IIBB", *size, header.bit_depth, header.colour_type) + header.tail)
    if header.colour_type == _PALETTE:
        parts += _chunk(b"PLTE", png.palette)
        if b"tRNS" in png.chunks:
            parts += _chunk(b"tRNS", png.chunks[b"tRNS"][: len(png.palette) // 3])
    # Pillow does not read the checksum of pixels; that of the file has been compared.
    parts += (struct.pack(">I", len(stream)), b"IDAT", stream, b"\0\0\0\0")
    parts += _chunk(b"IEND", b"")
    return b"".join(parts)


def _chunk(kind: bytes, body: bytes) -> Iterator[bytes]:
    yield from (struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(kind + body)))
