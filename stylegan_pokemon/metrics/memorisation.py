"""Whether a generator repeats its training pictures, which the Fréchet distance rewards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from stylegan_pokemon.metrics.manifold import squared_distances
from stylegan_pokemon.metrics.pixels import nearest

NEAR_PIXELS = 0.5
"""Of a picture's own contrast. On 819 real sprites 0.6 % lie nearer to another one (they are forms of the
same creature); of copies with Gaussian noise of 20 grey levels all do."""
NEAR_FEATURES = 0.5  # of the median distance of a training picture to its nearest other one
SHARE_ALARM = 0.05  # share of near copies above that of the training pictures themselves
_SIGNIFICANT = 3.0  # standard errors of a share
_P_VALUE = 0.001


@dataclass(frozen=True)
class Distances:
    """How far each of N pictures is from a training set: float [N], and where its nearest lies."""

    pixels: torch.Tensor  # divided by contrast: see `measure`
    features: torch.Tensor
    nearest_pixels: torch.Tensor  # index of the nearest training picture in pixels


def measure(
    pixels: torch.Tensor,
    features: torch.Tensor,
    train_pixels: torch.Tensor,
    train_features: torch.Tensor,
    own: torch.Tensor | None = None,
) -> Distances:
    """Distances of pictures to a training set, each as `pixels.reduced` [N, 3, S, S] and features [N, D].

    Those in pixels are divided by the contrast of the pair, so that small sprites are not all near: the root
    mean square of both pictures' distances from the mean of the training set. Unrelated pictures are about 1
    apart, a copy 0, and a picture that has no contrast √2.

    own: [N] int64, where the pictures are of the training set: none is its own neighbour.
    """
    found = nearest(pixels, train_pixels, own)
    mean = train_pixels.mean(dim=0)
    power, train_power = ((z - mean).square().flatten(1).mean(dim=1) for z in (pixels, train_pixels))
    contrast = ((power + train_power[found.index]) / 2).sqrt().clamp_min(1e-6)
    squares = []
    for start in range(0, len(features), 2048):
        part = squared_distances(features[start : start + 2048], train_features)
        if own is not None:
            part[torch.arange(len(part)), own[start : start + 2048]] = torch.inf
        squares.append(part.min(dim=1).values)
    return Distances(
        pixels=found.distance / contrast,
        features=torch.cat(squares).sqrt(),
        nearest_pixels=found.index,
    )


def mann_whitney(x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Test that two samples [N], [M] come from one distribution (H. B. Mann and D. R. Whitney 1947).

    Returns the probability that a value of x is below one of y (ties count half), and the two-sided p-value,
    by the normal approximation with corrections for ties and continuity. That the distances of generated
    pictures are the smaller ones is the test for copying of C. Meehan et al. 2020.
    """
    a, b = x.double().numpy(), y.double().numpy()
    n, m = len(a), len(b)
    values, counts = np.unique(np.concatenate([a, b]), return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    above = float(ranks[np.searchsorted(values, a)].sum()) - n * (n + 1) / 2  # pairs in which x is larger
    ties = float((counts.astype(np.float64) ** 3 - counts).sum()) / ((n + m) * (n + m - 1))
    deviation = math.sqrt(n * m / 12 * (n + m + 1 - ties))
    if deviation == 0:
        return 0.5, 1.0
    z = max(abs(above - n * m / 2) - 0.5, 0) / deviation
    return 1 - above / (n * m), math.erfc(z / math.sqrt(2))


def memorisation(
    fake: Distances,
    real: Distances,
    what: str = "training pictures are from one another",
    median_features: float | None = None,
) -> dict[str, Any]:
    """Figures and verdict of the distances of generated and of real pictures to one training set.

    real: of the training pictures among themselves, or of pictures held out; then median_features is that of
    the training pictures among themselves. what: what `real` is, for the sentence. "median" and "p_value"
    are of the distances in pixels, which see a copy through noise; "features" has the same in features.
    """
    near = NEAR_FEATURES * (float(real.features.median()) if median_features is None else median_features)
    copies = ((it.pixels < NEAR_PIXELS) | (it.features < near) for it in (fake, real))
    share, share_reals = (float(near_copies.double().mean()) for near_copies in copies)
    found = {
        "near_copies": share,
        "near_copies_reals": share_reals,
        **_spread(fake.pixels, real.pixels),
        "features": _spread(fake.features, real.features),
    }
    count = len(fake.pixels)
    error = math.sqrt(max(share_reals * (1 - share_reals), 1 / count) / count)
    alarm = share > share_reals + max(SHARE_ALARM, _SIGNIFICANT * error)
    return {**found, "alarm": alarm, "verdict": _verdict(found, alarm, what)}


def _spread(fake: torch.Tensor, real: torch.Tensor) -> dict[str, Any]:
    below, p_value = mann_whitney(fake, real)
    return {
        "median": float(fake.median()),
        "median_reals": float(real.median()),
        "closer": below,
        "p_value": p_value,
    }


def _verdict(found: dict[str, Any], alarm: bool, what: str) -> str:
    shares = (
        f"{found['near_copies']:.1%} near copies, where real pictures have {found['near_copies_reals']:.1%}"
    )
    if alarm:
        return f"Memorising: {shares}; stop earlier, or train with more pictures."
    if found["p_value"] >= _P_VALUE:
        return f"No copying: {shares}; the pictures are as far from the training set as {what}."
    if found["closer"] < 0.5:
        return f"No copying: {shares}; the pictures are farther from the training set than {what}."
    return f"Few copies, but close: {shares}; yet the pictures are nearer to the training set than {what}."
