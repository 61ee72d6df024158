"""3×3 convolutions on the CPU by Winograd's minimal filtering, F(2×2, 3×3) (Lavin & Gray 2015).

A tile of 2×2 outputs takes 16 products instead of 36. The transforms around them add and halve. Of images of
one scale the results round less than the direct method's, weights' gradients up to twice as much; beside a
giant among their neighbours small numbers lose digits, and what is infinite becomes NaN. See winograd.cpp.
"""

from __future__ import annotations

import ctypes

import torch

_PLAIN = (torch.Tensor, torch.nn.Parameter)  # not the fake tensors of a memory plan
_P, _N, _I = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
_SMALLEST = 8  # pixels a side: smaller images have too few tiles
_FEWEST = 512  # tiles from which on the weight's gradient is faster than the direct one
_SHARED = 1 << 14  # numbers of an image from which on threads share the work


class Winograd:
    """The convolutions of a compiled library, for channels_last float32 images in the main memory."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        for name, arguments, result in (
            ("sp_conv3x3_channels", (), _N),
            ("sp_conv3x3", (_P, _P, *[_N] * 4, _P, *[_N] * 5, _I), _I),
            ("sp_conv3x3_weight_grad", (_P, _P, _P, *[_N] * 5, _I), _I),
        ):
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, result
        self.channels = int(library.sp_conv3x3_channels())
        """Channels are served in multiples of this; 0 where the compiler could not build the kernels."""

    def serves(self, x: torch.Tensor, weight: torch.Tensor, transposed: bool = False) -> bool:
        """Whether it convolves images [N, C, H, W] like `x` with a weight like this.

        Neither the number of images nor that of threads decides, so that an image's result does not depend on
        the batch that it is in.
        """
        if type(weight) not in _PLAIN or weight.ndim != 4 or weight.shape[2:] != (3, 3):
            return False
        inner, outer = weight.shape[:2] if transposed else weight.shape[1::-1]
        return self._reads(x) and self._reads_channels(outer) and _suits(weight, x) and x.shape[1] == inner

    def serves_weight_grad(self, x: torch.Tensor, grad: torch.Tensor) -> bool:
        """Whether it computes the weight's gradient of images like `x`, as fast as the direct method."""
        if not (self._reads(x) and self._reads(grad) and _suits(grad, x)):
            return False
        (n, _, h, w), tiles = x.shape, x.shape[0] * -(-x.shape[2] // 2) * -(-x.shape[3] // 2)
        return (n, h, w) == (grad.shape[0], *grad.shape[2:]) and tiles >= _FEWEST

    def _reads(self, x: torch.Tensor) -> bool:
        return (
            type(x) in _PLAIN
            and x.ndim == 4
            and x.device.type == "cpu"
            and x.dtype == torch.float32
            and x.numel() > 0
            and self._reads_channels(x.shape[1])
            and min(x.shape[2:]) >= _SMALLEST
            and x.is_contiguous(memory_format=torch.channels_last)
        )

    def _reads_channels(self, channels: int) -> bool:
        return self.channels > 0 and channels > 0 and channels % self.channels == 0

    def conv3x3(self, x: torch.Tensor, weight: torch.Tensor, transposed: bool = False) -> torch.Tensor:
        """Cross-correlate [N, I, H, W], padded by 1, with [O, I, 3, 3]: [N, O, H, W].

        `transposed` is the adjoint: [N, O, H, W] and the same weights give [N, I, H, W].
        """
        n, inner, h, w = x.shape
        outer = weight.shape[1 if transposed else 0]
        start, (outer_stride, inner_stride, down, across) = weight.data_ptr(), weight.stride()
        if transposed:  # filters turned around, input and output exchanged
            start += weight.element_size() * 2 * (down + across)
            outer_stride, inner_stride, down, across = inner_stride, outer_stride, -down, -across
        y = torch.empty(
            (n, outer, h, w), dtype=x.dtype, device=x.device, memory_format=torch.channels_last
        )  # fmt: skip
        done = self._library.sp_conv3x3(
            *(x.data_ptr(), start, outer_stride, inner_stride, down, across, y.data_ptr()),
            *(n, h, w, inner, outer, _threads(x)),
        )
        return _had_memory(done, y)

    def conv3x3_weight_grad(self, x: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
        """Gradient of `conv3x3` in the weight: [N, I, H, W] and [N, O, H, W] give [O, I, 3, 3]."""
        n, inner, h, w = x.shape
        outer = grad.shape[1]
        out = x.new_empty(outer, inner, 3, 3)
        done = self._library.sp_conv3x3_weight_grad(
            *(x.data_ptr(), grad.data_ptr(), out.data_ptr(), n, h, w, inner, outer, _threads(x))
        )
        return _had_memory(done, out)


def _suits(other: torch.Tensor, x: torch.Tensor) -> bool:
    return other.dtype == x.dtype and other.device == x.device


def _had_memory(done: int, result: torch.Tensor) -> torch.Tensor:
    """The result. Raises RuntimeError, as PyTorch does, where memory was short."""
    if not done:
        raise RuntimeError("DefaultCPUAllocator: not enough memory for the tiles of a convolution")
    return result


def _threads(x: torch.Tensor) -> int:
    return torch.get_num_threads() if x.numel() >= _SHARED else 1
