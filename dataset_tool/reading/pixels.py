"""The pixels of a stored picture as training sees them, and which pictures can be trained on together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from dataset_tool.reading.decode import MAX_PIXELS, decode
from dataset_tool.reading.png import load_stream, read_png
from dataset_tool.reading.sniff import sniff

LEAST_SIDE = 8
_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_GREY = frozenset({"1", "L", "I", "I;16", "I;16B", "I;16L", "I;16N"})
_COLOURS = {1: "grey", 3: "RGB", 4: "RGBA"}
_PLAIN_TYPES = (0, 2, 6)  # PNG specification, table 8: grey, RGB and RGBA


class Shape(NamedTuple):
    """Size of a picture and its number of channels: 1 for grey, 3 for RGB, 4 with alpha."""

    width: int
    height: int
    channels: int


class Pixels(NamedTuple):
    """A picture as uint8 [H, W, C] with C = 1, 3 or 4, and the mode it is stored in."""

    array: np.ndarray
    mode: str

    @property
    def shape(self) -> Shape:
        height, width, channels = self.array.shape
        return Shape(width, height, channels)


def decode_pixels(data: bytes) -> Pixels:
    """Decode a PNG, JPEG, WebP, GIF or BMP as `decode` does, in as many channels as it needs.

    A picture with alpha, or with any transparent pixel, has 4 channels. Opaque grey has 1, everything else 3.
    Raises ValueError with a reason for the problem table.
    """
    if (image := _plain_png(data)) is not None:
        array = np.asarray(image)
        return Pixels(array[:, :, None] if array.ndim == 2 else array, image.mode)
    decoded = decode(data)
    array = np.asarray(decoded.image)
    if decoded.mode in _ALPHA or array[:, :, 3].min() < 255:
        return Pixels(array, decoded.mode)
    return Pixels(array[:, :, : 1 if decoded.mode in _GREY else 3], decoded.mode)


def premultiplied(picture: np.ndarray) -> np.ndarray:
    """RGBA uint8 [..., 4] with colours multiplied by alpha, to the nearest level; invisible is 0, 0, 0, 0."""
    alpha = picture[..., 3:].astype(np.uint16)
    return np.concatenate([((picture[..., :3] * alpha + 127) // 255).astype(np.uint8), picture[..., 3:]], -1)


def straight(picture: np.ndarray) -> np.ndarray:
    """Premultiplied RGBA uint8 [..., 4] with the colours themselves, as PNG and all viewers have them.

    This is the only place where premultiplied becomes straight. Colours beyond alpha, which a network may
    draw, are taken as alpha. Invisible pixels become 0, 0, 0, 0.
    """
    alpha = picture[..., 3:].astype(np.uint16)
    colours = np.minimum(picture[..., :3], picture[..., 3:]).astype(np.uint16)
    colours = (colours * 255 + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([colours.astype(np.uint8), picture[..., 3:]], axis=-1)


def unusable_shape(shape: Shape) -> str | None:
    """Why no network can be trained on pictures of this shape, or None."""
    width, height, _ = shape
    if width != height:
        return f"{size_text(shape)}: not square"
    if width & (width - 1):
        return f"{size_text(shape)}: the side is not a power of two"
    return f"{size_text(shape)}: smaller than {LEAST_SIDE}×{LEAST_SIDE}" if width < LEAST_SIDE else None


def other_shape(shape: Shape, usual: Shape) -> str | None:
    """Why a picture cannot be trained on together with others of the shape `usual`, or None."""
    reasons = []
    if shape.width != shape.height:
        reasons.append(f"{size_text(shape)}: not square")
    elif shape[:2] != usual[:2]:
        reasons.append(f"{size_text(shape)}, but others are {size_text(usual)}")
    if shape.channels != usual.channels:
        reasons.append(f"{_COLOURS[shape.channels]}, but others are {_COLOURS[usual.channels]}")
    return "; ".join(reasons) or None


def size_text(shape: Shape) -> str:
    """Return width×height."""
    return f"{shape.width}×{shape.height}"


def _plain_png(data: bytes) -> Image.Image | None:
    """A PNG of 8-bit grey, RGB or RGBA samples that nothing in the file changes; None for anything else.

    `decode` would take twice as long to make RGBA of these samples, which then loses its alpha again.
    """
    if sniff(data) != "PNG":
        return None
    png = read_png(data)
    size = (png.header.width, png.header.height)
    is_plain = png.header.bit_depth == 8 and png.header.colour_type in _PLAIN_TYPES
    if not is_plain or png.frames or png.chunks.keys() - {b"sRGB"} or not 0 < size[0] * size[1] <= MAX_PIXELS:
        return None
    try:
        return load_stream(png, png.still, size)
    except OSError:
        return None  # `decode` finds the same fault and words it
