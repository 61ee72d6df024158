"""Classes from a label file: which row is meant for which picture."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dataset_tool.labels.labelling import PICTURE_SUFFIX, Labelling, fold, one_spelling
from dataset_tool.labels.table import Table, read_table
from dataset_tool.pokedex import plain
from dataset_tool.problems import Problem, UserError
from dataset_tool.reading.sources import Entry, natural_key

# A CSV of numbers needs one class per number up to the largest, so a stray 100000 would make 100000 classes.
_MAX_CLASSES = 10_000
_WHOLE = re.compile(r"(?<=[0-9])\.0$")
_MAX_DEPTH = 12  # folders of a path that are compared
# What programs write for an empty cell. `none` is not among them: it is a class of second types.
_MISSING = frozenset({"nan", "n/a", "#n/a", "null", "<na>"})
_LONGEST = 300  # characters of a file or a label; paths on Windows end at 260


def label_by_rows(path: Path, column: str | None, entries: Sequence[Entry]) -> Labelling:
    """Give every entry the label of its row in the label file at `path`; `column` is that of the labels.

    A row may name a picture by its path or its bare name, with or without extension. If that fits none,
    case, marks, extension, leading zeros and leading folders may differ. Where rows with different labels
    fit a picture equally well, it is a problem. Raises UserError for a file that cannot be used, for two
    labels of one file, and when no row fits any picture.
    """
    index = _Index([name for entry in entries for name in {entry.name, entry.inside}])
    table = read_table(path, column, lambda cell: bool(index.find(cell)))
    rows, notes = _labelled(path, table)
    classes = _classes(path, {row.label for row in rows if row.label})
    number_of = {name: number for number, name in enumerate(classes)}
    find = _Finder(rows)
    labels: dict[str, int] = {}
    problems: list[Problem] = []
    used: dict[str, list[str]] = {}
    for entry in entries:
        found = find(entry)
        for file in {row.file for row in found}:
            used.setdefault(file, []).append(entry.name)
        given = list(dict.fromkeys(row.label for row in found))
        if len(given) == 1 and given[0]:
            labels[entry.name] = number_of[given[0]]
        elif given:
            lines = " and ".join(
                str(next(row.line for row in found if row.label == one)) for one in given[:2]
            )
            either = " or ".join(one or "no label" for one in given[:2])
            reason = f"lines {lines} of {path.name} fit it: {either}" if len(given) > 1 else ""
            reason = reason or f"line {found[0].line} of {path.name} has no label"
            problems.append(Problem(entry.name, f"--labels: {reason}"))
        else:
            problems.append(Problem(entry.name, f"--labels: {path.name} has no row for it"))
    if entries and not used:
        raise UserError(_nearest(path, rows, entries))
    files = {row.file for row in rows}
    if several := [(file, names) for file, names in used.items() if len(names) > 1]:
        file, (first, second, *_) = several[0]
        rows_text = "a row" if len(several) == 1 else f"{len(several)} rows"
        notes += (
            f"pictures share {rows_text} of {path.name}, such as {file} for {first} and {second}; "
            "write paths to tell them apart",
        )
    if len(used) < len(files):
        notes += (f"{len(files) - len(used)} of {len(files)} rows of {path.name} name no picture",)
    return Labelling(labels, classes, tuple(problems), notes)


class _Labelled(NamedTuple):
    """A row that names a file; `label` is "" where it gives none."""

    line: int
    file: str
    label: str


def _labelled(path: Path, table: Table) -> tuple[list[_Labelled], tuple[str, ...]]:
    """Return the rows, labels in one spelling, and notes; raises UserError for two labels of a file."""
    named = []
    for line, cells in table.rows:
        file, label = (
            cells[column] if column < len(cells) else "" for column in (table.file_column, table.label_column)
        )
        file = unicodedata.normalize("NFC", " ".join(file.strip().splitlines()))
        file = file.replace("\\", "/").removeprefix("./")
        if (longest := max(len(file), len(label))) > _LONGEST:
            raise UserError(
                f"{path}, line {line}: a file or a label of {longest} characters; look for a quotation mark"
                " that is not closed"
            )
        named.append(_Labelled(line, file, "" if fold(label) in _MISSING else label))
    if not named:
        raise UserError(f"{path} holds a header and no rows: give one row `file,label` per picture")
    blank = [row.line for row in named if not row.file or not row.label.strip()]
    if len(blank) == len(named):
        raise UserError(f"{path}, line {blank[0]}: a file and a label are needed, such as `25.png,electric`")
    spelling, notes = one_spelling(row.label for row in named if row.label.strip())
    rows = [row._replace(label=_number(spelling.get(row.label, ""))) for row in named if row.file]
    of_file: dict[str, str] = {}
    for row in rows:
        one = of_file.setdefault(row.file, row.label) if row.label else ""
        # Forms share the number or name of a creature; pictures for which that leaves a choice are problems.
        if one != row.label and PICTURE_SUFFIX.search(fold(row.file)):
            raise UserError(
                f"{path} gives {row.file} two labels, {of_file[row.file]} and {row.label}: keep one of them"
            )
    rows = [row for row in rows if row.label or row.file not in of_file]
    return rows, (*notes, table.note) if table.note else notes


def _number(label: str) -> str:
    # A column of numbers with gaps is written with a decimal point by many programs.
    number = label.removesuffix(".0")
    return str(int(number)) if number.isdecimal() and len(number) < 13 else label


def _classes(path: Path, labels: set[str]) -> tuple[str, ...]:
    if not all(label.isdecimal() for label in labels):
        return tuple(sorted(labels, key=natural_key))
    largest = max(int(label[:12]) for label in labels)
    if largest >= _MAX_CLASSES:
        raise UserError(
            f"{path} has the class number {largest}: number the classes from 0 on "
            f"(at most {_MAX_CLASSES}), or name them"
        )
    return tuple(str(number) for number in range(largest + 1))


class _Finder:
    """Finds the rows that are meant for an entry: exact names first, then those that differ in form only."""

    def __init__(self, rows: Sequence[_Labelled]) -> None:
        self._rows = rows
        self._exact: dict[str, list[int]] = {}
        for number, row in enumerate(rows):
            self._exact.setdefault(row.file, []).append(number)
        self._similar = _Index([row.file for row in rows])

    def __call__(self, entry: Entry) -> list[_Labelled]:
        name = PurePosixPath(entry.inside)
        # The most specific key wins: the path as the problem table shows it, inside its source, the bare
        # name, the stem.
        keys = (entry.name, entry.inside, name.name, name.stem)
        found = next((self._exact[key] for key in keys if key in self._exact), None)
        found = found or self._similar.find(entry.name) or self._similar.find(entry.inside)
        return [self._rows[number] for number in found]


_Key = tuple[str, ...]


class _Index:
    """Positions of paths: finds those that end like a given path, or else the longest that it ends like.

    Two paths are compared by their folded parts without the extension of a picture; where that finds
    nothing, by their words and numbers alone (`Mr. Mime` and `mr-mime`, `004` and `4`).
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._built: dict[Callable[[str], _Key], tuple[dict[_Key, list[int]], dict[_Key, list[int]]]] = {}

    def find(self, path: str) -> list[int]:
        for key_of in (_names, _words):
            whole, ends = self._built.get(key_of) or self._build(key_of)
            key = key_of(path)
            if key in ends:
                return ends[key]
            tail = next((key[start:] for start in range(1, len(key)) if key[start:] in whole), None)
            if tail:
                return whole[tail]
        return []

    def _build(self, key_of: Callable[[str], _Key]) -> tuple[dict[_Key, list[int]], dict[_Key, list[int]]]:
        # Only when it is needed: most label files name the pictures exactly.
        whole: dict[_Key, list[int]] = {}
        ends: dict[_Key, list[int]] = {}
        for position, path in enumerate(self._paths):
            key = key_of(path)
            if key:
                whole.setdefault(key, []).append(position)
            for start in range(len(key)):
                ends.setdefault(key[start:], []).append(position)
        self._built[key_of] = whole, ends
        return whole, ends


