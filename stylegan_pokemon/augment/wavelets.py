"""Wavelet filters of the ADA pipeline as matrices that act on one axis of an image.

At the sizes of sprites a matrix product is several times as fast as the same filter run as a convolution, it
includes the padding, and its derivatives of every order are matrix products too. The matrices are built in
float64 and kept for the (resolution, device, type) last used.
Source: Karras et al. 2020 (ADA), appendix B; Daubechies 1992, table 6.3.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch

# fmt: off
SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633,
    0.4910559419267466, 0.787641141030194, 0.3379294217276218, -0.07263752278646252,
    -0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148,
)
# fmt: on

SYM6_DELAY = 5
"""Samples from the first tap of sym6 to its centre of mass (5.1, rounded)."""

SAMPLES_BEFORE, SAMPLES_AFTER = SYM6_DELAY, len(SYM6) - 1 - SYM6_DELAY
"""Samples at double resolution that `decimation` reads before the first and after the last pixel."""


@functools.lru_cache(maxsize=8)
def interpolation(
    resolution: int,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    reflect: bool = True,
) -> torch.Tensor:
    """Return the matrix [2 · (3 · resolution − 2) + 2, resolution] that pads and doubles an axis.

    The axis is first continued, resolution − 1 pixels on either side, by reflection or else by zeros. Then
    zeros are inserted and sym6 removes the images of the spectrum. Row 1 + 2 · (i + resolution − 1) lies on
    pixel i; the first and the last row are zero and stand for everything beyond.
    """
    margin = resolution - 1
    padded = np.arange(-margin, resolution + margin)
    matrix = np.zeros((2 * len(padded) + 2, resolution))
    taps = 2 * np.array(SYM6) / sum(SYM6)  # 2 makes up for the zeros
    for k, tap in enumerate(taps):
        rows = 1 + 2 * np.arange(len(padded)) + k - SYM6_DELAY
        inside = (rows > 0) & (rows < len(matrix) - 1)
        if not reflect:
            inside &= (padded >= 0) & (padded < resolution)
        np.add.at(matrix, (rows[inside], _reflected(padded, resolution)[inside]), tap)
    return _constant(matrix, device, dtype)


@functools.lru_cache(maxsize=8)
def decimation(
    resolution: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Return the matrix [resolution, samples] that filters by the flipped sym6 and halves an axis.

    Column j stands for the sample (j − `SAMPLES_BEFORE`) / 2 pixels right of the first pixel.
    """
    matrix = np.zeros((resolution, 2 * (resolution - 1) + len(SYM6)))
    pixels = np.arange(resolution)
    for k, tap in enumerate(np.array(SYM6) / sum(SYM6)):
        matrix[pixels, 2 * pixels + k] = tap
    return _constant(matrix, device, dtype)


@functools.lru_cache(maxsize=8)
def octave_bands(
    resolution: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Return the matrices [4, resolution, resolution] of `octave_filters` on an axis.

    They sum to the identity. Beyond its ends the axis is continued by reflection.
    """
    return _constant(np.stack([_toeplitz(taps, resolution) for taps in octave_filters()]), device, dtype)


def octave_filters() -> np.ndarray:
    """Return the taps [4, 43] that cut a signal into four octaves, lowest first.

    sym2 and its mirror image make a low-pass filter without phase; what it leaves of the unit impulse is the
    matching high-pass filter. Stretching both by 1, 2 and 4 splits [0, π] at π/2, π/4 and π/8. The four sum
    to the unit impulse.
    """
    low = np.convolve(SYM2, SYM2[::-1]) / 2
    high = -low
    high[len(low) // 2] += 1
    bands = []
    shared = np.ones(1)  # the filter whose output the lower octaves still share
    for stretch in (1, 2, 4):
        bands.append(np.convolve(shared, _stretched(high, stretch)))
        shared = np.convolve(shared, _stretched(low, stretch))
    bands.append(shared)
    margins = [(len(shared) - len(taps)) // 2 for taps in bands]
    padded = [np.pad(taps, margin) for taps, margin in zip(bands, margins, strict=True)]
    return np.stack(padded[::-1])


def _constant(matrix: np.ndarray, device: torch.device | str, dtype: torch.dtype) -> torch.Tensor:
    # The first caller may be in inference mode; a tensor made there could never take part in training.
    with torch.inference_mode(False):
        return torch.tensor(matrix, dtype=dtype, device=device)


def _reflected(index: np.ndarray, size: int) -> np.ndarray:
    """Fold any index into 0 … size − 1 by reflection about the first and the last pixel."""
    index = index % (2 * (size - 1))
    return np.minimum(index, 2 * (size - 1) - index)


def _stretched(taps: np.ndarray, factor: int) -> np.ndarray:
    stretched = np.zeros((len(taps) - 1) * factor + 1)
    stretched[::factor] = taps
    return stretched


def _toeplitz(taps: Sequence[float], resolution: int) -> np.ndarray:
    """The matrix of a symmetric filter of odd length on an axis continued by reflection."""
    matrix = np.zeros((resolution, resolution))
    pixels = np.arange(resolution)
    for k, tap in enumerate(taps):
        np.add.at(matrix, (pixels, _reflected(pixels + k - len(taps) // 2, resolution)), tap)
    return matrix
