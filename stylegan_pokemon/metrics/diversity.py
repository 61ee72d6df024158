"""Whether a generator still makes different pictures: what KID alone does not see."""

from __future__ import annotations

import math
from typing import Any

import torch

from stylegan_pokemon.metrics.manifold import radii, squared_distances

PAIRWISE_ALARM = 0.6  # of the real pictures' mean distance; five pictures repeated have 0.8, see the next
DUPLICATES_ALARM = 0.3  # share of generated pictures that have a twin, above the real pictures' share
TWINS = 0.5  # of the median distance of a real picture to its nearest: nearer ones are the same picture


def mean_pairwise(features: torch.Tensor) -> float:
    """Mean Euclidean distance of all pairs of features [N, D], N at least 2."""
    total = 0.0
    for part in features.split(2048):
        total += float(squared_distances(part, features).sqrt().sum())
    return total / (len(features) * (len(features) - 1))


def diversity(fake: torch.Tensor, real: torch.Tensor) -> dict[str, Any]:
    """The figures of generated features [N, D] beside those of real ones [M, D], and the collapse alarm.

    "pairwise": mean distance of all pairs; "ratio": by the real pictures'. "duplicates": share of pictures
    with a twin, nearer than half the median distance of a real picture to its nearest.
    """
    near_real = radii(real, 1).sqrt()
    twins = TWINS * float(near_real.median())
    found: dict[str, Any] = {
        "pairwise": mean_pairwise(fake),
        "pairwise_reals": mean_pairwise(real),
        "duplicates": float((radii(fake, 1).sqrt() < twins).double().mean()),
        "duplicates_reals": float((near_real < twins).double().mean()),
    }
    found["ratio"] = found["pairwise"] / found["pairwise_reals"] if found["pairwise_reals"] else float("nan")
    found["alarm"], found["verdict"] = _verdict(found)
    return found


def _verdict(found: dict[str, float]) -> tuple[bool, str]:
    if not math.isfinite(found["ratio"]):
        return False, "Diversity cannot be judged: the real pictures are all the same."
    differ = f"the pictures differ from one another {found['ratio']:.0%} as much as the real ones do"
    if found["ratio"] < PAIRWISE_ALARM:
        flaw = f"Collapsed: {differ}"
    elif found["duplicates"] > found["duplicates_reals"] + DUPLICATES_ALARM:
        flaw = (
            f"Collapsed to a few pictures: {found['duplicates']:.0%} of them have a twin, of the real ones"
            f" {found['duplicates_reals']:.0%}"
        )
    else:
        return False, f"Diverse: {differ}."
    return True, f"{flaw}; early in training continue, later go back to an earlier snapshot."
