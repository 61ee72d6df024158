"""The haze loss sees a veil on the background, leaves creatures alone, and needs a set on one colour."""

import dataclasses
import io
import zipfile

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.metrics.sprite import FOREGROUND
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.systems import losses
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from stylegan_pokemon.training.transfer.start import start_networks
from tests.training.pictures import tiny_config, write_dataset

WHITE = torch.ones(3)


def disc(background=1.0, body=-0.5, size=32):
    """A picture [1, 3, 32, 32] in [−1, 1] with a disc of radius 6."""
    y, x = np.mgrid[:size, :size] - size / 2 + 0.5
    return torch.where(torch.from_numpy(x**2 + y**2 < 36), body, background).expand(1, 3, -1, -1).clone()


def test_a_veil_costs_its_distance_times_the_share_of_pixels_away_from_the_creature():
    veiled = disc(background=1 - 2 * 0.05)  # 5 % of the full range
    creature = (disc()[0, 0] < 0).numpy()
    away = np.ones_like(creature)
    for y, x in zip(*np.nonzero(creature), strict=True):
        away[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = False
    (found,) = losses.haze(veiled, WHITE, FOREGROUND, reach=2)
    assert found == pytest.approx(0.05 * away.mean(), rel=1e-4)
    assert losses.haze(disc(), WHITE, FOREGROUND, reach=2).item() == 0


def test_it_pulls_the_veil_to_the_background_and_nothing_else():
    picture = disc(background=0.9).requires_grad_()
    losses.haze(picture, WHITE, FOREGROUND, reach=2).sum().backward()
    creature = disc()[0, 0] < 0
    assert (picture.grad[0].sum(dim=0)[creature] == 0).all()
    assert (picture.grad[0, :, 0, 0].sum() < 0).item()  # a step against it brightens the corner


@pytest.mark.parametrize(
    ("channels", "background", "veil"),
    [(1, (0.2,), 0.3), (4, (0, 0, 0, 0), -0.9), (3, (0.2, 0.4, -1.0), 0.3)],
)
def test_grey_coloured_and_transparent_backgrounds(channels, background, veil):
    clean = torch.tensor(background, dtype=torch.float32)[None, :, None, None].expand(1, -1, 16, 16).clone()
    if channels == 4:
        clean[:, 3] = -1  # invisible; what colour it has does not matter
        clean[:, :3] = torch.rand(1, 3, 16, 16)
    ground = torch.tensor(background, dtype=torch.float32)
    assert losses.haze(clean, ground, FOREGROUND, 1).item() == 0
    clean[:, channels - 1] = veil if channels != 3 else -0.9
    assert losses.haze(clean, ground, FOREGROUND, 1).item() == pytest.approx(0.05, abs=1e-5)


def haze_trainer(data, weight, background):
    config, dataset = tiny_config(data)
    config = dataclasses.replace(config, haze_loss=weight, background=background)
    return StyleGAN2Trainer(config, dataset, *start_networks(config, None)[:3])


def test_the_generator_gets_the_weighted_gradient_of_the_haze_of_its_own_pictures(tmp_path):
    data = write_dataset(tmp_path / "data.zip")
    gradients = []
    for weight in (0.0, 7.0):
        trainer = haze_trainer(data, weight, (128, 128, 128) if weight else ())
        for name, parameter in trainer.G.named_parameters():
            if name.endswith("torgb.weight"):
                parameter.data.mul_(0.1)  # nearly grey pictures: creatures on hazy ground
        trainer.G.requires_grad_(True)
        trainer.phases[0].accumulate(trainer.next_batch(), torch.Generator().manual_seed(3))
        gradients.append([p.grad.clone() for p in trainer.G.parameters()])
        trainer.G.zero_grad(set_to_none=True)
    latents = trainer._draw_latents(8, torch.Generator().manual_seed(3))
    pictures, _ = trainer._synthesize(trainer.G, latents)
    grey = torch.full((3,), 128 / 127.5 - 1)
    veil = losses.haze(pictures, grey, FOREGROUND, reach=1).mean()
    assert veil > 1e-3  # else there is nothing to compare
    expected = torch.autograd.grad(veil, list(trainer.G.parameters()), allow_unused=True)
    scale = max(g.abs().max() for g in expected if g is not None)
    for without, with_it, own in zip(*gradients, expected, strict=True):
        own = torch.zeros_like(without) if own is None else own
        assert (with_it - without - 7 * own).abs().max() < 1e-4 * scale


def test_a_configuration_with_the_loss_survives_json_and_one_without_its_colour_is_refused(tmp_path):
    config = haze_trainer(write_dataset(tmp_path / "data.zip"), 2.0, (1, 2, 3)).config
    values = config.to_json()
    assert TrainingConfig.from_json(values) == config
    with pytest.raises(ValueError, match="haze_loss"):
        TrainingConfig.from_json(values | {"background": []})
    older = {name: value for name, value in values.items() if name not in ("haze_loss", "background")}
    assert TrainingConfig.from_json(older).haze_loss == 0


def dry(*arguments):
    small = (
        "--resume",
        "none",
        "--channel-base",
        "128",
        "--channel-max",
        "8",
        "--metrics",
        "none",
        "--dry-run",
    )
    return CliRunner().invoke(finetune, [*map(str, arguments), *small])


def test_sets_on_one_colour_train_with_it_and_others_are_refused(tmp_path):
    plain = write_dataset(tmp_path / "plain.zip")
    result = dry("--data", plain)
    assert "haze loss" in result.output
    assert "colour 255 255 255" in result.output
    assert "haze loss" not in dry("--data", plain, "--haze-loss", 0).output
    assert "haze loss" not in dry("--data", plain, "--cfg", "auto").output
    mixed = tmp_path / "mixed.zip"
    with zipfile.ZipFile(mixed, "w") as archive:
        for index in range(12):
            data = io.BytesIO()
            Image.new("RGB", (16, 16), (20 * index, 90, 255 - 20 * index)).save(data, "PNG")
            archive.writestr(f"00000/img{index:08d}.png", data.getvalue())
    assert "haze loss" not in dry("--data", mixed).output
    refused = dry("--data", mixed, "--haze-loss", 20)
    assert refused.exit_code == 2
    assert "no background colour in common" in refused.output


def test_transparent_sets_have_the_invisible_as_their_background(tmp_path):
    path = tmp_path / "transparent.zip"
    random = np.random.RandomState(0)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(12):
            pixels = random.randint(0, 256, (16, 16, 4), dtype=np.uint8)
            pixels[..., 3] = 0
            pixels[4:12, 4:12, 3] = 255
            data = io.BytesIO()
            Image.fromarray(pixels).save(data, "PNG")
            archive.writestr(f"00000/img{index:08d}.png", data.getvalue())
    assert "colour 0 0 0 0" in dry("--data", path).output


def test_a_negative_weight_is_refused_in_a_sentence(tmp_path):
    result = dry("--data", write_dataset(tmp_path / "data.zip"), "--haze-loss", -1)
    assert result.exit_code == 2
    assert "--haze-loss -1 must be 0 or more; 0 leaves the loss out" in result.output
