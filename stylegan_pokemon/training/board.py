"""What a run directory shows of its training: grids, snapshots, statistics, and a line on the console."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegan_pokemon.checkpoint import Networks, augment_pipe, save
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import write_text
from stylegan_pokemon.render.images import fakes_grid, grid, grid_shape, save_png
from stylegan_pokemon.render.latents import seed_latents
from stylegan_pokemon.render.progression import progression_from_fakes
from stylegan_pokemon.training.config import TrainingConfig
from stylegan_pokemon.training.machine import peak_memory
from stylegan_pokemon.training.state import Progress
from stylegan_pokemon.training.trainer import Trainer


def kimg_name(images_shown: int, config: TrainingConfig) -> str:
    """The kimg as it stands in file names: six digits, and three decimals unless all ticks are whole kimg."""
    if float(config.tick_kimg).is_integer() and float(config.kimg).is_integer():
        return f"{images_shown // 1000:06d}"
    return f"{images_shown / 1000:010.3f}"


class Board:
    """Everything a run directory shows: fixed latents and what is rendered and written from them."""

    def __init__(self, trainer: Trainer, run: Path) -> None:
        self.trainer, self.run, self.config = trainer, run, trainer.config
        self.columns, rows = grid_shape(self.config.img_resolution)
        n = self.columns * rows
        # Of generate.py's seeds 0, 1, …: each picture can be made again, and grids of two runs be compared.
        self.z = seed_latents(range(n), trainer.G.z_dim, trainer.device)
        self.items = np.resize(
            np.random.RandomState(self.config.seed % 2**32).permutation(len(trainer.dataset)), n
        )
        self.c: torch.Tensor | None = None
        if self.config.classes:
            # One class a row, in turn: what a class means can be read across.
            rows_of = torch.arange(n) // self.columns % len(self.config.classes)
            self.c = torch.nn.functional.one_hot(rows_of, len(self.config.classes)).float().to(trainer.device)

    def write_start(self) -> None:
        """reals.png and the grid before training."""
        (self.run / "snapshots").mkdir(exist_ok=True)
        reals = self.trainer.dataset.images(self.items).permute(0, 2, 3, 1).numpy()
        save_png(self.run / "reals.png", grid(list(reals), self.columns))
        self._write_fakes()

    def write_tick(
        self, progress: Progress, spent: float, shown: int, last: bool, echo: Callable[[str], None]
    ) -> None:
        """Grid, snapshot, GIF, one line of stats.jsonl, one line on the console.

        A snapshot is noted in `progress`. Raises UserError when one of them cannot be written.
        """
        started = time.perf_counter()
        self._write_fakes()
        name = kimg_name(self.trainer.images_shown, self.config)
        if last or progress.tick % self.config.snap == 0:
            save(self.run / "snapshots" / f"{name}.safetensors", self.networks())
            progress.snapshots[f"{name}.safetensors"] = progress.tick
        try:
            progression_from_fakes(self.run)
        except UserError as error:  # a damaged old picture must not end a run that trains well
            echo(f"note: progression.gif was not refreshed: {error}")
        means = self.trainer.statistics.means()
        record: dict[str, Any] = {
            "tick": progress.tick,
            "kimg": self.trainer.images_shown / 1000,
            "p": self.trainer.ada.p if self.config.aug != "noaug" else 0.0,
            "r_t": means.get("signs/real"),
            **means,
            "seconds": progress.seconds,
            "sec_per_kimg": spent / shown * 1000,
            "sec_of_phases": dict(self.trainer.phase_seconds),
            "sec_of_tick_work": time.perf_counter() - started,
            "peak_memory_bytes": peak_memory(self.trainer.device),
        }
        self.trainer.phase_seconds.clear()
        try:
            _append_stats(self.run / "stats.jsonl", record)
        except UserError as error:
            if not isinstance(error.__cause__, PermissionError):
                raise
            # Open in a spreadsheet, say: not worth a tick of training.
            echo(f"note: this tick is missing from stats.jsonl: {error}")
        remaining = (self.config.kimg - record["kimg"]) * record["sec_per_kimg"]
        echo(tick_line(record, remaining))

    def networks(self) -> Networks:
        """The networks as a snapshot holds them."""
        trainer, config = self.trainer, self.config
        description = {
            "generator": config.generator,
            "discriminator": config.discriminator,
            "classes": list(config.classes),
            "kimg": trainer.images_shown / 1000,
            "data": Path(config.data).name,
            "data_sha256": config.data_sha256,
            "start": config.start,
        }
        if config.aug != "noaug":
            description[augment_pipe.KEY] = augment_pipe.settings_of_set(config.augpipe)
        p = trainer.ada.p if config.aug != "noaug" else 0.0
        return Networks(trainer.G, trainer.D, trainer.G_ema, p, description, f"run {self.run.name}")

    def _write_fakes(self) -> None:
        name = kimg_name(self.trainer.images_shown, self.config)
        picture = fakes_grid(self.trainer.G_ema, self.z, self.c, self.columns)
        save_png(self.run / f"fakes{name}.png", picture)


def tick_line(record: dict[str, Any], remaining: float) -> str:
    """One tick in one line."""
    loss_d = record["loss/D_fake"] + record["loss/D_real"]
    return (
        f"tick {record['tick']:<4} kimg {record['kimg']:<8g} time {_duration(record['seconds']):<8} "
        f"s/kimg {record['sec_per_kimg']:<7.1f} ETA {_duration(remaining):<8} "
        f"mem {record['peak_memory_bytes'] / 2**30:.1f}G  p {record['p']:.3f}  "
        f"loss G {record['loss/G']:.2f} D {loss_d:.2f}  r_t {record['r_t']:+.2f}"
    )


def _duration(seconds: float) -> str:
    seconds = max(round(seconds), 0)
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days}d{hours:02d}h"
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{seconds % 60:02d}s"


def _append_stats(path: Path, record: dict[str, Any]) -> None:
    """Add one line; the whole file is rewritten, so that a crash leaves no half line."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    write_text(path, "\n".join([*lines, json.dumps(record)]) + "\n")


def forget_after(run: Path, images_shown: int) -> None:
    """Drop the stats lines of ticks that the state does not know: they are about to be repeated."""
    path = run / "stats.jsonl"
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if _pictures(line) <= images_shown]
        write_text(path, "".join(line + "\n" for line in kept))


def _pictures(line: str) -> float:
    """Pictures shown at a line of stats.jsonl; infinity for a line that somebody damaged."""
    try:
        return round(json.loads(line)["kimg"] * 1000)
    except (ValueError, KeyError, TypeError):
        return math.inf
