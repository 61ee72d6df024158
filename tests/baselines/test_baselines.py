"""The systems of earlier projects are what their reports describe, and stand behind StyleGAN2's calls."""

import dataclasses
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from stylegan_pokemon.baselines import objectives, progan
from stylegan_pokemon.baselines.build import build_discriminator, build_generator
from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.dcgan import BatchNorm
from stylegan_pokemon.baselines.recipes import RECIPES, Stage, recipe_of, stage_of, stages
from stylegan_pokemon.checkpoint import Networks, load, save
from stylegan_pokemon.checkpoint.describe import describe_file
from stylegan_pokemon.errors import UserError

ALL = [(recipe.name, size) for recipe in RECIPES.values() for size in recipe.sizes]


def pair(arch, size=None, c_dim=0, **options):
    config = BaselineConfig(arch, size or recipe_of(arch).sizes[0], c_dim=c_dim, **options)
    torch.manual_seed(0)
    return build_generator(config), build_discriminator(config)


def labels(n, c_dim):
    return torch.eye(c_dim)[torch.arange(n) % c_dim] if c_dim else None


@pytest.mark.parametrize("c_dim", [0, 3])
@pytest.mark.parametrize(("arch", "size"), ALL)
def test_pictures_and_scores_have_their_shapes(arch, size, c_dim):
    G, D = pair(arch, size, c_dim)
    z, c = torch.randn(4, G.z_dim), labels(4, c_dim)
    pictures = G(z, c)
    assert pictures.shape == (4, 3, size, size)
    assert D(pictures, c).shape == (4, 1)
    torch.nn.functional.softplus(-D(G(z, c), c)).mean().backward()
    untouched = [n for m in (G, D) for n, p in m.named_parameters() if p.grad is None or not p.grad.any()]
    if arch != "progan":  # whose later layers wait
        assert not untouched


@pytest.mark.parametrize(
    ("arch", "channels_G", "channels_D"),
    [
        ("dcgan64", [100, 512, 256, 128, 64, 3], [3, 64, 128, 256, 512, 1]),
        ("dcgan64-balanced", [64, 128, 128, 128, 64, 3], [3, 64, 128, 128, 128]),
        ("convgan120", [256, 128, 64, 32, 3], [3, 64, 128]),
    ],
)
def test_widths_are_those_of_the_reports(arch, channels_G, channels_D):
    G, D = pair(arch)

    def channels(network):
        found = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        return [found[0].in_channels, *(m.out_channels for m in found)]

    assert channels(G) == channels_G
    assert channels(D) == channels_D
    assert G.z_dim == recipe_of(arch).z_dim


def kinds(network):
    """Short names of the layers, in order."""
    short = {
        nn.Conv2d: "conv", nn.ConvTranspose2d: "up", BatchNorm: "norm", nn.ReLU: "relu",
        nn.LeakyReLU: "leaky", nn.Tanh: "tanh", nn.Flatten: "flat", nn.Linear: "linear",
        nn.Dropout: "drop", nn.Dropout2d: "drop2d",
    }  # fmt: skip
    return " ".join(short[type(module)] for module in network.modules() if type(module) in short)


_UP, _DOWN, _SOFT = "up norm relu ", "conv norm leaky ", "conv leaky drop "


@pytest.mark.parametrize(
    ("arch", "layers_G", "layers_D"),
    [
        ("dcgan64", 4 * _UP + "up tanh", "conv leaky " + 3 * _DOWN + "conv flat"),
        ("dcgan64-balanced", 4 * _UP + "up tanh", "conv leaky " + 3 * _DOWN + "flat linear"),
        ("dcgan-tricks", 2 * _UP + "up tanh", "conv leaky drop2d conv norm leaky drop2d conv flat"),
        ("convgan120", "linear " + 3 * "up norm leaky " + "conv", 2 * _SOFT + "flat linear"),
    ],
)
def test_layers_are_those_of_the_reports_in_their_order(arch, layers_G, layers_D):
    G, D = pair(arch)
    assert (kinds(G), kinds(D)) == (layers_G, layers_D)
    last = [m for m in G.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)][-1]
    last.weight.data *= 1e4
    assert 0.9 < float(G(torch.randn(4, G.z_dim)).detach().abs().max()) <= 1  # through tanh
    assert {m.negative_slope for n in (G, D) for m in n.modules() if isinstance(m, nn.LeakyReLU)} == {0.2}
    dropped = [m.p for m in D.modules() if isinstance(m, nn.Dropout | nn.Dropout2d)]
    assert set(dropped) == ({"dcgan-tricks": {0.5}, "convgan120": {0.3}}.get(arch, set()))
    assert not [m for m in G.modules() if isinstance(m, nn.Dropout | nn.Dropout2d)]


