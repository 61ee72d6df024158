"""generate.py progression: a film of how a run learned."""

from __future__ import annotations

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
@drawing_options("0-15", "about 640 pixels for the grid", without=("network", "refine"))
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
    how["encoding"] = progress_over("frames encoded")
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
