"""truncation.png of a run: what its best snapshot draws, from the average picture to an exaggeration."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import torch

from stylegan_pokemon.devices import is_shortage
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.images import save_png
from stylegan_pokemon.render.source import Source, load_source
from stylegan_pokemon.render.sweep import sweep_sheet
from stylegan_pokemon.training.best import Best

FILE = "truncation.png"  # in the run directory
_SEEDS = range(8)  # as `generate.py sweep`


def write_sheet(run: Path, source: Source, echo: Callable[[str], None]) -> None:
    """Draw the sheet of a generator. A sheet that does not succeed is a note: training goes on without it."""
    try:
        save_png(run / FILE, sweep_sheet(source, _SEEDS, source.labels(_SEEDS, None)))
    except (UserError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not is_shortage(error):
            raise
        echo(f"note: {FILE} was not refreshed: {error}")


def refresh_sheet(run: Path, best: Best | None, device: torch.device, echo: Callable[[str], None]) -> None:
    """After a run went back: draw the sheet of what is the best snapshot again, or remove it."""
    path = run / "snapshots" / best.snapshot if best else None
    if path is not None and path.is_file():
        try:
            write_sheet(run, load_source(path, device), echo)
            return
        except UserError as error:
            echo(f"note: {FILE} was not refreshed: {error}")
    with contextlib.suppress(OSError):
        (run / FILE).unlink()
