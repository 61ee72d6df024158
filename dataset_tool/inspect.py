"""What is in a dataset zip, of ours or of another StyleGAN tool, and what a training would trip over."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from dataset_tool.archive import METADATA
from dataset_tool.dedupe import Signature, near_pairs, signature
from dataset_tool.problems import Problem, UserError
from dataset_tool.reading.decode import decode
from dataset_tool.reading.sources import Entry, close_archives, is_zip, list_sources, read_entry
from dataset_tool.report import ClassRow, class_rows, class_table, count_text, table
from dataset_tool.sheet import SheetRow, check_sheet, draw_sheet, save_sheet, spread, thumbnail
from dataset_tool.terminal import no_bar
from dataset_tool.workers import ordered_map

_SHEET_COLUMNS = 12
_SHEET_ROWS = 12
# A sheet longer than this is no longer looked at.
_SHEET_CLASSES = 40
# What fits on two terminal pages; the JSON form has everything.
_SHOWN_ROWS = 40


class NearPair(NamedTuple):
    """Two pictures that are nearly the same, and the mean difference of their thumbnails in levels of 255."""

    first: str
    second: str
    difference: float


@dataclass(frozen=True)
class Inspection:
    """What a dataset zip holds.

    `sizes` and `modes` count pictures as stored; `mean` and `deviation` are of all pixels, per channel in
    levels of 255; `classes` is empty without labels; `faults` are what StyleGAN training would fail on or
    learn wrong; `remarks` are harmless; `options` are those of `convert`, if it made the zip.
    """

    path: Path
    bytes: int
    pictures: int
    sizes: Mapping[str, int]
    modes: Mapping[str, int]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    classes: tuple[ClassRow, ...]
    duplicates: tuple[NearPair, ...]
    faults: tuple[Problem, ...]
    remarks: tuple[str, ...]
    options: Mapping[str, Any] | None


def inspect(
    path: Path, sheet: Path | None = None, workers: int | None = None, progress: bool = True
) -> Inspection:
    """Decode every picture of a dataset zip, return what was found, and draw a contact sheet on request.

    The sheet (PNG) shows the classes in rows, or without labels pictures spread evenly over the data set.
    Faults are part of the result, not an exception. Raises UserError when `path` is no readable zip or
    `sheet` cannot be written.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path} does not exist: give a dataset zip, such as convert writes")
    if not path.is_file() or not is_zip(path):
        raise UserError(f"{path} is not a zip: give a dataset zip, such as convert writes")
    if sheet:
        check_sheet(Path(sheet))
    try:
        listing = list_sources([path])
        entries = [entry for entry in listing.entries if entry.inside != METADATA]
        faults, label_faults = list(listing.problems), list[Problem]()
        remarks: list[str] = []
        metadata = _read_metadata(listing.entries, faults, remarks)
        with zipfile.ZipFile(path) as archive:
            compressed = sum(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist())
        if compressed:
            slow = "entries are compressed in the zip, which slows reading and saves nothing on PNGs"
            remarks.append(f"{compressed} {slow}")
        labels = _read_labels(metadata, {entry.inside for entry in entries}, label_faults)
        named = metadata.get("classes")
        names = [str(name) for name in named] if isinstance(named, list) else []
        classes = class_rows(labels.values(), names) if labels else ()
        shown = _choose(entries, labels, classes) if sheet else []
        wanted = {name for _, _, names in shown for name in names}
        examined = ordered_map(partial(_examine, wanted=frozenset(wanted)), entries, workers)
        bar = tqdm(examined, total=len(entries), desc="inspect", unit=" pictures", disable=no_bar(progress))
        pictures = dict(zip((entry.inside for entry in entries), bar, strict=True))
    finally:
        close_archives()
    good = {name: picture for name, picture in pictures.items() if picture.fault is None}
    mean, deviation = _moments(list(good.values()))
    options = metadata.get("convert")
    inspection = Inspection(
        path=path,
        bytes=path.stat().st_size,
        pictures=len(good),
        sizes=dict(Counter(_times(picture.size) for picture in good.values()).most_common()),
        modes=dict(Counter(picture.mode for picture in good.values()).most_common()),
        mean=mean,
        deviation=deviation,
        classes=classes,
        duplicates=_near_duplicates(good, metadata),
        faults=(*faults, *_picture_faults(pictures), *label_faults),
        remarks=tuple(remarks),
        options=options if isinstance(options, dict) else None,
    )
    if sheet:
        # The font that Pillow carries has no multiplication sign.
        shapes = " and ".join(list(inspection.sizes)[:3]).replace("×", "x")
        title = f"{path.name}: {inspection.pictures} pictures, {shapes}"
        rows = [
            SheetRow(name, detail, tuple(pixels for key in names if (pixels := pictures[key].thumbnail)))
            for name, detail, names in shown
        ]
        save_sheet(draw_sheet(title, rows), Path(sheet))
    return inspection


