"""The command line of generate.py: pictures, interpolation, progression; sheets are in `generate_sheets`."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylegan_pokemon.cli.errors import Group
from stylegan_pokemon.cli.generate_options import options, scale_option, seeds_option
from stylegan_pokemon.cli.generate_sheets import adaptation as adaptation_command
from stylegan_pokemon.cli.generate_sheets import classes, sweep
from stylegan_pokemon.cli.generate_support import (
    RUNS,
    file_name,
    labels_of,
    loaded,
    network_file,
    output_folder,
    prepared,
    progress_over,
    size_of,
    told,
)
from stylegan_pokemon.cli.parameters import NumberType
from stylegan_pokemon.errors import UserError

if TYPE_CHECKING:
    from stylegan_pokemon.render.truncation import Around


@click.group(cls=Group, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@options("network")
@seeds_option("0-63")
@options("trunc", "adaptation", "class_", "around", "noise_mode", "outdir")
@scale_option("1 for pictures; what brings the tiles of the grid to 128 to 256 pixels")
@click.option("--grid/--no-grid", "grid", default=True, show_default=True, help="Also write grid-seeds….png.")
@options("device", "batch")
@click.pass_context
def main(ctx: click.Context, /, **given: Any) -> None:
    """Make pictures with a trained network.

    Without a command: one picture per seed, seed0000.png …, and all of them as a grid. The picture of a
    seed is the same whichever other seeds are asked for. Options may stand before or after the command.

    \b
    generate.py --trunc 0.7
    generate.py sweep --seeds 0-7
    generate.py adaptation --seeds 0-7 --trunc 0.7
    generate.py --class fire --trunc 0.7
    generate.py classes --seeds 0-9
    generate.py interpolate --seeds 1,5,9-12 --format mp4
    """
    if ctx.invoked_subcommand is None:
        _pictures(**given)
        return
    named = {name: value for name, value in given.items() if _is_given(ctx, name)}
    command = main.get_command(ctx, ctx.invoked_subcommand)
    known = {parameter.name for parameter in command.params} if command else set(named)
    for name in sorted(set(named) - known):
        swept = (name, ctx.invoked_subcommand) in (("trunc", "sweep"), ("adaptation", "adaptation"))
        remedy = f"give --{name}s instead" if swept else "leave it out"
        raise UserError(f"{_flag(ctx, name)} does not apply to {ctx.invoked_subcommand}; {remedy}")
    ctx.default_map = {ctx.invoked_subcommand: named}


for _command in (sweep, adaptation_command, classes):
    main.add_command(_command)


def _pictures(
    *,
    network: str | None,
    seeds: list[int],
    trunc: float,
    adaptation: float | None,
    class_: str | None,
    around: Around,
    noise_mode: str,
    outdir: Path | None,
    scale: Fraction | None,
    grid: bool,
    device: str | None,
    batch: int | None,
) -> None:
    path = network_file(network)
    source = loaded(path, device, adaptation)
    folder = output_folder(outdir, path, file_name(f"psi{trunc:g}", source, class_, noise_mode, around))
    seeds = list(dict.fromkeys(seeds))
    labels = labels_of(source, seeds, class_)
    from stylegan_pokemon.render.pictures import Look, write_pictures

    sheet = write_pictures(
        source,
        seeds,
        labels,
        folder,
        Look(trunc, noise_mode, around),
        scale=scale,
        with_grid=grid,
        batch=batch,
        progress=progress_over("pictures"),
    )
    click.echo(f"pictures  {len(seeds)} in {folder}{os.sep}")
    if sheet:
        click.echo(f"grid      {sheet}")


@main.command()
@options("network")
@seeds_option("0-7")
@click.option(
    "--frames",
    metavar="N",
    type=click.IntRange(2, 10_000),
    default=30,
    show_default=True,
    help="From seed to seed.",
)
@options("fps")
@click.option(
    "--space",
    type=click.Choice(["z", "w"]),
    default="z",
    show_default=True,
    help="Latent space to walk through; w changes more evenly, z visits more on the way.",
)
@click.option(
    "--method",
    type=click.Choice(["spherical", "linear"]),
    default="spherical",
    show_default=True,
    help="Along the great circle (in w, around the average) or the straight line.",
)
@click.option(
    "--easing",
    type=click.Choice(["linear", "smooth", "ease-in-out"]),
    default="smooth",
    show_default=True,
    help="Pace between seeds: even, slower at each seed, or lingering there.",
)
@options("trunc", "adaptation", "class_", "around", "noise_mode", "format", "outdir")
@scale_option("what brings pictures to 256 to 512 pixels")
@options("device", "batch")
def interpolate(
    network: str | None,
    seeds: list[int],
    frames: int,
    fps: float,
    space: str,
    method: str,
    easing: str,
    trunc: float,
    adaptation: float | None,
    class_: str | None,
    around: Around,
    noise_mode: str,
    format_: str,
    outdir: Path | None,
    scale: Fraction | None,
    device: str | None,
    batch: int | None,
) -> None:
    """A film from seed to seed that loops without a seam.

    The last frame leads into the first: with K seeds and N frames there are K × N frames, none of them twice.
    """
    from stylegan_pokemon.render.seeds import describe_seeds

    if len(set(seeds)) < 2:
        raise UserError("--seeds: an interpolation needs at least two different seeds, such as 0-7")
    path = network_file(network)
    from stylegan_pokemon.render.animation import check_film, save_animation
    from stylegan_pokemon.render.images import comfortable_scale

    check_film(format_, fps)
    source = loaded(path, device, adaptation)
    labels = labels_of(source, seeds, class_)
    from stylegan_pokemon.render.interpolation import interpolation_frames
    from stylegan_pokemon.render.pictures import Look

    size = source.G.img_resolution
    scale = scale or comfortable_scale(size, 256, 512)
    count = len(seeds) * frames
    check_film(format_, fps, count, int(size * min(scale, 1)))
    folder = output_folder(outdir, path)
    film = interpolation_frames(
        source,
        seeds,
        labels,
        frames,
        Look(trunc, noise_mode, around),
        space=space,
        method=method,
        easing=easing,
        scale=min(scale, Fraction(1)),
        batch=batch,
    )
    stem = f"interpolation-seeds{describe_seeds(seeds)}-{space}-{method}-psi{trunc:g}"
    destination = folder / f"{file_name(stem, source, class_, noise_mode, around)}.{format_}"
    shown = progress_over("frames", count)(film)
    save_animation(destination, shown, fps=fps, scale=max(1, int(scale)))
    click.echo(f"film      {destination} ({count} frames, {count / fps:.1f} s, {size_of(destination)})")


@main.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option(
    "--source",
    type=click.Choice(["snapshots", "fakes"]),
    help="Render the snapshots anew, or take the fakes<kimg>.png that training wrote.  [default: snapshots "
    "where there are two or more, else fakes]",
)
@seeds_option("0-15")
@options("trunc", "adaptation", "class_", "around", "noise_mode")
@click.option("--fps", type=NumberType(0.1, 50), default=5.0, show_default=True, help="Ticks a second.")
@click.option(
    "--hold",
    type=NumberType(0, 60),
    default=2.0,
    show_default=True,
    help="Seconds that the last one stays longer.",
)
@click.option(
    "--max-frames",
    metavar="N",
    type=click.IntRange(2, 10_000),
    default=60,
    show_default=True,
    help="Of more ticks than this, so many evenly spaced ones are shown.",
)
@options("format", "outdir")
@scale_option("what brings the grid near 640 pixels")
@options("device", "batch")
@click.pass_context
def progression(
    ctx: click.Context,
    run: Path | None,
    source: str | None,
    seeds: list[int],
    trunc: float,
    adaptation: float | None,
    class_: str | None,
    around: Around,
    noise_mode: str,
    fps: float,
    hold: float,
    max_frames: int,
    format_: str,
    outdir: Path | None,
    scale: Fraction | None,
    device: str | None,
    batch: int | None,
) -> None:
    """How a run learned: the same seeds at every tick, with the kimg written in.

    RUN is a run directory, or a folder of runs for its newest; by default the newest in runs/.
    """
    from stylegan_pokemon.render.runs import fakes, find_run, snapshots
    from stylegan_pokemon.render.seeds import describe_seeds

    run = find_run(RUNS if run is None else run, told)
    asked = [
        name
        for name in ("seeds", "trunc", "adaptation", "class_", "around", "noise_mode", "device", "batch")
        if _is_given(ctx, name)
    ]
    if source == "fakes" and asked:
        raise UserError(f"{_flag(ctx, asked[0])} renders anew; leave it out or take --source snapshots")
    if source is None:
        source = "snapshots" if asked or len(snapshots(run)) > 1 or not fakes(run) else "fakes"
    folder = outdir or run / "generated"
    click.echo(f"run       {run} ({source})")
    if source == "fakes":
        from stylegan_pokemon.render.progression import progression_from_fakes

        destination = prepared(folder) / f"progression-fakes.{format_}"
        progression_from_fakes(
            run,
            destination,
            max_frames=max_frames,
            scale=scale,
            fps=fps,
            hold=hold,
            progress=progress_over("ticks"),
        )
    else:
        stem = f"progression-seeds{describe_seeds(seeds)}-psi{trunc:g}"
        from stylegan_pokemon.render.pictures import Look
        from stylegan_pokemon.render.progression import evenly, progression_from_snapshots

        ticks = evenly(snapshots(run), max_frames)
        if not ticks:
            raise UserError(
                f"the run {run} holds no snapshot yet; let it train for a tick, or name another run"
            )
        newest = loaded(ticks[-1].path, device, adaptation)
        labels = labels_of(newest, seeds, class_)
        name = f"{file_name(stem, newest, class_, noise_mode, around)}.{format_}"
        destination = prepared(folder) / name
        progression_from_snapshots(
            destination,
            ticks,
            newest,
            seeds,
            labels,
            Look(trunc, noise_mode, around),
            scale=scale,
            fps=fps,
            hold=hold,
            batch=batch,
            adaptation=adaptation,
            progress=progress_over("ticks"),
        )
    click.echo(f"film      {destination} ({size_of(destination)})")


def _is_given(ctx: click.Context, name: str) -> bool:
    source = click.core.ParameterSource
    return ctx.get_parameter_source(name) in (source.COMMANDLINE, source.DEFAULT_MAP)


def _flag(ctx: click.Context, name: str) -> str:
    return next(parameter.opts[0] for parameter in ctx.command.params if parameter.name == name)
