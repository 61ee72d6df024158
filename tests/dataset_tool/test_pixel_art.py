"""Pixel art is told from drawings and photographs, at any whole enlargement."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dataset_tool.pixel_art import pixel_size, reduce_to_native
from tests.dataset_tool.pictures import creature, noise, pixel_sprite


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("factor", [1, 2, 3, 8])
def test_pixel_art_is_recognised_at_every_enlargement(seed, factor):
    sprite = pixel_sprite(32, seed)
    enlarged = sprite.resize((32 * factor, 32 * factor), Image.Resampling.NEAREST)
    assert pixel_size(enlarged) == factor
    assert (np.asarray(reduce_to_native(enlarged, factor)) == np.asarray(sprite)).all()


def test_colours_hidden_under_transparency_do_not_matter():
    pixels = np.asarray(pixel_sprite(32).resize((64, 64), Image.Resampling.NEAREST)).copy()
    hidden = pixels[:, :, 3] == 0
    pixels[hidden, :3] = np.random.default_rng(0).integers(0, 256, (int(hidden.sum()), 3))
    assert pixel_size(Image.fromarray(pixels)) == 2


def test_an_enlargement_that_was_cropped_inside_a_block_is_still_one():
    enlarged = pixel_sprite(32).resize((128, 128), Image.Resampling.NEAREST).crop((3, 2, 127, 128))
    assert pixel_size(enlarged) == 4
    assert reduce_to_native(enlarged, 4).size == (32, 32)


def test_opaque_pixel_art_counts_too():
    page = Image.new("RGBA", (40, 40), (120, 200, 120, 255))
    page.alpha_composite(pixel_sprite(32), (4, 4))
    assert pixel_size(page) == 1


@pytest.mark.parametrize("size", [48, 64, 96, 128, 256])
@pytest.mark.parametrize("background", [None, "white"])
def test_smooth_drawings_are_not_pixel_art(size, background):
    drawing = creature(size)
    if background:
        drawing = Image.alpha_composite(Image.new("RGBA", drawing.size, background), drawing)
    assert pixel_size(drawing) == 0


@pytest.mark.parametrize("size", [64, 96, 160])
def test_antialiased_icons_of_few_colours_are_not_pixel_art(size):
    icon = Image.new("RGBA", (size * 8, size * 8), (0, 0, 0, 0))
    ImageDraw.Draw(icon).ellipse((size, size, size * 7, size * 7), fill=(30, 90, 200, 255))
    assert pixel_size(icon.resize((size, size), Image.Resampling.BOX)) == 0


def test_photographs_and_large_flat_pictures_are_not_pixel_art():
    assert pixel_size(noise((64, 64)).convert("RGBA")) == 0
    flat = Image.new("RGBA", (700, 700), "white")
    ImageDraw.Draw(flat).polygon([(13, 17), (600, 211), (307, 650)], fill="red")
    assert pixel_size(flat) == 0


def test_a_small_flat_picture_is_not_blown_up_from_one_pixel():
    assert pixel_size(Image.new("RGBA", (64, 64), "red")) in (0, 1)
    halves = Image.new("RGBA", (64, 64), "red")
    halves.paste("blue", (0, 0, 32, 64))
    assert pixel_size(halves) in (0, 1)
