"""Pixels and shapes against closed forms and slow, plain implementations."""

from collections import Counter

import numpy as np
import pytest

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.sprites.pixels import enlargement, hardened, in_cells, is_pixel_art, reduced
from stylegan_pokemon.sprites.shape import aligned, largest_piece, outlined, parse_outline, sharpened
from tests.sprites.drawings import coverage, disc


def _pixel_art(side: int = 24) -> np.ndarray:
    rng = np.random.default_rng(3)
    palette = np.array([[0, 0, 0, 255], [200, 60, 40, 255], [240, 200, 90, 255], [0, 0, 0, 0]], np.uint8)
    art = palette[rng.integers(0, 3, (side, side))]
    art[:4] = art[-4:] = art[:, :4] = art[:, -4:] = 0
    return art


def _box(top, left, height, width, size=32) -> np.ndarray:
    picture = np.zeros((size, size, 4), np.uint8)
    picture[top : top + height, left : left + width] = (90, 120, 30, 255)
    return picture


def test_each_pixel_takes_the_most_frequent_colour_under_it():
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, (4, 3))
    picture = np.dstack([palette[rng.integers(0, 4, (32, 32))], np.full((32, 32), 255)]).astype(np.uint8)
    small = reduced(picture, 4, "mode", exact=True)
    for row in range(8):
        for column in range(8):
            cell = picture[4 * row : 4 * row + 4, 4 * column : 4 * column + 4, :3].reshape(-1, 3)
            counts = Counter(map(tuple, cell.tolist()))
            assert counts[tuple(small[row, column, :3].tolist())] == max(counts.values())


def test_the_median_is_a_pixel_of_median_lightness():
    rng = np.random.default_rng(0)
    grey = rng.permuted(np.tile(np.arange(16), (16, 1)), axis=1).reshape(4, 4, 4, 4).swapaxes(1, 2)
    grey = grey.reshape(16, 16).astype(np.uint8)
    picture = np.dstack([grey, grey, grey, np.full_like(grey, 255)])
    assert (reduced(picture, 4, "median", exact=False)[..., :3] == 7).all()


def test_invisible_pixels_do_not_vote_and_opacity_is_the_mean():
    picture = np.zeros((4, 4, 4), np.uint8)
    picture[0, :] = (200, 10, 10, 255)
    for cell in ("mode", "median"):
        assert reduced(picture, 4, cell, exact=False)[0, 0].tolist() == [200, 10, 10, 64]
    assert hardened(reduced(picture, 4, "mode", exact=False))[0, 0, 3] == 0


def test_pixel_art_keeps_its_pixels():
    art = _pixel_art()
    assert is_pixel_art(art)
    cells, k = in_cells(art, 24)
    assert k == 1
    assert (cells == art).all()
    cells, k = in_cells(art, 64)  # 2 × 24, and 8 around
    assert (k, cells.shape) == (1, (64, 64, 4))
    assert (cells[8:56, 8:56] == art.repeat(2, axis=0).repeat(2, axis=1)).all()
    assert cells[:8, :, 3].max() == 0


def test_a_picture_is_brought_to_whole_cells_and_padded_to_a_square():
    rng = np.random.default_rng(0)
    picture = np.dstack([rng.integers(0, 256, (100, 256, 3)), np.full((100, 256), 200)]).astype(np.uint8)
    cells, k = in_cells(picture, 64)
    assert (cells.shape, k) == ((256, 256, 4), 4)
    assert (cells[78:178] == picture).all()
    assert cells[:78, :, 3].max() == 0
    for side in (48, 96, 300):
        cells, k = in_cells(picture, side)
        assert cells.shape == (side * k, side * k, 4)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_enlargement_is_recognised(n):
    rng = np.random.default_rng(1)
    small = _pixel_art()
    small[8:16, 8:16, :3] = rng.integers(0, 256, (8, 8, 3))  # more colours than pixel art has
    assert enlargement(small.repeat(n, axis=0).repeat(n, axis=1)) == n


def test_alignment_by_closed_form():
    centred = aligned([_box(2, 3, 6, 10)], "center")[0]
    assert (centred == _box(13, 11, 6, 10)).all()
    standing = aligned([_box(2, 3, 6, 10)], "baseline")[0]
    assert (standing == _box(24, 11, 6, 10)).all()  # rows 30 and 31 stay free: a sixteenth of 32
    tall = aligned([_box(1, 3, 31, 10)], "baseline")[0]
    assert (tall == _box(0, 11, 31, 10)).all()
    empty = np.zeros((8, 8, 4), np.uint8)
    assert (aligned([empty], "center")[0] == empty).all()


def test_frames_of_a_film_move_together():
    one, other = aligned([_box(2, 3, 6, 4), _box(4, 9, 6, 4)], "center")
    assert (one == _box(12, 11, 6, 4)).all()
    assert (other == _box(14, 17, 6, 4)).all()


def test_only_the_largest_piece_is_left():
    body, dot = _box(8, 8, 10, 10), _box(1, 1, 3, 3)
    assert (largest_piece(np.maximum(body, dot)) == body).all()


def test_an_outline_is_the_ring_of_the_neighbours():
    drawn = outlined(_box(8, 8, 10, 12), (255, 0, 0))
    ring = (drawn == (255, 0, 0, 255)).all(axis=2)
    assert ring.sum() == 2 * (10 + 12)
    assert (drawn[8:18, 8:20] == _box(8, 8, 10, 12)[8:18, 8:20]).all()
    with pytest.raises(UserError, match="--outline blurple"):
        parse_outline("blurple")


def test_sharpening_narrows_edges_without_overshoot():
    alpha = coverage(lambda x, y: disc(x, y, 20.3), 64)
    for _ in range(2):  # a blurred edge of about five pixels
        alpha = (np.roll(alpha, 1, 0) + alpha + np.roll(alpha, -1, 0)) / 3
        alpha = (np.roll(alpha, 1, 1) + alpha + np.roll(alpha, -1, 1)) / 3
    colour = np.array([200, 40, 90]) * alpha[..., None] + 255 * (1 - alpha[..., None])
    blurred = np.dstack([np.rint(colour), np.full((64, 64), 255)]).astype(np.uint8)
    sharp = sharpened(blurred)
    steps = [np.abs(np.diff(p[32, :, 1].astype(int))).max() for p in (blurred, sharp)]
    assert steps[1] > 1.5 * steps[0]
    assert (sharp[..., :3] >= np.array([200, 40, 90]) - 2).all()
    assert (sharp[..., 3] == 255).all()


def test_sharpening_leaves_lines_dots_and_shading():
    picture = np.full((32, 32, 4), 255, np.uint8)
    picture[10, 5:20] = picture[5:20, 25] = picture[28, 4] = (0, 0, 0, 255)
    drawn = sharpened(picture)[..., 0]
    assert drawn[10, 5:20].max() < 60
    assert drawn[5:20, 25].max() < 60
    assert drawn[28, 4] < 90
    ramp = np.linspace(90, 150, 32).astype(np.uint8)
    shade = np.dstack([np.tile(ramp, (32, 1))] * 3 + [np.full((32, 32), 255, np.uint8)])
    assert np.abs(sharpened(shade)[:, 1:-1].astype(int) - shade[:, 1:-1]).max() <= 1
