"""The CPU kernels: a thin layer over the C interface of a compiled library."""

from __future__ import annotations

import ctypes
import math
from pathlib import Path
from typing import Any

import torch

from stylegan_pokemon.ops.cpu.winograd import Winograd
from stylegan_pokemon.ops.kernels import Activation, Factors, Kernels, Padding
from stylegan_pokemon.ops.layout import channels_of, count_of, exact, is_channels_last, shape_of

_TYPES = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2}
_SHARED = 1 << 17  # numbers from which on threads share the work
_ACTIVATIONS = {"linear": 0, "relu": 1, "lrelu": 2}
_PLAIN = (torch.Tensor, torch.nn.Parameter)  # not the fake tensors of a memory plan

_I, _N, _D, _P = ctypes.c_int, ctypes.c_int64, ctypes.c_double, ctypes.c_void_p
_SIGNATURES = {
    "epilogue": (_I, _P, _P, _P, _N, _D, _P, _P, _N, _N, _N, _I, _I, _D, _D, _I),
    "epilogue_grad": (_I, _P, _P, _P, _N, _I, _D, _D, _I),
    "epilogue_backward": (_I, _P, _P, _P, _P, _N, _P, _P, _N, _N, _N, _I, _I, _D, _D, _I),
    "scale_and_dot": (_I, _P, _P, _P, _P, _P, _N, _N, _N, _I, _I),
    "upfirdn2d": (_I, _P, _P, *[_N] * 10, _P, _N, _D, _I),
    "grid_gather": (_I, _P, _P, _P, *[_N] * 5, _I, _I),
    "grid_scatter": (_I, _P, _P, _P, *[_N] * 5, _I, _I),
    "colour_transform": (_I, _P, _P, _P, _N, _N, _I, _I),
}


class CpuKernels(Kernels):
    """Kernels for float32, float64 and bfloat16 images in main memory."""

    name = "cpu"

    def __init__(self, library: Path) -> None:
        loaded = ctypes.CDLL(str(library))
        self._functions = {name: getattr(loaded, f"sp_{name}") for name in _SIGNATURES}
        for name, function in self._functions.items():
            function.argtypes, function.restype = _SIGNATURES[name], None
        self.convolutions = Winograd(loaded)

    def supports(self, x: torch.Tensor) -> bool:
        return x.device.type == "cpu" and x.dtype in _TYPES and x.ndim == 4 and type(x) in _PLAIN

    def _epilogue(self, x: torch.Tensor, factors: Factors, out: torch.Tensor, act: Activation) -> None:
        scale, noise, strength, bias = factors
        loud = 0.0 if noise is None or strength is None else float(strength)
        self._run(
            *("epilogue", x, x, scale, noise, count_of(noise), loud, bias, out, *shape_of(x)),
            *_activation(act, math.inf),
        )

    def _epilogue_grad(self, grad: torch.Tensor, y: torch.Tensor, out: torch.Tensor, act: Activation) -> None:
        self._run("epilogue_grad", grad, grad, y, out, grad.numel(), *_activation(act, math.nan))

    def _epilogue_backward(
        self, grad: torch.Tensor, y: torch.Tensor, factors: Factors, out: torch.Tensor, act: Activation
    ) -> torch.Tensor:
        scale, noise = factors
        sums = torch.empty(3, *grad.shape[:2], dtype=exact(grad))
        self._run(
            *("epilogue_backward", grad, grad, y, scale, noise, count_of(noise), out, sums, *shape_of(grad)),
            *_activation(act, math.nan),
        )
        return sums

    def _scale_channels(self, x: torch.Tensor, scale: torch.Tensor | None, out: torch.Tensor) -> None:
        self._run("scale_and_dot", x, x, None, scale, out, None, *shape_of(x))

    def _scale_and_dot(
        self, a: torch.Tensor, b: torch.Tensor, scale: torch.Tensor | None, out: torch.Tensor | None
    ) -> torch.Tensor:
        dot = torch.empty(a.shape[:2], dtype=exact(a))
        self._run("scale_and_dot", a, a, b, scale, out, dot, *shape_of(a))
        return dot

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
        images, channels = channels_of(x)
        self._run(
            *("upfirdn2d", out, x, out, images, *x.shape[2:], *out.shape[2:], channels, up, down),
            *(padding[0], padding[2], (_D * len(taps))(*taps), len(taps), gain),
        )

    def _grid_gather(self, x: torch.Tensor, grid: torch.Tensor, out: torch.Tensor) -> None:
        points = grid.shape[1] * grid.shape[2]
        self._run("grid_gather", out, x, grid, out, *x.shape, points, is_channels_last(x))

    def _grid_scatter(self, values: torch.Tensor, grid: torch.Tensor, out: torch.Tensor) -> None:
        points = grid.shape[1] * grid.shape[2]
        self._run("grid_scatter", values, values, grid, out, *out.shape, points, is_channels_last(values))

    def _colour_transform(self, x: torch.Tensor, matrix: torch.Tensor, out: torch.Tensor) -> None:
        n, _, pixels, last = shape_of(x)
        self._run("colour_transform", x, x, matrix, out, n, pixels, last)

    def _run(self, name: str, work: torch.Tensor, *arguments: Any) -> None:
        """Call a function of the library; the size of `work` decides whether threads share it.

        Waking PyTorch's threads takes as long as a small image.
        """
        values = [a.data_ptr() if isinstance(a, torch.Tensor) else a for a in arguments]
        threads = torch.get_num_threads() if work.numel() >= _SHARED else 1
        self._functions[name](_TYPES[work.dtype], *values, threads)


def _activation(act: Activation, none: float) -> tuple[int, float, float]:
    """As the kernels take it; `none` stands for no clamp."""
    name, gain, clamp = act
    return _ACTIVATIONS[name], gain, none if clamp is None else clamp
