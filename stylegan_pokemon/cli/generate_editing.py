"""Commands of generate.py that make new latents from others: mixing, directions, breeding."""

from __future__ import annotations

from typing import Any

import click

from stylegan_pokemon.cli import parameters
from stylegan_pokemon.cli.drawing import Drawing, progress_over
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.generate_options import SEEDS, drawing_options, layers_option
from stylegan_pokemon.render.seeds import Key


@click.command(cls=Command)
@click.option(
    "--rows",
    metavar="SEEDS",
    type=parameters.seeds,
    default="0-3",
    help=f"What the rows keep all other layers of. {SEEDS}",
)
@click.option(
    "--cols", metavar="SEEDS", type=parameters.seeds, default="4-9", help="What the layers are taken from."
)
@layers_option("fine", "Layers that are taken from the columns.")
@click.option("--save-latents", is_flag=True, help="Also write all mixtures as a latent file, row by row.")
@drawing_options("", "64 to 128 pixels for the tiles", without=("seeds",))
def mix(rows: list[Key], cols: list[Key], layers: str, save_latents: bool, **given: Any) -> None:
    """One creature's build with another one's colours, on a sheet.

    The top row and the left column show the creatures themselves. Each mixture takes the chosen layers from
    its column, and the others from its row.
    """
    from stylegan_pokemon.render.mixing import mix_sheet
    from stylegan_pokemon.render.pictures import latent_facts
    from stylegan_pokemon.render.seeds import describe_seeds, key_name
    from stylegan_pokemon.render.sweep import check_size

    check_size(len(rows) * len(cols), "--rows × --cols")
    drawing = Drawing(**given, seeds=[*rows, *cols])
    sheet, ws = mix_sheet(
        *(drawing.generator, rows, cols, drawing.labels, layers, drawing.options),
        scale=drawing.scale,
        progress=progress_over("rows"),
    )
    stem = drawing.name(f"mix-seeds{describe_seeds(rows)}-with-{describe_seeds(cols)}-{layers}")
    path = drawing.folder() / f"{stem}.png"
    drawing.save_overview(path, sheet)
    if save_latents:
        facts = [
            latent_facts(drawing.generator, row, label)
            | {"mixed": {"row": key_name(row), "column": key_name(column), "layers": layers}}
            for row, label in zip(rows, drawing.labels, strict=False)
            for column in cols
        ]
        drawing.write_latents(path.with_suffix(".npz"), ws.flatten(0, 1), facts)
