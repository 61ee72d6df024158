"""How fast training iterations run and what memory they take, on random pictures."""

from __future__ import annotations

import io
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.devices import prepare, resolve_device
from stylegan_pokemon.training.config import D_REG_INTERVAL
from stylegan_pokemon.training.machine import peak_memory, resolve_precision
from stylegan_pokemon.training.resolve import Options, resolve
from stylegan_pokemon.training.start import start_networks
from stylegan_pokemon.training.trainer import Trainer


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
) -> dict[str, Any]:
    """Run whole cycles of 16 iterations (or `iterations` from the first on) and return the figures.

    A cycle holds every lazy regulariser as often as training does: path lengths four times, R1 once. Without
    `iterations` one warm-up iteration with all four phases comes first and does not count.
    """
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
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "random.zip"
        _write_random_pictures(data, resolution, count=2 * batch)
        with SpriteDataset(data) as dataset:
            config = resolve(options, dataset.facts, None, str(target), exact)
            G, D, G_ema, _ = start_networks(config, None)
            trainer = Trainer(config, dataset, G, D, G_ema)
            if iterations is None:
                trainer.iteration()
                trainer.images_shown = 0  # so that the counted cycle starts with all four phases again
                trainer.phase_seconds.clear()
            count = cycles * D_REG_INTERVAL if iterations is None else iterations
            started = time.perf_counter()
            for _ in range(count):
                trainer.iteration()
            if target.type == "cuda":
                torch.cuda.synchronize(target)
            seconds = time.perf_counter() - started
    images = count * batch
    return {
        "sec_per_kimg": seconds / images * 1000,
        "img_per_sec": images / seconds,
        "seconds": seconds,
        "iterations": count,
        "batch": batch,
        "batch_gpu": config.batch_gpu,
        "resolution": resolution,
        "channel_base": channel_base,
        "channel_max": channel_max,
        "peak_memory_bytes": peak_memory(target),
        "phases": dict(trainer.phase_seconds),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "device": str(target),
        "precision": exact,
    }


def _write_random_pictures(path: Path, resolution: int, count: int) -> None:
    random = np.random.RandomState(0)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(count):
            data = io.BytesIO()
            pixels = random.randint(0, 256, (resolution, resolution, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(data, "PNG", compress_level=0)
            archive.writestr(f"00000/img{index:08d}.png", data.getvalue())
