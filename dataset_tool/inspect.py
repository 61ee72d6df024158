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

from dataset_tool.dedupe import Signature, near_pairs, signature
from dataset_tool.problems import Problem, UserError
from dataset_tool.reading.dataset_zip import METADATA, DatasetZip, read_dataset
from dataset_tool.reading.pixels import (
    Shape,
    decode_pixels,
    other_shape,
    size_text,
    straight,
    unusable_shape,
)
from dataset_tool.reading.sniff import UNKNOWN, kind_of_file
from dataset_tool.reading.sources import Entry, close_archives, entry_info, is_zip, read_entry
from dataset_tool.remarks import (
    Look,
    dominant_creature,
    look_of,
    sheets_text,
    small_text,
    sprites_in,
    unlike_the_rest,
)
from dataset_tool.report import ClassRow, class_rows, class_table, count_text, table
from dataset_tool.sheet import SheetRow, check_sheet, draw_sheet, save_sheet, spread, thumbnail
from dataset_tool.terminal import no_bar
from dataset_tool.workers import ordered_map

_SHEET_COLUMNS = 12
_SHEET_ROWS = 12
_STRAY_ROWS = 2
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
    levels of 255; `classes` is empty without labels. `faults` are what training would refuse, with `--cond`
    if there are labels: without any, `finetune.py` takes every picture, and shows the same pixels. `remarks`
    are harmless; `options` are those of `convert`, if it made the zip.
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
    strays: tuple[Problem, ...]
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
        kind = kind_of_file(path)
        what = "no zip" if kind.what in UNKNOWN else f"{kind.what}, not a zip"
        remedy = kind.remedy_or("give a dataset zip, such as convert writes")
        raise UserError(f"{path} is {what}: {remedy}")
    if sheet:
        check_sheet(Path(sheet))
    try:
        dataset = read_dataset(path)
        entries = dataset.entries
        compressed = sum(entry_info(entry).compress_type != zipfile.ZIP_STORED for entry in entries)
        classes = class_rows(dataset.labels or (), dataset.classes or ())
        shown = _choose(dataset, classes) if sheet else []
        wanted = {name for _, _, names in shown for name in names}
        examined = ordered_map(partial(_examine, wanted=frozenset(wanted)), entries, workers)
        bar = tqdm(examined, total=len(entries), desc="inspect", unit=" pictures", disable=no_bar(progress))
        pictures = dict(zip((entry.inside for entry in entries), bar, strict=True))
        good = {name: picture for name, picture in pictures.items() if picture.fault is None}
        strays = _strays(dataset, good)
        if sheet:
            shown = [*_in_stray_rows(strays), *shown]
            unseen = {name for name, *_ in strays} - wanted
            pictures |= {e.inside: _examine(e, frozenset(unseen)) for e in entries if e.inside in unseen}
    finally:
        close_archives()
    mean, deviation = _moments(list(good.values()))
    inspection = Inspection(
        path=path,
        bytes=path.stat().st_size,
        pictures=len(good),
        sizes=dict(Counter(size_text(picture.shape) for picture in good.values()).most_common()),
        modes=dict(Counter(picture.mode for picture in good.values()).most_common()),
        mean=mean,
        deviation=deviation,
        classes=classes,
        duplicates=_near_duplicates(good, dataset),
        strays=tuple(Problem(original, what) for _, original, what in strays),
        faults=(*dataset.faults, *_picture_faults(pictures), *dataset.label_faults),
        remarks=(*dataset.remarks, *_remarks(dataset, good, compressed)),
        options=dataset.convert,
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


def _remarks(dataset: DatasetZip, good: Mapping[str, _Picture], compressed: int) -> list[str]:
    remarks = []
    if sheets := [(name, picture.sprites) for name, picture in good.items() if picture.sprites]:
        remarks.append(sheets_text(sheets, "convert the set again with --sheet auto"))
    if dominant := dominant_creature(dataset.sources):
        remarks.append(dominant)
    looks = [picture.look for picture in good.values() if picture.look]
    trimmed = bool(dataset.convert and dataset.convert.get("trim"))
    if not trimmed and (small := small_text(looks, "convert --trim --margin 1.5")):
        remarks.append(small)
    if not dataset.metadata:
        remarks.append(f"it has no {METADATA}, so it can only be trained on without classes")
    unnamed = dataset.labels is not None and dataset.classes is None
    if empty := dataset.class_count - len(set(dataset.labels or ())) if unnamed else 0:
        numbers = f"{empty} of the class numbers 0 to {dataset.class_count - 1}"
        remarks.append(f"no picture has {numbers}: number classes from 0 on without gaps")
    if dataset.label_faults:
        remarks.append("its labels cannot be used; without --cond they stop no training")
    if compressed:
        slow = "entries are compressed in the zip, which slows reading and saves nothing on PNGs"
        remarks.append(f"{compressed} {slow}")
    return remarks


def _strays(dataset: DatasetZip, good: Mapping[str, _Picture]) -> list[tuple[str, str, str]]:
    """Return the pictures unlike the rest as (entry, original file, in what)."""
    originals = {entry.inside: source for entry, source in zip(dataset.entries, dataset.sources, strict=True)}
    names = [name for name, picture in good.items() if picture.look]
    found = unlike_the_rest([picture.look for picture in good.values() if picture.look])
    return [(names[index], originals[names[index]], what) for index, what in found]


def _in_stray_rows(strays: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, list[str]]]:
    """Return the first rows of the sheet: the strays, the farthest of them if there are many."""
    names = [name for name, *_ in strays[: _SHEET_COLUMNS * _STRAY_ROWS]]
    rows = [names[start : start + _SHEET_COLUMNS] for start in range(0, len(names), _SHEET_COLUMNS)]
    return [
        ("" if i else "unlike the rest", "" if i else f"{len(strays)}", row) for i, row in enumerate(rows)
    ]


