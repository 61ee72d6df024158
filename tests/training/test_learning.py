"""Training learns, it does not only run."""

import copy

import pytest
import torch

from dataset_tool.convert import ConvertOptions, convert
from dataset_tool.forge import forge_folder
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.training.resolve import Options, resolve
from stylegan_pokemon.training.start import start_networks
from stylegan_pokemon.training.trainer import Trainer

_KIMG = 6.0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sixteen_forged_sprites_are_overfitted_and_recovered_by_nearest_neighbour(tmp_path):
    """With 16 pictures and no augmentation a generator that learns must reproduce them.

    Every generated picture is far nearer to some training picture than training pictures are to each other,
    and nearly all of the sixteen are somebody's nearest neighbour. The untrained generator fails both.
    """
    forge_folder(tmp_path / "forged", 16, "sprite", seed=3, workers=1, progress=False)
    small = ConvertOptions(resolution=32)
    convert([tmp_path / "forged"], tmp_path / "d.zip", small, workers=1, progress=False)
    with SpriteDataset(tmp_path / "d.zip") as dataset:
        options = Options(kimg=_KIMG, aug="noaug", seed=1)
        config = resolve(options, dataset.facts, None, "cpu", "fp32")
        G, D, G_ema, _ = start_networks(config, None)
        untrained = copy.deepcopy(G_ema)
        trainer = Trainer(config, dataset, G, D, G_ema)
        while trainer.images_shown < _KIMG * 1000:
            trainer.iteration()
        reals = dataset.images(range(16)).float() / 127.5 - 1
    before, after = nearest(untrained, reals), nearest(G_ema, reals)
    apart = torch.cdist(reals.flatten(1), reals.flatten(1))[~torch.eye(16, dtype=torch.bool)].median()
    assert before["distance"] > 0.8 * apart
    assert after["distance"] < 0.35 * apart
    assert after["recovered"] >= 12


@torch.no_grad()
def nearest(G_ema, reals):
    z = torch.randn(256, G_ema.z_dim, generator=torch.Generator().manual_seed(0))
    distances = torch.cdist(G_ema(z, noise_mode="const").flatten(1), reals.flatten(1))  # [256, 16]
    smallest, which = distances.min(dim=1)
    return {"distance": smallest.median(), "recovered": len(set(which.tolist()))}
