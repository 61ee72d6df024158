"""Which of many pictures to keep: the critic's favourites, novel, typical or different ones, or a mixture.

A discriminator tells clean creatures from broken ones, but its favourites are the same few kinds. So the
mixture finds kinds first, as far apart as possible, and keeps the critic's favourite of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Figures:
    """What is known of N pictures.

    features: unit vectors [N, D], so that distances lie between 0 (the same) and 2. critic: logits [N], None
    without a discriminator. novelty: distance [N] to the nearest training picture, None without a data set.
    """

    features: np.ndarray
    critic: np.ndarray | None = None
    novelty: np.ndarray | None = None

    @property
    def oddness(self) -> np.ndarray:
        """The distance [N] of each picture's features from their mean; small is typical."""
        return np.linalg.norm(self.features - self.features.mean(axis=0), axis=1)

    def of(self, chosen: Sequence[int]) -> Figures:
        """The figures of some of the pictures."""
        critic, novelty = (None if each is None else each[chosen] for each in (self.critic, self.novelty))
        return Figures(self.features[chosen], critic, novelty)

    def choose(self, by: str, keep: int) -> list[int]:
        """Return the indices of `keep` pictures, the best first.

        by: mixture, critic, novel, typical or diverse. mixture and critic need `critic`, novel `novelty`. For
        mixture the better half by the critic, half as many again as are kept at least, is divided among the
        farthest points, each picture going to the nearest point; the favourite of each part is kept. diverse
        starts from the most typical picture.
        """
        every = np.arange(len(self.features))
        if by == "diverse":
            return farthest_points(self.features, keep, int(self.oddness.argmin()))
        if by == "typical":
            return self.oddness.argsort(kind="stable")[:keep].tolist()
        if by == "novel":
            assert self.novelty is not None
            return (-self.novelty).argsort(kind="stable")[:keep].tolist()
        assert self.critic is not None
        order = (-self.critic).argsort(kind="stable")
        if by == "critic":
            return order[:keep].tolist()
        better = order[: max(keep + keep // 2, len(every) // 2)]
        kinds = farthest_points(self.features[better], keep, 0)
        squares = _squares(self.features[better], self.features[better[kinds]])
        nearest = squares.argmin(axis=1)
        nearest[kinds] = range(len(kinds))  # equal pictures may be nearest to another of the points
        favourites = [int(np.flatnonzero(nearest == kind)[0]) for kind in range(len(kinds))]
        return better[sorted(favourites)].tolist()  # `better` falls in score


def unit(features: np.ndarray) -> np.ndarray:
    """Features [N, D] scaled to length 1, float32."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.maximum(lengths, 1e-12)).astype(np.float32)


def farthest_points(features: np.ndarray, keep: int, start: int) -> list[int]:
    """Indices of `keep` rows of features [N, D]: after `start` always the row farthest from all before it.

    No row is farther from them than twice the best possible (T. Gonzalez, "Clustering to Minimize the Maximum
    Intercluster Distance", 1985). With fewer rows than `keep`, all of them.
    """
    chosen, left = [start], _squares(features, features[[start]])[:, 0]
    left[start] = -1
    while len(chosen) < min(keep, len(features)):
        chosen.append(int(left.argmax()))
        left = np.minimum(left, _squares(features, features[chosen[-1:]])[:, 0])
        left[chosen[-1]] = -1
    return chosen


def nearest_distance(
    features: np.ndarray, others: np.ndarray, advance: Callable[[int], object] = lambda _: None
) -> np.ndarray:
    """The distance [N] from each of features [N, D] to the nearest of others [M, D]."""
    found = []
    for start in range(0, len(features), 256):
        part = features[start : start + 256]
        found.append(np.sqrt(_squares(part, others).min(axis=1)))
        advance(len(part))
    return np.concatenate(found)


def distances_within(features: np.ndarray) -> np.ndarray:
    """The distance [N] from each of features [N, D] to the nearest other one; zeros for a single one."""
    squares = _squares(features, features)
    np.fill_diagonal(squares, np.inf)
    return np.sqrt(squares.min(axis=1)) if len(features) > 1 else np.zeros(1)


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.maximum(squares, 0)
