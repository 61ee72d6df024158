"""Commands of generate.py that write films."""

from __future__ import annotations

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
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.generate_options import drawing_options, flag, format_option, is_given
from stylegan_pokemon.cli.parameters import NumberType
from stylegan_pokemon.errors import UserError


@click.command(cls=Command)
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


@click.command(cls=Command)
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
    asked = [name for name in given if name not in ("outdir", "scale") and is_given(ctx, name)]
    if source == "fakes" and asked:
        raise UserError(f"{flag(ctx, asked[0])} needs --source snapshots; leave one of the two out")
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
