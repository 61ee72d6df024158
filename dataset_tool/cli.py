"""The command line: it builds options and calls one function. Nothing heavy is imported until a command runs.

python -m dataset_tool fetch kaggle:kvpratama/pokemon-images-dataset sprites/
python -m dataset_tool convert sprites/ sprites-512.zip --resolution 512 --labels type
python -m dataset_tool inspect sprites-512.zip --sheet sheet.png
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from dataset_tool import __version__
from dataset_tool.files import sentence_of
from dataset_tool.options import ConvertOptions
from dataset_tool.parameters import PathType, path_or_name
from dataset_tool.problems import ProblemsError, UserError, printable
from dataset_tool.terminal import steady_output

# Commands that live with their own code, by name: the module is imported when its command is asked for.
_ELSEWHERE = {"forge": "dataset_tool.forge.command:forge"}


class BadInput(click.ClickException):
    """One sentence for the user; the exit status for all bad input is 2, as for bad options."""

    exit_code = 2


class ToolGroup(click.Group):
    """A group that loads some commands late and turns UserError into a sentence without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _ELSEWHERE:
            module, _, attribute = _ELSEWHERE[cmd_name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ProblemsError as error:
            from dataset_tool.report import problem_table

            if error.problems:
                click.echo(problem_table(error.problems), err=True)
            raise BadInput(str(error)) from error
        except UserError as error:
            raise BadInput(str(error)) from error
        except OSError as error:
            if (text := sentence_of(error)) is None:
                raise
            raise BadInput(printable(text)) from error


@click.group(cls=ToolGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dataset_tool")
def cli() -> None:
    """Turn folders of pictures into a dataset zip that StyleGAN tools read."""


def _settings(command: Any) -> Any:
    """Give a command one option for every setting of ConvertOptions."""
    for setting in reversed(fields(ConvertOptions)):
        extra = dict(setting.metadata)
        if choices := extra.pop("choices", None):
            extra["type"] = click.Choice(choices)
        if extra.pop("is_path", False):
            extra["type"] = path_or_name
        if isinstance(setting.default, bool | tuple):
            extra["is_flag" if isinstance(setting.default, bool) else "multiple"] = True
        option = click.option(f"--{setting.name}", default=setting.default, show_default=True, **extra)
        command = option(command)
    return command


@cli.command()
@click.argument("sources", nargs=-1, required=True, type=PathType(), metavar="SRC...")
@click.argument("dest", type=PathType(), metavar="DEST.zip")
@_settings
@click.option("--workers", type=click.IntRange(min=1), help="Processes to use.  [default: one per core]")
@click.option("--overwrite", is_flag=True, help="Replace DEST.zip if it exists.")
@click.option("--quiet", is_flag=True, help="No progress bar and no summary; problems are still shown.")
def convert(
    sources: tuple[Path, ...], dest: Path, workers: int | None, overwrite: bool, quiet: bool, **settings: Any
) -> None:
    """Convert pictures to a dataset zip.

    Each SRC is a folder (searched recursively), a zip or a picture: PNG, JPEG, WebP, GIF or BMP, whatever its
    file name ends in. All files are scanned before the zip is written; unusable ones are listed and left out.

    \b
    Examples:
      python -m dataset_tool convert sprites/ pokemon.zip --resolution 512 --labels type
      python -m dataset_tool convert a.zip b/ out.zip --resolution 64 --trim --margin 5 --dedupe
      python -m dataset_tool convert scans/ out.zip --key --background random --exclude "*shiny*"
    """
    options = ConvertOptions(**settings)
    from dataset_tool.convert import convert as run
    from dataset_tool.report import duplicate_table, problem_table, summary

    report = run(sources, dest, options, workers=workers, progress=not quiet, overwrite=overwrite)
    if report.problems:
        click.echo(problem_table(report.problems), err=True)
    if report.duplicates:
        click.echo(duplicate_table(report.duplicates))
    if not quiet:
        click.echo(summary(report))


@cli.command()
@click.argument("path", type=PathType(), metavar="ZIP")
@click.option("--sheet", type=PathType(), metavar="FILE.png", help="Draw a contact sheet.")
@click.option("--json", "machine", is_flag=True, help="Print one JSON object instead of a page.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes to use.  [default: one per core]")
def inspect(path: Path, sheet: Path | None, machine: bool, workers: int | None) -> None:
    """Show what is in a dataset zip, and its faults.

    The command prints counts, sizes, the table of classes, near-duplicates, and faults such as pictures that
    are not square, or of another size or colour mode than the rest. Without faults, training takes every
    picture. Zips of all StyleGAN tools are read. The exit status is 1 if there are faults.

    \b
    Examples:
      python -m dataset_tool inspect pokemon.zip --sheet sheet.png
      python -m dataset_tool inspect pokemon.zip --json > pokemon.json
    """
    from dataset_tool.inspect import as_json, as_text
    from dataset_tool.inspect import inspect as run

    inspection = run(path, sheet, workers=workers, progress=not machine)
    click.echo(as_json(inspection) if machine else as_text(inspection))
    if sheet and not machine:
        click.echo(f"contact sheet: {sheet}")
    if inspection.faults:
        raise SystemExit(1)


@cli.command()
@click.argument("source", metavar="SOURCE")
@click.argument("dest", type=PathType(), metavar="DEST")
@click.option("--sha256", metavar="HEX", help="Expected SHA-256.  [default: the recorded one]")
@click.option(
    "--max-size",
    type=float,
    default=16,
    show_default=True,
    metavar="GIB",
    help="Limit for the download, unpacked too.",
)
@click.option("--overwrite", is_flag=True, help="Download again and replace the folder DEST.")
def fetch(source: str, dest: Path, sha256: str | None, max_size: float, overwrite: bool) -> None:
    """Download pictures into the folder DEST.

    SOURCE is kaggle:OWNER/SLUG or an http(s) address of an archive (zip, tar, tar.gz …) or of a picture.
    Run the command again to continue a broken download. The checksum is recorded in DEST and compared
    whenever the same address is fetched again.

    \b
    Examples:
      python -m dataset_tool fetch kaggle:kvpratama/pokemon-images-dataset sprites/
      python -m dataset_tool fetch https://example.org/sprites.zip sprites/ --max-size 2
    """
    if not 0 < max_size <= 4096:
        raise UserError(f"--max-size {max_size:g} cannot be used: give GiB, more than 0 and at most 4096")
    from dataset_tool.fetch import fetch as run
    from dataset_tool.report import count_text, size_text

    report = run(source, dest, sha256, int(max_size * 2**30), overwrite)
    for remark in report.remarks:
        click.echo(f"Note: {remark}")
    click.echo(f"{report.dest}: {count_text(report.files, 'file')}, {size_text(report.bytes)}")
    if report.sha256:
        click.echo(f"sha256 {report.sha256}")


def main() -> None:
    """Run the command line: status 0, 1 for faults that inspect found, 2 for bad input, 130 for Ctrl-C."""
    with steady_output():
        try:
            cli.main(prog_name="python -m dataset_tool", standalone_mode=False)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo("interrupted", err=True)
            sys.exit(130)
