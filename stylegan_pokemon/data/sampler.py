"""Which pictures an iteration sees: a pure function of the seed and of the images shown so far."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from stylegan_pokemon.randomness import derive_seed


def batch_items(seed: int, images_shown: int, batch: int, count: int) -> np.ndarray:
    """Return the `batch` items that follow after `images_shown`, as numbers below `count`.

    Every pass over the set is a permutation of its own, so within a pass no item repeats; a batch may span
    two passes. With x-flips an item number k ≥ n means "picture k − n mirrored" (see `mirrored_items`).
    """
    positions = np.arange(images_shown, images_shown + batch)
    return np.array([_permutation(seed, int(p) // count, count)[int(p) % count] for p in positions])


def balanced_items(
    seed: int, images_shown: int, batch: int, labels: np.ndarray, mirrored: bool = False
) -> np.ndarray:
    """Return the `batch` items that follow after `images_shown`, every class as often as any other.

    labels: [pictures], their classes; those without a picture do not take part. In every round all classes
    come once, in an order of their own, and within a class no item repeats until all have been shown. With
    `mirrored` item number k ≥ n means "picture k − n mirrored".
    """
    kinds = np.unique(labels)
    found = []
    for position in range(images_shown, images_shown + batch):
        turn, slot = divmod(position, len(kinds))
        kind = kinds[_permutation(seed, turn, len(kinds), "sampler of classes")[slot]]
        own = np.flatnonzero(labels == kind)
        if mirrored:
            own = np.concatenate([own, own + len(labels)])
        sampler_pass, index = divmod(turn, len(own))
        found.append(own[_permutation(seed, sampler_pass, len(own), f"sampler of class {kind}")[index]])
    return np.array(found)


def mirrored_items(items: np.ndarray, pictures: int) -> tuple[np.ndarray, np.ndarray]:
    """Split item numbers below 2·pictures into picture numbers and a mask of those to mirror."""
    return items % pictures, items >= pictures


@lru_cache(maxsize=64)
def _permutation(seed: int, sampler_pass: int, count: int, purpose: str = "sampler") -> np.ndarray:
    return np.random.Generator(np.random.PCG64(derive_seed(seed, purpose, sampler_pass))).permutation(count)
