"""Reads a run directory; what is damaged or missing is noted and left out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.runs import Tick, fakes, snapshots
from stylegan_pokemon.report.finding import Plan, Record
from stylegan_pokemon.report.words import number


@dataclass(frozen=True)
class Run:
    """The contents of a run directory."""

    path: Path
    config: dict[str, Any]
    records: list[Record]  # one per tick, oldest first, each with a finite "tick" and "kimg"
    fakes: list[Tick]
    snapshots: list[Tick]
    best: dict[str, Any] | None
    notes: list[str] = field(default_factory=list)  # sentences about what could not be read

    @property
    def classes(self) -> list[str]:
        """Names by label; empty for a run without labels."""
        classes = self.config.get("classes")
        return [str(name) for name in classes] if isinstance(classes, list) else []

    @property
    def learnt(self) -> list[str]:
        """The classes that have training images; all classes where that is unknown."""
        sizes = self.config.get("class_sizes")
        if not isinstance(sizes, list) or len(sizes) != len(self.classes) or not any(sizes):
            return self.classes
        return [name for name, size in zip(self.classes, sizes, strict=True) if size]

    @property
    def plan(self) -> Plan:
        """What the verdicts need from the settings."""
        config, usual = self.config, Plan()
        target = number(config.get("ada_target"))
        return Plan(
            kimg=number(config.get("kimg")),
            aug=str(config.get("aug") or usual.aug),
            arch=str(config.get("arch") or usual.arch),
            ada_target=usual.ada_target if target is None else target,
            patience=int(number(config.get("patience")) or 0),
        )

    def record_of(self, picture: Tick) -> Record | None:
        """The tick at whose end a grid or snapshot was written; None for the start of the run."""
        # Names of whole kimg are rounded down.
        slack = 1.0 if "." not in picture.path.stem else 0.0015
        near = [r for r in self.records if -0.0015 < r["kimg"] - picture.kimg < slack]
        return near[0] if near and picture.kimg > 0 else None

    def snapshot_at(self, tick: int) -> Path | None:
        """The newest remaining snapshot of the ticks up to `tick`; None where none is left."""
        kept = [s.path for s in self.snapshots if (r := self.record_of(s)) is not None and r["tick"] <= tick]
        return kept[-1] if kept else None


def runs_at(where: str | Path) -> list[Path]:
    """The run directory `where`, or those in the folder, newest last. Raises UserError for neither."""
    path = Path(where)
    if _is_run(path):
        return [path]
    found = sorted(run for run in path.iterdir() if _is_run(run)) if path.is_dir() else []
    if not found:
        raise UserError(f"{where} is neither a run nor a folder of runs; name one, such as runs/00000-…")
    return found


def read_run(path: str | Path) -> Run:
    """Read a run directory. Raises UserError only for no folder, or one without anything of a run."""
    path = Path(path)
    if not path.is_dir():
        raise UserError(f"{path} is not a run directory; name one, such as runs/00000-…")
    notes: list[str] = []
    config = _object(path / "config.json", notes)
    records, damaged = _records(path / "stats.jsonl", notes)
    pictures = fakes(path)
    if config is None and not records and not pictures:
        raise UserError(f"{path} is not a run directory: no config.json, stats.jsonl or grids; name another")
    if damaged:
        lines, was = ("1 line", "was") if damaged == 1 else (f"{damaged} lines", "were")
        notes.append(f"{lines} of stats.jsonl could not be read and {was} left out.")
    if config is None:
        notes.append("config.json is missing or damaged, so the page shows no settings.")
    return Run(
        path=path,
        config=config or {},
        records=records,
        fakes=pictures,
        snapshots=snapshots(path),
        best=_object(path / "best.json", notes),
        notes=notes,
    )


def _is_run(path: Path) -> bool:
    return (path / "config.json").is_file() or (path / "stats.jsonl").is_file() or bool(fakes(path))


def _object(path: Path, notes: list[str]) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        notes.append(f"{path.name} could not be read ({reason}).")
        return None
    return value if isinstance(value, dict) else None


def _records(path: Path, notes: list[str]) -> tuple[list[Record], int]:
    """The ticks in order, and the number of damaged lines. Of a tick written twice the later one counts."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        notes.append(f"stats.jsonl could not be read ({error.strerror}).")
        return [], 0
    found: dict[int, Record] = {}
    damaged = 0
    for line in lines:
        if not line.strip():
            continue
        record = _record(line)
        if record is None:
            damaged += 1
        else:
            found[record["tick"]] = record
    return sorted(found.values(), key=lambda record: (record["kimg"], record["tick"])), damaged


def _record(line: str) -> Record | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    tick, kimg = number(record.get("tick")), number(record.get("kimg"))
    return None if tick is None or kimg is None else record | {"tick": int(tick), "kimg": kimg}
