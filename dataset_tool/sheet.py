"""Contact sheets: many pictures on one page, in rows with names when they have classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from dataset_tool.files import whole_file
from dataset_tool.lettering import drawable, font
from dataset_tool.problems import UserError

# A multiple of every usual resolution up to itself, so that small pictures fill their cell with whole pixels.
CELL = 128
_GAP = 4
_EDGE = 16
_PAGE = (238, 238, 240)
_EMPTY = (255, 255, 255)
_INK = (32, 32, 36)
_FAINT = (120, 120, 128)


@dataclass(frozen=True)
class SheetRow:
    """One row of a sheet: the name at its left (empty: no names), a second line in grey, and thumbnails.

    Thumbnails are CELL×CELL RGB pixels as bytes, as `thumbnail` returns them.
    """

    name: str
    detail: str
    thumbnails: tuple[bytes, ...]


def thumbnail(picture: Image.Image) -> bytes:
    """Return an RGB picture fitted into CELL×CELL as raw RGB bytes; small pixels stay crisp."""
    small = picture.copy()
    if max(small.size) > CELL:
        small.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
    else:
        factor = CELL // max(small.size)
        small = small.resize((small.width * factor, small.height * factor), Image.Resampling.NEAREST)
    cell = Image.new("RGB", (CELL, CELL), _EMPTY)
    cell.paste(small, ((CELL - small.width) // 2, (CELL - small.height) // 2))
    return cell.tobytes()


def draw_sheet(title: str, rows: Sequence[SheetRow]) -> Image.Image:
    """Return the page: a title, and under it the rows, as wide as the longest of them."""
    # A name that no font here has is left out: the second line holds the number of its class.
    named = [drawable(row.name) or "" for row in rows]
    title = drawable(title) or ""
    names = max((font(15, name).getlength(name) for name in named), default=0.0)
    details = max((font(12).getlength(row.detail) for row in rows), default=0.0)
    left = _EDGE + (int(max(names, details)) + _EDGE if names or details else 0)
    columns = max((len(row.thumbnails) for row in rows), default=0)
    top = _EDGE + 20 + _EDGE
    width = max(left + columns * (CELL + _GAP) - _GAP, int(_EDGE + font(20, title).getlength(title))) + _EDGE
    page = Image.new("RGB", (width, top + len(rows) * (CELL + _GAP) - _GAP + _EDGE), _PAGE)
    draw = ImageDraw.Draw(page)
    draw.text((_EDGE, _EDGE), title, _INK, font(20, title))
    for number, row in enumerate(rows):
        y = top + number * (CELL + _GAP)
        draw.text((_EDGE, y + CELL // 2 - 2), named[number], _INK, font(15, named[number]), anchor="ls")
        draw.text((_EDGE, y + CELL // 2 + 4), row.detail, _FAINT, font(12), anchor="la")
        for column, pixels in enumerate(row.thumbnails):
            page.paste(Image.frombytes("RGB", (CELL, CELL), pixels), (left + column * (CELL + _GAP), y))
    return page


def check_sheet(path: Path) -> None:
    """Raise UserError, before any work is done, for a sheet that could not be written or not be opened."""
    if path.suffix.lower() != ".png":
        raise UserError(f"--sheet {path} would be a PNG: give it a name that ends in .png")
    if path.is_dir():
        raise UserError(f"--sheet {path} is a folder: name the PNG to write")


def save_sheet(page: Image.Image, path: Path) -> None:
    """Write the page as PNG, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        page.save(temporary, "PNG", optimize=True)


def spread(count: int, wanted: int) -> list[int]:
    """Return up to `wanted` of the indices 0 … count − 1, evenly spread, first and last included."""
    if count <= wanted:
        return list(range(count))
    return [index * (count - 1) // max(wanted - 1, 1) for index in range(wanted)]
