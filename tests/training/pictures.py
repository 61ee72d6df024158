"""Small datasets that the training tests make themselves."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.settings.resolve import Options, resolve
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from stylegan_pokemon.training.transfer.start import start_networks

TINY = {"channel_base": 128, "channel_max": 8, "map_layers": 1, "w_dim": 16}
"""Networks of a few thousand parameters: a 16×16 iteration takes tens of milliseconds."""


def write_dataset(
    path: Path,
    count: int = 12,
    resolution: int = 16,
    mode: str = "RGB",
    classes: int = 0,
    sources: Sequence[str] | None = None,
) -> Path:
    """Discs of random place, size and colour on white; `sources` names the files they would come from."""
    random = np.random.RandomState(0)
    y, x = np.mgrid[:resolution, :resolution] / resolution
    with zipfile.ZipFile(path, "w") as archive:
        names = []
        for index in range(count):
            cx, cy, radius = [*random.uniform(0.3, 0.7, 2).tolist(), random.uniform(0.15, 0.35)]
            inside = (x - cx) ** 2 + (y - cy) ** 2 < radius**2
            pixels = np.where(inside[..., None], random.randint(0, 256, 3), 255).astype(np.uint8)
            name = f"00000/img{index:08d}.png"
            data = io.BytesIO()
            Image.fromarray(pixels).convert(mode).save(data, "PNG")
            archive.writestr(name, data.getvalue())
            names.append(name)
        description = {"labels": [[n, i % classes] for i, n in enumerate(names)] if classes else None}
        if sources is not None:
            description["sources"] = [[n, source] for n, source in zip(names, sources, strict=True)]
        if classes:
            description["classes"] = [f"class{i}" for i in range(classes)]
        archive.writestr("dataset.json", json.dumps(description))
    return path


def write_transparent(path: Path, count: int = 12, resolution: int = 16) -> Path:
    """Antialiased discs of random place, size and colour on invisible ground, as `convert --alpha` writes."""
    random = np.random.RandomState(0)
    y, x = np.mgrid[:resolution, :resolution] / resolution
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(count):
            cx, cy, radius = [*random.uniform(0.4, 0.6, 2).tolist(), random.uniform(0.15, 0.3)]
            cover = np.clip((radius - np.hypot(x - cx, y - cy)) * resolution + 0.5, 0, 1)
            colour = np.append(random.randint(0, 256, 3), 255)
            data = io.BytesIO()
            pixels = np.rint(cover[..., None] * colour).astype(np.uint8)
            Image.fromarray(pixels).save(data, "PNG")
            archive.writestr(f"00000/img{index:08d}.png", data.getvalue())
        archive.writestr("dataset.json", json.dumps({"labels": None, "convert": {"alpha": "premultiplied"}}))
    return path


def write_same(path: Path, count: int = 24, resolution: int = 16) -> Path:
    """The same picture again and again."""
    data = io.BytesIO()
    Image.new("RGB", (resolution, resolution), (90, 140, 200)).save(data, "PNG")
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(count):
            archive.writestr(f"00000/img{index:08d}.png", data.getvalue())
    return path


def tiny_config(data: Path, **options: object) -> tuple[TrainingConfig, SpriteDataset]:
    """A resolved configuration of tiny networks on the CPU, without metrics."""
    dataset = SpriteDataset(data, seed=int(options.get("seed", 0)), holdout=float(options.get("holdout", 0)))
    chosen = Options(
        **(
            {
                "cfg": "auto",
                "precision": "fp32",
                "data": str(data),
                "batch": 8,
                "kimg": 0.064,
                "tick": 0.032,
                "metrics": "none",
                **TINY,
            }
            | options
        )
    )
    return resolve(chosen, dataset.facts, None, "cpu", chosen.precision), dataset


def tiny_trainer(data: Path, **options: object) -> StyleGAN2Trainer:
    config, dataset = tiny_config(data, **options)
    G, D, G_ema, _ = start_networks(config, None)
    return StyleGAN2Trainer(config, dataset, G, D, G_ema)
