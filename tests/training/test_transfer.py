"""What fits is copied; what nearly fits is adapted so that first pictures and logits stay as they were."""

import pytest
import torch
import torch.nn.functional as F

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.ops.upfirdn2d import binomial_filter, upsample2d
from stylegan_pokemon.training.transfer.networks import NetworkTransfer, TransferReport, transfer

SHAPE = {"channel_base": 256, "channel_max": 16}


def generator(resolution=16, **options):
    torch.manual_seed(options.pop("seed", resolution))
    config = GeneratorConfig(resolution, z_dim=12, w_dim=12, num_layers=2, **SHAPE | options)
    return Generator(config).eval().requires_grad_(False)


def discriminator(resolution=16, **options):
    torch.manual_seed(options.pop("seed", resolution))
    return Discriminator(DiscriminatorConfig(resolution, **SHAPE | options)).eval().requires_grad_(False)


def moved(target, donor, labels=None):
    report = transfer(target, donor, "G", "G_ema", labels)
    names = [*report.copied, *report.adapted, *report.new]
    assert sorted(names) == sorted(target.state_dict())
    return report


def test_between_equal_architectures_every_tensor_is_copied():
    source, target = generator(seed=1), generator(seed=2)
    report = moved(target, source)
    assert (report.adapted, report.new) == ([], [])
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
    report = moved(target, source)
    assert report.new == []
    assert torch.equal(target.synthesis.b16.torgb.weight, source.synthesis.b16.torgb.weight)


@pytest.mark.parametrize("widths", [{}, {"layer_features": 9}, {"layer_features": 15}, {"embed_features": 7}])
def test_labels_do_not_count_in_the_first_pictures(widths):
    source, target = revived(generator()), generator(c_dim=5, seed=3, **widths)
    report = moved(target, source)
    assert {"mapping.embed.weight", "mapping.fc0.weight", "mapping.fc0.bias"} <= set(report.adapted)
    z = torch.randn(5, 12)
    pictures = target(z, torch.eye(5), noise_mode="none")
    if widths.get("layer_features") != 9:  # narrower mapping layers cannot keep the pictures
        torch.testing.assert_close(pictures, source(z, noise_mode="none"))
    alike = target(z[:1].expand(5, -1), torch.eye(5), noise_mode="none")
    torch.testing.assert_close(alike, alike[:1].expand_as(alike))


def test_labels_are_learnt_at_the_full_rate():
    # Adam moves every weight by about its rate: after a hundred steps classes differ visibly.
    source, target = generator(), generator(c_dim=5, seed=3)
    moved(target, source)
    target.requires_grad_(True)
    adam = torch.optim.Adam(target.mapping.embed.parameters(), lr=0.02, betas=(0.0, 0.99))
    z, goal = torch.randn(5, 12), torch.randn(5, 12)
    for _ in range(100):
        adam.zero_grad()
        w = target.mapping(z[:1].expand(5, -1), torch.eye(5))[:, 0]
        F.mse_loss(w, goal).backward()
        adam.step()
    with torch.no_grad():
        of_classes = target.mapping(z[:1].expand(5, -1), torch.eye(5))[:, 0].std(dim=0).mean()
        of_latents = source.mapping(torch.randn(256, 12))[:, 0].std(dim=0).mean()
    assert of_classes > 0.1 * of_latents


def test_labels_hardly_count_in_the_first_logits():
    source, target = discriminator(), discriminator(c_dim=5, seed=3)
    report = moved(target, source)
    assert report.adapted == ["b4.out.weight", "b4.out.bias"]
    images = torch.randn(5, 3, 16, 16)
    before, after = source(images), target(images, torch.eye(5))
    assert F.cosine_similarity(before.flatten(), after.flatten(), dim=0) > 0.99
    assert (after - before).abs().max() < 0.1 * before.abs().max()


def test_a_discriminator_of_another_resolution_keeps_the_blocks_below():
    report = moved(discriminator(16), discriminator(32))
    assert {name.rpartition(".")[0] for name in report.new} == {"b16.fromrgb"}


def test_too_little_overlap_is_an_error_that_says_what_to_do():
    for width in (3, 7):
        with pytest.raises(UserError, match=r"only \d+% of G .*--resume none"):
            moved(discriminator(16), discriminator(16, channel_max=width, channel_base=width * 16))


def revived(network):
    """With biases, noise strengths and averages that count, which fresh networks have at zero."""
    torch.manual_seed(11)
    for name, tensor in network.state_dict().items():
        if "resample_filter" not in name and tensor.unique().numel() == 1:
            tensor += 0.3 * torch.randn_like(tensor)
    return network


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_a_wider_generator_makes_the_same_pictures(architecture):
    source = revived(generator(architecture=architecture, channel_max=11))
    target = generator(architecture=architecture, channel_base=512, channel_max=23)
    report = moved(target, source)
    assert "synthesis.b8.conv1.weight" in report.adapted
    assert report.new == []
    z = torch.randn(3, 12)
    torch.testing.assert_close(target(z, noise_mode="const"), source(z, noise_mode="const"))


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
@pytest.mark.parametrize("c_dim", [0, 4])
def test_a_wider_discriminator_gives_the_same_logits(architecture, c_dim):
    # Without the two statistics that are taken over all features: of the minibatch, and of the label's norm.
    options = {"architecture": architecture, "c_dim": c_dim, "mbstd_num_channels": 0, "cmap_dim": 6}
    source = revived(discriminator(channel_max=11, **options))
    target = discriminator(channel_base=512, channel_max=23, **options)
    moved(target, source)
    images, c = torch.randn(4, 3, 16, 16), torch.eye(4) if c_dim else None
    torch.testing.assert_close(target(images, c), source(images, c))


