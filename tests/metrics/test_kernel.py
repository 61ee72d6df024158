"""KID equals torch-fidelity's on the same subsets, a sum over pairs written out, and its closed form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from stylegan_pokemon.metrics import kernel
from stylegan_pokemon.metrics.bootstrap import draws, percentiles
from stylegan_pokemon.metrics.kernel import (
    block_error,
    kernel_distance,
    mmd2,
    resampled,
    subset_values,
)
from tests.metrics.fidelity import fidelity


def drawn(count: int, dimensions: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(seed).randn(count, dimensions) + shift)


def test_it_equals_torch_fidelity_on_the_same_subsets():
    theirs = fidelity("metric_kid")
    x, y = drawn(150, 24, 0), drawn(130, 24, 1, 0.2)
    found = theirs.kid_features_to_metric(
        x, y, kid_subsets=20, kid_subset_size=60, kid_kernel="poly", kid_kernel_poly_degree=3,
        kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1, rng_seed=7, verbose=False,
    )  # fmt: skip
    ours = list(subset_values(x, y, 20, 60, 7))
    assert np.mean(ours) == pytest.approx(found[theirs.KEY_METRIC_KID_MEAN], rel=1e-6)
    assert np.std(ours) == pytest.approx(found[theirs.KEY_METRIC_KID_STD], rel=1e-6)


def test_sets_above_1000_are_the_mean_of_100_subsets_of_1000_as_is_standard(monkeypatch):
    assert (kernel.SUBSETS, kernel.SUBSET_SIZE) == (100, 1000)
    monkeypatch.setattr(kernel, "SUBSETS", 5)  # of which each takes a tenth of a second
    theirs = fidelity("metric_kid")
    x, y = drawn(1100, 3, 2), drawn(1050, 3, 3, 0.1)
    expected = theirs.kid_features_to_metric(
        x, y, kid_subsets=5, kid_subset_size=1000, kid_kernel="poly", kid_kernel_poly_degree=3,
        kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1, rng_seed=5, verbose=False,
    )[theirs.KEY_METRIC_KID_MEAN]  # fmt: skip
    assert kernel_distance(x, y, 5)[0] == pytest.approx(expected, rel=1e-6)


def test_it_is_the_sum_over_pairs_written_out():
    x, y = drawn(7, 5, 4).numpy(), drawn(6, 5, 5).numpy()

    def k(a, b):
        return (a @ b / 5 + 1) ** 3

    expected = (
        np.mean([k(a, b) for a, b in itertools.permutations(x, 2)])
        + np.mean([k(a, b) for a, b in itertools.permutations(y, 2)])
        - 2 * np.mean([k(a, b) for a in x for b in y])
    )
    assert kernel_distance(torch.from_numpy(x), torch.from_numpy(y))[0] == pytest.approx(expected, rel=1e-9)


def test_between_gaussians_it_is_the_closed_form_in_the_mean():
    """In one dimension E(xy + 1)³ = E x³ E y³ + 3 E x² E y² + 3 E x E y + 1, of N(0, 1) and N(m, s²)."""
    m, s = 0.7, 1.4
    a = np.array([1, 0, 1, 0])
    b = np.array([1, m, m**2 + s**2, m**3 + 3 * m * s**2])
    binomial = np.array([1, 3, 3, 1])
    exact = binomial @ (a - b) ** 2
    values = [
        kernel_distance(drawn(200, 1, seed), drawn(200, 1, 1000 + seed) * s + m)[0] for seed in range(300)
    ]
    assert np.mean(values) == pytest.approx(exact, abs=4 * np.std(values) / 300**0.5)
    null = [kernel_distance(drawn(100, 4, seed), drawn(100, 4, 5000 + seed))[0] for seed in range(300)]
    assert abs(np.mean(null)) < 4 * np.std(null) / 300**0.5


def test_the_standard_error_is_how_much_fresh_samples_scatter():
    found = [kernel_distance(drawn(300, 6, s), drawn(300, 6, 1000 + s, 0.4)) for s in range(80)]
    values, errors = np.array(found).T
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(np.std(values), rel=0.3)
    assert np.isnan(block_error(drawn(19, 3, 0), drawn(50, 3, 1)))


def test_replicates_with_every_picture_once_are_the_value_and_their_spread_is_right():
    x, y = drawn(300, 6, 8), drawn(280, 6, 9, 0.4)
    once = resampled(x, y, torch.ones(1, 300), torch.ones(1, 280))
    expected = mmd2(x, y)
    assert float(once) == pytest.approx(expected, rel=1e-9)
    low, high = percentiles(resampled(x, y, draws(300, 0), draws(280, 1)))
    fresh = [kernel_distance(drawn(300, 6, s), drawn(280, 6, 1000 + s, 0.4))[0] for s in range(80)]
    assert (high - low) / 3.92 == pytest.approx(np.std(fresh), rel=0.3)
