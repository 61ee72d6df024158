"""Options that several commands of generate.py share, and others that load a generator, each written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from dataset_tool.parameters import PathType, path_or_name
from stylegan_pokemon.cli import parameters
from stylegan_pokemon.cli.parameters import NumberType
from stylegan_pokemon.networks.blending import DEFAULT_ADAPTATION

SEEDS = "Seeds, ranges of seeds and latent files, such as 0-63 or 1,5,mine.npz."
REFINED = (
    "  [default: 16 up to 128 × 128 for networks of finetune.py whose start is in the file, or of 20 kimg "
    "or more; else 0]"
)
F = TypeVar("F", bound=Callable[..., Any])


def adaptation_option(default: str) -> Callable[[F], F]:
    """--adaptation, whose help tells what the command does without it."""
    return click.option(
        "--adaptation",
        metavar="A",
        type=NumberType(0, 1),
        help="How far a fine-tuned network has moved from its start (0) to its end (1). In between, the "
        "finest layers (drawing style) change first, then coarser ones (build of bodies), and the mapping "
        f"network (classes) last.  [default: {default}]",
    )


around_option = click.option(
    "--around",
    metavar="class|network|centres:K",
    type=parameters.around,
    default="class",
    help="Centre of truncation. class: the average of the picture's class; without classes, the nearest of "
    "the centres that the network was made for, or its average. network: the average of all pictures, as in "
    "the official programs. centres:K: the nearest of K cluster centres.",
)


def drawing_options(
    seeds: str, scale: str, without: tuple[str, ...] = (), refine: int | None = None
) -> Callable[[F], F]:
    """The options that make a `Drawing`, but for those that a command is `without`.

    seeds: the default of --seeds. scale: the default of --scale in words. refine: the default of
    --refine; None: by the network.
    """
    shared: dict[str, Callable[[F], F]] = {
        "network": click.option(
            "--network",
            metavar="FILE|RUN|best|URL|NAME",
            type=path_or_name,
            help="A network file; a run directory or a folder of runs, for the newest snapshot; best or "
            "RUN/best, for the best snapshot by its metrics; a URL; or a name that `python -m "
            "stylegan_pokemon zoo` lists.  [default: runs]",
        ),
        "seeds": click.option(
            "--seeds",
            metavar="SEEDS",
            type=parameters.seeds,
            default=seeds,
            help=f"{SEEDS} A PNG that this program wrote also works: it holds its latent.",
        ),
        "trunc": click.option(
            "--trunc",
            type=NumberType(-100, 100),
            default=1.0,
            help="Truncation psi: 0 is the average picture; lower is safer, higher is wilder.",
        ),
        "adaptation": adaptation_option(f"{DEFAULT_ADAPTATION:g}"),
        "class_": click.option(
            "--class",
            "class_",
            metavar="NAME|NUMBER",
            help="Class to draw, for a network with classes.  [default: one drawn from each seed]",
        ),
        "around": around_option,
        "refine": click.option(
            "--refine",
            metavar="STEPS",
            type=click.IntRange(0, 1000),
            default=refine,
            help="Move each seed this many steps to where the network's discriminator sees a creature. 0 "
            f"draws the seed as it is.{REFINED if refine is None else ''}",
        ),
        "edit": click.option(
            "--edit",
            metavar="DIRECTION:AMOUNT,…",
            type=parameters.edits,
            help="Move all pictures along directions, such as 0:+2.5,bluer:+1,fire@coarse:-1. One unit is a "
            "standard deviation. `generate.py directions` shows them.",
        ),
        "noise_mode": click.option(
            "--noise-mode",
            type=click.Choice(["const", "random", "none"]),
            default="const",
            help="Noise inputs: const (stored in the network), random (drawn from each seed) or none.",
        ),
        "outdir": click.option(
            "--outdir",
            metavar="DIR",
            type=PathType(),
            help="Output folder.  [default: generated/ in the network's run directory, else here]",
        ),
        "scale": click.option(
            "--scale",
            metavar="N|1/N",
            type=parameters.scale,
            help=f"N enlarges every pixel to N × N; 1/N averages N × N pixels to one.  [default: {scale}]",
        ),
        "background": click.option(
            "--background",
            metavar="COLOUR",
            default="white",
            help="Colour behind transparent sprites in grids, sheets and films: white, black, #rrggbb or a "
            "CSS name. Single pictures stay transparent.",
        ),
        "device": click.option(
            "--device", metavar="NAME", help="cpu, cuda, cuda:1, …  [default: cuda where it works, else cpu]"
        ),
        "batch": click.option(
            "--batch",
            metavar="N",
            type=click.IntRange(min=1),
            help="Pictures drawn or refined at once, at most.  [default: by resolution; halved when memory "
            "runs out]",
        ),
    }

    def decorate(function: F) -> F:
        for name in reversed(shared):
            if name not in without:
                function = shared[name](function)
        return function

    return decorate


def layers_option(default: str, help_: str) -> Callable[[F], F]:
    """--layers, with what it means for the command."""
    return click.option(
        "--layers",
        metavar="coarse|middle|fine|all|A-B",
        type=parameters.layers,
        default=default,
        help=f"{help_} coarse (0-2) is build and pose, middle (3-6) parts, fine (7 to the last) colours and "
        "texture.",
    )


format_option = click.option(
    "--format",
    "format_",
    type=click.Choice(["gif", "mp4", "webp", "apng"]),
    default="gif",
    help="GIF plays everywhere, WebP is smaller and has all colours, APNG is lossless, MP4 is smallest.",
)


def is_given(ctx: click.Context, name: str) -> bool:
    """Whether a parameter of the command was given, here or before the command."""
    source = click.core.ParameterSource
    return ctx.get_parameter_source(name) in (source.COMMANDLINE, source.DEFAULT_MAP)


def flag(ctx: click.Context, name: str) -> str:
    """How a parameter of the command is spelt on the command line."""
    return next(parameter.opts[0] for parameter in ctx.command.params if parameter.name == name)