def _names(path: str) -> _Key:
    if "://" in path:
        path = path.partition("?")[0]
    parts = [fold(part) for part in path.replace("\\", "/").split("/")[-_MAX_DEPTH:]]
    parts = [part for part in parts if part not in ("", ".")]
    # Programs write whole numbers with a decimal point where the column has gaps.
    return (*parts[:-1], _WHOLE.sub("", PICTURE_SUFFIX.sub("", parts[-1]))) if parts else ()


def _words(path: str) -> _Key:
    parts = tuple(map(_words_of, _names(path)))
    return parts if parts and parts[-1] else ()


def _words_of(text: str) -> str:
    found = re.findall(r"[^\W\d_]+|[0-9]+", plain(text))
    # Digits stay apart, since 1-2 is not 12.
    return re.sub(r"(?<=\D) (?=\D)", "", " ".join(word.lstrip("0") or word[:1] for word in found))


def _nearest(path: Path, rows: Sequence[_Labelled], pictures: Sequence[Entry]) -> str:
    """Return what to say where no row fits any picture, with the row and the picture nearest alike."""
    names = {fold(PurePosixPath(row.file).name)[:80]: row for row in reversed(rows[:2000])}
    row, picture, best = rows[0], pictures[0], -1.0
    for entry in pictures[:5]:
        name = fold(PurePosixPath(entry.inside).name)[:80]
        for close in difflib.get_close_matches(name, names, n=1, cutoff=0.0):
            likeness = difflib.SequenceMatcher(None, close, name).ratio()
            if likeness > best:
                row, picture, best = names[close], entry, likeness
    return (
        f"{path} has no row for any of the {len(pictures)} files; the nearest is line {row.line}, "
        f"{row.file[:80]}, for {picture.name}: write the names in it as they are in the source"
    )
