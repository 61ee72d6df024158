"""Which pictures lie where the other set lies: improved precision and recall, density and coverage."""

from __future__ import annotations

import torch

PRECISION_NEIGHBOURS = 3  # T. Kynkäänniemi et al. 2019
DENSITY_NEIGHBOURS = 5  # M. F. Naeem et al. 2020
_ROWS = 2048  # compared at once: 0.8 GiB against 50,000 pictures
_SAME = 1e-12  # of the squared lengths: below, two features differ by rounding alone


def squared_distances(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Squared Euclidean distances [N, M] float64 of features [N, D], [M, D]; exactly 0 for equal ones."""
    x, y = x.double(), y.double()
    lengths = x.square().sum(dim=1)[:, None] + y.square().sum(dim=1)
    squares = torch.addmm(lengths, x, y.T, alpha=-2)
    return torch.where(squares < _SAME * lengths, 0.0, squares)


def radii(x: torch.Tensor, k: int) -> torch.Tensor:
    """Squared distance [N] of every feature of x [N, D] to its k-th nearest other one, N above k."""
    found = []
    for start in range(0, len(x), _ROWS):
        squares = squared_distances(x[start : start + _ROWS], x)
        rows = torch.arange(len(squares))
        squares[rows, start + rows] = torch.inf  # not itself, which an equal picture elsewhere is
        found.append(squares.kthvalue(k, dim=1).values)
    return torch.cat(found)


def share_inside(points: torch.Tensor, centres: torch.Tensor, squared_radii: torch.Tensor) -> torch.Tensor:
    """Whether each point [N, D] lies in any of the balls around centres [M, D], [N] bool."""
    parts = points.split(_ROWS)
    return torch.cat([(squared_distances(p, centres) <= squared_radii).any(dim=1) for p in parts])


def precision_recall(
    fake: torch.Tensor, real: torch.Tensor, k: int = PRECISION_NEIGHBOURS
) -> dict[str, torch.Tensor]:
    """Improved precision and recall (Kynkäänniemi et al. 2019, eq. 1), picture by picture.

    Returns "precision" [N]: whether each generated picture lies within the real ones, and "recall" [M]:
    whether each real picture lies within the generated ones. Their means are the numbers. A picture lies
    within a set when it is as near to one of it as that one's k-th neighbour.
    """
    return {
        "precision": share_inside(fake, real, radii(real, k)),
        "recall": share_inside(real, fake, radii(fake, k)),
    }


def f1(precision: float, recall: float) -> float:
    """Their harmonic mean; 0 where both are."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def density_coverage(
    fake: torch.Tensor, real: torch.Tensor, k: int = DENSITY_NEIGHBOURS
) -> dict[str, torch.Tensor]:
    """Density and coverage (Naeem et al. 2020, eqs. 6 and 8), picture by picture.

    Returns "density" [N] float64: in how many real balls each generated picture lies, divided by k, and
    "coverage" [M] bool: whether each real picture's ball holds a generated one. Their means are the numbers;
    density may exceed 1.
    """
    squared_radii = radii(real, k)
    density, coverage = [], torch.zeros(len(real), dtype=torch.bool)
    for part in fake.split(_ROWS):
        inside = squared_distances(part, real) <= squared_radii
        density.append(inside.double().sum(dim=1) / k)
        coverage |= inside.any(dim=0)
    return {"density": torch.cat(density), "coverage": coverage}
