"""Nearest neighbours over shifts and mirror images, the tests on them, and collapse."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch

from stylegan_pokemon.metrics.diversity import diversity, mean_pairwise
from stylegan_pokemon.metrics.memorisation import Distances, mann_whitney, measure, memorisation
from stylegan_pokemon.metrics.pixels import SHIFT, SIDE, nearest, reduced


def blobs(count: int, seed: int) -> np.ndarray:
    """White pictures with a few coloured rectangles each."""
    random, size = np.random.RandomState(seed), 64
    pictures = np.full((count, size, size, 3), 255, np.uint8)
    for picture in pictures:
        for _ in range(4):
            top, left = random.randint(4, size - 28, 2)
            height, width = random.randint(8, 24, 2)
            picture[top : top + height, left : left + width] = random.randint(0, 256, 3)
    return pictures


def brute_force(x: torch.Tensor, y: torch.Tensor) -> float:
    """The distance of two reduced pictures, by loops over positions; y is moved, its border continued."""
    best = np.inf
    side = y.shape[-1]
    for mirrored in (y.numpy(), y.numpy()[:, :, ::-1]):
        for dy in range(-SHIFT, SHIFT + 1):
            for dx in range(-SHIFT, SHIFT + 1):
                rows = np.clip(np.arange(side) + dy, 0, side - 1)
                columns = np.clip(np.arange(side) + dx, 0, side - 1)
                moved = mirrored[:, rows][:, :, columns]
                best = min(best, float(np.sqrt(((x.numpy() - moved) ** 2).mean())))
    return best


def test_pictures_are_averaged_down_and_small_ones_left():
    pictures = blobs(3, 0)
    x = reduced(pictures)
    assert x.shape == (3, 3, SIDE, SIDE)
    np.testing.assert_allclose(x[1, 2, 5, 7], pictures[1, 10:12, 14:16, 2].mean() / 255, rtol=1e-6)
    assert reduced(blobs(2, 0)[:, :16, :16]).shape == (2, 3, 16, 16)


def test_the_distance_is_that_of_the_best_position():
    x, y = reduced(blobs(4, 1)), reduced(blobs(6, 2))
    found = nearest(x, y)  # six reference pictures: all are candidates
    for i in range(4):
        distances = [brute_force(x[i], z) for z in y]
        assert float(found.distance[i]) == pytest.approx(min(distances), rel=1e-5)
        assert int(found.index[i]) == int(np.argmin(distances))


def test_copies_are_found_among_many_moved_mirrored_and_noisy():
    real = blobs(300, 3)
    random = np.random.RandomState(4)
    moved = np.roll(real[:40], (4, -2), (1, 2))
    for copies in (real[:40], real[:40, :, ::-1], moved, moved[:, :, ::-1]):
        noisy = np.clip(copies + random.randn(*copies.shape) * 8, 0, 255).astype(np.uint8)
        found = nearest(reduced(noisy), reduced(real))
        assert found.index.tolist() == list(range(40))
        assert float(found.distance.max()) < 0.03
    assert float(nearest(reduced(blobs(40, 5)), reduced(real)).distance.min()) > 0.06


def test_no_picture_is_its_own_neighbour():
    real = blobs(50, 6)
    real[31] = real[12]
    own = torch.tensor([31, 12, 4])
    found = nearest(reduced(real)[own], reduced(real), own)
    assert found.index.tolist()[:2] == [12, 31]
    assert found.distance.tolist()[:2] == [0, 0]
    assert int(found.index[2]) != 4
    x = torch.randn(50, 7)
    x[31] = x[12]
    distances = measure(reduced(real)[own], x[own], reduced(real), x, own)
    assert distances.features.tolist()[:2] == [0, 0]
    assert float(distances.features[2]) > 0


@pytest.mark.parametrize("seed", range(4))
def test_the_rank_test_equals_scipy(seed):
    random = np.random.RandomState(seed)
    x, y = random.randint(0, 12, 60) + 0.0, random.randint(seed, 13, 45) + 0.0
    expected = scipy.stats.mannwhitneyu(x, y, alternative="two-sided", method="asymptotic")
    below, p_value = mann_whitney(torch.from_numpy(x), torch.from_numpy(y))
    assert p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert below == pytest.approx(1 - expected.statistic / (60 * 45), rel=1e-9)
    assert mann_whitney(torch.ones(5), torch.ones(9)) == (0.5, 1.0)


def distances(pixels: np.ndarray, features: np.ndarray) -> Distances:
    none = torch.zeros(len(pixels), dtype=torch.long)
    return Distances(torch.from_numpy(pixels), torch.from_numpy(features), none)


def usual(count: int, seed: int, closer: float = 1.0) -> Distances:
    random = np.random.RandomState(seed)
    return distances(random.normal(1, 0.1, count) * closer, random.normal(10, 1, count) * closer)


def with_copies(count: int) -> Distances:
    found = usual(400, 1)
    found.pixels[:count] = 0.2
    return found


def test_each_verdict_is_reached_and_withheld_on_its_near_miss():
    real = usual(400, 0)
    same = memorisation(usual(400, 1), real)
    assert not same["alarm"]
    assert "as far from the training set as training pictures are from one another" in same["verdict"]
    assert "farther" in memorisation(usual(400, 1, 1.2), real)["verdict"]
    closer = memorisation(usual(400, 1, 0.9), real)
    assert "nearer" in closer["verdict"]
    assert closer["p_value"] < 1e-6
    assert not closer["alarm"]
    assert memorisation(with_copies(21), real)["alarm"]  # 5.25 %
    assert memorisation(with_copies(21), real)["verdict"].startswith("Memorising: 5.2%")
    assert not memorisation(with_copies(20), real)["alarm"]
    # Where the real pictures have as many near copies themselves, none of that is alarming.
    assert not memorisation(with_copies(60), with_copies(50))["alarm"]


def test_copies_in_features_alone_count_too():
    found = usual(400, 1)
    found.features[:100] = 3.0  # the real median is 10
    assert memorisation(found, usual(400, 0))["near_copies"] == pytest.approx(0.25)


def test_held_out_pictures_are_the_measure_when_they_are_given():
    found = memorisation(usual(300, 1), usual(80, 2), "pictures held out of training are", 10.0)
    assert "pictures held out of training are" in found["verdict"]


def cloud(count: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(seed).randn(count, 32) * scale)


def test_mean_distance_of_pairs_is_written_out():
    x = cloud(9, 0)
    expected = np.mean([float((x[i] - x[j]).norm()) for i in range(9) for j in range(9) if i != j])
    assert mean_pairwise(x) == pytest.approx(expected, rel=1e-9)


def test_collapse_is_told_from_diversity():
    real = cloud(400, 0)
    found = diversity(cloud(400, 1), real)
    assert not found["alarm"]
    assert found["ratio"] == pytest.approx(1, abs=0.05)
    assert found["verdict"].startswith("Diverse")
    for fake, words in (
        (real[:1].repeat(300, 1), "Collapsed: "),
        (real[:5].repeat(60, 1), "twin"),
        (cloud(300, 2, 0.55), "Collapsed: "),
        (real[:100].repeat(4, 1), "twin"),
    ):
        found = diversity(fake, real)
        assert found["alarm"], words
        assert words in found["verdict"]
    assert not diversity(cloud(300, 2, 0.65), real)["alarm"]
    mixed = torch.cat([cloud(300, 3), real[:3].repeat(33, 1)])  # a quarter repeated
    assert not diversity(mixed, real)["alarm"]
