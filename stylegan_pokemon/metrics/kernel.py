"""Kernel distance, KID: unbiased maximum mean discrepancy, cubic kernel (M. Bińkowski et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

SUBSET_SIZE, SUBSETS = 1000, 100  # of the standard KID, for sets larger than that
BLOCKS = 10  # disjoint ones, for the standard error


def polynomial_kernel(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(xᵀy / D + 1)³ of features [N, D] and [M, D]: float64 [N, M]."""
    return (x.double() @ y.double().T / x.shape[1] + 1) ** 3


def mmd2(x: torch.Tensor, y: torch.Tensor) -> float:
    """The unbiased estimate of MMD² of features [N, D] and [M, D] (A. Gretton et al. 2012, eq. 3).

    May be negative: it is 0 in the mean for equal distributions.
    """
    xx, xy, yy = polynomial_kernel(x, x), polynomial_kernel(x, y), polynomial_kernel(y, y)
    n, m = len(x), len(y)
    within = (xx.sum() - xx.trace()) / (n * (n - 1)) + (yy.sum() - yy.trace()) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def subset_values(x: torch.Tensor, y: torch.Tensor, subsets: int, size: int, seed: int) -> Iterator[float]:
    """MMD² of random subsets of `size` features, drawn as torch-fidelity draws them for rng_seed = `seed`."""
    random = np.random.RandomState(seed)
    for _ in range(subsets):
        a = x[torch.from_numpy(random.choice(len(x), size, replace=False))]
        yield mmd2(a, y[torch.from_numpy(random.choice(len(y), size, replace=False))])


def kernel_distance(x: torch.Tensor, y: torch.Tensor, seed: int = 0) -> tuple[float, float]:
    """KID of features x [N, D] and y [M, D], and its standard error.

    Up to 1000 pictures each: of all of them, which uses every pair once; above, the mean over 100 subsets of
    1000, as is standard. The error comes from 10 disjoint blocks of both sets, whose values are independent:
    their standard deviation / √10. Blocks see fewer pairs than the whole, so for near-perfect generators it
    errs on the large side. nan where a block would have fewer than 2 pictures.
    """
    size = min(len(x), len(y), SUBSET_SIZE)
    if max(len(x), len(y)) <= SUBSET_SIZE:
        value = mmd2(x, y)
    else:
        value = float(np.mean(list(subset_values(x, y, SUBSETS, size, seed))))
    return value, block_error(x, y, seed)


def block_error(x: torch.Tensor, y: torch.Tensor, seed: int = 0) -> float:
    """Standard error of KID from disjoint random blocks; see `kernel_distance`."""
    if min(len(x), len(y)) < 2 * BLOCKS:
        return float("nan")
    random = np.random.RandomState(seed)
    parts = (np.array_split(random.permutation(len(z)), BLOCKS) for z in (x, y))
    blocks = ([torch.from_numpy(i[:SUBSET_SIZE]) for i in block] for block in zip(*parts, strict=True))
    values = [mmd2(x[i], y[j]) for i, j in blocks]
    return float(np.std(values, ddof=1) / np.sqrt(BLOCKS))


def resampled(
    x: torch.Tensor, y: torch.Tensor, weights_x: torch.Tensor, weights_y: torch.Tensor
) -> torch.Tensor:
    """MMD² [R] of bootstrap replicates, weights [R, N] and [R, M] saying how often each drew each picture.

    Two draws of one picture are left out of the pairs: their kernel is that of a picture with itself, which
    the unbiased estimate excludes. The kernel is computed once for all replicates.
    """
    u, v = weights_x.double(), weights_y.double()

    def within(z: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        k = polynomial_kernel(z, z)
        pairs = w.sum(dim=1).square() - w.square().sum(dim=1)
        return ((w @ k * w).sum(dim=1) - w.square() @ k.diagonal()) / pairs

    across = (u @ polynomial_kernel(x, y) * v).sum(dim=1) / (u.sum(dim=1) * v.sum(dim=1))
    return within(x, u) + within(y, v) - 2 * across
