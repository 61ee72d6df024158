"""Sliced Wasserstein distance of patches of Laplacian pyramids (T. Karras et al. 2018, section 5).

The finest level is the drawing style: outlines, shading, texture. The coarsest are large shapes and colours.
It needs no feature network, so nothing is lost that a network of photographs overlooks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.ndimage import correlate1d

PATCH = 7  # pixels a side
PATCHES = 64  # of each picture and level, half of the paper's: the number of pictures limits the precision
COARSEST = 8  # pixels a side of the coarsest level; the paper's pictures of 1024 pixels end at 16
SCALE = 1000  # of the values, as the paper prints them
MOST = 500  # pictures a side: at 64×64 the patches of a set take 30 MB
_AT_ONCE = 1 << 20  # pixels whose pyramids are held: 256 pictures of 64×64
_DIRECTIONS = 128  # on which patches are projected
_LEAST_DEVIATION = 0.5  # grey levels: in a channel that varies less nothing is to be seen
_KERNEL = np.array([1, 4, 6, 4, 1], np.float32) / 16  # P. Burt and E. Adelson 1983


def pyramid(pictures: np.ndarray) -> list[np.ndarray]:
    """Laplacian pyramid of pictures uint8 [N, S, S, C], S a power of two ≥ 8: float32 levels, finest first.

    Each level is what its blurred and halved copy lacks; the last is the picture averaged down to 8×8.
    """
    x = pictures.astype(np.float32)
    levels = []
    while x.shape[1] > COARSEST:
        smaller = _blurred(x)[:, ::2, ::2]
        larger = np.zeros_like(x)
        larger[:, ::2, ::2] = smaller
        levels.append(x - 4 * _blurred(larger))
        x = smaller
    return [*levels, x]


def _blurred(x: np.ndarray) -> np.ndarray:
    return correlate1d(correlate1d(x, _KERNEL, axis=1, mode="mirror"), _KERNEL, axis=2, mode="mirror")


def patches(pictures: np.ndarray, first: int = 0) -> list[np.ndarray]:
    """Patches of 7×7 pixels of every level of pictures uint8 [N, S, S, C]: float16 [N, P, C, 7, 7] each.

    first: the number of the first picture, so that a set gives the same patches whole and in parts.
    """
    step = max(1, _AT_ONCE // pictures.shape[1] ** 2)
    parts = [_patches(pictures[i : i + step], first + i) for i in range(0, len(pictures), step)]
    return [np.concatenate(level) for level in zip(*parts, strict=True)]


def _patches(pictures: np.ndarray, first: int) -> list[np.ndarray]:
    found = []
    for level in pyramid(pictures):
        windows = np.lib.stride_tricks.sliding_window_view(level, (PATCH, PATCH), axis=(1, 2))
        rows, columns = corners(level.shape[1], first, len(level))
        found.append(windows[np.arange(len(level))[:, None], rows, columns].astype(np.float16))
    return found


def corners(side: int, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns [count, P] where the patches of pictures `first`, `first` + 1, … begin on a level.

    All there are where these are not more than 64, else 64 drawn ones, which depend on the level and the
    picture's number alone.
    """
    places = side - PATCH + 1  # in each direction
    if places**2 <= PATCHES:
        rows, columns = np.divmod(np.tile(np.arange(places**2), (count, 1)), places)
        return rows, columns
    random = np.random.Generator(np.random.PCG64(side))
    drawn = random.integers(places, size=(first + count, PATCHES, 2))[first:]
    return drawn[..., 0], drawn[..., 1]


def deviations(*sets: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Standard deviation of all sets' patches at each level in each channel: float32 [C] each, ≥ 0.5."""
    found = []
    for levels in zip(*sets, strict=True):
        deviation = np.concatenate(levels).astype(np.float32).std(axis=(0, 1, 3, 4), dtype=np.float64)
        found.append(np.maximum(deviation, _LEAST_DEVIATION).astype(np.float32))
    return found


def projections(levels: Sequence[np.ndarray], scale: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What `distances` compares of a set's patches: each level's on random directions, sorted [128, N · P].

    scale: by which each channel of a level is divided, the `deviations` of the real set. So pictures with
    less contrast are farther away, which they are not where every set is divided by its own. Means of
    channels need not be subtracted: the same one of both sets changes no distance.
    """
    found = []
    for level, by in zip(levels, scale, strict=True):
        rows = (level.astype(np.float32) / by[:, None, None]).reshape(-1, by.size * PATCH**2)
        found.append(projected(rows))
    return found


def projected(rows: np.ndarray) -> np.ndarray:
    """Projections of rows float32 [M, D] on 128 random directions that depend on D alone, sorted [128, M]."""
    random = np.random.Generator(np.random.PCG64(rows.shape[1]))
    directions = random.standard_normal((_DIRECTIONS, rows.shape[1]))
    directions = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    found = directions @ rows.T
    found.sort(axis=1)
    return found


def distances(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> list[float]:
    """Sliced Wasserstein distance ×1000 of two sets at each level, finest first.

    a, b: their `projections`, of equally many pictures: the distance falls with their number. It is the mean
    over directions of the Wasserstein-1 distance, which of two sorted rows is their mean difference.
    """
    pairs = zip(a, b, strict=True)
    return [SCALE * float(np.abs(x - y).mean(dtype=np.float64)) for x, y in pairs]


def summary(apart: Sequence[float], floor: Sequence[float], resolution: int, count: int) -> dict[str, Any]:
    """Distances by level, finest first, beside those of halves of the real set, of `count` pictures each.

    "value" and "floor" are their means, "ratio" the first by the second, "levels" both by the level's side.
    """
    value, least = float(np.mean(apart)), float(np.mean(floor))
    levels = {str(resolution >> i): {"value": x, "floor": y}
              for i, (x, y) in enumerate(zip(apart, floor, strict=True))}  # fmt: skip
    ratio = value / least if least else float("nan")
    return {"value": value, "floor": least, "ratio": ratio, "pictures": count, "levels": levels}
