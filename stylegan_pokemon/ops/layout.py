"""The two memory formats that kernels read: contiguous, and channels_last."""

from __future__ import annotations

from typing import TypeVar

import torch

_Values = TypeVar("_Values", torch.Tensor, torch.Tensor | None)


def is_channels_last(x: torch.Tensor) -> bool:
    """Whether the channels of a pixel lie side by side, for a tensor that is dense in one of both formats."""
    return not x.is_contiguous()


def dense(x: torch.Tensor) -> torch.Tensor:
    """`x` itself if it is contiguous or channels_last, else a channels_last copy."""
    if x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last):
        return x
    return x.contiguous(memory_format=torch.channels_last)


def alike(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both dense, in the layout and the type of `b`."""
    b = dense(b)
    return a.to(b.dtype).contiguous(memory_format=format_of(b)), b


def empty_like(x: torch.Tensor, size: torch.Size | tuple[int, ...]) -> torch.Tensor:
    """Images [N, C, *size] in the layout, type and place of dense `x`."""
    return torch.empty((*x.shape[:2], *size), dtype=x.dtype, device=x.device, memory_format=format_of(x))


def format_of(x: torch.Tensor) -> torch.memory_format:
    """The memory format of a dense tensor."""
    return torch.channels_last if is_channels_last(x) else torch.contiguous_format


def exact(x: torch.Tensor) -> torch.dtype:
    """The type that arithmetic with images like `x` is done in."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def shape_of(x: torch.Tensor) -> tuple[int, int, int, bool]:
    """N, C, pixels, and whether a pixel's channels lie side by side, of a dense tensor."""
    return x.shape[0], x.shape[1], x.shape[2] * x.shape[3], is_channels_last(x)


def count_of(noise: torch.Tensor | None) -> int:
    """How many images of noise there are."""
    return 0 if noise is None else noise.shape[0]


def channels_of(x: torch.Tensor) -> tuple[int, int]:
    """Images and channels as separable filters see them: contiguous images are N·C images of one channel."""
    n, c = x.shape[:2]
    return (n, c) if is_channels_last(x) else (n * c, 1)


def factor(values: _Values, x: torch.Tensor) -> _Values:
    """Factors, biases or noise as kernels read them beside images like `x`: exact and contiguous."""
    if values is None or (values.dtype == exact(x) and values.is_contiguous()):
        return values
    return values.to(exact(x)).contiguous()
