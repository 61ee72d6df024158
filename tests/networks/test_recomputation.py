"""Recomputed blocks: the same pictures, logits and gradients of both orders, for less memory."""

import pytest
import torch

from stylegan_pokemon.networks import recomputation
from stylegan_pokemon.networks.config import ARCHITECTURES, DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.layers import recompute_from
from stylegan_pokemon.training.systems.losses import path_lengths, r1_penalty

SIZES = {"img_resolution": 16, "channel_base": 128, "channel_max": 8}


ROUNDING = 2e-6  # of the largest entry


@pytest.fixture(params=[512, 16], autouse=True)
def piece(request, monkeypatch):
    """Whole batches at once, or one 16×16 picture."""
    monkeypatch.setattr(recomputation, "_PIECE", request.param)


def gradients_of(network, loss):
    network.zero_grad(set_to_none=True)
    loss().backward()
    return [p.grad for p in network.parameters()]


def assert_alike(ours, theirs):
    scale = max(g.abs().max() for g in theirs if g is not None)
    for a, b in zip(ours, theirs, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert (a - b).abs().max() <= ROUNDING * scale


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_generators_gradients_and_path_lengths_are_those_without_recomputation(architecture):
    torch.manual_seed(0)
    G = Generator(GeneratorConfig(**SIZES, z_dim=8, w_dim=8, num_layers=1, architecture=architecture))
    with torch.no_grad():
        for name, parameter in G.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.3)
    z, direction = torch.randn(5, 8), torch.randn(5, 3, 16, 16)
    noise = G.synthesis.draw_noise(5)

    def main():
        return (G(z, noise=noise) * direction).mean()

    def lengths():
        ws = G.mapping(z)
        return path_lengths(G.synthesis(ws, noise=noise), ws, direction).square().sum()

    for loss in (main, lengths):
        recompute_from(G, None)
        picture, theirs = loss().detach(), gradients_of(G, loss)
        recompute_from(G, 8)
        assert abs(loss() - picture) <= ROUNDING * abs(picture)
        assert_alike(gradients_of(G, loss), theirs)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("frozen", [0, 2])
def test_a_discriminators_gradients_and_r1_are_those_without_recomputation(architecture, frozen):
    torch.manual_seed(0)
    D = Discriminator(DiscriminatorConfig(**SIZES, architecture=architecture, freeze_layers=frozen))
    images = torch.randn(8, 3, 16, 16)

    def main():
        return torch.nn.functional.softplus(D(images)).sum()

    def r1():
        reals = images.clone().requires_grad_()
        return r1_penalty(D(reals), reals).sum()

    for loss in (main, r1):
        recompute_from(D, None)
        theirs = gradients_of(D, loss)
        recompute_from(D, 8)
        assert_alike(gradients_of(D, loss), theirs)


def test_only_blocks_from_the_resolution_up_are_recomputed():
    G = Generator(GeneratorConfig(**SIZES))
    recompute_from(G, 16)
    flags = {r: getattr(G.synthesis, f"b{r}").recompute for r in (4, 8, 16)}
    assert flags == {4: False, 8: False, 16: True}


def test_gradients_reach_pictures_through_networks_that_are_not_trained():
    """As in Gmain, where the discriminator only passes gradients on."""
    torch.manual_seed(0)
    D = Discriminator(DiscriminatorConfig(**SIZES)).requires_grad_(False)
    images = torch.randn(8, 3, 16, 16, requires_grad=True)
    (theirs,) = torch.autograd.grad(D(images).sum(), images)
    recompute_from(D, 8)
    (ours,) = torch.autograd.grad(D(images).sum(), images)
    assert_alike([ours], [theirs])
