"""What the papers fix: configurations, optimisers, the averaged generator, how often each phase runs."""

import dataclasses
import json
import zipfile

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stylegan_pokemon.augment.pipeline import apply
from stylegan_pokemon.data.dataset import DatasetFacts
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import minibatch_std
from stylegan_pokemon.render.rows import classes_of_rows
from stylegan_pokemon.training.description import describe
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.settings.resolve import Options, Start, check, resolve
from stylegan_pokemon.training.systems import losses
from stylegan_pokemon.training.systems.draws import draw_latents, random_labels
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from stylegan_pokemon.training.systems.trainer import Batch
from stylegan_pokemon.training.systems.updates import update_average
from tests.training.pictures import tiny_trainer, write_dataset

# official_formats.md, section 3: batch, group, channel_base, lr, gamma, EMA kimg, ramp-up, mapping layers
TABLE = {
    ("auto", 32): (32, 4, 16384, 0.0025, 0.0002 * 32**2 / 32, 10, 0.05, 2),
    ("auto", 256): (16, 4, 16384, 0.0025, 0.0002 * 256**2 / 16, 5, 0.05, 2),
    ("auto", 512): (8, 4, 32768, 0.0025, 0.0002 * 512**2 / 8, 2.5, 0.05, 2),
    ("auto", 1024): (4, 4, 32768, 0.002, 0.0002 * 1024**2 / 4, 1.25, 0.05, 2),
    ("paper256", 256): (64, 8, 16384, 0.0025, 1, 20, None, 8),
    ("paper512", 512): (64, 8, 32768, 0.0025, 0.5, 20, None, 8),
    ("paper1024", 1024): (32, 4, 32768, 0.002, 2, 10, None, 8),
    ("stylegan2", 256): (32, 4, 32768, 0.002, 10, 10, None, 8),
}


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "discs.zip", classes=3)


@pytest.mark.parametrize(("cfg", "resolution"), TABLE)
def test_presets_are_those_of_the_papers(cfg, resolution):
    facts = DatasetFacts("d.zip", 100, resolution, 3, (), "", ())
    config = resolve(Options(cfg=cfg), facts, None, "cpu", "fp32")
    d = config.discriminator
    found = (config.batch, d["mbstd_group_size"], d["channel_base"], config.lr, config.r1_gamma)
    found += (config.ema_kimg, config.ema_rampup, config.generator["num_layers"])
    assert found == pytest.approx(TABLE[cfg, resolution], nan_ok=True)
    assert (d["channel_max"], config.generator["w_dim"]) == (512, 512)
    assert (config.ada_target, config.ada_kimg, config.augpipe) == (0.6, 500, "bgc")
    assert config.batch_gpu >= d["mbstd_group_size"]


@pytest.mark.parametrize("resolution", [16, 32, 128, 256, 512, 1024])
def test_sprites_up_to_128_leave_out_what_hurts_thin_fresh_networks(resolution):
    facts = DatasetFacts("d.zip", 100, resolution, 3, (), "", ())
    config = resolve(Options(), facts, None, "cpu", "fp32")
    small = resolution <= 128
    found = (config.pl_weight, config.style_mixing, config.generator["use_noise"])
    assert found == ((0, 0, False) if small else (2, 0.9, True))
    assert config.lr == (0.005 if small else 0.0025 if resolution < 1024 else 0.002)
    assert (config.batch, config.ema_kimg) == (8, 2.5)
    assert config.r1_gamma == pytest.approx(max(10, 0.0002 * resolution**2 / 8))


