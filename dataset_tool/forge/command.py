"""`forge`: draw a folder of creatures."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("dest", type=click.Path(path_type=Path))
@click.option("--count", type=click.IntRange(min=1), default=1000, show_default=True, help="How many creatures.")
@click.option("--style", type=click.Choice(["crayon", "sprite"]), default="crayon", show_default=True,
              help="A child's wax-crayon drawing, or the clean look of a monster game.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Another seed, other creatures; the same seed, the same pixels.")  # fmt: skip
@click.option("--size", type=click.IntRange(16, 2048), default=256, show_default=True, help="Side in pixels.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes; one per core unless given.")
@click.option("--sheet", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png",
              help="Also write a contact sheet of the first 40.")  # fmt: skip
def forge(dest: Path, count: int, style: str, seed: int, size: int, workers: int | None, sheet: Path | None) -> None:
    """Draw COUNT creatures of our own into DEST/<type>/<number>-<name>.png.

    The drawings are free of anybody's rights, transparent around the creature and the same on every run. The
    elemental types are folders, so `convert DEST dataset.zip --labels folder` makes classes of them.
    """
    from dataset_tool.forge.folder import contact_sheet, forge_folder
    from dataset_tool.forge.studio import draw_creature
    from dataset_tool.problems import InputError

    try:
        if sheet is not None and sheet.suffix.lower() != ".png":
            raise InputError(f"--sheet {sheet}: the contact sheet is a PNG; give a name that ends in .png.")
        if sheet is not None and not sheet.absolute().parent.is_dir():
            raise InputError(f"--sheet {sheet}: there is no folder {sheet.parent}; create it first.")
        types = forge_folder(dest, count, style, seed, size, workers)
        if sheet is not None:
            pictures = [draw_creature(seed, index, style) for index in range(min(count, 40))]
            temporary = sheet.with_name(f".{sheet.name}.partial")
            contact_sheet(pictures).save(temporary, format="PNG")
            temporary.replace(sheet)
    except InputError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    click.echo(", ".join(f"{name} {number}" for name, number in types.items()))
    click.echo(f"{count} creatures in {dest}" + (f", contact sheet {sheet}" if sheet else ""))
