"""A dataset as every program reads it: which entries are pictures, in which order, and what their labels are.

`dataset_tool inspect` and `convert` and the training read data sets here, so that they agree. The layout is
the one that StyleGAN tools share: pictures in any folders, and beside these `dataset.json` with
`{"labels": [[file, class], …] | null}`. Where a folder holds all of that, as in zips of a folder, names in
dataset.json are relative to it. A class is a number, or a one-hot vector. The keys `classes`,
`sources` and `convert` are ours; others ignore them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from dataset_tool.problems import Problem
from dataset_tool.reading.sniff import HEAD_BYTES, sniff
from dataset_tool.reading.sources import (
    Entry,
    Listing,
    common_folder,
    entry_info,
    list_sources,
    read_entry,
)

METADATA = "dataset.json"
PREMULTIPLIED = "premultiplied"
"""What `convert` records as "alpha" of a set whose colours are multiplied by alpha; others are straight."""
# What such a file holds is meant as a picture, whether it can be read or not.
_PICTURE_NAME = re.compile(
    r"\.(a?png|jpe?g|jpe|jfif|webp|gif|bmp|dib|tiff?|avif|hei[cf]|jxl|jp2|tga)$", re.IGNORECASE
)
# Labels are counted up to the largest; a stray one must not fill the memory with names of classes.
_MOST_CLASSES = 1_000_000
_ALL = "the zip"  # what has a fault that is none of an entry
_NAMED = 3  # entries in a sentence


@dataclass(frozen=True)
class DatasetZip:
    """What a dataset zip, or a folder of the same layout, holds; no picture is decoded yet.

    `entries` are its pictures in the order of training, `sources` their original files, as far as the zip
    names these. `labels` holds their class numbers, None if there are none or `label_faults` makes them
    unusable; `usable_labels` holds those without a fault, by entry. `classes` names the classes, None if the
    zip does not; `class_count` is how many there are. `convert` records how the zip was made. `faults` stop
    every training, `label_faults` those with `--cond` only, and `remarks` are harmless. `metadata` is the
    name of its dataset.json, "" without one.
    """

    path: Path
    entries: tuple[Entry, ...]
    sources: tuple[str, ...]
    faults: tuple[Problem, ...]
    remarks: tuple[str, ...]
    metadata: str = ""
    label_faults: tuple[Problem, ...] = ()
    labels: tuple[int, ...] | None = None
    usable_labels: Mapping[str, int] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    class_count: int = 0
    convert: Mapping[str, Any] | None = None

    @property
    def premultiplied(self) -> bool:
        """Whether the colours of its pictures are multiplied by alpha."""
        return (self.convert or {}).get("alpha") == PREMULTIPLIED

    @property
    def class_names(self) -> tuple[str, ...]:
        """A name for every class, its number where the zip names none; empty without labels."""
        return self.classes or tuple(map(str, range(self.class_count)))


def read_dataset(path: Path) -> DatasetZip:
    """Describe the dataset zip or folder at `path`.

    Raises UserError if it cannot be read at all; everything else is a fault or a remark. The archive stays
    open for `read_entry` until `close_archives`.
    """
    listing = list_sources([path])
    described = _metadata_name(listing)
    metadata = next((entry for entry in listing.entries if entry.inside == described), None)
    of_metadata = [problem for problem in listing.problems if problem.file == described]
    pictures, problems, others = choose_pictures(listing, described)
    pictures.sort(key=_stored_name)
    if not pictures and not problems:
        held = f", but {others[0].file}, {others[0].reason}" if others else ""
        problems.append(Problem(_ALL, f"holds no picture{held}"))
    dataset = DatasetZip(
        path=path,
        entries=tuple(pictures),
        sources=tuple(entry.inside for entry in pictures),
        faults=tuple(problems),
        remarks=_remarks(others),
        metadata=described,
        label_faults=tuple(of_metadata),
    )
    if of_metadata or metadata is None:
        return dataset
    try:
        return _described(dataset, _read_metadata(metadata))
    except ValueError as error:
        return replace(dataset, label_faults=(Problem(metadata.inside, str(error)),))


def choose_pictures(
    listing: Listing, metadata: str = METADATA
) -> tuple[list[Entry], list[Problem], list[Problem]]:
    """Return the pictures of a listing, problems of pictures, and what else there is but `metadata`.

    A name that ends as those of pictures do promises one, and only decoding shows whether it is there. Any
    other entry is a picture if its first bytes are those of one.
    """
    pictures: list[Entry] = []
    others: list[Problem] = []
    for entry in listing.entries:
        if entry.inside == metadata:
            continue
        if _promises_picture(entry.inside):
            pictures.append(entry)
            continue
        try:
            sniff(read_entry(entry, HEAD_BYTES))
        except ValueError as error:
            others.append(Problem(entry.inside, str(error)))
        else:
            pictures.append(entry)
    chosen = {entry.inside for entry in pictures}
    problems: list[Problem] = []
    for problem in listing.problems:
        if _promises_picture(problem.file) or problem.file in chosen:
            problems.append(problem)
        elif problem.file != metadata:
            others.append(problem)
    return pictures, problems, others


def problem_sentence(path: Path | str, problems: Sequence[Problem]) -> str:
    """The first of `problems` of the zip at `path` and how many there are, without a full stop."""
    more = f" (and {len(problems) - 1} more, see `python -m dataset_tool inspect`)" if problems[1:] else ""
    what = "" if problems[0].file == _ALL else f": {problems[0].file}:"
    return f"{path}{what} {problems[0].reason}{more}"


def _metadata_name(listing: Listing) -> str:
    """The first dataset.json, from the top down, in a folder that holds all pictures; "" without one."""
    found = {entry.inside for entry in listing.entries} | {problem.file for problem in listing.problems}
    shared = common_folder([entry for entry in listing.entries if _promises_picture(entry.inside)])
    folder = shared.get(0, PurePosixPath())
    names = (str(home / METADATA) for home in (*reversed(folder.parents), folder))
    return next((name for name in names if name in found), "")


def _promises_picture(name: str) -> bool:
    return _PICTURE_NAME.search(name) is not None


def _stored_name(entry: Entry) -> str:
    # Checkpoints know a set by its order, which the names as stored have decided from the start.
    return entry.inside if entry.index is None else entry_info(entry).filename


def _remarks(others: Sequence[Problem]) -> tuple[str, ...]:
    remarks = []
    elsewhere = [name for name, _ in others if PurePosixPath(name).name == METADATA]
    if unread := [(name, reason) for name, reason in others if name not in elsewhere]:
        named = ", ".join(f"{name} ({reason})" for name, reason in unread[:_NAMED])
        more = f" and {len(unread) - _NAMED} more" if len(unread) > _NAMED else ""
        remarks.append(f"left out, since no picture: {named}{more}")
    if elsewhere:
        remarks.append(f"{elsewhere[0]} is not above all pictures, so its labels are not read")
    return tuple(remarks)


def _read_metadata(entry: Entry) -> dict[str, Any]:
    data = read_entry(entry)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        where = f" from line {error.lineno} on" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"is no valid JSON{where}") from error
    if not isinstance(content, dict):
        raise ValueError("is not a JSON object with the key labels")
    return content


def _described(dataset: DatasetZip, metadata: Mapping[str, Any]) -> DatasetZip:
    """Add what dataset.json says; ValueError if its labels or classes are nothing of the kind."""
    names = [entry.inside for entry in dataset.entries]
    home = dataset.metadata.removesuffix(METADATA)
    originals = {
        _entry_name(name, home): _text(source)
        for name, source in _pairs(metadata.get("sources")) or ()
        if isinstance(source, str)
    }
    options = metadata.get("convert")
    dataset = replace(
        dataset,
        sources=tuple(originals.get(name, name) for name in names),
        convert=options if isinstance(options, dict) else None,
    )
    if dataset.premultiplied:
        dataset = replace(dataset, entries=tuple(replace(e, premultiplied=True) for e in dataset.entries))
    listed = metadata.get("labels")
    if listed is None or listed in ([], {}):
        return dataset
    pairs = _pairs(listed)
    if pairs is None:
        reason = "its labels are not a list of pairs [file, class]"
        return replace(dataset, label_faults=(Problem(dataset.metadata, reason),))
    numbers, count, faults, unknown = _class_numbers(pairs, names, home)
    classes, fault = _class_names(metadata.get("classes"), count)
    if fault:
        faults.append(Problem(dataset.metadata, fault))
    if unknown:
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        remark = f"labels of pictures that are not there: {', '.join(unknown[:_NAMED])}{more}"
        dataset = replace(dataset, remarks=(*dataset.remarks, remark))
    labels = None if faults else tuple(numbers[name] for name in names)
    of_pictures = {fault.file for fault in faults}
    usable = {name: number for name, number in numbers.items() if name not in of_pictures}
    return replace(
        dataset,
        label_faults=tuple(faults),
        labels=labels,
        usable_labels=usable,
        classes=classes,
        class_count=len(classes or range(count)),
    )


def _pairs(listed: Any) -> list[tuple[str, Any]] | None:
    """The pairs of a list [[name, value], …] or an object {name: value, …}; None for anything else."""
    rows = list(listed.items()) if isinstance(listed, dict) else listed
    if not isinstance(rows, list):
        return None
    if not all(isinstance(row, (list, tuple)) and len(row) == 2 and isinstance(row[0], str) for row in rows):
        return None
    return [(name, value) for name, value in rows]


def _class_numbers(
    pairs: Iterable[tuple[str, Any]], names: Sequence[str], home: str
) -> tuple[dict[str, int], int, list[Problem], list[str]]:
    """Return class numbers by entry, how many classes these imply, faults, and names of no entry."""
    known = set(names)
    numbers: dict[str, int] = {}
    widths: set[int] = set()
    faults: list[Problem] = []
    unknown: list[str] = []
    labelled = set()
    for name, label in pairs:
        name = _entry_name(name, home)
        if name not in known:
            unknown.append(name)
            continue
        labelled.add(name)
        number = _class_number(label)
        if number is None or number >= _MOST_CLASSES:
            faults.append(Problem(name, f"its label {_short(label)} is not a class number"))
        elif numbers.setdefault(name, number) != number:
            faults.append(Problem(name, f"has two labels, {numbers[name]} and {number}"))
        widths.add(len(label) if isinstance(label, list) else 0)
    if unknown and not labelled:
        faults.append(
            Problem(home + METADATA, f"its labels name none of the pictures: {unknown[0]} is not there")
        )
        return numbers, 0, faults, []
    faults.extend(Problem(n, "has no label, although others have one") for n in names if n not in labelled)
    if len(widths) > 1 and not faults:
        faults.append(Problem(METADATA, "its labels are vectors of different lengths, or some are numbers"))
    return numbers, max([*widths, *(number + 1 for number in numbers.values())], default=0), faults, unknown


def _class_number(label: Any) -> int | None:
    """The class that a number or a one-hot vector means, or None."""
    if isinstance(label, list):
        if not all(_is_number(value) for value in label) or sorted(label) != [0] * (len(label) - 1) + [1]:
            return None
        return label.index(1)
    return int(label) if _is_number(label) and label >= 0 and label % 1 == 0 else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _class_names(listed: Any, count: int) -> tuple[tuple[str, ...] | None, str | None]:
    """The names of at least `count` classes, None without any, and what is wrong with them."""
    if listed is None or listed == []:
        return None, None
    if not isinstance(listed, list):
        return None, "its classes are not a list of names"
    if count > len(listed):
        return None, f"it has a label outside its {len(listed)} classes"
    return tuple(map(_text, listed)), None


def _entry_name(name: str, home: str) -> str:
    """A name in a dataset.json as `list_sources` spells it; `home` is the file's folder, "" or "set/"."""
    return home + unicodedata.normalize("NFC", _text(name).replace("\\", "/")).removeprefix("./")


def _text(value: Any) -> str:
    # JSON can hold halves of characters, which no file and no terminal takes.
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _short(label: Any) -> str:
    text = json.dumps(label)
    return text if len(text) <= 40 else text[:40] + "…"
