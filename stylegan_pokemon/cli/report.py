"""`python -m stylegan_pokemon report RUN` and `compare RUN RUN …`: pages about runs."""

from __future__ import annotations

from pathlib import Path

import click

from stylegan_pokemon.cli.errors import Command


@click.command(cls=Command)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
def report(runs: tuple[str, ...]) -> None:
    """Make report.html of run directories anew, from what lies in them.

    Training refreshes it at every tick; this is for runs older than the page, and after copying files.
    """
    from stylegan_pokemon.report import write_report

    for run in runs:
        write_report(Path(run))
        click.echo(Path(run) / "report.html")


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--page", default="compare.html", metavar="HTML", help="The page to write.")
@click.option("--picture", metavar="PNG", help="The picture to write.  [default: beside the page]")
def compare(runs: tuple[str, ...], page: str, picture: str | None) -> None:
    """Draw runs over each other: losses, metrics, r_t, speed, over kimg or over hours.

    Writes a page that needs no network, and a PNG.

    \b
    python -m stylegan_pokemon compare runs/00003-… runs/00004-…
    """
    from stylegan_pokemon.report import compare as draw

    where = Path(page)
    drawn = Path(picture) if picture else where.with_suffix(".png")
    draw([Path(run) for run in runs], where, drawn)
    click.echo(where)
    click.echo(drawn)
