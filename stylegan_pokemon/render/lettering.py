"""Text on pictures, in the one font that comes with Pillow (Aileron, Basic Latin)."""

from __future__ import annotations

import functools
import unicodedata

from PIL import ImageFont

INK = (32, 33, 36)
FAINT_INK = (112, 117, 124)
PAPER = (255, 255, 255)
RULE = (222, 225, 230)
ACCENT = (66, 133, 190)


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The bundled font at `size` pixels."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)  # as with every size
    return found


def plain(text: str) -> str:
    """Spell `text` with the letters that the font has: accents are dropped, the rest becomes "?".

    A file name or class name can hold any character; a box in its place would look broken.
    """
    spelled = {"♀": " f", "♂": " m", "−": "-", "–": "-", "—": "-", "×": "x", "ß": "ss"}
    text = "".join(spelled.get(letter, letter) for letter in text)
    letters = unicodedata.normalize("NFKD", text)
    return "".join(
        letter if " " <= letter <= "~" or letter in "·…\n" else "?"
        for letter in letters
        if not unicodedata.combining(letter)
    )


def width(text: str, size: int) -> int:
    """Width of `text` in pixels."""
    return round(font(size).getlength(text))


def lines(text: str, size: int, room: int) -> list[str]:
    """`text` in lines of at most `room` pixels, broken between its parts (" · "), which `fit` if need be."""
    found: list[str] = []
    for part in text.split(" · "):
        if found and width(f"{found[-1]} · {part}", size) <= room:
            found[-1] += f" · {part}"
        else:
            found.append(fit(part, size, room))
    return found


def fit(text: str, size: int, room: int) -> str:
    """Shorten `text` in the middle with "…" until it is at most `room` pixels wide."""
    if width(text, size) <= room:
        return text
    for kept in range(len(text) - 1, 0, -1):
        shorter = text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :]
        if width(shorter, size) <= room:
            return shorter
    return ""
