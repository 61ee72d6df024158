"""`stats.jsonl`: one JSON object a tick. The file is rewritten whole, so a crash leaves no half line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from stylegan_pokemon.files import write_text

FILE = "stats.jsonl"  # in the run directory


def append_stats(run: Path, record: dict[str, Any]) -> None:
    """Add a tick. Raises UserError when the file cannot be written."""
    _write(run, [*_lines(run), json.dumps(record)])


def forget_after(run: Path, images_shown: int) -> None:
    """Drop the ticks that the state does not know, and damaged lines: they are about to be repeated."""
    if (run / FILE).exists():
        _write(run, [line for line in _lines(run) if _pictures(line) <= images_shown])


def _lines(run: Path) -> list[str]:
    path = run / FILE
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def _write(run: Path, lines: list[str]) -> None:
    write_text(run / FILE, "".join(line + "\n" for line in lines))


def _pictures(line: str) -> float:
    """Pictures shown at a line; infinity for a damaged one."""
    try:
        return round(json.loads(line)["kimg"] * 1000)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return math.inf
