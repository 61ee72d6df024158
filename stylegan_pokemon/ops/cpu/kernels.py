"""The CPU kernels as the methods that `ops.backend.Kernels` asks for: a thin layer over a C interface."""

from __future__ import annotations

import ctypes
import math
from pathlib import Path

import torch

from stylegan_pokemon.ops.backend import Padding
from stylegan_pokemon.ops.cpu.winograd import Winograd
from stylegan_pokemon.ops.layout import alike, dense, empty_like, exact, factor, is_channels_last

_TYPES = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2}
_SHARED = 1 << 17  # numbers from which on threads share the work
_ACTIVATIONS = {"linear": 0, "relu": 1, "lrelu": 2}
_PLAIN = (torch.Tensor, torch.nn.Parameter)  # not the fake tensors of a memory plan

_I, _N, _D, _P = ctypes.c_int, ctypes.c_int64, ctypes.c_double, ctypes.c_void_p
_SIGNATURES = {
    "sp_epilogue": (_I, _P, _P, _P, _N, _D, _P, _P, _N, _N, _N, _I, _I, _D, _D, _I),
    "sp_epilogue_grad": (_I, _P, _P, _P, _N, _I, _D, _D, _I),
    "sp_epilogue_backward": (_I, _P, _P, _P, _P, _N, _P, _P, _N, _N, _N, _I, _I, _D, _D, _I),
    "sp_scale_and_dot": (_I, _P, _P, _P, _P, _P, _N, _N, _N, _I, _I),
    "sp_upfirdn2d": (_I, _P, _P, *[_N] * 10, _P, _N, _D, _I),
    "sp_grid_gather": (_I, _P, _P, _P, *[_N] * 5, _I, _I),
    "sp_grid_scatter": (_I, _P, _P, _P, *[_N] * 5, _I, _I),
    "sp_colour_transform": (_I, _P, _P, _P, _N, _N, _I, _I),
}


