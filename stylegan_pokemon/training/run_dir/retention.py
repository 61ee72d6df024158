"""Which snapshots of a run stay on disk (`--keep`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def retained(ticks: Iterable[int], snap: int, keep: int, best: int | None = None) -> set[int]:
    """Of the snapshots written at `ticks`, those to keep: every keep-th, the last, and the best.

    snap: ticks between two snapshots, so that every keep-th is at the multiples of snap · keep. With keep = 1
    all stay, those too that the end of a shorter run wrote between two multiples. best: its tick, if known.
    """
    written = set(ticks)
    if keep == 1 or not written:
        return written
    return {tick for tick in written if tick % (snap * keep) == 0 or tick in (max(written), best)}


def retained_count(ticks: int, snap: int, keep: int) -> int:
    """How many snapshots a run of that many ticks leaves, the best not counted."""
    every = snap * keep
    return ticks // every + (ticks % every != 0)


def prune(folder: Path, snapshots: dict[str, int], snap: int, keep: int, best: int | None = None) -> None:
    """Delete the files of `snapshots` (name → tick) that are not retained, and take them off the dict.

    Other files in `folder` belong to the user and stay.
    """
    kept = retained(snapshots.values(), snap, keep, best)
    for name in [name for name, tick in snapshots.items() if tick not in kept]:
        try:
            (folder / name).unlink(missing_ok=True)
        except PermissionError:  # Windows: another program has it open; the next tick tries again
            continue
        del snapshots[name]
