"""How fast training reads pictures, from memory and from the zip."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from stylegan_pokemon.bench.workload import write_random_pictures
from stylegan_pokemon.data import dataset as datasets
from stylegan_pokemon.data.dataset import SpriteDataset, to_unit_range


def bench_data(data: Path | None, resolution: int, batch: int, batches: int) -> dict[str, Any]:
    """Read `batches` batches in random order, as training does, to float pictures on the CPU.

    data: a dataset zip; None: 256 pictures of noise of `resolution`. Returns seconds to open and pictures per
    second, for a set that fits into memory (decoded once, when it is opened) and for one that does not.
    """
    with tempfile.TemporaryDirectory() as folder:
        if data is None:
            data = Path(folder) / "random.zip"
            write_random_pictures(data, resolution, count=256)
        held = _read(data, batch, batches)
        with mock.patch.object(datasets, "_MEMORY_LIMIT", 0):
            decoded = _read(data, batch, batches)
    return {"in_memory": held, "from_zip": decoded, "batch": batch, "threads": torch.get_num_threads()}


def _read(path: Path, batch: int, batches: int) -> dict[str, float]:
    started = time.perf_counter()
    with SpriteDataset(path) as dataset:
        opened = time.perf_counter() - started
        order = np.random.RandomState(0).randint(0, len(dataset), size=(batches, batch))
        started = time.perf_counter()
        for indices in order:
            to_unit_range(dataset.images(indices), np.zeros(batch, dtype=bool), torch.device("cpu"))
        seconds = time.perf_counter() - started
    return {"open_seconds": opened, "img_per_sec": batch * batches / seconds}
