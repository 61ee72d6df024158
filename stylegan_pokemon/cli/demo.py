"""`python -m stylegan_pokemon demo`: the main job on embedded defaults, from nothing to GIFs in minutes."""

from __future__ import annotations

import time
from pathlib import Path

import click

from stylegan_pokemon.cli.errors import Command

_SWEEP_SEEDS = "0-7"
_LOOP_SEEDS = "1,3,4,6"
_TICKS = 12
_SNAP = 4  # so that three snapshots are measured, which takes a quarter of a minute of the demo's five
_METRICS_NUM = 200


@click.command(cls=Command, context_settings={"show_default": True})
@click.option("--kimg", type=float, default=5.0, help="Length of the fine-tuning.")
@click.option("--outdir", default="runs", metavar="DIR", help="Where the run directory is made.")
def demo(kimg: float, outdir: str) -> None:
    """Fine-tune the embedded crayon checkpoint to forged sprites at 64×64, then render what people keep.

    Leaves a run directory with a progression GIF, a truncation sheet, an interpolation GIF and pictures.
    """
    from stylegan_pokemon.cli.forged import forged_dataset
    from stylegan_pokemon.cli.generate import main as generate
    from stylegan_pokemon.report import write_report
    from stylegan_pokemon.training.resolve import Options
    from stylegan_pokemon.training.session import finetune

    started = time.monotonic()
    options = Options(
        outdir=outdir, kimg=kimg, tick=max(kimg / _TICKS, 0.1), snap=_SNAP, metrics_num=_METRICS_NUM
    )
    run = finetune(options, forged_dataset, click.echo, on_tick=write_report)
    assert run is not None  # only a dry run has none
    network = ["--network", str(run)]
    for command in (
        ["--seeds", "0-31", "--trunc", "0.7", *network],
        ["sweep", "--seeds", _SWEEP_SEEDS, *network],
        ["interpolate", "--seeds", _LOOP_SEEDS, "--trunc", "0.8", *network],
    ):
        generate(command, standalone_mode=False)
    click.echo(f"\ndemo done in {time.monotonic() - started:.0f} s; look at")
    for path in [run / "report.html", run / "progression.gif", *_pictures(Path(run) / "generated")]:
        click.echo(f"  {path}")


def _pictures(folder: Path) -> list[Path]:
    """What generate.py wrote for keeping: grids, sheets and films, not the single pictures."""
    kept = [p for p in folder.rglob("*") if p.suffix in (".png", ".gif") and not p.name.startswith("seed")]
    return sorted(kept)
