"""95 % intervals by resampling the pictures (B. Efron's bootstrap)."""

from __future__ import annotations

import numpy as np
import torch

REPLICATES = 500
LIMIT = 5000  # pictures; above, the interval is narrower than the last printed digit
_TAILS = (2.5, 97.5)


def draws(count: int, seed: int, replicates: int = REPLICATES) -> torch.Tensor:
    """How often each of `count` pictures is drawn, [replicates, count] float64; every row sums to `count`."""
    random = np.random.RandomState(seed)
    return torch.from_numpy(random.multinomial(count, np.full(count, 1 / count), replicates)).double()


def percentiles(values: torch.Tensor | np.ndarray) -> list[float]:
    """The 2.5th and 97.5th percentile of replicates [R]."""
    return [float(v) for v in np.percentile(np.asarray(values), _TAILS)]


def linear_interval(value: float, *slopes: torch.Tensor, seed: int = 0) -> list[float]:
    """Interval of a statistic known by its derivatives by the pictures' weights, one [N] for each set.

    The replicates are of its first-order expansion around `value`, so a statistic that resampling itself
    would shift (the Fréchet distance grows with every picture missed) is not shifted.
    """
    total = torch.zeros(REPLICATES, dtype=torch.float64)
    for i, slope in enumerate(slopes):
        total += (draws(len(slope), seed + i) - 1) @ slope.double() / len(slope)
    low, high = percentiles(total)
    return [value + low, value + high]


def mean_interval(samples: torch.Tensor, seed: int = 0) -> list[float]:
    """Interval of the mean of samples [N]."""
    mean = float(samples.double().mean())
    low, high = linear_interval(mean, samples.double() - mean, seed=seed)
    return [max(low, float(samples.min())), min(high, float(samples.max()))]  # but for rounding they are
