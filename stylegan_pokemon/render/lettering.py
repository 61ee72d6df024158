"""Text on pictures: in the font that comes with Pillow (Aileron, Basic Latin) wherever that is enough."""

from __future__ import annotations

import unicodedata

from dataset_tool.lettering import drawable, font

INK = (32, 33, 36)
FAINT_INK = (112, 117, 124)
PAPER = (255, 255, 255)
RULE = (222, 225, 230)
ACCENT = (66, 133, 190)


def plain(text: str) -> str:
    """Spell `text` with the letters that a font here has: accents are dropped, the rest becomes "?".

    A file name or class name can hold any character; a box in its place would look broken.
    """
    spelled = {"♀": " f", "♂": " m", "−": "-", "–": "-", "—": "-", "×": "x", "ß": "ss"}
    latin = "".join(spelled.get(letter, letter) for letter in text)
    letters = [mark for mark in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(mark)]
    if all(map(_is_latin, letters)):
        return "".join(letters)
    return drawable(text) or "".join(letter if _is_latin(letter) else "?" for letter in letters)


def _is_latin(letter: str) -> bool:
    return " " <= letter <= "~" or letter in "·…\n"


def width(text: str, size: int) -> int:
    """Width of `text` in pixels."""
    return round(font(size, text).getlength(text))


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
