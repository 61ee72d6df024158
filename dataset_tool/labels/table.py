"""Label files: the rows of a CSV file in any usual encoding and separator, and what its columns are."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from dataset_tool.labels.labelling import PICTURE_SUFFIX, tidy
from dataset_tool.pokedex import UnknownPokemon, find_species
from dataset_tool.problems import UserError
from dataset_tool.reading.sniff import UNKNOWN, kind_of, kind_of_file

# A million rows of long paths; a larger file is no table of labels.
_MAX_BYTES = 64 * 2**20
_SAMPLE_ROWS = 2000  # enough to see which column names pictures
_MAX_COLUMNS = 256
_MOST_TITLES = 10  # rows above a header
# What a header calls the picture, the best first, and the label; compared without blanks and marks.
_FILE_WORDS = (
    *("file", "filename", "filepath", "image", "imagename", "imagepath", "img", "picture", "sprite", "path"),
    *("name", "pokemon", "id", "imageid", "index", "#", "no", "number", "num", "dex", "pokedexnumber"),
    *("ndex", "nationaldex", "dexnumber", "dexno", "pokedex", "pokedexno", "pokedexid", "pokemonid"),
)
_LABEL_WORDS = ("label", "labels", "labelname", "class", "classes", "classname", "category", "target")
_SAVE = "save it as CSV in UTF-8"


class Row(NamedTuple):
    """One row of a label file: its line, and its cells as they stand there."""

    line: int
    cells: list[str]


class Table(NamedTuple):
    """The rows of a label file without its header, the columns that are taken, and a note on these or ""."""

    rows: list[Row]
    file_column: int
    label_column: int
    note: str


_LISTED = 12  # columns in a sentence


def split_kind(kind: str) -> tuple[Path, str | None]:
    """Return the file and the column, or None, of `csv:FILE[:COLUMN]`; a drive's colon belongs to FILE."""
    text = kind.removeprefix("csv:")
    ends = [len(text), *(position for position in range(len(text) - 1, 0, -1) if text[position] == ":")]
    for end in ends:
        if (path := Path(text[:end]).expanduser()).is_file():
            return path, text[end + 1 :].strip() or None
    # No such file: the message names it without the column.
    end = next(
        (end for end in ends if Path(text[:end]).suffix.casefold() in (".csv", ".tsv", ".txt")), len(text)
    )
    return Path(text[:end]).expanduser(), text[end + 1 :].strip() or None


def read_bytes(path: Path) -> bytes:
    """Return the content of a label file; raises UserError when it cannot be read or is too large."""
    try:
        if not path.is_file() and path.exists():
            raise UserError(f"{path} is {kind_of_file(path).what}, not a CSV file: name the file of labels")
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path}, the label file, cannot be read: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise UserError(
            f"{path} is larger than {_MAX_BYTES // 2**20} MiB: give a table of files and labels only"
        )
    return data


def read_table(path: Path, column: str | None, names_picture: Callable[[str], bool]) -> Table:
    """Read a label file; `column` is the user's choice, `names_picture` tells whether a cell names a picture.

    Comments and titles above the table are left out. The column whose cells name pictures tells the files,
    unless it counts rows from 0 on or its numbers recur as hit points do. A first row that names none is a
    header if its words are those of headers, or if they differ from what stands below. The label is the
    column that the user named, else the one called `label` or `class`, else the only other one. Raises
    UserError, with the columns, where that leaves a choice, and for what is no CSV file.
    """
    rows = _without_title(_rows(path, names_picture), names_picture)
    width = max(len(row.cells) for row in rows)
    if width < 2:
        raise UserError(
            f"{path}, line {rows[0].line}: a file and a label are needed, with a comma, semicolon or tab "
            "between, such as `25.png,electric`"
        )
    if width > _MAX_COLUMNS:
        raise UserError(
            f"{path} has {width} columns, more than {_MAX_COLUMNS}: give a table of files and labels only"
        )
    first = [*rows[0].cells, *[""] * (width - len(rows[0].cells))]
    words = [_word(cell) for cell in first]
    file_column = _file_column(rows, words, width, names_picture)
    # A name of a column that stands in the first row makes that the header.
    header = column is not None and not column.isdecimal() and _word(column) in {*words} - {""}
    header = header or _is_header(rows, words, file_column, names_picture)
    if header:
        rows = [row for row in rows if row.cells != rows[0].cells]
    names = [tidy(cell) if header else "" for cell in first]
    label_column = _label_column(path, names, file_column, column, rows)
    note = ""
    if header and (width > 2 or words[label_column] not in _LABEL_WORDS):
        shown = ", ".join(name or f"({number})" for number, name in enumerate(names, 1))
        taken = [names[column] or f"({column + 1})" for column in (file_column, label_column)]
        note = f"{path.name} has the columns {shown}: files from {taken[0]}, labels from {taken[1]}"
    return Table(rows, file_column, label_column, note)


