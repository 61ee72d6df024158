"""Inception score, a number of generated pictures alone."""

from __future__ import annotations

import numpy as np
import torch

IS_SPLITS = 10


def inception_score(log_probabilities: torch.Tensor, splits: int = IS_SPLITS) -> tuple[float, float]:
    """Inception score and its standard deviation over splits (T. Salimans et al. 2016).

    log_probabilities: of the classes, [N, K], N at least `splits`. exp of the mean divergence of a picture's
    classes from those of its split; the splits are consecutive.
    """
    logs = log_probabilities.double()
    values = []
    for i in range(splits):
        part = logs[i * len(logs) // splits : (i + 1) * len(logs) // splits]
        p = part.exp()
        marginal = p.mean(dim=0).log()
        # A class of probability 0 adds nothing, but would be 0 · (−∞).
        divergence = torch.where(p > 0, p * (part - marginal), 0.0).sum(dim=1).mean()
        values.append(float(divergence.exp()))
    return float(np.mean(values)), float(np.std(values))
