"""Classes from folders: the first below what all pictures share, save split folders such as `train`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from dataset_tool.labels.creatures import TYPES
from dataset_tool.labels.labelling import PICTURE_SUFFIX, Labelling, fold, is_split, one_spelling, tidy
from dataset_tool.problems import Problem
from dataset_tool.reading.sources import Entry, common_folder, natural_key, source_names

# What systems call a copy: `Fire (2)`, `Fire - Copy`, `Fire copy 2`.
_COPY = re.compile(r"(?: - (?:copy|kopie|copie|copia)| copy(?: [0-9]+)?)?(?: ?\([0-9]+\))?$", re.IGNORECASE)


def label_by_folder(entries: Sequence[Entry], sources: Sequence[Path]) -> Labelling:
    """Give every entry the name of its folder as class.

    That is the first folder below the one that all pictures of a source share. Split folders (`train`,
    `test`, `val` and the like) are passed over. With several sources, pictures outside of any folder take
    the name of their source. Spellings that differ in case, blanks or composition are one class, and so are
    a folder and its copies (`Fire (2)`). Folders
    that are all named after types get the classes of `type`, so that forged and real creatures share their
    numbers.
    """
    # Sources that are splits of one set share their folders: `test` may lack a class that `train` has.
    whole = [source.name if source.is_dir() else source.stem for source in map(Path.resolve, sources)]
    splits = [number for number, name in enumerate(whole) if is_split(name)]
    group = {number: splits[0] if number in splits else number for number in range(len(sources))}
    inside = {entry: _without_splits(entry) for entry in entries}
    # What is no picture, such as a read-me beside the folders, has no say in what the pictures share.
    pictures = [entry for entry in entries if PICTURE_SUFFIX.search(entry.inside.casefold())] or entries
    common = common_folder(
        [replace(entry, inside=inside[entry].as_posix(), source=group[entry.source]) for entry in pictures]
    )
    names = source_names(sources)
    folders: dict[str, str] = {}
    problems: list[Problem] = []
    skipped: dict[str, None] = {names[number]: None for number in splits if len(sources) > 1}
    for entry in entries:
        shared = common.get(group[entry.source], PurePosixPath())
        parent = inside[entry].parent
        parts = parent.relative_to(shared).parts if parent.is_relative_to(shared) else ()
        passed_over = [part for part in PurePosixPath(entry.inside).parts[:-1] if is_split(part)]
        skipped |= dict.fromkeys(passed_over)
        if not passed_over and entry.source in splits:
            passed_over = [names[entry.source]]
        if parts:
            folders[entry.name] = parts[0]
        elif len(sources) > 1 and not passed_over:
            folders[entry.name] = names[entry.source]
        else:
            reason = "--labels folder: it lies in no folder of its own class"
            if passed_over:
                reason += f", and {passed_over[-1]} is a part of a set, no class: rename it if it is one"
            problems.append(Problem(entry.name, reason))
    present = set(map(fold, folders.values()))
    spelling, notes = one_spelling(folders.values(), lambda name: _original(name, present))
    found = set(spelling.values())
    of_types = bool(found) and {fold(name) for name in found} <= set(TYPES)
    classes = TYPES if of_types else tuple(sorted(found, key=natural_key))
    if skipped and found:
        notes += (f"{', '.join(list(skipped)[:6])}: parts of a set, passed over; folders inside are classes",)
    if of_types and len(found) < len(TYPES):
        notes += (
            f"all {len(found)} folders are named after types, so the {len(TYPES)} types are the classes, with"
            " the numbers that --labels type gives them; classes without pictures do no harm",
        )
    number_of = {fold(name): number for number, name in enumerate(classes)}
    labels = {name: number_of[fold(spelling[folder])] for name, folder in folders.items()}
    return Labelling(labels, classes, tuple(problems), notes)


def _original(name: str, present: set[str]) -> str:
    """Return the folded name of the folder that `name` is a copy of, if it is one of `present`."""
    original = fold(_COPY.sub("", tidy(name)))
    return original if original in present else fold(name)


def _without_splits(entry: Entry) -> PurePosixPath:
    path = PurePosixPath(entry.inside)
    return PurePosixPath(*(part for part in path.parent.parts if not is_split(part)), path.name)
