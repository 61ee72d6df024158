"""Whether a generator still makes different pictures: what KID alone does not see."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from stylegan_pokemon.metrics.manifold import radii, squared_distances

PAIRWISE_ALARM = 0.6  # of the real pictures' mean distance; five pictures repeated have 0.8, see the next
INTRA_ALARM = 0.5  # of the real pictures' distance within clusters
DUPLICATES_ALARM = 0.3  # share of generated pictures that have a twin, above the real pictures' share
TWINS = 0.5  # of the median distance of a real picture to its nearest: nearer ones are the same picture
_CLUSTER = 20  # real pictures a cluster, about
_MOST_CLUSTERS = 20
_ROUNDS = 25  # of k-means


def mean_pairwise(features: torch.Tensor) -> float:
    """Mean Euclidean distance of all pairs of features [N, D], N at least 2."""
    total = 0.0
    for part in features.split(2048):
        total += float(squared_distances(part, features).sqrt().sum())
    return total / (len(features) * (len(features) - 1))


def cluster_centres(features: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Centres [K, D] of about 20 pictures each, at most 20, by k-means.

    It starts from pictures drawn in proportion to their squared distance from those drawn before (k-means++,
    D. Arthur and S. Vassilvitskii 2007).
    """
    x, random = features.double(), np.random.RandomState(seed)
    count = max(1, min(_MOST_CLUSTERS, len(x) // _CLUSTER))
    centres = x[random.randint(len(x))][None]
    while len(centres) < count:
        squares = squared_distances(x, centres).min(dim=1).values.numpy()
        if not squares.any():  # fewer different pictures than centres
            break
        chosen = random.choice(len(x), p=squares / squares.sum())
        centres = torch.cat([centres, x[chosen][None]])
    count = len(centres)
    for _ in range(_ROUNDS):
        nearest = squared_distances(x, centres).argmin(dim=1)
        members = torch.nn.functional.one_hot(nearest, count).double()
        sizes = members.sum(dim=0)[:, None]
        moved = torch.where(sizes > 0, members.T @ x / sizes.clamp_min(1), centres)
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres


def intra_cluster(features: torch.Tensor, centres: torch.Tensor) -> float:
    """Mean distance of pairs within clusters (U. Ojha et al. 2021, with real clusters for single pictures).

    Every feature of [N, D] goes to its nearest centre [K, D]; the clusters' mean pairwise distances count as
    much as they have members. Clusters of one have none; nan where all are.
    """
    nearest = squared_distances(features, centres).argmin(dim=1)
    total = weight = 0.0
    for cluster in range(len(centres)):
        members = features[nearest == cluster]
        if len(members) > 1:
            total += len(members) * mean_pairwise(members)
            weight += len(members)
    return total / weight if weight else float("nan")


def diversity(fake: torch.Tensor, real: torch.Tensor, seed: int = 0) -> dict[str, Any]:
    """The figures of generated features [N, D] beside those of real ones [M, D], and the collapse alarm.

    "pairwise": mean distance of all pairs; "ratio": by the real pictures'. "intra_cluster": the same within
    clusters, which are found on one half of the real pictures and measured on the other. "duplicates": share
    of pictures with a twin, nearer than half the median distance of a real picture to its nearest.
    """
    order = torch.from_numpy(np.random.RandomState(seed).permutation(len(real)))
    first, second = real[order[: len(real) // 2]], real[order[len(real) // 2 :]]
    centres = cluster_centres(first, seed)
    near_real = radii(real, 1).sqrt()
    twins = TWINS * float(near_real.median())
    found: dict[str, Any] = {
        "pairwise": mean_pairwise(fake),
        "pairwise_reals": mean_pairwise(real),
        "intra_cluster": intra_cluster(fake, centres),
        "intra_cluster_reals": intra_cluster(second, centres),
        "duplicates": float((radii(fake, 1).sqrt() < twins).double().mean()),
        "duplicates_reals": float((near_real < twins).double().mean()),
    }
    found["ratio"] = found["pairwise"] / found["pairwise_reals"] if found["pairwise_reals"] else float("nan")
    found["alarm"], found["verdict"] = _verdict(found)
    return found


def _verdict(found: dict[str, float]) -> tuple[bool, str]:
    if not math.isfinite(found["ratio"]):
        return False, "Variety cannot be told: the real pictures are all the same."
    differ = f"the pictures differ from one another {found['ratio']:.0%} as much as the real ones do"
    inner = found["intra_cluster"] / (found["intra_cluster_reals"] or float("nan"))
    if found["ratio"] < PAIRWISE_ALARM:
        flaw = f"Collapsed: {differ}"
    elif found["duplicates"] > found["duplicates_reals"] + DUPLICATES_ALARM:
        flaw = (
            f"Collapsed to a few pictures: {found['duplicates']:.0%} of them have a twin, of the real ones"
            f" {found['duplicates_reals']:.0%}"
        )
    elif inner < INTRA_ALARM:
        kind = f"within a kind the pictures differ {inner:.0%} as much as real ones do"
        flaw = f"Collapsed to a few kinds: {kind}"
    else:
        return False, f"Diverse: {differ}."
    return True, f"{flaw}; early in a training go on, later go back to an earlier snapshot."
