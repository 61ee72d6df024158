"""What a run directory shows of its training: grids, snapshots, statistics, and a line on the console."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegan_pokemon.checkpoint import Networks, save
from stylegan_pokemon.checkpoint.networks import STARTS
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.images import fakes_grid, grid, grid_shape, save_png, without_alpha
from stylegan_pokemon.render.latents import seed_latents
from stylegan_pokemon.render.loaded import LoadedGenerator
from stylegan_pokemon.render.progression import progression_from_fakes
from stylegan_pokemon.render.rows import classes_of_rows
from stylegan_pokemon.training.machine import peak_memory
from stylegan_pokemon.training.run_dir.best import better, candidate_of, write_best
from stylegan_pokemon.training.run_dir.held_out import HeldOutProbe
from stylegan_pokemon.training.run_dir.measuring import Meter, metrics_line
from stylegan_pokemon.training.run_dir.sheets import (
    ADAPTATION_FILE,
    refresh_sheet,
    write_adaptation_sheet,
    write_sheet,
)
from stylegan_pokemon.training.run_dir.state import Progress
from stylegan_pokemon.training.run_dir.stats import append_stats, forget_after
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.systems.trainer import Trainer
from stylegan_pokemon.training.transfer.start import keep_start, kept_start


def kimg_name(images_shown: int, config: TrainingConfig) -> str:
    """The kimg as it stands in file names: six digits, and three decimals unless all ticks are whole kimg."""
    if float(config.tick_kimg).is_integer() and float(config.kimg).is_integer():
        return f"{images_shown // 1000:06d}"
    return f"{images_shown / 1000:010.3f}"


class TickWriter:
    """Writes what belongs to the start, the ticks and the end of a run.

    Args:
        heldout: pictures kept out of training, with which the discriminator is probed.
        meter: measures the snapshots; None measures none.
    """

    def __init__(
        self,
        trainer: Trainer,
        run: Path,
        echo: Callable[[str], None],
        heldout: SpriteDataset | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.trainer, self.run, self.config = trainer, run, trainer.config
        self.echo, self.meter = echo, meter
        self.probe = None if heldout is None else HeldOutProbe(trainer, heldout)
        self.columns, rows = grid_shape(self.config.img_resolution)
        n = self.columns * rows
        # Of generate.py's seeds 0, 1, …: each picture can be made again, and grids of two runs be compared.
        self.z = seed_latents(range(n), trainer.G.z_dim, trainer.device)
        self.c: torch.Tensor | None = None
        if self.config.classes:
            # One class a row: what a class means can be read across.
            shown = classes_of_rows(len(self.config.classes), self.config.class_sizes, rows)
            labels = torch.tensor(shown).repeat_interleave(self.columns)
            self.c = torch.nn.functional.one_hot(labels, len(self.config.classes)).float().to(trainer.device)
        self._said: set[str] = set()

    # ------------------------------------------------------ before the first tick

    def write_start(self) -> None:
        """reals.png, the grid, and the generator before training."""
        (self.run / "snapshots").mkdir(exist_ok=True)
        keep_start(self.run, self.trainer)
        n, dataset = len(self.z), self.trainer.dataset
        items = np.resize(np.random.RandomState(self.config.seed % 2**32).permutation(len(dataset)), n)
        save_png(self.run / "reals.png", without_alpha(grid(list(dataset.pictures(items)), self.columns)))
        self._write_grid()

    def restore(self, progress: Progress) -> None:
        """Drop what the files say of ticks that the state does not know: they are about to be repeated."""
        forget_after(self.run, self.trainer.images_shown)
        if write_best(self.run, progress.best):
            refresh_sheet(self.run, progress.best, self.trainer.device, self.echo)

    # --------------------------------------------------------------------- a tick

    def write_tick(self, progress: Progress, spent: float, shown: int, last: bool) -> None:
        """Grid, snapshot, GIF, metrics, a line of stats.jsonl, a line on the console; in this order.

        spent, shown: seconds and pictures since the last tick. A snapshot is noted in `progress`, and whether
        it is the best. Raises UserError when one of them cannot be written.
        """
        started = time.perf_counter()
        self._write_grid()  # first: the film is made of the grids
        name = None
        if last or progress.tick % self.config.snap == 0:
            name = self._write_snapshot(progress)
        self._write_film()
        record = self._record(progress) | {"sec_per_kimg": spent / shown * 1000}
        metrics = None if name is None or self.meter is None else self.meter.measure()
        if name is not None and metrics is not None:
            record["metrics"] = metrics
            self._judge(progress, metrics, name)  # after the snapshot is there: best.json names it
        record["sec_of_tick_work"] = time.perf_counter() - started
        record["peak_memory_bytes"] = peak_memory(self.trainer.device)
        try:
            append_stats(self.run, record)
        except UserError as error:
            if not isinstance(error.__cause__, PermissionError):  # another program has it open
                raise
            self.echo(f"note: this tick is missing from stats.jsonl: {error}")
        self.echo(tick_line(record, remaining=(self.config.kimg - record["kimg"]) * record["sec_per_kimg"]))
        if metrics is not None:
            is_best = progress.best is not None and progress.best.snapshot == name
            self.echo(metrics_line(metrics) + ("; the best so far" if is_best else ""))

    def write_end(self, progress: Progress) -> None:
        """What only a complete run has: without a best snapshot, a truncation sheet of the last one."""
        if (self.run / ADAPTATION_FILE).is_file():
            self.echo(
                f"{self.run / ADAPTATION_FILE} shows networks between the start (0) and the end (1) of this"
                " run; generate.py --adaptation 0.5 draws with the one halfway"
            )
        if progress.best is None and progress.snapshots:
            write_sheet(self.run, self._source(max(progress.snapshots)), self.echo)

    def _write_grid(self) -> None:
        picture = fakes_grid(self.trainer.G_ema, self.z, self.c, self.columns)
        save_png(self.run / f"fakes{kimg_name(self.trainer.images_shown, self.config)}.png", picture)

    def _write_snapshot(self, progress: Progress) -> str:
        """The snapshot and, where the run has a start, what lies between start and snapshot; its name."""
        name = f"{kimg_name(self.trainer.images_shown, self.config)}.safetensors"
        start = kept_start(self.run, self.config, self._say_once)
        networks = self.networks(start)
        save(self.run / "snapshots" / name, networks)
        progress.snapshots[name] = progress.tick
        if start is not None:
            source = dataclasses.replace(self._source(name), ends=networks.ends())
            write_adaptation_sheet(self.run, source, self.echo)
        return name

    def _write_film(self) -> None:
        try:
            progression_from_fakes(self.run)
        except UserError as error:  # a damaged old picture must not end a run that trains well
            self.echo(f"note: progression.gif was not refreshed: {error}")

    def _record(self, progress: Progress) -> dict[str, Any]:
        """The tick's line of stats.jsonl so far; the trainer's statistics and timers begin anew."""
        trainer, means = self.trainer, self.trainer.statistics.means()
        record = {
            "tick": progress.tick,
            "kimg": trainer.images_shown / 1000,
            "p": trainer.p,
            "r_t": means.get("signs/real"),
            **(means if self.probe is None else self.probe.figures(means)),
            "seconds": progress.seconds,
            "sec_of_phases": dict(trainer.phase_seconds),
        }
        trainer.phase_seconds.clear()
        return record

    def _judge(self, progress: Progress, metrics: dict[str, Any], name: str) -> None:
        """Decide whether a measured snapshot is the best so far; if so write best.json and truncation.png."""
        before = progress.best
        candidate = candidate_of(metrics, name, progress.tick, self.trainer.images_shown / 1000)
        progress.best, progress.least = better(before, progress.least, candidate)
        waiting = before is not None and progress.best == before  # patience begins with a first best
        progress.unimproved = progress.unimproved + 1 if waiting else 0
        if progress.best != before:
            write_sheet(self.run, self._source(name), self.echo)
            write_best(self.run, progress.best)

    # -------------------------------------------------------------------- helpers

    def networks(self, start: Networks | None) -> Networks:
        """The networks as a snapshot holds them, with those of `start`."""
        trainer, config = self.trainer, self.config
        description = {
            "generator": config.generator,
            "discriminator": config.discriminator,
            "classes": list(config.classes),
            "class_sizes": list(config.class_sizes),
            "kimg": trainer.images_shown / 1000,
            "data": Path(config.data).name,
            "data_sha256": config.data_sha256,
            "start": config.start,
            **({"holdout": config.holdout, "seed": config.seed} if config.holdout else {}),
            **trainer.snapshot_settings(),
        }
        starts = {} if start is None else {name: getattr(start, name) for name in STARTS}
        own = (trainer.G, trainer.D, trainer.G_ema, trainer.p)
        return Networks(*own, description, f"run {self.run.name}", **starts)

    def _source(self, name: str) -> LoadedGenerator:
        """The averaged generator as it is now, under the name of its snapshot."""
        path = self.run / "snapshots" / name
        classes, sizes = self.config.classes or None, self.config.class_sizes
        return LoadedGenerator(self.trainer.G_ema, path, self.trainer.device, classes, sizes)

    def _say_once(self, note: str) -> None:
        if note not in self._said:
            self._said.add(note)
            self.echo(note)


def tick_line(record: dict[str, Any], remaining: float) -> str:
    """One tick in one line; remaining: seconds until the end of the run."""
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
