"""The Fréchet distance equals torch-fidelity's, the definition on singular covariances, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch

from stylegan_pokemon.metrics.bootstrap import draws, linear_interval
from stylegan_pokemon.metrics.frechet import Statistics, frechet_distance, frechet_influences, statistics
from tests.metrics.fidelity import fidelity


def drawn(count: int, dimensions: int, seed: int) -> torch.Tensor:
    random = np.random.RandomState(seed)
    mixing = random.randn(dimensions, dimensions) / dimensions**0.5
    return torch.from_numpy(random.randn(count, dimensions) @ mixing + 0.3 * random.randn(dimensions))


def distance(x: torch.Tensor, y: torch.Tensor) -> float:
    return frechet_distance(statistics(x), statistics(y))


@pytest.mark.parametrize(("n", "m", "dimensions"), [(300, 200, 64), (1000, 700, 300)])
def test_it_equals_torch_fidelity(n, m, dimensions):
    theirs = fidelity("metric_fid")
    x, y = drawn(n, dimensions, 0), drawn(m, dimensions, 1)
    stats = [theirs.fid_features_to_statistics(z) for z in (x, y)]
    expected = theirs.fid_statistics_to_metric(*stats, False)[theirs.KEY_METRIC_FID]
    assert distance(x, y) == pytest.approx(expected, rel=1e-6)


def test_between_gaussians_it_has_its_closed_form():
    """Commuting covariances: ‖μ₁ − μ₂‖² + Σ (σ₁ − σ₂)² along their common axes."""
    random = np.random.RandomState(2)
    axes = np.linalg.qr(random.randn(8, 8))[0]
    a, b = random.rand(8) + 0.1, random.rand(8) + 0.1
    mean = random.randn(2, 8)
    gaussians = [
        Statistics(torch.from_numpy(m), torch.from_numpy(np.diag(s) @ axes.T))
        for m, s in zip(mean, (a, b), strict=True)
    ]
    expected = ((mean[0] - mean[1]) ** 2).sum() + ((a - b) ** 2).sum()
    assert frechet_distance(*gaussians) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "m", "dimensions"), [(12, 9, 40), (12, 90, 40), (40, 41, 40)])
def test_fewer_pictures_than_dimensions_are_right_too(n, m, dimensions):
    """Against the covariances themselves, D × D and singular, and their root by eigenvectors."""
    x, y = drawn(n, dimensions, 3).numpy(), drawn(m, dimensions, 4).numpy()
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    values, vectors = scipy.linalg.eigh(a)
    root = vectors * np.sqrt(np.where(values > 1e-12, values, 0)) @ vectors.T
    inner = np.linalg.eigvalsh(root @ b @ root)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b) - 2 * np.sqrt(inner.clip(0)).sum()
    assert distance(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(expected, rel=1e-6)


def test_a_set_is_at_no_distance_from_itself_and_moving_adds_the_square_of_the_way():
    x = drawn(20, 50, 5)
    assert distance(x, x) == pytest.approx(0, abs=1e-9)
    assert distance(x, x + 2) == pytest.approx(50 * 4, rel=1e-9)


@pytest.mark.parametrize(("n", "m", "dimensions"), [(30, 25, 60), (90, 80, 20)])
def test_influences_are_the_derivatives_by_the_pictures_weights(n, m, dimensions):
    """A weight is changed by a little in a weighted mean and covariance that the test computes by itself."""
    x, y = drawn(n, dimensions, 6).numpy(), drawn(m, dimensions, 7).numpy()

    def weighted(z, w):
        mean = w @ z / w.sum()
        centred = (z - mean) * np.sqrt(w / w.sum() * len(z) / (len(z) - 1))[:, None]
        return Statistics(torch.from_numpy(mean), torch.from_numpy(centred))

    value, slope_x, slope_y = frechet_influences(torch.from_numpy(x), torch.from_numpy(y))
    assert value == pytest.approx(distance(torch.from_numpy(x), torch.from_numpy(y)), rel=1e-9)
    step = 1e-5
    for i in (0, 7, 19):
        for z, other, slope, first in ((x, y, slope_x, True), (y, x, slope_y, False)):
            values = []
            for sign in (1, -1):
                w = np.ones(len(z))
                w[i] += sign * step
                pair = (weighted(z, w), statistics(torch.from_numpy(other)))
                values.append(frechet_distance(*(pair if first else pair[::-1])))
            derivative = (values[0] - values[1]) / (2 * step) * len(z)
            assert float(slope[i]) == pytest.approx(derivative, rel=2e-4, abs=2e-4)


def test_the_interval_is_as_wide_as_fresh_samples_scatter():
    """60 pairs of fresh samples: their standard deviation against that of one interval."""
    values, widths = [], []
    mixing = np.random.RandomState(0).randn(6, 6)
    for seed in range(60):
        random = np.random.RandomState(100 + seed)
        x, y = (torch.from_numpy(random.randn(400, 6) @ mixing + shift) for shift in (0, 0.5))
        value, *slopes = frechet_influences(x, y)
        low, high = linear_interval(value, *slopes, seed=seed)
        assert low < value < high
        values.append(value)
        widths.append((high - low) / (2 * 1.96))
    assert np.mean(widths) == pytest.approx(np.std(values), rel=0.3)


def test_resampling_by_weights_draws_as_many_pictures_as_there_are():
    found = draws(37, 0, 20)
    assert found.shape == (20, 37)
    assert (found.sum(dim=1) == 37).all()
