"""Every architecture builds with the official tensor names, and its pieces do what the papers say."""

import pytest
import torch

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator, minibatch_std
from stylegan_pokemon.networks.generator import Generator

SMALL = {"img_resolution": 16, "channel_base": 128, "channel_max": 16}


def generator(**options):
    torch.manual_seed(0)
    return Generator(GeneratorConfig(**SMALL, z_dim=8, w_dim=8, num_layers=2, **options))


def discriminator(**options):
    torch.manual_seed(0)
    return Discriminator(DiscriminatorConfig(**SMALL, **options))


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_generator_architectures(architecture, channels):
    network = generator(architecture=architecture, img_channels=channels)
    names = set(network.state_dict())
    torgb = {name.split(".")[1] for name in names if ".torgb." in name}
    assert torgb == ({"b4", "b8", "b16"} if architecture == "skip" else {"b16"})
    assert ("synthesis.b8.skip.weight" in names) == (architecture == "resnet")
    images = network(torch.randn(3, 8))
    assert images.shape == (3, channels, 16, 16)
    images.square().mean().backward()
    without = {n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()}
    assert without == set()


@pytest.mark.parametrize("architecture", ["skip", "resnet"])
@pytest.mark.parametrize("taps", [(1,), (1, 2, 1), (1, 4, 6, 4, 1, 0)])
def test_generators_take_low_pass_filters_of_any_length(architecture, taps):
    network = generator(architecture=architecture, resample_filter=taps)
    assert network(torch.randn(2, 8)).shape == (2, 3, 16, 16)


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
@pytest.mark.parametrize("classes", [0, 5])
def test_discriminator_architectures(architecture, classes):
    network = discriminator(architecture=architecture, c_dim=classes)
    names = set(network.state_dict())
    assert ("b8.fromrgb.weight" in names) == ("b4.fromrgb.weight" in names) == (architecture == "skip")
    assert ("b16.skip.weight" in names) == (architecture == "resnet")
    c = torch.eye(5)[[0, 1, 2, 3]] if classes else None
    logits = network(torch.randn(4, 3, 16, 16), c)
    assert logits.shape == (4, 1)
    logits.sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_freeze_d_stores_the_first_layers_from_the_image_as_buffers():
    network = discriminator(freeze_layers=5)
    frozen = [name for name, _ in network.named_buffers() if name.endswith("weight")]
    assert frozen == [
        "b16.fromrgb.weight",
        "b16.conv0.weight",
        "b16.conv1.weight",
        "b16.skip.weight",
        "b8.conv0.weight",
    ]
    assert set(network.state_dict()) == set(discriminator().state_dict())


def test_minibatch_std_is_the_deviation_over_strided_groups():
    x = torch.randn(8, 6, 4, 4, dtype=torch.float64)
    y = minibatch_std(x, 4)
    assert y.shape == (8, 7, 4, 4)
    for m in range(2):  # members m, m + 2, m + 4, m + 6
        expected = (x[m::2].var(dim=0, unbiased=False) + 1e-8).sqrt().mean()
        torch.testing.assert_close(y[m::2, 6], expected.expand(4, 4, 4), rtol=1e-5, atol=1e-7)


def test_truncation_pulls_w_to_its_average_and_the_average_follows_the_batch():
    network = generator()
    z = torch.randn(64, 8)
    ws = network.mapping(z)
    network.mapping.update_w_avg(ws)
    torch.testing.assert_close(network.mapping.w_avg, 0.005 * ws[:, 0].mean(dim=0))
    torch.testing.assert_close(network.mapping(z, truncation_psi=0.0)[5, 3], network.mapping.w_avg)
    cut = network.mapping(z, truncation_psi=0.5, truncation_cutoff=2)
    torch.testing.assert_close(cut[:, 2:], ws[:, 2:])
    torch.testing.assert_close(cut[:, :2], (ws[:, :2] + network.mapping.w_avg) / 2)


def test_noise_modes_differ_as_they_should():
    network = generator()
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.fill_(0.5)
    z = torch.randn(2, 8)
    const = network(z, noise_mode="const")
    torch.testing.assert_close(const, network(z, noise_mode="const"))
    assert not torch.allclose(const, network(z, noise_mode="none"))
    drawn = [network(z, noise_generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    torch.testing.assert_close(drawn[0], drawn[1])
    assert not torch.allclose(drawn[0], drawn[2])
    given = network.synthesis.draw_noise(2, torch.Generator().manual_seed(1))
    torch.testing.assert_close(network(z, noise=given), drawn[0])
    with pytest.raises(ValueError, match="noise_mode"):
        network(z, noise_mode="loud")


def test_clamping_bounds_what_fp16_blocks_produce():
    free, bound = generator(), generator(conv_clamp=0.01)
    z = torch.randn(2, 8)
    assert bound(z, noise_mode="none").abs().max() <= 0.01 * 3 + 1e-6  # three ToRGB layers
    assert free(z, noise_mode="none").abs().max() > 0.1


@pytest.mark.parametrize(
    "bad", [{"img_resolution": 20}, {"architecture": "deep"}, {"channel_base": 8}, {"activation": "tanh"}]
)
def test_impossible_architectures_are_refused(bad):
    with pytest.raises(UserError):
        GeneratorConfig(**(SMALL | bad))
    with pytest.raises(UserError, match="unknown settings: 'colour'"):
        DiscriminatorConfig.from_json({**SMALL, "colour": 1})
