"""Inception score: torch-fidelity and its bounds. Path length: a generator whose path lengths are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stylegan_pokemon.metrics.scores import inception_score, path_lengths, trimmed
from tests.metrics.fidelity import fidelity


@pytest.mark.parametrize("count", [100, 137])
def test_the_inception_score_equals_torch_fidelity(count):
    theirs = fidelity("metric_isc")
    logits = torch.from_numpy(np.random.RandomState(0).randn(count, 30) * 3)
    expected = theirs.isc_features_to_metric(logits, splits=10, shuffle=False)
    found = inception_score(logits.log_softmax(dim=1))
    assert found[0] == pytest.approx(expected[theirs.KEY_METRIC_ISC_MEAN], rel=1e-6)
    assert found[1] == pytest.approx(expected[theirs.KEY_METRIC_ISC_STD], rel=1e-6)


def test_the_inception_score_is_1_without_classes_and_their_number_for_sure_and_even_ones():
    assert inception_score(torch.zeros(50, 8).log_softmax(1))[0] == pytest.approx(1)
    sure = torch.eye(5).repeat(20, 1).log()  # −∞ for the others
    assert inception_score(sure)[0] == pytest.approx(5)


class Linear(torch.nn.Module):
    """w = 3z, pictures = Aw: the squared change per squared step is ‖A(3z₁ − 3z₀)‖²."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.A = torch.from_numpy(np.random.RandomState(1).randn(channels * 8 * 8, 4) / 50)
        self.channels = channels

    def mapping(self, z, c, truncation_psi=1.0):
        return 3 * z * truncation_psi

    def synthesis(self, w, noise_mode):
        assert noise_mode == "const"
        return (w @ self.A.T).reshape(len(w), self.channels, 8, 8)


@pytest.mark.parametrize("channels", [1, 3])
def test_path_lengths_of_a_linear_generator_are_exact(channels):
    G = Linear(channels)
    z = torch.from_numpy(np.random.RandomState(2).randn(20, 2, 4))
    found = path_lengths(G, lambda x: x.double(), z, torch.zeros(20, 0), 0.5)
    way = (z[:, 1] - z[:, 0]) * 1.5
    # 127.5 grey levels a unit; a grey picture is shown in three equal channels. The pictures are float32, so
    # that their difference over a step of 1e-4 has three digits.
    expected = (way @ G.A.T * 127.5).square().sum(dim=1) * (3 // channels)
    torch.testing.assert_close(found, expected, rtol=2e-2, atol=0)
    assert float(found.mean()) == pytest.approx(float(expected.mean()), rel=3e-3)


def test_alpha_is_laid_over_white_and_large_pictures_are_averaged_to_256():
    seen = []

    def embed(x):
        seen.append(x)
        return x

    def synthesis(w, noise_mode):
        picture = torch.full((len(w), 4, 512, 512), -1.0)
        picture[:, 3, :256] = 1
        return picture

    G = SimpleNamespace(mapping=lambda z, c, truncation_psi: z, synthesis=synthesis)
    path_lengths(G, embed, torch.zeros(1, 2, 4), torch.zeros(1, 0))
    assert seen[0].shape == (2, 3, 256, 256)
    assert float(seen[0][:, :, :127].abs().max()) <= 0.5
    assert float(seen[0][:, :, 129:].min()) >= 254


def test_path_lengths_beyond_the_1st_and_99th_percentile_are_left_out():
    found = trimmed(torch.arange(1001.0))
    assert (float(found.min()), float(found.max()), len(found)) == (10, 990, 981)
