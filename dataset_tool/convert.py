"""The conversion: list the files, scan every one of them, and only then write the dataset zip.

Scanning already decodes, fits and encodes (decoding twice would cost more than it saves): encoded pictures
wait in a nameless temporary file until every file was seen, every problem is known and duplicates are
found.
"""

from __future__ import annotations

import contextlib
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
from dataset_tool.dedupe import find_duplicates
from dataset_tool.labels import Labelling, label_entries, label_files, recorded_kind
from dataset_tool.options import NO_LABELS, ConvertOptions
from dataset_tool.picture import PNG_LEVEL, PNG_STRATEGY, Rendered, piece_name, render
from dataset_tool.problems import Problem, ProblemsError, UserError
from dataset_tool.reading.dataset_zip import METADATA, PREMULTIPLIED
from dataset_tool.reading.sources import Listing, close_archives, list_sources, natural_key
from dataset_tool.reconvert import datasets_among, original_names, reopen
from dataset_tool.remarks import dominant_creature, sheets_text, small_text, strays_text, unlike_the_rest
from dataset_tool.report import ConvertReport, DroppedDuplicate, class_rows
from dataset_tool.terminal import no_bar
from dataset_tool.workers import ordered_map

__all__ = ["ConvertOptions", "ConvertReport", "convert"]

_UNREAD = "its labels are not read, since it is not above all pictures: convert its folder alone"


