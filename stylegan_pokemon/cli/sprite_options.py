"""The options of `SpriteOptions` on a command line, written once for `sprite` and generate.py."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import click

from dataset_tool.parameters import path_or_name
from stylegan_pokemon.cli.generate_commands import GenerateGroup
from stylegan_pokemon.cli.parameters import NumberType
from stylegan_pokemon.sprites.options import MOST_COLOURS, MOST_PIXELS, PRESETS, SpriteOptions

F = TypeVar("F", bound=Callable[..., Any])
_NAMES = {field.name for field in dataclasses.fields(SpriteOptions)}
_DEFAULTS = SpriteOptions()


def sprite_options(function: F) -> F:
    """Decorate a command with every option of `SpriteOptions`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def take_sprite_options(given: dict[str, Any]) -> SpriteOptions:
    """Take these options out of a command's parameters. Raises UserError for those that cannot be."""
    options = SpriteOptions(**{name: given.pop(name) for name in _NAMES})
    if any_given(options):
        from stylegan_pokemon.sprites.batch import prepared

        prepared(options)
    return options


class GroupWithSprites(GenerateGroup):
    """A group of commands whose `--help` shows these options under a heading of their own."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], "Sprites": []}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                sections["Sprites" if parameter.name in _NAMES else "Options"].append(record)
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)
        self.format_commands(ctx, formatter)


def any_given(options: SpriteOptions) -> bool:
    """Whether the user asked for a sprite at all."""
    return options != _DEFAULTS


_OPTIONS = (
    click.option(
        "--transparent/--no-transparent",
        default=None,
        help="Remove the plain background: what a flood fill from the border reaches. White bellies, eyes "
        "and teeth stay; edges become part opaque, without a fringe. A picture with transparency keeps its "
        "own.  [default: transparent]",
    ),
    click.option(
        "--alpha",
        type=click.Choice(["soft", "hard"]),
        help="Edges: soft (part opaque) or hard (each pixel visible or not).  [default: soft; hard for "
        "pixel art and with --pixels]",
    ),
    click.option(
        "--tolerance",
        metavar="N",
        type=click.IntRange(0, 255),
        default=_DEFAULTS.tolerance,
        help="How far the background's colour may vary, in levels of 255.",
    ),
    click.option(
        "--gap",
        metavar="N",
        type=NumberType(0, 1000),
        help="Widest gap in an outline, in pixels, through which the background must not leak into the "
        "body; 0 closes none.  [default: 1/32 of the side]",
    ),
    click.option("--largest", is_flag=True, help="Keep only the largest piece of each picture."),
    click.option(
        "--sharpen",
        is_flag=True,
        help="Narrow blurred edges inside and around the drawing; lines and shading stay.",
    ),
    click.option(
        "--pixels",
        metavar="32|48|64|96|N",
        type=click.IntRange(8, MOST_PIXELS),
        help="Make pixel art of N × N pixels. Each pixel takes one colour; nothing is blurred.",
    ),
    click.option(
        "--cell",
        type=click.Choice(["mode", "median"]),
        default=_DEFAULTS.cell,
        help="Colour of a pixel of --pixels: the most frequent one under it, or the one of median lightness.",
    ),
    click.option(
        "--colors",
        metavar="N",
        type=click.IntRange(1, MOST_COLOURS),
        help="Use at most N colours, chosen in OKLab, without dithering.",
    ),
    click.option(
        "--palette",
        metavar="shared|each|gameboy|pico-8|FILE",
        type=path_or_name,
        help="One palette for all pictures, one for each, a built-in one, or a file: .gpl, .hex, .act or "
        ".png.  [default: shared, with --colors]",
    ),
    click.option("--center", "align", flag_value="center", help="Centre each drawing in its frame."),
    click.option(
        "--baseline",
        "align",
        flag_value="baseline",
        help="Centre each drawing horizontally, and stand all on one line near the bottom.",
    ),
    click.option(
        "--outline",
        metavar="COLOUR",
        help="Draw an outline of this colour (black, #rrggbb, …) around each drawing.",
    ),
    click.option(
        "--atlas",
        is_flag=True,
        help="Also write one sheet of all sprites, atlas.png, with atlas.json and atlas-array.json "
        "(Aseprite, TexturePacker, Phaser, PixiJS), atlas.tsx (Tiled) and atlas.tres (Godot). Films become "
        "tagged animations, also in atlas-aseprite.json (Phaser).",
    ),
    click.option(
        "--preset",
        type=click.Choice(list(PRESETS)),
        help="rpgmaker: sheets of 3 × 4 frames of 48 pixels, named $NAME.png; gba: 64 pixels, 16 colours "
        "each, of which number 0 is transparent.",
    ),
)
