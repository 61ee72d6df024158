"""Options that several commands of generate.py share, and others that load a generator, each written once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from stylegan_pokemon.cli.parameters import NumberType, ScaleType, SeedsType
from stylegan_pokemon.networks.blending import DEFAULT_ADAPTATION

F = TypeVar("F", bound=Callable[..., Any])


def adaptation_option(default: str) -> Callable[[F], F]:
    """--adaptation, whose help tells what the command does without it."""
    return click.option(
        "--adaptation",
        metavar="A",
        type=NumberType(0, 1),
        help="Of a fine-tuned network: how far from its start (0) to its end (1). Between them the finest "
        "layers, with the drawing style, come first, then coarser ones with the build of bodies, and last "
        f"the mapping network with the classes.  [default: {default}]",
    )


_OPTIONS: dict[str, Callable[[F], F]] = {
    "network": click.option(
        "--network",
        metavar="FILE|RUN|best|URL|NAME",
        help="Network file, run directory (its newest snapshot), folder of runs (the newest run's newest "
        "snapshot), best (the newest run's best snapshot by its metrics) or RUN/best, URL, or a name that "
        "`python -m stylegan_pokemon zoo` lists.  [default: runs]",
    ),
    "adaptation": adaptation_option(f"{DEFAULT_ADAPTATION:g}"),
    "outdir": click.option(
        "--outdir",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Where to write.  [default: generated/ in the run directory; here for a network from elsewhere]",
    ),
    "class_": click.option(
        "--class",
        "class_",
        metavar="NAME|NUMBER",
        help="Class to draw, for a network that has classes.  [default: one drawn from each seed]",
    ),
    "trunc": click.option(
        "--trunc",
        type=NumberType(-100, 100),
        default=1.0,
        show_default=True,
        help="Truncation psi: 0 is the average picture, lower is safer, higher is wilder.",
    ),
    "around": click.option(
        "--around",
        type=click.Choice(["class", "network"]),
        default="class",
        show_default=True,
        help="What truncation pulls towards, in a network with classes: the average of the picture's own "
        "class, or the one of all classes that the network keeps, as the official programs do.",
    ),
    "noise_mode": click.option(
        "--noise-mode",
        type=click.Choice(["const", "random", "none"]),
        default="const",
        show_default=True,
        help="Noise behind fine detail: as stored, drawn from each seed, or left out.",
    ),
    "device": click.option(
        "--device", metavar="NAME", help="cpu, cuda, cuda:1, …  [default: cuda where it works, else cpu]"
    ),
    "batch": click.option(
        "--batch",
        metavar="N",
        type=click.IntRange(min=1),
        help="Pictures rendered at once.  [default: by resolution; halved when memory runs out]",
    ),
    "fps": click.option(
        "--fps",
        type=NumberType(0.1, 120),
        default=25.0,
        show_default=True,
        help="Frames a second; a GIF shows up to 50, WebP 90, MP4 120.",
    ),
    "format": click.option(
        "--format",
        "format_",
        type=click.Choice(["gif", "mp4", "webp"]),
        default="gif",
        show_default=True,
        help="GIF shows everywhere, WebP is smaller and has all colours, MP4 is smallest.",
    ),
}


def seeds_option(default: str) -> Callable[[F], F]:
    """--seeds with the default of one command."""
    return click.option(
        "--seeds",
        type=SeedsType(),
        default=default,
        show_default=True,
        help="Seeds and ranges of seeds, such as 0-63 or 1,5,9-12.",
    )


def scale_option(default: str) -> Callable[[F], F]:
    """--scale, whose help tells what the command does without it."""
    return click.option(
        "--scale",
        metavar="N|1/N",
        type=ScaleType(),
        help=f"Enlarge every pixel to N × N pixels, or average N × N to one.  [default: {default}]",
    )


def options(*names: str) -> Callable[[F], F]:
    """Add the shared options of these names to a command, in this order."""

    def decorate(function: F) -> F:
        for name in reversed(names):
            function = _OPTIONS[name](function)
        return function

    return decorate
