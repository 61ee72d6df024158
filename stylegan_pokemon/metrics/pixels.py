"""Nearest neighbours in pixels, over small shifts and mirror images.

A copy that training with --mirror or with augmentation turned or moved is still a copy. Pictures are compared
averaged down to 32×32, which also makes the comparison indifferent to slight noise. Comparing everything with
everything in every position would take most of the time of a measurement, so candidates are found at 16×16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

SIDE = 32  # pixels of what is compared
SHIFT = 2  # of these pixels in every direction: a sixteenth of the side
_COARSE_SIDE, _COARSE_SHIFT = 16, 1
_CANDIDATES = 6  # of each picture, compared in all 50 positions
_ROWS = 256  # pictures compared at once


@dataclass(frozen=True)
class Nearest:
    """For each picture its nearest one of a reference set."""

    distance: torch.Tensor  # [N] float32: see `nearest`
    index: torch.Tensor  # [N] int64, into the reference set


def reduced(pictures: np.ndarray) -> torch.Tensor:
    """Pictures uint8 [N, H, W, 3] averaged down to at most 32×32: float32 [N, 3, S, S] with values 0 … 1."""
    parts = []
    for start in range(0, len(pictures), _ROWS):
        x = torch.from_numpy(pictures[start : start + _ROWS]).permute(0, 3, 1, 2).float() / 255
        parts.append(F.adaptive_avg_pool2d(x, min(SIDE, x.shape[-1])))
    return torch.cat(parts)


def nearest(x: torch.Tensor, reference: torch.Tensor, own: torch.Tensor | None = None) -> Nearest:
    """The nearest reference picture [M, 3, S, S] of each of x [N, 3, S, S], both from `reduced`.

    The distance is the root of the mean square difference over pixels and colours (0 … 1) in the best of 50
    positions of the reference: moved by up to a sixteenth of the side each way, its border continued, and
    mirrored or not. own: [N] int64, which reference picture each one is itself and so not its own neighbour.
    """
    distances, indices = [], []
    for start in range(0, len(x), _ROWS):
        part = x[start : start + _ROWS]
        chosen = _candidates(part, reference, None if own is None else own[start : start + _ROWS])
        near = reference[chosen.flatten()]
        best = torch.full(chosen.shape, torch.inf)
        for moved in _positions(near, SHIFT):
            difference = moved.view(*chosen.shape, -1) - part.flatten(1)[:, None]
            best = torch.minimum(best, difference.square_().mean(dim=2))
        value, place = best.min(dim=1)
        distances.append(value.sqrt())
        indices.append(chosen.gather(1, place[:, None])[:, 0])
    return Nearest(torch.cat(distances), torch.cat(indices))


def _candidates(x: torch.Tensor, reference: torch.Tensor, own: torch.Tensor | None) -> torch.Tensor:
    """Indices [N, K] of the reference pictures that look nearest at 16×16."""
    small = [F.adaptive_avg_pool2d(z, min(_COARSE_SIDE, z.shape[-1])) for z in (x, reference)]
    best = torch.full((len(x), len(reference)), torch.inf)
    flat = small[0].flatten(1)
    for moved in _positions(small[1], _COARSE_SHIFT):
        y = moved.flatten(1)
        # |x|² is the same for all candidates of a picture.
        torch.minimum(best, torch.addmm(y.square().sum(dim=1), flat, y.T, alpha=-2), out=best)
    if own is not None:
        best[torch.arange(len(x)), own] = torch.inf
    count = min(_CANDIDATES, len(reference) - (own is not None))
    return best.topk(count, dim=1, largest=False).indices


def _positions(images: torch.Tensor, shift: int) -> Iterator[torch.Tensor]:
    """Images [N, 3, S, S] moved by up to `shift` pixels each way, mirrored and not."""
    side = images.shape[-1]
    for image in (images, images.flip(3)):
        padded = F.pad(image, (shift,) * 4, mode="replicate")
        for top in range(2 * shift + 1):
            for left in range(2 * shift + 1):
                yield padded[:, :, top : top + side, left : left + side].contiguous()
