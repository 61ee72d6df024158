"""Convolution and transposed convolution, closed under differentiation.

R1 and path-length regularisation differentiate through gradients. A convolution is linear in the image and
in the weight, so each of its gradients is a convolution again, and so on for every order. Building them from
these three functions keeps PyTorch's generic double backward, which is slow and changes memory formats, out
of training.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F


def conv2d(x: torch.Tensor, weight: torch.Tensor, stride: int = 1, padding: int = 0) -> torch.Tensor:
    """Cross-correlate [N, I, H, W] images with [O, I, k, k] weights; returns [N, O, H', W'].

    H' = (H + 2·padding − k) // stride + 1. Every order of derivative is available in both arguments.
    """
    return _Conv.apply(x, weight, stride, padding)


def conv_transpose2d(
    x: torch.Tensor,
    weight: torch.Tensor,
    stride: int = 1,
    padding: int = 0,
    size: tuple[int, int] | None = None,
) -> torch.Tensor:
    """The adjoint of `conv2d` in its image argument: [N, O, H', W'] and [O, I, k, k] give [N, I, H, W].

    Without `size` H = (H' − 1)·stride + k − 2·padding; `size` asks for another (H, W) that `conv2d` maps to
    the same H', up to stride − 1 larger.
    """
    k = weight.shape[2]
    least = tuple((n - 1) * stride + k - 2 * padding for n in x.shape[2:])
    extra = (0, 0) if size is None else (size[0] - least[0], size[1] - least[1])
    return _ConvTranspose.apply(x, weight, stride, padding, extra)


def conv2d_weight_grad(
    x: torch.Tensor, grad: torch.Tensor, kernel_size: int, stride: int, padding: int
) -> torch.Tensor:
    """Gradient of `conv2d` in its weight: images [N, I, H, W] and [N, O, H', W'] give [O, I, k, k]."""
    return _ConvWeightGrad.apply(x, grad, kernel_size, stride, padding)


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, stride: int, padding: int) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.arguments = (stride, padding)
        return F.conv2d(x, weight, stride=stride, padding=padding)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.arguments
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = conv_transpose2d(grad, weight, stride, padding, size=tuple(x.shape[2:]))
        if ctx.needs_input_grad[1]:
            grad_weight = conv2d_weight_grad(x, grad, weight.shape[2], stride, padding)
        return grad_x, grad_weight, None, None


class _ConvTranspose(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, stride: int, padding: int, extra: tuple[int, int]
    ) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.arguments = (stride, padding)
        k = weight.shape[2]
        if stride == 1 and padding < k:
            # The same sums as an ordinary convolution, which libraries compute faster.
            return F.conv2d(x, weight.transpose(0, 1).flip(2, 3), padding=k - 1 - padding)
        return F.conv_transpose2d(x, weight, stride=stride, padding=padding, output_padding=extra)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.arguments
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = conv2d(grad, weight, stride, padding)
        if ctx.needs_input_grad[1]:
            grad_weight = conv2d_weight_grad(grad, x, weight.shape[2], stride, padding)
        return grad_x, grad_weight, None, None, None


class _ConvWeightGrad(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, grad: torch.Tensor, kernel_size: int, stride: int, padding: int
    ) -> torch.Tensor:
        ctx.save_for_backward(x, grad)
        ctx.arguments = (stride, padding)
        shape = (grad.shape[1], x.shape[1], kernel_size, kernel_size)
        return torch.nn.grad.conv2d_weight(x, shape, grad, stride=stride, padding=padding)

    @staticmethod
    def backward(ctx: Any, grad_weight: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, grad = ctx.saved_tensors
        stride, padding = ctx.arguments
        grad_x = grad_grad = None
        if ctx.needs_input_grad[0]:
            grad_x = conv_transpose2d(grad, grad_weight, stride, padding, size=tuple(x.shape[2:]))
        if ctx.needs_input_grad[1]:
            grad_grad = conv2d(x, grad_weight, stride, padding)
        return grad_x, grad_grad, None, None, None
