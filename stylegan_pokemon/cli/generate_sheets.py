"""The commands of generate.py that make one labelled sheet: truncation sweep, adaptation sweep, classes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.generate_options import options, scale_option, seeds_option
from stylegan_pokemon.cli.generate_support import (
    file_name,
    labels_of,
    loaded,
    network_file,
    output_folder,
    progress_over,
    told,
)
from stylegan_pokemon.cli.parameters import NumbersType
from stylegan_pokemon.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from stylegan_pokemon.render.truncation import Around

_MOST = 4096  # pictures of a sheet


@click.command(cls=Command)
@options("network")
@seeds_option("0-7")
@click.option(
    "--truncs",
    type=NumbersType(-100, 100),
    default="-1,-0.8,-0.6,-0.4,-0.2,0,0.2,0.4,0.6,0.8,1,1.2",
    show_default=True,
    help="Truncation psi of each column.",
)
@options("adaptation", "class_", "around", "noise_mode", "outdir")
@scale_option("what brings the tiles to 128 to 256 pixels")
@options("device", "batch")
def sweep(
    network: str | None,
    seeds: list[int],
    truncs: list[float],
    adaptation: float | None,
    class_: str | None,
    around: Around,
    noise_mode: str,
    outdir: Path | None,
    scale: Fraction | None,
    device: str | None,
    batch: int | None,
) -> None:
    """Seeds × truncation on one labelled sheet.

    Each row is a seed, each column a truncation psi: from the opposite of the seed over the average picture
    to an exaggeration.
    """
    from stylegan_pokemon.render.seeds import describe_seeds

    path = network_file(network)
    _check_size(seeds, truncs, "--truncs")
    source = loaded(path, device, adaptation)
    labels = labels_of(source, seeds, class_)
    folder = output_folder(outdir, path)
    from stylegan_pokemon.render.sweep import sweep_sheet

    sheet = sweep_sheet(
        source,
        seeds,
        labels,
        truncs,
        noise_mode=noise_mode,
        around=around,
        scale=scale,
        batch=batch,
        progress=progress_over("truncations"),
    )
    stem = f"sweep-seeds{describe_seeds(seeds)}"
    _save(sheet, folder / f"{file_name(stem, source, class_, noise_mode, around)}.png")


@click.command(cls=Command)
@options("network")
@seeds_option("0-7")
@click.option(
    "--adaptations",
    type=NumbersType(0, 1),
    default="0,0.25,0.5,0.75,1",
    show_default=True,
    help="Adaptation of each column.",
)
@options("trunc", "class_", "around", "noise_mode", "outdir")
@scale_option("what brings the tiles to 128 to 256 pixels")
@options("device", "batch")
def adaptation(
    network: str | None,
    seeds: list[int],
    adaptations: list[float],
    trunc: float,
    class_: str | None,
    around: Around,
    noise_mode: str,
    outdir: Path | None,
    scale: Fraction | None,
    device: str | None,
    batch: int | None,
) -> None:
    """Seeds × adaptation on one labelled sheet.

    Each row is a seed, each column a network between the start of fine-tuning (0) and its end (1). Choose by
    eye where creatures are still whole and the style is already new, then give that number as --adaptation.
    """
    from stylegan_pokemon.render.seeds import describe_seeds

    path = network_file(network)
    _check_size(seeds, adaptations, "--adaptations")
    source = loaded(path, device, 1.0)
    labels = labels_of(source, seeds, class_)
    folder = output_folder(outdir, path)
    from stylegan_pokemon.render.pictures import Look
    from stylegan_pokemon.render.sweep import adaptation_sheet

    sheet = adaptation_sheet(
        source,
        seeds,
        labels,
        Look(trunc, noise_mode, around),
        adaptations,
        scale=scale,
        batch=batch,
        progress=progress_over("adaptations"),
    )
    stem = f"adaptation-seeds{describe_seeds(seeds)}-psi{trunc:g}"
    _save(sheet, folder / f"{file_name(stem, source, class_, noise_mode, around)}.png")


@click.command(cls=Command)
@options("network")
@seeds_option("0-7")
@options("trunc", "adaptation", "around", "noise_mode", "outdir")
@scale_option("what brings the tiles to 64 to 128 pixels")
@options("device", "batch")
def classes(
    network: str | None,
    seeds: list[int],
    trunc: float,
    adaptation: float | None,
    around: Around,
    noise_mode: str,
    outdir: Path | None,
    scale: Fraction | None,
    device: str | None,
    batch: int | None,
) -> None:
    """All classes × seeds on one labelled sheet.

    Each row is a class that had pictures in training, each column a seed whose latent all classes share: what
    a class changes stands below one another.
    """
    from stylegan_pokemon.render.seeds import describe_seeds

    path = network_file(network)
    source = loaded(path, device, adaptation)
    from stylegan_pokemon.render.classes import class_sheet, shown_classes
    from stylegan_pokemon.render.pictures import Look

    look = Look(trunc, noise_mode, around)
    shown = shown_classes(source, seeds)
    folder = output_folder(outdir, path)
    if left_out := sorted(set(range(source.G.c_dim)) - set(shown)):
        names = ", ".join(map(source.class_name, left_out))
        told(f"left out, since the last training had no pictures of them: {names}")
    sheet = class_sheet(source, seeds, look, scale=scale, batch=batch, progress=progress_over("classes"))
    stem = f"classes-seeds{describe_seeds(seeds)}-psi{trunc:g}"
    _save(sheet, folder / f"{file_name(stem, source, None, noise_mode, around)}.png")


def _check_size(seeds: list[int], values: list[float], option: str) -> None:
    """Raise UserError for a sheet of too many pictures."""
    count = len(seeds) * len(values)
    if count > _MOST:
        raise UserError(f"--seeds × {option} make {count} pictures; a sheet takes up to {_MOST}")


def _save(sheet: np.ndarray, destination: Path) -> None:
    from stylegan_pokemon.render.images import save_png

    save_png(destination, sheet)
    click.echo(f"sheet     {destination}")
