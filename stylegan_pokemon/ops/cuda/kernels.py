"""The CUDA kernels as the methods that `ops.backend.Kernels` asks for: shapes in, launches out."""

from __future__ import annotations

import math
import struct
from functools import lru_cache

import torch

from stylegan_pokemon.ops import reference
from stylegan_pokemon.ops.backend import Padding
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
from stylegan_pokemon.ops.layout import alike, dense, empty_like, factor, format_of, is_channels_last

_SLOPES = {"linear": 1.0, "relu": 0.0, "lrelu": reference.LRELU_SLOPE}
_LARGEST_IMAGE = 2**31  # numbers; places within an image are counted in 32 bits
_SCATTER_BYTES = 64 << 20  # of whole numbers that `grid_scatter` adds up at a time


class CudaKernels:
    """Kernels for float32, float16 and bfloat16 images; a launcher runs them. Nothing waits for the card."""

    name = "cuda"
    convolutions = None  # cuDNN has them

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._taps: dict[tuple[tuple[float, ...], torch.device], torch.Tensor] = {}

    def supports(self, x: torch.Tensor) -> bool:
        """Images on the launcher's kind of device, in a type that the kernels store."""
        small = x.ndim == 4 and math.prod(x.shape[1:]) < _LARGEST_IMAGE and x.shape[1] <= MAX_GRID[1]
        return small and x.device.type == self._launcher.device_type and x.dtype in TYPES

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
        n, c, pixels, last = _shape(x)
        width = vector_width(c if last else pixels, x)
        noise = factor(noise, x)
        self._run(
            *(instance("epilogue", x.dtype, width, last), (blocks(c * pixels // width), n)),
            *(x, factor(scale, x), noise, factor(strength, x), factor(bias, x), y, n, c, pixels),
            *(_images(noise), float(gain), _SLOPES[act], _bound(clamp, torch.float32, math.inf)),
        )
        return y

    def epilogue_grad(
        self, grad: torch.Tensor, y: torch.Tensor, act: str, gain: float, clamp: float | None
    ) -> torch.Tensor:
        grad, y = alike(grad, y)
        out = torch.empty_like(grad)
        count = grad.numel()
        width = vector_width(count, grad, y)
        self._run(
            *(instance("epilogue_grad", y.dtype, width), (blocks(count // width),)),
            *(grad, y, out, Long(count), float(gain), gain * _SLOPES[act], _bound(clamp, y.dtype)),
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
        pass_on = (float(gain), gain * _SLOPES[act], _bound(clamp, y.dtype))
        return out, self._pass_and_sum("EpilogueBackward", 3, grad, y, scale, noise, out, pass_on)

    def scale_channels(self, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return self.epilogue(x, scale, None, None, None, "linear", 1.0, None)

    def channel_dot(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        a, b = alike(a, b)
        return self._pass_and_sum("ScaleAndDot", 1, a, b, None, None, None, (0.0, 0.0, 0.0))[0]

    def scale_backward(
        self, grad: torch.Tensor, x: torch.Tensor, scale: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        grad, x = alike(grad, x)
        out = torch.empty_like(grad)
        return out, self._pass_and_sum("ScaleAndDot", 1, grad, x, scale, None, out, (0.0, 0.0, 0.0))[0]

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
        last = is_channels_last(x)
        count = len(taps)
        tile = tile_of(c, last, up, down, count)
        if tile is None:
            plain = reference.upfirdn2d(x.to(torch.float32), taps, up, down, padding, flip, gain)
            return plain.to(x.dtype).contiguous(memory_format=format_of(x))
        left, right, top, bottom = padding
        oh, ow = ((e * up + a + b - count) // down + 1 for e, a, b in ((h, top, bottom), (w, left, right)))
        out = empty_like(x, (oh, ow))
        images, channels = (n, c) if last else (n * c, 1)
        tiles = -(-ow // tile.width) * -(-oh // tile.height)
        parameters = (*resampling(up, down, count), *tile)
        self._run(
            *(instance("upfirdn2d", x.dtype, *parameters), (tiles, -(-channels // tile.lanes), images)),
            *(x, out, self._filter(taps if flip else taps[::-1], x.device), images, channels, h, w, oh, ow),
            *(left, top, up, down, count, float(gain)),
            shared=tile.shared(up, down, count),
        )
        return out

    def grid_gather(self, x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        x = dense(x)
        n, c, h, w = x.shape
        out = empty_like(x, grid.shape[1:3])
        points = grid.shape[1] * grid.shape[2]
        self._run(
            *(instance("grid_gather", x.dtype, is_channels_last(x)), (blocks(points), n)),
            *(x, factor(grid, x), out, n, c, h, w, points),
        )
        return out

    def grid_scatter(self, values: torch.Tensor, grid: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        values = dense(values)
        out = empty_like(values, size)
        if not values.numel() or not out.numel():
            return out.zero_()
        grid = grid.to(torch.float32).contiguous()
        n, c = values.shape[:2]
        numbers, points, last = c * size[0] * size[1], grid.shape[1] * grid.shape[2], is_channels_last(values)
        greatest = torch.linalg.vector_norm(values, math.inf, dtype=torch.float32)
        together = max(1, _SCATTER_BYTES // (8 * numbers))
        for first in range(0, n, together):
            part = slice(first, first + together)
            some = min(together, n - first)
            sums = torch.zeros(some * numbers, dtype=torch.int64, device=values.device)
            self._run(
                *(instance("grid_scatter", values.dtype, last), (blocks(points), some)),
                *(values[part], grid[part], greatest, sums, some, c, *size, points),
            )
            self._run(
                *(instance("grid_scatter_end", values.dtype), (blocks(some * numbers),)),
                *(sums, greatest, out[part], Long(some * numbers), points),
            )
        return out

    def colour_transform(self, x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        x = dense(x)
        out = torch.empty_like(x)
        n, _, pixels, last = _shape(x)
        self._run(
            *(instance("colour_transform", x.dtype, last), (blocks(pixels), n)),
            *(x, factor(matrix, x), out, n, pixels),
        )
        return out

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
        n, c, pixels, last = _shape(a)
        if not a.numel():
            return torch.zeros(sums, n, c, dtype=torch.float32, device=a.device)
        width = vector_width(c if last else pixels, a, b)
        cut = summing(c, pixels, width, last, sums)
        partial = torch.empty(n, cut.chunks, sums, c, dtype=torch.float32, device=a.device)
        noise = factor(noise, a)
        self._run(
            *(instance("pass_and_sum", a.dtype, width, last, operation), (cut.chunks, cut.groups, n)),
            *(
                a,
                b,
                factor(scale, a),
                noise,
                out,
                partial,
                n,
                c,
                pixels,
                _images(noise),
                cut.lanes,
                cut.chunk,
            ),
            *pass_on,
            shared=cut.shared,
        )
        result = torch.empty(sums, n, c, dtype=torch.float32, device=a.device)
        self._run(
            *(instance("sum_partial", sums), (blocks(sums * c), n)), *(partial, result, n, c, cut.chunks)
        )
        return result

    def _run(self, kernel: str, grid: tuple[int, ...], *arguments: object, shared: int = 0) -> None:
        """Launch over a grid, of which an axis that counts images may be longer than a card allows."""
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


def _shape(x: torch.Tensor) -> tuple[int, int, int, bool]:
    """N, C, pixels, and whether a pixel's channels lie side by side."""
    return x.shape[0], x.shape[1], x.shape[2] * x.shape[3], is_channels_last(x)


def _images(noise: torch.Tensor | None) -> int:
    return 0 if noise is None else noise.shape[0]


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
