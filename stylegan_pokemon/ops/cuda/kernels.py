"""The CUDA kernels: shapes in, launches out."""

from __future__ import annotations

import math
import struct
from functools import lru_cache

import torch

from stylegan_pokemon.ops import reference
from stylegan_pokemon.ops.cuda.launches import (
    MAX_GRID,
    TYPES,
    Launch,
    Launcher,
    Long,
    blocks,
    instance,
    resampling,
    summing,
    tile_of,
    vector_width,
)
from stylegan_pokemon.ops.kernels import Activation, Factors, Kernels, Padding
from stylegan_pokemon.ops.layout import channels_of, count_of, is_channels_last, shape_of

_SLOPES = {"linear": 1.0, "relu": 0.0, "lrelu": reference.LRELU_SLOPE}
_LARGEST_IMAGE = 2**31  # numbers; places within an image are counted in 32 bits
_SCATTER_BYTES = 64 << 20  # of whole numbers that `grid_scatter` adds up at a time


class CudaKernels(Kernels):
    """Kernels for float32, float16 and bfloat16 images; a launcher runs them. Nothing waits for the card."""

    name = "cuda"

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._taps: dict[tuple[tuple[float, ...], torch.device], torch.Tensor] = {}

    def supports(self, x: torch.Tensor) -> bool:
        """Images on the launcher's kind of device, in a type that the kernels store."""
        small = x.ndim == 4 and math.prod(x.shape[1:]) < _LARGEST_IMAGE and x.shape[1] <= MAX_GRID[1]
        return small and x.device.type == self._launcher.device_type and x.dtype in TYPES

    def _epilogue(self, x: torch.Tensor, factors: Factors, out: torch.Tensor, act: Activation) -> None:
        n, c, pixels, last = shape_of(x)
        scale, noise, strength, bias = factors
        name, gain, clamp = act
        width = vector_width(c if last else pixels, x)
        self._run(
            *(instance("epilogue", x.dtype, width, last), (blocks(c * pixels // width), n)),
            *(x, scale, noise, strength, bias, out, n, c, pixels),
            *(count_of(noise), float(gain), _SLOPES[name], _bound(clamp, torch.float32, math.inf)),
        )

    def _epilogue_grad(self, grad: torch.Tensor, y: torch.Tensor, out: torch.Tensor, act: Activation) -> None:
        count = grad.numel()
        width = vector_width(count, grad, y)
        self._run(
            *(instance("epilogue_grad", y.dtype, width), (blocks(count // width),)),
            *(grad, y, out, Long(count), *_derivative(act, y)),
        )

    def _epilogue_backward(
        self, grad: torch.Tensor, y: torch.Tensor, factors: Factors, out: torch.Tensor, act: Activation
    ) -> torch.Tensor:
        scale, noise = factors
        return self._pass_and_sum("EpilogueBackward", 3, grad, y, scale, noise, out, _derivative(act, y))

    def _scale_channels(self, x: torch.Tensor, scale: torch.Tensor | None, out: torch.Tensor) -> None:
        self._epilogue(x, (scale, None, None, None), out, ("linear", 1.0, None))

    def _scale_and_dot(
        self, a: torch.Tensor, b: torch.Tensor, scale: torch.Tensor | None, out: torch.Tensor | None
    ) -> torch.Tensor:
        return self._pass_and_sum("ScaleAndDot", 1, a, b, scale, None, out, (0.0, 0.0, 0.0))[0]

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
        count = len(taps)
        tile = tile_of(x.shape[1], is_channels_last(x), up, down, count)
        if tile is None:
            out.copy_(reference.upfirdn2d(x.to(torch.float32), taps, up, down, padding, True, gain))
            return
        images, channels = channels_of(x)
        height, width = out.shape[2:]
        tiles = -(-width // tile.width) * -(-height // tile.height)
        parameters = (*resampling(up, down, count), *tile)
        self._run(
            *(instance("upfirdn2d", x.dtype, *parameters), (tiles, -(-channels // tile.lanes), images)),
            *(x, out, self._filter(taps, x.device), images, channels, *x.shape[2:], height, width),
            *(padding[0], padding[2], up, down, count, float(gain)),
            shared=tile.shared(up, down, count),
        )

    def _grid_gather(self, x: torch.Tensor, grid: torch.Tensor, out: torch.Tensor) -> None:
        points = grid.shape[1] * grid.shape[2]
        self._run(
            *(instance("grid_gather", x.dtype, is_channels_last(x)), (blocks(points), x.shape[0])),
            *(x, grid, out, *x.shape, points),
        )

    def _grid_scatter(self, values: torch.Tensor, grid: torch.Tensor, out: torch.Tensor) -> None:
        if not values.numel() or not out.numel():
            out.zero_()
            return
        n, c, height, width = out.shape
        numbers, points, last = c * height * width, grid.shape[1] * grid.shape[2], is_channels_last(values)
        greatest = torch.linalg.vector_norm(values, math.inf, dtype=torch.float32)
        together = max(1, _SCATTER_BYTES // (8 * numbers))
        for first in range(0, n, together):
            part = slice(first, first + together)
            some = min(together, n - first)
            sums = torch.zeros(some * numbers, dtype=torch.int64, device=values.device)
            self._run(
                *(instance("grid_scatter", values.dtype, last), (blocks(points), some)),
                *(values[part], grid[part], greatest, sums, some, c, height, width, points),
            )
            self._run(
                *(instance("grid_scatter_end", values.dtype), (blocks(some * numbers),)),
                *(sums, greatest, out[part], Long(some * numbers), points),
            )

    def _colour_transform(self, x: torch.Tensor, matrix: torch.Tensor, out: torch.Tensor) -> None:
        n, _, pixels, last = shape_of(x)
        self._run(
            *(instance("colour_transform", x.dtype, last), (blocks(pixels), n)), *(x, matrix, out, n, pixels)
        )

    def _pass_and_sum(
        self,
        operation: str,
        sums: int,
        a: torch.Tensor,
        b: torch.Tensor,
        scale: torch.Tensor | None,
        noise: torch.Tensor | None,
        out: torch.Tensor | None,
        pass_on: tuple[float, float, float],
    ) -> torch.Tensor:
        """[sums, N, C]; what is passed on goes to `out`."""
        n, c, pixels, last = shape_of(a)
        if not a.numel():
            return torch.zeros(sums, n, c, dtype=torch.float32, device=a.device)
        width = vector_width(c if last else pixels, a, b)
        cut = summing(c, pixels, width, last, sums)
        partial = torch.empty(n, cut.chunks, sums, c, dtype=torch.float32, device=a.device)
        self._run(
            *(instance("pass_and_sum", a.dtype, width, last, operation), (cut.chunks, cut.groups, n)),
            *(a, b, scale, noise, out, partial, n, c, pixels, count_of(noise), cut.lanes, cut.chunk),
            *pass_on,
            shared=cut.shared,
        )
        result = torch.empty(sums, n, c, dtype=torch.float32, device=a.device)
        self._run(
            *(instance("sum_partial", sums), (blocks(sums * c), n)), *(partial, result, n, c, cut.chunks)
        )
        return result

    def _run(self, kernel: str, grid: tuple[int, ...], *arguments: object, shared: int = 0) -> None:
        """Launch over a grid; kernels walk over images where there are more than a card's grid may count."""
        devices = {argument.get_device() for argument in arguments if isinstance(argument, torch.Tensor)}
        assert len(devices) == 1, f"{kernel} got tensors on several devices: {devices}"  # -1: the CPU
        if not all(grid):
            return  # there is nothing to compute
        full = (*grid, 1, 1)[:3]
        held = (full[0], *(min(size, most) for size, most in zip(full[1:], MAX_GRID[1:], strict=True)))
        self._launcher.launch(Launch(kernel, held, shared, arguments))  # type: ignore[arg-type]

    def _filter(self, taps: tuple[float, ...], device: torch.device) -> torch.Tensor:
        key = (taps, device)
        if key not in self._taps:
            self._taps[key] = torch.tensor(taps, dtype=torch.float32, device=device)
        return self._taps[key]


def _derivative(act: Activation, y: torch.Tensor) -> tuple[float, float, float]:
    """The activation's derivative above and below 0, and the bound beyond which it is 0."""
    name, gain, clamp = act
    return float(gain), gain * _SLOPES[name], _bound(clamp, y.dtype)


@lru_cache
def _bound(clamp: float | None, dtype: torch.dtype, none: float = math.nan) -> float:
    """The clamp as results of this type hold it; `none` for none: no comparison holds with NaN."""
    if clamp is None:
        return none
    try:
        if dtype == torch.float16:
            return struct.unpack("e", struct.pack("e", clamp))[0]
        bits = struct.unpack("I", struct.pack("f", clamp))[0]
    except OverflowError:  # beyond what the type holds
        return math.inf
    if dtype == torch.bfloat16:
        bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return struct.unpack("f", struct.pack("I", bits))[0]
