"""The conversion: list the files, scan every one of them, and only then write the dataset zip.

Scanning already decodes, fits and encodes (decoding twice would cost more than it saves): encoded pictures
wait in a nameless temporary file until every file was seen, every problem is known and duplicates are
found.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from tqdm import tqdm

from dataset_tool import __version__
from dataset_tool.archive import check_destination, write_dataset
from dataset_tool.background import parse_background
from dataset_tool.dedupe import Signature, find_duplicates
from dataset_tool.labels import Labelling, class_counts, label_entries, recorded_kind
from dataset_tool.options import ConvertOptions
from dataset_tool.picture import PNG_LEVEL, PNG_STRATEGY, Rendered, render
from dataset_tool.problems import Problem, ProblemsError, UserError
from dataset_tool.reading.sources import Entry, Listing, close_archives, list_sources, natural_key
from dataset_tool.report import ClassRow, ConvertReport, DroppedDuplicate
from dataset_tool.workers import ordered_map

__all__ = ["ConvertOptions", "ConvertReport", "convert"]


def convert(
    sources: Sequence[Path],
    dest: Path,
    options: ConvertOptions | None = None,
    workers: int | None = None,
    progress: bool = True,
    overwrite: bool = False,
) -> ConvertReport:
    """Convert pictures to a dataset zip and return what was done.

    sources: folders (searched recursively), zips and single pictures. dest: the zip to write, whole or not
    at all; an existing one is replaced only with `overwrite`. options: what the data set shall be (None:
    the defaults). workers: processes (None: one per core). progress: whether a bar is drawn on a terminal.
    The same files and options give the same bytes, whatever `workers` is and wherever the sources lie.
    Raises UserError for an option, source or destination that cannot be used, and ProblemsError with the
    table when no picture is left, or when there is any problem and `options.strict`.
    """
    start = time.perf_counter()
    options = options or ConvertOptions()
    sources, dest = [Path(source) for source in sources], Path(dest)
    if not sources:
        raise UserError("no source is given: name a folder, a zip or pictures")
    parse_background(options.background)
    check_destination(dest, overwrite)
    if dest.exists() and any(source.exists() and source.samefile(dest) for source in sources):
        raise UserError(f"{dest} is both a source and the zip to write: write to another name")
    listing = list_sources(sources, options.include, options.exclude, skip=dest)
    labelling = label_entries(options.labels, listing.entries, sources) if options.labels else None
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
        # Beside the zip, since that is where room for it must be; without a name, so that it cannot be left
        # behind.
        with tempfile.TemporaryFile(dir=dest.parent) as spool:
            scan = _scan(listing, labelling, options, workers, progress, spool)
            _check(scan, listing, options, dest)
            return _write(scan, listing, labelling, options, dest, spool, start)
    except OSError as error:
        raise UserError(
            f"cannot write {dest}: {error.strerror or error}; check the folder and its free space"
        ) from error
    finally:
        close_archives()


class _Kept(NamedTuple):
    """A picture for the zip: its entry, where its PNG lies in the spool, what was done to it."""

    entry: Entry
    offset: int
    length: int
    rendered: Rendered


class _Scan(NamedTuple):
    kept: list[_Kept]
    problems: list[Problem]


def _scan(
    listing: Listing,
    labelling: Labelling | None,
    options: ConvertOptions,
    workers: int | None,
    progress: bool,
    spool: IO[bytes],
) -> _Scan:
    """Render every entry; encoded pictures go to `spool`, everything else stays in memory."""
    problems = list(listing.problems)
    unlabelled = {problem.file: problem for problem in (labelling.problems if labelling else ())}
    kept: list[_Kept] = []
    offset = 0
    results = ordered_map(partial(render, options=options), listing.entries, workers)
    bar = tqdm(
        results,
        total=len(listing.entries),
        desc="scan and convert",
        unit=" pictures",
        disable=None if progress else True,
    )
    for entry, rendered in zip(listing.entries, bar, strict=True):
        if rendered.png is None:
            # What is no picture at all needs no class, so this reason goes before a missing label.
            problems.append(Problem(entry.name, rendered.reason or "unknown problem"))
        elif entry.name in unlabelled:
            problems.append(unlabelled[entry.name])
        else:
            spool.write(rendered.png)
            kept.append(_Kept(entry, offset, len(rendered.png), rendered._replace(png=None)))
            offset += len(rendered.png)
    return _Scan(kept, sorted(problems, key=lambda problem: natural_key(problem.file)))


def _check(scan: _Scan, listing: Listing, options: ConvertOptions, dest: Path) -> None:
    if options.strict and scan.problems:
        raise ProblemsError(
            f"{len(scan.problems)} of {_found(listing)} files cannot be used and --strict is given, "
            f"so {dest} was not written: repair, remove or --exclude them",
            scan.problems,
        )
    if not scan.kept:
        found = _found(listing)
        reason = f"none of the {found} files found can be used" if found else "no file was found"
        if listing.unused_patterns:
            reason += f" ({', '.join(listing.unused_patterns)} matched nothing)"
        raise ProblemsError(f"{reason}, so {dest} was not written: check the sources", scan.problems)


def _found(listing: Listing) -> int:
    return len(listing.entries) + len(listing.problems)


def _write(
    scan: _Scan,
    listing: Listing,
    labelling: Labelling | None,
    options: ConvertOptions,
    dest: Path,
    spool: IO[bytes],
    start: float,
) -> ConvertReport:
    kept, duplicates = _without_duplicates(scan.kept) if options.dedupe else (scan.kept, ())
    labels = None if labelling is None else [labelling.labels[item.entry.name] for item in kept]
    size = write_dataset(
        dest,
        _spooled(spool, kept),
        count=len(kept),
        labels=labels,
        classes=labelling.classes if labelling else None,
        sources=[item.entry.name for item in kept],
        options=_recorded(options),
        expected_bytes=sum(item.length for item in kept),
    )
    notes = Counter(note for item in kept for note in item.rendered.notes)
    return ConvertReport(
        dest=dest,
        resolution=options.resolution,
        found=_found(listing),
        pictures=len(kept),
        bytes=size,
        seconds=time.perf_counter() - start,
        problems=tuple(scan.problems),
        duplicates=duplicates,
        classes=tuple(ClassRow(*row) for row in class_counts(labels, labelling.classes)) if labelling else (),
        filters=dict(Counter(item.rendered.filter for item in kept).most_common()),
        notes=dict(notes.most_common()),
        remarks=(
            *(f"{pattern} matched no file" for pattern in listing.unused_patterns),
            *(labelling.notes if labelling else ()),
        ),
    )


def _without_duplicates(kept: list[_Kept]) -> tuple[list[_Kept], tuple[DroppedDuplicate, ...]]:
    signatures: list[Signature] = [item.rendered.signature for item in kept if item.rendered.signature]
    found = find_duplicates(signatures, preference=[item.rendered.pixels for item in kept])
    dropped = {duplicate.index for duplicate in found}
    return (
        [item for index, item in enumerate(kept) if index not in dropped],
        tuple(
            DroppedDuplicate(kept[row.index].entry.name, kept[row.of].entry.name, row.difference)
            for row in found
        ),
    )


def _spooled(spool: IO[bytes], kept: Sequence[_Kept]) -> Iterator[bytes]:
    for item in kept:
        spool.seek(item.offset)
        yield spool.read(item.length)


def _recorded(options: ConvertOptions) -> dict[str, Any]:
    """Return the options as the zip records them: what made the data, and nothing of where it was made."""
    recorded: dict[str, Any] = {"tool": f"dataset_tool {__version__}", **asdict(options)}
    recorded["include"], recorded["exclude"] = list(options.include), list(options.exclude)
    recorded["labels"] = recorded_kind(options.labels)
    recorded["png"] = {"level": PNG_LEVEL, "strategy": PNG_STRATEGY}
    return recorded
