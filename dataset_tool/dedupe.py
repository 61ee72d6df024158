"""Identical and near-identical pictures, found by a perceptual hash and confirmed in colour.

The hash is the signs of the low frequencies of the grey picture (pHash: DCT of 32×32, 8×8 of it, compared
with their median; Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions"). It
survives scaling and JPEG, and so do recoloured drawings survive it. A pair therefore counts only when
small colour thumbnails agree as well, where there is something to see. Both are taken from the visible
part of the picture, since otherwise two small creatures on much white are always nearly the same.

The bounds lie in a measured gap. Over 69 official artworks at 64 and 256 pixels, JPEG at quality 30 and
75, half the size and 64 colours left a 90th percentile of at most 6.8 levels and a mean of at most 2.0.
Over the 745 game sprites with a recoloured "shiny" twin that is not equal to the pixel, these start at
9.7 and 2.7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageOps

from dataset_tool.background import uniform_border

_HASHED = 32
_THUMBNAIL = 16
_PROBED = (_THUMBNAIL // 2, _THUMBNAIL // 3)  # cells of the diagonal, not at the border
_MAX_BITS = 10
# Differences of thumbnail channels in levels of 255, over the cells that show more than background.
_MAX_MEAN = 2.5
_MAX_PERCENTILE_90 = 8.5
_MAX_PEAK = 20.0
_BORDER_TOLERANCE = 16
# JPEG at low quality rings around a drawing by some 20 levels; what is fainter has no say in its place.
_VISIBLE_FROM = 16
# A filled disc reaches 2 standard deviations from its centre, a ring 1.4; tails and tips may be cut off.
_SPREADS = 2.5
_CELL_LEVELS = 8
# Cells of 16 pixels need no more; halving first takes a third of the time.
_WORKING_SIDE = 256
_BLOCK = 512  # a matrix of 64-bit numbers that fits into the cache
_DCT = np.cos(np.pi * np.arange(8)[:, None] * (2 * np.arange(32) + 1) / 64)  # DCT-II of length 32, 8 rows


class Signature(NamedTuple):
    """A picture for comparison: 64-bit perceptual hash, RGB thumbnail [16, 16, 3], which cells count."""

    hash: int
    thumbnail: bytes
    cells: bytes


class Duplicate(NamedTuple):
    """Picture `index` repeats `of`; `difference` is the mean one of their thumbnails in levels of 255."""

    index: int  # type: ignore[assignment]  # hides a method of tuples, which nobody calls
    of: int
    difference: float


def signature(picture: Image.Image) -> Signature:
    """Return the signature of an RGB picture; where in its frame the drawing stands makes no difference."""
    small, background = _drawing(picture)
    low = (_DCT @ np.asarray(small.convert("L"), dtype=np.float64) @ _DCT.T).ravel()
    # The first coefficient is the brightness, which says nothing about the shape.
    bits = low > np.median(low[1:])
    thumbnail = np.asarray(small.reduce(_HASHED // _THUMBNAIL))
    if background is None:
        cells = np.ones((_THUMBNAIL, _THUMBNAIL), bool)
    else:
        cells = (np.abs(thumbnail.astype(np.int16) - np.array(background)) > _CELL_LEVELS).any(axis=-1)
    value = int.from_bytes(np.packbits(bits).tobytes(), "big")
    return Signature(value, thumbnail.tobytes(), np.packbits(cells).tobytes())


def find_duplicates(signatures: Sequence[Signature], preference: Sequence[int]) -> list[Duplicate]:
    """Return which pictures repeat which, by index.

    Pictures are gone through from the highest `preference` down (ties in their order), and one is dropped
    when it is nearly the same as one that was kept before. So what is kept has no duplicates left, and
    nothing is dropped for resembling something that was dropped itself.
    """
    order = sorted(range(len(signatures)), key=lambda index: (-preference[index], index))
    ranked = [signatures[index] for index in order]
    earlier: dict[int, list[tuple[float, int]]] = {}  # all numbers are places in `order`
    for early, late, difference in near_pairs(ranked):
        earlier.setdefault(late, []).append((difference, early))
    dropped: dict[int, tuple[float, int]] = {}
    for late, rows in sorted(earlier.items()):
        kept = [row for row in rows if row[1] not in dropped]
        repeated = [dropped[early] for _, early in rows if early in dropped and ranked[early] == ranked[late]]
        if kept or repeated:
            dropped[late] = min(kept or repeated)
    return sorted(Duplicate(order[late], order[of], difference) for late, (difference, of) in dropped.items())


def near_pairs(signatures: Sequence[Signature]) -> list[tuple[int, int, float]]:
    """Return the pairs (first, second, mean difference in levels) of nearly the same pictures, in order.

    A picture with the signature of an earlier one makes one pair, with the first of them: a placeholder that
    occurs ten thousand times would make fifty million.
    """
    firsts: dict[Signature, int] = {}
    first_of = [firsts.setdefault(item, index) for index, item in enumerate(signatures)]
    pairs = [(first, index, 0.0) for index, first in enumerate(first_of) if first != index]
    distinct = list(firsts.values())
    hashes = np.array([item.hash for item in firsts], dtype=np.uint64)
    probes = [_probe(list(firsts), cell) for cell in _PROBED] if firsts else []
    for start in range(0, len(hashes), _BLOCK):
        for other in range(start, len(hashes), _BLOCK):
            apart = hashes[start : start + _BLOCK, None] ^ hashes[None, other : other + _BLOCK]
            near = _bit_count(apart) <= _MAX_BITS
            if not near.any():
                continue
            rows, columns = np.nonzero(near)
            rows, columns = rows + start, columns + other
            # One shape in thousands of colours makes millions of pairs: first some cells, all pairs at once.
            likely = rows < columns
            for cells, seen in probes:
                unlike = np.abs(cells[rows] - cells[columns]).max(axis=1) > _MAX_PEAK + 0.01  # by rounding
                likely &= ~(unlike & (seen[rows] | seen[columns]))
            for row, column in zip(rows[likely].tolist(), columns[likely].tolist(), strict=True):
                first, second = distinct[row], distinct[column]
                difference = _colour_difference(signatures[first], signatures[second])
                if difference is not None:
                    pairs.append((first, second, difference))
    return sorted(pairs)


def _probe(items: Sequence[Signature], cell: int) -> tuple[np.ndarray, np.ndarray]:
    """Return smoothed levels [N, 3] of a cell on the diagonal, and whether each picture [N] shows it."""
    around = np.s_[cell - 1 : cell + 2]
    levels = [_levels(item)[around, around].sum(axis=(0, 1)) / 9 for item in items]
    bits = np.unpackbits(np.array([np.frombuffer(item.cells, np.uint8) for item in items]), axis=1)
    return np.array(levels), bits[:, cell * _THUMBNAIL + cell].astype(bool)


def _drawing(picture: Image.Image) -> tuple[Image.Image, tuple[int, ...] | None]:
    """Return the drawing in `picture` at 32×32, and the background colour around it if there is one.

    The drawing is found by centre and spread of what differs from the background. A bounding box would
    jump by a pixel with every grain of noise, and that pixel would be half a cell of the thumbnail.
    """
    while min(picture.size) >= 2 * _WORKING_SIDE:
        picture = picture.reduce(2)
    size = (_HASHED, _HASHED)
    border = uniform_border(np.asarray(picture), _BORDER_TOLERANCE)
    if border is None:
        return picture.resize(size, Image.Resampling.BOX), None
    background = tuple(border.tolist())
    apart = ImageChops.difference(picture, Image.new("RGB", picture.size, background))
    weight = np.asarray(apart).max(axis=2).astype(np.float32)
    # Not cut off above: blurring moves weight about but keeps its sum, so centre and spread stay.
    weight[weight < _VISIBLE_FROM] = 0
    if not weight.any():
        return picture.resize(size, Image.Resampling.BOX), background
    x, x_spread = _moments(weight.sum(axis=0, dtype=np.float64))
    y, y_spread = _moments(weight.sum(axis=1, dtype=np.float64))
    reach = max(_SPREADS * max(x_spread, y_spread), 1.0)
    pad = math.ceil(reach)
    padded = ImageOps.expand(picture, pad, background)
    box = (x - reach + pad, y - reach + pad, x + reach + pad, y + reach + pad)
    return padded.resize(size, Image.Resampling.BOX, box=box), background


def _moments(weights: np.ndarray) -> tuple[float, float]:
    """Return centre and standard deviation of `weights` along a line; the first pixel is at 0.5."""
    places = np.arange(len(weights)) + 0.5
    total = weights.sum()
    centre = float((weights * places).sum() / total)
    return centre, math.sqrt(float((weights * (places - centre) ** 2).sum() / total))


def _colour_difference(first: Signature, second: Signature) -> float | None:
    """Return how far two thumbnails differ where they show something, or None when that is too far."""
    seen = np.frombuffer(first.cells, np.uint8) | np.frombuffer(second.cells, np.uint8)
    cells = np.unpackbits(seen).astype(bool).reshape(_THUMBNAIL, _THUMBNAIL)
    padded = np.zeros((_THUMBNAIL + 2, _THUMBNAIL + 2, 3), np.float32)
    padded[1:-1, 1:-1] = _levels(first) - _levels(second)
    # Signed differences are averaged over 3×3 cells: what noise and a shift by half a pixel leave at edges
    # cancels out or spreads thin, while a recoloured area stays as different as it was.
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    smooth = np.abs(rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9
    difference = smooth[cells] if cells.any() else smooth.reshape(-1, 3)
    mean, peaks = float(difference.mean()), difference.max(axis=1)
    near = mean <= _MAX_MEAN and peaks.max() <= _MAX_PEAK and np.percentile(peaks, 90) <= _MAX_PERCENTILE_90
    return mean if near else None


def _levels(item: Signature) -> np.ndarray:
    return np.frombuffer(item.thumbnail, np.uint8).reshape(_THUMBNAIL, _THUMBNAIL, 3).astype(np.float32)


def _bit_count(values: np.ndarray) -> np.ndarray:
    """Return the number of set bits of each uint64."""
    if hasattr(np, "bitwise_count"):  # NumPy 2: six times as fast
        return np.bitwise_count(values)
    as_bytes = np.ascontiguousarray(values).view(np.uint8).reshape(*values.shape, 8)
    return _BITS_OF_BYTE[as_bytes].sum(axis=-1, dtype=np.uint8)


_BITS_OF_BYTE = np.array([bin(value).count("1") for value in range(256)], dtype=np.uint8)
