"""Speed and memory of training iterations, on pictures of noise."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from stylegan_pokemon.bench.workload import Workload, kernels_if, trainer_for, write_random_pictures
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.devices import prepare
from stylegan_pokemon.training.machine import peak_memory


def bench_train(workload: Workload, cycles: int = 1, iterations: int | None = None) -> dict[str, Any]:
    """Run `cycles` cycles of 16 iterations, or `iterations` iterations from the first on.

    A cycle holds every lazy regulariser as often as training does: path lengths four times, R1 once. Three
    warm-up iterations, one of each kind, come first and do not count. With `iterations` there is no warm-up.

    Returns seconds, seconds per kimg and by phase ("data" is the wait for pictures), and peak memory in
    bytes.
    """
    with tempfile.TemporaryDirectory() as folder, kernels_if(workload.kernels):
        data = Path(folder) / "random.zip"
        write_random_pictures(data, workload.resolution, count=2 * workload.batch)
        config = workload.config(data)
        device = torch.device(config.device)
        prepare(device)
        with SpriteDataset(data) as dataset:
            trainer = trainer_for(config, dataset)
            for index in trainer.cycle if iterations is None else ():
                trainer.images_shown = index * config.batch
                trainer.iteration()
            trainer.images_shown = 0
            trainer.phase_seconds.clear()
            count = cycles * sum(trainer.cycle.values()) if iterations is None else iterations
            started = time.perf_counter()
            for _ in range(count):
                trainer.iteration()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds = time.perf_counter() - started
    images = count * config.batch
    return {
        "sec_per_kimg": seconds / images * 1000,
        "img_per_sec": images / seconds,
        "seconds": seconds,
        "phases": dict(trainer.phase_seconds),
        "peak_rss_bytes": peak_memory(device),
        "iterations": count,
        "batch_gpu": config.batch_gpu,
        "precision": config.precision,
        **workload.report(device),
    }
