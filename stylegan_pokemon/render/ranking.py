"""Which of many pictures to keep: the critic's favourites, novel, typical or different ones, or a mixture.

A discriminator tells clean creatures from broken ones, but its favourites are the same few kinds. So the
mixture finds kinds first, as far apart as possible, and keeps the critic's favourite of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.render.latents import one_hot

_COMPANIES = 16  # of creatures64 a logit's standard error is then a tenth of the spread between pictures
_BATCH = 32  # pictures of a company where the network says "the whole batch"
_GROUPS_AT_ONCE = 64


class Critic:
    """Scores of pictures by a discriminator, each in several random companies.

    The minibatch standard deviation lets a discriminator see the other pictures of a group. So the part that
    sees one picture is computed once, and the last block again for every company.

    Args:
        D: the discriminator, in eval mode.
    """

    def __init__(self, D: Discriminator) -> None:
        self._D = D
        self._seen: list[tuple[torch.Tensor, torch.Tensor | None]] = []

    @torch.no_grad()
    def see(self, pictures: np.ndarray) -> None:
        """Add pictures uint8 [N, H, W, C] to those that are scored."""
        device = next(self._D.parameters()).device
        images = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1
        self._seen.append(self._D.trunk(images))

    @torch.no_grad()
    def scores(self, labels: Sequence[int], companies: int = _COMPANIES) -> tuple[np.ndarray, np.ndarray]:
        """Logits [N] and last features [N, D], float32, of all pictures seen: the mean over companies.

        labels: of each picture. Positive logits mean "looks real". The same pictures in the same order have
        the same scores.
        """
        D, (xs, rests) = self._D, zip(*self._seen, strict=True)
        x, rest = torch.cat(xs), None if rests[0] is None else torch.cat(rests)
        size, at_once = (D.b4.group_size, _GROUPS_AT_ONCE) if D.b4.group_size else (_BATCH, 1)
        total = torch.zeros(len(x), D.b4.out.weight.shape[1], device=x.device)
        counts = torch.zeros(len(x), 1, device=x.device)
        rng = np.random.RandomState(derive_seed(0, "companies") % 2**32)
        for _ in range(companies):
            order = torch.from_numpy(rng.permutation(len(x))).to(x.device)
            order = torch.cat([order, order[: -len(x) % size]])  # fills the last company up
            for members in order.split(size * at_once):
                hidden = D.b4.hidden(x[members], None if rest is None else rest[members])
                total.index_add_(0, members, hidden)
                counts.index_add_(0, members, torch.ones_like(hidden[:, :1]))
        hidden = total / counts
        logits = D.logits(D.b4.out(hidden), one_hot(labels, D.c_dim, x.device))
        return logits[:, 0].cpu().numpy(), hidden.cpu().numpy()


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

    def choose(self, by: str, keep: int) -> list[int]:
        """Return the indices of `keep` pictures, the best first.

        by: mixture, critic, novel, typical or diverse. mixture and critic need `critic`, novel `novelty`. For
        mixture the better half by the critic is divided among the farthest points, each picture going to the
        nearest point; the favourite of each part is kept. diverse starts from the most typical picture.
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
        better = order[: max(keep, len(every) // 2)]
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