def _read_metadata(entries: Sequence[Entry], faults: list[Problem], remarks: list[str]) -> dict[str, Any]:
    """Return the content of dataset.json, {} without a readable one; append what is wrong with it."""
    entry = next((entry for entry in entries if entry.inside == METADATA), None)
    if entry is None:
        remarks.append(f"it has no {METADATA}, so it can only be trained on without classes")
        return {}
    try:
        content = json.loads(read_entry(entry))
    except (ValueError, RecursionError) as error:
        faults.append(Problem(METADATA, f"cannot be read as JSON: {error}"))
        return {}
    if isinstance(content, dict):
        return content
    faults.append(Problem(METADATA, "is not a JSON object with the key labels"))
    return {}


def _read_labels(metadata: Mapping[str, Any], names: set[str], faults: list[Problem]) -> dict[str, int]:
    """Return the class number of every picture; append what is wrong with the labels."""
    listed = metadata.get("labels")
    if listed is None:
        return {}
    pairs = list(listed.items()) if isinstance(listed, dict) else listed
    if not isinstance(pairs, list) or any(
        not isinstance(row, (list, tuple)) or len(row) != 2 for row in pairs
    ):
        faults.append(Problem(METADATA, "its labels are not a list of pairs [file, class]"))
        return {}
    numbers: dict[str, int] = {}
    for name, label in pairs:
        if not isinstance(name, str) or name not in names:
            faults.append(Problem(str(name), "has a label, but there is no such picture"))
        elif isinstance(label, bool) or not isinstance(label, int) or label < 0:
            faults.append(Problem(name, f"its label {repr(label)[:40]} is not a class number"))
        elif numbers.setdefault(name, label) != label:
            faults.append(Problem(name, f"has two labels, {numbers[name]} and {label}"))
    missing = sorted(names.difference(name for name, _ in pairs if isinstance(name, str)))
    faults.extend(Problem(name, "has no label, although others have one") for name in missing)
    return numbers


