"""Commands of generate.py that write one labelled sheet: over truncation, over adaptation, over classes."""

from __future__ import annotations

from typing import Any

import click

from stylegan_pokemon.cli.drawing import Drawing, print_note, progress_over
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.generate_options import drawing_options
from stylegan_pokemon.cli.parameters import NumbersType


@click.command(cls=Command)
@click.option(
    "--truncs",
    type=NumbersType(-100, 100),
    default="-1,-0.8,-0.6,-0.4,-0.2,0,0.2,0.4,0.6,0.8,1,1.2",
    help="Truncation psi of each column.",
)
@drawing_options("0-7", "128 to 256 pixels for the tiles", without=("trunc", "refine"))
def sweep(truncs: list[float], **given: Any) -> None:
    """Seeds × truncation on one labelled sheet.

    Each row is a seed, each column a truncation psi. Below 0 is the opposite of the seed, 0 is the average
    picture, above 1 is an exaggeration.
    """
    from stylegan_pokemon.render.sweep import check_size, sweep_sheet

    check_size(len(given["seeds"]) * len(truncs), "--seeds × --truncs")
    drawing = Drawing(**given)
    sheet = sweep_sheet(
        *(drawing.generator, drawing.seeds, drawing.labels, truncs, drawing.options),
        scale=drawing.scale,
        progress=progress_over("truncations"),
    )
    drawing.save_sheet("sweep", sheet, psi=False)


@click.command(cls=Command)
@click.option(
    "--adaptations",
    type=NumbersType(0, 1),
    default="0,0.25,0.5,0.75,1",
    help="Adaptation of each column.",
)
@drawing_options("0-7", "128 to 256 pixels for the tiles", without=("adaptation", "refine"))
def adaptation(adaptations: list[float], **given: Any) -> None:
    """Seeds × adaptation on one labelled sheet.

    Each row is a seed, each column a network between the start of fine-tuning (0) and its end (1). Find the
    column where creatures are still whole and the style is already new, then pass its number as --adaptation.
    """
    from stylegan_pokemon.render.sweep import adaptation_sheet, check_size

    check_size(len(given["seeds"]) * len(adaptations), "--seeds × --adaptations")
    drawing = Drawing(**given, adaptation=1.0)
    sheet = adaptation_sheet(
        *(drawing.generator, drawing.seeds, drawing.labels, drawing.options, adaptations),
        scale=drawing.scale,
        progress=progress_over("adaptations"),
    )
    drawing.save_sheet("adaptation", sheet)


@click.command(cls=Command)
@drawing_options("0-7", "64 to 128 pixels for the tiles", without=("class_",))
def classes(**given: Any) -> None:
    """All classes × seeds on one labelled sheet.

    Each row is a class that had pictures in training, each column a seed whose latent all classes share. So
    the pictures of a column differ only by their class.
    """
    from stylegan_pokemon.render.sweep import class_sheet, shown_classes

    drawing = Drawing(**given)
    generator = drawing.generator
    shown = shown_classes(generator, drawing.seeds)
    if left_out := sorted(set(range(generator.G.c_dim)) - set(shown)):
        names = ", ".join(map(generator.class_name, left_out))
        print_note(f"left out, since the last training had no pictures of them: {names}")
    sheet = class_sheet(
        *(generator, drawing.seeds, drawing.options),
        scale=drawing.scale,
        progress=progress_over("classes"),
    )
    drawing.save_sheet("classes", sheet)
