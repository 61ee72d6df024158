"""Networks of transparent sprites: what an RGB start begins with, training, and continuing bit by bit."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from dataset_tool.background import key_out
from stylegan_pokemon.checkpoint import load
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.render.images import on_white, synthesize, to_uint8
from stylegan_pokemon.training.transfer.cutout import cut_out
from stylegan_pokemon.training.transfer.networks import transfer
from tests.conftest import ROOT
from tests.training.pictures import tiny_trainer, write_dataset, write_transparent
from tests.training.sameness import assert_same_run
from tests.training.test_continuation import begun, continued, run_of
from tests.training.test_transfer import discriminator, generator, moved, revived

CLEAR = {"img_channels": 4, "premultiplied": True}


def over_white(pictures):
    """Premultiplied pictures [N, 4, H, W] in [−1, 1] on a white page: C + (1 − a) in [0, 1]."""
    colours, alpha = (pictures[:, :3] + 1) / 2, (pictures[:, 3:] + 1) / 2
    return (colours + 1 - alpha) * 2 - 1


@pytest.fixture(scope="module")
def start():
    """The generator of the embedded checkpoint."""
    return load(ROOT / "pretrained" / "creatures64.safetensors").G_ema


@pytest.fixture(scope="module")
def adapted(start):
    """The same with a fourth channel, as a run begins with it."""
    target = Generator(dataclasses.replace(start.config, **CLEAR)).eval().requires_grad_(False)
    transfer(target, start, "G", "G_ema")
    assert cut_out(target)
    return target


def unseen(G):
    """Pictures of seeds that the fit has not seen."""
    z = torch.randn(24, G.z_dim, generator=torch.Generator().manual_seed(9))
    return G(z, None, noise_mode="const", force_fp32=True)


def test_an_rgb_start_draws_the_same_pictures_over_white(start, adapted):
    pictures = unseen(adapted)
    assert pictures.isfinite().all()
    torch.testing.assert_close(over_white(pictures), unseen(start), rtol=0, atol=1e-4)


def test_the_start_s_background_is_invisible_from_the_first_picture_on(start, adapted):
    keyed = [key_out(Image.fromarray(p).convert("RGBA"), 24) for p in to_uint8(unseen(start))]
    truth = np.stack([np.asarray(picture)[..., 3] for picture in keyed]) / 255
    alpha = (unseen(adapted)[:, 3].numpy().clip(-1, 1) + 1) / 2
    assert np.abs(alpha - truth).mean() < 0.27 * truth.mean()  # of the creatures' area
    assert alpha[truth == 0].mean() < 0.1
    assert alpha[truth == 1].mean() > 0.75


def test_a_start_without_plain_background_begins_opaque():
    G = generator(img_channels=4, premultiplied=True)
    before = copy.deepcopy(G.state_dict())
    assert not cut_out(G)
    assert all(torch.equal(value, before[name]) for name, value in G.state_dict().items())


def test_a_discriminator_of_rgb_judges_sprites_as_it_judged_them_on_white():
    source, target = revived(discriminator()), discriminator(**CLEAR)
    moved(target, source)
    pictures = torch.rand(4, 4, 16, 16) * 2 - 1
    torch.testing.assert_close(target(pictures), source(over_white(pictures)))


def test_an_rgb_generator_continues_one_with_alpha_over_white():
    source, target = revived(generator(**CLEAR)), generator()
    moved(target, source)
    z = torch.randn(3, 12)
    torch.testing.assert_close(target(z, noise_mode="none"), over_white(source(z, noise_mode="none")))


def test_networks_pictures_are_straight_and_look_on_white_as_they_were_drawn():
    G = generator(**CLEAR)
    G.synthesis.b16.torgb.bias += torch.tensor([0, 0, 0, 0.6])
    ws = G.mapping(torch.randn(6, 12), None)
    drawn = ((G.synthesis(ws, noise_mode="none") + 1) / 2).clamp(0, 1)
    drawn = torch.cat([torch.minimum(drawn[:, :3], drawn[:, 3:]), drawn[:, 3:]], dim=1)
    seen = (drawn[:, :3] + 1 - drawn[:, 3:]).permute(0, 2, 3, 1).numpy() * 255
    pictures = np.stack(list(synthesize(G, ws, noise_mode="none")))
    assert np.abs(on_white(pictures) - seen).max() <= 2  # each of colour and alpha has its own half level
    assert not pictures[pictures[..., 3] == 0].any()


@pytest.fixture(scope="module")
def clear(tmp_path_factory):
    return write_transparent(tmp_path_factory.mktemp("data") / "discs.zip")


def test_a_run_knows_that_its_networks_are_premultiplied(clear, tmp_path):
    run = begun(tmp_path, clear, "--kimg", "0.016")
    networks = load(next((run / "snapshots").iterdir()))
    assert all(network.config.premultiplied for _, network in networks.items())
    assert json.loads((run / "config.json").read_text())["generator"]["premultiplied"] is True
    for name in ("reals.png", "fakes000000.000.png"):
        with Image.open(run / name) as picture:
            assert picture.mode == "RGB"
    with Image.open(run / "reals.png") as picture:
        assert picture.getpixel((0, 0)) == (255, 255, 255)


def test_a_continued_run_with_alpha_and_augmentation_is_the_same_bit_by_bit(clear, tmp_path):
    options = {"p": 0.7, "aug": "fixed"}
    whole, parts = tmp_path / "whole" / "run", tmp_path / "parts" / "run"
    run_of(whole, tiny_trainer(clear, **options))
    run_of(parts, tiny_trainer(clear, kimg=0.032, **options))
    run_of(parts, tiny_trainer(clear, **options))
    assert_same_run(whole, parts)


def test_a_run_with_alpha_cannot_continue_on_straight_alpha(clear, tmp_path):
    run = begun(tmp_path / "runs", clear, "--kimg", "0.016")
    straight = write_dataset(tmp_path / "straight.zip", mode="RGBA")
    with SpriteDataset(straight) as dataset:
        assert not dataset.facts.premultiplied
    result = continued(run, "--kimg", 0.032, "--data", straight)
    assert result.exit_code == 2
    assert "holds other pictures or labels" in result.output
