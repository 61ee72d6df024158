"""The memory plan, and what a process that trains really takes."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stylegan_pokemon.bench.workload import Workload, kernels_if, trainer_for, write_random_pictures
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.devices import prepare
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.ops.backend import kernels_for
from stylegan_pokemon.render.images import fakes_grid, grid_shape
from stylegan_pokemon.training.machine import peak_memory
from stylegan_pokemon.training.planning.memory import GRID
from stylegan_pokemon.training.planning.plan import CPU, CUDA, plan_parts
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer

_PICTURES = 16  # in the data set


def bench_memory(workload: Workload, recompute: int = 0, rounds: int = 2) -> dict[str, Any]:
    """Plan on paper, train in a fresh process, and compare; blocks from `recompute` up are recomputed.

    The process runs `rounds` iterations with all four phases and a tick's pictures, with full optimisers, as
    in the middle of a run. Where the system tells (Linux, or a card), the peak of each phase is measured too;
    it includes what the C library, or PyTorch's allocator, keeps of earlier ones. Returns bytes: planned,
    measured, and both by part.

    On a card PyTorch is limited to what was planned, because cuDNN takes more workspace where it can. There
    the answer is whether training runs undivided: "shortages" lists the phases that had to be divided.

    Raises UserError if the process fails, for example because memory is short.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "random.zip"
        write_random_pictures(data, workload.resolution, count=_PICTURES)
        config = dataclasses.replace(workload.config(data), recompute=recompute)
        device = torch.device(config.device)
        kernels = workload.kernels and kernels_for(torch.empty(1, 1, 1, 1, device=device)) is not None
        plan = plan_parts(config, CUDA if device.type == "cuda" else CPU, kernels)
        task = {"config": config.to_json(), "rounds": rounds, "kernels": kernels}
        if device.type == "cuda":
            free, whole = torch.cuda.mem_get_info(device)
            task |= {"held": plan.total - plan.program, "taken": whole - free}
        command = [sys.executable, "-m", "stylegan_pokemon.bench.memory"]
        done = subprocess.run(command, input=json.dumps(task), capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise UserError(f"the training process failed ({reason}); try a smaller --batch-gpu")
    measured = json.loads(done.stdout)
    return {
        "planned": plan.total,
        "measured": measured["peak"],
        "ratio": plan.total / measured["peak"],
        "planned_parts": plan.parts(),
        "planned_phases": plan.phases,
        "measured_parts": measured,
        "batch_gpu": config.batch_gpu,
        "recompute": recompute,
        "rounds": rounds,
        "precision": config.precision,
        **workload.report(device),
    }


class _Watched(StyleGAN2Trainer):
    """A trainer that keeps the peak memory of each phase."""

    peaks: dict[str, int]

    @contextmanager
    def update(self, name: str, network: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
        _reset_peak(self.device)
        with super().update(name, network, optimizer):
            yield
        self.note(name)

    def note(self, name: str) -> None:
        """Keep the peak since the last reset."""
        self.peaks[name] = max(_peak(self.device), self.peaks.get(name, 0))


def _train(config: TrainingConfig, rounds: int, held: int = 0, taken: int = 0) -> dict[str, Any]:
    """held: bytes that PyTorch may take of a card; taken: bytes that other programs hold."""
    device = torch.device(config.device)
    prepare(device)
    if held:
        whole = torch.cuda.mem_get_info(device)[1]
        torch.cuda.set_per_process_memory_fraction(min(held / whole, 1.0), device)
    imported = _peak(device)
    with SpriteDataset(config.data) as dataset:
        trainer = trainer_for(config, dataset, _Watched)
        assert isinstance(trainer, _Watched)
        trainer.peaks = {}
        for network, optimizer in ((trainer.G, trainer.opt_G), (trainer.D, trainer.opt_D)):
            for parameter in network.parameters():
                parameter.grad = torch.zeros_like(parameter)
            optimizer.step()  # moves nothing, and allocates what later iterations find
            optimizer.zero_grad(set_to_none=True)
        started = _peak(device)
        columns, rows = grid_shape(config.img_resolution)
        z = torch.randn(columns * rows, trainer.G.z_dim, device=device)
        shortages = []
        for _ in range(rounds):
            trainer.images_shown = 0  # every iteration with all phases
            shortages += trainer.iteration()
            _reset_peak(device)
            fakes_grid(trainer.G_ema, z, None, columns)  # a tick's pictures
            trainer.note(GRID)
    phases, more = trainer.peaks, {}
    if device.type == "cuda":
        free, whole = torch.cuda.mem_get_info(device)
        imported = whole - free - taken - torch.cuda.memory_reserved(device)  # context and loaded kernels
        started += imported
        phases = {name: peak + imported for name, peak in phases.items()}
        more = {"shortages": shortages}
    return {"program": imported, "start": started, "phases": phases, "peak": max(phases.values()), **more}


def _peak(device: torch.device) -> int:
    """Peak bytes: of PyTorch's allocator on a card, else of the process.

    Not from getrusage, which on Linux includes the process that this one was forked from.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return peak_memory(device)
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _reset_peak(device: torch.device) -> None:
    """Start a new peak; on the CPU only Linux can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


if __name__ == "__main__":
    task = json.loads(sys.stdin.read())
    own = TrainingConfig.from_json(task.pop("config"))
    with kernels_if(task.pop("kernels")):
        print(json.dumps(_train(own, **task)))
