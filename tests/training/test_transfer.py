"""What fits is copied; what nearly fits is adapted so that first pictures and logits stay as they were."""

import pytest
import torch
import torch.nn.functional as F

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.ops.upfirdn2d import binomial_filter, upsample2d
from stylegan_pokemon.training.transfer import Account, table, transfer

SHAPE = {"channel_base": 256, "channel_max": 16}


def generator(resolution=16, **options):
    torch.manual_seed(options.pop("seed", resolution))
    config = GeneratorConfig(resolution, z_dim=12, w_dim=12, num_layers=2, **SHAPE | options)
    return Generator(config).eval().requires_grad_(False)


def discriminator(resolution=16, **options):
    torch.manual_seed(options.pop("seed", resolution))
    return Discriminator(DiscriminatorConfig(resolution, **SHAPE | options)).eval().requires_grad_(False)


def moved(target, donor):
    account = Account("G", "G_ema")
    transfer(target, donor, account)
    names = [*account.copied, *account.adapted, *account.new]
    assert sorted(names) == sorted(target.state_dict())
    return account


def test_between_equal_architectures_every_tensor_is_copied():
    source, target = generator(seed=1), generator(seed=2)
    account = moved(target, source)
    assert (account.adapted, account.new) == ([], [])
    assert all(
        torch.equal(a, b)
        for a, b in zip(source.state_dict().values(), target.state_dict().values(), strict=True)
    )


def test_a_larger_generator_starts_with_the_enlarged_pictures_of_the_smaller():
    source, target = generator(16), generator(64)
    moved(target, source)
    z = torch.randn(3, 12)
    expected = source(z, noise_mode="none")
    for _ in range(2):
        expected = upsample2d(expected, binomial_filter())
    torch.testing.assert_close(target(z, noise_mode="none"), expected)


def test_a_smaller_generator_keeps_the_blocks_that_it_has():
    source, target = generator(64), generator(16)
    account = moved(target, source)
    assert account.new == []
    assert torch.equal(target.synthesis.b16.torgb.weight, source.synthesis.b16.torgb.weight)


def test_labels_do_not_count_in_the_first_pictures_and_can_be_learnt():
    source, target = generator(), generator(c_dim=5, seed=3)
    account = moved(target, source)
    assert account.adapted == ["mapping.fc0.weight"]
    z = torch.randn(5, 12)
    pictures = target(z, torch.eye(5), noise_mode="none")
    torch.testing.assert_close(pictures, source(z, noise_mode="none"))
    target.mapping.fc0.weight.requires_grad_(True)
    target(z, torch.eye(5), noise_mode="none").square().sum().backward()
    assert target.mapping.fc0.weight.grad[:, 12:].abs().max() > 0


def test_labels_hardly_count_in_the_first_logits():
    source, target = discriminator(), discriminator(c_dim=5, seed=3)
    account = moved(target, source)
    assert account.adapted == ["b4.out.weight", "b4.out.bias"]
    images = torch.randn(5, 3, 16, 16)
    before, after = source(images), target(images, torch.eye(5))
    assert F.cosine_similarity(before.flatten(), after.flatten(), dim=0) > 0.99
    assert (after - before).abs().max() < 0.1 * before.abs().max()


def test_a_discriminator_of_another_resolution_keeps_the_blocks_below():
    account = moved(discriminator(16), discriminator(32))
    assert {name.rpartition(".")[0] for name in account.new} == {"b16.fromrgb"}


def test_too_little_overlap_is_an_error_that_says_what_to_do():
    with pytest.raises(UserError, match="--resume none"):
        moved(discriminator(16), discriminator(16, channel_max=7))


def test_the_table_counts_tensors_and_names_what_is_not_copied():
    account = moved(generator(16, c_dim=5), generator(16))
    text = table([account, Account("D", "new")], "some.pkl")
    assert "adapted: mapping.fc0" in text
    assert "new: mapping.embed" in text
    assert f"{len(account.copied)}" in text
    assert "no such network" in text
