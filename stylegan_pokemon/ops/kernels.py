"""What kernels compute: the interface of a backend, and what all of them do around the kernels themselves.

Kernels compute and know nothing of gradients; the public operations build derivatives of every order from
them. Every public method has a plain-PyTorch reference of the same name and arguments in `reference`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch

from stylegan_pokemon.ops.layout import alike, dense, empty_like, factor

if TYPE_CHECKING:
    from stylegan_pokemon.ops.cpu.winograd import Winograd

Padding = tuple[int, int, int, int]
Factors = tuple[torch.Tensor | None, ...]
Activation = tuple[str, float, float | None]
"""act, gain, clamp."""


class Kernels(ABC):
    """Images are [N, C, H, W], contiguous or channels_last, of a type that `supports` accepts.

    Results have the layout and the type of the first argument unless said otherwise. Arithmetic is in float32
    (float64 for float64); 16-bit types are for storage only. Only results are written, unless `inplace`.

    The public methods bring arguments into a layout that kernels read and allocate the results. A subclass
    implements `supports` and the methods with an underscore: these get dense images of equal type and layout,
    factors in the type of the arithmetic, and write to `out`.
    """

    name: str
    convolutions: Winograd | None = None
    """Convolutions of 3×3 with stride 1 and padding 1; None where PyTorch's are as fast."""

    @abstractmethod
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
        With `inplace` the result is `x` itself if that is dense, else a new tensor.
        """
        x = dense(x)
        out = x if inplace else torch.empty_like(x)
        factors = tuple(factor(values, x) for values in (scale, noise, strength, bias))
        self._epilogue(x, factors, out, (act, gain, clamp))
        return out

    def epilogue_grad(
        self, grad: torch.Tensor, y: torch.Tensor, act: str, gain: float, clamp: float | None
    ) -> torch.Tensor:
        """grad · gain · act' where |y| < clamp, else 0; `y` is the result of `epilogue`, which tells act'."""
        grad, y = alike(grad, y)
        out = torch.empty_like(grad)
        self._epilogue_grad(grad, y, out, (act, gain, clamp))
        return out

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
        """Everything that the first derivative needs, in one pass.

        Returns g·scale, where g is `epilogue_grad`, and [3, N, C] sums over the pixels, in the type of the
        arithmetic: of g, of g·noise (0 without noise), and of grad·y where |y| < clamp.
        """
        grad, y = alike(grad, y)
        out = torch.empty_like(grad)
        factors = (factor(scale, grad), factor(noise, grad))
        return out, self._epilogue_backward(grad, y, factors, out, (act, gain, clamp))

    def scale_channels(self, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """x · scale, with scale [N, C]."""
        x = dense(x)
        out = torch.empty_like(x)
        self._scale_channels(x, factor(scale, x), out)
        return out

    def channel_dot(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Sums over the pixels of a·b: [N, C] in the type of the arithmetic."""
        return self._scale_and_dot(*alike(a, b), None, None)

    def scale_backward(
        self, grad: torch.Tensor, x: torch.Tensor, scale: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`scale_channels(grad, scale)` and `channel_dot(grad, x)` in one pass."""
        grad, x = alike(grad, x)
        out = torch.empty_like(grad)
        return out, self._scale_and_dot(grad, x, factor(scale, grad), out)

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
        x = dense(x)
        height, width = x.shape[2:]
        left, right, top, bottom = padding
        padded = (height * up + top + bottom, width * up + left + right)
        out = empty_like(x, tuple((size - len(taps)) // down + 1 for size in padded))
        self._upfirdn2d(x, taps if flip else taps[::-1], up, down, padding, gain, out)
        return out

    def grid_gather(self, x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        """Bilinear samples [N, C, H', W'] of images at grid [N, H', W', 2], as ops.grid_sample."""
        x = dense(x)
        out = empty_like(x, grid.shape[1:3])
        self._grid_gather(x, factor(grid, x), out)
        return out

    def grid_scatter(self, values: torch.Tensor, grid: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """The adjoint of `grid_gather`: [N, C, H', W'] values onto images of `size` (H, W)."""
        values = dense(values)
        out = empty_like(values, size)
        self._grid_scatter(values, factor(grid, values), out)
        return out

    def colour_transform(self, x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        """matrix[:, :, :3] · x + matrix[:, :, 3] per pixel: x [N, 3, H, W], matrix [N, 3, 4] float32."""
        x = dense(x)
        out = torch.empty_like(x)
        self._colour_transform(x, factor(matrix, x), out)
        return out

    @abstractmethod
    def _epilogue(self, x: torch.Tensor, factors: Factors, out: torch.Tensor, act: Activation) -> None:
        """factors: scale, noise, strength and bias. `out` may be `x`."""

    @abstractmethod
    def _epilogue_grad(
        self, grad: torch.Tensor, y: torch.Tensor, out: torch.Tensor, act: Activation
    ) -> None: ...

    @abstractmethod
    def _epilogue_backward(
        self, grad: torch.Tensor, y: torch.Tensor, factors: Factors, out: torch.Tensor, act: Activation
    ) -> torch.Tensor:
        """factors: scale and noise. Returns the sums."""

    @abstractmethod
    def _scale_channels(self, x: torch.Tensor, scale: torch.Tensor | None, out: torch.Tensor) -> None: ...

    @abstractmethod
    def _scale_and_dot(
        self, a: torch.Tensor, b: torch.Tensor, scale: torch.Tensor | None, out: torch.Tensor | None
    ) -> torch.Tensor:
        """Returns the sums of a·b; without `out` nothing is scaled."""

    @abstractmethod
    def _upfirdn2d(
        self,
        x: torch.Tensor,
        taps: tuple[float, ...],
        up: int,
        down: int,
        padding: Padding,
        gain: float,
        out: torch.Tensor,
    ) -> None:
        """Correlates: tap k reads position + k."""

    @abstractmethod
    def _grid_gather(self, x: torch.Tensor, grid: torch.Tensor, out: torch.Tensor) -> None: ...

    @abstractmethod
    def _grid_scatter(self, values: torch.Tensor, grid: torch.Tensor, out: torch.Tensor) -> None: ...

    @abstractmethod
    def _colour_transform(self, x: torch.Tensor, matrix: torch.Tensor, out: torch.Tensor) -> None: ...
