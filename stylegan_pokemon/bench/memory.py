"""The memory plan against the truth: what a process that trains really takes, beside what was planned."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from stylegan_pokemon.bench.train import write_random_pictures
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.devices import prepare
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.ops.backend import kernels_for, using
from stylegan_pokemon.render.images import fakes_grid, grid_shape
from stylegan_pokemon.training.config import TrainingConfig
from stylegan_pokemon.training.machine import peak_memory, resolve_precision
from stylegan_pokemon.training.memory import GRID
from stylegan_pokemon.training.planning import CPU, plan_parts
from stylegan_pokemon.training.resolve import Options, resolve
from stylegan_pokemon.training.start import start_networks
from stylegan_pokemon.training.trainer import Phase, Trainer

_PICTURES = 16  # in the data set


def bench_memory(
    resolution: int,
    channel_base: int,
    channel_max: int,
    map_layers: int,
    w_dim: int,
    batch: int,
    batch_gpu: int | None,
    recompute: int,
    augment_p: float,
    rounds: int,
    precision: str,
    baseline: str,
) -> dict[str, Any]:
    """Plan on paper, then train in a fresh process on the CPU, and compare.

    The process runs `rounds` iterations with all four phases and a tick's pictures, beside full optimisers,
    as in the middle of a run. Where the system can tell (Linux), the peak of each phase is measured too; it
    holds what the C library keeps of earlier ones. Returns bytes: planned, measured, and both by part.

    Raises UserError when the process ends otherwise, for want of memory for example.
    """
    exact = resolve_precision(precision, torch.device("cpu"))
    options = Options(
        cfg="auto",  # with all regularisers at every resolution
        batch=batch,
        batch_gpu=batch_gpu or batch,
        aug="fixed",
        p=augment_p,
        channel_base=channel_base,
        channel_max=channel_max,
        map_layers=map_layers,
        w_dim=w_dim,
    )
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "random.zip"
        write_random_pictures(data, resolution, count=_PICTURES)
        with SpriteDataset(data) as dataset:
            config = resolve(options, dataset.facts, None, "cpu", exact)
            config = dataclasses.replace(config, recompute=recompute)
            kernels = baseline != "plain" and kernels_for(torch.empty(1, 1, 1, 1)) is not None
            found = plan_parts(config, CPU, kernels)
        task = {"config": config.to_json(), "rounds": rounds, "plain": not kernels}
        command = [sys.executable, "-m", "stylegan_pokemon.bench.memory"]
        done = subprocess.run(command, input=json.dumps(task), capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise UserError(
            f"the process that trains has failed ({reason}); give it less to do, with --batch-gpu"
        )
    measured = json.loads(done.stdout)
    return {
        "planned": found.total,
        "measured": measured["peak"],
        "ratio": found.total / measured["peak"],
        "planned_parts": found.parts(),
        "planned_phases": found.phases,
        "measured_parts": measured,
        "resolution": resolution,
        "channel_base": channel_base,
        "channel_max": channel_max,
        "batch": batch,
        "batch_gpu": config.batch_gpu,
        "recompute": recompute,
        "rounds": rounds,
        "precision": exact,
        "baseline": baseline,
        "torch": torch.__version__,
    }


class _Watched(Trainer):
    """A trainer that notes the peak of each phase."""

    peaks: dict[str, int]

    def _run(self, phase: Phase) -> None:
        _forget_peak()
        super()._run(phase)
        self.peaks[phase.name] = max(_peak(), self.peaks.get(phase.name, 0))


def _train(config: TrainingConfig, rounds: int) -> dict[str, Any]:
    device = torch.device("cpu")
    prepare(device)
    imported = _peak()
    with SpriteDataset(config.data) as dataset:
        trainer = _Watched(config, dataset, *start_networks(config, None)[:3])
        trainer.peaks = {}
        for network, optimizer in ((trainer.G, trainer.opt_G), (trainer.D, trainer.opt_D)):
            for parameter in network.parameters():
                parameter.grad = torch.zeros_like(parameter)
            optimizer.step()  # moves nothing, and allocates what later iterations find
            optimizer.zero_grad(set_to_none=True)
        started = _peak()
        for _ in range(rounds):
            trainer.images_shown = 0  # every iteration with all phases
            trainer.iteration()
            _forget_peak()
            _render(trainer)
            trainer.peaks[GRID] = max(_peak(), trainer.peaks.get(GRID, 0))
    phases = trainer.peaks
    return {"program": imported, "start": started, "phases": phases, "peak": max(phases.values())}


def _render(trainer: Trainer) -> None:
    """The pictures of a tick."""
    columns, rows = grid_shape(trainer.G.img_resolution)
    fakes_grid(trainer.G_ema, torch.randn(columns * rows, trainer.G.z_dim), None, columns)


def _peak() -> int:
    """Bytes. Not from getrusage, which on Linux counts what this process was forked from."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return peak_memory(torch.device("cpu"))
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _forget_peak() -> None:
    """Have the system begin a new peak of this process's memory; only Linux can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


if __name__ == "__main__":
    task = json.loads(sys.stdin.read())
    own = TrainingConfig.from_json(task["config"])
    if task["plain"]:
        with using(None):
            print(json.dumps(_train(own, task["rounds"])))
    else:
        print(json.dumps(_train(own, task["rounds"])))
