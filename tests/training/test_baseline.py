"""`finetune.py --arch`: earlier systems leave the same runs, which continue exactly and draw pictures."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.baselines import objectives
from stylegan_pokemon.baselines.recipes import RECIPES, recipe_of
from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.cli.generate import main as generate
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training import loop
from stylegan_pokemon.training.registry import new_networks, new_trainer, system_of
from stylegan_pokemon.training.settings.check import check_system
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.settings.options import Options
from stylegan_pokemon.training.systems.baseline import BaselineTrainer
from stylegan_pokemon.training.systems.trainer import Batch
from tests.training.pictures import write_dataset
from tests.training.sameness import assert_same_run

SMALL = {"dcgan-tricks": 28, "progan": 32}
"""The smallest size of those that draw several."""


@pytest.fixture(scope="module")
def zips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return {n: write_dataset(folder / f"discs{n}.zip", 16, resolution=n, classes=2) for n in (32, 64, 128)}


def run(zips, outdir, arch, *more):
    size = SMALL.get(arch, RECIPES[arch].sizes[0])
    data = zips[min(n for n in zips if n >= size)]
    arguments = [
        *("--data", data, "--arch", arch, "--outdir", outdir, "--device", "cpu", "--batch", 4),
        *("--kimg", 0.008, "--tick", 0.004, "--metrics", "none", *more),
    ]
    arguments += ["--size", SMALL[arch]] if arch in SMALL else []
    result = CliRunner().invoke(finetune, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return next(outdir.iterdir()), result.output


def trainer(zips, arch, **options):
    options = {"arch": arch, "batch": 4, "metrics": "none", "size": SMALL.get(arch)} | options
    precision = options.pop("precision", "fp32")
    options = Options(**options)
    size = recipe_of(options.arch).size(64, options.size)
    path = zips[min(n for n in zips if n >= size)]
    system = system_of(arch)
    dataset = SpriteDataset(path, size_of=system.size_of(options.size))
    config = system.resolve(options, dataset, None, "cpu", precision)
    return new_trainer(config, dataset, *new_networks(config))


@pytest.mark.parametrize("arch", list(RECIPES))
def test_a_run_has_everything_that_other_runs_have(zips, tmp_path, arch):
    more = ["--cond", "--mirror"] if arch != "convgan120" else []
    more += ["--metrics", "fd,nn"] if arch == "dcgan-tricks" else []
    folder, said = run(zips, tmp_path / "runs", arch, *more)
    size = SMALL.get(arch, RECIPES[arch].sizes[0])
    assert folder.name == f"00000-discs{'128' if size > 64 else 64 if size > 32 else 32}-{arch}"
    assert RECIPES[arch].assumed in " ".join(said.split())
    files = {path.name for path in folder.iterdir()}
    expected = {"config.json", "reals.png", "stats.jsonl", "progression.gif", "snapshots", "state"}
    assert expected | {"report.html"} <= files
    assert len(list(folder.glob("fakes*.png"))) == 3  # at the start and after two ticks
    assert arch in (folder / "report.html").read_text(encoding="utf-8")
    record = json.loads((folder / "stats.jsonl").read_text().splitlines()[-1])
    assert {"loss/G", "loss/D_fake", "loss/D_real", "scores/real", "r_t", "sec_per_kimg"} <= set(record)
    if arch == "dcgan-tricks":
        assert record["metrics"]["values"]["fd_efficientnet_lite1"]["value"] > 0
        assert 0 <= record["metrics"]["memorisation"]["near_copies"] <= 1
    assert all(np.isfinite(value) for value in record.values() if isinstance(value, float))
    with Image.open(folder / "reals.png") as reals:
        assert reals.width % size == 0
    drawn = ["--network", str(folder), "--seeds", "0-2", "--outdir", str(tmp_path / "out"), "--trunc", "0.7"]
    drawn += ["--class", "1"] if more[:1] == ["--cond"] else []
    result = CliRunner().invoke(generate, drawn)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "out" / "seed0000.png") as picture:
        assert picture.size == (size, size)


@pytest.mark.parametrize(
    ("arch", "precision"),
    [
        ("dcgan64-balanced", "fp32"),
        ("dcgan-tricks", "bf16"),
        ("progan", "fp32"),
        pytest.param("progan", "bf16", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_stops_and_continues_is_the_run_that_does_not(zips, tmp_path, arch, precision):
    more = ["--precision", precision]
    whole, _ = run(zips, tmp_path / "a", arch, *more)
    config = json.loads((whole / "config.json").read_text())
    assert config["precision"] == precision
    # Phases of growing are planned at the start: so the second run is stopped, not shorter.
    halves, _ = run(zips, tmp_path / "b", arch, *more, "--hours", 1e-9)
    assert not (halves / "stats.jsonl").exists()
    result = CliRunner().invoke(finetune, ["--resume", str(halves), "--precision", precision])
    assert result.exit_code == 0, result.output
    assert_same_run(whole, halves)


def test_both_optimisers_move_and_the_average_is_the_generator(zips):
    one = trainer(zips, "dcgan-tricks")
    parameters = [*one.G.parameters(), *one.D.parameters()]
    before = [parameter.clone() for parameter in parameters]
    one.iteration()
    assert not any(torch.equal(a, b) for a, b in zip(parameters, before, strict=True))
    for (name, a), b in zip(one.G.state_dict().items(), one.G_ema.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    rates = [optimizer.param_groups[0]["lr"] for optimizer in (one.opt_G, one.opt_D)]
    assert rates == pytest.approx([1e-4, 2e-4])


@pytest.mark.parametrize("arch", RECIPES)
def test_bfloat16_trains_like_float32_and_leaves_pictures_and_weights_in_float32(zips, arch):
    losses, steps = [], []
    for precision in ("fp32", "bf16"):
        one = trainer(zips, arch, precision=precision)
        before = torch.cat([parameter.flatten().clone() for parameter in one.D.parameters()])
        one.iteration()
        means = one.statistics.means()
        losses.append(torch.tensor([means[name] for name in ("loss/D_fake", "loss/D_real", "loss/G")]))
        steps.append(torch.cat([parameter.flatten() for parameter in one.D.parameters()]) - before)
        assert {tensor.dtype for tensor in one.D.state_dict().values()} == {torch.float32}
        with one._cast():
            pictures = one.G(*one._draw(torch.Generator()))
            assert pictures.dtype == one.D(pictures).dtype == torch.float32
    difference = (losses[0] - losses[1]).abs()
    assert 0 < difference.max() < 0.05  # of losses around 1; not 0, so it is bfloat16 indeed
    assert torch.cosine_similarity(*steps, dim=0) > 0.9  # Adam's first step is the sign of every gradient


@pytest.mark.parametrize("arch", list(RECIPES))
def test_a_step_of_the_discriminator_asks_what_its_recipe_says(zips, monkeypatch, arch):
    one = trainer(zips, arch)
    recipe, D = one.recipe, one.D
    kinds, pictures, answers, judged, penalties = [], [], [], [], []
    forward, penalty = D.forward, objectives.gradient_penalty
    drawn = objectives.discriminator_loss

    def watched(images, c=None, **more):
        pictures.append(images)
        answers.append(forward(images, c, **more))
        return answers[-1]

    def loss(logits, recipe, real, source):
        kinds.append(real)
        return drawn(logits, recipe, real, source)

    def waits(logits, recipe):
        judged.append(logits)
        return False

    def slope(*arguments):
        penalties.append(penalty(*arguments))
        return penalties[-1]

    monkeypatch.setattr(D, "forward", watched)
    monkeypatch.setattr(objectives, "discriminator_loss", loss)
    monkeypatch.setattr(objectives, "waits", waits)
    monkeypatch.setattr(objectives, "gradient_penalty", slope)
    batch = grown_batch(one)
    D.requires_grad_(True)
    one._discriminator_gradients(batch, torch.Generator().manual_seed(5))
    fakes, reals = pictures[:2]
    assert kinds == [False, True]
    assert torch.equal(reals, batch.images)
    assert not torch.equal(fakes, reals)
    assert len(judged) == 1
    assert judged[0] is answers[0]  # the rule that waits asks about fakes
    # Only a critic has a penalty on its slope.
    assert len(penalties) == (recipe.family == "progan")
    groups = [optimizer.param_groups[0]["betas"] for optimizer in (one.opt_G, one.opt_D)]
    assert groups == [recipe.betas] * 2


def test_the_discriminator_of_progressive_growing_learns_by_wgan_gp(zips):
    """Its gradients are those of E[fake] − E[real] + 10·(slope − 1)², and of a drift of real scores to 0."""
    one = trainer(zips, "progan")
    reals = grown_batch(one).images
    one.D.requires_grad_(True)
    one._discriminator_gradients(Batch(reals, None), torch.Generator().manual_seed(5))
    source = torch.Generator().manual_seed(5)
    z, _ = one._draw(source)
    fakes = one.G(z).detach()
    real, fake = one.D(reals), one.D(fakes)
    share = torch.rand(4, 1, 1, 1, generator=source)
    between = (fakes + share * (reals - fakes)).requires_grad_()
    (slope,) = torch.autograd.grad(one.D(between).sum(), between, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square()
    loss = fake.mean() - real.mean() + 1e-3 * real.square().mean() + 10 * penalty.mean()
    known = [(p, p.grad) for p in one.D.parameters() if p.grad is not None]
    assert len(known) > 10
    for (_, found), expected in zip(known, torch.autograd.grad(loss, [p for p, _ in known]), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)


def test_too_little_memory_for_a_batch_names_the_batch(zips, tmp_path, monkeypatch):
    def short(*_, **__):
        raise torch.OutOfMemoryError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(BaselineTrainer, "_discriminator_gradients", short)
    arguments = ["--data", zips[64], "--arch", "dcgan64", "--outdir", tmp_path, "--device", "cpu"]
    result = CliRunner().invoke(finetune, [*map(str, arguments), "--kimg", "0.01", "--batch", "4"])
    assert result.exit_code == 2
    _, found, said = result.output.partition("too little memory for a batch of 4 pictures; ")
    assert found
    assert "begin a new run with a smaller --batch" in said
    assert "--device" not in said
    elsewhere = dataclasses.replace(trainer(zips, "dcgan64").config, device="cuda:0")
    assert loop._too_little(elsewhere).endswith("begin a new run with a smaller --batch, or --device cpu")


def test_the_penalty_of_a_critic_with_classes_lies_between_pictures_of_one_class(zips, monkeypatch):
    one = trainer(zips, "progan", cond=True)
    asked, penalised = [], []
    forward, penalty = one.G.forward, objectives.gradient_penalty
    monkeypatch.setattr(one.G, "forward", lambda z, c, **more: asked.append(c) or forward(z, c, **more))

    def slope(critic, reals, fakes, source):
        penalised.append((fakes, forward_of(critic)))
        return penalty(critic, reals, fakes, source)

    def forward_of(critic):
        return critic.keywords["c"]

    monkeypatch.setattr(objectives, "gradient_penalty", slope)
    batch = grown_batch(one)
    one.D.requires_grad_(True)
    one._discriminator_gradients(batch, torch.Generator().manual_seed(5))
    ((fakes, labels),) = penalised
    assert torch.equal(labels, batch.c)
    assert torch.equal(asked[-1], batch.c)
    assert not torch.equal(asked[0], batch.c)  # fakes to judge have labels of their own
    assert fakes.shape == batch.images.shape


@pytest.mark.parametrize(("balance", "share"), [(True, 1 / 2), (False, 1 / 16)])
def test_labels_are_drawn_as_often_as_in_the_set_or_all_alike(zips, balance, share):
    one = trainer(zips, "dcgan64", cond=True, balance=balance, batch=400)
    one.dataset.labels = torch.tensor([0] * 15 + [1])
    _, c = one._draw(torch.Generator().manual_seed(1))
    assert c[:, 1].mean().item() == pytest.approx(share, abs=0.06)


def test_scores_are_positive_for_what_the_discriminator_takes_for_real(zips):
    for arch in ("dcgan64", "dcgan64-balanced"):
        one = trainer(zips, arch)
        for _ in range(10):  # the discriminator alone, against an untrained generator
            one.D.requires_grad_(True)
            one.opt_D.zero_grad()
            one._discriminator_gradients(one.next_batch(), torch.Generator().manual_seed(5))
            one.opt_D.step()
        means = one.statistics.means()
        assert means["scores/real"] > means["scores/fake"], arch


@pytest.mark.parametrize("waits", [False, True])
def test_a_discriminator_that_waits_stays_as_it_is(zips, monkeypatch, waits):
    monkeypatch.setattr(objectives, "waits", lambda *_: waits)
    one = trainer(zips, "dcgan64-balanced")
    before = [parameter.clone() for parameter in one.D.parameters()]
    one.iteration()
    same = all(torch.equal(a, b) for a, b in zip(one.D.parameters(), before, strict=True))
    assert same == waits
    assert one.statistics.means()["D_waits"] == float(waits)


def test_asking_the_discriminator_changes_nothing(zips):
    one = trainer(zips, "dcgan-tricks")
    reals = one.next_batch().images
    before = {name: tensor.clone() for name, tensor in one.D.state_dict().items()}
    source = torch.Generator().manual_seed(1)
    first = one.scores(reals, None, 4, source)
    assert torch.equal(first, one.scores(reals, None, 4, source))  # no dropout
    assert one.scores(None, None, 4, source).shape == (4,)
    assert all(torch.equal(before[name], tensor) for name, tensor in one.D.state_dict().items())
    assert one.D.training


def grown_batch(one):
    """The next real pictures, as the stage of a growing network shows them."""
    batch = one.next_batch()
    return one._grow(batch) if one.recipe.family == "progan" else batch


def test_growing_follows_the_pictures_shown(zips):
    one = trainer(zips, "progan", size=64, batch=2, kimg=0.012)
    seen = []
    for _ in range(6):
        one.iteration()
        seen.append((int(one.D.resolution), float(one.D.alpha), int(one.G.synthesis.resolution)))
    # 12 pictures in batches of 2: three phases of 4, the second of which fades in
    assert seen == [(32, 1, 32), (32, 1, 32), (64, 0, 64), (64, 0.5, 64), (64, 1, 64), (64, 1, 64)]


def test_pictures_are_resampled_when_the_set_is_read(zips):
    with SpriteDataset(zips[128]) as whole, SpriteDataset(zips[128], size_of=lambda _: 120) as smaller:
        assert smaller.facts.resolution == 120
        picture = whole.images([3])[0].permute(1, 2, 0).numpy()
        expected = np.asarray(Image.fromarray(picture).resize((120, 120), Image.Resampling.LANCZOS))
        assert np.array_equal(smaller.images([3])[0].permute(1, 2, 0).numpy(), expected)
        assert smaller.facts.sha256 == whole.facts.sha256


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"gamma": 3.0}, "--gamma 3 belongs to StyleGAN2-ADA and not to --arch dcgan64"),
        ({"cfg": "auto"}, "--cfg auto belongs to StyleGAN2-ADA"),
        ({"aug": "fixed", "p": 0.2}, "--aug fixed belongs to StyleGAN2-ADA"),
        ({"precision": "fp16"}, "--precision fp16 belongs to StyleGAN2-ADA"),
        (
            {"resume": "ffhq256"},
            "--resume ffhq256 with --arch dcgan64: a baseline system always",
        ),
        ({"adapt": True}, "--adapt belongs to StyleGAN2-ADA"),
        ({"class_loss": 1.0}, "--class-loss 1 belongs to StyleGAN2-ADA"),
        ({"uncond_loss": 1.0}, "--uncond-loss 1 belongs to StyleGAN2-ADA"),
        ({"arch": "stylegan2", "size": 28}, "--size 28 belongs to the baseline systems"),
    ],
)
def test_options_of_others_are_refused_by_name(options, sentence):
    with pytest.raises(UserError) as refused:
        check_system(Options(**({"arch": "dcgan64"} | options)))
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize("option", [("--aug", "ada"), ("--augpipe", "bgc"), ("--cfg", "sprites")])
def test_options_of_others_are_refused_though_they_are_the_defaults(zips, tmp_path, option):
    arguments = ["--data", str(zips[64]), "--arch", "dcgan64", "--outdir", str(tmp_path / "runs"), *option]
    result = CliRunner().invoke(finetune, arguments)
    assert result.exit_code == 2
    assert (
        f"{option[0]} {option[1]} belongs to StyleGAN2-ADA and not to --arch dcgan64; leave it"
        in result.output
    )
    assert not (tmp_path / "runs").exists()


@pytest.fixture(scope="module")
def finished(zips, tmp_path_factory):
    return run(zips, tmp_path_factory.mktemp("runs"), "dcgan-tricks")[0]


def test_an_earlier_run_cannot_become_another_system(finished):
    for option in (["--arch", "dcgan64"], ["--size", "64"], ["--gamma", "3"]):
        result = CliRunner().invoke(finetune, ["--resume", str(finished), *option])
        assert result.exit_code == 2
        assert option[0] in result.output
        assert "newest snapshot" not in result.output  # no training starts from an earlier system's
    config = TrainingConfig.from_json(json.loads((finished / "config.json").read_text()))
    assert dataclasses.asdict(config)["arch"] == "dcgan-tricks"


def test_no_training_starts_from_the_weights_of_an_earlier_system(zips, finished):
    snapshot = sorted((finished / "snapshots").iterdir())[-1]
    result = CliRunner().invoke(finetune, ["--resume", str(snapshot), "--data", str(zips[64])])
    assert result.exit_code == 2
    assert "holds a dcgan-tricks, from which no training can start" in result.output
