"""`python -m stylegan_pokemon report RUN` and `compare RUN RUN …`: pages about runs."""

from __future__ import annotations

from pathlib import Path

import click

from dataset_tool.parameters import PathType, path_or_name
from stylegan_pokemon.cli.errors import Command


@click.command(cls=Command)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=path_or_name)
def report(runs: tuple[str, ...]) -> None:
    """Write report.html for each run, and print its path and size.

    RUN is a run directory, or a folder of runs, which means its newest run. Training writes the page at every
    tick. Use this command after you have copied or edited files of a run.
    """
    from stylegan_pokemon.report import write_report
    from stylegan_pokemon.report.reading import runs_at

    for run in [runs_at(where)[-1] for where in runs]:
        write_report(run)
        click.echo(_made(run / "report.html"))


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True, type=path_or_name)
@click.option("--out", type=PathType(), default="compare.html", metavar="HTML", help="The page to write.")
def compare(runs: tuple[str, ...], out: Path) -> None:
    """Compare two to twelve runs on one page, over kimg or time, and say which is best.

    RUN is a run directory, or a folder of runs, which means all of them. The page works offline.

    \b
    python -m stylegan_pokemon compare runs/00003-… runs/00004-…
    """
    from stylegan_pokemon.report import compare as draw
    from stylegan_pokemon.report.reading import runs_at

    draw([run for where in runs for run in runs_at(where)], out)
    click.echo(_made(out))


def _made(path: Path) -> str:
    return f"{path} ({path.stat().st_size / 1e6:.2f} MB)"