def test_progressive_growing_has_an_equalised_learning_rate():
    """Weights are stored with a deviation of one and used with He's: √(2/fan-in)."""
    layer = progan.EqualisedConv(24, 40, 3, 1)
    assert float(layer.weight.detach().std()) == pytest.approx(1, rel=0.05)
    x = torch.randn(2, 24, 8, 8)
    used = layer.weight * math.sqrt(2 / (24 * 9))
    assert torch.allclose(layer(x), F.conv2d(x, used, layer.bias, padding=1), atol=1e-5)
    G, D = pair("progan", 64)
    weights = [p for m in (G, D) for p in m.parameters() if p.numel() > 900]
    assert len(weights) > 12
    assert [float(weight.detach().std()) for weight in weights] == pytest.approx([1] * len(weights), rel=0.1)


def test_progressive_growing_normalises_pixels_and_sees_how_minibatches_vary():
    G, D = pair("progan", 32)
    seen = []
    G.synthesis.to_rgb["32"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    D.last[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    pictures = G(torch.randn(4, G.z_dim))
    assert torch.allclose(seen[0].square().mean(dim=1), torch.ones(4, 32, 32), atol=1e-4)
    D(pictures)
    *features, deviation = seen[1].unbind(dim=1)
    expected = torch.stack(features, dim=1).std(dim=0, unbiased=False).mean()
    assert torch.allclose(deviation, expected.expand(4, 4, 4), rtol=1e-3)


def test_a_critic_is_to_score_reals_high_and_fakes_low():
    recipe, logits = recipe_of("progan"), torch.tensor([[3.0], [-2.0]])
    assert torch.equal(objectives.generator_loss(logits, recipe), -logits)
    assert torch.equal(objectives.discriminator_loss(logits, recipe, False, source()), logits)
    drift = torch.tensor([[0.009], [0.004]])
    assert torch.allclose(objectives.discriminator_loss(logits, recipe, True, source()), drift - logits)
    assert objectives.GRADIENT_PENALTY == 10


def test_dropout_is_where_the_recipe_says():
    _, plain = pair("dcgan64")
    _, D = pair("dcgan-tricks", 28)
    assert not any(isinstance(m, nn.Dropout2d) for m in plain.modules())
    assert [m.p for m in D.modules() if isinstance(m, nn.Dropout2d)] == [0.5, 0.5]


def test_weights_begin_with_a_deviation_of_002():
    _, D = pair("dcgan-tricks", 64)
    weights = [m.weight for m in D.modules() if isinstance(m, nn.Conv2d)]
    assert [float(weight.detach().std()) for weight in weights] == pytest.approx([0.02] * 5, rel=0.05)


@pytest.mark.parametrize(
    ("arch", "batch", "lr_G", "lr_D", "betas", "widths_G", "widths_D"),
    [
        ("dcgan64", 128, 2e-4, 2e-4, (0.5, 0.999), (512, 256, 128, 64), (64, 128, 256, 512)),
        ("dcgan64-balanced", 128, 2e-4, 2e-4, (0.5, 0.999), (128, 128, 128, 64), (64, 128, 128, 128)),
        ("dcgan-tricks", 32, 1e-4, 2e-4, (0.5, 0.999), (512, 256, 128, 64), (64, 128, 256, 512)),
        ("convgan120", 32, 2e-4, 2e-4, (0.5, 0.999), (256, 128, 64), (64, 128)),
        ("progan", 16, 1e-3, 1e-3, (0.0, 0.99), (128, 128, 128, 64, 32, 16), (16, 32, 64, 128, 128, 128)),
    ],
)
def test_recipes_are_what_the_reports_and_papers_say(arch, batch, lr_G, lr_D, betas, widths_G, widths_D):
    recipe = recipe_of(arch)
    assert (recipe.batch, recipe.lr_G, recipe.lr_D, recipe.betas) == (batch, lr_G, lr_D, betas)
    assert (recipe.widths_G, recipe.widths_D) == (widths_G, widths_D)


def source():
    return torch.Generator().manual_seed(3)


def test_labels_are_soft_and_some_are_swapped():
    recipe = recipe_of("dcgan-tricks")
    real = objectives.targets(20_000, recipe, True, source())
    fake = objectives.targets(20_000, recipe, False, source())
    swapped = float((real < 0.5).double().mean())
    assert swapped == pytest.approx(0.05, abs=0.006)
    assert float((fake > 0.5).double().mean()) == pytest.approx(0.05, abs=0.006)
    assert real[real > 0.5].min() >= 0.7
    assert real[real > 0.5].mean() == pytest.approx(0.85, abs=0.01)
    assert fake[fake < 0.5].max() <= 0.3


def test_inverted_labels_are_02_for_real_1_for_fake_and_0_for_the_generator():
    recipe, logits = recipe_of("dcgan64-balanced"), torch.tensor([[0.3], [-1.2]])
    real = objectives.discriminator_loss(logits, recipe, True, source())
    p = logits.sigmoid()
    assert torch.allclose(real, -(0.2 * p.log() + 0.8 * (1 - p).log()))
    assert torch.allclose(objectives.discriminator_loss(logits, recipe, False, source()), -p.log())
    assert torch.allclose(objectives.generator_loss(logits, recipe), -(1 - p).log())
    assert torch.equal(objectives.looks_real(logits, recipe), -logits)


def test_the_discriminator_waits_from_a_mean_score_of_095_on():
    recipe = recipe_of("dcgan64-balanced")
    just = math.log(0.95 / 0.05)
    assert objectives.waits(torch.full((8, 1), just + 1e-3), recipe)
    assert not objectives.waits(torch.full((8, 1), just - 1e-3), recipe)
    assert not objectives.waits(torch.full((8, 1), 50.0), recipe_of("dcgan64"))


def test_the_gradient_penalty_of_a_plane_is_its_slope():
    slope = torch.randn(1, 3, 4, 4)
    reals, fakes = torch.randn(5, 3, 4, 4), torch.randn(5, 3, 4, 4)
    penalty = objectives.gradient_penalty(
        lambda x: (x * slope).sum(dim=(1, 2, 3))[:, None], reals, fakes, source()
    )
    assert torch.allclose(penalty, ((slope.norm() - 1) ** 2).expand(5))


def test_growing_goes_from_32_by_fading_to_the_end():
    found = [stage_of(k * 1000, 10, 128) for k in range(0, 60, 5)]
    expected = [(32, 1), (32, 1), (64, 0), (64, 0.5), (64, 1), (64, 1), (128, 0), (128, 0.5), (128, 1)]
    assert [dataclasses.astuple(stage) for stage in found[:9]] == expected
    assert set(found[8:]) == {Stage(128, 1.0)}
    assert stage_of(10**12, 0.001, 64) == Stage(64, 1.0)
    assert [stages(size) for size in (32, 64, 128)] == [1, 3, 5]


def test_fading_in_starts_at_the_smaller_picture_and_ends_at_the_larger():
    G, D = pair("progan", 64)
    z = torch.randn(4, G.z_dim)
    pictures = {}
    for stage in (Stage(32, 1.0), Stage(64, 0.0), Stage(64, 0.5), Stage(64, 1.0)):
        G.synthesis.grow_to(stage)
        pictures[dataclasses.astuple(stage)] = G(z)
    assert torch.allclose(pictures[32, 1.0], pictures[64, 0.0], atol=1e-6)
    halfway = (pictures[64, 0.0] + pictures[64, 1.0]) / 2
    assert torch.allclose(pictures[64, 0.5], halfway, atol=1e-6)
    real = torch.randn(4, 3, 64, 64)
    scores = []
    for stage in (Stage(32, 1.0), Stage(64, 0.0)):
        D.grow_to(stage)
        scores.append(D(real))
    assert torch.allclose(*scores, atol=1e-6)
    assert torch.equal(progan.faded(real, Stage(64, 1.0)), real)
    blurred = F.interpolate(F.avg_pool2d(real, 2), scale_factor=2)
    assert torch.allclose(progan.faded(real, Stage(32, 1.0)), blurred)
    assert torch.allclose(progan.faded(real, Stage(64, 0.25)), blurred.lerp(real, 0.25))


@pytest.mark.parametrize("stand", [(48.0, 1.0), (64.0, 2.0), (32.0, 0.5), (float("nan"), 1.0)])
def test_a_snapshot_that_stands_nowhere_is_refused(stand):
    G, _ = pair("progan", 64)
    G.synthesis.resolution.fill_(stand[0])
    G.synthesis.alpha.fill_(stand[1])
    with pytest.raises(UserError, match="cannot stand at"):
        G(torch.randn(1, G.z_dim))


@pytest.mark.parametrize(("arch", "size"), ALL)
def test_snapshots_give_the_same_pictures_back(arch, size, tmp_path):
    G, D = pair(arch, size, 2)
    D(G(torch.randn(4, G.z_dim), labels(4, 2)), labels(4, 2))  # moves running averages
    config = {"generator": G.config.to_json(), "discriminator": D.config.to_json()}
    path = tmp_path / "a.safetensors"
    save(path, Networks(G, D, G, None, config))
    again = load(path)
    z, c = torch.randn(3, G.z_dim), labels(3, 2)
    G.eval(), D.eval()
    pictures = G(z, c)
    assert torch.equal(again.G_ema(z, c), pictures)
    assert torch.equal(again.D(pictures, c), D(pictures, c))
    described = describe_file(path, again)
    assert {n: d["kind"] for n, d in described["networks"].items()} == {
        "G": "generator", "D": "discriminator", "G_ema": "generator"
    }  # fmt: skip
    with pytest.raises(UserError, match=f"a {arch} cannot be written as .pkl"):
        save(tmp_path / "a.pkl", again)


def test_truncation_shrinks_latents_and_pictures_do_not_depend_on_their_company():
    G, _ = pair("dcgan64")
    G(torch.randn(8, G.z_dim))
    G.eval()
    z = torch.randn(3, G.z_dim)
    assert torch.equal(G.mapping(z, None, truncation_psi=0.7), (0.7 * z)[:, None])
    assert torch.allclose(G(z)[1], G(z[1:2])[0], atol=1e-5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"arch": "dcgan65", "img_resolution": 64}, "no system called"),
        ({"arch": "dcgan64", "img_resolution": 32}, "does not draw 32"),
        ({"arch": "dcgan64", "img_resolution": "64"}, "does not know"),
        ({"arch": "dcgan64", "img_resolution": 64, "more": 1}, "does not know"),
        ({"arch": "dcgan64", "img_resolution": 64, "img_channels": 10**9}, "cannot be"),
        ({"arch": ["dcgan64"], "img_resolution": 64}, "does not know"),
    ],
)
def test_architectures_that_cannot_be_are_refused(values, message):
    with pytest.raises(UserError, match=message):
        BaselineConfig.from_json(values)