def _choose(
    entries: Sequence[Entry], numbers: Mapping[str, int], classes: Sequence[ClassRow]
) -> list[tuple[str, str, list[str]]]:
    """Return the rows of the sheet as (name, detail, entries): some per class, or evenly spread pictures."""
    names = [entry.inside for entry in entries]
    if not classes:
        return [("", "", row) for row in _in_rows(names, _SHEET_ROWS)]
    members: dict[int, list[str]] = {}
    for name in names:
        if name in numbers:
            members.setdefault(numbers[name], []).append(name)
    filled = [row for row in classes if row.pictures]
    rows = []
    for index in spread(len(filled), _SHEET_CLASSES):
        number, name, count = filled[index]
        for line, chosen in enumerate(_in_rows(members[number], max(1, _SHEET_ROWS // len(filled)))):
            rows.append((name, f"class {number}: {count}", chosen) if line == 0 else ("", "", chosen))
    return rows


def _in_rows(names: Sequence[str], rows: int) -> list[list[str]]:
    """Return up to `rows` rows of names, evenly spread over `names`."""
    chosen = [names[index] for index in spread(len(names), _SHEET_COLUMNS * rows)]
    return [chosen[start : start + _SHEET_COLUMNS] for start in range(0, len(chosen), _SHEET_COLUMNS)]


class _Picture(NamedTuple):
    """One picture: how it is stored, sums for the moments, and a thumbnail if it goes on the sheet."""

    fault: str | None = None
    size: tuple[int, int] = (0, 0)
    mode: str = ""
    signature: Signature | None = None
    moments: tuple[np.ndarray, np.ndarray] | None = None
    thumbnail: bytes | None = None


def _examine(entry: Entry, wanted: frozenset[str]) -> _Picture:
    try:
        image, mode, _ = decode(read_entry(entry))
    except ValueError as error:
        return _Picture(fault=str(error))
    # What a person sees of a picture with transparency depends on the page; white is what browsers show.
    rgb = image.convert("RGB")
    if image.getchannel("A").getextrema() != (255, 255):
        rgb = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    levels = np.asarray(rgb).reshape(-1, 3).astype(np.float32)
    return _Picture(
        size=image.size,
        mode=mode,
        signature=signature(rgb),
        moments=(levels.mean(axis=0, dtype=np.float64), (levels**2).mean(axis=0, dtype=np.float64)),
        thumbnail=thumbnail(rgb) if entry.inside in wanted else None,
    )


def _moments(pictures: Sequence[_Picture]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel over all pictures, each picture counting the same."""
    moments = [picture.moments for picture in pictures if picture.moments]
    if not moments:
        return (), ()
    mean = np.mean([first for first, _ in moments], axis=0)
    square = np.mean([second for _, second in moments], axis=0)
    return tuple(mean.tolist()), tuple(np.sqrt(np.maximum(square - mean**2, 0)).tolist())


def _picture_faults(pictures: Mapping[str, _Picture]) -> list[Problem]:
    good = [picture for picture in pictures.values() if picture.fault is None]
    if not good:
        return [Problem(name, str(picture.fault)) for name, picture in pictures.items()] or [
            Problem("the zip", "holds no picture")
        ]
    size = Counter(picture.size for picture in good).most_common(1)[0][0]
    mode = "L" if all(picture.mode == "L" for picture in good) else "RGB"
    faults = []
    if size[0] == size[1] and size[0] & (size[0] - 1):
        faults.append(Problem("all pictures", f"{_times(size)}: the side is not a power of two"))
    for name, picture in pictures.items():
        reasons = [picture.fault] if picture.fault else []
        if not picture.fault:
            if picture.size[0] != picture.size[1]:
                reasons.append(f"{_times(picture.size)}: not square")
            elif picture.size != size:
                reasons.append(f"{_times(picture.size)}, but most are {_times(size)}")
            if picture.mode != mode:
                reasons.append(f"stored as {picture.mode}, not {mode}")
        if reasons:
            faults.append(Problem(name, "; ".join(reasons)))
    return faults


def _near_duplicates(good: Mapping[str, _Picture], metadata: Mapping[str, Any]) -> tuple[NearPair, ...]:
    """Return the pairs, with the original names of pictures where the zip tells them."""
    sources = metadata.get("sources")
    rows = [row for row in sources if isinstance(row, list)] if isinstance(sources, list) else []
    original = {row[0]: str(row[1]) for row in rows if len(row) == 2 and isinstance(row[0], str)}
    names = [original.get(name, name) for name in good]
    pairs = near_pairs([picture.signature for picture in good.values() if picture.signature])
    return tuple(NearPair(names[first], names[second], difference) for first, second, difference in pairs)


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"


def as_json(inspection: Inspection) -> str:
    """Return an inspection as one JSON object with the fields of Inspection, rows of tables as objects."""
    content = {field.name: getattr(inspection, field.name) for field in fields(inspection)}
    content["path"] = str(inspection.path)
    for name in ("classes", "duplicates", "faults"):
        content[name] = [row._asdict() for row in content[name]]
    return json.dumps(content, ensure_ascii=False, indent=2)


def as_text(inspection: Inspection) -> str:
    """Return an inspection as a page: figures, class table, near-duplicates, remarks, faults."""
    mean_kb = inspection.bytes / max(inspection.pictures, 1) / 1000
    figures = [
        ("pictures", str(inspection.pictures)),
        ("sizes", _counted(inspection.sizes)),
        ("stored as", _counted(inspection.modes)),
        ("bytes", f"{inspection.bytes} ({mean_kb:.1f} kB a picture)"),
        ("mean colour", " ".join(f"{value:.1f}" for value in inspection.mean) or "–"),
        ("deviation", " ".join(f"{value:.1f}" for value in inspection.deviation) or "–"),
        ("classes", str(len(inspection.classes)) if inspection.classes else "no labels"),
    ]
    if inspection.options:
        settings = (f"{key} {_plain(value)}" for key, value in inspection.options.items())
        figures.append(("made with", ", ".join(settings)))
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
    text = f"{count_text(len(rows), noun)}:\n" + table(header, rows[:_SHOWN_ROWS])
    hidden = len(rows) - _SHOWN_ROWS
    return text + (f"\n  … and {hidden} more (--json lists all)" if hidden > 0 else "")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} × {what}" for what, count in counts.items()) or "none"


def _plain(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    if isinstance(value, dict):
        return " ".join(f"{name} {item}" for name, item in value.items())
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
