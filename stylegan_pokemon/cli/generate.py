"""The command line of generate.py: pictures, labelled sheets, interpolation, progression."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from dataset_tool.parameters import PathType
from stylegan_pokemon.cli.drawing import (
    RUNS,
    Drawing,
    echo_film,
    prepared,
    print_note,
    progress_over,
    replacing,
)
from stylegan_pokemon.cli.errors import Group
from stylegan_pokemon.cli.generate_options import drawing_options, format_option
from stylegan_pokemon.cli.generate_project import project
from stylegan_pokemon.cli.generate_rank import rank
from stylegan_pokemon.cli.parameters import NumbersType, NumberType
from stylegan_pokemon.errors import UserError


@click.group(cls=Group, invoke_without_command=True, context_settings={"show_default": True})
@click.option("--grid/--no-grid", "grid", default=True, help="Also write grid-seeds….png.")
@click.option(
    "--save-latents", is_flag=True, help="Also write latents-seeds….npz, a latent file that --seeds takes."
)
@click.option(
    "--from-image",
    metavar="FILE",
    type=PathType(),
    help="Draw a PNG that this program drew again: its seed or latent, class, truncation, noise and "
    "adaptation. Other options still count.",
)
@drawing_options("0-63", "1 for pictures; 128 to 256 pixels for the tiles of the grid")
@click.pass_context
def main(
    ctx: click.Context, /, grid: bool, save_latents: bool, from_image: Path | None, **given: Any
) -> None:
    """Make pictures with a trained network.

    Without a command: one picture per seed, seed0000.png …, and all of them as a grid. The picture of a
    seed is the same whichever other seeds you ask for. Options may stand before or after the command.

    \b
    generate.py --trunc 0.7
    generate.py sweep --seeds 0-7
    generate.py adaptation --seeds 0-7 --trunc 0.7
    generate.py --class fire --trunc 0.7
    generate.py --seeds 3,7,mine.npz --save-latents
    generate.py classes --seeds 0-9
    generate.py interpolate --seeds 1,5,9-12 --format mp4
    """
    if ctx.invoked_subcommand is None:
        if from_image is not None:
            given |= _of_image(ctx, from_image)
        _pictures(grid, save_latents, **given)
        return
    named = {name: value for name, value in ctx.params.items() if _is_given(ctx, name)}
    command = main.get_command(ctx, ctx.invoked_subcommand)
    known = {parameter.name for parameter in command.params} if command else set(named)
    for name in sorted(set(named) - known):
        swept = (name, ctx.invoked_subcommand) in (("trunc", "sweep"), ("adaptation", "adaptation"))
        remedy = f"give --{name}s instead" if swept else "leave it out"
        raise UserError(f"{_flag(ctx, name)} does not apply to {ctx.invoked_subcommand}; {remedy}")
    ctx.default_map = {ctx.invoked_subcommand: named}


def _of_image(ctx: click.Context, path: Path) -> dict[str, Any]:
    """The options that draw the picture of a PNG again, but for those that are given."""
    from stylegan_pokemon.render.seeds import parse_seeds
    from stylegan_pokemon.render.stored import read_picture_facts

    facts = read_picture_facts(path)
    label = facts.get("class")
    said: dict[str, Any] = {
        "seeds": parse_seeds(str(path)),
        "trunc": facts.get("truncation"),
        "around": facts.get("around"),
        "noise_mode": facts.get("noise_mode"),
        "adaptation": facts.get("adaptation"),
        "class_": None if label is None else str(label),
    }
    options = {parameter.name: parameter for parameter in ctx.command.params}
    return {
        name: options[name].type.convert(value, options[name], ctx)
        for name, value in said.items()
        if value is not None and not _is_given(ctx, name)
    }


def _pictures(with_grid: bool, save_latents: bool, **given: Any) -> None:
    drawing = Drawing(**given | {"seeds": list(dict.fromkeys(given["seeds"]))})
    folder = drawing.folder(drawing.name(""))
    from stylegan_pokemon.render.pictures import picture_path, write_pictures

    with replacing(picture_path(folder, seed) for seed in drawing.seeds):
        grid = write_pictures(
            *(drawing.generator, drawing.seeds, drawing.labels, folder, drawing.options),
            scale=drawing.scale,
            with_grid=with_grid,
            progress=progress_over("pictures"),
        )
    click.echo(f"pictures  {len(drawing.seeds)} in {folder}{os.sep}")
    if grid:
        click.echo(f"grid      {grid}")
    if save_latents:
        drawing.save_latents(folder)


@main.command()
@click.option(
    "--truncs",
    type=NumbersType(-100, 100),
    default="-1,-0.8,-0.6,-0.4,-0.2,0,0.2,0.4,0.6,0.8,1,1.2",
    help="Truncation psi of each column.",
)
@drawing_options("0-7", "128 to 256 pixels for the tiles", without=("trunc",))
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


@main.command()
@click.option(
    "--adaptations",
    type=NumbersType(0, 1),
    default="0,0.25,0.5,0.75,1",
    help="Adaptation of each column.",
)
@drawing_options("0-7", "128 to 256 pixels for the tiles", without=("adaptation",))
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


@main.command()
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


@main.command()
@click.option(
    "--frames",
    metavar="N",
    type=click.IntRange(2, 10_000),
    default=30,
    help="Frames from one seed to the next.",
)
@click.option(
    "--fps",
    type=NumberType(0.1, 120),
    default=25.0,
    help="Frames a second; a GIF shows up to 50, WebP 90, MP4 120.",
)
@click.option(
    "--space",
    type=click.Choice(["z", "w"]),
    default="z",
    help="Latent space of the path: w changes more evenly, z shows more variety on the way.",
)
@click.option(
    "--method",
    type=click.Choice(["spherical", "linear"]),
    default="spherical",
    help="Path between seeds: a great circle (in w, around the average) or a straight line.",
)
@click.option(
    "--easing",
    type=click.Choice(["linear", "smooth", "ease-in-out"]),
    default="smooth",
    help="Pace between seeds: linear is even, smooth slows down at each seed, ease-in-out lingers there.",
)
@format_option
@drawing_options("0-7", "256 to 512 pixels for the pictures")
def interpolate(
    frames: int, fps: float, space: str, method: str, easing: str, format_: str, **given: Any
) -> None:
    """A film that moves from seed to seed and loops.

    It ends by returning to the first seed. K seeds and --frames N make K × N frames; none is shown twice.
    """
    if len(set(given["seeds"])) < 2:
        raise UserError("--seeds: an interpolation needs at least two different seeds, such as 0-7")
    from stylegan_pokemon.render.animation import check_film, save_animation
    from stylegan_pokemon.render.images import comfortable_scale
    from stylegan_pokemon.render.interpolation import interpolation_frames

    check_film(format_, fps)
    drawing = Drawing(**given)
    size = drawing.generator.G.img_resolution
    scale = drawing.scale or comfortable_scale(size, 256, 512)
    count = len(drawing.seeds) * frames
    check_film(format_, fps, count, size if scale >= 1 else int(size * scale))
    film = interpolation_frames(
        *(drawing.generator, drawing.seeds, drawing.labels, frames, drawing.options),
        scale=min(scale, Fraction(1)),
        space=space,
        method=method,
        easing=easing,
    )
    name = drawing.name(f"{drawing.overview('interpolation')}-{space}-{method}")
    path = drawing.folder() / f"{name}.{format_}"
    with replacing([path]):
        save_animation(path, progress_over("frames", count)(film), fps=fps, scale=max(1, int(scale)))
    echo_film(path, f"{count} frames, {count / fps:.1f} s, ")


@main.command()
@click.argument("run", required=False, type=PathType())
@click.option(
    "--source",
    type=click.Choice(["snapshots", "fakes"]),
    help="Render the snapshots again, or use the fakes<kimg>.png that training wrote.  [default: snapshots "
    "if there are two or more, else fakes]",
)
@click.option("--fps", type=NumberType(0.1, 50), default=5.0, help="Ticks a second.")
@click.option(
    "--hold",
    type=NumberType(0, 60),
    default=2.0,
    help="Extra seconds for the last tick.",
)
@click.option(
    "--max-frames",
    metavar="N",
    type=click.IntRange(2, 10_000),
    default=60,
    help="Show at most this many ticks, evenly spaced.",
)
@format_option
@drawing_options("0-15", "about 640 pixels for the grid", without=("network",))
@click.pass_context
def progression(
    ctx: click.Context,
    run: Path | None,
    source: str | None,
    fps: float,
    hold: float,
    max_frames: int,
    format_: str,
    **given: Any,
) -> None:
    """A film of how a run learned.

    It shows the same seeds at every tick, labelled with the kimg. RUN is a run directory, or a folder of runs
    for its newest one. The default is the newest run in runs/.
    """
    from stylegan_pokemon.render.progression import (
        evenly,
        progression_from_fakes,
        progression_from_snapshots,
    )
    from stylegan_pokemon.render.runs import fakes, find_run, snapshots

    run = find_run(RUNS if run is None else run, print_note)
    asked = [name for name in given if name not in ("outdir", "scale") and _is_given(ctx, name)]
    if source == "fakes" and asked:
        raise UserError(f"{_flag(ctx, asked[0])} needs --source snapshots; leave one of the two out")
    if source is None:
        source = "snapshots" if asked or len(snapshots(run)) > 1 or not fakes(run) else "fakes"
    folder = given["outdir"] or run / "generated"
    click.echo(f"run       {run} ({source})")
    how = {"scale": given["scale"], "fps": fps, "hold": hold, "progress": progress_over("ticks")}
    if source == "fakes":
        path = prepared(folder) / f"progression-fakes.{format_}"
        with replacing([path]):
            progression_from_fakes(run, path, max_frames=max_frames, **how)
    else:
        ticks = evenly(snapshots(run), max_frames)
        if not ticks:
            raise UserError(f"the run {run} holds no snapshot yet; train it for a tick, or name another run")
        drawing = Drawing(**given, network=ticks[-1].path)
        newest, labels = drawing.generator, drawing.labels
        name = drawing.name(drawing.overview("progression"))
        path = prepared(folder) / f"{name}.{format_}"
        with replacing([path]):
            progression_from_snapshots(
                *(path, ticks, newest, drawing.seeds, labels, drawing.options),
                adaptation=given["adaptation"],
                **how,
            )
    echo_film(path)


main.add_command(project)
main.add_command(rank)


def _is_given(ctx: click.Context, name: str) -> bool:
    source = click.core.ParameterSource
    return ctx.get_parameter_source(name) in (source.COMMANDLINE, source.DEFAULT_MAP)


def _flag(ctx: click.Context, name: str) -> str:
    return next(parameter.opts[0] for parameter in ctx.command.params if parameter.name == name)
