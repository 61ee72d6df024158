"""Any shape in, a square out: no halo, nothing stretched, pixel art crisp, frames where they belong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from dataset_tool.fit import compose, fit
from dataset_tool.options import FILTERS, RESOLUTIONS, ConvertOptions
from tests.dataset_tool.pictures import creature, noise, pixel_sprite

WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (128, 128, 128)


def square(image: Image.Image, background: tuple[int, int, int] = WHITE, **options: object) -> np.ndarray:
    """Return the finished picture as int array [S, S, 3]."""
    return np.asarray(compose(fit(image.convert("RGBA"), ConvertOptions(**options)), background)).astype(int)


def disc(size: int, hidden: tuple[int, int, int]) -> Image.Image:
    """Return an antialiased red disc on transparent ground under which another colour is hidden."""
    y, x = np.mgrid[0:size, 0:size] - (size - 1) / 2
    alpha = np.clip(size * 0.35 - np.hypot(y, x) + 0.5, 0, 1)
    pixels = np.zeros((size, size, 4), np.uint8)
    pixels[:, :, :3] = np.where(alpha[:, :, None] > 0, (255, 0, 0), hidden)
    pixels[:, :, 3] = np.rint(alpha * 255)
    return Image.fromarray(pixels)


@settings(max_examples=120, deadline=None)
@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    resolution=st.sampled_from([8, 16, 32, 64]),
    filter=st.sampled_from(FILTERS),
    mode=st.sampled_from(["RGB", "RGBA"]),
    trim=st.booleans(),
    key=st.booleans(),
    margin=st.floats(0, 40),
)
def test_any_picture_comes_out_exactly_as_large_as_asked(size, resolution, filter, mode, trim, key, margin):
    options = ConvertOptions(resolution=resolution, filter=filter, trim=trim, key=key, margin=margin)
    picture = noise(size, seed=size[0], mode=mode).convert("RGBA")
    try:
        result = compose(fit(picture, options), WHITE)
    except ValueError:
        # A picture of few pixels can be one colour only, or fully transparent.
        assume(False)
    assert (result.mode, result.size) == ("RGB", (resolution, resolution))


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_every_resolution_from_8_to_1024(resolution):
    assert square(creature(50), resolution=resolution).shape == (resolution, resolution, 3)


@pytest.mark.parametrize("resolution", [16, 40 * 4, 64, 256])
@pytest.mark.parametrize("filter", ["box", "bicubic", "lanczos", "auto"])
@pytest.mark.parametrize("background", [WHITE, BLACK, GREY])
def test_colours_hidden_under_transparency_leave_no_halo(resolution, filter, background):
    if resolution not in RESOLUTIONS:
        resolution = 128
    red_only = square(disc(64, hidden=(255, 0, 0)), background, resolution=resolution, filter=filter)
    green_below = square(disc(64, hidden=(0, 255, 0)), background, resolution=resolution, filter=filter)
    assert (red_only == green_below).all()
    # Between red and the background there is nothing else: green and blue never rise above the background's.
    assert green_below[:, :, 1].max() <= background[1] + 1
    assert (green_below[:, :, 1] == green_below[:, :, 2]).all()


@pytest.mark.parametrize("background", [BLACK, GREY])
def test_lanczos_does_not_ring_into_the_background(background):
    # A white square on grey or black. Scaling the composited picture instead draws darker lines
    # around it.
    picture = np.zeros((32, 32, 4), np.uint8)
    picture[8:24, 8:24] = 255
    result = square(Image.fromarray(picture), background, resolution=128, filter="lanczos")
    assert result.min() >= background[0]
    outside = np.ones((128, 128), bool)
    outside[30:98, 30:98] = False
    # What remains is the filter's second lobe, which is light and lifts the page by at most 3.6 % of 255.
    assert np.abs(result[outside] - background).max() <= 9
    page = Image.alpha_composite(Image.new("RGBA", (32, 32), background), Image.fromarray(picture))
    naive = np.asarray(page.convert("RGB").resize((128, 128), Image.Resampling.LANCZOS)).astype(int)
    assert background == BLACK or naive[outside].min() < 120 < 128 <= result[outside].min()


def test_compositing_matches_arithmetic_in_floating_point():
    picture = noise((32, 32), mode="RGBA")
    result = square(picture, (10, 200, 90), resolution=32)
    pixels = np.asarray(picture).astype(float)
    alpha = pixels[:, :, 3:] / 255
    assert np.abs(result - (pixels[:, :, :3] * alpha + np.array((10, 200, 90)) * (1 - alpha))).max() <= 1.01


def test_scaling_equals_the_scaling_of_the_composited_picture():
    # Premultiplied scaling is the same linear operation as scaling the finished picture, and the box
    # filter clips nothing. What differs are roundings to 8 bits: of premultiplied colours, of both
    # passes, and back.
    picture = creature(100)
    page = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    expected = np.asarray(page.resize((64, 64), Image.Resampling.BOX)).astype(int)
    error = np.abs(square(picture, resolution=64, filter="box") - expected)
    assert error.max() <= 3
    assert error.mean() < 0.25


@pytest.mark.parametrize(
    ("size", "box"), [((60, 30), (0, 16, 64, 48)), ((30, 60), (16, 0, 48, 64)), ((5, 5), (0, 0, 64, 64))]
)
def test_what_is_not_square_is_letterboxed_and_never_stretched(size, box):
    result = square(Image.new("RGB", size, (0, 90, 0)), GREY, resolution=64, filter="bicubic")
    left, top, right, bottom = box
    inside = np.zeros((64, 64), bool)
    inside[top:bottom, left:right] = True
    assert (result[inside] == (0, 90, 0)).all()
    assert (result[~inside] == GREY).all()


def test_circles_stay_circles():
    wide = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
    wide.paste(disc(100, hidden=(0, 0, 0)), (50, 0))
    ink = 255 - square(wide, WHITE, resolution=128)[:, :, 1]
    rows, columns = ink.any(axis=1).sum(), ink.any(axis=0).sum()
    assert abs(int(rows) - int(columns)) <= 1


def test_trim_lets_the_sprite_fill_the_frame_and_margin_sets_it_off():
    picture = Image.new("RGBA", (200, 160), (0, 0, 0, 0))
    picture.paste((200, 0, 0, 255), (120, 100, 150, 120))
    ink = square(picture, resolution=64, trim=True, margin=10)[:, :, 1] < 128
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    # 64 pixels less twice 10 percent leave 52 (6 on each side), and 30×20 becomes 52×35.
    assert (columns[0], columns[-1]) == (6, 57)
    assert len(rows) == 35
    assert abs(rows[0] - (63 - rows[-1])) <= 1


def test_trim_of_an_opaque_picture_removes_its_uniform_border():
    picture = Image.new("RGB", (100, 100), (250, 250, 250))
    picture.paste((0, 0, 200), (10, 40, 30, 60))
    result = square(picture, BLACK, resolution=32, trim=True, filter="lanczos")
    assert (result[6:26] == (0, 0, 200)).all()


def test_margin_without_trim_frames_the_whole_picture():
    result = square(Image.new("RGB", (50, 50), (9, 9, 9)), resolution=64, margin=12.5)
    assert (result[8:56, 8:56] == 9).all()
    result[8:56, 8:56] = 255
    assert (result == 255).all()


def test_key_makes_the_background_take_the_wanted_colour():
    picture = Image.new("RGB", (64, 64), "white")
    picture.paste((200, 0, 0), (20, 20, 44, 44))
    result = square(picture, (0, 0, 255), resolution=64, key=True)
    assert result[0, 0].tolist() == [0, 0, 255]
    assert result[32, 32].tolist() == [200, 0, 0]


@pytest.mark.parametrize(
    ("picture", "options", "reason"),
    [
        (Image.new("RGBA", (9, 9), (90, 0, 0, 0)), {}, "fully transparent"),
        (Image.new("RGBA", (9, 9), (90, 0, 0, 4)), {"trim": True}, "as good as transparent"),
        (Image.new("RGBA", (9, 9), (90, 0, 0, 255)), {"trim": True}, "one colour only"),
        (Image.new("RGBA", (9, 9), (90, 0, 0, 255)), {"key": True}, "one colour only"),
    ],
)
def test_pictures_of_which_nothing_is_left_are_problems(picture, options, reason):
    with pytest.raises(ValueError, match=reason):
        fit(picture, ConvertOptions(resolution=16, **options))


def test_pixel_art_is_enlarged_by_a_whole_factor_with_hard_edges():
    sprite = pixel_sprite(24)
    fitted = fit(sprite, ConvertOptions(resolution=128))
    assert fitted.filter == "pixel art by a whole factor"
    assert fitted.image.size == (120, 120)
    result = square(sprite, resolution=128)
    expected = np.asarray(Image.alpha_composite(Image.new("RGBA", (24, 24), "white"), sprite).convert("RGB"))
    assert (result[4:124, 4:124] == np.kron(expected, np.ones((5, 5, 1), int))).all()


def test_enlarged_pixel_art_is_brought_back_to_its_own_pixels_first():
    sprite = pixel_sprite(24)
    enlarged = sprite.resize((72, 72), Image.Resampling.NEAREST)
    assert (square(enlarged, resolution=128) == square(sprite, resolution=128)).all()


def test_pixel_art_too_large_for_the_frame_is_averaged_not_thinned():
    picture = np.zeros((48, 48, 4), np.uint8)
    picture[::3] = (0, 0, 0, 255)
    result = square(Image.fromarray(picture), resolution=16)
    # Every third line is black. Nearest would keep all or none of them, averaging makes all rows the same
    # grey.
    assert np.abs(result - 170).max() <= 1


def test_nearest_is_available_for_everything():
    result = square(creature(50), resolution=64, filter="nearest")
    source = np.asarray(
        Image.alpha_composite(Image.new("RGBA", (50, 50), "white"), creature(50)).convert("RGB")
    )
    index = ((np.arange(64) + 0.5) * 50 / 64).astype(int)
    assert np.abs(result - source[index][:, index]).max() <= 1
