"""What benchmarks measure: networks of a given size, pictures of noise."""

from __future__ import annotations

import io
import zipfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.devices import resolve_device
from stylegan_pokemon.ops.backend import using
from stylegan_pokemon.training.machine import resolve_precision
from stylegan_pokemon.training.settings.config import StyleGAN2Config, TrainingConfig
from stylegan_pokemon.training.settings.options import Options
from stylegan_pokemon.training.settings.resolve import resolve
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from stylegan_pokemon.training.transfer.start import start_networks


@dataclass(frozen=True)
class Workload:
    """Sizes and settings of a benchmark; names and meanings are those of the command's options."""

    resolution: int = 64
    channel_base: int = 4096
    channel_max: int = 128
    map_layers: int = 2
    w_dim: int = 512
    batch: int = 16
    batch_gpu: int | None = None
    augment_p: float = 0.2
    device: str = "auto"
    precision: str = "fp32"
    kernels: bool = True  # False: plain PyTorch

    def config(self, data: Path) -> StyleGAN2Config:
        """The configuration of a training on a dataset zip, with all regularisers at every resolution.

        Raises UserError for a device or sizes that cannot be.
        """
        device = resolve_device(self.device)
        options = Options(
            cfg="auto",
            batch=self.batch,
            batch_gpu=self.batch_gpu or self.batch,
            aug="fixed",
            p=self.augment_p,
            channel_base=self.channel_base,
            channel_max=self.channel_max,
            map_layers=self.map_layers,
            w_dim=self.w_dim,
        )
        with SpriteDataset(data) as dataset:
            config = resolve(
                options, dataset.facts, None, str(device), resolve_precision(self.precision, device)
            )
        assert isinstance(config, StyleGAN2Config)
        return config

    def report(self, device: torch.device | str) -> dict[str, Any]:
        """The part of a benchmark's result that says what was measured."""
        return {
            "batch": self.batch,
            "resolution": self.resolution,
            "channel_base": self.channel_base,
            "channel_max": self.channel_max,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "device": str(device),
            "kernels": self.kernels,
        }


def kernels_if(wanted: bool) -> AbstractContextManager[None]:
    """A context in which plain PyTorch computes everything, unless kernels are wanted."""
    return nullcontext() if wanted else using(None)


def trainer_for(
    config: TrainingConfig, dataset: SpriteDataset, kind: type[StyleGAN2Trainer] = StyleGAN2Trainer
) -> StyleGAN2Trainer:
    """A trainer with fresh networks."""
    assert isinstance(config, StyleGAN2Config)
    networks: Any = start_networks(config, None)[:3]
    return kind(config, dataset, *networks)


def write_random_pictures(path: Path, resolution: int, count: int) -> None:
    """Write a dataset zip of `count` RGB pictures of noise."""
    random = np.random.RandomState(0)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(count):
            data = io.BytesIO()
            pixels = random.randint(0, 256, (resolution, resolution, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(data, "PNG", compress_level=0)
            archive.writestr(f"00000/img{index:08d}.png", data.getvalue())
