"""The options of `finetune.py` as a click command line, with `--help` in groups. No torch, no NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from dataset_tool.parameters import path_or_name
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.training.settings.option import Option, plain
from stylegan_pokemon.training.settings.options import OPTIONS

F = TypeVar("F", bound=Callable[..., Any])
GROUPS = tuple(dict.fromkeys(option.group for option in OPTIONS.values()))
_METAVARS = {int: "N", float: "X"}
_REST = "Other"


def grouped_options(function: F) -> F:
    """Decorate a command with every option of `Options`."""
    for option in reversed(OPTIONS.values()):
        function = _click_option(option)(function)
    return function


def in_words(option: Option) -> str:
    """What it does, and its values where nothing else shows them."""
    listed = option.choices and option.metavar and option.choices_help is None
    return option.help + (f" One of {', '.join(option.choices)}." if listed else "")


def default_of(option: Option) -> str:
    """Its default, or the rule that chooses it, in words; "" for a flag and for nothing."""
    if option.automatic is not None or option.default is None:
        return option.automatic or ""
    return "" if option.kind is bool else plain(option.default)


def values_of(option: Option) -> str:
    """What stands for its value on a command line; "" for a flag."""
    if option.kind is bool:
        return ""
    return option.metavar or ("|".join(option.choices) if option.choices else _METAVARS[option.kind])


def _help(option: Option) -> str:
    below = " See the list of values below." if option.choices_help is not None else ""
    default = default_of(option)
    return in_words(option) + below + (f"  [default: {default}]" if default else "")


def _click_option(option: Option) -> Callable[[F], F]:
    if option.kind is bool:
        return click.option(option.flag, is_flag=True, help=_help(option))
    kind = path_or_name if option.is_path else option.kind
    return click.option(
        option.flag,
        type=click.Choice(option.choices) if option.choices else kind,
        default=option.default,
        metavar=values_of(option) if option.metavar or not option.choices else None,
        help=_help(option),
    )


class GroupedCommand(Command):
    """A command whose `--help` shows options under headings, and describes their values after them."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records: dict[str, list[tuple[str, str]]] = {group: [] for group in (*GROUPS, _REST)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                option = OPTIONS.get(parameter.name or "")
                records[option.group if option else _REST].append(record)
        for group, rows in records.items():
            with formatter.section(group):
                formatter.write_dl(rows)
        for option in OPTIONS.values():
            if option.choices_help is not None:
                with formatter.section(f"Values of {option.flag}"):
                    formatter.write_dl(list(option.choices_help.items()))
