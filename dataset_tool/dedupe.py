"""Identical and near-identical pictures, found by a perceptual hash and confirmed in colour.

The hash is the signs of the low frequencies of the grey picture (pHash: DCT of 32×32, 8×8 of it, compared
with their median; Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions"). It
survives scaling and JPEG. Sprites on white share their low frequencies all too often, and recoloured ones
share all of them, so a pair counts only when small colour thumbnails agree as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image

_THUMBNAIL = 16
# Bits of 64 that may differ. JPEG at quality 50 and halving the size were seen to flip up to 6.
_MAX_BITS = 10
# Mean and largest difference of thumbnail channels, in levels of 255.
_MAX_MEAN = 3.0
_MAX_PEAK = 28
_BLOCK = 2048


class Signature(NamedTuple):
    """A picture for comparison: 64-bit perceptual hash and 16×16 RGB thumbnail as bytes."""

    hash: int
    thumbnail: bytes


class Duplicate(NamedTuple):
    """Picture `index` repeats `of`; `difference` is the mean one of their thumbnails in levels of 255."""

    index: int
    of: int
    difference: float


def signature(picture: Image.Image) -> Signature:
    """Return the signature of a square RGB picture."""
    grey = np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.BOX), dtype=np.float64)
    basis = _dct_basis()
    low = (basis @ grey @ basis.T).ravel()
    # The first coefficient is the brightness: it would only ever say that pictures are mostly background.
    bits = low > np.median(low[1:])
    value = int.from_bytes(np.packbits(bits).tobytes(), "big")
    thumbnail = picture.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    return Signature(value, thumbnail.tobytes())


def find_duplicates(signatures: Sequence[Signature], preference: Sequence[int]) -> list[Duplicate]:
    """Return which pictures repeat which.

    Pictures are gone through from the highest `preference` down (ties in their order), and one is dropped
    when it is nearly the same as one that was kept before. So what is kept has no duplicates left, and
    nobody is dropped for resembling a dropped one. Sorted by index.
    """
    order = sorted(range(len(signatures)), key=lambda index: (-preference[index], index))
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    partners: dict[int, list[tuple[int, float]]] = {}
    for first, second, difference in near_pairs(signatures):
        later, earlier = (first, second) if position[first] > position[second] else (second, first)
        partners.setdefault(later, []).append((earlier, difference))
    dropped: dict[int, Duplicate] = {}
    for index in order:
        kept = [
            (difference, position[other], other)
            for other, difference in partners.get(index, [])
            if other not in dropped
        ]
        if kept:
            difference, _, other = min(kept)
            dropped[index] = Duplicate(index, other, difference)
    return sorted(dropped.values())


def near_pairs(signatures: Sequence[Signature]) -> list[tuple[int, int, float]]:
    """Return all pairs (first, second, mean difference in levels) of nearly the same pictures, in order."""
    if len(signatures) < 2:
        return []
    hashes = np.array([item.hash for item in signatures], dtype=np.uint64)
    pairs: list[tuple[int, int, float]] = []
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        for other in range(start, len(hashes), _BLOCK):
            distance = _bit_count(block[:, None] ^ hashes[None, other : other + _BLOCK])
            for row, column in zip(*np.nonzero(distance <= _MAX_BITS), strict=True):
                first, second = start + int(row), other + int(column)
                if first < second:
                    difference = _colour_difference(signatures[first], signatures[second])
                    if difference is not None:
                        pairs.append((first, second, difference))
    return sorted(pairs)


def _colour_difference(first: Signature, second: Signature) -> float | None:
    a = np.frombuffer(first.thumbnail, np.uint8).astype(np.int16)
    b = np.frombuffer(second.thumbnail, np.uint8).astype(np.int16)
    difference = np.abs(a - b)
    mean = float(difference.mean())
    return mean if mean <= _MAX_MEAN and difference.max() <= _MAX_PEAK else None


def _bit_count(values: np.ndarray) -> np.ndarray:
    """Return the number of set bits of each uint64 (NumPy has its own function from 2.0 on only)."""
    as_bytes = np.ascontiguousarray(values).view(np.uint8).reshape(*values.shape, 8)
    return _BITS_OF_BYTE[as_bytes].sum(axis=-1, dtype=np.uint8)


_BITS_OF_BYTE = np.array([bin(value).count("1") for value in range(256)], dtype=np.uint8)


@lru_cache(maxsize=1)
def _dct_basis() -> np.ndarray:
    """Return the first 8 rows of the DCT-II matrix of length 32, [8, 32]."""
    frequency, sample = np.mgrid[0:8, 0:32]
    return np.cos(np.pi * frequency * (2 * sample + 1) / 64)
