"""Folders of creatures, drawn by several processes, and contact sheets."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from dataset_tool.forge.studio import STYLES, Creature, draw_creature
from dataset_tool.problems import InputError

_CHUNK = 16  # creatures per task: about a second of work


def forge_folder(dest: str | os.PathLike[str], count: int, style: str = "crayon", seed: int = 0, size: int = 256,
                 workers: int | None = None, progress: bool = True) -> dict[str, int]:  # fmt: skip
    """Draw creatures 0 … count-1 of a seed as `<dest>/<type>/<00000>-<name>.png`.

    `dest` must be absent or an empty folder; it appears with all its pictures or not at all. `workers` is the number
    of processes, by default one per core; the pictures do not depend on it. Returns how many creatures each type
    has, by type in alphabetical order. Raises InputError for a bad argument.
    """
    dest = Path(dest)
    if count < 1:
        raise InputError(f"--count {count}: ask for at least 1 creature.")
    if style not in STYLES:
        raise InputError(f"There is no style {style!r}; choose one of: {', '.join(STYLES)}.")
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: use at least 1.")
    if seed < 0:
        raise InputError(f"--seed {seed}: use 0 or a positive number.")
    if dest.exists() and not dest.is_dir():
        raise InputError(f"{dest} is a file; give a folder that does not exist yet, or an empty one.")
    if dest.is_dir() and any(dest.iterdir()):
        raise InputError(f"{dest} is not empty; give a folder that does not exist yet, or an empty one.")
    partial_folder = dest.with_name(f".{dest.name}.partial-{os.getpid()}")
    try:
        partial_folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"Cannot create a folder beside {dest}: {error.strerror}; choose another place.") from error
    try:
        counts = _draw_all(partial_folder, count, style, seed, size, workers, progress)
        if dest.is_dir():
            dest.rmdir()
        partial_folder.replace(dest)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    return dict(sorted(counts.items()))


def contact_sheet(creatures: list[Creature], cell: int = 160, columns: int = 8) -> Image.Image:
    """The creatures in rows on white paper, each in a square of `cell` pixels; RGB."""
    columns = min(columns, len(creatures))
    rows = -(-len(creatures) // columns)
    sheet = Image.new("RGB", (columns * cell, rows * cell), "white")
    for k, creature in enumerate(creatures):
        picture = creature.image
        if picture.size != (cell, cell):
            picture = picture.convert("RGBa").resize((cell, cell), Image.Resampling.LANCZOS).convert("RGBA")
        sheet.paste(picture, (k % columns * cell, k // columns * cell), picture)
    return sheet


def _draw_all(folder: Path, count: int, style: str, seed: int, size: int, workers: int | None,
              progress: bool) -> dict[str, int]:  # fmt: skip
    workers = min(workers or os.cpu_count() or 1, -(-count // _CHUNK))
    task = partial(_draw_chunk, folder, count, style, seed, size)
    counts: dict[str, int] = {}
    with tqdm(total=count, unit=" creatures", desc=f"forging {style}", disable=not progress) as bar:
        for types in _run(task, range(0, count, _CHUNK), workers):
            for type_ in types:
                counts[type_] = counts.get(type_, 0) + 1
            bar.update(len(types))
    return counts


def _run(task: partial[list[str]], starts: range, workers: int) -> Iterator[list[str]]:
    if workers == 1:
        yield from map(task, starts)
        return
    # "spawn" everywhere: the same behaviour on Linux and Windows, and no inherited threads.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(task, starts)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _draw_chunk(folder: Path, count: int, style: str, seed: int, size: int, start: int) -> list[str]:
    types = []
    for index in range(start, min(start + _CHUNK, count)):
        creature = draw_creature(seed, index, style, size)
        path = folder / creature.type / f"{index:05d}-{creature.name}.png"
        path.parent.mkdir(exist_ok=True)
        creature.image.save(path, compress_level=4)
        types.append(creature.type)
    return types
