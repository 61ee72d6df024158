"""Bytes of a picture file become one upright RGBA frame, or a reason why not.

Sources: PNG specification (third edition) for sample depths and tRNS; EXIF 2.32, tag Orientation.
"""

from __future__ import annotations

import io
import struct
import warnings
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from dataset_tool.reading.sniff import check_png, png_header, sniff

# An 8K picture has 33 million pixels; as RGBA this bound costs 256 MiB in one process.
MAX_PIXELS = 64 * 10**6

# EXIF 2.32, table 6: what undoes each value of Orientation other than 1.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Decoded(NamedTuple):
    """An upright picture in mode RGBA (straight alpha), the mode it is stored in, and what was done to it."""

    image: Image.Image
    mode: str
    notes: tuple[str, ...]


def decode(data: bytes) -> Decoded:
    """Decode the first frame of a PNG, JPEG, WebP, GIF or BMP to RGBA, rotated as its EXIF says.

    Palettes, grey, 16-bit samples, CMYK and embedded colour profiles end up as 8-bit sRGB. The size is
    checked in the header, before any memory is taken for pixels. Raises ValueError with a reason for the
    problem table.
    """
    format = sniff(data)
    if format == "PNG":
        header = png_header(data)
        _check_size(header.width, header.height)
        check_png(data)
    with warnings.catch_warnings():
        # Pillow warns about large pictures and odd metadata; both are judged here instead.
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=[format])
            _check_size(*image.size)
            notes = ["first frame of an animation"] if _is_animated(image) else []
            image.seek(0)
            image.load()
        except UnidentifiedImageError as error:
            raise ValueError(f"damaged {format}: its header cannot be read") from error
        except Image.DecompressionBombError as error:
            raise ValueError(f"too many pixels: {error}") from error
        except (
            OSError,
            SyntaxError,
            ValueError,
            EOFError,
            struct.error,
            IndexError,
            KeyError,
            TypeError,
        ) as error:
            raise ValueError(_reason(error, format)) from error
        rgba = _to_rgba(image, data, format, notes)
        return Decoded(_upright(image, rgba, notes), image.mode, tuple(notes))


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"a decompression bomb: {width}×{height} pixels, more than {MAX_PIXELS // 10**6} million"
        )
    if width == 0 or height == 0:
        raise ValueError(f"no pixels: {width}×{height}")


def _reason(error: Exception, format: str) -> str:
    text = str(error)
    if isinstance(error, ValueError) and text.startswith(("a decomp", "no pixels", "truncated", "damaged")):
        return text
    if "truncated" in text or "Truncated" in text:
        return f"truncated {format}: {text}"
    return f"damaged {format}: {text or type(error).__name__}"


def _is_animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except (OSError, EOFError, ValueError, SyntaxError, struct.error):
        # A broken later frame is no problem: only the first one is used.
        return False


def _to_rgba(image: Image.Image, data: bytes, format: str, notes: list[str]) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        notes.append("16 bits per sample reduced to 8")
        return _grey16_to_rgba(image)
    if format == "PNG" and "transparency" in image.info and image.mode in ("1", "L", "RGB"):
        image = _with_scaled_colour_key(image, png_header(data).bit_depth)
    if format == "PNG" and png_header(data).bit_depth == 16:
        notes.append("16 bits per sample reduced to 8")
    profile = image.info.get("icc_profile")
    if profile:
        image = _to_srgb(image, profile, notes)
    if image.mode == "RGBA":
        return image
    return image.convert("RGBA")


def _grey16_to_rgba(image: Image.Image) -> Image.Image:
    # Pillow's own conversion to 8 bits clips at 255 instead of dividing.
    samples = np.asarray(image).astype(np.uint32)
    grey = ((samples + 128) // 257).astype(np.uint8)
    rgba = np.repeat(grey[:, :, None], 4, axis=2)
    key = image.info.get("transparency")
    rgba[:, :, 3] = 255 if key is None else np.where(samples == key, 0, 255)
    return Image.fromarray(rgba)


def _with_scaled_colour_key(image: Image.Image, bit_depth: int) -> Image.Image:
    # tRNS holds samples of the file's own depth; Pillow scales the pixels to 8 bits but not the key.
    if bit_depth == 8:
        return image
    key = image.info["transparency"]

    def scale(value: int) -> int:
        return value >> 8 if bit_depth == 16 else value * 255 // (2**bit_depth - 1)

    if image.mode == "1":
        # Pillow scales a one-bit key, but its older versions do not apply it.
        scaled: int | tuple[int, ...] = 255 if key else 0
        image = image.convert("L")
    else:
        scaled = tuple(map(scale, key)) if isinstance(key, tuple) else scale(key)
        image = image.copy()
    image.info["transparency"] = scaled
    return image


def _to_srgb(image: Image.Image, profile: bytes, notes: list[str]) -> Image.Image:
    # Most embedded profiles are sRGB itself; recognising it by name keeps the colour engine out of the
    # common case.
    if b"sRGB" in profile or b"s\x00R\x00G\x00B" in profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        base = image.convert("RGB") if image.mode == "RGBA" else image
        converted = ImageCms.profileToProfile(base, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if converted is None:
        return image
    if alpha is not None:
        converted.putalpha(alpha)
    notes.append("colour profile converted to sRGB")
    return converted


def _upright(image: Image.Image, rgba: Image.Image, notes: list[str]) -> Image.Image:
    try:
        orientation = image.getexif().get(0x0112, 1)
    except (OSError, SyntaxError, ValueError, struct.error, KeyError, TypeError):
        return rgba
    if orientation not in _UPRIGHT:
        return rgba
    notes.append("rotated as its EXIF says")
    return rgba.transpose(_UPRIGHT[orientation])
