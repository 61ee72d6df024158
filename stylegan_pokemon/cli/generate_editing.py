"""Commands of generate.py that make new latents from others: mixing, directions, breeding."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from stylegan_pokemon.cli import parameters
from stylegan_pokemon.cli.drawing import Drawing, progress_over, replacing, write_film
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.generate_options import (
    SEEDS,
    drawing_options,
    flag,
    format_option,
    is_given,
    layers_option,
)
from stylegan_pokemon.cli.parameters import NumbersType, NumberType
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.seeds import Key

_FILM_FRAMES, _FILM_FPS = 50, 20.0


@click.command(cls=Command)
@click.option(
    "--rows",
    metavar="SEEDS",
    type=parameters.seeds,
    default="0-3",
    help=f"Creatures of the rows, which give all other layers. {SEEDS}",
)
@click.option(
    "--cols",
    metavar="SEEDS",
    type=parameters.seeds,
    default="4-9",
    help="Creatures of the columns, which give the layers of --layers.",
)
@layers_option("middle", "Layers that are taken from the columns.")
@click.option("--save-latents", is_flag=True, help="Also write all mixtures as a latent file, row by row.")
@drawing_options("", "128 to 256 pixels for the tiles", without=("seeds",))
def mix(rows: list[Key], cols: list[Key], layers: str, save_latents: bool, **given: Any) -> None:
    """One creature's build with another one's colours.

    On the sheet, the top row and the left column show the creatures themselves. Each mixture takes the chosen
    layers from its column, and the others from its row.
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


@click.command(cls=Command)
@click.option(
    "--kind",
    type=click.Choice(["sefa", "pca", "named"]),
    default="sefa",
    help="sefa: what the layers' weights amplify most (closed-form factorisation), as in --edit 0:+2. pca: "
    "principal components of w, as in --edit pca0:+2. named: classes and measures of the picture, as in "
    "--edit bluer:+2.",
)
@click.option("--count", metavar="K", type=click.IntRange(1, 64), default=8, help="Show the first K.")
@click.option(
    "--only",
    metavar="NAMES",
    help="Show these directions instead, such as 0,pca3,bluer.",
)
@layers_option("all", "Layers that are edited, and whose weights sefa looks at.")
@click.option(
    "--amounts",
    type=NumbersType(-100, 100),
    default="-3,-2,-1,0,1,2,3",
    help="Standard deviations of each column.",
)
@click.option("--film/--no-film", default=True, help="Also write a film that swings along them.")
@format_option
@drawing_options("0", "64 to 128 pixels for the tiles")
@click.pass_context
def directions(
    ctx: click.Context,
    kind: str,
    count: int,
    only: str | None,
    layers: str,
    amounts: list[float],
    film: bool,
    format_: str,
    **given: Any,
) -> None:
    """Directions that change pictures in one way.

    A sheet and a film show them. Each row is a direction, each column an amount. Pass what you like to --edit
    of any command: row 3@middle and column +2 become --edit 3@middle:+2. The first use of named directions
    draws up to 1,000 pictures to learn them.
    """
    for name in ("kind", "count"):
        if only is not None and is_given(ctx, name):
            raise UserError(f"{flag(ctx, name)} and --only do not go together; leave one of them out")
    from stylegan_pokemon.render.animation import check_film
    from stylegan_pokemon.render.directions import Directions
    from stylegan_pokemon.render.looks import LOOKS
    from stylegan_pokemon.render.sweep import check_size
    from stylegan_pokemon.render.swing import directions_sheet, swing_frames

    check_film(format_, _FILM_FPS)
    drawing = Drawing(**given)
    known = Directions(drawing.generator, progress_over("batches"))
    chosen = [name.strip() for name in only.split(",")] if only is not None else known.first(kind, count)
    check_size(len(chosen) * len(drawing.seeds) * len(amounts), "directions × --seeds × --amounts")
    at = "" if layers == "all" else f"@{layers}"
    units = {
        f"{name}{at}" + (f"\nless: {LOOKS[name]}" if name in LOOKS else ""): known.find(name, layers)
        for name in chosen
    }
    what = (drawing.generator, drawing.seeds, drawing.labels, drawing.options, units)
    sheet = directions_sheet(*(*what, amounts), scale=drawing.scale, progress=progress_over("directions"))
    stem = drawing.name("-".join([drawing.overview("directions"), "chosen" if only else kind, layers]))
    path = drawing.folder() / f"{stem}.png"
    drawing.save_overview(path, sheet)
    if film:
        path = path.with_name(f"{stem}.{format_}")
        frames = swing_frames(*what, max(map(abs, amounts)), _FILM_FRAMES, scale=drawing.scale)
        write_film(path, frames, _FILM_FRAMES, fps=_FILM_FPS)


