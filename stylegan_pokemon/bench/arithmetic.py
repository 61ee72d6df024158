"""Counts the convolutions and matrix products of training, and times the same convolutions alone.

The share of that rate which training reaches is comparable between machines. Operations are counted for the
direct method; kernels that need fewer products can bring the share above one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.nn.grad import conv2d_weight
from torch.utils._python_dispatch import TorchDispatchMode

from stylegan_pokemon.bench.workload import median_seconds
from stylegan_pokemon.ops.backend import kernels_for

_REPEATS = 9


class Call(NamedTuple):
    """One convolution or matrix product: `kind` forward, transposed, weight or product, and its operands."""

    kind: str
    a: tuple[int, ...]  # images, or the left matrix
    b: tuple[int, ...]  # weight, output gradient of "weight", or the right matrix
    stride: int
    padding: int
    extra: int  # output padding of a transposed convolution, kernel size of "weight"
    dtype: torch.dtype

    @property
    def flop(self) -> int:
        """Two for every multiplication."""
        if self.kind == "product":
            *batch, rows, inner = self.a
            return 2 * (batch[0] if batch else 1) * rows * inner * self.b[-1]
        n, _, height, width = self.b if self.kind == "weight" else self.a
        if self.kind == "forward":
            height, width = ((e + 2 * self.padding - self.b[2]) // self.stride + 1 for e in (height, width))
        if self.kind == "weight":
            return 2 * n * height * width * self.a[1] * self.b[1] * self.extra**2
        return 2 * n * height * width * self.b[0] * self.b[1] * self.b[2] * self.b[3]


class Recorder(TorchDispatchMode):
    """A context that counts the convolutions and matrix products of its thread, on one kind of device."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.calls: Counter[Call] = Counter()
        kernels = kernels_for(torch.empty(1, 1, 1, 1, device=device))
        self._ours: Any = kernels and kernels.convolutions

    def __enter__(self) -> Recorder:
        if self._ours is not None:  # PyTorch's dispatcher does not see them
            vars(self._ours).update(conv3x3=self._conv3x3, conv3x3_weight_grad=self._conv3x3_weight_grad)
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        if self._ours is not None:
            del self._ours.conv3x3, self._ours.conv3x3_weight_grad

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if call := _call(func, args):
            self.calls[call] += 1
        return func(*args, **(kwargs or {}))

    def _conv3x3(self, x: torch.Tensor, weight: torch.Tensor, transposed: bool = False) -> torch.Tensor:
        shape = tuple(weight.transpose(0, 1).shape if transposed else weight.shape)
        self.calls[Call("forward", tuple(x.shape), shape, 1, 1, 0, x.dtype)] += 1
        return type(self._ours).conv3x3(self._ours, x, weight, transposed)

    def _conv3x3_weight_grad(self, x: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
        self.calls[Call("weight", tuple(x.shape), tuple(grad.shape), 1, 1, 3, x.dtype)] += 1
        return type(self._ours).conv3x3_weight_grad(self._ours, x, grad)


def _call(func: Any, args: tuple[Any, ...]) -> Call | None:
    aten = torch.ops.aten
    if func is aten.convolution.default:
        x, weight, _, stride, padding, _, transposed, extra, groups = args
        if groups != 1:  # a filter, not a convolution between channels
            return None
        kind = "transposed" if transposed else "forward"
        return Call(kind, tuple(x.shape), tuple(weight.shape), stride[0], padding[0], extra[0], x.dtype)
    if func is aten.convolution_backward.default and args[10][1]:
        grad, x, weight, _, stride, padding = args[:6]
        size = weight.shape[2]
        return Call("weight", tuple(x.shape), tuple(grad.shape), stride[0], padding[0], size, x.dtype)
    if func in (aten.mm.default, aten.bmm.default, aten.addmm.default):
        a, b = args[-2:]
        return Call("product", tuple(a.shape), tuple(b.shape), 1, 0, 0, a.dtype)
    return None


def flop(calls: Counter[Call]) -> int:
    """Floating point operations of all calls."""
    return sum(call.flop * count for call, count in calls.items())


def convolution_seconds(calls: Counter[Call], device: torch.device) -> tuple[float, int]:
    """Seconds that PyTorch takes for these convolutions alone, channels_last, and their operations.

    Every distinct call is timed alone; the median of several repeats counts.
    """
    seconds, operations = 0.0, 0
    for call, count in calls.items():
        if call.kind == "product":
            continue
        seconds += count * median_seconds(_closure(call, device), device, _REPEATS)
        operations += count * call.flop
    return seconds, operations


def _closure(call: Call, device: torch.device) -> Callable[[], Any]:
    def images(shape: tuple[int, ...]) -> torch.Tensor:
        x = torch.randn(shape, device=device).to(call.dtype)
        return x.contiguous(memory_format=torch.channels_last)

    a, b, stride, padding = images(call.a), images(call.b), call.stride, call.padding
    functional = torch.nn.functional
    if call.kind == "forward":
        return lambda: functional.conv2d(a, b, stride=stride, padding=padding)
    if call.kind == "transposed":
        return lambda: functional.conv_transpose2d(
            a, b, stride=stride, padding=padding, output_padding=call.extra
        )
    shape = (call.b[1], call.a[1], call.extra, call.extra)
    return lambda: conv2d_weight(a, shape, b, stride=stride, padding=padding)
