"""Bytes of a picture file become one upright RGBA picture, or a reason why not.

Sources: PNG specification (third edition), chapter 13, for how frames of an animation are laid over each
other; EXIF 2.32, tag Orientation.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

from PIL import Image

from dataset_tool.reading import bmp
from dataset_tool.reading.colour import png_to_srgb, to_srgb
from dataset_tool.reading.png import MAX_FRAMES, Png, open_stream, read_png
from dataset_tool.reading.sniff import PictureError, sniff

# Pillow warns about large pictures and odd metadata; both are judged here instead. A filter around each call
# would not be safe where threads decode.
warnings.filterwarnings("ignore", module=r"PIL\.")

# An 8K picture has 33 million pixels; as RGBA this bound costs 256 MiB in one process.
MAX_PIXELS = 64 * 10**6

_MOST_FRAMES = 10_000  # of a film that is read whole
_USUAL_TIME = 100  # milliseconds of a frame that gives none, as browsers show it

# EXIF 2.32, table 6: what undoes each value of Orientation other than 1.
_ORIENTATION = 0x0112
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
    """Decode a PNG, JPEG, WebP, GIF or BMP to RGBA in sRGB, rotated as its EXIF says.

    Palettes, grey, 16-bit samples and CMYK become 8-bit RGBA; transparency is applied before colours are
    converted. Of an animation the first frame that shows something is taken. The size is checked in the
    header, before any memory is taken for pixels. Raises PictureError (a ValueError) with a reason for the
    problem table.
    """
    format = sniff(data)
    notes: list[str] = []
    try:
        if format == "PNG":
            rgba, mode, exif = _read_png(data, notes)
        elif format == "BMP" and (size := bmp.bmp_size(data)) is not None:
            _check_size(*size)
            rgba = to_srgb(bmp.read_masked(data, notes), bmp.bmp_profile(data), notes)
            mode, exif = "RGB" if rgba.getchannel("A").getextrema() == (255, 255) else "RGBA", b""
        else:
            rgba, mode, exif = _read_other(data, format, notes)
        return Decoded(_upright(rgba, exif, notes), mode, tuple(notes))
    except (PictureError, MemoryError):
        raise
    except Exception as error:  # damaged files may fail anywhere in the decoders
        raise PictureError(_reason(error, format)) from error


def decode_frames(data: bytes) -> list[tuple[Image.Image, int]]:
    """Decode every frame of an animation as `decode` decodes one, each with its milliseconds.

    A still picture beside the animation is no frame of it; a frame without a time takes 100. Raises
    PictureError for a frame that is damaged, and for too many frames or pixels in all of them together.
    """
    format = sniff(data)
    frames: list[tuple[Image.Image, int]] = []
    try:
        for rgba, milliseconds in _film_of_png(data) if format == "PNG" else _film_of_other(data, format):
            frames.append((rgba, round(milliseconds) or _USUAL_TIME))
            if len(frames) * rgba.width * rgba.height > MAX_PIXELS or len(frames) > _MOST_FRAMES:
                most = f"{_MOST_FRAMES} frames, or {MAX_PIXELS // 10**6} million pixels in all"
                raise PictureError(f"a film of more than {most}: cut it")
    except (PictureError, MemoryError):
        raise
    except Exception as error:  # damaged files may fail anywhere in the decoders
        raise PictureError("a damaged film: not all of its frames can be read") from error
    return frames


def _film_of_png(data: bytes) -> Iterator[tuple[Image.Image, float]]:
    png = read_png(data, _MOST_FRAMES + 1)
    is_grey, exif = png.header.colour_type in (0, 4), png.chunks.get(b"eXIf", b"")
    for frame, canvas in zip(png.frames, _frames_of_png(png, len(png.frames)), strict=True):
        yield _upright(png_to_srgb(canvas, is_grey, png.chunks, []), exif, []), frame.milliseconds


def _film_of_other(data: bytes, format: str) -> Iterator[tuple[Image.Image, float]]:
    image: Any = Image.open(io.BytesIO(data), formats=[format])
    for number in range(image.n_frames):
        rgba = _frame_of_other(image, number, [])
        yield _upright(rgba, image.info.get("exif", b""), []), image.info.get("duration") or 0


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"a decompression bomb: {width}×{height} pixels, more than {MAX_PIXELS // 10**6} million"
        )
    if width == 0 or height == 0:
        raise PictureError(f"no pixels: {width}×{height}")


def _reason(error: Exception, format: str) -> str:
    # The decoders' own texts speak to programmers; what matters in them are a few words.
    text = str(error).lower()
    if isinstance(error, Image.DecompressionBombError):
        return f"a decompression bomb: more than {MAX_PIXELS // 10**6} million pixels"
    if isinstance(error, EOFError) or "truncated" in text or "not enough" in text:
        return f"truncated {format}: it ends before its last pixel"
    if "unsupported" in text or "not supported" in text:
        return f"a rare kind of {format} that cannot be read: save it again as PNG"
    if "identify" in text:
        return f"damaged {format}: its header cannot be read"
    return f"damaged {format}: its pixels cannot be read"


def _read_png(data: bytes, notes: list[str]) -> tuple[Image.Image, str, bytes]:
    png = read_png(data)
    header, chunks = png.header, png.chunks
    _check_size(header.width, header.height)
    rgba = _first_visible(png, notes) if png.frames else None
    if rgba is None:
        rgba = open_stream(png, png.still, (header.width, header.height))
    mode = rgba.info["mode"]
    if header.bit_depth == 16:
        notes.append("16 bits per sample reduced to 8")
    is_grey = header.colour_type in (0, 4)
    return png_to_srgb(rgba, is_grey, chunks, notes), mode, chunks.get(b"eXIf", b"")


def _first_visible(png: Png, notes: list[str]) -> Image.Image | None:
    """Return the first frame of an animation that shows something, or its first; None if that is damaged."""
    first = found = None
    try:
        for canvas in _frames_of_png(png, _frame_limit((png.header.width, png.header.height))):
            first = first or canvas
            if _is_visible(canvas):
                found = canvas
                break
    except Exception:  # a damaged frame is no reason to lose those before it, nor the still picture
        if first is None:
            notes.append("a damaged animation: its still picture is used")
            return None
    _note_frame(found is None or found is first, notes)
    if png.is_hidden:
        notes.append("a still picture beside the animation is left out")
    return found or first


def _frames_of_png(png: Png, most: int) -> Iterator[Image.Image]:
    size = (png.header.width, png.header.height)
    canvas = Image.new("RGBA", size)
    for frame in png.frames[:most]:
        left, top, right, bottom = frame.box
        if not (left < right <= size[0] and top < bottom <= size[1]):
            raise PictureError("damaged PNG: a frame lies outside of its picture")
        image = open_stream(png, frame.stream, (right - left, bottom - top))
        before = canvas.copy()
        if frame.blends:
            canvas.alpha_composite(image, (left, top))
        else:
            canvas.paste(image, (left, top))
        canvas.info = image.info
        yield canvas.copy()
        if frame.dispose == 1:
            canvas.paste((0, 0, 0, 0), frame.box)
        elif frame.dispose == 2:
            canvas = before


def _read_other(data: bytes, format: str, notes: list[str]) -> tuple[Image.Image, str, bytes]:
    image = Image.open(io.BytesIO(data), formats=[format])
    _check_size(*image.size)
    if format in ("GIF", "WEBP"):
        is_animated = _is_animated(image)
        rgba, mode = _frame_of_other(image, 0, notes), image.mode
        exif = image.info.get("exif", b"")
        return _later_visible(image, rgba, notes) if is_animated else rgba, mode, exif
    image.load()
    if format == "BMP":
        # A grey palette is still one of RGB, and so is the profile.
        return to_srgb(image.convert("RGB"), bmp.bmp_profile(data), notes), image.mode, b""
    return to_srgb(image, image.info.get("icc_profile"), notes), image.mode, image.info.get("exif", b"")


def _frame_of_other(image: Any, number: int, notes: list[str]) -> Image.Image:
    """Return a frame of a GIF or WebP that Pillow has opened, as RGBA in sRGB."""
    image.seek(number)
    _check_size(*image.size)
    covered = image.tile[0][1] if image.format == "GIF" and image.tile else None  # [left, top, right, bottom]
    # A copy, since `image` goes on to other frames. GIF files have no profiles.
    rgba = to_srgb(image.convert("RGBA"), image.info.get("icc_profile"), notes)
    if number == 0 and covered and covered != (0, 0, *image.size) and "transparency" not in image.info:
        # Pillow paints what the first frame leaves out in a colour of the palette; browsers leave it empty.
        rest = Image.new("RGBA", image.size)
        rest.paste(rgba.crop(covered), covered)
        rgba = rest
    return rgba


def _later_visible(image: Image.Image, first: Image.Image, notes: list[str]) -> Image.Image:
    """Return the first frame of an animation in GIF or WebP that shows something, or `first`."""
    frame = first
    try:
        for number in range(1, _frame_limit(image.size)):
            if _is_visible(frame):
                break
            frame = _frame_of_other(image, number, [])
    except Exception:  # the end, or a damaged frame: those before it count
        pass
    found = frame if _is_visible(frame) else first
    _note_frame(found is first, notes)
    return found


def _note_frame(is_first: bool, notes: list[str]) -> None:
    notes.append("first frame of an animation" + ("" if is_first else " that is not empty"))


def _frame_limit(size: tuple[int, int]) -> int:
    # An animation may begin with empty frames; together they may cost as much as one picture may.
    return max(1, min(MAX_FRAMES, MAX_PIXELS // (size[0] * size[1])))


def _is_visible(rgba: Image.Image) -> bool:
    return rgba.getchannel("A").getbbox() is not None


def _is_animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a damaged later frame is no problem while the first one can be used
        return False


def _upright(rgba: Image.Image, exif: bytes, notes: list[str]) -> Image.Image:
    if not exif:
        return rgba
    tags = Image.Exif()
    try:
        tags.load(exif)
        orientation = tags.get(_ORIENTATION, 1)
        if orientation not in _UPRIGHT:
            return rgba
    except Exception:  # damaged EXIF is no reason to lose the picture
        return rgba
    notes.append("rotated as its EXIF says")
    return rgba.transpose(_UPRIGHT[orientation])
