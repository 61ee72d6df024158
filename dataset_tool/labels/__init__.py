"""Classes of pictures: from the Pokédex, from folders, or from a CSV file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dataset_tool.labels.creatures import COLOURS, GENERATIONS, PSEUDO_LEGENDARY, TYPES, label_by_species
from dataset_tool.labels.folders import label_by_folder
from dataset_tool.labels.labelling import Labelling, is_split
from dataset_tool.labels.rows import label_by_rows
from dataset_tool.labels.table import read_bytes, split_kind
from dataset_tool.pokedex import UnknownPokemon, folder_species
from dataset_tool.problems import UserError
from dataset_tool.reading.sources import Entry

__all__ = [
    "COLOURS",
    "GENERATIONS",
    "PSEUDO_LEGENDARY",
    "TYPES",
    "Labelling",
    "label_entries",
    "label_files",
    "recorded_kind",
]

_HANDFUL = 5  # pictures with a class each are a trial up to here, and a mistake beyond
_FEWEST = 20  # pictures of a set that is worth a note on how many a class has


def label_entries(kind: str, entries: Sequence[Entry], sources: Sequence[Path]) -> Labelling:
    """Give every entry its class; `kind` is a value of `--labels`.

    The kinds are described at `label_by_species`, `label_by_folder` and, for `csv:FILE[:COLUMN]`,
    `label_by_rows`. Raises UserError for a label file that cannot be used, and for classes that cannot be
    meant: names of splits, or nearly as many classes as pictures. A column that is named is always meant.
    """
    if kind == "folder":
        return _plausible(label_by_folder(entries, sources), "--labels folder", "folder")
    if not kind.startswith("csv:"):
        return _plausible(label_by_species(kind, entries, sources), f"--labels {kind}", None)
    path, column = split_kind(kind)
    return _plausible(label_by_rows(path, column, entries), str(path), None if column else "csv")


def label_files(kind: str | None) -> list[Path]:
    """Return the file that `--labels` names, if it names one: it may lie among the pictures."""
    return [split_kind(kind)[0]] if kind is not None and kind.startswith("csv:") else []


def recorded_kind(kind: str | None) -> str | None:
    """Return what the zip records of `--labels`: a CSV by name, checksum and column, not by its folder."""
    if kind is None or not kind.startswith("csv:"):
        return kind
    path, column = split_kind(kind)
    checksum = hashlib.sha256(read_bytes(path)).hexdigest()
    return f"csv:{path.name} sha256:{checksum}" + (f" column {column}" if column else "")


def _plausible(labelling: Labelling, source: str, guessed: str | None) -> Labelling:
    """Add a note where there is one class only; raises UserError where `guessed` classes cannot be meant."""
    counts = Counter(labelling.labels.values())
    names = [labelling.classes[number] for number in counts]
    pictures = counts.total()
    if len(names) == 1 and pictures > 1:
        note = f"all pictures are of one class, {names[0]}: --cond has nothing to learn from it"
        return replace(labelling, notes=(*labelling.notes, note))
    if guessed is None or labelling.classes == TYPES or len(names) < 2:
        return labelling
    insist = (
        'if you mean it, name the column, --labels "csv:FILE:COLUMN"'
        if guessed == "csv"
        else 'if you mean it, list the labels in a file and name its column, --labels "csv:FILE:COLUMN"'
    )
    if all(map(is_split, names)):
        raise UserError(f"{source} makes classes of the splits {', '.join(sorted(names))}; {insist}")
    creatures = guessed == "csv" and len(names) == pictures and all(map(_is_pokemon, names))
    if creatures or (pictures > _HANDFUL and 5 * len(names) > 4 * pictures):
        raise UserError(
            f"{source} makes {len(names)} classes of {pictures} pictures, such as {', '.join(names[:3])}: "
            f"a class needs many pictures; {insist}"
        )
    if pictures >= _FEWEST and 3 * len(names) > pictures:
        note = f"{len(names)} classes of {pictures} pictures: --cond learns little from so few a class"
        return replace(labelling, notes=(*labelling.notes, note))
    return labelling


def _is_pokemon(name: str) -> bool:
    try:
        return folder_species(name) is not None
    except UnknownPokemon:
        return False
