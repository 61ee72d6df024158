"""`python -m stylegan_pokemon doctor`: what this machine has, what is wrong with it, and what repairs it."""

from __future__ import annotations

import json

import click

from stylegan_pokemon.cli.errors import Command


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead, for bug reports.")
def doctor(as_json: bool) -> None:
    """Look at Python, PyTorch, card, driver, tools, disk and memory; print what is wrong and what repairs it.

    The exit status is 0 if training can go on, on a card or on the CPU, and 1 if something must be repaired.
    Nothing is changed, and the network is not used.
    """
    from stylegan_pokemon.doctor.examine import examine
    from stylegan_pokemon.doctor.probe import probe
    from stylegan_pokemon.doctor.report import as_object, lines

    facts = probe()
    findings = examine(facts)
    answer = as_object(facts, findings)
    click.echo(json.dumps(answer, indent=2) if as_json else "\n".join(lines(facts, findings)))
    if not answer["ok"]:
        raise click.exceptions.Exit(1)
