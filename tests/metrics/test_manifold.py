"""Precision, recall, density and coverage: torch-fidelity, loops written out, and constructed cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylegan_pokemon.metrics import manifold
from stylegan_pokemon.metrics.manifold import density_coverage, f1, precision_recall, radii, squared_distances
from tests.metrics.fidelity import fidelity


def drawn(count: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(seed).randn(count, 6) * scale + shift)


def means(found):
    return {name: float(value.double().mean()) for name, value in found.items()}


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.6, 0.4), (1.5, 0.0)])
def test_precision_recall_and_f1_equal_torch_fidelity(scale, shift):
    theirs = fidelity("metric_prc")
    fake, real = drawn(210, 0, scale, shift), drawn(180, 1)
    expected = theirs.prc_features_to_metric(
        fake, real, prc_neighborhood=3, prc_batch_size=10000, save_cpu_ram=False, verbose=False
    )
    found = means(precision_recall(fake, real))
    assert found["precision"] == pytest.approx(expected[theirs.KEY_METRIC_PRECISION], rel=1e-6)
    assert found["recall"] == pytest.approx(expected[theirs.KEY_METRIC_RECALL], rel=1e-6)
    assert f1(found["precision"], found["recall"]) == pytest.approx(
        expected[theirs.KEY_METRIC_F_SCORE], rel=1e-6
    )


def test_density_and_coverage_are_their_definitions_written_out():
    fake, real = drawn(40, 2, 0.7).numpy(), drawn(35, 3).numpy()
    k = 5
    radius = [sorted(np.linalg.norm(real - r, axis=1))[k] for r in real]  # the first is itself
    inside = np.array([[np.linalg.norm(f - r) <= d for r, d in zip(real, radius, strict=True)] for f in fake])
    found = means(density_coverage(torch.from_numpy(fake), torch.from_numpy(real)))
    assert found["density"] == pytest.approx(inside.sum() / (k * len(fake)), rel=1e-9)
    assert found["coverage"] == pytest.approx(inside.any(axis=0).mean(), rel=1e-9)


def test_large_sets_are_compared_in_parts_with_the_same_result(monkeypatch):
    fake, real = drawn(50, 4), drawn(60, 5)
    whole = means(precision_recall(fake, real)) | means(density_coverage(fake, real))
    monkeypatch.setattr(manifold, "_ROWS", 7)
    assert means(precision_recall(fake, real)) | means(density_coverage(fake, real)) == whole


def test_one_picture_repeated_has_no_recall_and_equal_pictures_no_distance():
    real = drawn(50, 6).float()
    fake = (real[:1] + 1e-3).repeat(50, 1)
    found = means(precision_recall(fake, real)) | means(density_coverage(fake, real))
    assert found["precision"] == 1
    assert found["recall"] == 0
    assert found["coverage"] < 0.3
    assert float(squared_distances(fake * 100, fake * 100).max()) == 0
    assert float(radii(fake, 3).max()) == 0


def test_real_against_real_has_density_and_coverage_near_1():
    found = means(density_coverage(drawn(800, 7), drawn(800, 8)))
    assert found["density"] == pytest.approx(1, abs=0.06)
    assert found["coverage"] == pytest.approx(1 - 0.5**5, abs=0.03)  # 1 − Π (n−i)/(2n−i): Naeem et al., eq. 9


def test_of_nothing_f1_is_nothing():
    assert f1(0.0, 0.0) == 0
    assert f1(0.5, 1.0) == pytest.approx(2 / 3)
