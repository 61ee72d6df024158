"""Factors of channels, x·s, and their adjoint, Σ a·b over the pixels; closed under differentiation."""

from __future__ import annotations

from typing import Any

import torch

from stylegan_pokemon.ops import reference
from stylegan_pokemon.ops.backend import kernels_for, serving


def scale_channels(x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """x · scale for images [N, C, H, W] and factors [N, C]; every order of derivative is available."""
    kernels = kernels_for(x)
    return reference.scale_channels(x, scale) if kernels is None else _Scale.apply(x, scale)


def channel_dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Sum a·b over the pixels: two [N, C, H, W] give [N, C], float32 for 16-bit types.

    Every order of derivative is available.
    """
    kernels = kernels_for(b)
    return reference.channel_dot(a, b) if kernels is None else _Dot.apply(a, b)


class _Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, scale)
        return serving(x).scale_channels(x, scale)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, scale = ctx.saved_tensors
        x_needed, scale_needed = ctx.needs_input_grad
        if x_needed and scale_needed and not torch.is_grad_enabled():
            x_grad, scale_grad = serving(x).scale_backward(grad, x, scale)
            return x_grad, scale_grad.to(scale.dtype)
        scaled = scale_channels(grad, scale) if x_needed else None
        return scaled, channel_dot(grad, x).to(scale.dtype) if scale_needed else None


class _Dot(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(a, b)
        return serving(b).channel_dot(a, b)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        a, b = ctx.saved_tensors
        a_grad = scale_channels(b, grad).to(a.dtype) if ctx.needs_input_grad[0] else None
        return a_grad, scale_channels(a, grad).to(b.dtype) if ctx.needs_input_grad[1] else None