def convert(
    sources: Sequence[Path],
    dest: Path,
    options: ConvertOptions | None = None,
    workers: int | None = None,
    progress: bool = True,
    overwrite: bool = False,
) -> ConvertReport:
    """Convert pictures to a dataset zip and return what was done.

    sources: folders (searched recursively), zips and single pictures; a dataset among them keeps its labels
    and the names of its original files. dest: the zip to write, whole or not at all; an existing one is
    replaced only with `overwrite`. options: what the data set shall be (None:
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
    skip = [dest, *label_files(options.labels)]
    try:
        datasets = datasets_among(sources)
        listing = list_sources(sources, options.include, options.exclude, skip, original_names(datasets))
        listing, labelling = reopen(datasets, sources, listing, keep=options.labels is None)
        if options.labels not in (None, NO_LABELS):
            labelling = label_entries(options.labels, listing.entries, sources)
        with _named_if_unwritable(dest):
            dest.parent.mkdir(parents=True, exist_ok=True)
            # Beside the zip, since that is where room for it must be; without a name, so that it cannot be
            # left behind.
            with tempfile.TemporaryFile(dir=dest.parent) as spool:
                kept, problems = _scan(listing, labelling, options, workers, progress, spool)
                _check(kept, problems, listing, options, dest)
                kept, duplicates = _without_duplicates(kept) if options.dedupe else (kept, ())
                names = [piece_name(item.file, item.rendered.piece) for item in kept]
                labels = [labelling.labels[item.file] for item in kept] if labelling else None
                classes = labelling.classes if labelling else None
                expected = sum(item.length for item in kept)
                pictures = _spooled(spool, kept)
                recorded = _recorded(options, kept_labels=labels is not None)
                size = write_dataset(dest, pictures, labels, classes, names, recorded, expected)
    finally:
        close_archives()
    notes = Counter(note for item in kept for note in item.rendered.notes)
    unused = (f"{pattern} matched no file" for pattern in listing.unused_patterns)
    return ConvertReport(
        dest=dest,
        resolution=options.resolution,
        found=_found(listing),
        pictures=len(kept),
        bytes=size,
        seconds=time.perf_counter() - start,
        problems=tuple(problems),
        duplicates=duplicates,
        classes=class_rows(labels or (), classes or ()),
        filters=dict(Counter(item.rendered.filter for item in kept).most_common()),
        notes=dict(notes.most_common()),
        remarks=(
            *unused,
            *(labelling.notes if labelling else ()),
            *_remarks(listing, kept, names, options.trim),
        ),
    )


@contextlib.contextmanager
def _named_if_unwritable(dest: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write {dest}: {error.strerror or error}; check the folder and its free space"
        ) from error


class _Kept(NamedTuple):
    """A picture for the zip: its file, where its PNG lies in the spool, what was done to it."""

    file: str
    offset: int
    length: int
    rendered: Rendered


def _scan(
    listing: Listing,
    labelling: Labelling | None,
    options: ConvertOptions,
    workers: int | None,
    progress: bool,
    spool: IO[bytes],
) -> tuple[list[_Kept], list[Problem]]:
    """Render every entry; encoded pictures go to `spool`. Returns what can be used, and all problems."""
    problems = list(listing.problems)
    unlabelled = {problem.file: problem for problem in (labelling.problems if labelling else ())}
    kept: list[_Kept] = []
    offset = 0
    results = ordered_map(partial(render, options=options), listing.entries, workers)
    bar = tqdm(
        *(results, "scan and convert", len(listing.entries)),
        unit=" pictures",
        disable=no_bar(progress),
    )
    for entry, pictures in zip(listing.entries, bar, strict=True):
        for rendered in pictures:
            if rendered.png is None:
                # What is no picture at all needs no class, so this reason goes before a missing label.
                name = piece_name(entry.name, rendered.piece)
                unread = entry.inside.endswith(f"/{METADATA}")
                problems.append(Problem(name, _UNREAD if unread else rendered.reason or "unknown problem"))
            elif entry.name in unlabelled:
                problems.append(unlabelled[entry.name])
                break
            else:
                spool.write(rendered.png)
                kept.append(_Kept(entry.name, offset, len(rendered.png), rendered._replace(png=None)))
                offset += len(rendered.png)
    return kept, sorted(problems, key=lambda problem: natural_key(problem.file))


def _check(
    kept: list[_Kept], problems: list[Problem], listing: Listing, options: ConvertOptions, dest: Path
) -> None:
    found = _found(listing)
    if options.strict and problems:
        raise ProblemsError(
            f"{len(problems)} of {found} files cannot be used and --strict is given, "
            f"so {dest} was not written: repair, remove or --exclude them",
            problems,
        )
    if not kept:
        reason = f"none of the {found} files found can be used" if found else "no file was found"
        if listing.unused_patterns:
            reason += f" ({', '.join(listing.unused_patterns)} matched nothing)"
        raise ProblemsError(f"{reason}, so {dest} was not written: check the sources", problems)


def _found(listing: Listing) -> int:
    return len(listing.entries) + len(listing.problems)


def _without_duplicates(kept: list[_Kept]) -> tuple[list[_Kept], tuple[DroppedDuplicate, ...]]:
    signatures = [item.rendered.signature for item in kept if item.rendered.signature]
    found = find_duplicates(signatures, preference=[item.rendered.pixels for item in kept])
    dropped = {row.index for row in found}
    names = [piece_name(item.file, item.rendered.piece) for item in kept]
    rows = (DroppedDuplicate(names[row.index], names[row.of], row.difference) for row in found)
    return [item for index, item in enumerate(kept) if index not in dropped], tuple(rows)


def _remarks(listing: Listing, kept: Sequence[_Kept], names: Sequence[str], trimmed: bool) -> list[str]:
    """What a person should know of the set before training on it."""
    sheets = [item for item in kept if item.rendered.sprites]
    remarks = []
    if listing.system_folders:
        remarks.append(
            f"left out, since systems fill them and not people: {', '.join(listing.system_folders)}"
        )
    if sheets:
        named = [(item.file, item.rendered.sprites) for item in sheets]
        remarks.append(sheets_text(named, "--sheet auto cuts them"))
    if dominant := dominant_creature([item.file for item in kept if not item.rendered.piece]):
        remarks.append(dominant)
    looks = [item.rendered.look for item in kept if item.rendered.look]
    if not trimmed and (small := small_text(looks, "--trim --margin 1.5")):
        remarks.append(small)
    strays = unlike_the_rest(looks)
    if strays:
        text = strays_text([(names[index], what) for index, what in strays])
        remarks.append(f"{text}: look at them with `dataset_tool inspect --sheet`")
    return remarks


def _spooled(spool: IO[bytes], kept: Sequence[_Kept]) -> Iterator[bytes]:
    for item in kept:
        spool.seek(item.offset)
        yield spool.read(item.length)


def _recorded(options: ConvertOptions, kept_labels: bool) -> dict[str, Any]:
    """Return the options as the zip records them: what made the data, and nothing of where it was made."""
    recorded: dict[str, Any] = {"tool": f"dataset_tool {__version__}", **asdict(options)}
    recorded["include"], recorded["exclude"] = list(options.include), list(options.exclude)
    recorded["labels"] = "kept" if kept_labels and options.labels is None else recorded_kind(options.labels)
    if options.alpha:
        recorded |= {"background": "none", "alpha": PREMULTIPLIED}
    recorded["png"] = {"level": PNG_LEVEL, "strategy": PNG_STRATEGY}
    return recorded
