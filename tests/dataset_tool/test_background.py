"""Uniform backgrounds are found, flood-filled from the border only, and leave no fringe."""

from __future__ import annotations

import io
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image, ImageColor

from dataset_tool.background import (
    connected_to_border,
    key_out,
    parse_background,
    random_colour,
    uniform_border,
    visible_box,
)
from dataset_tool.options import ConvertOptions
from dataset_tool.problems import UserError
from tests.dataset_tool.pictures import creature, encoded, noise


def on(colour: str, picture: Image.Image) -> Image.Image:
    page = Image.new("RGBA", picture.size, colour)
    return Image.alpha_composite(page, picture)


def flood(mask: np.ndarray) -> np.ndarray:
    """Return what a plain breadth-first search from the border reaches."""
    height, width = mask.shape
    reached = np.zeros_like(mask)
    queue = deque(
        (y, x)
        for y in range(height)
        for x in range(width)
        if mask[y, x] and (y in (0, height - 1) or x in (0, width - 1))
    )
    for place in queue:
        reached[place] = True
    while queue:
        y, x = queue.popleft()
        for place in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= place[0] < height and 0 <= place[1] < width and mask[place] and not reached[place]:
                reached[place] = True
                queue.append(place)
    return reached


@settings(max_examples=200, deadline=None)
@given(mask=npst.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_the_fill_reaches_what_a_breadth_first_search_reaches(mask):
    assert (connected_to_border(mask) == flood(mask)).all()


def test_the_fill_finds_its_way_through_a_spiral():
    size = 41
    mask = np.zeros((size, size), bool)
    y, x, step_y, step_x = 0, 0, 0, 1
    mask[0, 0] = True
    for _ in range(size * size):
        ahead = (y + 2 * step_y, x + 2 * step_x)
        if not (0 <= ahead[0] < size and 0 <= ahead[1] < size) or mask[ahead]:
            step_y, step_x = step_x, -step_y
            if mask[(y + step_y) % size, (x + step_x) % size]:
                break
        y, x = y + step_y, x + step_x
        mask[y, x] = True
    reached = connected_to_border(mask)
    assert mask.sum() > 300
    assert (reached == mask).all()


def test_a_hole_of_the_background_colour_inside_the_creature_stays():
    picture = np.full((32, 32, 4), 255, np.uint8)
    picture[8:24, 8:24, :3] = (200, 0, 0)
    picture[14:18, 14:18, :3] = 255
    keyed = np.asarray(key_out(Image.fromarray(picture), tolerance=12))
    assert keyed[0, 0, 3] == 0
    assert keyed[15, 15].tolist() == [255, 255, 255, 255]
    assert (keyed[:, :, 3] > 0).sum() == 16 * 16


def test_a_gap_at_a_corner_lets_nothing_through():
    # Outlines of pixel art touch at corners only; the fill must not leak through them.
    picture = np.full((9, 9, 4), 255, np.uint8)
    ring = [(2, 4), (3, 3), (3, 5), (4, 2), (4, 6), (5, 3), (5, 5), (6, 4)]
    for place in ring:
        picture[place][:3] = 0
    keyed = np.asarray(key_out(Image.fromarray(picture), tolerance=12, soften=False))
    assert keyed[4, 4, 3] == 255
    assert keyed[4, 1, 3] == 0


@pytest.mark.parametrize("background", ["white", "#3060c0", "lime", "magenta"])
def test_keying_undoes_compositing(background):
    original = creature(96)
    keyed = key_out(on(background, original), tolerance=12)
    again, truth = (np.asarray(on("#808080", picture)).astype(int) for picture in (keyed, original))
    assert np.abs(again - truth).mean() < 1.0
    assert np.percentile(np.abs(again - truth).max(axis=2), 99) <= 40


def test_softened_edges_leave_no_fringe_on_another_background():
    original = creature(96, colour=(60, 60, 200))
    page = on("white", original)
    truth = np.asarray(on("black", original)).astype(int)
    soft = np.asarray(on("black", key_out(page, 12, soften=True))).astype(int)
    hard = np.asarray(on("black", key_out(page, 12, soften=False))).astype(int)
    # The fringe: pixels that are much brighter than they should be.
    fringe = [int(((keyed - truth).max(axis=2) > 100).sum()) for keyed in (hard, soft)]
    assert fringe[0] > 100
    assert fringe[1] < fringe[0] / 20


def test_softening_leaves_a_thin_outline_round_a_light_body_alone():
    picture = np.full((40, 40, 4), 255, np.uint8)
    picture[8:32, 8:32, :3] = 0
    picture[9:31, 9:31, :3] = 235
    keyed = np.asarray(key_out(Image.fromarray(picture), tolerance=12))
    assert (keyed[8:32, 8:32] == picture[8:32, 8:32]).all()


def test_jpeg_noise_is_within_the_default_tolerance():
    page = on("white", creature(128)).convert("RGB")
    for quality in (75, 85, 95):
        noisy = Image.open(io.BytesIO(encoded(page, "JPEG", quality=quality))).convert("RGBA")
        keyed = np.asarray(key_out(noisy, ConvertOptions().tolerance))
        alpha = np.asarray(creature(128))[:, :, 3]
        assert keyed[alpha == 0][:, 3].mean() < 3
        assert (keyed[alpha == 255][:, 3] == 255).mean() > 0.97


@pytest.mark.parametrize("picture", [noise((32, 32)), Image.linear_gradient("L").convert("RGB")])
def test_a_picture_without_uniform_background_is_left_alone(picture):
    assert key_out(picture.convert("RGBA"), tolerance=12) is None


def test_a_creature_that_touches_a_side_does_not_hide_the_background():
    picture = np.full((30, 30, 3), 250, np.uint8)
    picture[10:30, 5:25] = (10, 120, 10)
    assert uniform_border(picture, 12).tolist() == [250, 250, 250]


def test_visible_box_ignores_what_nobody_sees():
    picture = np.zeros((20, 30, 4), np.uint8)
    picture[5:9, 10:16] = (255, 0, 0, 255)
    picture[0, 0] = (0, 0, 0, 3)
    assert visible_box(Image.fromarray(picture), 12) == (10, 5, 16, 9)


def test_visible_box_of_an_opaque_picture_is_what_differs_from_its_border():
    picture = np.full((20, 30, 4), 255, np.uint8)
    picture[5:9, 10:16, :3] = (255, 0, 0)
    picture[1, 1, :3] = 250
    assert visible_box(Image.fromarray(picture), 12) == (10, 5, 16, 9)
    assert visible_box(Image.new("RGBA", (8, 8), "white"), 12) is None
    assert visible_box(noise((8, 6)).convert("RGBA"), 12) == (0, 0, 8, 6)


@pytest.mark.parametrize("text", ["white", "black", "#102030", "#fa0", "rebeccapurple", "rgb(1, 2, 3)"])
def test_background_colours(text):
    assert parse_background(text) == ImageColor.getrgb(text)


@pytest.mark.parametrize("text", ["", "whiteish", "#12345", "#11223344", "#zzzzzz", "12"])
def test_a_background_that_is_no_opaque_colour_is_refused(text):
    with pytest.raises(UserError, match="--background"):
        parse_background(text)


def test_random_backgrounds_depend_on_seed_and_name_alone():
    assert parse_background("random") is None
    colours = {random_colour(seed, name) for seed in (0, 1) for name in ("a.png", "b.png")}
    assert len(colours) == 4
    assert random_colour(0, "a.png") == (51, 25, 81)
