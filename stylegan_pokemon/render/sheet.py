"""Labelled contact sheets: pictures in rows and columns that say what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from stylegan_pokemon.render.images import on_white
from stylegan_pokemon.render.lettering import FAINT_INK, INK, PAPER, RULE, font, lines, plain, width


@dataclass(frozen=True)
class Layout:
    """Where things lie on a sheet, in pixels."""

    size: tuple[int, int]  # width, height
    text: int  # font size of the labels
    margin: int
    left: int  # of the first tile
    top: int  # of the first tile
    tile: tuple[int, int]  # width, height
    pitch: tuple[int, int]  # from one tile to the next: tile and gap, or what the labels need

    def place(self, row: int, column: int) -> tuple[int, int]:
        """Left and top of a tile."""
        return self.left + column * self.pitch[0], self.top + row * self.pitch[1]


def plan(
    rows: Sequence[str],
    columns: Sequence[str],
    tile: tuple[int, int],
    *,
    title: str = "",
    heading: str = "",
    footers: Sequence[str] = (),
) -> Layout:
    """Lay out a sheet for these labels and tiles of (width, height) pixels.

    The font grows with the tiles, and the gaps with the labels, so that neither is lost beside the other.
    """
    text = max(14, min(30, round(tile[1] / 8)))
    gap = max(2, round(min(tile) / 20))
    margin = 2 * text
    words = [line for label in rows for line in plain(label).split("\n")]
    label_width = max((width(line, text) for line in words), default=0)
    feet = [plain(words).split("\n") for words in footers]
    widest = max(
        *(width(plain(label), text) for label in columns),
        *(width(line, _small(text)) for foot in feet for line in foot),
        0,
    )
    pitch = (
        max(tile[0] + gap, widest + text),
        max(tile[1] + gap, round(1.4 * text * max(label.count("\n") + 1 for label in rows))),
    )
    left = margin + label_width + (text if label_width else 0)
    top = margin + round((2.6 * text if title else 0) + (1.7 * text if heading else 0) + 1.7 * text)
    content = left + (len(columns) - 1) * pitch[0] + tile[0]
    titled = margin + max(width(plain(title), round(1.5 * text)), 12 * text)
    bottom = top + (len(rows) - 1) * pitch[1] + tile[1]
    bottom += round((1.4 * max(map(len, feet)) + 0.4) * _small(text)) if feet else 0
    return Layout(
        size=(max(content, titled) + margin, bottom + round(2.2 * text) + margin),
        text=text,
        margin=margin,
        left=left,
        top=top,
        tile=tile,
        pitch=pitch,
    )


def contact_sheet(
    pictures: Sequence[Sequence[np.ndarray]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str = "",
    heading: str = "",
    caption: str = "",
    footers: Sequence[str] = (),
) -> np.ndarray:
    """Set pictures into a labelled sheet, uint8 [H, W, 3].

    pictures: [row][column], uint8 [h, w, 1, 3 or 4] of one size. rows: a label for each row, left of it; what
    follows a line break is set paler. columns: a label for each column, above it. heading: what the column
    labels are. title: above all. caption: small, below, in as many lines as it needs. footers: words for each
    column, small, below it, such as what was measured of it; they may have line breaks.
    """
    height, wide = pictures[0][0].shape[:2]
    at = plan(rows, columns, (wide, height), title=title, heading=heading, footers=footers)
    small = _small(at.text)
    below = lines(plain(caption), small, at.size[0] - 2 * at.margin)
    high = at.size[1] + round((len(below) - 1) * 1.4 * small)
    sheet = Image.new("RGB", (at.size[0], high), PAPER)
    draw = ImageDraw.Draw(sheet)
    right = at.place(0, len(columns) - 1)[0] + wide
    if title:
        _write(draw, (at.margin, at.margin), plain(title), INK, round(1.5 * at.text), "lt")
    label_line = at.top - round(0.7 * at.text)
    if heading:
        line = label_line - round(1.9 * at.text)
        _rule_with_words(draw, at.left, right, line, plain(heading), at.text)
    for column, label in enumerate(columns):
        centre = at.place(0, column)[0] + wide // 2
        _write(draw, (centre, label_line), plain(label), INK, at.text, "ms")
    for row, label in enumerate(rows):
        parts = plain(label).split("\n")
        middle = at.place(row, 0)[1] + height / 2 - 0.65 * at.text * (len(parts) - 1)
        for i, words in enumerate(parts):
            ink = INK if i == 0 else FAINT_INK
            position = (at.left - at.text, middle + 1.3 * at.text * i)
            _write(draw, position, words, ink, at.text, "rm")
        for column, picture in enumerate(pictures[row]):
            sheet.paste(Image.fromarray(on_white(picture)), at.place(row, column))
    foot = at.place(len(rows) - 1, 0)[1] + height + round(1.4 * small)  # the line that letters stand on
    for column, label in enumerate(footers):
        centre = at.place(0, column)[0] + wide // 2
        for i, words in enumerate(plain(label).split("\n")):
            _write(draw, (centre, foot + round(1.4 * small * i)), words, INK, small, "ms")
    for i, words in enumerate(reversed(below)):
        position = (at.margin, high - at.margin - round(i * 1.4 * small))
        _write(draw, position, words, FAINT_INK, small, "ls")
    return np.asarray(sheet)


def captioned_sheet(
    pictures: Sequence[np.ndarray], words: Sequence[str], columns: int, *, title: str, caption: str
) -> np.ndarray:
    """Set pictures row by row, each with its own words below it, uint8 [H, W, 3].

    pictures: uint8 [h, w, 1, 3 or 4] of one size. words: one a picture, all with as many lines; the first is
    dark, the others paler. columns: pictures in a row. title, caption: as in `contact_sheet`.
    """
    height, wide = pictures[0].shape[:2]
    columns = min(columns, len(pictures))
    text = max(11, min(24, round(height / 11)))
    parts = [plain(label).split("\n") for label in words]
    room = max(width(line, text) for label in parts for line in label)
    pitch = max(wide, room) + text
    rise = height + round(1.3 * text * len(parts[0]) + 1.2 * text)
    margin = 2 * text
    size = max(2 * margin + columns * pitch - text, 2 * margin + width(plain(title), round(1.5 * text)))
    below = lines(plain(caption), text, size - 2 * margin)
    top = margin + (round(2.6 * text) if title else 0)
    rows = -(-len(pictures) // columns)
    high = top + rows * rise + round(1.4 * text * (len(below) + 0.5)) + margin
    sheet = Image.new("RGB", (size, high), PAPER)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (margin, margin), plain(title), INK, round(1.5 * text), "lt")
    for i, (picture, label) in enumerate(zip(pictures, parts, strict=True)):
        left, y = margin + i % columns * pitch, top + i // columns * rise
        sheet.paste(Image.fromarray(on_white(picture)), (left + (pitch - text - wide) // 2, y))
        for k, line in enumerate(label):
            at = (left + (pitch - text) / 2, y + height + round(1.3 * text * (k + 1)))
            _write(draw, at, line, FAINT_INK if k else INK, text, "ms")
    for i, line in enumerate(below):
        _write(draw, (margin, top + rows * rise + round(1.4 * text * (i + 1))), line, FAINT_INK, text, "ls")
    return np.asarray(sheet)


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    words: str,
    ink: tuple[int, int, int],
    size: int,
    anchor: str,
) -> None:
    draw.text(at, words, ink, font(size, words), anchor=anchor)


def _small(text: int) -> int:
    """The font size of captions and footers, beside labels of size `text`."""
    return round(0.85 * text)


def _rule_with_words(draw: ImageDraw.ImageDraw, left: int, right: int, y: int, words: str, text: int) -> None:
    """A thin line from left to right, interrupted in its middle by words."""
    middle, half = (left + right) // 2, width(words, text) // 2 + text // 2
    for start, end in ((left, middle - half), (middle + half, right)):
        if end > start:
            draw.line([(start, y), (end, y)], RULE, width=max(1, text // 12))
    _write(draw, (middle, y), words, FAINT_INK, text, "mm")
