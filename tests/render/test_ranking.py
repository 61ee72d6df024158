"""rank keeps what its measures say: farthest points by brute force, kinds."""

import itertools

import numpy as np
import pytest

from stylegan_pokemon.render.ranking import (
    Figures,
    distances_within,
    farthest_points,
    nearest_distance,
    unit,
)

RNG = np.random.default_rng(0)


def test_farthest_points_are_those_of_brute_force():
    x = RNG.normal(size=(40, 5)).astype(np.float32)
    chosen = [7]
    while len(chosen) < 12:
        left = [min(np.linalg.norm(x[i] - x[j]) for j in chosen) for i in range(len(x))]
        chosen.append(int(np.argmax(left)))
    assert farthest_points(x, 12, 7) == chosen
    assert sorted(farthest_points(x, 99, 0)) == list(range(40))
    assert sorted(farthest_points(np.zeros((4, 2), np.float32), 3, 2)) == [0, 1, 2]


def test_farthest_points_are_within_twice_the_best_radius():
    x = RNG.normal(size=(12, 2)).astype(np.float32)

    def radius(centres):
        return nearest_distance(x, x[list(centres)]).max()

    best = min(radius(some) for some in itertools.combinations(range(12), 3))
    assert radius(farthest_points(x, 3, 0)) <= 2 * best + 1e-5


def test_distances_are_those_of_numpy():
    a, b = unit(RNG.normal(size=(300, 6))), unit(RNG.normal(size=(20, 6)))
    every = np.linalg.norm(a[:, None] - b[None], axis=2)
    np.testing.assert_allclose(nearest_distance(a, b), every.min(axis=1), atol=1e-3)
    within = np.linalg.norm(a[:, None] - a[None], axis=2) + 9 * np.eye(300)
    np.testing.assert_allclose(distances_within(a), within.min(axis=1), atol=1e-3)


def three_kinds():
    """Thirty pictures of three kinds, of which only the third is disliked; the score falls with the index."""
    centres = np.eye(3)
    features = unit(np.concatenate([k + 0.05 * RNG.normal(size=(10, 3)) for k in centres]))
    return Figures(features, critic=-np.arange(30.0), novelty=np.arange(30.0))


def test_the_ways_of_choosing():
    figures = three_kinds()
    assert figures.choose("critic", 3) == [0, 1, 2]
    assert figures.choose("novel", 2) == [29, 28]
    # The better half holds the first kind and half of the second: the favourite of each.
    assert figures.choose("mixture", 2) == [0, 10]
    assert {i // 10 for i in figures.choose("diverse", 3)} == {0, 1, 2}
    mean = figures.features.mean(axis=0)
    nearest = np.argsort([np.linalg.norm(x - mean) for x in figures.features])
    assert figures.choose("typical", 4) == nearest[:4].tolist()


@pytest.mark.parametrize("by", ["mixture", "critic", "novel", "typical", "diverse"])
def test_every_way_keeps_as_many_different_ones_as_asked_also_of_equal_pictures(by):
    same = Figures(np.ones((9, 4), np.float32) / 2, critic=np.zeros(9), novelty=np.zeros(9))
    for figures, count in ((three_kinds(), 30), (same, 9)):
        for keep in (1, 5, count):
            chosen = figures.choose(by, keep)
            assert len(set(chosen)) == len(chosen) == keep
