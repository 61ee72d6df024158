"""The report of a conversion, and its text: tables of problems, duplicates and classes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dataset_tool.problems import Problem, printable


class DroppedDuplicate(NamedTuple):
    """A dropped picture, the one that was kept for it, and their mean difference in levels of 255."""

    dropped: str
    kept: str
    difference: float


class ClassRow(NamedTuple):
    """One row of the class table: its number in the labels, its name, and how many pictures it has."""

    number: int
    name: str
    pictures: int


@dataclass(frozen=True)
class ConvertReport:
    """The outcome of a conversion.

    `found` counts the files that were looked at, `pictures` those in the zip; `filters` and `notes` count
    pictures by how they were scaled and by what was done to read them; `remarks` are sentences about the
    input as a whole.
    """

    dest: Path
    resolution: int
    found: int
    pictures: int
    bytes: int
    seconds: float
    problems: tuple[Problem, ...]
    duplicates: tuple[DroppedDuplicate, ...]
    classes: tuple[ClassRow, ...]
    filters: Mapping[str, int]
    notes: Mapping[str, int]
    remarks: tuple[str, ...]


def class_rows(labels: Iterable[int], names: Sequence[str]) -> tuple[ClassRow, ...]:
    """Return the class table: all classes in `names`, empty ones included, and labels beyond these."""
    counts = Counter(labels)
    # Numbers beyond the names exist in foreign zips; a stray huge one must not make a table of its length.
    extra = sorted(number for number in counts if number >= len(names))
    numbered = [*enumerate(names), *((number, str(number)) for number in extra)]
    return tuple(ClassRow(number, name, counts[number]) for number, name in numbered)


def summary(report: ConvertReport) -> str:
    """Return the closing lines of a conversion: class table, how pictures were scaled, where the zip is."""
    parts: list[str] = []
    if report.classes:
        parts.append(class_table(report.classes))
    for title, counted in (("Scaled", report.filters), ("Read", report.notes)):
        if counted:
            parts.append(f"{title}: " + ", ".join(f"{count} × {what}" for what, count in counted.items()))
    parts.extend(f"Note: {remark}" for remark in report.remarks)
    reasons = (("skipped", report.problems), ("dropped as duplicates", report.duplicates))
    left_out = [f"{len(rows)} {reason}" for reason, rows in reasons if rows]
    parts.append(
        f"{report.dest}: {count_text(report.pictures, 'picture')} of {report.resolution}×{report.resolution}"
        + (f" ({', '.join(left_out)})" if left_out else "")
        + f", {size_text(report.bytes)}, {report.seconds:.1f} s"
        + f" ({report.pictures / max(report.seconds, 1e-9):.0f} pictures/s)"
    )
    return "\n".join(parts)


def size_text(size: int) -> str:
    """Return a number of bytes as people read it: MiB, or KiB below one MiB."""
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{-(-size // 2**10)} KiB"


def problem_table(problems: Sequence[Problem]) -> str:
    """Return the problems as one table of files and reasons."""
    return f"{count_text(len(problems), 'file')} cannot be used:\n" + table(("file", "reason"), problems)


def duplicate_table(duplicates: Sequence[DroppedDuplicate]) -> str:
    """Return which pictures were dropped for which; the difference is the mean one of thumbnail channels."""
    rows = [(row.dropped, row.kept, f"{row.difference:.2f}") for row in duplicates]
    return f"{count_text(len(rows), 'duplicate')} dropped:\n" + table(("dropped", "kept", "difference"), rows)


def class_table(classes: Sequence[ClassRow]) -> str:
    """Return the class table: number, name, pictures; empty classes are shown since their numbers exist."""
    total = max(sum(row.pictures for row in classes), 1)
    rows = [
        (str(row.number), row.name, str(row.pictures), f"{100 * row.pictures / total:.1f} %")
        for row in classes
    ]
    return table(("class", "name", "pictures", "share"), rows, right={0, 2, 3})


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Container[int] = ()) -> str:
    """Return an aligned text table; columns in `right` are aligned to the right."""
    cells = [tuple(header), *(tuple(map(printable, row)) for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, tuple("-" * width for width in widths))
    lines = []
    for row in cells:
        gaps = [" " * (width - _width(cell)) for width, cell in zip(widths, row, strict=True)]
        padded = [gaps[i] + cell if i in right else cell + gaps[i] for i, cell in enumerate(row)]
        lines.append("  " + "  ".join(padded).rstrip())
    return "\n".join(lines)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text)


def count_text(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
