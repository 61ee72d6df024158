"""Windows bitmaps of 16 and 32 bits a pixel with any masks and their alpha, and the profile of any bitmap.

Source: Microsoft's documentation of BITMAPINFOHEADER, BITMAPV4HEADER and BITMAPV5HEADER.
"""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

from dataset_tool.reading.sniff import PictureError

_RGB, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6  # values of biCompression
_V3, _V5 = 56, 124  # sizes of headers: with a mask of alpha, and with a profile
_EMBEDDED = b"DEBM"  # 'MBED' as a number of 4 bytes
_DEFAULT_MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0xFF000000)}


def bmp_size(data: bytes) -> tuple[int, int] | None:
    """Return the size of a bitmap of 16 or 32 bits a pixel; None for those that Pillow reads whole."""
    if len(data) < 54 or _header_size(data) not in (40, 52, _V3, 108, _V5):
        return None
    bits, compression = struct.unpack_from("<HI", data, 28)
    if bits not in _DEFAULT_MASKS or compression not in (_RGB, _BITFIELDS, _ALPHA_BITFIELDS):
        return None
    width, height = struct.unpack_from("<ii", data, 18)
    return max(width, 0), abs(height)


def read_masked(data: bytes, notes: list[str]) -> Image.Image:
    """Return a bitmap of 16 or 32 bits a pixel as RGBA.

    An alpha of zeros alone means opaque, as in every browser. The fourth byte of 32 bits is alpha even where
    the header does not say so. Raises PictureError when the file ends too early.
    """
    width, height = struct.unpack_from("<ii", data, 18)
    bits, compression = struct.unpack_from("<HI", data, 28)
    (offset,) = struct.unpack_from("<I", data, 10)
    masks, is_declared = _masks(data, bits, compression)
    unit = bits // 8
    stride = (width * unit + 3) // 4 * 4
    if offset + stride * abs(height) > len(data):
        raise PictureError("truncated BMP: it ends before its last pixel")
    rows = np.frombuffer(data, np.uint8, stride * abs(height), offset).reshape(abs(height), stride)
    values = np.ascontiguousarray(rows[:, : width * unit]).view(f"<u{unit}")
    if height > 0:
        values = values[::-1]
    rgba = np.stack([_channel(values, mask) for mask in masks], axis=-1)
    if not rgba[:, :, 3].any():
        if is_declared and masks[3]:
            notes.append("an alpha of zeros alone is taken as opaque")
        rgba[:, :, 3] = 255
    elif not is_declared and rgba[:, :, 3].min() < 255:
        notes.append("the fourth byte of a 32-bit BMP is taken as alpha")
    return Image.fromarray(rgba)


def bmp_profile(data: bytes) -> bytes | None:
    """Return the colour profile that a bitmap of version 5 embeds, or None."""
    if len(data) < 14 + _V5 or _header_size(data) < _V5 or data[70:74] != _EMBEDDED:
        return None
    offset, size = struct.unpack_from("<II", data, 126)
    return data[14 + offset : 14 + offset + size]


def _header_size(data: bytes) -> int:
    return struct.unpack_from("<I", data, 14)[0]


def _masks(data: bytes, bits: int, compression: int) -> tuple[tuple[int, ...], bool]:
    # The masks of red, green, blue and alpha, and whether the file states them.
    has_alpha = compression == _ALPHA_BITFIELDS or _header_size(data) >= _V3
    count = 4 if has_alpha else 3
    if compression == _RGB or len(data) < 54 + 4 * count:
        return _DEFAULT_MASKS[bits], False
    masks = (*struct.unpack_from(f"<{count}I", data, 54), 0)[:4]
    return (masks, True) if any(masks) else (_DEFAULT_MASKS[bits], False)


def _channel(values: np.ndarray, mask: int) -> np.ndarray:
    mask &= 2 ** (8 * values.itemsize) - 1
    if mask == 0:
        return np.zeros(values.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    top = mask >> shift
    samples = (values & values.dtype.type(mask)) >> values.dtype.type(shift)
    if top == 255:
        return samples.astype(np.uint8)
    return ((samples.astype(np.uint32 if top < 2**24 else np.uint64) * 255 + top // 2) // top).astype(
        np.uint8
    )