def _rows(path: Path, names_picture: Callable[[str], bool]) -> list[Row]:
    text = _decoded(path, read_bytes(path))
    separators = ",;\t|"
    head, _, rest = text.partition("\n")
    if head[:4].casefold() == "sep=" and head[4:] in tuple(separators):  # written by and for Excel
        separators, text = head[4:], f"\n{rest}"
    try:
        separator = max(separators, key=lambda separator: _fitness(text, separator, names_picture))
        rows = _parsed(text, separator)
    except csv.Error as error:
        raise UserError(f"{path} is not a CSV file: a quotation mark is not closed") from error
    if not rows:
        raise UserError(f"{path} holds no rows: give one row `file,label` per picture")
    return rows


def _without_title(rows: list[Row], names_picture: Callable[[str], bool]) -> list[Row]:
    """Drop what stands above a header of known words, and rows of one cell above a wider table."""
    for number, row in enumerate(rows[:_MOST_TITLES]):
        words = set(map(_word, row.cells))
        if any(map(_is_file, row.cells)):
            break
        if not (words.isdisjoint(_FILE_WORDS) or words.isdisjoint(_LABEL_WORDS)):
            return rows[number:]
    while len(rows) > 1:
        first, *others = (cell.strip() for cell in rows[0].cells)
        title = len(rows[1].cells) > 1 and first and not any(others) and _word(first) not in _FILE_WORDS
        if not title or _is_file(first) or names_picture(first):
            break
        rows = rows[1:]
    return rows


