"""`python -m stylegan_pokemon bench …`: argument parsing of the benchmarks; each prints one JSON object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stylegan_pokemon.cli.errors import Group
from stylegan_pokemon.training.settings.options import OPTIONS

_PRECISIONS = OPTIONS["precision"].choices

_BASELINE = click.option(
    "--baseline",
    type=click.Choice(("none", "plain")),
    default="none",
    help="plain: the same through plain PyTorch, without our kernels.",
)


@click.group(cls=Group)
def bench() -> None:
    """Measure speed and memory on this machine. Each benchmark prints one JSON object."""


@bench.command(context_settings={"show_default": True})
@click.option("--resolution", type=click.IntRange(min=1), default=64)
@click.option(
    "--channel-base",
    type=click.IntRange(min=1),
    default=4096,
    help="Feature maps at resolution r are channel-base/r …",
)
@click.option("--channel-max", type=click.IntRange(min=1), default=128, help="… and at most this.")
@click.option("--map-layers", type=click.IntRange(min=1), default=2, help="Layers of the mapping network.")
@click.option("--w-dim", type=click.IntRange(min=1), default=512, help="Length of z and w.")
@click.option("--batch", type=click.IntRange(min=1), default=16)
@click.option("--batch-gpu", type=click.IntRange(min=1), help="Micro-batch.  [default: the batch]")
@click.option("--augment-p", type=click.FloatRange(0, 0.85), default=0.2, help="ADA probability (bgc).")
@click.option(
    "--cycles",
    type=click.IntRange(min=1),
    default=1,
    help="Whole cycles of 16 iterations, after three warm-up iterations.",
)
@click.option(
    "--iterations",
    type=click.IntRange(min=1),
    help="Instead: that many iterations from the first, without warm-up.",
)
@click.option("--device", default="auto")
@click.option("--precision", type=click.Choice(_PRECISIONS), default="fp32")
@_BASELINE
@click.option(
    "--beside",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Measure alone, then beside N busy loops of one thread each, and report the ratio.",
)
@click.option(
    "--beside-trainings",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="The same beside N more trainings like this one.",
)
def train(**options: Any) -> None:
    """Training iterations on random pictures: s/kimg, seconds by phase, peak memory.

    Beside achieved_gflops stands what this machine reaches when it computes the same convolutions alone.
    """
    from stylegan_pokemon.bench.train import bench_train

    click.echo(json.dumps(bench_train(**options), indent=2))


@bench.command(context_settings={"show_default": True})
@click.option("--resolution", type=click.IntRange(min=8), default=64)
@click.option("--channel-base", type=click.IntRange(min=1), default=4096)
@click.option("--channel-max", type=click.IntRange(min=1), default=128)
@click.option("--map-layers", type=click.IntRange(min=1), default=2)
@click.option("--w-dim", type=click.IntRange(min=1), default=512)
@click.option("--batch", type=click.IntRange(min=1), default=16)
@click.option("--batch-gpu", type=click.IntRange(min=1), help="Micro-batch.  [default: the batch]")
@click.option(
    "--recompute",
    type=click.IntRange(min=0),
    default=0,
    help="Recompute blocks from this resolution up; 0: none.",
)
@click.option("--augment-p", type=click.FloatRange(0, 0.85), default=0.2, help="ADA probability (bgc).")
@click.option("--rounds", type=click.IntRange(min=1), default=2, help="Iterations with all four phases.")
@click.option("--device", default="cpu", help="On a card that nothing else uses.")
@click.option("--precision", type=click.Choice(_PRECISIONS), default="fp32")
@_BASELINE
def memory(**options: Any) -> None:
    """The memory plan, and what a process that trains really takes: bytes, by part."""
    from stylegan_pokemon.bench.memory import bench_memory

    click.echo(json.dumps(bench_memory(**options), indent=2))


@bench.command(context_settings={"show_default": True})
@click.option("--source", type=click.Path(path_type=Path), help="Sprites to convert.  [default: forged ones]")
@click.option("--resolution", type=click.IntRange(min=1), default=512)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=3,
    help="Runs of either side, in turn; the medians count.",
)
def convert(source: Path | None, resolution: int, repeats: int) -> None:
    """`dataset_tool convert` against a bare two-process loop that decodes, resizes and encodes."""
    from stylegan_pokemon.bench.convert import bench_convert

    click.echo(json.dumps(bench_convert(source, resolution, repeats), indent=2))


@bench.command(context_settings={"show_default": True})
@click.option("--resolution", type=click.IntRange(min=4), default=64, help="Side of the images in pixels.")
@click.option("--channels", type=click.IntRange(min=1), default=64)
@click.option("--batch", type=click.IntRange(min=1), default=16)
@click.option("--precision", type=click.Choice(("fp32", "bf16", "fp16")), default="fp32")
@click.option("--device", default="auto")
@click.option("--repeats", type=click.IntRange(min=1), default=9, help="The median counts.")
@_BASELINE
def ops(**options: Any) -> None:
    """Every operation forward, backward and twice backward, beside plain PyTorch and a copy."""
    from stylegan_pokemon.bench.ops import bench_ops

    click.echo(json.dumps(bench_ops(**options), indent=2))


@bench.command(context_settings={"show_default": True})
@click.option("--resolution", type=click.IntRange(min=8), default=64)
@click.option("--channel-base", type=click.IntRange(min=1), default=4096)
@click.option("--channel-max", type=click.IntRange(min=1), default=512)
@click.option("--map-layers", type=click.IntRange(min=1), default=8)
@click.option("--w-dim", type=click.IntRange(min=1), default=512)
@click.option("--batch", type=click.IntRange(min=1), default=16)
@click.option("--repeats", type=click.IntRange(min=1), default=5, help="Batches; the median counts.")
@click.option("--device", default="auto")
@_BASELINE
def generate(**options: Any) -> None:
    """Pictures per second of a generator of random weights, float32, constant noise."""
    from stylegan_pokemon.bench.generate import bench_generate

    click.echo(json.dumps(bench_generate(**options), indent=2))


@bench.command(context_settings={"show_default": True})
@click.option(
    "--data", type=click.Path(path_type=Path), help="A dataset zip.  [default: 256 pictures of noise]"
)
@click.option("--resolution", type=click.IntRange(min=8), default=64, help="Of the pictures of noise.")
@click.option("--batch", type=click.IntRange(min=1), default=16)
@click.option("--batches", type=click.IntRange(min=1), default=50)
@click.option(
    "--baseline",
    type=click.Choice(["none", "plain"]),
    default="none",
    help="plain: with PyTorch's DataLoader and Pillow instead of our data set.",
)
def data(**options: Any) -> None:
    """Pictures per second that training can read, from memory and from the zip. See `convert` too."""
    from stylegan_pokemon.bench.data import bench_data

    click.echo(json.dumps(bench_data(**options), indent=2))
