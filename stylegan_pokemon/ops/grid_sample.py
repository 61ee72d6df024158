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


def grid_sample(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Sample every image at its grid points, bilinearly, taking zero for the pixels outside.

    Args:
        x: images [N, C, H, W], float32 or float64.
        grid: points [N, H', W', 2] as (x, y), where −1 and 1 are the outer edges of the image's outermost
            pixels. It is a constant: no gradient flows into it.

    Returns:
        [N, C, H', W'], differentiable with respect to `x` any number of times. Without kernels, under
        `torch.use_deterministic_algorithms`, a CUDA device takes the slower `grid_sample_reference`, since
        PyTorch's scattering adds in an order that changes from run to run.
    """
    if x.is_cuda and torch.are_deterministic_algorithms_enabled() and kernels_for(x) is None:
        return grid_sample_reference(x, grid)
    return _Sample.apply(x, grid.detach())


def grid_sample_reference(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Return what `grid_sample` returns, written as four indexed reads weighted by the areas they cover."""
    height, width = x.shape[2:]
    size = grid.new_tensor((width, height))
    position = ((grid.detach() + 1) * size - 1) / 2
    corner = position.floor()
    fraction = position - corner
    column, row = corner.long().unbind(-1)  # [N, H', W'] each
    right, below = fraction.to(x.dtype).unbind(-1)
    image = torch.arange(x.shape[0], device=x.device)[:, None, None]
    pixels = x.permute(0, 2, 3, 1)
    result = x.new_zeros(())
    for dy, weight_y in ((0, 1 - below), (1, below)):
        for dx, weight_x in ((0, 1 - right), (1, right)):
            i, j = row + dy, column + dx
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            weight = weight_y * weight_x * inside
            values = pixels[image, i.clamp(0, height - 1), j.clamp(0, width - 1)]  # [N, H', W', C]
            result = result + values * weight[..., None]
    return result.permute(0, 3, 1, 2)


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
        return (reference if kernels is None else kernels).grid_scatter(values, grid, tuple(shape[2:]))

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (grid,) = ctx.saved_tensors
        return _Sample.apply(grad, grid), None, None
