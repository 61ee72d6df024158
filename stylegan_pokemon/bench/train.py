"""How fast training iterations run and what memory they take, on random pictures."""

from __future__ import annotations

import io
import tempfile
import time
import zipfile
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from stylegan_pokemon.bench.arithmetic import Call, Recorder, convolution_seconds, flop
from stylegan_pokemon.bench.company import company
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.devices import prepare, resolve_device
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.ops.backend import using
from stylegan_pokemon.training.planning.machine import peak_memory, resolve_precision
from stylegan_pokemon.training.settings.config import D_REG_INTERVAL, G_REG_INTERVAL
from stylegan_pokemon.training.settings.options import Options
from stylegan_pokemon.training.settings.resolve import resolve
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from stylegan_pokemon.training.transfer.start import start_networks


def bench_train(
    resolution: int,
    channel_base: int,
    channel_max: int,
    map_layers: int,
    w_dim: int,
    batch: int,
    batch_gpu: int | None,
    augment_p: float,
    cycles: int,
    iterations: int | None,
    device: str,
    precision: str,
    baseline: str,
    beside: int = 0,
    beside_trainings: int = 0,
) -> dict[str, Any]:
    """Run whole cycles of 16 iterations (or `iterations` from the first on) and return the figures.

    `baseline` "plain" leaves the kernels out. "data" among the phases is the wait for pictures.

    A cycle holds every lazy regulariser as often as training does: path lengths four times, R1 once. Without
    `iterations` three warm-up iterations come first and do not count; their convolutions and matrix products
    are recorded, in operations of the direct method. "achieved_gflops" are those of a cycle over its time,
    "convolution_gflops" is what PyTorch reaches on this machine when it computes the same convolutions and
    nothing else, right afterwards.

    With `beside` busy loops or `beside_trainings` further trainings the same cycles run once more, beside
    them; "beside" holds those figures, and their time over that alone as "ratio". Raises UserError where such
    a process fails, and for `iterations`, which have no warm-up, beside others.
    """
    if iterations is not None and (beside or beside_trainings):
        raise UserError("--beside compares whole cycles, after a warm-up; leave --iterations out")
    target = resolve_device(device)
    exact = resolve_precision(precision, target)
    prepare(target)
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
    with tempfile.TemporaryDirectory() as folder, using(None) if baseline == "plain" else nullcontext():
        data = Path(folder) / "random.zip"
        write_random_pictures(data, resolution, count=2 * batch)
        with SpriteDataset(data) as dataset:
            config = resolve(options, dataset.facts, None, str(target), exact)
            G, D, G_ema, _ = start_networks(config, None)
            trainer = StyleGAN2Trainer(config, dataset, G, D, G_ema)
            calls = _recorded_cycle(trainer) if iterations is None else None
            count = cycles * D_REG_INTERVAL if iterations is None else iterations
            figures = _timed(trainer, count)
            peak = peak_memory(target)
            more: dict[str, Any] = {}
            if calls is not None:
                more |= _arithmetic(calls, figures["seconds"] / cycles, target)
            if beside or beside_trainings:
                task = {"config": config.to_json(), "plain": baseline == "plain"}
                with company(beside, beside_trainings, task) as check:
                    slower = _timed(trainer, count)
                    check()
                ratio = slower["seconds"] / figures["seconds"]
                counts = {"loops": beside, "trainings": beside_trainings}
                more["beside"] = counts | {"ratio": ratio} | slower
    return {
        **figures,
        "iterations": count,
        "batch": batch,
        "batch_gpu": config.batch_gpu,
        "resolution": resolution,
        "channel_base": channel_base,
        "channel_max": channel_max,
        "peak_rss_bytes": peak,
        **more,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "device": str(target),
        "precision": exact,
        "baseline": baseline,
    }


def _timed(trainer: StyleGAN2Trainer, count: int) -> dict[str, Any]:
    """Figures of `count` iterations from the first on, whose phases they hold."""
    trainer.images_shown = 0  # so that every cycle starts with all four phases
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
    """The convolutions and products of a cycle, from the iterations that differ; they are the warm-up too."""
    recorded = {}
    threads = torch.get_num_threads()
    if trainer.device.type == "cpu":  # in one lane: a recorder sees the operations of its own thread alone
        torch.set_num_threads(1)
        trainer.set_micro_batch(trainer.batch_gpu, trainer.recompute)
    for index in (0, G_REG_INTERVAL, 1):  # all four phases; without R1; without path lengths too
        trainer.images_shown = index * trainer.config.batch
        with Recorder(torch.device(trainer.config.device)) as recorder:
            trainer.iteration()
        recorded[index] = recorder.calls
    torch.set_num_threads(threads)
    trainer.set_micro_batch(trainer.batch_gpu, trainer.recompute)
    everything, lengths, main = (recorded[index] for index in (0, G_REG_INTERVAL, 1))
    path_lengths, r1 = Counter(lengths), Counter(everything)
    path_lengths.subtract(main)
    r1.subtract(lengths)
    cycle: Counter[Call] = Counter()
    parts = ((main, D_REG_INTERVAL), (path_lengths, D_REG_INTERVAL // G_REG_INTERVAL), (r1, 1))
    for part, times in parts:
        for call, count in part.items():
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


def write_random_pictures(path: Path, resolution: int, count: int) -> None:
    """Write a dataset zip of `count` RGB pictures of noise."""
    random = np.random.RandomState(0)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(count):
            data = io.BytesIO()
            pixels = random.randint(0, 256, (resolution, resolution, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(data, "PNG", compress_level=0)
            archive.writestr(f"00000/img{index:08d}.png", data.getvalue())
