"""--holdout: pictures that are never trained on, and what the discriminator makes of them."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from dataset_tool.creatures import creatures_of
from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.training.loop import train
from stylegan_pokemon.training.run_dir.held_out import HeldOutProbe, _order
from stylegan_pokemon.training.run_dir.state import generations
from tests.training.pictures import tiny_trainer, write_dataset
from tests.training.sameness import assert_same_run, stats, tensor_digests

SOURCES = [f"{folder}/{number}{form}.png" for number in range(1, 9) for folder, form in
           (("normal", ""), ("shiny", ""), ("normal", "-mega"))]  # fmt: skip
TINY = [
    *("--channel-base", "128", "--channel-max", "8", "--map-layers", "1", "--w-dim", "16", "--cfg", "auto"),
    *("--resume", "none", "--device", "cpu", "--batch", "8", "--metrics", "none"),
]


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "discs.zip", count=len(SOURCES), sources=SOURCES, classes=2)


def test_no_held_out_picture_is_ever_drawn(data, monkeypatch):
    """In three passes, mirrored too, every picture that is asked for and that D sees is one of the others."""
    trainer = tiny_trainer(data, holdout=0.25, mirror=True, aug="noaug")
    with SpriteDataset(data) as whole:
        pictures = whole.images(range(len(whole)))
    held = SpriteDataset.heldout(data, 0, 0.25)
    assert len(held) == 6  # two creatures of three forms
    assert not set(creatures_of(held.sources)) & set(creatures_of(trainer.dataset.sources))
    shown = set()
    for _ in range(3 * 2 * len(trainer.dataset) // 8 + 1):
        reals = trainer.next_batch().images
        trainer.images_shown += 8
        as_bytes = ((reals + 1) * 127.5).round().to(torch.uint8)
        for picture in as_bytes:
            shown |= {picture.numpy().tobytes(), picture.flip(2).contiguous().numpy().tobytes()}
    seen = [
        index
        for index, picture in enumerate(pictures)
        if picture.numpy().tobytes() in shown  # mirrored or not: both are in it
    ]
    assert [SOURCES[i] for i in seen] == list(trainer.dataset.sources)
    assert len(seen) == len(SOURCES) - 6


def run_of(folder, trainer, held):
    folder.mkdir(parents=True, exist_ok=True)
    train(trainer, folder, lambda line: None, show_bar=False, heldout=held)
    return folder


@pytest.mark.parametrize("options", [{}, {"cond": True, "mirror": True, "batch_gpu": 4}])
def test_asking_about_held_out_pictures_changes_no_weight(tmp_path, data, options):
    """Two runs on the same pictures, one of which has pictures held out to ask about."""
    options = options | {"holdout": 0.25}
    held = SpriteDataset.heldout(data, 0, 0.25)
    asked = run_of(tmp_path / "asked", tiny_trainer(data, **options), held)
    silent = run_of(tmp_path / "silent", tiny_trainer(data, **options), None)
    ours, theirs = (generations(run / "state")[0] for run in (asked, silent))
    assert tensor_digests(ours) == tensor_digests(theirs)
    for mine, other in zip(stats(asked), stats(silent), strict=True):
        extra = {name: mine.pop(name) for name in ("scores/heldout", "signs/heldout", "loss/D_heldout")}
        assert all(np.isfinite(value) for value in extra.values())
        assert -1 <= extra["signs/heldout"] <= 1
        mine.pop("r_v", None)
        assert mine == other


def test_a_continued_run_asks_the_same(tmp_path, data):
    held = SpriteDataset.heldout(data, 0, 0.25)
    whole = run_of(tmp_path / "whole" / "run", tiny_trainer(data, holdout=0.25), held)
    parts = tmp_path / "parts" / "run"
    run_of(parts, tiny_trainer(data, holdout=0.25, kimg=0.032), held)
    assert_same_run(whole, run_of(parts, tiny_trainer(data, holdout=0.25), held))


def test_r_v_follows_the_papers_equation(data, monkeypatch):
    """With a discriminator that says the mean brightness: 1 for white pictures, −1 for black ones."""
    held = SpriteDataset.heldout(data, 0, 0.25)
    trainer = tiny_trainer(data, holdout=0.25, aug="noaug")
    with torch.no_grad():
        for parameter in trainer.G.parameters():
            parameter.zero_()  # grey pictures: 0

    def brightness(images, c, force_fp32):
        return images.mean(dim=(1, 2, 3))[:, None]

    monkeypatch.setattr(trainer, "D", brightness_discriminator(brightness, trainer.D))
    probe = HeldOutProbe(trainer, _repeated(held, 8))
    probe.measure()
    train_mean = float((trainer.dataset.images(_order(trainer, "train", 18, 8)).double() / 127.5 - 1).mean())
    held_mean = _mean_of(held, _order(trainer, "heldout", 8, 8) % 6)
    values = probe.figures(trainer.statistics.means() | {"scores/real": 3.0, "signs/real": 0.25})
    assert np.isclose(values["scores/heldout"], 3.0 + held_mean - train_mean, atol=1e-6)
    assert np.isclose(values["r_v"], (train_mean - held_mean) / (train_mean - 0), atol=1e-6)
    assert set(values) == {"scores/real", "signs/real", "scores/heldout", "signs/heldout", "r_v"}


def test_a_discriminator_that_wanders_does_not_move_the_answers(data, monkeypatch):
    """Its scores of all pictures swing by ±5 from iteration to iteration; those of kinds differ by 1."""
    held = SpriteDataset.heldout(data, 0, 0.25)
    trainer = tiny_trainer(data, holdout=0.25, aug="noaug")
    probe, signs = HeldOutProbe(trainer, held), {"heldout": -0.5, "train": 0.5, "fake": -1.5}

    def scores(images, labels, n, rng):
        kind = "fake" if images is None else "train" if is_trained_on(images) else "heldout"
        return torch.full((n,), signs[kind] + (5 if trainer.images_shown // 8 % 2 else -5))

    known = (trainer.dataset.images(range(18)).float() / 127.5 - 1).flatten(1)

    def is_trained_on(images):
        return bool((torch.cdist(images.flatten(1), known).amin(dim=1) < 1e-3).all())

    monkeypatch.setattr(trainer, "scores", scores)
    for _ in range(7):  # an odd number: the swings do not cancel
        trainer.images_shown += 8
        probe.after_iteration()
    values = probe.figures(trainer.statistics.means() | {"scores/real": 0.2, "signs/real": 0.1})
    assert np.isclose(values["scores/heldout"], 0.2 - 1)
    assert np.isclose(values["signs/heldout"], 0.1)  # all signs were alike at every moment
    assert np.isclose(values["r_v"], 0.5)


def test_moments_are_spread_over_a_tick_and_do_not_depend_on_where_it_was_interrupted(data, monkeypatch):
    held = SpriteDataset.heldout(data, 0, 0.25)
    trainer = tiny_trainer(data, holdout=0.25, tick=1.024)
    probe, asked = HeldOutProbe(trainer, held), []
    monkeypatch.setattr(probe, "measure", lambda: asked.append(trainer.images_shown))
    for _ in range(256):
        trainer.images_shown += 8
        probe.after_iteration()
    assert asked == list(range(64, 2049, 64))


def brightness_discriminator(says, real):
    class Brightness(torch.nn.Module):
        config = real.config

        def features(self, images, force_fp32=False):
            return says(images, None, force_fp32)

        def logits(self, features, c):
            return features

    return Brightness()


def _mean_of(dataset, items):
    return float((dataset.images(items).double() / 127.5 - 1).mean())


class _repeated:
    """A data set of six pictures shown as one of many, so that every picture counts alike."""

    def __init__(self, dataset, length):
        self.dataset, self.length = dataset, length

    def __len__(self):
        return self.length

    def images(self, items):
        return self.dataset.images([item % len(self.dataset) for item in items])


def test_the_command_states_what_is_held_out_and_continues_with_it(tmp_path, data):
    def invoke(*arguments):
        return CliRunner().invoke(finetune, [str(argument) for argument in arguments])

    begun = invoke("--data", data, *TINY, "--holdout", 0.25, "--kimg", 0.016, "--tick", 0.016,
                   "--outdir", tmp_path / "runs")  # fmt: skip
    assert begun.exit_code == 0, begun.output
    assert "6 pictures of 2 creatures, all their forms; 0.25 of the set was asked for" in begun.output
    assert "18 pictures at 16×16" in begun.output
    run = tmp_path / "runs" / "00000-discs-fresh"
    config = json.loads((run / "config.json").read_text())
    assert (config["holdout"], config["images"]) == (0.25, 18)
    refused = invoke("--resume", run, "--kimg", 0.032, "--holdout", 0.5)
    assert refused.exit_code == 2
    assert "--holdout 0.5 (the run began with --holdout 0.25) cannot change" in refused.output
    continued = invoke("--resume", run, "--kimg", 0.032)
    assert continued.exit_code == 0, continued.output
    assert "6 pictures of 2 creatures" in continued.output
    assert ["scores/heldout" in record for record in stats(run)] == [True, True]


def test_the_pictures_of_a_tick_differ_and_small_sets_are_asked_whole(data):
    trainer = tiny_trainer(data, holdout=0.25)
    first = _order(trainer, "heldout", 100, 64)
    assert len(set(first.tolist())) == 64
    trainer.images_shown = 4000
    assert not np.array_equal(first, _order(trainer, "heldout", 100, 64))
    assert sorted(_order(trainer, "heldout", 3, 8).tolist()).count(0) in (2, 3)