def _choose(dataset: DatasetZip, classes: Sequence[ClassRow]) -> list[tuple[str, str, list[str]]]:
    """Return the rows of the sheet as (name, detail, entries): some per class, or evenly spread pictures."""
    names = [entry.inside for entry in dataset.entries]
    if dataset.labels is None:
        return [("", "", row) for row in _in_rows(names, _SHEET_ROWS)]
    members: dict[int, list[str]] = {}
    for name, number in zip(names, dataset.labels, strict=True):
        members.setdefault(number, []).append(name)
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
    shape: Shape = Shape(0, 0, 0)
    mode: str = ""
    signature: Signature | None = None
    moments: tuple[np.ndarray, np.ndarray] | None = None
    look: Look | None = None
    sprites: int = 0
    thumbnail: bytes | None = None


def _examine(entry: Entry, wanted: frozenset[str]) -> _Picture:
    try:
        pixels = decode_pixels(read_entry(entry))
    except ValueError as error:
        return _Picture(fault=str(error))
    array = straight(pixels.array) if entry.premultiplied and pixels.shape.channels == 4 else pixels.array
    image = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
    if image.mode == "RGBA":
        # What a person sees of transparency depends on the page; white is what browsers show.
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    rgb = image.convert("RGB")
    levels = np.asarray(rgb).reshape(-1, 3).astype(np.float32)
    return _Picture(
        shape=pixels.shape,
        mode=pixels.mode,
        signature=signature(rgb),
        moments=(levels.mean(axis=0, dtype=np.float64), (levels**2).mean(axis=0, dtype=np.float64)),
        look=look_of(rgb),
        sprites=sprites_in(rgb),
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
    shapes = Counter(picture.shape for picture in pictures.values() if picture.fault is None)
    usual = shapes.most_common(1)[0][0] if shapes else Shape(0, 0, 0)
    faults = []
    if shapes and usual.width == usual.height and (reason := unusable_shape(usual)):
        faults.append(Problem("all pictures", reason))
    for name, picture in pictures.items():
        if reason := picture.fault or other_shape(picture.shape, usual):
            faults.append(Problem(name, reason))
    return faults


def _near_duplicates(good: Mapping[str, _Picture], dataset: DatasetZip) -> tuple[NearPair, ...]:
    """Return the pairs, with the original names of pictures where the zip tells them."""
    originals = {entry.inside: source for entry, source in zip(dataset.entries, dataset.sources, strict=True)}
    names = [originals[name] for name in good]
    pairs = near_pairs([picture.signature for picture in good.values() if picture.signature])
    return tuple(NearPair(names[first], names[second], difference) for first, second, difference in pairs)


def as_json(inspection: Inspection) -> str:
    """Return an inspection as one JSON object with the fields of Inspection, rows of tables as objects."""
    content = {field.name: getattr(inspection, field.name) for field in fields(inspection)}
    content["path"] = str(inspection.path)
    for name in ("classes", "duplicates", "strays", "faults"):
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
    if inspection.strays:
        header = ("picture", "differs in")
        parts.append(f"unlike the rest, {_section('picture', inspection.strays, header)}")
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
