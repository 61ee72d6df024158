"""`python -m stylegan_pokemon bench …`: argument parsing of the benchmarks; each prints one JSON object."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dataset_tool.parameters import PathType
from stylegan_pokemon.cli.errors import Group
from stylegan_pokemon.training.settings.config import ADA_CAP
from stylegan_pokemon.training.settings.options import OPTIONS

_COUNT = click.IntRange(min=1)
_SHARED: dict[str, dict[str, Any]] = {
    "resolution": {"type": click.IntRange(min=8), "default": 64, "help": "Side of the images in pixels."},
    "channel_base": {"type": _COUNT, "default": 4096, "help": "Feature maps at resolution R, times R."},
    "channel_max": {"type": _COUNT, "default": 128, "help": "Maximum number of feature maps per layer."},
    "map_layers": {"type": _COUNT, "default": 2, "help": "Layers of the mapping network."},
    "w_dim": {"type": _COUNT, "default": 512, "help": "Length of z and w."},
    "batch": {"type": _COUNT, "default": 16, "help": "Images per batch."},
    "batch_gpu": {"type": _COUNT, "help": "Images per micro-batch.  [default: the batch]"},
    "augment_p": {"type": click.FloatRange(0, ADA_CAP), "default": 0.2, "help": "Augmentation probability."},
    "device": {"default": "auto", "help": "auto, cpu, cuda or cuda:N."},
    "precision": {
        "type": click.Choice(OPTIONS["precision"].choices),
        "default": "fp32",
        "help": "Arithmetic of the networks.",
    },
    "repeats": {"type": _COUNT, "default": 9, "help": "Repetitions; the median counts."},
    "kernels": {
        "type": click.Choice(("on", "off")),
        "default": "on",
        "callback": lambda context, parameter, value: value == "on",
        "help": "off: plain PyTorch, without fused kernels.",
    },
}
_NETWORK = "resolution channel_base channel_max map_layers w_dim batch"
_TRAINING = f"{_NETWORK} batch_gpu augment_p device precision kernels"


def _shared(names: str, **defaults: Any) -> Callable[[Any], Any]:
    """The options of these names, some with other defaults than usual."""

    def decorate(function: Any) -> Any:
        for name in reversed(names.split()):
            settings = dict(_SHARED[name])
            if name in defaults:
                settings["default"] = defaults[name]
            function = click.option(f"--{name.replace('_', '-')}", **settings)(function)
        return function

    return decorate


def _print(result: dict[str, Any]) -> None:
    click.echo(json.dumps(result, indent=2))


@click.group(cls=Group, context_settings={"show_default": True})
def bench() -> None:
    """Measure speed and memory on this machine. Each benchmark prints one JSON object."""


@bench.command()
@_shared(_TRAINING)
@click.option("--cycles", type=_COUNT, default=1, help="Cycles of 16 iterations, after 3 for warm-up.")
@click.option("--iterations", type=_COUNT, help="Run this many iterations instead, without warm-up.")
@click.option(
    "--beside",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Measure again beside N busy loops of one thread each, and report the ratio.",
)
@click.option(
    "--beside-trainings",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Measure again beside N more trainings like this one.",
)
def train(cycles: int, iterations: int | None, beside: int, beside_trainings: int, **workload: Any) -> None:
    """Time training iterations on pictures of noise: s/kimg, seconds by phase, peak memory.

    achieved_gflops is the rate of training; convolution_gflops is that of the same convolutions alone.
    """
    from stylegan_pokemon.bench.train import bench_train
    from stylegan_pokemon.bench.workload import Workload

    _print(bench_train(Workload(**workload), cycles, iterations, beside, beside_trainings))


@bench.command()
@_shared(_TRAINING, device="cpu")
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

    _print(bench_memory(Workload(**workload), recompute, rounds))


@bench.command()
@click.option("--source", type=PathType(), help="Sprites to convert.  [default: forged ones]")
@_shared("resolution repeats", resolution=512, repeats=3)
def convert(source: Path | None, resolution: int, repeats: int) -> None:
    """Time `dataset_tool convert` against a bare loop that decodes, resizes and encodes."""
    from stylegan_pokemon.bench.convert import bench_convert

    _print(bench_convert(source, resolution, repeats))


@bench.command()
@_shared("resolution batch precision device repeats kernels")
@click.option("--channels", type=_COUNT, default=64, help="Channels of the images.")
def ops(**options: Any) -> None:
    """Time every operation forward, backward and twice backward, beside plain PyTorch and a copy."""
    from stylegan_pokemon.bench.ops import bench_ops

    _print(bench_ops(**options))


@bench.command()
@_shared(f"{_NETWORK} repeats device kernels", channel_max=512, map_layers=8, repeats=5)
def generate(repeats: int, **workload: Any) -> None:
    """Count pictures per second of a generator of random weights, in float32 with constant noise."""
    from stylegan_pokemon.bench.generate import bench_generate
    from stylegan_pokemon.bench.workload import Workload

    _print(bench_generate(Workload(**workload), repeats))


@bench.command()
@click.option("--data", type=PathType(), help="A dataset zip.  [default: 256 pictures of noise]")
@_shared("resolution batch")
@click.option("--batches", type=_COUNT, default=50, help="Batches to read.")
def data(**options: Any) -> None:
    """Count pictures per second that training can read, from memory and from the zip."""
    from stylegan_pokemon.bench.data import bench_data

    _print(bench_data(**options))
