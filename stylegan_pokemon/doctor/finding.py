"""What a check found, and what it means for training."""

from __future__ import annotations

from dataclasses import dataclass

OK, NOTE, PROBLEM = "ok", "note", "PROBLEM"
GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """One line of the table, and for a note or a problem what to do about it."""

    check: str
    level: str  # OK, NOTE or PROBLEM
    found: str
    advice: str = ""  # one sentence: what is wrong and what helps
    command: str | None = None  # to copy into a console
    stops: bool = False  # a problem without whose repair training does not even run on the CPU


def gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
