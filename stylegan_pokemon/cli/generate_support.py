"""What the commands of generate.py share: which network, where to write, how to name it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from stylegan_pokemon.errors import UserError

if TYPE_CHECKING:
    from stylegan_pokemon.render.source import Source

T = TypeVar("T")

RUNS = "runs"
_LONGEST = 60  # of a class's name in a file name


def network_file(network: str | None) -> Path:
    """The network file of --network, by default the newest snapshot of the newest run."""
    from stylegan_pokemon.cli.locate import locate_network
    from stylegan_pokemon.render.runs import find_network, newest_run

    path = newest_run(RUNS, told) if network is None else locate_network(network, "--network")
    return find_network(path, told)


def told(note: str) -> None:
    """A note on the console, beside the results."""
    click.echo(f"note: {note}", err=True)


def loaded(path: Path, device: str | None, adaptation: float | None = None) -> Source:
    """The generator of a file on its device, at --adaptation, told on the console."""
    from stylegan_pokemon.devices import prepare, resolve_device
    from stylegan_pokemon.render.source import load_source

    notes: list[str] = []
    chosen = resolve_device("auto" if device is None else device, notes)
    prepare(chosen)
    for note in notes:
        told(note)
    source = load_source(path, chosen, adaptation)
    click.echo(f"network   {path} ({source.describe()})")
    if source.without_classes:
        told(f"at adaptation {source.adaptation:g} all classes draw alike, since the start had none")
    return source


def labels_of(source: Source, seeds: list[int], wanted: str | None) -> list[int]:
    """A label per seed, told on the console where there are classes."""
    labels = source.labels(seeds, wanted)
    if source.G.c_dim and wanted is None:
        click.echo("class     drawn from each seed; --class takes one for all")
    elif source.G.c_dim:
        name = source.class_name(labels[0])
        click.echo(f"class     {name}")
        if labels[0] not in source.learnt:
            known = ", ".join(map(source.class_name, source.learnt))
            told(f"the last training had no pictures of {name}; it had of {known}")
    return labels


def output_folder(outdir: Path | None, network: Path, kind: str = "") -> Path:
    """--outdir, or generated/<network>[/<kind>] in the network's run or, without a run, here."""
    from stylegan_pokemon.render.runs import run_of

    if outdir is None:
        outdir = (run_of(network) or Path()) / "generated" / network.stem / kind
    return prepared(outdir)


def prepared(outdir: Path) -> Path:
    """Make the folder before the work starts, so that an hour's pictures are not lost to a slip."""
    try:
        outdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--outdir {outdir} cannot be made ({error.strerror}); choose another folder"
        ) from error
    if not os.access(outdir, os.W_OK):
        raise UserError(f"--outdir {outdir} cannot be written to; choose another folder")
    return outdir


def file_name(stem: str, source: Source, class_: str | None, noise_mode: str, around: str) -> str:
    """A file name that tells results apart: adaptation, class, noise mode, centre where they are not usual.

    A class has one name here, however it was asked for.
    """
    asked = None if class_ is None else _class_name(source, source.labels([0], class_)[0])
    centre = "around-network" if around == "network" and source.G.c_dim else None
    adapted = None if source.adaptation == 1 else f"adaptation{source.adaptation:g}"
    parts = [stem, adapted, asked, None if noise_mode == "const" else f"noise-{noise_mode}", centre]
    return "-".join(_safe(part) for part in parts if part)


def _class_name(source: Source, label: int) -> str:
    """A class's name as part of a file name, with its number where another class would have the same."""
    names = [_safe(source.class_name(i))[:_LONGEST] for i in range(source.G.c_dim)]
    return names[label] if names.count(names[label]) == 1 else f"{names[label]}-{label}"


def _safe(text: str) -> str:
    return re.sub(r"[^\w.,-]+", "_", text)


def size_of(path: Path) -> str:
    """The size of a file in words."""
    size = path.stat().st_size
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{max(1, round(size / 2**10))} KiB"


def progress_over(unit: str, total: int | None = None) -> Callable[[Iterable[T]], Iterable[T]]:
    """A progress bar around what is counted in `unit`s; hidden where nobody watches."""
    from tqdm import tqdm

    return lambda items: tqdm(items, total=total, unit=f" {unit}", leave=False, disable=None)
