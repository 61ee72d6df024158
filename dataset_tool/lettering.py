"""Fonts for names in any script: the one that comes with Pillow, and those that the system has."""

from __future__ import annotations

import functools
import unicodedata

from PIL import ImageFont

# The usual fonts of Linux, Windows and macOS with many letters; Pillow finds them by their file names.
_FAMILIAR = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "segoeui.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKjp-Regular.otf",
    "DroidSansFallbackFull.ttf",
    "wqy-zenhei.ttc",
    "fonts-japanese-gothic.ttf",
    "YuGothM.ttc",
    "msgothic.ttc",
    "malgun.ttf",
    "msyh.ttc",
    "Hiragino Sans GB.ttc",
    "PingFang.ttc",
    "AppleSDGothicNeo.ttc",
    "unifont.ttf",
)
_NO_LETTER = "\U0010ffff"  # a code point that never gets one: every font draws its sign for "missing"


@functools.cache
def font(size: int, text: str = "") -> ImageFont.FreeTypeFont:
    """The font at `size` pixels for `text`: the bundled one unless only another has all of its letters."""
    for name in (None, *_FAMILIAR):
        found = _opened(name, size)
        if found is not None and _has(name, text):
            return found
    bundled = _opened(None, size)
    assert bundled is not None  # as with every size
    return bundled


def drawable(text: str) -> str | None:
    """`text` as it can be drawn here: itself, or without its accents; None if no font has its letters."""
    for spelled in (text, _without_accents(text)):
        if any(_has(name, spelled) for name in (None, *_FAMILIAR)):
            return spelled
    return None


@functools.cache
def _opened(name: str | None, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        found = ImageFont.load_default(size) if name is None else ImageFont.truetype(name, size)
    except OSError:
        return None
    return found if isinstance(found, ImageFont.FreeTypeFont) else None


@functools.cache
def _has(name: str | None, text: str) -> bool:
    return all(_has_letter(name, letter) for letter in set(text))


@functools.cache
def _has_letter(name: str | None, letter: str) -> bool:
    found = _opened(name, 20)
    if found is None:
        return False
    if letter.isspace():
        return letter in " \n"
    drawn, missing = found.getmask(letter), found.getmask(_NO_LETTER)
    return drawn.getbbox() is not None and bytes(drawn) != bytes(missing)


def _without_accents(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
