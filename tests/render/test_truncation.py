"""Truncation pulls towards the average of a picture's own class, or towards the nearest of many centres."""

from dataclasses import replace

import pytest
import torch

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.blending import differences
from stylegan_pokemon.networks.config import GeneratorConfig
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.render.centres import parse_around
from stylegan_pokemon.render.latents import one_hot, seed_latents
from stylegan_pokemon.render.truncation import class_centres, truncated, truncated_ws, w_centres


def test_the_centre_of_a_class_is_its_mean_w(conditional):
    c = one_hot([2, 0, 2], 4)
    found = class_centres(conditional, c)
    z = torch.randn(60_000, 16, generator=torch.Generator().manual_seed(5))
    for row, label in enumerate((2, 0, 2)):
        w = conditional.mapping(z, one_hot([label] * len(z), 4))[:, 0]
        error = w.std(dim=0) * (1 / 1024 + 1 / len(z)) ** 0.5
        assert ((found[row] - w.mean(dim=0)).abs() < 5 * error + 1e-6).all()
    assert torch.equal(found[0], found[2])
    assert not torch.allclose(found[0], found[1])


def test_psi_scales_the_distance_from_it(conditional):
    z, c = seed_latents(range(6), 16), one_hot([0, 1, 2, 3, 0, 1], 4)
    whole, centres = conditional.mapping(z, c), class_centres(conditional, c)[:, None]
    for psi in (-1.0, 0.0, 0.5, 2.0):
        found = truncated(conditional, z, c, psi)
        torch.testing.assert_close(found - centres, psi * (whole - centres), atol=1e-5, rtol=0)
    assert torch.equal(truncated(conditional, z, c, 1.0), whole)
    average = conditional.mapping.w_avg.expand(6, conditional.num_ws, -1)
    torch.testing.assert_close(truncated(conditional, z, c, 0.0, "network"), average)


def test_without_classes_it_is_the_average_that_the_network_keeps(generator):
    z = seed_latents(range(3), 16)
    found = truncated(generator, z, None, 0.3)
    assert torch.equal(found, generator.mapping(z, truncation_psi=0.3))


def test_what_is_known_already_is_not_computed_again(conditional):
    z, c = seed_latents(range(2), 16), one_hot([0, 1], 4)
    centres = torch.zeros(2, 16)
    found = truncated(conditional, z, c, 0.5, centres=centres)
    torch.testing.assert_close(found, 0.5 * conditional.mapping(z, c))


def test_the_nearest_of_many_centres_draws_each_w_towards_itself(conditional):
    z, c = seed_latents(range(40), 16), one_hot([i % 4 for i in range(40)], 4)
    whole, centres = conditional.mapping(z, c), w_centres(conditional, 6)
    assert centres.shape == (6, 16)
    nearest = torch.stack([centres[(centres - w).square().sum(dim=1).argmin()] for w in whole[:, 0]])
    assert len(torch.unique(nearest, dim=0)) > 2
    for psi in (0.0, 0.7):
        expected = nearest[:, None] + psi * (whole - nearest[:, None])
        torch.testing.assert_close(
            truncated(conditional, z, c, psi, "centres:6"), expected, atol=1e-5, rtol=0
        )
        torch.testing.assert_close(
            truncated_ws(conditional, whole, c, psi, "centres:6"), expected, atol=1e-5, rtol=0
        )
    assert torch.equal(truncated(conditional, z, c, 1.0, "centres:6"), whole)


def test_centres_are_means_of_the_latents_that_are_nearest_to_them(generator):
    """The fixed point of k-means, among other latents than those that it was found with."""
    centres = w_centres(generator, 3)
    z = torch.randn(60_000, 16, generator=torch.Generator().manual_seed(8))
    w = generator.mapping(z)[:, 0]
    nearest = torch.cdist(w, centres).argmin(dim=1)
    for i in range(3):
        own = w[nearest == i]
        assert float((own.mean(dim=0) - centres[i]).norm()) < 0.15 * float(
            (own - own.mean(dim=0)).norm(dim=1).mean()
        )
    assert torch.equal(w_centres(generator, 3), centres)


@pytest.mark.parametrize(
    "text", ["", "centre", "centres", "centres:", "centres:1", "centres:2000", "centres:x"]
)
def test_a_centre_that_is_none_is_one_sentence(text):
    with pytest.raises(UserError, match="is no centre; choose class, network or centres:2"):
        parse_around(text)
    assert [parse_around(known) for known in ("class", "network", "centres:08")] == [
        "class",
        "network",
        "centres:8",
    ]


def test_a_network_made_for_centres_is_truncated_around_them_unless_asked_otherwise(generator):
    many = Generator(replace(generator.config, truncation_centres=5))
    many.load_state_dict(generator.state_dict())
    z = seed_latents(range(4), 16)
    found = truncated(many, z, None, 0.5)
    assert torch.equal(found, truncated(generator, z, None, 0.5, "centres:5"))
    assert torch.equal(truncated_ws(many, many.mapping(z), one_hot([0] * 4, 0), 0.5), found)
    assert torch.equal(truncated(many, z, None, 0.5, "network"), generator.mapping(z, truncation_psi=0.5))
    assert torch.equal(
        truncated(many, z, None, 0.5, "centres:3"), truncated(generator, z, None, 0.5, "centres:3")
    )
    assert not torch.allclose(found, truncated(generator, z, None, 0.5))


def test_an_architecture_says_its_centres_only_if_it_has_some(generator):
    assert "truncation_centres" not in generator.config.to_json()
    many = replace(generator.config, truncation_centres=62)
    assert GeneratorConfig.from_json(many.to_json()) == many
    assert not differences([many, generator.config])
    with pytest.raises(UserError, match="truncation_centres"):
        replace(many, truncation_centres=-1)
