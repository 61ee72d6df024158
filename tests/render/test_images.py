"""Pixels are rounded as the field does, and a picture does not depend on its neighbours."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import GeneratorConfig
from stylegan_pokemon.render.images import (
    comfortable_scale,
    fakes_grid,
    grid,
    grid_shape,
    micro_batch,
    on_white,
    rescale,
    save_png,
    synthesize,
    to_image,
    to_uint8,
)
from stylegan_pokemon.render.latents import one_hot, seed_latents
from tests.render.conftest import make_generator


def test_rounding_is_that_of_the_field():
    x = torch.tensor([-2, -1, -0.5, 0, 0.5, 0.99, 1, 3.0]).reshape(1, 1, 2, 4)
    assert to_uint8(x).reshape(-1).tolist() == [0, 0, 64, 128, 191, 254, 255, 255]
    assert to_uint8(x).shape == (1, 2, 4, 1)


def test_every_shade_of_8_bits_survives_the_way_through_minus_1_to_1():
    shades = torch.arange(256, dtype=torch.float32)
    assert to_uint8((shades / 127.5 - 1).reshape(1, 1, 16, 16)).reshape(-1).tolist() == list(range(256))


def pictures(G, seeds, **options):
    ws = G.mapping(seed_latents(seeds, G.z_dim), None)
    return list(synthesize(G, ws, noise_seeds=seeds, **options))


@pytest.mark.parametrize("noise_mode", ["const", "random", "none"])
def test_the_picture_of_a_seed_is_the_same_in_any_batch_and_company(generator, noise_mode):
    alone = pictures(generator, [7], noise_mode=noise_mode)[0]
    for seeds, batch in (([3, 7, 1], 3), ([3, 7, 1], 1), (list(range(10)), 4)):
        company = pictures(generator, seeds, noise_mode=noise_mode, batch=batch)[seeds.index(7)]
        # One step of 255 for sums that another batch size adds up in another order.
        assert np.abs(alone.astype(int) - company.astype(int)).max() <= 1


def test_noise_modes_give_different_pictures_and_random_noise_differs_between_seeds(generator):
    const, random, none = (
        pictures(generator, [7], noise_mode=mode)[0] for mode in ("const", "random", "none")
    )
    assert not np.array_equal(const, random)
    assert not np.array_equal(const, none)
    ws = generator.mapping(seed_latents([7, 7], generator.z_dim), None)
    first, second = synthesize(generator, ws, noise_mode="random", noise_seeds=[1, 2])
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_grey_rgb_and_alpha_networks_make_pictures(channels, mode, tmp_path):
    picture = pictures(make_generator(img_channels=channels), [0])[0]
    assert picture.shape == (16, 16, channels)
    assert on_white(picture).shape == (16, 16, 3)
    save_png(tmp_path / "x.png", picture, {"Description": "seed 0"})
    with Image.open(tmp_path / "x.png") as image:
        assert (image.mode, image.text) == (mode, {"Description": "seed 0"})
        np.testing.assert_array_equal(np.asarray(image).reshape(picture.shape), picture)


def test_other_channel_counts_are_refused():
    with pytest.raises(UserError, match="5 channels"):
        pictures(make_generator(img_channels=5), [0])


class Greedy(torch.nn.Module):
    """A generator that runs out of memory above `limit` pictures, as a small card does."""

    img_channels, img_resolution = 3, 8
    config = GeneratorConfig(8)

    def __init__(self, limit):
        super().__init__()
        self.limit, self.calls = limit, []

    def synthesis(self, ws, noise_mode):
        self.calls.append(len(ws))
        if len(ws) > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return ws[:, :1, :1, None].expand(-1, 3, 8, 8)


def test_the_batch_is_halved_until_it_fits_and_no_picture_is_lost():
    G = Greedy(limit=3)
    ws = torch.linspace(-1, 1, 11)[:, None, None].expand(11, 2, 2)
    shades = [int(picture[0, 0, 0]) for picture in synthesize(G, ws, batch=11)]
    assert shades == to_uint8(ws[:, :1, :1, None])[:, 0, 0, 0].tolist()
    assert G.calls == [11, 5, 2, 2, 2, 2, 2, 1]


def test_a_single_picture_that_does_not_fit_is_one_sentence():
    with pytest.raises(UserError, match="--device cpu"):
        list(synthesize(Greedy(limit=0), torch.zeros(1, 2, 2)))


def test_micro_batches_shrink_with_resolution():
    assert [micro_batch(r) for r in (16, 64, 256, 512, 1024)] == [64, 32, 8, 4, 2]


@pytest.mark.parametrize(
    ("count", "shape"),
    [(1, (1, 1)), (2, (1, 2)), (3, (1, 3)), (8, (2, 4)), (12, (3, 4)), (16, (4, 4)), (32, (4, 8)),
     (64, (8, 8)), (13, (4, 4)), (1009, (32, 32))],
)  # fmt: skip
def test_a_grid_has_no_gaps_where_its_pictures_fill_rows(count, shape):
    """shape: (rows, columns)."""
    assert grid([np.zeros((1, 1, 1), np.uint8)] * count).shape[:2] == shape


def test_a_grid_is_row_by_row_and_white_where_it_is_empty():
    tiles = [np.full((2, 3, 3), i, dtype=np.uint8) for i in range(5)]
    sheet = grid(tiles, columns=3)
    assert sheet.shape == (4, 9, 3)
    assert sheet[::2, ::3, 0].tolist() == [[0, 1, 2], [3, 4, 255]]
    assert grid(tiles, columns=3).shape == (4, 9, 3)
    clear = grid([np.full((2, 2, 4), 9, dtype=np.uint8)] * 3, columns=2)
    assert clear[2, 2].tolist() == [255, 255, 255, 0]


@pytest.mark.parametrize("resolution", [8, 64, 128, 256, 512, 1024])
def test_the_grid_of_a_tick_stays_within_its_bounds(resolution):
    columns, rows = grid_shape(resolution)
    assert 4 <= columns * rows <= 64
    assert columns * resolution <= 2048
    assert rows * resolution <= max(1536, 2 * resolution)


def test_fakes_grid_is_the_forward_pass_of_the_network_in_order(conditional):
    z, c = seed_latents(range(6), 16), one_hot([0, 1, 2, 3, 0, 1], 4)
    sheet = fakes_grid(conditional, z, c, 3, truncation_psi=0.7, around="network")
    direct = to_uint8(conditional(z, c, truncation_psi=0.7, noise_mode="const"))
    assert sheet.shape == (32, 48, 3)
    assert np.abs(sheet[16:, 32:].astype(int) - direct[5]).max() <= 1
    again = fakes_grid(conditional, z, c, 3, truncation_psi=0.7, around="network")
    np.testing.assert_array_equal(sheet, again)


def test_enlarging_makes_squares_and_reducing_averages():
    picture = np.arange(0, 96, 2, dtype=np.uint8).reshape(4, 4, 3)
    large = rescale(picture, Fraction(3))
    assert large.shape == (12, 12, 3)
    np.testing.assert_array_equal(large[1::3, 2::3], picture)
    small = rescale(picture, Fraction(1, 2))
    assert small.shape == (2, 2, 3)
    assert small[0, 0].tolist() == [15, 17, 19]  # the mean of 0, 6, 24 and 30, and so on
    assert rescale(picture[..., :1], Fraction(1, 4)).shape == (1, 1, 1)
    with pytest.raises(UserError, match="--scale"):
        rescale(picture, Fraction(1, 8))


@pytest.mark.parametrize(
    ("resolution", "scale"),
    [(16, 8), (32, 4), (64, 2), (128, 1), (256, 1), (512, Fraction(1, 2)), (1024, Fraction(1, 4))],
)
def test_small_pictures_are_enlarged_and_large_ones_reduced_to_128_to_256_pixels(resolution, scale):
    assert comfortable_scale(resolution, 128, 256) == scale


def test_alpha_is_laid_over_white():
    picture = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 100, 255, 128]]], dtype=np.uint8)
    white = Image.new("RGBA", (3, 1), "white")
    white.alpha_composite(to_image(picture))
    np.testing.assert_allclose(on_white(picture).astype(int), np.asarray(white)[..., :3], atol=1)
