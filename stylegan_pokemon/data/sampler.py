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


def mirrored_items(items: np.ndarray, pictures: int) -> tuple[np.ndarray, np.ndarray]:
    """Split item numbers below 2·pictures into picture numbers and a mask of those to mirror."""
    return items % pictures, items >= pictures


@lru_cache(maxsize=4)
def _permutation(seed: int, sampler_pass: int, count: int) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(derive_seed(seed, "sampler", sampler_pass))).permutation(count)