def test_sizes_follow_the_data_unless_asked_for():
    tricks = recipe_of("dcgan-tricks")
    assert [tricks.size(n) for n in (16, 32, 64, 128, 512)] == [28, 28, 64, 128, 128]
    assert tricks.size(512, 28) == 28
    with pytest.raises(UserError, match="dcgan-tricks draws 28×28 or 64×64 or 128×128; give one of these"):
        tricks.size(64, 32)
    with pytest.raises(UserError, match="--size 32: dcgan64 draws 64×64; leave it out"):
        recipe_of("dcgan64").size(64, 32)
    assert all(recipe.sizes == tuple(sorted(recipe.sizes)) for recipe in RECIPES.values())
    assert all(a < b for a, b in itertools.pairwise(RECIPES["progan"].sizes))


@pytest.mark.parametrize("c_dim", [0, 2])
@pytest.mark.parametrize("arch", list(RECIPES))
def test_truncation_brings_pictures_nearer_to_each_other(arch, c_dim):
    G, _ = pair(arch, c_dim=c_dim)
    z = torch.randn(8, G.z_dim, generator=torch.Generator().manual_seed(3))
    c = torch.eye(2)[[1] * 8] if c_dim else None
    with torch.no_grad():
        for name, parameter in G.named_parameters():
            if name.endswith("bias"):  # as in a trained network: progressive growing has only these to act on
                parameter.normal_(0, 0.2, generator=torch.Generator().manual_seed(4))
        spread = [float(G.eval()(z, c, truncation_psi=psi).std(dim=0).mean()) for psi in (0, 0.1, 1)]
    assert spread[0] < 1e-6 < spread[1] < 0.9 * spread[2]


def test_progressive_growing_maps_latents_of_any_length_to_one_picture():
    G, _ = pair("progan", 32)
    z = torch.randn(2, G.z_dim)
    torch.testing.assert_close(G(z), G(3 * z))
