"""Forms that blind judges fill in, and the table of what each of them kept: every count, and no average."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import harness

COUNT = 48  # pictures of a sheet
_HEAD = ("session", "sheet", "kept", "kept numbers", "remarks")
"""Columns of a form. Remarks are last, so that a comma in them does no harm where nobody quotes it."""

_ROW = ("sheet", "contender", "truncation_psi")  # what a table needs of a key's sheet
Key = dict[str, Any]


@dataclass(frozen=True)
class Judgement:
    """What one judge says about one sheet."""

    kept: int
    numbers: frozenset[int] | None  # of the pictures kept, where the judge gave them
    remarks: str


def empty_form(sheets: Sequence[str], session: str) -> str:
    """A form as CSV. session: what it has in common with its key, so that it is not scored with another."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_HEAD)
    rows.writerows((session, sheet, "", "", "") for sheet in sheets)
    return text.getvalue()


def read_key(path: Path) -> Key:
    """The key that benchmarks.blind wrote. Raises Refusal for anything else."""
    try:
        key = json.loads(path.read_text(encoding="utf-8"))
        return {
            "session": key["session"],
            "sheets": [{name: one[name] for name in _ROW} for one in key["sheets"]],
        }
    except OSError as error:
        raise harness.Refusal(f"--key {path} cannot be read: {error.strerror}; name the key") from error
    except (ValueError, KeyError, TypeError) as error:
        raise harness.Refusal(
            f"--key {path} is no key; name the file that benchmarks.blind wrote beside the sheets"
        ) from error


def read_form(path: Path, key: Key) -> dict[str, Judgement]:
    """What a judge says about every sheet of the key, by the sheet's name.

    Commas, semicolons or tabs separate the columns. Raises Refusal where something is missing or wrong.
    """
    sheets = [one["sheet"] for one in key["sheets"]]
    found: dict[str, Judgement] = {}
    for cells in _rows(path):
        sheet = cells["sheet"]
        if cells["session"] not in ("", key["session"]):
            raise harness.Refusal(
                f"--score {path} is of other sheets than the key; name the key of its sheets"
            )
        if sheet not in sheets:
            raise harness.Refusal(
                f"--score {path} has a row of “{sheet}”, unknown to the key; write {sheets[0]} and so on"
            )
        if sheet in found:
            raise harness.Refusal(f"--score {path} has two rows of {sheet}; leave one out")
        found[sheet] = _judgement(cells, f"--score {path}: {sheet}")
    if left := [sheet for sheet in sheets if sheet not in found]:
        raise harness.Refusal(f"--score {path} has no row of {left[0]}; every sheet is to be judged")
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    """The rows of a form that are not empty, with all columns of a form: those that it lacks are empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        head, *lines = csv.reader(text.splitlines(), delimiter=delimiter)
    except OSError as error:
        raise harness.Refusal(f"--score {path} cannot be read: {error.strerror}; name a form") from error
    except (ValueError, csv.Error) as error:  # ValueError: an empty file, or other bytes than UTF-8
        raise harness.Refusal(f"--score {path} is no form; save it as CSV in UTF-8") from error
    columns = [name.strip().lower() for name in head]
    if missing := [name for name in ("sheet", "kept") if name not in columns]:
        raise harness.Refusal(
            f"--score {path} has no column “{missing[0]}”; fill in the form.csv of the sheets"
        )
    last = len(columns) - 1
    rows = []
    for line in lines:
        cells = [cell.strip() for cell in (*line[:last], delimiter.join(line[last:]))]
        if any(cells):
            rows.append(dict.fromkeys(_HEAD, "") | dict(zip(columns, cells, strict=False)))
    return rows


def _judgement(cells: dict[str, str], where: str) -> Judgement:
    """Read a row. Raises Refusal, which begins with `where`, for what is neither count nor numbers."""
    kept = cells["kept"]
    listed = [part for part in re.split(r"[\s,;]+", cells["kept numbers"]) if part]
    if wrong := [part for part in listed if not _is_count(part) or part == "0"]:
        raise harness.Refusal(
            f"{where} lists “{wrong[0]}”; write numbers from 1 to {COUNT}, separated by spaces"
        )
    chosen = frozenset(map(int, listed))
    if not kept and chosen:
        kept = str(len(chosen))
    if not _is_count(kept):
        raise harness.Refusal(f"{where} has “{kept}” kept; write a count from 0 to {COUNT}")
    if chosen and len(chosen) != int(kept):
        raise harness.Refusal(
            f"{where} has {kept} kept, but lists {len(chosen)}; make them agree, with spaces between numbers"
        )
    return Judgement(int(kept), chosen if chosen or not int(kept) else None, cells["remarks"])


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= COUNT


def table(key: Key, forms: Sequence[Path]) -> str:
    """What each judge kept of each sheet, a row per contender and a column per judge, then their remarks.

    Where all judges list the pictures that they keep, a last column counts those that all of them keep.
    Raises Refusal for a form given twice and for what `read_form` refuses.
    """
    if len({path.resolve() for path in forms}) < len(forms):
        raise harness.Refusal("--score: a form is given twice; name one form for each judge")
    stems = [path.stem for path in forms]
    names = [str(path) if stems.count(path.stem) > 1 else path.stem for path in forms]
    judged = [read_form(path, key) for path in forms]
    rows, remarks = [], []
    for one in key["sheets"]:
        said = [form[one["sheet"]] for form in judged]
        psi = one["truncation_psi"]
        chosen = [each.numbers for each in said if each.numbers is not None]
        common = str(len(frozenset.intersection(*chosen))) if len(chosen) == len(said) else "–"
        shown = [one["contender"], "–" if psi is None else f"{psi:g}", one["sheet"]]
        rows.append([*shown, *(str(each.kept) for each in said), common])
        what = one["contender"] + ("" if psi is None else f", psi {psi:g}")
        remarks += [
            f"* {what}, {name}: {each.remarks}"
            for name, each in zip(names, said, strict=True)
            if each.remarks
        ]
    head = ["pictures of", "psi", "sheet", *names, "kept by all"]
    if len(forms) == 1 or all(row[-1] == "–" for row in rows):
        head, rows = head[:-1], [row[:-1] for row in rows]
    parts = [f"Kept of {COUNT}, by judge:", harness.markdown_table(head, rows), "\n".join(remarks)]
    return "\n\n".join(part for part in parts if part)
