"""`python -m stylegan_pokemon bench …`: argument parsing of the benchmarks; each prints one JSON object."""

from __future__ import annotations

import json
from typing import Any

import click

from stylegan_pokemon.cli.errors import Group
from stylegan_pokemon.training.settings.config import ADA_CAP
from stylegan_pokemon.training.settings.options import OPTIONS

_COUNT = click.IntRange(min=1)
_WORKLOAD: dict[str, dict[str, Any]] = {
    "resolution": {"type": click.IntRange(min=8), "default": 64, "help": "Side of the images in pixels."},
    "channel-base": {
        "type": _COUNT,
        "default": 4096,
        "help": "Width: a layer at resolution R has --channel-base / R feature maps, at most --channel-max.",
    },
    "channel-max": {"type": _COUNT, "default": 128, "help": "Maximum number of feature maps per layer."},
    "map-layers": {"type": _COUNT, "default": 2, "help": "Layers of the mapping network."},
    "w-dim": {"type": _COUNT, "default": 512, "help": "Length of z and w."},
    "batch": {"type": _COUNT, "default": 16, "help": "Images per batch."},
    "batch-gpu": {"type": _COUNT, "help": "Images per micro-batch.  [default: the batch]"},
    "augment-p": {"type": click.FloatRange(0, ADA_CAP), "default": 0.2, "help": "Augmentation probability."},
    "device": {"default": "auto", "help": "auto, cpu, cuda or cuda:N."},
    "precision": {
        "type": click.Choice(OPTIONS["precision"].choices),
        "default": "fp32",
        "help": "Arithmetic of the networks.",
    },
    "kernels": {
        "type": click.Choice(("on", "off")),
        "default": "on",
        "callback": lambda context, parameter, value: value == "on",
        "help": "off: plain PyTorch, without fused kernels.",
    },
}


def _workload(function: Any) -> Any:
    """The options of a `Workload`."""
    for name, settings in reversed(_WORKLOAD.items()):
        function = click.option(f"--{name}", **settings)(function)
    return function


@click.group(cls=Group, context_settings={"show_default": True})
def bench() -> None:
    """Measure speed and memory of training on this machine. Each benchmark prints one JSON object."""


@bench.command()
@_workload
@click.option("--cycles", type=_COUNT, default=1, help="Cycles of 16 iterations, after 3 for warm-up.")
@click.option("--iterations", type=_COUNT, help="Run this many iterations instead, without warm-up.")
def train(cycles: int, iterations: int | None, **workload: Any) -> None:
    """Time training iterations on pictures of noise: s/kimg, seconds by phase, peak memory."""
    from stylegan_pokemon.bench.train import bench_train
    from stylegan_pokemon.bench.workload import Workload

    click.echo(json.dumps(bench_train(Workload(**workload), cycles, iterations), indent=2))


@bench.command()
@_workload
@click.option(
    "--recompute",
    type=click.IntRange(min=0),
    default=0,
    help="Recompute activations of blocks from this resolution up. 0 recomputes none.",
)
@click.option("--rounds", type=_COUNT, default=2, help="Iterations with all four phases.")
def memory(recompute: int, rounds: int, **workload: Any) -> None:
    """Compare the memory plan with what a training process takes: bytes, by part.

    On a card, run it while no other program uses the card.
    """
    from stylegan_pokemon.bench.memory import bench_memory
    from stylegan_pokemon.bench.workload import Workload

    click.echo(json.dumps(bench_memory(Workload(**workload), recompute, rounds), indent=2))
