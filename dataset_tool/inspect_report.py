"""An inspection told to people and to programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from dataset_tool.inspect import Inspection
from dataset_tool.report import class_table, table

# What fits on two terminal pages; the JSON form has everything.
_SHOWN_ROWS = 40


def as_json(inspection: Inspection) -> str:
    """Return an inspection as one JSON object with the fields of Inspection, rows of tables as objects."""
    fields = {field.name: getattr(inspection, field.name) for field in dataclasses.fields(inspection)}
    fields["path"] = str(inspection.path)
    for name in ("classes", "duplicates", "faults"):
        fields[name] = [row._asdict() for row in fields[name]]
    return json.dumps(fields, ensure_ascii=False, indent=2)


def as_text(inspection: Inspection) -> str:
    """Return an inspection as a page: figures, class table, near-duplicates, remarks, faults."""
    mean_kb = inspection.bytes / max(inspection.pictures, 1) / 1000
    figures = [
        ("pictures", str(inspection.pictures)),
        ("sizes", _counted(inspection.sizes.items())),
        ("stored as", _counted(inspection.modes.items())),
        ("bytes", f"{inspection.bytes} ({mean_kb:.1f} kB a picture)"),
        ("mean colour", " ".join(f"{value:.1f}" for value in inspection.mean) or "–"),
        ("deviation", " ".join(f"{value:.1f}" for value in inspection.deviation) or "–"),
        ("classes", str(len(inspection.classes)) if inspection.classes else "no labels"),
    ]
    if inspection.options:
        figures.append(
            ("made with", ", ".join(f"{key} {_plain(value)}" for key, value in inspection.options.items()))
        )
    parts = [str(inspection.path), *(f"  {name:<12} {value}" for name, value in figures)]
    if inspection.classes:
        parts.append(class_table(inspection.classes))
    pairs = [(row.first, row.second, f"{row.difference:.2f}") for row in inspection.duplicates]
    parts.append(_section("near-duplicate pair", pairs, ("picture", "nearly the same", "difference")))
    parts.extend(f"Note: {remark}" for remark in inspection.remarks)
    parts.append(_section("fault", inspection.faults, ("entry", "fault")))
    return "\n".join(parts)


def _section(noun: str, rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    if not rows:
        return f"no {noun}s"
    text = f"{len(rows)} {noun}{'' if len(rows) == 1 else 's'}:\n" + table(header, rows[:_SHOWN_ROWS])
    hidden = len(rows) - _SHOWN_ROWS
    return text + (f"\n  … and {hidden} more (--json lists all)" if hidden > 0 else "")


def _counted(items: object) -> str:
    return ", ".join(f"{count} × {what}" for what, count in items) or "none"


def _plain(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    if isinstance(value, dict):
        return " ".join(f"{name} {item}" for name, item in value.items())
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