@click.command(cls=Command)
@click.argument("parents", metavar="PARENT...", nargs=-1, required=True, type=parameters.seeds)
@click.option("--children", metavar="N", type=click.IntRange(1, 1024), default=16, help="Children to draw.")
@click.option(
    "--generation",
    metavar="N",
    type=click.IntRange(min=1, max=1000),
    help="Breed random children with each other until this generation.  [default: the next one]",
)
@click.option(
    "--mutation",
    type=NumberType(0, 1),
    default=0.15,
    help="How far each group of a child's layers moves to a random creature: 0 not at all, 1 all the way.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Seed of what children inherit.")
@drawing_options("", "1 for pictures; 128 to 256 pixels for the tiles of the sheet", without=("seeds",))
def breed(
    parents: tuple[list[Key], ...],
    children: int,
    generation: int | None,
    mutation: float,
    seed: int,
    **given: Any,
) -> None:
    """Children of two or more creatures.

    Writes pictures, a sheet of the children with their parents, and a latent file. A PARENT is a seed, a
    latent file, or a PNG that this program wrote, so you can breed the children that you like. Each child
    takes its coarse, middle and fine layers from one parent, the other, or a point between, then mutates.
    PNGs and the JSON beside the latent file record the lineage.

    \b
    generate.py breed 3 7
    generate.py breed gen1-…-004.png gen1-…-011.png --mutation 0.3
    generate.py breed 3 7 --generation 5 --seed 2
    """
    keys = [key for parent in parents for key in parent]
    if len(set(keys)) < 2:
        raise UserError("breeding needs at least two different parents, such as: breed 3 7")
    import torch

    from stylegan_pokemon.render import breeding
    from stylegan_pokemon.render.pictures import latent_facts, picture_path, write_pictures

    drawing = Drawing(**given, seeds=keys)
    old = breeding.as_creatures(drawing.generator, keys, drawing.labels, drawing.options)
    stem, young = breeding.offspring(
        drawing.generator, old, children, mutation=mutation, seed=seed, generation=generation
    )
    folder = drawing.folder("bred")
    how = {"mutation": mutation, "seed": seed}
    latents = breeding.as_latents(young, Path(f"{stem}.npz"), **how)
    labels = [child.label for child in young]
    plain = drawing.generator.unedited
    options = replace(drawing.options, truncation_psi=1.0)  # the parents have been truncated
    with replacing(picture_path(folder, latent) for latent in latents):
        write_pictures(
            *(plain, latents, labels, folder, options),
            scale=drawing.scale,
            with_grid=False,
            progress=progress_over("pictures"),
        )
    click.echo(f"pictures  {len(young)} in {folder}{os.sep}")
    sheet = breeding.family_sheet(plain, old, young, keys, options, scale=drawing.scale, **how)
    drawing.save_overview(folder / f"breed-{stem}.png", sheet)
    facts = [latent_facts(plain, *pair) for pair in zip(latents, labels, strict=True)]
    drawing.write_latents(folder / f"{stem}.npz", torch.stack([child.w for child in young]), facts)
