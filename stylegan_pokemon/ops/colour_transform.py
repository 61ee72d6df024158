"""One affine map of the colours per image, the colour part of ADA; closed under differentiation."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from stylegan_pokemon.ops import reference
from stylegan_pokemon.ops.backend import kernels_for


def colour_transform(x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """matrix[:, :, :3] · x + matrix[:, :, 3] for every pixel.

    Args:
        x: images [N, 3, H, W].
        matrix: [N, 3, 4], a constant: no gradient flows into it.

    Returns [N, 3, H, W], differentiable in `x` any number of times.
    """
    if kernels_for(x) is None:
        return reference.colour_transform(x, matrix)
    return _ColourTransform.apply(x, matrix)


class _ColourTransform(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(matrix)
        kernels = kernels_for(x)
        return (reference if kernels is None else kernels).colour_transform(x, matrix)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        (matrix,) = ctx.saved_tensors
        return _ColourTransform.apply(grad, F.pad(matrix[:, :, :3].mT, (0, 1))), None