def test_the_minibatch_statistic_stays_the_last_channel_of_a_wider_discriminator():
    source, target = discriminator(channel_max=11), discriminator(channel_max=13)
    moved(target, source)
    assert torch.equal(target.b4.conv.weight[:11, -1], source.b4.conv.weight[:, -1] * (14 / 12) ** 0.5)
    assert not target.b4.conv.weight[:11, 11:13].any()


def test_new_features_of_a_wider_network_can_be_learnt():
    source = revived(generator(channel_max=11))
    target = generator(channel_max=16)
    moved(target, source)
    target.requires_grad_(True)(torch.randn(3, 12), noise_mode="none").square().sum().backward()
    assert target.synthesis.b16.conv1.weight.grad[:11, 11:].abs().min() > 0


def test_a_narrower_network_takes_the_first_features():
    source, target = generator(), generator(channel_max=9)
    report = moved(target, source)
    assert report.new == []
    assert torch.equal(target.synthesis.b8.conv1.weight, source.synthesis.b8.conv1.weight[:9, :9])
    source, target = discriminator(c_dim=3), discriminator(c_dim=3, channel_max=9)
    moved(target, source)
    assert torch.equal(target.b4.fc.weight, source.b4.fc.weight.reshape(16, 16, 16)[:9, :9].flatten(1))


RGB_AS = {
    1: lambda rgb: rgb.mean(dim=1, keepdim=True),
    3: lambda rgb: rgb,
    4: lambda rgb: torch.cat([rgb, torch.ones_like(rgb[:, :1])], dim=1),
}


@pytest.mark.parametrize("resolution", [16, 32])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_generator_of_other_colours_makes_the_same_pictures_in_them(channels, resolution):
    source, target = revived(generator()), generator(resolution, img_channels=channels)
    moved(target, source)
    z = torch.randn(3, 12)
    expected = source(z, noise_mode="none")
    for _ in range(resolution // 32):
        expected = upsample2d(expected, binomial_filter())
    expected = RGB_AS[channels](expected)
    torch.testing.assert_close(target(z, noise_mode="none"), expected)


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (3, 4), (4, 3), (4, 1), (1, 4)])
def test_a_discriminator_of_other_colours_judges_the_same_pictures_alike(before, after):
    source, target = revived(discriminator(img_channels=before)), discriminator(img_channels=after)
    report = moved(target, source)
    assert "b16.fromrgb.weight" in report.adapted
    grey = torch.randn(4, 1, 16, 16).expand(-1, 3, -1, -1)
    logits = source(RGB_AS[before](grey)), target(RGB_AS[after](grey))
    torch.testing.assert_close(*logits)


def test_classes_go_on_with_their_own_pictures_and_new_ones_with_the_mean():
    source, target = revived(generator(c_dim=3)), generator(c_dim=4, seed=9)
    report = moved(target, source, labels=(2, None, 0, 1))
    assert report.adapted == ["mapping.embed.weight"]
    z = torch.randn(3, 12)
    known = target(z, torch.eye(4)[[2, 3, 0]], noise_mode="none")
    torch.testing.assert_close(known, source(z, torch.eye(3), noise_mode="none"))
    mean = torch.full((3, 3), 1 / 3)
    new = target(z, torch.eye(4)[[1, 1, 1]], noise_mode="none")
    torch.testing.assert_close(new, source(z, mean, noise_mode="none"))


def test_a_discriminator_keeps_its_classes():
    source, target = revived(discriminator(c_dim=3)), discriminator(c_dim=2, seed=9)
    moved(target, source, labels=(2, 1))
    images = torch.randn(4, 3, 16, 16)
    before, after = source(images, torch.eye(3)[[2, 1, 1, 2]]), target(images, torch.eye(2)[[0, 1, 1, 0]])
    torch.testing.assert_close(after, before)


def test_without_classes_the_average_label_counts():
    source = generator(c_dim=3)
    source.mapping.embed.weight.copy_(source.mapping.embed.weight[:, :1])  # all alike: the average is exact
    target = generator(seed=9)
    assert moved(target, source).new == []
    z = torch.randn(3, 12)
    expected = source(z, torch.eye(3), noise_mode="none")
    torch.testing.assert_close(target(z, noise_mode="none"), expected)
    source = discriminator(c_dim=3)
    target = discriminator(seed=9)
    assert moved(target, source).new == []
    images = torch.randn(1, 3, 16, 16)
    mean = source(images.expand(3, -1, -1, -1), torch.eye(3), force_fp32=True).mean()
    torch.testing.assert_close(target(images.expand(3, -1, -1, -1)).mean(), mean)


def test_the_report_counts_tensors_and_names_what_is_not_copied():
    found = moved(generator(16, c_dim=5), generator(16))
    text = TransferReport("some.pkl", (found, NetworkTransfer("D", "new"))).format()
    assert "adapted: mapping.embed, mapping.fc0" in text
    assert "new: mapping.embed" in text  # its bias
    assert f"{len(found.copied)}" in text
    assert "no such network" in text


@pytest.mark.parametrize(("network", "new", "whole"), [
    ("G_ema", [], True),
    ("G_ema", ["mapping.embed.weight"], True),  # of classes that the checkpoint had not
    ("D", ["mapping.fc0.weight"], True),
    ("G_ema", ["mapping.fc2.weight"], False),  # a deeper mapping network draws from a w of its own
    ("G_ema", ["synthesis.b64.conv0.weight"], False),
    ("D", ["b64.conv0.weight"], False),
])  # fmt: skip
def test_a_start_is_whole_but_for_new_classes(network, new, whole):
    report = TransferReport("start.safetensors", (NetworkTransfer(network, "G_ema", new=new),))
    assert report.whole is whole
    assert not TransferReport("fresh").whole
