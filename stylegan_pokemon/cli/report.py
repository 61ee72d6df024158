"""`python -m stylegan_pokemon report RUN` and `compare RUN RUN …`: pages about runs."""

from __future__ import annotations

from pathlib import Path

import click

from stylegan_pokemon.cli.errors import Command


@click.command(cls=Command)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
def report(runs: tuple[str, ...]) -> None:
    """Make the report.html of runs anew, and print where it lies and its size.

    RUN is a run directory; a folder of runs stands for its newest one. Training refreshes the page at every
    tick; this is for runs older than the page, and after copying files.
    """
    from stylegan_pokemon.report import write_report
    from stylegan_pokemon.report.reading import runs_at

    for run in [runs_at(where)[-1] for where in runs]:
        write_report(run)
        click.echo(_made(run / "report.html"))


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True)
@click.option("--out", default="compare.html", metavar="HTML", help="The page to write.")
@click.option("--png", metavar="PNG", help="The picture to write.  [default: named like the page, beside it]")
def compare(runs: tuple[str, ...], out: str, png: str | None) -> None:
    """Draw two to twelve runs over each other, over kimg and over hours, and say which is best.

    RUN is a run directory; a folder of runs stands for all of them. Writes a page that needs no network, and
    a PNG.

    \b
    python -m stylegan_pokemon compare runs/00003-… runs/00004-…
    """
    from stylegan_pokemon.errors import UserError
    from stylegan_pokemon.report import compare as draw
    from stylegan_pokemon.report.reading import runs_at

    page = Path(out)
    picture = Path(png) if png else page.with_suffix(".png")
    if picture == page:
        raise UserError(f"the page and the picture cannot both be {page}; give --out a name ending in .html")
    draw([run for where in runs for run in runs_at(where)], page, picture)
    click.echo(_made(page))
    click.echo(_made(picture))


def _made(path: Path) -> str:
    return f"{path} ({path.stat().st_size / 1e6:.2f} MB)"
