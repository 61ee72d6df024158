"""Picture files of every kind, made by the tests themselves."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG with its length and CRC."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png(
    samples: np.ndarray, colour_type: int, bit_depth: int = 8, extra: bytes = b"", interlaced: bool = False
) -> bytes:
    """Return a PNG written by hand from [H, W, C] samples; its rows take turns in the five filters."""
    height, width, channels = samples.shape
    passes = [samples[y::dy, x::dx] for x, y, dx, dy in _ADAM7] if interlaced else [samples]
    raw = b"".join(
        _filtered(part, bit_depth, max(1, channels * bit_depth // 8)) for part in passes if part.size
    )
    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def _filtered(samples: np.ndarray, bit_depth: int, unit: int) -> bytes:
    height = samples.shape[0]
    if bit_depth == 16:
        rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    elif bit_depth == 8:
        rows = samples.astype(np.uint8).reshape(height, -1)
    else:
        bits = np.unpackbits(samples.astype(np.uint8)[:, :, None], axis=2)[:, :, 8 - bit_depth :]
        rows = np.packbits(bits.reshape(height, -1), axis=1)
    padded = np.pad(rows.astype(int), ((1, 0), (unit, 0)))
    here, left, above, corner = padded[1:, unit:], padded[1:, :-unit], padded[:-1, unit:], padded[:-1, :-unit]
    distances = np.abs([above - corner, left - corner, left + above - 2 * corner])
    paeth = np.choose(distances.argmin(axis=0), [left, above, corner])
    predicted = [np.zeros_like(here), left, above, (left + above) // 2, paeth]
    return b"".join(
        bytes([y % 5]) + (here[y] - predicted[y % 5][y]).astype(np.uint8).tobytes() for y in range(height)
    )


def huge_png_header(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that claims to be `width`×`height`."""
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def encoded(image: Image.Image, format: str, **settings: object) -> bytes:
    """Return `image` in a file format of Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, format, **settings)
    return buffer.getvalue()


def creature(size: int = 64, colour: tuple[int, int, int] = (200, 60, 60), scale: int = 4) -> Image.Image:
    """Return a smooth drawing on transparent ground, RGBA: an oval body with outline, ears and an eye."""
    side = size * scale
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    line = max(2, side // 40)
    draw.polygon(
        [(side * 0.25, side * 0.35), (side * 0.3, side * 0.05), (side * 0.45, side * 0.3)],
        fill=(*colour, 255),
    )
    draw.polygon(
        [(side * 0.55, side * 0.3), (side * 0.75, side * 0.08), (side * 0.72, side * 0.4)],
        fill=(*colour, 255),
    )
    draw.ellipse(
        (side * 0.2, side * 0.25, side * 0.8, side * 0.9),
        fill=(*colour, 255),
        outline=(20, 20, 30, 255),
        width=line,
    )
    draw.ellipse((side * 0.35, side * 0.4, side * 0.45, side * 0.52), fill=(10, 10, 10, 255))
    draw.ellipse((side * 0.3, side * 0.6, side * 0.6, side * 0.85), fill=(250, 240, 200, 255))
    return image.resize((size, size), Image.Resampling.LANCZOS)


def pixel_sprite(size: int = 24, seed: int = 0) -> Image.Image:
    """Return a drawing of hard pixels in five colours on transparent ground, RGBA."""
    generator = np.random.default_rng(seed)
    palette = np.array(
        [[0, 0, 0, 0], [24, 24, 32, 255], [220, 80, 40, 255], [250, 200, 60, 255], [255, 255, 255, 255]],
        np.uint8,
    )
    half = generator.integers(0, 5, (size, size // 2))
    inside = np.hypot(*np.mgrid[-1 : 1 : size * 1j, -1 : 0 : (size // 2) * 1j]) < 0.9
    half = np.where(inside, half, 0)
    return Image.fromarray(palette[np.concatenate([half, half[:, ::-1]], axis=1)])


def noise(size: tuple[int, int], seed: int = 0, mode: str = "RGB") -> Image.Image:
    """Return a picture of random pixels in RGB, RGBA or L."""
    channels = len(mode)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)


def write(path: Path, data: bytes | Image.Image) -> Path:
    """Write bytes, or a picture as PNG, to `path` and return it; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else encoded(data, "PNG"))
    return path
