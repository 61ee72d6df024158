"""Sliced Wasserstein distance: a slow implementation in float64, closed forms, and parts of a set."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stylegan_pokemon.metrics import swd

WEIGHTS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def pictures(count, side, seed=0, channels=3):
    return np.random.RandomState(seed).randint(0, 256, (count, side, side, channels)).astype(np.uint8)


def mirrored(i, n):
    """Index i of a row of n that continues as its mirror image, the last pixel not repeated."""
    i = abs(i)
    return i if i < n else 2 * (n - 1) - i


def slow_blur(x):
    n = len(x)
    out = np.zeros_like(x)
    for row in range(n):
        for column in range(n):
            for i, a in enumerate(WEIGHTS):
                for j, b in enumerate(WEIGHTS):
                    out[row, column] += a * b * x[mirrored(row + i - 2, n), mirrored(column + j - 2, n)]
    return out


def slow_pyramid(x):
    """Levels of one channel [S, S], from the definition: what is lost by blurring, halving and doubling."""
    levels = []
    while len(x) > swd.COARSEST:
        small = slow_blur(x)[::2, ::2]
        spread = np.zeros_like(x)
        spread[::2, ::2] = small
        levels.append(x - 4 * slow_blur(spread))
        x = small
    return [*levels, x]


def slow_distance(a, b):
    """Of lists of patches [D], along the program's directions, pair by pair of sorted numbers."""
    dimensions = len(a[0])
    # Directions are the projections of the axes; as projections come sorted, each axis is a set of its own.
    axes = [swd.projected(np.eye(dimensions, dtype=np.float32)[i : i + 1])[:, 0] for i in range(dimensions)]
    directions = np.array(axes, dtype=np.float64)
    total = 0.0
    for k in range(directions.shape[1]):
        x, y = (sorted(float(patch @ directions[:, k]) for patch in set_) for set_ in (a, b))
        total += sum(abs(p - q) for p, q in zip(x, y, strict=True)) / len(x)
    return 1000 * total / directions.shape[1]


def test_the_distance_is_that_of_a_slow_implementation():
    sets = pictures(2, 16, 1), (pictures(2, 16, 2) // 2 + 60).astype(np.uint8)
    fast = [swd.patches(x) for x in sets]
    scale = swd.deviations(fast[0])
    found = swd.distances(*(swd.projections(x, scale) for x in fast))
    assert len(found) == 2
    for level, side in enumerate((16, 8)):
        rows, columns = swd.corners(side, 0, 2)
        slow = []
        for images in sets:
            patches = []
            for number, image in enumerate(images):
                channels = [slow_pyramid(image[..., c].astype(np.float64))[level] for c in range(3)]
                for row, column in zip(rows[number], columns[number], strict=True):
                    patches.append([x[row : row + 7, column : column + 7] for x in channels])
            slow.append(np.array(patches))
        deviation = slow[0].transpose(1, 0, 2, 3).reshape(3, -1).std(axis=1)
        a, b = ([patch.ravel() for patch in x / deviation[:, None, None]] for x in slow)
        # Half precision keeps three digits of a patch, and a mean over many of them one more.
        assert found[level] == pytest.approx(slow_distance(a, b), rel=1e-3)


def test_the_levels_of_the_pyramid_add_up_to_the_picture():
    x = pictures(1, 32, channels=1)
    levels = [level[0, ..., 0] for level in swd.pyramid(x)]
    assert [len(level) for level in levels] == [32, 16, 8]
    back = levels[-1].astype(np.float64)
    for level in levels[-2::-1]:
        wide = np.zeros(level.shape)
        wide[::2, ::2] = back
        back = level + 4 * slow_blur(wide)
    np.testing.assert_allclose(back, x[0, ..., 0], atol=1e-3)


def test_equal_sets_are_zero_apart_in_any_order():
    x = pictures(6, 32)
    levels = swd.patches(x)
    scale = swd.deviations(levels)
    a = swd.projections(levels, scale)
    assert swd.distances(a, a) == [0, 0, 0]
    turned = swd.projections([level[::-1] for level in levels], scale)
    assert swd.distances(a, turned) == pytest.approx([0, 0, 0], abs=1e-3)


def test_a_shift_is_as_far_as_its_length_along_random_directions():
    """The mean of |t·v| over unit vectors v of D dimensions is |t| Γ(D/2) / (√π Γ((D + 1)/2))."""
    rows = np.random.RandomState(0).randn(500, 147).astype(np.float32)
    shift = np.random.RandomState(1).randn(147).astype(np.float32)
    found = swd.distances([swd.projected(rows)], [swd.projected(rows + shift)])[0]
    mean = math.exp(math.lgamma(147 / 2) - math.lgamma(148 / 2)) / math.sqrt(math.pi)
    # 128 directions know their mean to 0.75 / √128 = 7 %.
    assert found == pytest.approx(1000 * mean * float(np.linalg.norm(shift)), rel=0.2)


def test_gaussians_of_two_widths_are_apart_as_the_closed_form_says():
    """Wasserstein-1 of N(0, 1) and N(0, s²) is |s − 1| √(2/π), in every direction."""
    rows = np.random.RandomState(0).randn(4000, 60).astype(np.float32)
    other = 1.5 * np.random.RandomState(1).randn(4000, 60).astype(np.float32)
    found = swd.distances([swd.projected(rows)], [swd.projected(other)])[0]
    assert found == pytest.approx(1000 * 0.5 * math.sqrt(2 / math.pi), rel=0.02)


def test_a_change_of_brightness_moves_the_coarsest_level_alone():
    x = pictures(8, 32) // 2
    levels, brighter = swd.patches(x), swd.patches(x + 60)
    scale = swd.deviations(levels)
    found = swd.distances(swd.projections(levels, scale), swd.projections(brighter, scale))
    assert max(found[:2]) < 1
    assert found[2] > 500


def test_a_loss_of_contrast_is_seen_at_every_level():
    x = pictures(8, 32)
    levels, faint = swd.patches(x), swd.patches((x // 2 + 64).astype(np.uint8))
    scale = swd.deviations(levels)
    found = swd.distances(swd.projections(levels, scale), swd.projections(faint, scale))
    assert min(found) > 100


def test_a_set_has_the_same_patches_whole_and_in_parts():
    x = pictures(5, 32)
    parts = [np.concatenate(level) for level in zip(swd.patches(x[:2]), swd.patches(x[2:], 2), strict=True)]
    for level, expected in zip(parts, swd.patches(x), strict=True):
        assert np.array_equal(level, expected)


def test_the_summary_is_the_mean_over_levels_beside_the_floor():
    found = swd.summary([30.0, 60.0], [10.0, 20.0], 16, 7)
    assert found == {
        "value": 45.0, "floor": 15.0, "ratio": 3.0, "pictures": 7,
        "levels": {"16": {"value": 30.0, "floor": 10.0}, "8": {"value": 60.0, "floor": 20.0}},
    }  # fmt: skip
