"""Fréchet distance between Gaussians fitted to two sets of features (M. Heusel et al. 2017, FID).

‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½, without a matrix square root. With Σ = FᵀF, the eigenvalues of
Σ₁Σ₂ other than 0 are those of MMᵀ where M = F₁F₂ᵀ, so the last trace is the sum of the singular values of M.
It is right for any number of pictures, also for fewer than dimensions, where the covariances are singular,
and M is then small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Statistics:
    """Mean [D] and factor [min(N, D), D] float64 of N features, with factorᵀ · factor their covariance."""

    mean: torch.Tensor
    factor: torch.Tensor


def statistics(features: torch.Tensor) -> Statistics:
    """Mean and covariance (divided by N − 1) of features [N, D], N at least 2."""
    x = features.double()
    mean = x.mean(dim=0)
    factor = (x - mean) / math.sqrt(len(x) - 1)
    if len(x) > x.shape[1]:
        factor = torch.linalg.qr(factor, mode="r").R
    return Statistics(mean, factor)


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """The squared Fréchet (2-Wasserstein) distance of two Gaussians."""
    traces = a.factor.square().sum() + b.factor.square().sum()
    covariance_mean = torch.linalg.svdvals(a.factor @ b.factor.T).sum()
    return float((a.mean - b.mean).square().sum() + traces - 2 * covariance_mean)


def frechet_influences(x: torch.Tensor, y: torch.Tensor) -> tuple[float, torch.Tensor, torch.Tensor]:
    """Fréchet distance of features x [N, D] and y [M, D], and what one more copy of each picture changes.

    Returns the distance and its derivatives [N], [M] by the pictures' weights, each set's summing to 0. One
    singular value decomposition gives them all: the derivative of Σσ(M) by M is UVᵀ, and the weight of
    picture i scales row i of F₁. So resampling costs no decomposition per replicate (the infinitesimal
    jackknife, B. Efron 1982).
    """
    a, b = x.double(), y.double()
    mean_a, mean_b = a.mean(dim=0), b.mean(dim=0)
    a, b = a - mean_a, b - mean_b
    apart = mean_a - mean_b
    (q_a, factor_a), (q_b, factor_b) = _reduced(a), _reduced(b)
    u, s, vt = torch.linalg.svd(factor_a @ factor_b.T, full_matrices=False)
    n, m = len(a), len(b)
    scale = math.sqrt((n - 1) * (m - 1))
    squares_a, squares_b = a.square().sum(dim=1) / (n - 1), b.square().sum(dim=1) / (m - 1)
    value = apart.square().sum() + squares_a.sum() + squares_b.sum() - 2 * s.sum() / scale
    # Row i of Σσ's derivative times row i of F₁F₂ᵀ is (U S Uᵀ)ᵢᵢ.
    along_a, along_b = ((rows.square() * s).sum(dim=1) / scale for rows in (_rows(q_a, u), _rows(q_b, vt.T)))
    slope_a = 2 * (a @ apart) + n * (squares_a - along_a)
    slope_b = -2 * (b @ apart) + m * (squares_b - along_b)
    return float(value), slope_a - slope_a.mean(), slope_b - slope_b.mean()


def _reduced(centred: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor]:
    """Q and R of centred features, or None and themselves where there are not more than dimensions."""
    if len(centred) > centred.shape[1]:
        return torch.linalg.qr(centred)
    return None, centred


def _rows(q: torch.Tensor | None, u: torch.Tensor) -> torch.Tensor:
    """Singular vectors with a row for every picture."""
    return u if q is None else q @ u
