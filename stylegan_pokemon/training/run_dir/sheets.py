"""Sheets of a run: what its best snapshot draws from the average picture to an exaggeration, and what its
newest one draws on the way from the start of fine-tuning to its end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from stylegan_pokemon.devices import is_shortage
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.images import save_png
from stylegan_pokemon.render.loaded import LoadedGenerator, load_generator
from stylegan_pokemon.render.pictures import RenderOptions
from stylegan_pokemon.render.sweep import adaptation_sheet, sweep_sheet
from stylegan_pokemon.training.run_dir.best import Best

FILE = "truncation.png"  # in the run directory
ADAPTATION_FILE = "adaptation.png"
_SEEDS = range(8)  # as `generate.py sweep`
_LOOK = RenderOptions(0.7)  # of adaptation.png: what most people draw with


def write_sheet(run: Path, source: LoadedGenerator, echo: Callable[[str], None]) -> None:
    """Draw truncation.png of a generator."""
    _write(run / FILE, lambda: sweep_sheet(source, _SEEDS, source.labels(_SEEDS, None)), echo)


def write_adaptation_sheet(run: Path, source: LoadedGenerator, echo: Callable[[str], None]) -> None:
    """Draw adaptation.png of a source with `ends`."""
    labels = source.labels(_SEEDS, None)
    _write(run / ADAPTATION_FILE, lambda: adaptation_sheet(source, _SEEDS, labels, _LOOK), echo)


def _write(path: Path, draw: Callable[[], np.ndarray], echo: Callable[[str], None]) -> None:
    """A sheet that does not succeed is a note: training goes on without it."""
    try:
        save_png(path, draw())
    except (UserError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not is_shortage(error):
            raise
        echo(f"note: {path.name} was not refreshed: {error}")


def refresh_sheet(run: Path, best: Best | None, device: torch.device, echo: Callable[[str], None]) -> None:
    """After a run went back: draw the sheet of what is the best snapshot again, or remove it."""
    path = run / "snapshots" / best.snapshot if best else None
    if path is not None and path.is_file():
        try:
            write_sheet(run, load_generator(path, device), echo)
            return
        except UserError as error:
            echo(f"note: {FILE} was not refreshed: {error}")
    with contextlib.suppress(OSError):
        (run / FILE).unlink()
