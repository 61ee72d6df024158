"""The command line of generate.py, and what it does without a command: pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataset_tool.parameters import PathType
from stylegan_pokemon.cli.drawing import Drawing, note_other_networks, progress_over, replacing
from stylegan_pokemon.cli.generate_options import drawing_options, flag, is_given
from stylegan_pokemon.cli.sprite import as_picture, write_sprites
from stylegan_pokemon.cli.sprite_options import (
    GroupWithSprites,
    any_given,
    sprite_options,
    take_sprite_options,
)
from stylegan_pokemon.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from stylegan_pokemon.render.seeds import StoredLatent


@click.group(cls=GroupWithSprites, invoke_without_command=True, context_settings={"show_default": True})
@click.option("--grid/--no-grid", "grid", default=True, help="Also write grid-seeds….png.")
@click.option(
    "--save-latents", is_flag=True, help="Also write latents-seeds….npz, a latent file that --seeds takes."
)
@click.option(
    "--from-image",
    metavar="FILE",
    type=PathType(),
    help="Redraw a PNG that this program wrote. It holds its seed or latent, class, truncation, noise and "
    "adaptation. Options that you give take precedence.",
)
@drawing_options("0-63", "1 for pictures; 128 to 256 pixels for the tiles of the grid")
@sprite_options
@click.pass_context
def main(
    ctx: click.Context, /, grid: bool, save_latents: bool, from_image: Path | None, **given: Any
) -> None:
    """Make pictures with a trained network.

    Without a command: one picture per seed, seed0000.png …, and all of them as a grid. The picture of a
    seed is the same whichever other seeds you ask for. Options may stand before or after the command.

    Any option under Sprites also writes sprites for games, to sprites/ beside the pictures.

    \b
    generate.py --trunc 0.7
    generate.py --trunc 0.7 --pixels 48 --colors 16 --atlas
    generate.py sweep --seeds 0-7
    generate.py adaptation --seeds 0-7 --trunc 0.7
    generate.py --class fire --trunc 0.7
    generate.py --seeds 3,7,mine.npz --save-latents
    generate.py classes --seeds 0-9
    generate.py interpolate --seeds 1,5,9-12 --format mp4
    generate.py --edit bluer:+2 --trunc 0.7
    """
    if ctx.invoked_subcommand is None:
        source = None
        if from_image is not None:
            from stylegan_pokemon.render.stored import read_picture

            source = read_picture(from_image)
            given |= _settings_of(ctx, source)
        _pictures(grid, save_latents, source, **given)
        return
    named = {name: value for name, value in ctx.params.items() if is_given(ctx, name)}
    command = main.get_command(ctx, ctx.invoked_subcommand)
    known = {parameter.name for parameter in command.params} if command else set(named)
    for name in sorted(set(named) - known):
        swept = (name, ctx.invoked_subcommand) in (("trunc", "sweep"), ("adaptation", "adaptation"))
        remedy = f"give --{name}s instead" if swept else "leave it out"
        raise UserError(f"{flag(ctx, name)} does not apply to {ctx.invoked_subcommand}; {remedy}")
    ctx.default_map = {ctx.invoked_subcommand: named}


def _settings_of(ctx: click.Context, picture: StoredLatent) -> dict[str, Any]:
    """The options that draw the picture of a PNG again, but for those that are given."""
    facts = picture.facts
    said: dict[str, Any] = {
        "seeds": [facts["seed"] if picture.w is None else picture],
        "trunc": facts.get("truncation"),
        "around": facts.get("around"),
        "noise_mode": facts.get("noise_mode"),
        "adaptation": facts.get("adaptation"),
        "refine": 0 if picture.w is None else None,  # a refined seed is stored as its latent
    }
    options = {parameter.name: parameter for parameter in ctx.command.params}
    found = {
        name: options[name].type.convert(value, options[name], ctx)
        for name, value in said.items()
        if value is not None
    }
    if isinstance(label := facts.get("class"), int):  # its name may be another number
        found["class_"] = label
    return {name: value for name, value in found.items() if not is_given(ctx, name)}


def _pictures(with_grid: bool, save_latents: bool, source: StoredLatent | None, **given: Any) -> None:
    sprites = take_sprite_options(given)
    drawing = Drawing(**given | {"seeds": list(dict.fromkeys(given["seeds"]))})
    if source is not None and source.w is None:  # a seed, of which `Drawing` does not know the network
        note_other_networks(drawing.generator, [source])
    folder = drawing.folder(drawing.name(""))
    from stylegan_pokemon.render.pictures import picture_path, write_pictures

    kept: list[np.ndarray] | None = [] if any_given(sprites) else None
    with replacing(picture_path(folder, seed) for seed in drawing.seeds):
        grid = write_pictures(
            *(drawing.generator, drawing.seeds, drawing.labels, folder, drawing.options),
            scale=drawing.scale,
            with_grid=with_grid,
            progress=progress_over("pictures"),
            kept=kept,
        )
    click.echo(f"pictures  {len(drawing.seeds)} in {folder}{os.sep}")
    if grid:
        click.echo(f"grid      {grid}")
    if save_latents:
        drawing.save_latents(folder)
    if kept:
        paths = [picture_path(folder, seed) for seed in drawing.seeds]
        named = [as_picture(path.stem, array) for path, array in zip(paths, kept, strict=True)]
        write_sprites(named, sprites, folder / "sprites")
