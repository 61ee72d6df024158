"""Bilinear sampling of images at given points, closed under differentiation with respect to the images.

Sampling is linear in the image: its gradient scatters values back onto the pixels, and the gradient of
that scattering is the same sampling again. PyTorch's own operator stops after the first of these steps,
R1 through the augmentation needs the second.
"""

from __future__ import annotations

from typing import Any

import torch

from stylegan_pokemon.ops import reference
from stylegan_pokemon.ops.backend import kernels_for
from stylegan_pokemon.ops.reference import grid_sample_reference


def grid_sample(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Sample every image at its grid points, bilinearly, taking zero for the pixels outside.

    Args:
        x: images [N, C, H, W], float32 or float64.
        grid: points [N, H', W', 2] as (x, y), where −1 and 1 are the outer edges of the image's outermost
            pixels. It is a constant: no gradient flows into it.

    Returns:
        [N, C, H', W'], differentiable with respect to `x` any number of times. On a card without kernels,
        under `torch.use_deterministic_algorithms`, the slower `grid_sample_reference` is used: PyTorch's
        scattering adds in an order that changes from run to run.
    """
    if x.is_cuda and torch.are_deterministic_algorithms_enabled() and kernels_for(x) is None:
        return grid_sample_reference(x, grid)
    return _Sample.apply(x, grid.detach())


class _Sample(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(grid)
        ctx.shape = x.shape
        kernels = kernels_for(x)
        return (reference if kernels is None else kernels).grid_gather(x, grid)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        (grid,) = ctx.saved_tensors
        return _Scatter.apply(grad, grid, ctx.shape), None


class _Scatter(torch.autograd.Function):
    """The adjoint of `_Sample`: adds values at the grid points onto the pixels that these would read."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, grid: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        ctx.save_for_backward(grid)
        kernels = kernels_for(values)
        return (reference if kernels is None else kernels).grid_scatter(values, grid, (shape[2], shape[3]))

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (grid,) = ctx.saved_tensors
        return _Sample.apply(grad, grid), None, None
