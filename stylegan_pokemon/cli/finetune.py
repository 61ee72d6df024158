"""`finetune.py`: argument parsing only. The options are those of `training.settings.options`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from dataset_tool.terminal import only_a_log
from stylegan_pokemon._version import __version__
from stylegan_pokemon.cli.grouped import GroupedCommand, grouped_options
from stylegan_pokemon.training.settings.options import Options, changeable

_HELP = f"""Fine-tune StyleGAN2-ADA on sprites.

\b
python finetune.py                                   forged sprites, embedded checkpoint
python finetune.py --data my64.zip --kimg 200        your sprites
python finetune.py --data my512.zip --resume ffhq512 --freezed 10 --mirror
python finetune.py --resume runs/00003-my64-fresh    continue that run exactly

Every run gets a directory under --outdir. Each tick writes pictures, a snapshot, statistics and a report into
it. Ctrl-C, SIGTERM or SIGHUP stops a run after the current iteration. `--resume RUN` continues it exactly.
Only {changeable()} may then change.
"""


@click.command(
    cls=GroupedCommand,
    help=_HELP,
    context_settings={"max_content_width": 110},
)
@grouped_options
@click.option("--dry-run", is_flag=True, help="Print the configuration and the memory plan, then stop.")
@click.version_option(__version__)
@click.pass_context
def finetune(context: click.Context, dry_run: bool, **values: Any) -> None:
    started = time.monotonic()
    if not dry_run:
        only_a_log()
    from stylegan_pokemon.cli.forged import forged_dataset
    from stylegan_pokemon.cli.locate import locate_network
    from stylegan_pokemon.report import write_report
    from stylegan_pokemon.training import session
    from stylegan_pokemon.training.run_dir.directory import is_run
    from stylegan_pokemon.training.settings.check import check_system

    written = click.core.ParameterSource.COMMANDLINE
    given = {name for name in values if context.get_parameter_source(name) is written}
    if is_run(values["resume"]):
        asked = {name: values[name] for name in given - {"resume"}}
        session.continue_run(
            Path(values["resume"]), click.echo, asked, dry_run, started, on_tick=write_report
        )
        return
    options = Options(**values)
    check_system(options, given)
    session.finetune(
        options,
        forged_dataset,
        click.echo,
        dry_run,
        lambda what: locate_network(what, "--resume"),
        started=started,
        on_tick=write_report,
    )


def main() -> None:
    """Entry point of `finetune.py` and `stylegan-pokemon-finetune`."""
    finetune(prog_name="finetune.py")
