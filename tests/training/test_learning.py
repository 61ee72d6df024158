"""Training learns, it does not only run."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from dataset_tool.convert import ConvertOptions, convert
from dataset_tool.forge import forge_folder
from stylegan_pokemon.checkpoint import load
from stylegan_pokemon.checkpoint.zoo import embedded_checkpoint
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.training.session import finetune
from stylegan_pokemon.training.settings.resolve import Options

SPRITES = 16


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sixteen_forged_sprites_are_overfitted_and_recovered_by_nearest_neighbour(tmp_path):
    """Fine-tuned on 16 pictures without augmentation, the generator must come to reproduce them.

    A sprite is recovered when the generated picture nearest to it is less than half as far away as its
    nearest fellow sprite is. Compared are means of 4×4 pixels: shape, place and colours, not single pixels.
    """
    forge_folder(tmp_path / "forged", SPRITES, "sprite", seed=3, workers=1, progress=False)
    data = tmp_path / "d.zip"
    convert([tmp_path / "forged"], data, ConvertOptions(resolution=32), workers=1, progress=False)
    options = Options(
        data=str(data),
        outdir=str(tmp_path),
        kimg=26,
        tick=26,
        aug="noaug",
        gamma=5.0,
        seed=1,
        device="cpu",
        precision="fp32",  # in which the bound below was found
        metrics="none",
    )
    run = finetune(options, _no_forging, print)
    with SpriteDataset(data) as dataset:
        reals = dataset.images(range(SPRITES)).float() / 127.5 - 1
    assert recovered(embedded_checkpoint(32), reals) == 0
    (snapshot,) = (run / "snapshots").iterdir()
    assert recovered(snapshot, reals) >= 12


@torch.no_grad()
def recovered(network: Path, reals: torch.Tensor) -> int:
    """How many of `reals` are recovered among 256 generated pictures."""
    G_ema = load(network).G_ema
    z = torch.randn(256, G_ema.z_dim, generator=torch.Generator().manual_seed(0))
    generated, own = (F.avg_pool2d(x, 4).flatten(1) for x in (G_ema(z, noise_mode="const"), reals))
    fellows = torch.cdist(own, own) + torch.diag(torch.full([len(own)], torch.inf))
    nearest = torch.cdist(own, generated).min(dim=1).values
    print("distance to the nearest, in distances of the nearest fellow:", nearest / fellows.min(dim=1).values)
    return int((nearest < fellows.min(dim=1).values / 2).sum())


def _no_forging(resolution: int) -> Path:
    raise AssertionError("the data are given")
