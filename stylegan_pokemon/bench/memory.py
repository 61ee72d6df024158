"""The memory plan against the truth: what a process that trains really takes, beside what was planned."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stylegan_pokemon.bench.train import write_random_pictures
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.devices import prepare, resolve_device
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.ops.backend import kernels_for, using
from stylegan_pokemon.render.images import fakes_grid, grid_shape
from stylegan_pokemon.training.planning.machine import peak_memory, resolve_precision
from stylegan_pokemon.training.planning.memory import GRID
from stylegan_pokemon.training.planning.plan import CPU, CUDA, plan_parts
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.settings.options import Options
from stylegan_pokemon.training.settings.resolve import resolve
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from stylegan_pokemon.training.transfer.start import start_networks

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
    device: str,
    precision: str,
    baseline: str,
) -> dict[str, Any]:
    """Plan on paper, then train in a fresh process, and compare.

    The process runs `rounds` iterations with all four phases and a tick's pictures, beside full optimisers,
    as in the middle of a run. Where the system can tell (Linux, or a card), the peak of each phase is
    measured too; it holds what the C library, or PyTorch's allocator, keeps of earlier ones. Returns bytes:
    planned, measured, and both by part.

    On a card PyTorch is held to what was planned. Else it took much more, on one of 80 GB: presumably
    workspace of cuDNN's convolutions, of which PyTorch takes others where it cannot be had. So the answer is
    whether training goes on undivided: "shortages" are the sentences of phases that had to be divided.

    Raises UserError when the process ends otherwise, for want of memory for example.
    """
    target = resolve_device(device)
    exact = resolve_precision(precision, target)
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
            config = resolve(options, dataset.facts, None, str(target), exact)
            config = dataclasses.replace(config, recompute=recompute)
            kernels = baseline != "plain" and kernels_for(torch.empty(1, 1, 1, 1, device=target)) is not None
            found = plan_parts(config, CUDA if target.type == "cuda" else CPU, kernels)
        task = {"config": config.to_json(), "rounds": rounds, "plain": not kernels}
        if target.type == "cuda":
            free, whole = torch.cuda.mem_get_info(target)
            task |= {"held": found.total - found.program, "taken": whole - free}
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
        "device": str(target),
        "precision": exact,
        "baseline": baseline,
        "torch": torch.__version__,
    }


class _Watched(StyleGAN2Trainer):
    """A trainer that notes the peak of each phase."""

    peaks: dict[str, int]
    tensors: dict[str, int]

    @contextmanager
    def update(self, name: str, network: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
        _forget_peak(self.device)
        with super().update(name, network, optimizer):
            yield
        self.note(name)

    def note(self, name: str) -> None:
        """The peak since it was forgotten last."""
        self.peaks[name] = max(_peak(self.device), self.peaks.get(name, 0))
        if self.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self.device)
            self.tensors[name] = max(peak, self.tensors.get(name, 0))


def _train(config: TrainingConfig, rounds: int, held: int = 0, taken: int = 0) -> dict[str, Any]:
    """held: bytes that PyTorch may take of a card; taken: what others hold of it."""
    device = torch.device(config.device)
    prepare(device)
    if held:
        whole = torch.cuda.mem_get_info(device)[1]
        torch.cuda.set_per_process_memory_fraction(min(held / whole, 1.0), device)
    imported = _peak(device)
    with SpriteDataset(config.data) as dataset:
        trainer = _Watched(config, dataset, *start_networks(config, None)[:3])
        trainer.peaks, trainer.tensors = {}, {}
        for network, optimizer in ((trainer.G, trainer.opt_G), (trainer.D, trainer.opt_D)):
            for parameter in network.parameters():
                parameter.grad = torch.zeros_like(parameter)
            optimizer.step()  # moves nothing, and allocates what later iterations find
            optimizer.zero_grad(set_to_none=True)
        started = _peak(device)
        shortages = []
        for _ in range(rounds):
            trainer.images_shown = 0  # every iteration with all phases
            shortages += trainer.iteration()
            _forget_peak(device)
            _render(trainer)
            trainer.note(GRID)
    phases, more = trainer.peaks, {}
    if device.type == "cuda":
        free, whole = torch.cuda.mem_get_info(device)
        imported = whole - free - taken - torch.cuda.memory_reserved(device)  # context and loaded kernels
        started += imported
        phases = {name: peak + imported for name, peak in phases.items()}
        more = {"tensors": trainer.tensors, "shortages": shortages}
    return {"program": imported, "start": started, "phases": phases, "peak": max(phases.values()), **more}


def _render(trainer: StyleGAN2Trainer) -> None:
    """The pictures of a tick."""
    columns, rows = grid_shape(trainer.G.img_resolution)
    z = torch.randn(columns * rows, trainer.G.z_dim, device=trainer.device)
    fakes_grid(trainer.G_ema, z, None, columns)


def _peak(device: torch.device) -> int:
    """Bytes: of a card, those that PyTorch's allocator took.

    Of the CPU not from getrusage, which on Linux counts what this process was forked from.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return peak_memory(device)
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _forget_peak(device: torch.device) -> None:
    """Begin a new peak of this process's memory; of the CPU only Linux can."""
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
    with using(None) if task.pop("plain") else nullcontext():
        print(json.dumps(_train(own, **task)))
