"""Datasets as sources of a conversion: their pictures keep the names of the original files, and their labels.

Names matter since the Pokédex, folders and held-out creatures are told by them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dataset_tool.labels import Labelling
from dataset_tool.problems import Problem, UserError
from dataset_tool.reading.dataset_zip import METADATA, DatasetZip, problem_sentence, read_dataset
from dataset_tool.reading.sources import Entry, Listing, is_zip, open_zip

_REMEDY = "give --labels KIND, or --labels none to leave labels out"


def datasets_among(sources: Sequence[Path]) -> dict[int, DatasetZip]:
    """Return the sources that are datasets, by position."""
    candidates = {i: read_dataset(source) for i, source in enumerate(sources) if _may_be_dataset(source)}
    return {i: dataset for i, dataset in candidates.items() if dataset.metadata}


def original_names(datasets: Mapping[int, DatasetZip]) -> dict[tuple[int, str], str]:
    """Return the original files of pictures, by source and path."""
    return {
        (i, entry.inside): original
        for i, dataset in datasets.items()
        for entry, original in zip(dataset.entries, dataset.sources, strict=True)
    }


def reopen(
    datasets: Mapping[int, DatasetZip], sources: Sequence[Path], listing: Listing, keep: bool
) -> tuple[Listing, Labelling | None]:
    """Return the listing with the original names of pictures, and the labels that `datasets` bring along.

    dataset.json is taken out of the listing. The labelling is None where no source has labels, and unless
    `keep`. Raises UserError for labels that cannot be used, and for sources that do not share their classes.
    """
    if not datasets:
        return listing, None
    originals = original_names(datasets)
    labels = _kept_labels(sources, datasets) if keep else {}
    of_datasets = {(i, dataset.metadata) for i, dataset in datasets.items()}
    old = [
        replace(entry, premultiplied=entry.source in datasets and datasets[entry.source].premultiplied)
        for entry in listing.entries
        if (entry.source, entry.inside) not in of_datasets
    ]
    new = [_renamed(entry, originals.get((entry.source, entry.inside), entry.inside)) for entry in old]
    if len({entry.name for entry in new}) < len(new):  # several pictures of one original file
        new = old
    listing = replace(listing, entries=tuple(new))
    if not labels:
        return listing, None
    numbers = [labels.get((entry.source, entry.inside)) for entry in old]
    labelled = {entry.name: number for entry, number in zip(new, numbers, strict=True) if number is not None}
    reasons = {
        (i, fault.file): fault.reason for i, dataset in datasets.items() for fault in dataset.label_faults
    }
    problems = (
        Problem(entry.name, reasons.get((entry.source, stored.inside), f"{METADATA} has no label"))
        for entry, stored in zip(new, old, strict=True)
        if entry.name not in labelled
    )
    return listing, Labelling(
        labels=labelled,
        classes=next(dataset.class_names for dataset in datasets.values() if dataset.usable_labels),
        problems=tuple(problems),
        notes=("the data set's own labels are kept; --labels none leaves them out",),
    )


def _kept_labels(sources: Sequence[Path], datasets: Mapping[int, DatasetZip]) -> dict[tuple[int, str], int]:
    """Class numbers by source and entry; empty where no source has labels.

    A fault of one picture's label costs that picture; one of all labels is an error.
    """
    for dataset in datasets.values():
        of_all = [fault for fault in dataset.label_faults if fault.file in (METADATA, dataset.metadata)]
        if of_all or (dataset.label_faults and not dataset.usable_labels):
            raise UserError(f"{problem_sentence(dataset.path, of_all or dataset.label_faults)}; {_REMEDY}")
    labelled = [dataset for dataset in datasets.values() if dataset.usable_labels]
    classes = {dataset.classes for dataset in labelled}
    shared = len(labelled) == len(sources) and len(classes) == 1 and None not in classes
    if labelled and len(sources) > 1 and not shared:
        path = labelled[0].path
        raise UserError(f"{path} has labels, and not all sources name the same classes; {_REMEDY}")
    return {
        (i, inside): label
        for i, dataset in datasets.items()
        for inside, label in dataset.usable_labels.items()
    }


def _may_be_dataset(source: Path) -> bool:
    if source.is_dir():
        return next(source.rglob(METADATA), None) is not None
    if not source.is_file() or not is_zip(source):
        return False
    with open_zip(source) as archive:
        return any(re.split(r"[/\\]", name)[-1] == METADATA for name in archive.namelist())


def _renamed(entry: Entry, original: str) -> Entry:
    inside = original.lstrip("/") or entry.inside
    return replace(entry, name=entry.name.removesuffix(entry.inside) + inside, inside=inside)