class CpuKernels:
    """Kernels of a compiled library, for float32, float64 and bfloat16 images in the main memory."""

    name = "cpu"

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        for name, signature in _SIGNATURES.items():
            function = getattr(self._library, name)
            function.argtypes, function.restype = signature, None
        self.convolutions = Winograd(self._library)

    def supports(self, x: torch.Tensor) -> bool:
        return x.device.type == "cpu" and x.dtype in _TYPES and x.ndim == 4 and type(x) in _PLAIN

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
        y = x = dense(x)
        if not inplace:
            y = torch.empty_like(x)
        scale, noise, bias = factor(scale, x), factor(noise, x), factor(bias, x)
        self._library.sp_epilogue(
            *(_TYPES[x.dtype], x.data_ptr(), _pointer(scale), _pointer(noise)),
            *(0 if noise is None else noise.shape[0], 0.0 if noise is None else float(strength)),
            *(_pointer(bias), y.data_ptr(), *_shape(x), _ACTIVATIONS[act], gain),
            *(math.inf if clamp is None else clamp, _threads(x)),
        )
        return y

    def epilogue_grad(
        self, grad: torch.Tensor, y: torch.Tensor, act: str, gain: float, clamp: float | None
    ) -> torch.Tensor:
        grad, y = alike(grad, y)
        out = torch.empty_like(grad)
        self._library.sp_epilogue_grad(
            *(_TYPES[grad.dtype], grad.data_ptr(), y.data_ptr(), out.data_ptr(), grad.numel()),
            *(_ACTIVATIONS[act], gain, math.nan if clamp is None else clamp, _threads(grad)),
        )
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
        grad, y = alike(grad, y)
        out = torch.empty_like(grad)
        sums = torch.empty(3, *grad.shape[:2], dtype=exact(grad))
        scale, noise = factor(scale, grad), factor(noise, grad)
        self._library.sp_epilogue_backward(
            *(_TYPES[grad.dtype], grad.data_ptr(), y.data_ptr(), _pointer(scale), _pointer(noise)),
            *(0 if noise is None else noise.shape[0], out.data_ptr(), sums.data_ptr(), *_shape(grad)),
            *(_ACTIVATIONS[act], gain, math.nan if clamp is None else clamp, _threads(grad)),
        )
        return out, sums

    def scale_channels(self, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        x = dense(x)
        out = torch.empty_like(x)
        self._scale_and_dot(x, None, factor(scale, x), out, None)
        return out

    def channel_dot(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        a, b = alike(a, b)
        dot = torch.empty(a.shape[:2], dtype=exact(a))
        self._scale_and_dot(a, b, None, None, dot)
        return dot

    def scale_backward(
        self, grad: torch.Tensor, x: torch.Tensor, scale: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        grad, x = alike(grad, x)
        out, dot = torch.empty_like(grad), torch.empty(grad.shape[:2], dtype=exact(grad))
        self._scale_and_dot(grad, x, factor(scale, grad), out, dot)
        return out, dot

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
        x = dense(x)
        n, c, h, w = x.shape
        left, right, top, bottom = padding
        size = [(e * up + a + b - len(taps)) // down + 1 for e, a, b in ((h, top, bottom), (w, left, right))]
        out = empty_like(x, tuple(size))
        along = taps if flip else taps[::-1]
        images, channels = (n, c) if is_channels_last(x) else (n * c, 1)
        self._library.sp_upfirdn2d(
            *(_TYPES[x.dtype], x.data_ptr(), out.data_ptr(), images, h, w, *size, channels, up, down),
            *(left, top, (_D * len(taps))(*along), len(taps), gain, _threads(out)),
        )
        return out

    def grid_gather(self, x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        x = dense(x)
        n, c, h, w = x.shape
        out = empty_like(x, grid.shape[1:3])
        grid = grid.to(exact(x)).contiguous()
        self._library.sp_grid_gather(
            *(_TYPES[x.dtype], x.data_ptr(), grid.data_ptr(), out.data_ptr(), n, c, h, w),
            *(grid.shape[1] * grid.shape[2], is_channels_last(x), _threads(out)),
        )
        return out

    def grid_scatter(self, values: torch.Tensor, grid: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        values = dense(values)
        n, c = values.shape[:2]
        out = empty_like(values, size)
        grid = grid.to(exact(values)).contiguous()
        self._library.sp_grid_scatter(
            *(_TYPES[values.dtype], values.data_ptr(), grid.data_ptr(), out.data_ptr(), n, c, *size),
            *(grid.shape[1] * grid.shape[2], is_channels_last(values), _threads(values)),
        )
        return out

    def colour_transform(self, x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        x = dense(x)
        out = torch.empty_like(x)
        matrix = matrix.to(exact(x)).contiguous()
        self._library.sp_colour_transform(
            *(_TYPES[x.dtype], x.data_ptr(), matrix.data_ptr(), out.data_ptr(), x.shape[0]),
            *(x.shape[2] * x.shape[3], is_channels_last(x), _threads(out)),
        )
        return out

    def _scale_and_dot(
        self,
        a: torch.Tensor,
        b: torch.Tensor | None,
        scale: torch.Tensor | None,
        out: torch.Tensor | None,
        dot: torch.Tensor | None,
    ) -> None:
        self._library.sp_scale_and_dot(
            *(_TYPES[a.dtype], a.data_ptr(), _pointer(b), _pointer(scale), _pointer(out), _pointer(dot)),
            *(*_shape(a), _threads(a)),
        )


def _threads(x: torch.Tensor) -> int:
    """All of PyTorch's threads for what keeps them busy; waking them takes as long as a small image."""
    return torch.get_num_threads() if x.numel() >= _SHARED else 1


def _shape(x: torch.Tensor) -> tuple[int, int, int, int]:
    """N, C, pixels, and whether a pixel's channels lie side by side."""
    return x.shape[0], x.shape[1], x.shape[2] * x.shape[3], is_channels_last(x)


def _pointer(tensor: torch.Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
