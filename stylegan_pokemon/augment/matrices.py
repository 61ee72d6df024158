"""Homogeneous matrices of the geometric and colour transforms, one per image, in float64.

Coordinates of the plane are pixels with the origin at the image's centre, x to the right and y downwards.
Source: Karras et al. 2020 (ADA), appendix B.
"""

from __future__ import annotations

import math

import torch

_GREY_AXIS = torch.ones(3, dtype=torch.float64) / math.sqrt(3)
_ONTO_GREY = torch.outer(_GREY_AXIS, _GREY_AXIS)  # luma: the part of a colour along (1, 1, 1)
_CROSS_GREY = torch.tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], dtype=torch.float64) / math.sqrt(3)


def translate2d(tx: torch.Tensor, ty: torch.Tensor) -> torch.Tensor:
    """Return [n, 3, 3] matrices that move a point by (tx, ty), each [n]."""
    matrix = torch.eye(3, dtype=torch.float64).repeat(len(tx), 1, 1)
    matrix[:, 0, 2], matrix[:, 1, 2] = tx, ty
    return matrix


def scale2d(sx: torch.Tensor, sy: torch.Tensor) -> torch.Tensor:
    """Return [n, 3, 3] matrices that multiply x by sx and y by sy, each [n]."""
    return torch.diag_embed(torch.stack([sx, sy, torch.ones_like(sx)], dim=1))


def rotate2d(theta: torch.Tensor) -> torch.Tensor:
    """Return [n, 3, 3] matrices that turn the picture counter-clockwise, as seen, by theta [n] radians."""
    return _turn(torch.cos(theta), torch.sin(theta))


def quarter_turn2d(turns: torch.Tensor) -> torch.Tensor:
    """Return `rotate2d` of turns · π/2 with entries of exactly 0 and ±1; turns [n] holds whole numbers."""
    index = turns.long() % 4
    sine = torch.tensor([0, 1, 0, -1], dtype=torch.float64)
    return _turn(sine[(index + 1) % 4], sine[index])


def _turn(cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    matrix = torch.eye(3, dtype=torch.float64).repeat(len(cosine), 1, 1)
    matrix[:, 0, 0], matrix[:, 0, 1] = cosine, sine  # y points down: this sign is counter-clockwise
    matrix[:, 1, 0], matrix[:, 1, 1] = -sine, cosine
    return matrix


def brightness3d(offset: torch.Tensor) -> torch.Tensor:
    """Return [n, 4, 4] matrices that add offset [n] to red, green and blue."""
    matrix = torch.eye(4, dtype=torch.float64).repeat(len(offset), 1, 1)
    matrix[:, :3, 3] = offset[:, None]
    return matrix


def contrast3d(factor: torch.Tensor) -> torch.Tensor:
    """Return [n, 4, 4] matrices that multiply red, green and blue by factor [n]."""
    return _linear3d(factor[:, None, None] * torch.eye(3, dtype=torch.float64))


def lumaflip3d(flip: torch.Tensor) -> torch.Tensor:
    """Return [n, 4, 4] matrices that mirror luma and keep chroma where flip [n] is 1: I − 2 v vᵀ."""
    return _linear3d(torch.eye(3, dtype=torch.float64) - 2 * flip[:, None, None] * _ONTO_GREY)


def hue3d(theta: torch.Tensor) -> torch.Tensor:
    """Return [n, 4, 4] matrices that turn colours by theta [n] radians about the grey axis (Rodrigues)."""
    cosine, sine = torch.cos(theta)[:, None, None], torch.sin(theta)[:, None, None]
    return _linear3d(
        cosine * torch.eye(3, dtype=torch.float64) + sine * _CROSS_GREY + (1 - cosine) * _ONTO_GREY
    )


def saturation3d(factor: torch.Tensor) -> torch.Tensor:
    """Return [n, 4, 4] matrices that keep luma and multiply chroma by factor [n]: v vᵀ + s (I − v vᵀ)."""
    chroma = torch.eye(3, dtype=torch.float64) - _ONTO_GREY
    return _linear3d(_ONTO_GREY + factor[:, None, None] * chroma)


def _linear3d(linear: torch.Tensor) -> torch.Tensor:
    matrix = torch.zeros(len(linear), 4, 4, dtype=torch.float64)
    matrix[:, :3, :3] = linear
    matrix[:, 3, 3] = 1
    return matrix
