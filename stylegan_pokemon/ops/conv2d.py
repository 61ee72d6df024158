"""Convolution and transposed convolution, closed under differentiation.

R1 and path-length regularisation differentiate through gradients. A convolution is linear in the image and
in the weight, so each of its gradients is a convolution again, for every order. Gradients built from these
three functions avoid PyTorch's generic double backward, which is slow and changes memory formats.

Most convolutions are 3×3 with stride 1. A device's kernels serve these if they are faster than PyTorch.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.grad import conv2d_weight

from stylegan_pokemon.ops.backend import kernels_for
from stylegan_pokemon.ops.cpu.winograd import Winograd


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


@contextmanager
def without_weight_gradients() -> Iterator[None]:
    """A context in which convolutions compute no gradients of their weights.

    For torch.autograd.grad with respect to images or latents alone: PyTorch does not tell a custom function
    which gradients are wanted, so those of all weights would be computed and thrown away. A gradient taken
    with create_graph=True can be differentiated in the weights outside. The context holds for the calling
    thread; on a card, where PyTorch computes gradients in a thread of its own, for the whole process.
    """
    thread = threading.get_ident()
    _sparing[thread] = _sparing.get(thread, 0) + 1
    try:
        yield
    finally:
        _sparing[thread] -= 1
        if not _sparing[thread]:
            del _sparing[thread]


_sparing: dict[int, int] = {}  # by thread, how many contexts it is in


def _weight_wanted(needed: bool, grad: torch.Tensor) -> bool:
    spared = threading.get_ident() in _sparing or (grad.is_cuda and bool(_sparing))
    return needed and not spared


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, stride: int, padding: int) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.arguments = (stride, padding)
        fast = _fast(x, weight.shape[2], stride, padding)
        if fast is not None and fast.serves(x, weight):
            return fast.conv3x3(x, weight)
        return F.conv2d(x, weight, stride=stride, padding=padding)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.arguments
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = conv_transpose2d(grad, weight, stride, padding, size=tuple(x.shape[2:]))
        if _weight_wanted(ctx.needs_input_grad[1], grad):
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
        fast = _fast(x, k, stride, padding)
        if fast is not None and fast.serves(x, weight, transposed=True):
            return fast.conv3x3(x, weight, transposed=True)
        if stride == 1 and padding < k:
            # The same sums as an ordinary convolution, which libraries compute faster.
            return F.conv2d(x, weight.transpose(0, 1).flip(2, 3), padding=k - 1 - padding)
        bf16_on_cpu = x.device.type == "cpu" and x.dtype == torch.bfloat16
        if bf16_on_cpu and (k, stride, padding) == (3, 2, 0) and max(extra) <= 1:
            return _transposed_by_phases(x, weight, extra)
        return F.conv_transpose2d(x, weight, stride=stride, padding=padding, output_padding=extra)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.arguments
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = conv2d(grad, weight, stride, padding)
        if _weight_wanted(ctx.needs_input_grad[1], grad):
            grad_weight = conv2d_weight_grad(grad, x, weight.shape[2], stride, padding)
        return grad_x, grad_weight, None, None, None


class _ConvWeightGrad(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, grad: torch.Tensor, kernel_size: int, stride: int, padding: int
    ) -> torch.Tensor:
        ctx.save_for_backward(x, grad)
        ctx.arguments = (stride, padding)
        fast = _fast(x, kernel_size, stride, padding)
        if fast is not None and fast.serves_weight_grad(x, grad):
            return fast.conv3x3_weight_grad(x, grad)
        shape = (grad.shape[1], x.shape[1], kernel_size, kernel_size)
        return conv2d_weight(x, shape, grad, stride=stride, padding=padding)

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


def _transposed_by_phases(x: torch.Tensor, weight: torch.Tensor, extra: tuple[int, int]) -> torch.Tensor:
    """The transposed 3×3 convolution of stride 2 as one ordinary 2×2 convolution; takes and returns bfloat16.

    Pixels of even and odd rows and columns are four pictures, each of which reads at most 2×2 pixels of x:
    out[2i] = w₀·x[i] + w₂·x[i − 1] and out[2i + 1] = w₁·x[i] along both axes. Its 16 products for 9 are cheap
    where matrix units compute them: it takes 0.6 to 0.75 of the time of oneDNN's transposed convolution.
    """
    n, _, h, w = x.shape
    inner, outer = weight.shape[:2]
    phases = weight.new_zeros(2, 2, outer, inner, 2, 2)
    for (row, y, ky), (column, z, kx) in itertools.product(_PHASE_TAPS, repeat=2):
        phases[row, column, :, :, y, z] = weight[:, :, ky, kx].T
    found = F.conv2d(x, phases.reshape(4 * outer, inner, 2, 2), padding=1)  # [N, 4·O, H + 1, W + 1]
    size = (n, outer, 2 * h + 1 + extra[0], 2 * w + 1 + extra[1])
    out = torch.empty(size, dtype=x.dtype, memory_format=torch.channels_last)
    for (row, column), phase in zip(
        itertools.product((0, 1), repeat=2), found.split(outer, dim=1), strict=True
    ):
        target = out[:, :, row::2, column::2]
        target.copy_(phase[:, :, : target.shape[2], : target.shape[3]])
    return out


_PHASE_TAPS = ((0, 0, 2), (0, 1, 0), (1, 1, 1))
"""Along an axis: the phase, which of (x[i − 1], x[i]) it reads, with which tap of the filter."""


def _fast(x: torch.Tensor, kernel_size: int, stride: int, padding: int) -> Winograd | None:
    """The kernels that may convolve these images instead of PyTorch."""
    if (kernel_size, stride, padding) != (3, 1, 1):
        return None
    kernels = kernels_for(x)
    return None if kernels is None else kernels.convolutions
