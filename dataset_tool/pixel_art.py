"""Is it pixel art, and how large is one of its pixels?

Smooth filters blur pixel art and hard ones ruin paintings, so `--filter auto` has to tell them apart. Pixel
art is few colours used many times, hard edges and small size, or blocks of equal pixels all over the
picture.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PIL import Image

# A 16-colour palette per sprite is the rule in games up to 2012; hand-made pixel art rarely exceeds 64.
_MAX_COLOURS = 64
# What was drawn pixel by pixel and never scaled is small: game sprites are up to 128, a few up to 160 pixels.
_MAX_SIDE = 192
# An enlarged picture may use a full palette, since equal blocks all over it cannot be an accident.
_MAX_COLOURS_ENLARGED = 256
_MIN_SIDE_ENLARGED = 8
# The edges of one rectangle have a common divisor by chance; those of a drawing do not.
_MIN_CHANGES_ENLARGED = 6
# Antialiased drawings owe most of their colours to edges, and each of those occurs only a few times. Among
# 1693 sprites of 96 pixels the share of such rare colours is at most 0.37, with antialiased drawings from
# 0.35 up.
_MAX_RARE_SHARE = 0.4
_MAX_SOFT_SHARE = 0.005


def pixel_size(image: Image.Image) -> int:
    """Return how many pixels of an RGBA picture make one side of a drawn pixel; 0 when it is no pixel art."""
    colours: list[tuple[int, Any]] | None = image.convert("RGBa").getcolors(_MAX_COLOURS_ENLARGED)
    if colours is None:
        return 0
    factor = _enlargement(image)
    if factor >= 2 and min(image.size) // factor >= _MIN_SIDE_ENLARGED:
        return factor
    if max(image.size) > _MAX_SIDE or len(colours) > _MAX_COLOURS:
        return 0
    total = image.width * image.height
    soft = sum(count for count, colour in colours if 0 < colour[3] < 255)
    if soft > _MAX_SOFT_SHARE * total:
        return 0
    counts = [count for count, colour in colours if colour[3] > 0]
    rare = sum(count <= max(2, sum(counts) // 1000) for count in counts)
    return 1 if rare <= _MAX_RARE_SHARE * len(counts) else 0


def reduce_to_native(image: Image.Image, factor: int) -> Image.Image:
    """Return enlarged pixel art at its drawn size; blocks that the border cuts off count as whole ones."""
    if factor == 1:
        return image
    columns, rows = _changes(image)
    drawn = np.ix_(_samples(rows, factor, image.height), _samples(columns, factor, image.width))
    return Image.fromarray(np.asarray(image)[drawn])


def _enlargement(image: Image.Image) -> int:
    columns, rows = _changes(image)
    if min(columns.size, rows.size) < _MIN_CHANGES_ENLARGED:
        return 1
    return math.gcd(int(np.gcd.reduce(np.diff(columns))), int(np.gcd.reduce(np.diff(rows))))


def _changes(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns and the rows that differ anywhere from the one before them."""
    pixels = np.array(image)
    pixels[pixels[:, :, 3] == 0] = 0  # colours hidden under full transparency are all the same
    packed = pixels.view(np.uint32)[:, :, 0]
    columns = np.flatnonzero((packed[:, 1:] != packed[:, :-1]).any(axis=0)) + 1
    rows = np.flatnonzero((packed[1:] != packed[:-1]).any(axis=1)) + 1
    return columns, rows


def _samples(changes: np.ndarray, factor: int, length: int) -> np.ndarray:
    phase = int(changes[0]) % factor
    whole = np.arange(phase, length, factor)
    return whole if phase == 0 else np.concatenate([[0], whole])