def _parsed(text: str, separator: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    return [Row(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]


def _fitness(text: str, separator: str, names_picture: Callable[[str], bool]) -> tuple[int, float, int]:
    """Return how many of the first rows name pictures, the share that is as wide as the first, its width."""
    rows = _parsed("\n".join(text.split("\n", 100)[:100]), separator)
    widths = [len(row.cells) for row in rows] or [0]
    named = sum(any(map(names_picture, row.cells[:_MAX_COLUMNS])) for row in rows)
    return (named, widths.count(widths[0]) / len(widths), widths[0]) if widths[0] > 1 else (named, 0.0, 0)


def _decoded(path: Path, data: bytes) -> str:
    text, kind = _text(data), kind_of(data)
    what, remedy = kind.what, kind.remedy_or(_SAVE)
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if path.suffix.casefold() in (".json", ".jsonl") or start.startswith((b"{", b"[{", b"[[", b"[]")):
        what, remedy = "JSON", "write one row `file,label` per picture"
    elif data.startswith(b"\xd0\xcf\x11\xe0"):
        what = "an Excel workbook"
    elif text is not None and remedy == _SAVE:  # the first cells of a table may look like any format
        return text.replace("\r\n", "\n").replace("\r", "\n")
    elif what in UNKNOWN:
        raise UserError(f"{path} is not UTF-8 text: {_SAVE}")
    raise UserError(f"{path} is {what}, not a CSV file: {remedy}")


def _text(data: bytes) -> str | None:
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _word(cell: str) -> str:
    # Of Pokédex and Pokémon, which many write without the accent.
    return "".join(mark for mark in cell.casefold() if mark.isalnum() or mark == "#").replace("é", "e")


def _cell(row: Row, column: int) -> str:
    return row.cells[column].strip() if column < len(row.cells) else ""


def _file_column(rows: list[Row], words: list[str], width: int, names_picture: Callable[[str], bool]) -> int:
    sample = rows[:_SAMPLE_ROWS]
    hits = [sum(names_picture(_cell(row, column)) for row in sample) for column in range(width)]
    hits = [0 if word in _LABEL_WORDS else count for word, count in zip(words, hits, strict=True)]
    hits = [0 if _is_measure(rows, column, words) else count for column, count in enumerate(hits)]
    if width > 2 and not names_picture("0"):
        hits = [0 if _counts_rows(rows, column) else count for column, count in enumerate(hits)]
    named = [sum(_is_file(_cell(row, column)) for row in sample) for column in range(width)]
    if 2 * max(named) >= len(sample):  # names with an extension are files, whatever else numbers are
        return named.index(max(named))
    known = sorted((word for word in words if word in _FILE_WORDS), key=_FILE_WORDS.index)
    columns = [words.index(word) for word in known]
    candidates = [column for column in columns if hits[column]] or columns[: 0 if any(hits) else 1]
    # Class numbers may name pictures as well, so the first column goes before others that fit little better.
    return candidates[0] if candidates else 0 if 2 * hits[0] >= max(hits) else hits.index(max(hits))


def _is_file(cell: str) -> bool:
    return PICTURE_SUFFIX.search(cell.casefold()) is not None


def _is_measure(rows: list[Row], column: int, words: list[str]) -> bool:
    """Return whether numbers recur in a column that is not called one of files: hit points, class numbers."""
    numbers = [cell for row in rows if (cell := _cell(row, column)).isdecimal()]
    return words[column] not in _FILE_WORDS and len(set(numbers)) < len(numbers)


def _counts_rows(rows: list[Row], column: int) -> bool:
    """Return whether a column numbers its rows from 0 on, as pandas writes them."""
    cells = [_cell(row, column) for row in rows]
    counted = [*map(str, range(len(rows)))]
    return cells[1:] == counted[:-1] or cells == counted


def _is_header(
    rows: list[Row], words: list[str], file_column: int, names_picture: Callable[[str], bool]
) -> bool:
    others = [word for column, word in enumerate(words) if column != file_column]
    labelled = any(word in _LABEL_WORDS for word in others)
    if names_picture(_cell(rows[0], file_column)):
        return labelled and words[file_column] in _FILE_WORDS
    if labelled or words[file_column] in _FILE_WORDS:
        return True
    cell = _cell(rows[0], file_column)
    below = [row for row in rows[1:_SAMPLE_ROWS] if names_picture(_cell(row, file_column))]
    recurring = any(
        _word(_cell(row, column)) == word
        for row in rows[1:_SAMPLE_ROWS]
        for column, word in enumerate(words)
        if word and column != file_column
    )
    # A row of a picture that is missing looks like the rows below it.
    return (
        bool(below)
        and not recurring
        and "." not in cell
        and not any(map(str.isdigit, cell))
        and not _is_pokemon(cell)
    )


def _is_pokemon(cell: str) -> bool:
    try:
        find_species(cell)
    except UnknownPokemon:
        return False
    return True


def _label_column(path: Path, names: list[str], file_column: int, wanted: str | None, rows: list[Row]) -> int:
    words = [_word(name) for name in names]
    columns = range(len(names))
    if wanted is not None:
        meant = [column for column in columns if words[column] == _word(wanted) != ""]
        meant = [column for column in meant if names[column] == wanted] or meant
        if not meant and wanted.isdecimal() and 1 <= int(wanted[:6]) <= len(names):
            meant = [int(wanted) - 1]
        if len(meant) != 1 or meant[0] == file_column:
            fault = "names the pictures in column" if len(meant) == 1 else "has several columns"
            fault = fault if meant else "has no column"
            raise UserError(f"{path} {fault} {wanted}: {_choice(path, names, file_column, rows)}")
        return meant[0]
    labelled = [column for column in columns if words[column] in _LABEL_WORDS and column != file_column]
    others = [column for column in columns if column != file_column and words[column] not in _FILE_WORDS]
    if len(labelled) == 1:
        return labelled[0]
    if len(names) == 2 and len(others) == 1:
        return others[0]
    raise UserError(
        f"{path} does not say which column holds the labels: {_choice(path, names, file_column, rows)}"
    )


def _choice(path: Path, names: list[str], file_column: int, rows: list[Row]) -> str:
    if not any(names):
        cells = [_cell(rows[0], column) for column in range(len(names))]
        listed = [f"{number} ({tidy(cell)[:20]})" for number, cell in enumerate(cells, 1)]
    else:
        listed = [
            (f"{name[:40]} ({number})" if names.count(name) > 1 else name[:40]) if name else str(number)
            for number, name in enumerate(names, 1)
        ]
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    shown = ", ".join(listed[:_LISTED]) + more
    others = [column for column in range(len(names)) if column != file_column]
    likely = [column for column in others if _word(names[column]) not in ("", *_FILE_WORDS)] or others
    column = next((column for column in likely if _recurs(rows, column)), likely[0])
    example = (
        names[column] if 0 < len(names[column]) <= 40 and names.count(names[column]) == 1 else column + 1
    )
    return f'choose among its columns {shown}, such as --labels "csv:{path}:{example}"'


def _recurs(rows: list[Row], column: int) -> bool:
    """Return whether a column holds words that recur, as labels do."""
    words = [cell for row in rows[:_SAMPLE_ROWS] if any(map(str.isalpha, cell := _cell(row, column)))]
    return 1 < len(set(words)) <= len(words) / 2
