"""Speed and memory of training iterations, on pictures of noise."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from stylegan_pokemon.bench.arithmetic import Call, Recorder, convolution_seconds, flop
from stylegan_pokemon.bench.company import company
from stylegan_pokemon.bench.workload import Workload, kernels_if, trainer_for, write_random_pictures
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.devices import prepare
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.machine import peak_memory
from stylegan_pokemon.training.settings.config import D_REG_INTERVAL, G_REG_INTERVAL
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer


def bench_train(
    workload: Workload,
    cycles: int = 1,
    iterations: int | None = None,
    beside: int = 0,
    beside_trainings: int = 0,
) -> dict[str, Any]:
    """Run `cycles` cycles of 16 iterations, or `iterations` iterations from the first on.

    A cycle holds every lazy regulariser as often as training does: path lengths four times, R1 once. Three
    warm-up iterations come first and do not count; their convolutions and matrix products are recorded, in
    operations of the direct method. With `iterations` there is no warm-up.

    Returns seconds, seconds per kimg and by phase ("data" is the wait for pictures), and peak memory in
    bytes. For cycles also "achieved_gflops", the recorded operations over the time of a cycle, and
    "convolution_gflops", the rate at which PyTorch computes the same convolutions alone, measured afterwards.

    With `beside` busy loops or `beside_trainings` further trainings the cycles run once more, beside them:
    "beside" holds those figures, and "ratio", their time over that alone.

    Raises UserError if such a process fails, and for `iterations` beside others.
    """
    if iterations is not None and (beside or beside_trainings):
        raise UserError("--beside compares whole cycles, after a warm-up; leave --iterations out")
    with tempfile.TemporaryDirectory() as folder, kernels_if(workload.kernels):
        data = Path(folder) / "random.zip"
        write_random_pictures(data, workload.resolution, count=2 * workload.batch)
        config = workload.config(data)
        device = torch.device(config.device)
        prepare(device)
        with SpriteDataset(data) as dataset:
            trainer = trainer_for(config, dataset)
            calls = _recorded_cycle(trainer) if iterations is None else None
            count = cycles * D_REG_INTERVAL if iterations is None else iterations
            figures = _timed(trainer, count)
            peak = peak_memory(device)
            more: dict[str, Any] = {}
            if calls is not None:
                more |= _arithmetic(calls, figures["seconds"] / cycles, device)
            if beside or beside_trainings:
                task = {"config": config.to_json(), "kernels": workload.kernels}
                with company(beside, beside_trainings, task) as check:
                    slower = _timed(trainer, count)
                    check()
                ratio = slower["seconds"] / figures["seconds"]
                counts = {"loops": beside, "trainings": beside_trainings}
                more["beside"] = counts | {"ratio": ratio} | slower
    settings = {"iterations": count, "batch_gpu": config.batch_gpu, "precision": config.precision}
    return {**figures, "peak_rss_bytes": peak, **more, **settings, **workload.report(device)}


def _timed(trainer: StyleGAN2Trainer, count: int) -> dict[str, Any]:
    """Figures of `count` iterations, of which the first has all four phases."""
    trainer.images_shown = 0
    trainer.phase_seconds.clear()
    started = time.perf_counter()
    for _ in range(count):
        trainer.iteration()
    if trainer.device.type == "cuda":
        torch.cuda.synchronize(trainer.device)
    seconds = time.perf_counter() - started
    images = count * trainer.config.batch
    return {
        "sec_per_kimg": seconds / images * 1000,
        "img_per_sec": images / seconds,
        "seconds": seconds,
        "phases": dict(trainer.phase_seconds),
    }


def _recorded_cycle(trainer: StyleGAN2Trainer) -> Counter[Call]:
    """The convolutions and products of a cycle, computed from the three kinds of iterations: the warm-up."""
    recorded = {}
    threads = torch.get_num_threads()
    if trainer.device.type == "cpu":  # in one lane: a recorder sees the operations of its own thread alone
        torch.set_num_threads(1)
        trainer.set_micro_batch(trainer.batch_gpu, trainer.recompute)
    for index in (0, G_REG_INTERVAL, 1):  # all four phases; without R1; without path lengths too
        trainer.images_shown = index * trainer.config.batch
        with Recorder(trainer.device) as recorder:
            trainer.iteration()
        recorded[index] = recorder.calls
    torch.set_num_threads(threads)
    trainer.set_micro_batch(trainer.batch_gpu, trainer.recompute)
    lengths = D_REG_INTERVAL // G_REG_INTERVAL  # iterations of a cycle that have path lengths
    cycle: Counter[Call] = Counter()
    for index, times in ((0, 1), (G_REG_INTERVAL, lengths - 1), (1, D_REG_INTERVAL - lengths)):
        for call, count in recorded[index].items():
            cycle[call] += count * times
    return cycle


def _arithmetic(calls: Counter[Call], seconds: float, device: torch.device) -> dict[str, float]:
    alone, operations = convolution_seconds(calls, device)
    achieved, rate = flop(calls) / seconds / 1e9, operations / alone / 1e9
    return {
        "gflop_per_cycle": flop(calls) / 1e9,
        "achieved_gflops": achieved,
        "convolution_gflops": rate,
        "share_of_convolution_rate": achieved / rate,
    }
