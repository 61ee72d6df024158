"""Colours of a picture file become sRGB: embedded profiles, gamma and primaries.

A profile is judged by what it does to colours, never by its name. Sources: ICC.1:2022; PNG specification
(third edition), 4.3 and 11.3.2, for which of several descriptions counts; ITU-T H.273 for the numbers of
cICP; IEC 61966-2-1 for the curve of sRGB.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import numpy as np
from PIL import Image

# Profiles of printers with large tables have 2 to 3 MiB.
_MAX_PROFILE = 16 * 2**20
# x and y of white, red, green and blue (the order of cHRM), by the numbers of H.273.
_PRIMARIES = {
    1: (0.3127, 0.3290, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060),
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
_SRGB = _PRIMARIES[1]
_SRGB_CURVE = 13
# libpng and the browsers built on it leave out a change of gamma below this share.
_GAMMA_THRESHOLD = 0.05
_BLOCK = 2**20  # pixels that are converted at once, in floats
_NAMES = {"L": "grey", "RGB": "RGB", "CMYK": "CMYK"}
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}  # what a profile calls the modes of Pillow
_NO_TABLE = 0x0100  # cmsFLAGS_NOOPTIMIZE; Pillow has a name for it from 10.3 on


def png_to_srgb(
    rgba: Image.Image, is_grey: bool, chunks: Mapping[bytes, bytes], notes: list[str]
) -> Image.Image:
    """Convert a PNG's RGBA by the first of its chunks cICP, iCCP, sRGB and gAMA with cHRM that can be used.

    What was done or ignored is added to `notes`.
    """
    if b"cICP" in chunks:
        code = tuple(chunks[b"cICP"])
        if code[:1] and code[0] in _PRIMARIES and code[1:] == (_SRGB_CURVE, 0, 1):
            return rgba if code[0] == 1 else _by_primaries(rgba, None, _PRIMARIES[code[0]], notes)
        notes.append("a colour space of films (cICP) is ignored")
    if b"iCCP" in chunks:
        profile = _profile_of(chunks[b"iCCP"])
        converted = _by_profile(rgba, profile, "L" if is_grey else "RGB", notes)
        if converted is not None:
            return converted
    if b"sRGB" in chunks or not {b"gAMA", b"cHRM"} & chunks.keys():
        return rgba
    coded = chunks.get(b"gAMA", b"")
    gamma = int.from_bytes(coded, "big") / 100_000 if len(coded) == 4 else 0
    primaries = _primaries_of(chunks.get(b"cHRM", b""))
    if not 0.1 <= gamma <= 10:
        if coded:
            notes.append("an impossible gamma is ignored")
        elif primaries is not None and not is_grey:
            notes.append("primaries without a gamma are ignored")
        return rgba
    if primaries is not None and not is_grey:
        return _by_primaries(rgba, gamma, primaries, notes)
    exponent = 1 / (2.2 * gamma)
    if abs(1 / exponent - 1) < _GAMMA_THRESHOLD:
        return rgba
    curve = [round(255 * (value / 255) ** exponent) for value in range(256)]
    notes.append("gamma converted to sRGB")
    return rgba.point(curve * 3 + list(range(256)))


def to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """Return any picture of Pillow as RGBA in sRGB; `profile` is an ICC profile or None.

    Palettes and transparency are expanded before colours are converted. A profile that is damaged or made for
    other pixels is ignored with a note.
    """
    base = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    expanded = image if image.mode in ("CMYK", "RGBA") else image.convert("RGBA")
    converted = _by_profile(expanded, profile, base, notes) if profile is not None else None
    result = converted if converted is not None else expanded
    return result if result.mode == "RGBA" else result.convert("RGBA")


def _by_profile(image: Image.Image, profile: bytes, base: str, notes: list[str]) -> Image.Image | None:
    # `image` is CMYK or RGBA; a grey one has equal colours.
    transform, problem = _transform(profile, base)
    if problem:
        notes.append(problem)
        return None
    if transform is None:
        return image
    from PIL import ImageCms

    source = image.getchannel("R") if base == "L" else image.convert(base)
    converted = ImageCms.applyTransform(source, transform)
    notes.append("colour profile converted to sRGB")
    if converted is None:
        return None
    result = converted.convert("RGBA")
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    return result


@lru_cache(maxsize=32)
def _transform(profile: bytes, base: str) -> tuple[Any, str | None]:
    """Return the transform of a profile to sRGB, None if it changes nothing by over a level, or a problem."""
    # The colour engine takes 20 ms to load, and few pictures need it.
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = str(source.profile.xcolor_space).strip()
        if space != _SPACES[base]:
            made_for = next((_NAMES[mode] for mode in _NAMES if _SPACES[mode] == space), "other")
            return None, f"a colour profile for {made_for} pixels is ignored: these are {_NAMES[base]}"
        # By default the engine goes through a coarse table, which is up to 10 levels off in dark greys.
        transform = ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), base, "RGB", flags=cast("Any", _NO_TABLE)
        )
        if base == "CMYK":
            return transform, None
        probe = _probe(base)
        result = ImageCms.applyTransform(probe, transform)
    except Exception:  # hostile profiles may fail anywhere in the colour engine
        return None, "a colour profile that cannot be used is ignored"
    if result is None:
        return None, "a colour profile that cannot be used is ignored"
    change = np.abs(np.asarray(result).astype(int) - np.asarray(probe.convert("RGB")))
    return (None if change.max() <= 1 else transform), None


def _probe(base: str) -> Image.Image:
    # All greys, and for colours also a cube of 18 levels a side.
    grey = np.arange(256, dtype=np.uint8)[None, :]
    if base == "L":
        return Image.fromarray(grey)
    cube = np.stack(np.meshgrid(*[np.arange(0, 256, 15, dtype=np.uint8)] * 3), axis=-1).reshape(1, -1, 3)
    return Image.fromarray(np.concatenate([cube, np.repeat(grey[:, :, None], 3, axis=2)], axis=1))


def _profile_of(chunk: bytes) -> bytes:
    # A name, a zero, the method of compression, and the profile.
    start = chunk.find(b"\0") + 2
    try:
        return zlib.decompressobj().decompress(chunk[start:], _MAX_PROFILE)
    except zlib.error:
        return b""


def _primaries_of(chunk: bytes) -> tuple[float, ...] | None:
    if len(chunk) != 32:
        return None
    values = tuple(value / 100_000 for value in struct.unpack(">8I", chunk))
    return None if np.allclose(values, _SRGB, atol=0.001) else values


def _by_primaries(
    rgba: Image.Image, gamma: float | None, primaries: tuple[float, ...], notes: list[str]
) -> Image.Image:
    """Convert colours of other primaries, coded by a power of 1 / `gamma` or by the curve of sRGB (None)."""
    try:
        matrix = (np.linalg.inv(_to_xyz(_SRGB)) @ _to_xyz(primaries)).astype(np.float32)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        notes.append("impossible primaries are ignored")
        return rgba
    codes = np.arange(256, dtype=np.float32) / 255
    if gamma:
        curve = codes ** (1 / gamma)
    else:
        curve = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    pixels = np.array(rgba)
    flat = pixels.reshape(-1, 4)
    for start in range(0, len(flat), _BLOCK):
        linear = np.clip(curve[flat[start : start + _BLOCK, :3]] @ matrix.T, 0, 1)
        coded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
        flat[start : start + _BLOCK, :3] = np.rint(coded * 255)
    notes.append("gamma and primaries converted to sRGB" if gamma else "primaries converted to sRGB")
    return Image.fromarray(pixels)


def _to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    """Return the matrix from linear RGB to XYZ, white adapted to that of sRGB by scaling cones (Bradford)."""
    white, *colours = (
        np.array([x / y, 1, (1 - x - y) / y]) for x, y in zip(primaries[::2], primaries[1::2], strict=True)
    )
    columns = np.stack(colours, axis=1)
    cones = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    x, y = _SRGB[:2]
    scale = (cones @ [x / y, 1, (1 - x - y) / y]) / (cones @ white)
    return np.linalg.inv(cones) @ np.diag(scale) @ cones @ (columns * np.linalg.solve(columns, white))
