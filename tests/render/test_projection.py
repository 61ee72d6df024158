"""Projection finds the latents of a network's own pictures, and says of noise that it is none of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stylegan_pokemon.networks.config import DiscriminatorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.render.latents import seed_latents
from stylegan_pokemon.render.projection import Likeness, Recipe, Space, project, psnr, pyramid
from stylegan_pokemon.render.tuning import tune
from stylegan_pokemon.render.verdict import judge, limit_of
from tests.render.conftest import make_generator

CPU = torch.device("cpu")


def tame(seed=0, **changes):
    """A small generator whose pictures use the range from black to white, as trained ones do."""
    G = make_generator(seed, **changes)
    with torch.no_grad():
        z, c = seed_latents(range(64), G.z_dim), torch.eye(max(G.c_dim, 1))[[0] * 64][:, : G.c_dim]
        spread = G(z, c, noise_mode="const").std()
        for name, parameter in G.named_parameters():
            if ".torgb." in name and ".affine." not in name:
                parameter.mul_(0.4 / spread)
    return G


@pytest.fixture(scope="module")
def space():
    return Space(tame(), [0], CPU, count=128)


def own(G, seed, label=None):
    c = None if label is None else torch.eye(G.c_dim)[[label]]
    with torch.no_grad():
        return G(seed_latents([seed], G.z_dim), c, noise_mode="const").clamp(-1, 1)


def critic(channels=3):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        size = DiscriminatorConfig(16, img_channels=channels, channel_base=128, channel_max=16)
        return Discriminator(size).eval().requires_grad_(False)


def test_whitening_gives_the_samples_unit_covariance_and_is_undone(space):
    x = space.whiten(space.samples)
    torch.testing.assert_close(space.colour(x), space.samples, rtol=1e-3, atol=1e-4)
    many = space.whiten(Space(space.G, [0], CPU, count=4096).samples).double()
    covariance = torch.cov(many.T)
    assert torch.all(covariance.diagonal() < 1.05)
    assert (covariance - torch.diag(covariance.diagonal())).abs().max() < 0.02


def test_distance_is_the_mean_over_a_pyramid_computed_by_hand():
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(-1, 1, (1, 3, 16, 16)).astype(np.float32) for _ in range(2))
    a[0, 0, 0, :2] = 1, -1
    b[0, 0, 0, :2] = 1, -1
    half = [x.reshape(1, 3, 8, 2, 8, 2).mean(axis=(3, 5)) for x in (a, b)]
    wanted = (((a - b) ** 2).mean() + ((half[0] - half[1]) ** 2).mean()) / 2
    likeness = Likeness(torch.from_numpy(a))
    assert float(likeness(torch.from_numpy(b))) == pytest.approx(wanted, rel=1e-5)
    b[0, 0, 0, :2] = 3, -2  # nobody sees this where the target is white or black
    assert float(likeness(torch.from_numpy(b))) == pytest.approx(wanted, rel=1e-5)
    assert [level.shape[-1] for level in pyramid(torch.zeros(1, 3, 16, 16))] == [16, 8]
    error = ((a - np.clip(b, -1, 1)) / 2) ** 2
    assert float(psnr(torch.from_numpy(b), torch.from_numpy(a))) == pytest.approx(
        10 * np.log10(1 / error.mean()), rel=1e-4
    )


@pytest.mark.parametrize("with_critic", [False, True])
def test_own_pictures_are_recovered(space, with_critic):
    G, found = space.G, []
    for seed in range(2):
        target = own(G, seed)
        likeness = Likeness(target, critic() if with_critic else None)
        projection = project(space, likeness, Recipe(80, 2))
        found.append(float(psnr(space.draw(projection.w), target)))
        assert projection.distance <= projection.distance_w + 1e-6
        assert projection.ws.shape == (G.num_ws, G.w_dim)
    assert min(found) > 30, found


@pytest.mark.parametrize("changes", [{"img_channels": 1}, {"img_channels": 4}, {"c_dim": 3}])
def test_every_kind_of_network_is_searched(changes):
    G = tame(**changes)
    space = Space(G, [2] if G.c_dim else [0], CPU, count=64)
    target = own(G, 3, 2 if G.c_dim else None)
    projection = project(space, Likeness(target), Recipe(20, 2))
    nearest = project(space, Likeness(target), Recipe(0, 2, rounds=0))
    assert projection.distance_w < nearest.distance_w
    assert projection.label == (2 if G.c_dim else 0)


def test_no_steps_return_the_nearest_sample_and_steps_are_counted(space):
    target = own(space.G, 1)
    projection = project(space, Likeness(target), Recipe(0, 3, rounds=0))
    w = space.samples[space.nearest(target, 1)[0]]
    torch.testing.assert_close(projection.w[0], w, rtol=1e-3, atol=1e-4)
    for recipe in (Recipe(10, 2), Recipe(7, 1, rounds=0), Recipe(10, 2, plus=False, rounds=2)):
        calls = []
        found = project(space, Likeness(target), recipe, calls.append)
        assert len(calls) == recipe.calls
        if not recipe.plus:
            assert torch.equal(found.ws, found.w.expand(space.G.num_ws, -1))


def test_w_plus_comes_nearer_to_a_foreign_picture_and_the_verdict_tells_it_from_an_own_one(space):
    recipe = Recipe(60, 2)
    known = [
        project(space, Likeness(own(space.G, 100 + i)), replace(recipe, plus=False)).distance_w
        for i in range(4)
    ]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        noise = torch.rand(1, 3, 16, 16) * 2 - 1
    foreign = project(space, Likeness(noise), recipe)
    assert foreign.distance < foreign.distance_w
    verdict = judge(foreign.distance_w, known, [foreign.distance_w / 2, foreign.distance_w * 2])
    assert verdict.outside
    assert "outside what the network can draw" in verdict.words
    assert "1 of 2 training pictures lie nearer" in verdict.words
    assert not judge(project(space, Likeness(own(space.G, 7)), recipe).distance_w, known).outside


def test_the_limit_is_that_of_a_lognormal_and_one_failure_does_not_move_it():
    rng = np.random.default_rng(0)
    own = np.exp(rng.normal(-5, 0.5, 4001))
    assert np.log(limit_of(own)) == pytest.approx(-5 + 3 * 0.5, abs=0.1)
    assert limit_of([1e-6, 2e-6]) == pytest.approx(4e-3)
    few = [1.0, 1.1, 0.9, 1.05, 0.95]
    assert limit_of(few) == pytest.approx(2, rel=0.01)
    assert limit_of([*few, 1000.0]) < 2.2


@pytest.mark.parametrize("limit", [0.5, 4.0, 255.0])
def test_tuning_comes_nearer_within_the_limit_of_drift(space, limit):
    G = space.G
    target = own(tame(5), 3)
    likeness = Likeness(target)
    found = project(space, likeness, Recipe(20, 2))
    before = {name: tensor.clone() for name, tensor in G.state_dict().items()}
    tuned = tune(G, found.ws, found.label, likeness, 40, limit)
    assert tuned.drift <= limit
    assert tuned.psnr[1] >= tuned.psnr[0]
    if limit == 255:
        assert tuned.psnr[1] > tuned.psnr[0] + 1
    assert all(torch.equal(tensor, before[name]) for name, tensor in G.state_dict().items())
    # Measured again on other latents: the limit is a mean over pictures, so it holds about there too.
    with torch.no_grad():
        z = seed_latents(range(50, 90), G.z_dim)
        apart = (tuned.G(z, noise_mode="const").clamp(-1, 1) - G(z, noise_mode="const").clamp(-1, 1)) * 127.5
    assert float(apart.square().mean().sqrt()) <= 1.5 * limit + 0.1
