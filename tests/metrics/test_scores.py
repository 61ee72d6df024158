"""Inception score: torch-fidelity and its bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylegan_pokemon.metrics.scores import inception_score
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
