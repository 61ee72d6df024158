"""A reader of GIF's block structure, written from the specification: what browsers see before decoding."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class GifFrame:
    delay: int  # hundredths of a second
    transparent: int | None
    disposal: int
    box: tuple[int, int, int, int]  # left, top, width, height
    local_palette: bool


@dataclass
class GifFile:
    size: tuple[int, int]
    palette: bytes
    loops: int | None = None
    frames: list[GifFrame] = field(default_factory=list)


def read_gif(path: Path) -> GifFile:
    data = path.read_bytes()
    assert data[:6] == b"GIF89a"
    width, height, flags, _background, _aspect = struct.unpack("<HHBBB", data[6:13])
    at = 13
    palette = b""
    if flags & 0x80:
        size = 3 << ((flags & 7) + 1)
        palette, at = data[at : at + size], at + size
    gif = GifFile((width, height), palette)
    control = (0, None, 0)
    while data[at] != 0x3B:
        if data[at] == 0x21 and data[at + 1] == 0xF9:
            packed, delay, index = struct.unpack("<BHB", data[at + 3 : at + 7])
            control = (delay, index if packed & 1 else None, packed >> 2 & 7)
            at += 8
        elif data[at] == 0x21:
            if data[at + 3 : at + 14] == b"NETSCAPE2.0":
                gif.loops = struct.unpack("<H", data[at + 16 : at + 18])[0]
            at = _skip(data, at + 2)
        else:
            assert data[at] == 0x2C
            *box, flags = struct.unpack("<HHHHB", data[at + 1 : at + 10])
            at += 10 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
            gif.frames.append(GifFrame(*control, tuple(box), bool(flags & 0x80)))
            at = _skip(data, at + 1)
    assert at == len(data) - 1
    return gif


def _skip(data: bytes, at: int) -> int:
    """Past a chain of sub-blocks, each preceded by its length, ended by an empty one."""
    while data[at]:
        at += 1 + data[at]
    return at + 1
