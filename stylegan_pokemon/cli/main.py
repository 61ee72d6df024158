"""`python -m stylegan_pokemon`: one door to every command. Nothing heavy is imported until a command runs."""

from __future__ import annotations

import importlib

import click

from stylegan_pokemon._version import __version__
from stylegan_pokemon.cli.errors import Group

_COMMANDS = {
    "demo": ("stylegan_pokemon.cli.demo:demo", "Run the whole pipeline in minutes; needs no data."),
    "finetune": ("stylegan_pokemon.cli.finetune:finetune", "Fine-tune on sprites (as finetune.py)."),
    "generate": ("stylegan_pokemon.cli.generate:main", "Make pictures, sheets and films (as generate.py)."),
    "sprite": ("stylegan_pokemon.cli.sprite:sprite", "Turn any pictures into sprites for games."),
    "metrics": ("stylegan_pokemon.cli.metrics:metrics", "Measure quality, diversity and copying."),
    "dataset": ("dataset_tool.cli:cli", "Make and inspect data sets (as dataset_tool)."),
    "zoo": ("stylegan_pokemon.cli.zoo:zoo", "List pretrained networks, or download them."),
    "convert": ("stylegan_pokemon.cli.convert:convert", "Convert to .safetensors, .pkl or .onnx."),
    "blend": ("stylegan_pokemon.cli.blend:blend", "Coarse layers of one network, fine layers of another."),
    "average": ("stylegan_pokemon.cli.blend:average", "Average the weights of several networks."),
    "inspect": ("stylegan_pokemon.cli.inspect:inspect", "Show what a checkpoint holds."),
    "report": ("stylegan_pokemon.cli.report:report", "Write the report.html of a run again."),
    "compare": ("stylegan_pokemon.cli.report:compare", "Compare runs on one page."),
    "doctor": ("stylegan_pokemon.cli.doctor:doctor", "Check this machine; print how to fix it."),
    "bench": ("stylegan_pokemon.cli.bench:bench", "Measure speed and memory; prints JSON."),
}


class LazyGroup(Group):
    """Lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="stylegan_pokemon")
def cli() -> None:
    """Turn sprites into new creatures: make a data set, fine-tune StyleGAN2-ADA, generate pictures."""


def main() -> None:
    """Entry point of `python -m stylegan_pokemon` and `stylegan-pokemon`."""
    cli(prog_name="python -m stylegan_pokemon")
