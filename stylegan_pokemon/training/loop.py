"""The loop over ticks: what is shown, saved and recovered while the trainer works."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from stylegan_pokemon.checkpoint import Networks, save
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import write_json, write_text
from stylegan_pokemon.randomness import generator as derived
from stylegan_pokemon.render.images import fakes_grid, grid, grid_shape, save_png
from stylegan_pokemon.render.progression import progression_from_fakes
from stylegan_pokemon.training.config import TrainingConfig
from stylegan_pokemon.training.machine import peak_memory
from stylegan_pokemon.training.state import generations, load_state, save_state
from stylegan_pokemon.training.trainer import NonFiniteError, Trainer

_MAX_FAILURES = 3  # non-finite losses in a row before a run gives up


@dataclass
class Progress:
    """The loop's own counters, part of the saved state."""

    tick: int = 0
    seconds: float = 0.0  # spent training in all sessions
    at_tick: int = 0  # pictures shown when the current tick began


def train(trainer: Trainer, run: Path, echo: Callable[[str], None], show_bar: bool = True) -> None:
    """Train until the configured number of pictures, writing into the run directory `run`.

    A run that holds a state goes on from it; otherwise the start is written first. Everything is written at
    ticks, each file whole or not at all. Raises UserError when the run keeps diverging or the disk is full.
    """
    config = trainer.config
    board = _Board(trainer, run)
    if generations(run / "state"):
        progress, warning = _restore(trainer, run)
        if trainer.images_shown >= round(config.kimg * 1000) + config.batch:
            done = trainer.images_shown / 1000
            raise UserError(f"--kimg {config.kimg:g}: {run} has trained {done:g} kimg already; give more")
        echo(f"continuing at {trainer.images_shown / 1000:g} kimg, tick {progress.tick}" + (warning or ""))
        write_json(run / "config.json", config.to_json())
    else:
        progress = Progress()
        board.write_start()
        save_state(run / "state", trainer, 0, 0.0)
        write_json(run / "config.json", config.to_json())  # last: a folder with it is a run with a state
    total = round(config.kimg * 1000)
    failures = 0
    while trainer.images_shown < total:
        goal = min(progress.at_tick + max(round(config.tick_kimg * 1000), 1), total)
        started = time.perf_counter()
        try:
            warnings = _run_tick(trainer, goal, show_bar, progress.tick)
        except NonFiniteError as error:
            failures += 1
            at = trainer.images_shown
            if failures == _MAX_FAILURES:
                raise UserError(f"{error} for the third time in a row; {_advice(run, config)}") from error
            progress, warning = _restore(trainer, run)
            trainer.retry = failures
            echo(
                f"{error} at {at / 1000:g} kimg; going back to"
                f" {trainer.images_shown / 1000:g} kimg for try {failures + 1}" + (warning or "")
            )
            trainer.statistics.means()
            trainer.phase_seconds.clear()
            continue
        except torch.OutOfMemoryError as error:
            raise UserError(_smaller(run, config)) from error
        failures = trainer.retry = 0
        spent = time.perf_counter() - started
        progress.seconds += spent
        progress.tick += 1
        for warning in warnings:
            echo(f"note: {warning}")
        shown = trainer.images_shown - progress.at_tick
        progress.at_tick = trainer.images_shown
        board.write_tick(progress, spent, shown, last=trainer.images_shown >= total, echo=echo)
        save_state(run / "state", trainer, progress.tick, progress.seconds)


def kimg_name(images_shown: int, config: TrainingConfig) -> str:
    """The kimg as it stands in file names: six digits, and three decimals unless all ticks are whole kimg."""
    if float(config.tick_kimg).is_integer() and float(config.kimg).is_integer():
        return f"{images_shown // 1000:06d}"
    return f"{images_shown / 1000:010.3f}"


def _restore(trainer: Trainer, run: Path) -> tuple[Progress, str | None]:
    """Put the newest good state into the trainer; returns the loop's counters and a warning."""
    tick, seconds, warning = load_state(run / "state", trainer)
    _forget_after(run, trainer.images_shown)
    return Progress(tick, seconds, trainer.images_shown), warning and f"; {warning}"


def _advice(run: Path, config: TrainingConfig) -> str:
    snapshots = sorted((run / "snapshots").glob("*.safetensors"))
    resume = f"--resume {snapshots[-1]} " if snapshots else ""
    gentler = f"--lr {config.lr / 2:g} --gamma {max(config.r1_gamma * 2, 0.1):g}"
    return f"start again more gently, for example with {resume}--data {config.data} {gentler}"


def _smaller(run: Path, config: TrainingConfig) -> str:
    """What to do when the device has too little memory for a micro-batch."""
    held = f"the device has too little memory for --batch-gpu {config.batch_gpu}"
    smaller = next((n for n in range(config.batch_gpu - 1, 0, -1) if config.batch % n == 0), None)
    if smaller is None:
        return f"{held}; use smaller networks (--channel-base, with --resume none) or --device cpu"
    snapshots = sorted((run / "snapshots").glob("*.safetensors"))
    resume = f" --resume {snapshots[-1]}" if snapshots else ""
    return (
        f"{held}; start again with --batch-gpu {smaller}{resume} and your other options: the batch stays"
        f" {config.batch}, the results nearly the same"
    )


def _run_tick(trainer: Trainer, goal: int, show_bar: bool, tick: int) -> list[str]:
    warnings = []
    batch = trainer.config.batch
    iterations = -(-(goal - trainer.images_shown) // batch)
    # `disable=None` hides the bar where nobody watches (no terminal).
    with tqdm(total=iterations * batch, desc=f"tick {tick + 1}", unit="img", leave=False,
              disable=None if show_bar else True) as bar:  # fmt: skip
        for _ in range(iterations):
            warning = trainer.iteration()
            if warning:
                warnings.append(warning)
            bar.update(batch)
    return warnings


class _Board:
    """Everything a run directory shows: fixed latents and what is rendered and written from them."""

    def __init__(self, trainer: Trainer, run: Path) -> None:
        self.trainer, self.run, self.config = trainer, run, trainer.config
        self.columns, rows = grid_shape(self.config.img_resolution)
        n = self.columns * rows
        self.z = torch.randn(n, trainer.G.z_dim, generator=derived(self.config.seed, "grid"))
        self.z = self.z.to(trainer.device)
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
        """Grid, snapshot, GIF, one line of stats.jsonl, one line on the console."""
        started = time.perf_counter()
        self._write_fakes()
        name = kimg_name(self.trainer.images_shown, self.config)
        if last or progress.tick % self.config.snap == 0:
            save(self.run / "snapshots" / f"{name}.safetensors", self.networks())
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
        except UserError as error:  # open in a spreadsheet, say: not worth a tick of training
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


def _forget_after(run: Path, images_shown: int) -> None:
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
