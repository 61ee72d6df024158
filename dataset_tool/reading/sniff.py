"""What a file is, by its content: collections of sprites are full of wrong extensions."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

PICTURE_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BLANK = b"\xef\xbb\xbf \t\r\n"  # a byte order mark and white space

# First bytes of what people do put into picture folders, so that the problem table can say what it is.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "an archive: give it as a source of its own"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"8BPS", "a Photoshop file: export it as PNG"),
    (b"gimp xcf", "a GIMP file: export it as PNG"),
    (b"II*\x00", "a TIFF file: convert it to PNG"),
    (b"MM\x00*", "a TIFF file: convert it to PNG"),
    (b"\x00\x00\x01\x00", "an icon file: convert it to PNG"),
    (b"%PDF", "a PDF file, not a picture"),
    (b"version https://git-lfs", "a Git LFS pointer: fetch the real file with `git lfs pull`"),
)


class PngHeader(NamedTuple):
    """The fields of IHDR that decide how samples are read."""

    width: int
    height: int
    bit_depth: int
    colour_type: int


def sniff(data: bytes) -> str:
    """Return the format of `data`, one of PICTURE_FORMATS; raises ValueError with what it is instead."""
    if not data:
        raise ValueError("empty file")
    if data.startswith(_PNG_SIGNATURE):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"BM") and len(data) >= 26:
        return "BMP"
    raise ValueError(f"not a picture that can be read: {_kind_of(data)}")


def png_header(data: bytes) -> PngHeader:
    """Return the header of a PNG; raises ValueError when it is cut off or is not the first chunk."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise ValueError("truncated or damaged PNG: it has no header")
    return PngHeader(*struct.unpack(">IIBB", data[16:26]))


def check_png(data: bytes) -> None:
    """Raise ValueError when a PNG ends before IEND or the CRC of a chunk that matters does not match.

    Pillow stops reading when the last row is out and checks neither; its decoders of the other formats do
    notice.
    """
    position = len(_PNG_SIGNATURE)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            break
        kind = data[position + 4 : position + 8]
        # Lower-case first letter: an ancillary chunk (a comment), whose damage does not touch the picture.
        if kind[0] & 0x20 == 0:
            if zlib.crc32(memoryview(data)[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
                raise ValueError(f"damaged PNG: the checksum of its {kind.decode('latin-1')} is wrong")
            if kind == b"IEND":
                return
        position = end + 4
    raise ValueError("truncated PNG: it ends before its last chunk")


def is_web_page(data: bytes) -> bool:
    """Whether a file with these first bytes is HTML."""
    return data[:512].lstrip(_BLANK).lower().startswith((b"<!doctype html", b"<html"))


def _kind_of(data: bytes) -> str:
    for head, name in _OTHERS:
        if data.startswith(head):
            return name
    if data[4:12] in (b"ftypavif", b"ftypheic", b"ftypheix", b"ftypmif1"):
        return "an AVIF or HEIC picture: convert it to PNG"
    if is_web_page(data):
        return "a web page, probably saved instead of the picture"
    start = data[:512].lstrip(_BLANK).lower()
    if b"<svg" in start:
        return "an SVG drawing: export it as PNG"
    if start.startswith((b"{", b"[")):
        return "JSON text"
    try:
        data[:512].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < min(len(data), 512) - 4:
            return "unknown content"
    return "unknown content" if b"\x00" in data[:512] else "text"
