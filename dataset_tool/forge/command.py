"""`forge`: draw a folder of creatures."""

from __future__ import annotations

from pathlib import Path

import click

from dataset_tool.parameters import PathType
from dataset_tool.problems import UserError

_SHEET_COUNT = 40  # eight by five creatures


@click.command()
@click.argument("dest", type=PathType())
@click.option(
    "--count", type=click.IntRange(min=1), default=1000, show_default=True, help="Number of creatures."
)
@click.option(
    "--style",
    type=click.Choice(["crayon", "sprite", "woodcut"]),
    default="crayon",
    show_default=True,
    help="crayon: a child's wax-crayon drawing; sprite: as in a monster game; woodcut: a print in two inks.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed that decides which creatures are drawn.",
)
@click.option("--size", type=click.IntRange(16, 2048), default=256, show_default=True, help="Side in pixels.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes to use.  [default: one per core]")
@click.option(
    "--sheet",
    type=PathType(dir_okay=False),
    metavar="FILE.png",
    help=f"Also write a contact sheet of the first {_SHEET_COUNT}.",
)
def forge(
    dest: Path, count: int, style: str, seed: int, size: int, workers: int | None, sheet: Path | None
) -> None:
    """Draw original creatures into DEST/<type>/<number>-<name>.png.

    You may use them freely (Apache-2.0). Their background is transparent, and the same options always give
    the same pixels. Half of them follow one body plan; the others have another plan's head, or added wings,
    tails or shells. The folders are elemental types: `convert DEST creatures.zip --labels folder` makes
    classes of them.
    """
    from PIL import Image

    from dataset_tool.files import whole_file
    from dataset_tool.forge.folder import contact_sheet, forge_folder

    if sheet is not None and sheet.suffix.lower() != ".png":
        raise UserError(f"--sheet {sheet} would be a PNG; give it a name that ends in .png")
    if sheet is not None and not sheet.absolute().parent.is_dir():
        raise UserError(f"--sheet {sheet} lies in a folder that does not exist; create {sheet.parent} first")
    types = forge_folder(dest, count, style, seed, size, workers)
    if sheet is not None:
        files = sorted(dest.glob("*/*.png"), key=lambda file: file.name)[:_SHEET_COUNT]
        with whole_file(sheet) as temporary:
            contact_sheet([Image.open(file) for file in files]).save(temporary, format="PNG")
    click.echo(", ".join(f"{name} {number}" for name, number in types.items()))
    click.echo(f"{count} creatures in {dest}" + (f", contact sheet {sheet}" if sheet else ""))
