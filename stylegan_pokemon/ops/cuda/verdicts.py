"""Verdicts on the operations of a card, kept in a file of JSON lines.

A line {"case": name} says that the check of a case has begun; one with "wrong" is its verdict: null if the
kernel agrees with the reference, else what is wrong. A case without a verdict is checked again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from stylegan_pokemon.ops.cuda.cases import case_name, cases

Verdicts = dict[str, str | None]
"""By the name of a case."""

_UNTRIED = "its check never ran"


def begin(path: Path, name: str) -> None:
    """Write that the check of a case begins."""
    _append(path, {"case": name})


def write(path: Path, name: str, wrong: str | None) -> None:
    """Write a verdict."""
    _append(path, {"case": name, "wrong": wrong})


def read(path: Path) -> Verdicts:
    """All verdicts in a file, which need not exist."""
    return {name: entry["wrong"] for name, entry in _entries(path).items() if "wrong" in entry}


def begun(path: Path) -> str | None:
    """The case whose check was begun last, if that has no verdict."""
    last = next(reversed(_entries(path).items()), None)
    return last[0] if last and "wrong" not in last[1] else None


def decide(path: Path, run: Callable[[], str | None]) -> Verdicts:
    """The verdicts on all cases: those in `path`, and where some are missing, those that `run` adds.

    `run` checks and appends to `path`; it is called again as long as it gets further. It returns why it did
    not, if it knows. A case that is never decided counts as wrong, this time only.
    """
    names = [case_name(*case) for case in cases()]
    found, reason = read(path), None
    while any(name not in found for name in names):
        reason = run()
        further = read(path)
        if len(further) == len(found):
            break
        found = further
    untried = f"{_UNTRIED} ({reason})" if reason else _UNTRIED
    return {name: found.get(name, untried) for name in names}


def _append(path: Path, entry: dict[str, str | None]) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(entry))  # the line before may be half of one


def _entries(path: Path) -> dict[str, dict[str, str | None]]:
    """The last entry of every case, in the order in which they were written."""
    entries: dict[str, dict[str, str | None]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError, KeyError, TypeError):  # half a line of a process that was ended
            entry = json.loads(line)
            entries.pop(entry["case"], None)
            entries[entry["case"]] = entry
    return entries
