"""`python -m stylegan_pokemon doctor`: whether this machine can train, what is wrong, and how to fix it."""

from __future__ import annotations

import json

import click

from stylegan_pokemon.cli.errors import Command


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead, for a bug report.")
def doctor(as_json: bool) -> None:
    """Check Python, PyTorch, NVIDIA card and driver, memory and compilers; print what to fix, and how.

    The exit status is 0 if nothing needs fixing, else 1. The command changes nothing and uses no network.
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
