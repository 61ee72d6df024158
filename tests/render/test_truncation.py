"""Truncation pulls towards the average of a picture's own class."""

import torch

from stylegan_pokemon.render.latents import one_hot, seed_latents
from stylegan_pokemon.render.truncation import class_centres, truncated


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
