"""Which implementation serves a tensor: compiled kernels for its device, or plain PyTorch.

A backend is an object with the methods of `Kernels`. They compute and know nothing of gradients; the public
operations build derivatives of every order from them. Every method has a plain-PyTorch reference of the same
name and arguments in `reference`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch

Padding = tuple[int, int, int, int]

SWITCH = "STYLEGAN_POKEMON_KERNELS"
"""Environment variable; "plain" leaves all kernels out."""


class Convolutions(Protocol):
    """Convolutions of 3×3 with stride 1 and padding 1 that are faster than PyTorch's."""

    def serves(self, x: torch.Tensor, weight: torch.Tensor, transposed: bool = False) -> bool:
        """Whether images like `x` (device, type, layout, size) can be convolved with a weight like this."""

    def serves_weight_grad(self, x: torch.Tensor, grad: torch.Tensor) -> bool:
        """Whether the weight's gradient can be computed from images and gradients like these."""

    def conv3x3(self, x: torch.Tensor, weight: torch.Tensor, transposed: bool = False) -> torch.Tensor:
        """Cross-correlate [N, I, H, W] with [O, I, 3, 3]; `transposed`: the adjoint, from O to I channels."""

    def conv3x3_weight_grad(self, x: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
        """The gradient [O, I, 3, 3] from images [N, I, H, W] and [N, O, H, W]."""


class Kernels(Protocol):
    """Images are [N, C, H, W], contiguous or channels_last, of a type that `supports` accepts.

    Results have the layout and the type of the first argument unless said otherwise. Arithmetic is in float32
    (float64 for float64); 16-bit types are for storage only. Only results are written, unless `inplace`.
    """

    name: str
    convolutions: Convolutions | None
    """None where PyTorch's are as fast."""

    def supports(self, x: torch.Tensor) -> bool:
        """Whether images like `x` (device, type, layout) can be served."""

    def epilogue(
        self,
        x: torch.Tensor,
        scale: torch.Tensor | None,
        noise: torch.Tensor | None,
        strength: torch.Tensor | None,
        bias: torch.Tensor | None,
        act: str,
        gain: float,
        clamp: float | None,
        inplace: bool = False,
    ) -> torch.Tensor:
        """clamp(act(x·scale + noise·strength + bias) · gain, ±clamp), in one pass.

        scale [N, C], noise [N, 1, H, W] or [1, 1, H, W], strength [], bias [C]. `gain` is the whole factor.
        With `inplace` the result is `x` itself where that is dense, else a new tensor.
        """

    def epilogue_grad(
        self, grad: torch.Tensor, y: torch.Tensor, act: str, gain: float, clamp: float | None
    ) -> torch.Tensor:
        """grad · gain · act' where |y| < clamp, else 0; `y` is the result of `epilogue`, which tells act'."""

    def epilogue_backward(
        self,
        grad: torch.Tensor,
        y: torch.Tensor,
        scale: torch.Tensor | None,
        noise: torch.Tensor | None,
        act: str,
        gain: float,
        clamp: float | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Everything the first derivative needs, in one pass.

        Returns g·scale, where g is `epilogue_grad`, and [3, N, C] sums over the pixels, in the type of the
        arithmetic: of g, of g·noise (0 without noise), and of grad·y where |y| < clamp.
        """

    def scale_channels(self, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """x · scale, with scale [N, C]."""

    def channel_dot(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Sums over the pixels of a·b: [N, C] in the type of the arithmetic."""

    def scale_backward(
        self, grad: torch.Tensor, x: torch.Tensor, scale: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`scale_channels(grad, scale)` and `channel_dot(grad, x)` in one pass."""

    def upfirdn2d(
        self,
        x: torch.Tensor,
        taps: tuple[float, ...],
        up: int,
        down: int,
        padding: Padding,
        flip: bool,
        gain: float,
    ) -> torch.Tensor:
        """As ops.upfirdn2d.upfirdn2d with the separable filter `taps` along both axes."""

    def grid_gather(self, x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        """Bilinear samples [N, C, H', W'] of images at grid [N, H', W', 2], as ops.grid_sample."""

    def grid_scatter(self, values: torch.Tensor, grid: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """The adjoint of `grid_gather`: [N, C, H', W'] values onto images of `size` (H, W)."""

    def colour_transform(self, x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        """matrix[:, :, :3] · x + matrix[:, :, 3] per pixel: x [N, 3, H, W], matrix [N, 3, 4] float32."""


def switched_off() -> bool:
    """Whether the user wants plain PyTorch everywhere."""
    return os.environ.get(SWITCH) == "plain"


_providers: list[Callable[[torch.device], Kernels | None]] = []
_forced: list[Kernels | None] = []  # innermost last; None forces plain PyTorch


def register(provider: Callable[[torch.device], Kernels | None]) -> None:
    """Add a function that gives the kernels of a device, or None; the first that gives some serves it."""
    _providers.append(provider)


def kernels_for(x: torch.Tensor) -> Kernels | None:
    """The kernels that serve images like `x`, None for plain PyTorch."""
    if _forced:
        chosen = _forced[-1]
        return chosen if chosen is not None and chosen.supports(x) else None
    for provider in _providers:
        kernels = provider(x.device)
        if kernels is not None and kernels.supports(x):
            return kernels
    return None


@contextmanager
def using(kernels: Kernels | None) -> Iterator[None]:
    """Within the context these kernels serve all images that they support; None is plain PyTorch."""
    _forced.append(kernels)
    try:
        yield
    finally:
        _forced.pop()
