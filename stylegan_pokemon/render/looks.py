"""What a picture looks like, in a few numbers: the measures that named directions raise or lower."""

from __future__ import annotations

import numpy as np

from stylegan_pokemon.render.foreground import FOREGROUND, distance_from_ground
from stylegan_pokemon.render.images import on_white
from stylegan_pokemon.sprites.quantize import oklab

LOOKS = {
    "bigger": "smaller",
    "taller": "wider",
    "rounder": "lankier",
    "brighter": "darker",
    "redder": "greener",
    "yellower": "bluer",
    "colourful": "grey",
}
"""What is more of each measure, and what is less."""


def looks(pictures: np.ndarray) -> np.ndarray:
    """Measure pictures uint8 [N, H, W, C]: float64 [N, 7], one column for each of LOOKS.

    Of the foreground as in `foreground`: its share of the picture; the logarithm of its height by its width
    (standard deviations of its pixels); its roundness A² / 2πJ, where A is the area and J the second moment
    about its centre, 1 for a disc and less for anything else; and in OKLab, means of lightness, green to red,
    blue to yellow, and chroma. Pictures without a foreground get the mean of the others.
    """
    colours = on_white(pictures)
    inside = distance_from_ground(pictures, colours, None) > FOREGROUND
    area = inside.sum(axis=(1, 2)).astype(np.float64)
    y, x = (_central(inside, area, axis) for axis in (1, 2))
    lab = np.zeros((*inside.shape, 3))
    lab[inside] = oklab(colours[inside])
    some = np.maximum(area, 1)
    lightness, a, b = (lab[..., i].sum(axis=(1, 2)) / some for i in range(3))
    chroma = np.hypot(lab[..., 1], lab[..., 2]).sum(axis=(1, 2)) / some
    found = np.stack(
        [
            area / inside[0].size,
            np.log(y / x) / 2,
            area / (2 * np.pi * (y + x)),
            *(lightness, a, b, chroma),
        ],
        axis=1,
    )
    empty = area == 0
    found[empty] = found[~empty].mean(axis=0) if not empty.all() else 0
    return found


def _central(inside: np.ndarray, area: np.ndarray, axis: int) -> np.ndarray:
    """Variance of the foreground's pixels along an axis: [N]. A pixel is a square, not a point."""
    count = inside.sum(axis=3 - axis)  # pixels at each place
    places = np.arange(count.shape[1])
    some = np.maximum(area, 1)
    mean = (count * places).sum(axis=1) / some
    return (count * (places - mean[:, None]) ** 2).sum(axis=1) / some + 1 / 12
