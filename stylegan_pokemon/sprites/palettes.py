"""Palettes of sprites: built-in ones, files of palette editors, and the nearest colour of each pixel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dataset_tool.reading.decode import decode
from dataset_tool.reading.sniff import PictureError
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.sprites.options import MOST_COLOURS
from stylegan_pokemon.sprites.quantize import nearest, oklab, shared_palette

BUILT_IN = {
    "gameboy": "0f380f 306230 8bac0f 9bbc0f",
    "pico-8": "000000 1d2b53 7e2553 008751 ab5236 5f574f c2c3c7 fff1e8"
    " ff004d ffa300 ffec27 00e436 29adff 83769c ff77a8 ffccaa",
}
_POWER = 0.5  # of a colour's pixels: by area alone, 16 colours for 64 creatures were all but greys and browns
_MOST_BYTES = 1 << 20  # of a palette file


def named_palette(name: str) -> np.ndarray:
    """The colours of a built-in palette or of a file, in its order, each once: uint8 [K, 3], 1 ≤ K ≤ 256.

    Files: GIMP's .gpl, Lospec's .hex, Adobe's .act, or a picture (.png) with few colours. Raises UserError.
    """
    if name in BUILT_IN:
        return _hex(BUILT_IN[name])
    path = Path(name)
    readers = {".gpl": _gpl, ".hex": lambda data: _hex(_text(data)), ".act": _act, ".png": _picture}
    if path.suffix.lower() not in readers:
        known = ", ".join(BUILT_IN)
        raise UserError(
            f"--palette {name} is no palette; give each, shared, {known}, or a .gpl, .hex, .act or .png"
        )
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ValueError("it is larger than 1 MiB")
        colours = readers[path.suffix.lower()](data)
    except OSError as error:
        raise UserError(f"--palette {name} cannot be read: {error.strerror}; check the path") from error
    except PictureError as error:
        raise UserError(f"--palette {name} is no readable palette: {error}") from error
    except ValueError as error:
        raise UserError(f"--palette {name} is no readable palette: {error}; save it again") from error
    first = np.sort(np.unique(colours, axis=0, return_index=True)[1])
    if not 1 <= len(first) <= MOST_COLOURS:
        held = f"{len(first):,} colours" if len(first) else "no colours"
        raise UserError(f"--palette {name} has {held}; give one of 1 to {MOST_COLOURS}")
    return colours[first]


def chosen_palette(pictures: Sequence[np.ndarray], count: int, among: np.ndarray | None = None) -> np.ndarray:
    """At most `count` colours that serve all pictures uint8 [H, W, 4] together, darkest first: uint8 [K, 3].

    Only what is visible counts. among: uint8 [K, 3]; take the most used of these instead.
    """
    seen = [picture[picture[..., 3] >= 128][:, :3] for picture in pictures]
    seen = [colours[None] for colours in seen if len(colours)]
    if not seen:
        return np.zeros((1, 3), np.uint8) if among is None else among[:count]
    if among is None:
        palette = shared_palette(seen, count, _POWER)
    else:
        used = sum(
            np.bincount(nearest(oklab(colours[0]), oklab(among)), minlength=len(among)) for colours in seen
        )
        palette = among[np.sort(np.argsort(-used, kind="stable")[:count])]
    return palette[np.argsort(oklab(palette)[:, 0], kind="stable")] if among is None else palette


def indexed(picture: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The nearest palette entry in OKLab of each pixel of [H, W, 3 or 4]: uint8 [H, W]. No dithering."""
    rgb = picture[..., :3].astype(np.int32)
    packed = rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]
    different, places = np.unique(packed, return_inverse=True)
    colours = np.stack([different >> 16, different >> 8 & 255, different & 255], axis=1)
    return nearest(oklab(colours), oklab(palette))[places].reshape(picture.shape[:2])


def recoloured(picture: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """A picture uint8 [H, W, 4] in colours of the palette alone; opacity stays."""
    return np.dstack([palette[indexed(picture, palette)], picture[..., 3:]])


def as_indexed(picture: np.ndarray, palette: np.ndarray) -> Image.Image:
    """A picture uint8 [H, W, 4] of hard edges as an indexed one: 0 is transparent, 1 … K the palette."""
    image = Image.fromarray(
        np.where(picture[..., 3] > 0, indexed(picture, palette) + 1, 0).astype(np.uint8), "P"
    )
    image.putpalette(np.concatenate([palette[:1], palette]).tobytes())
    image.info["transparency"] = 0
    return image


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig")  # a UnicodeDecodeError is a ValueError


def _rgb(rows: Sequence[Sequence[int]]) -> np.ndarray:
    colours = np.array(rows, np.int64).reshape(-1, 3)
    if (colours > 255).any():
        raise ValueError("a colour is not within 0 … 255")
    return colours.astype(np.uint8)


def _hex(text: str) -> np.ndarray:
    words = [word.removeprefix("#") for word in text.split()]
    for word in words:
        if not re.fullmatch(r"[0-9a-fA-F]{6}(ff)?", word):
            raise ValueError(f"“{word[:20]}” is no colour such as 1d2b53")
    return _rgb([tuple(bytes.fromhex(word[:6])) for word in words])


def _gpl(data: bytes) -> np.ndarray:
    lines = _text(data).splitlines()
    if not lines or lines[0].strip() != "GIMP Palette":
        raise ValueError("its first line is not “GIMP Palette”")
    rows = [re.match(r"\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})(?:\s|$)", line) for line in lines[1:]]
    return _rgb([[int(part) for part in row.groups()] for row in rows if row])


def _act(data: bytes) -> np.ndarray:
    """256 colours of three bytes; files of four bytes more say how many of them are meant."""
    if len(data) not in (768, 772):
        raise ValueError(f"an .act has 768 or 772 bytes, this has {len(data)}")
    count = int.from_bytes(data[768:770], "big") if len(data) == 772 else 256
    if count > 256:
        raise ValueError(f"it says that it has {count} colours")
    return np.frombuffer(data[: 3 * count], np.uint8).reshape(-1, 3)


def _picture(data: bytes) -> np.ndarray:
    pixels = np.asarray(decode(data).image)
    return pixels[pixels[..., 3] > 0][:, :3]