@pytest.mark.parametrize(
    ("options", "group"),
    [
        ({"batch": 8}, "4,"),
        ({"batch": 8, "batch_gpu": 2}, "2 (the checkpoint's or preset's 4 does not fit into --batch-gpu)"),
        ({"batch": 6}, "3 (the checkpoint's or preset's 4 does not divide --batch 6)"),
        ({"batch": 3}, "3,"),
    ],
)
def test_the_dry_run_says_which_minibatch_std_group_there_will_be(options, group):
    facts = DatasetFacts("d.zip", 100, 16, 3, (), "", ())
    config = resolve(Options(**options), facts, None, "cpu", "fp32")
    assert f"minibatch-std group {group}" in describe(config, 0, 0, facts)
    # The groups of the network itself: as many as there are different values in the channel it appends.
    pictures = torch.randn(config.batch, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    part = pictures[: config.batch_gpu]
    appended = minibatch_std(part, config.discriminator["mbstd_group_size"])[:, 1, 0, 0]
    assert int(group.split(",")[0].split()[0]) * len(appended.unique()) == len(part)


def test_a_regulariser_of_weight_zero_costs_no_phase_and_no_learning_rate(data):
    trainer = tiny_trainer(data, cfg="sprites", gamma=0.0)
    assert [phase.name for phase in trainer.phases] == ["Gmain", "Dmain"]
    for optimizer in (trainer.opt_G, trainer.opt_D):
        assert optimizer.param_groups[0]["lr"] == 0.005
        assert optimizer.param_groups[0]["betas"] == (0, 0.99)
    trainer.iteration()
    assert trainer._draw_latents(4, torch.Generator()).noise is None


def test_fine_tuning_speeds_ada_up_and_ramps_the_average_from_half_a_kimg(data):
    trainer = tiny_trainer(data)
    facts = trainer.dataset.facts
    start = Start("x.pkl", "", trainer.G.config, trainer.D.config)
    config = resolve(Options(), facts, start, "cpu", "fp32")
    assert config.ada_kimg == 100
    # A short fine-tuning under `sprites` is not averaged with its start; the papers have no ramp-up here.
    assert (config.ema_kimg, config.ema_rampup, config.ema_floor_kimg) == (2.5, 0.05, 0.5)
    assert resolve(Options(cfg="auto"), facts, start, "cpu", "fp32").ema_rampup is None


def test_half_precision_configures_four_resolutions_and_the_clamp():
    facts = DatasetFacts("d.zip", 100, 256, 3, (), "", ())
    config = resolve(Options(), facts, None, "cuda:0", "fp16")
    for network in (config.generator, config.discriminator):
        assert (network["num_fp16_res"], network["conv_clamp"]) == (4, 256)


def test_lazy_regularisation_stretches_rate_and_decay(data):
    trainer = tiny_trainer(data, lr=0.004)
    for optimizer, interval in ((trainer.opt_G, 4), (trainer.opt_D, 16)):
        r = interval / (interval + 1)
        group = optimizer.param_groups[0]
        assert group["lr"] == pytest.approx(0.004 * r)
        assert group["betas"] == (0, pytest.approx(0.99**r))
        assert group["eps"] == 1e-8


def test_sixteen_iterations_run_path_lengths_four_times_and_r1_once(data, monkeypatch):
    trainer = tiny_trainer(data)
    ran = []
    monkeypatch.setattr(trainer, "_accumulate_gradients", lambda phase, reals: ran.append(phase.name) or [])
    monkeypatch.setattr(trainer, "_check_gradients", lambda name, parameters: None)
    for _ in range(16):
        trainer.iteration()
    assert {name: ran.count(name) for name in ran} == {"Gmain": 16, "Greg": 4, "Dmain": 16, "Dreg": 1}
    assert ran[:4] == ["Gmain", "Greg", "Dmain", "Dreg"]


@pytest.mark.parametrize(
    ("rampup", "floor", "half_life"), [(None, 0.0, 2500), (0.05, 0.0, 50), (0.05, 0.5, 500), (4.0, 0.5, 2500)]
)
def test_the_averaged_generator_follows_with_its_half_life(data, rampup, floor, half_life):
    trainer = tiny_trainer(data)
    object.__setattr__(trainer.config, "ema_rampup", rampup)
    object.__setattr__(trainer.config, "ema_floor_kimg", floor)
    object.__setattr__(trainer.config, "ema_kimg", 2.5)
    trainer.images_shown = 1000
    before = trainer.G_ema.synthesis.b4.const.clone()
    with torch.no_grad():
        trainer.G.synthesis.b4.const.add_(1)
        trainer.G.mapping.w_avg.fill_(7)
    update_average(trainer.G_ema, trainer.G, trainer.config, trainer.images_shown)
    kept = 0.5 ** (trainer.config.batch / half_life)
    torch.testing.assert_close(trainer.G_ema.synthesis.b4.const, before + (1 - kept))
    assert trainer.G_ema.mapping.w_avg.eq(7).all()  # buffers are copied


def test_the_weights_of_the_regularisers(data):
    """Accumulated gradients of Greg and Dreg equal those of the losses as the papers write them."""
    trainer = tiny_trainer(data, gamma=3.0, aug="fixed", p=0.7)
    batch = trainer.next_batch()
    trainer.D.requires_grad_(True)
    trainer._r1_regularization(batch, torch.Generator().manual_seed(5))
    augmentation = trainer._draw_augmentation(8, torch.Generator().manual_seed(5))
    reals = batch.images.clone().requires_grad_()
    logits = trainer.D(apply(reals, augmentation))
    (gradient,) = torch.autograd.grad(logits.sum(), reals, create_graph=True)  # through the augmentation
    loss = 3.0 / 2 * gradient.square().sum(dim=(1, 2, 3)).mean() * 16
    expected = torch.autograd.grad(loss, list(trainer.D.parameters()), allow_unused=True)
    for parameter, value in zip(trainer.D.parameters(), expected, strict=True):
        if value is not None:
            torch.testing.assert_close(parameter.grad, value, rtol=1e-4, atol=1e-5)
    trainer.D.requires_grad_(False)
    trainer.G.requires_grad_(True)
    trainer.pl_mean.fill_(0.3)
    trainer._path_length_regularization(batch, torch.Generator().manual_seed(6))
    source = torch.Generator().manual_seed(6)
    latents = draw_latents(trainer.G, 4, source, None, torch.device("cpu"), 0.9)
    direction = torch.randn(4, 3, 16, 16, generator=source)
    images, ws = trainer._synthesize(trainer.G, latents)
    lengths = losses.path_lengths(images, ws, direction)
    moved = torch.tensor(0.3).lerp(lengths.mean(), 0.01)
    loss = (lengths - moved).square().mean() * 2 * 4
    expected = torch.autograd.grad(loss, list(trainer.G.parameters()), allow_unused=True)
    for parameter, value in zip(trainer.G.parameters(), expected, strict=True):
        if value is not None:
            torch.testing.assert_close(parameter.grad, value, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(trainer.pl_mean, moved.detach())


def assert_gradients(network, loss):
    """What a phase has accumulated equals the gradients of a loss."""
    parameters = list(network.parameters())
    expected = torch.autograd.grad(loss, parameters, materialize_grads=True)
    for parameter, value in zip(parameters, expected, strict=True):
        found = torch.zeros_like(value) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(found, value, rtol=1e-4, atol=1e-5)


def whatever_class(D, pictures):
    """Logits [N, 1]: the mean over all labels, one asked at a time."""
    labels = torch.eye(D.c_dim)
    return torch.stack([D(pictures, label.expand(len(pictures), -1)) for label in labels]).mean(0)


@pytest.mark.parametrize("uncond_loss", [0, 0.3])
def test_the_generator_is_judged_whatever_the_class_too(data, uncond_loss):
    trainer = tiny_trainer(data, cfg="sprites", cond=True, uncond_loss=uncond_loss)
    trainer.G.requires_grad_(True)
    trainer._generator_main(trainer.next_batch(), torch.Generator().manual_seed(5))
    source = torch.Generator().manual_seed(5)
    latents, augmentation = trainer._draw_latents(8, source), trainer._draw_augmentation(8, source)
    fakes = apply(trainer._synthesize(trainer.G, latents)[0], augmentation)
    loss = F.softplus(-trainer.D(fakes, latents.c))
    plain = F.softplus(-whatever_class(trainer.D, fakes))
    assert_gradients(trainer.G, (loss + uncond_loss * plain).mean())
    told = trainer.statistics.means()
    assert ("loss/G_uncond" in told) == bool(uncond_loss)
    assert told["loss/G"] == pytest.approx(float(loss.detach().mean()), rel=1e-4)


@pytest.mark.parametrize(
    ("balance", "told", "uncond"), [(True, 0.7, 0), (False, 0.7, 0), (False, 0.7, 0.3), (False, 0, 1)]
)
@pytest.mark.parametrize("batch_gpu", [8, 4])
def test_the_discriminator_learns_classes_from_real_pictures(data, batch_gpu, balance, told, uncond):
    """Gradients of Dmain equal those of all its losses; that of classes is a softmax over labels' logits."""
    options = {"cond": True, "class_loss": told, "uncond_loss": uncond, "balance": balance}
    options["batch_gpu"] = batch_gpu
    trainer = tiny_trainer(data, cfg="sprites", **options)
    config = dataclasses.replace(trainer.config, class_sizes=(6, 0, 2))
    trainer = StyleGAN2Trainer(config, trainer.dataset, trainer.G, trainer.D, trainer.G_ema)
    c = F.one_hot(torch.tensor([0, 2, 0, 0, 2, 0, 0, 0]), 3).float()
    batch = Batch(trainer.next_batch().images, c)
    trainer.D.requires_grad_(True)
    trainer._discriminator_main(batch, torch.Generator().manual_seed(5))
    source = torch.Generator().manual_seed(5)
    latents = trainer._draw_latents(8, source)
    augmentations = [trainer._draw_augmentation(8, source) for _ in "ab"]
    reals = apply(batch.images, augmentations[1])
    fakes = apply(trainer._synthesize(trainer.G, latents)[0], augmentations[0]).detach()
    loss = F.softplus(trainer.D(fakes, latents.c)) + F.softplus(-trainer.D(reals, c))
    odds = {label: trainer.D(reals, F.one_hot(torch.full((8,), label), 3).float()).exp() for label in (0, 2)}
    odds = {0: odds[0] * (1 / 2 if balance else 6 / 8), 2: odds[2] * (1 / 2 if balance else 2 / 8)}
    right = sum(odds[label] * c[:, label, None] for label in odds) / (odds[0] + odds[2])
    plain = F.softplus(whatever_class(trainer.D, fakes)) + F.softplus(-whatever_class(trainer.D, reals))
    assert_gradients(trainer.D, (loss - told * right.log() + uncond * plain).mean())
    assert (trainer.statistics.means().get("loss/D_class", 0) > 0) == bool(told)


@pytest.mark.parametrize(("cfg", "weights"), [("sprites", (0.5, 1)), ("auto", (0, 0)), ("paper256", (0, 0))])
def test_classes_are_told_apart_with_sprites_and_classes_alone(cfg, weights):
    facts = DatasetFacts("d.zip", 100, 16, 3, ("a", "b"), "", (60, 40))
    config = resolve(Options(cfg=cfg, cond=True), facts, None, "cpu", "fp32")
    assert (config.class_loss, config.uncond_loss) == weights
    assert TrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    networks = (
        GeneratorConfig.from_json(config.generator), DiscriminatorConfig.from_json(config.discriminator)
    )  # fmt: skip
    for known in (("a", "b"), ("b", "c", "a"), ()):  # (): as many, but not named
        start = Start("x", "", *networks, classes=known)
        config = resolve(Options(cfg=cfg, cond=True, adapt=True), facts, start, "cpu", "fp32")
        assert (config.class_loss, config.uncond_loss) == (0, 0)
    unnamed = Start("x", "", dataclasses.replace(networks[0], c_dim=3), networks[1])
    config = resolve(Options(cfg=cfg, cond=True, adapt=True), facts, unnamed, "cpu", "fp32")
    assert (config.class_loss, config.uncond_loss) == (0, 0)
    # Some are new, or all, or one has had no pictures.
    for other in ((("b", "c"), ()), (("c", "d"), ()), (("a", "b"), (5, 0))):
        start = Start("x", "", *networks, *other)
        config = resolve(Options(cfg=cfg, cond=True, adapt=True), facts, start, "cpu", "fp32")
        assert (config.class_loss, config.uncond_loss) == weights
    config = resolve(Options(cfg=cfg), facts, None, "cpu", "fp32")
    assert (config.class_loss, config.uncond_loss) == (0, 0)
    config = resolve(Options(cfg=cfg, cond=True, class_loss=0.2, uncond_loss=3), facts, None, "cpu", "fp32")
    assert (config.class_loss, config.uncond_loss) == (0.2, 3)
    text = describe(resolve(Options(cfg=cfg, cond=True), facts, None, "cpu", "fp32"), 0, 0, facts)
    assert ("class loss" in text) == ("uncond loss" in text) == any(weights)


def test_a_class_on_its_own_is_always_right(tmp_path):
    trainer = tiny_trainer(write_dataset(tmp_path / "one.zip", classes=1), cfg="sprites", cond=True)
    trainer.iteration()
    assert trainer.statistics.means()["loss/D_class"] == 0


@pytest.mark.parametrize(("options", "sentence"), [
    ({"class_loss": -1.0, "cond": True}, "--class-loss -1 must be 0"),
    ({"class_loss": 0.5}, "--class-loss 0.5 needs --cond; add it"),
    ({"uncond_loss": float("inf"), "cond": True}, "--uncond-loss inf must be 0"),
    ({"uncond_loss": 1}, "--uncond-loss 1 needs --cond; add it"),
])  # fmt: skip
def test_a_weight_of_a_loss_for_classes_that_makes_no_sense_is_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        check(Options(**options))


def test_the_path_length_mean_starts_at_the_first_lengths_and_not_at_zero(data):
    trainer = tiny_trainer(data)
    trainer.G.requires_grad_(True)
    trainer._path_length_regularization(trainer.next_batch(), torch.Generator().manual_seed(1))
    means = trainer.statistics.means()
    assert float(trainer.pl_mean) == pytest.approx(means["pl/length"], rel=1e-5)


def test_ninety_percent_of_the_pictures_mix_two_latents_at_any_layer(data):
    trainer = tiny_trainer(data)
    draw = draw_latents(trainer.G, 4000, torch.Generator().manual_seed(0), None, torch.device("cpu"), 0.9)
    mixed = draw.crossover < trainer.G.num_ws
    assert mixed.float().mean() == pytest.approx(0.9, abs=0.02)
    counts = torch.bincount(draw.crossover[mixed], minlength=trainer.G.num_ws)[1 : trainer.G.num_ws]
    assert counts.min() > 0.8 * counts.max()


def test_labels_of_generated_pictures_are_as_frequent_as_in_the_data():
    labels = torch.tensor([0, 0, 0, 2])
    drawn = random_labels(labels, 3, 8000, torch.Generator().manual_seed(0)).mean(dim=0)
    assert drawn.tolist() == pytest.approx([0.75, 0, 0.25], abs=0.02)


def test_p_moves_after_four_iterations_and_w_avg_at_every_one(data):
    trainer = tiny_trainer(data, target=-1.0)
    w_avg = trainer.G.mapping.w_avg.clone()
    for index in range(4):
        assert trainer.ada.p == 0
        trainer.iteration()
        assert not torch.equal(w_avg, trainer.G.mapping.w_avg)
        w_avg = trainer.G.mapping.w_avg.clone()
        assert trainer.images_shown == 8 * (index + 1)
    assert trainer.ada.p == pytest.approx(4 * 8 / 500_000)


def test_mirroring_shows_pictures_both_ways(data):
    trainer = tiny_trainer(data, mirror=True)
    shown = []
    for _ in range(3):  # 24 items: one pass over 12 pictures and their mirror images
        shown.append(trainer.next_batch().images)
        trainer.images_shown += 8
    shown = torch.cat(shown)
    originals = trainer.dataset.images(np.arange(12)).float() / 127.5 - 1
    both = torch.cat([originals, originals.flip(3)])
    distances = torch.cdist(shown.flatten(1), both.flatten(1))
    assert (distances < 1e-3).sum(dim=0).ge(1).all()


def test_balanced_training_shows_and_draws_every_class_equally_often(tmp_path):
    data = write_dataset(tmp_path / "discs.zip", count=13, classes=3)
    with zipfile.ZipFile(data) as archive:
        description = json.loads(archive.read("dataset.json"))
        pictures = {name: archive.read(name) for name in archive.namelist() if name.endswith(".png")}
    for i, pair in enumerate(description["labels"]):
        pair[1] = 0 if i < 10 else 1 if i < 12 else 2
    with zipfile.ZipFile(tmp_path / "uneven.zip", "w") as archive:
        for name, content in pictures.items():
            archive.writestr(name, content)
        archive.writestr("dataset.json", json.dumps(description))
    shown = {}
    for balance in (False, True):
        trainer = tiny_trainer(tmp_path / "uneven.zip", cond=True, batch=12, balance=balance)
        counts = torch.zeros(2, 3)
        for step in range(10):
            trainer.images_shown = 12 * step
            counts[0] += trainer.next_batch().c.sum(0)
            counts[1] += trainer._draw_latents(12, torch.Generator().manual_seed(step)).c.sum(0)
        shown[balance] = counts
    assert shown[True][0].tolist() == [40, 40, 40]
    assert shown[True][1].min() > 25
    assert shown[False][0][0] > 85
    assert shown[False][1][0] > 75


def test_a_row_of_the_grid_is_a_class_with_pictures():
    assert classes_of_rows(3, (), 5) == [0, 1, 2, 0, 1]
    assert classes_of_rows(4, (9, 0, 2, 1), 5) == [0, 2, 3, 0, 2]
    assert classes_of_rows(18, (), 6) == [0, 1, 2, 3, 4, 5]  # as in runs that know no sizes
    assert classes_of_rows(18, (1,) * 18, 6) == [0, 3, 6, 9, 12, 15]
    assert classes_of_rows(2, (0, 0), 3) == [0, 1, 0]


@pytest.mark.parametrize(
    "damage",
    [
        {"class_sizes": ["a", "b"]}, {"class_sizes": [5]}, {"class_sizes": [0, 0]}, {"class_sizes": [-1, 2]},
        {"class_sizes": []}, {"class_sizes": 3}, {"classes": "ab"}, {"class_loss": -1.0},
        {"class_loss": float("nan")}, {"uncond_loss": -1.0},
    ],
)  # fmt: skip
def test_a_damaged_account_of_classes_is_no_configuration(damage):
    facts = DatasetFacts("d.zip", 100, 16, 3, ("a", "b"), "", (60, 40))
    values = resolve(Options(cond=True), facts, None, "cpu", "fp32").to_json()
    TrainingConfig.from_json(values)
    with pytest.raises(ValueError, match=r"class|uncond_loss is -1"):
        TrainingConfig.from_json(values | damage)


def test_a_run_from_before_class_sizes_goes_on_without_them():
    facts = DatasetFacts("d.zip", 100, 16, 3, ("a", "b"), "", (60, 40))
    values = resolve(Options(cond=True, class_loss=0.0, uncond_loss=0), facts, None, "cpu", "fp32").to_json()
    del values["class_sizes"], values["class_loss"], values["uncond_loss"]
    config = TrainingConfig.from_json(values)
    assert (config.class_sizes, config.class_loss, config.uncond_loss) == ((), 0.0, 0.0)
