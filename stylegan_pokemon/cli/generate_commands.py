"""The commands of generate.py by what people want. Their modules are imported when they are needed."""

from __future__ import annotations

import importlib

import click

from stylegan_pokemon.cli.errors import Group

COMMANDS = {
    "Pictures": {
        "sweep": "generate_sheets",
        "adaptation": "generate_sheets",
        "classes": "generate_sheets",
        "rank": "generate_rank",
    },
    "Films": {
        "interpolate": "generate_films",
        "loop": "generate_films",
        "progression": "generate_progression",
    },
    "Editing": {
        "mix": "generate_editing",
        "directions": "generate_editing",
        "breed": "generate_editing",
        "project": "generate_project",
    },
}
"""Heading in `--help` → command → module of `stylegan_pokemon.cli` that has it under the command's name."""

_MODULES = {name: module for commands in COMMANDS.values() for name, module in commands.items()}


class GenerateGroup(Group):
    """A group of the commands in COMMANDS, listed under their headings."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        return getattr(importlib.import_module(f"stylegan_pokemon.cli.{_MODULES[cmd_name]}"), cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, commands in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, self._summary(ctx, name)) for name in commands])

    def _summary(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        assert command is not None
        return command.get_short_help_str(70)
