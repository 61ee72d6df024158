"""`python -m stylegan_pokemon demo`: the main job on embedded defaults, from nothing to GIFs in minutes."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from pathlib import Path

import click

from dataset_tool.parameters import path_or_name
from stylegan_pokemon.cli.errors import Command

_START = "creatures64"  # the embedded checkpoint that 64×64 starts from
_LOOK = ("--seeds", "0-31", "--trunc", "0.7")
_PLAIN = (*_LOOK, "--refine", "0")  # before and after training: the same seeds, to compare
_SWEEP_SEEDS = "0-7"
_LOOP_SEEDS = "1,3,4,6"
_MINUTES = 4.0  # of training
_SNAP = 4  # ticks of twelve: three snapshots are measured, which takes a quarter of a minute
_METRICS_NUM = 200
_LEAST_TICKS = 6  # however short: frames of the progression
_NEXT = (
    "python -m dataset_tool convert my_sprites/ my64.zip --resolution 64",
    "python finetune.py --data my64.zip --mirror --kimg 40",
    "python generate.py --trunc 0.7",
)


@click.command(cls=Command, context_settings={"show_default": True})
@click.option(
    "--kimg",
    type=float,
    help="Length of the training, in kimg.  [default: about four minutes on this machine, at least 1]",
)
@click.option(
    "--outdir", type=path_or_name, default="runs", metavar="DIR", help="Where the run directory is made."
)
def demo(kimg: float | None, outdir: str) -> None:
    """Fine-tune the embedded checkpoint on drawn woodcuts at 64×64, then make pictures and films.

    After seconds, pictures of the untouched checkpoint are in DIR/creatures64. After training, the run
    directory holds a report, a progression GIF, a truncation sheet, an interpolation GIF and pictures.
    """
    from stylegan_pokemon.checkpoint.zoo import embedded_file
    from stylegan_pokemon.cli.forged import forged_dataset
    from stylegan_pokemon.cli.generate import main as generate
    from stylegan_pokemon.ops.backend import using
    from stylegan_pokemon.report import write_report
    from stylegan_pokemon.training.planning.length import TICKS
    from stylegan_pokemon.training.session import finetune
    from stylegan_pokemon.training.settings.check import check
    from stylegan_pokemon.training.settings.options import Options

    started = time.monotonic()
    options = Options(outdir=outdir, snap=_SNAP, metrics_num=_METRICS_NUM)
    if kimg is not None:
        tick = max(kimg / TICKS, min(kimg / _LEAST_TICKS, 0.1), 0.001)
        options = dataclasses.replace(options, kimg=kimg, tick=tick)
        check(options)
    before = Path(outdir) / _START
    network = ["--network", str(embedded_file(f"{_START}.safetensors"))]
    with using(None):  # else compiling the kernels would come first
        generate([*_PLAIN, *network, "--outdir", str(before)], standalone_mode=False)
    click.echo(
        "Above: 32 creatures of the checkpoint before any training. Fine-tuning to woodcuts begins now.\n"
    )
    minutes = _MINUTES if kimg is None else None
    run = finetune(options, forged_dataset, click.echo, on_tick=write_report, minutes=minutes)
    assert run is not None  # only a dry run has none
    network = ["--network", str(run)]
    for command in (
        [*_PLAIN, *network],
        [*_LOOK, *network],
        ["sweep", "--seeds", _SWEEP_SEEDS, *network],
        ["interpolate", "--seeds", _LOOP_SEEDS, "--trunc", "0.8", *network],
    ):
        generate(command, standalone_mode=False)
    click.echo(f"\nThe demo is done, in {time.monotonic() - started:.0f} s. It made")
    for words, path in _kept(before, Path(run)):
        click.echo(f"  {words}\n    {path}")
    click.echo("\nNext, with your own sprites:")
    if os.environ.get("VIRTUAL_ENV") != sys.prefix != sys.base_prefix:  # not activated, as `make` runs it
        where = Path(sys.prefix)
        where = where.relative_to(Path.cwd()) if where.is_relative_to(Path.cwd()) else where
        windows = sys.platform == "win32"
        click.echo(f"  {where}\\Scripts\\activate" if windows else f"  . {where}/bin/activate")
    for line in _NEXT:
        click.echo(f"  {line}")


def _kept(before: Path, run: Path) -> list[tuple[str, Path]]:
    """What is there to look at, in words: the single pictures of seeds apart."""
    made = run / "generated"
    kinds = {
        "32 creatures of the checkpoint, before training": before.glob("grid*.png"),
        "the same seeds over the training": [run / "progression.gif"],
        "the same 32 after training": made.rglob("psi0.7-refine0/grid*.png"),
        "32 new creatures: these seeds, refined by the discriminators": made.rglob("psi0.7/grid*.png"),
        "eight of them from their opposite to an exaggeration (truncation)": made.rglob("sweep*.png"),
        "eight of them on the way from the checkpoint to the woodcuts (adaptation)": [run / "adaptation.png"],
        "a film from seed to seed": made.rglob("interpolation*.gif"),
        "everything that training did, a page for a browser": [run / "report.html"],
    }
    return [(words, path) for words, paths in kinds.items() for path in sorted(paths)]
