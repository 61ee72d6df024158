"""How fast training reads pictures, held in memory and decoded from the zip each time."""

from __future__ import annotations

import tempfile
import time
import zipfile
from itertools import islice
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, RandomSampler

from stylegan_pokemon.bench.train import write_random_pictures
from stylegan_pokemon.data import dataset as datasets
from stylegan_pokemon.data.dataset import SpriteDataset, to_unit_range


def bench_data(
    data: Path | None, resolution: int, batch: int, batches: int, baseline: str = "none"
) -> dict[str, Any]:
    """Read `batches` batches in random order, as training does, to float pictures on the CPU.

    data: a dataset zip; None takes 256 random pictures of `resolution`. Returns seconds to open and pictures
    a second, for a set that fits into memory (decoded once, when it is opened) and for one that does not.
    `baseline` "plain" reads as PyTorch programs usually do instead, with a DataLoader that decodes a picture
    of the zip each time, under "from_zip".
    """
    with tempfile.TemporaryDirectory() as folder:
        if data is None:
            data = Path(folder) / "random.zip"
            write_random_pictures(data, resolution, count=256)
        if baseline == "plain":
            read = {"from_zip": _read_plainly(data, batch, batches)}
            return read | {"batch": batch, "threads": torch.get_num_threads(), "baseline": baseline}
        held = _read(data, batch, batches)
        with mock.patch.object(datasets, "_MEMORY_LIMIT", 0):
            decoded = _read(data, batch, batches)
    read = {"in_memory": held, "from_zip": decoded}
    return read | {"batch": batch, "threads": torch.get_num_threads(), "baseline": baseline}


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


class _Plain(Dataset[torch.Tensor]):
    """The pictures of a dataset zip in [−1, 1], [3, H, W] each, decoded whenever they are asked for."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path)
        self._names = [name for name in self._archive.namelist() if name.endswith(".png")]

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> torch.Tensor:
        with self._archive.open(self._names[index]) as file:
            pixels = np.asarray(Image.open(file).convert("RGB"))
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 127.5 - 1


def _read_plainly(path: Path, batch: int, batches: int) -> dict[str, float]:
    started = time.perf_counter()
    dataset = _Plain(path)
    opened = time.perf_counter() - started
    sampler = RandomSampler(dataset, replacement=True, num_samples=batch * batches)
    started = time.perf_counter()
    read = sum(len(pictures) for pictures in islice(DataLoader(dataset, batch, sampler=sampler), batches))
    return {"open_seconds": opened, "img_per_sec": read / (time.perf_counter() - started)}
