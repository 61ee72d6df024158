"""Up-sampling, FIR filtering and down-sampling of images in one operation.

Source: Karras et al. 2019 (StyleGAN2), section 3; the operation is linear, so its gradient is the same
operation with up and down exchanged and the filter mirrored. That makes it closed under differentiation:
every order of derivative is again one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from stylegan_pokemon.ops.backend import Padding, kernels_for

_SEPARATE_FROM_TAPS = 6
"""From this length on two passes (2k multiplications) beat one with the outer product (k²)."""

Taps = torch.Tensor | tuple[float, ...]
_MAX_TAPS = 64  # of the kernels


def binomial_filter(taps: Sequence[float] = (1, 3, 3, 1)) -> torch.Tensor:
    """Return `taps` as a float32 vector of sum 1."""
    f = torch.tensor(taps, dtype=torch.float32)
    return f / f.sum()


def upfirdn2d(
    x: torch.Tensor,
    f: Taps,
    up: int = 1,
    down: int = 1,
    padding: Sequence[int] = (0, 0, 0, 0),
    flip: bool = False,
    gain: float = 1.0,
) -> torch.Tensor:
    """Insert zeros, pad, filter and decimate every channel of `x`.

    Args:
        x: images [N, C, H, W], any floating type, any memory format (it is kept).
        f: taps applied along both axes as a tuple, or as a tensor [k]; or a tensor [kh, kw], the kernel.
        up: every pixel is followed by up − 1 zeros in both directions.
        down: every down-th pixel of the result is kept.
        padding: zeros added at (left, right, top, bottom) of the up-sampled image; negative values crop.
        flip: False convolves (the filter is mirrored), True correlates.
        gain: factor applied to the result, as if `f` had been multiplied by it (once, not per axis).

    Returns:
        [N, C, (H·up + top + bottom − kh) // down + 1, (W·up + left + right − kw) // down + 1].
    """
    if not isinstance(f, tuple):
        if f.ndim not in (1, 2):
            raise ValueError(f"the filter must have one or two axes, not {f.ndim}")
        f = tuple(f.tolist()) if f.ndim == 1 else f.detach()
    left, right, top, bottom = (int(p) for p in padding)
    return _UpFirDn.apply(x, f, int(up), int(down), (left, right, top, bottom), bool(flip), float(gain))


def upsample2d(x: torch.Tensor, f: Taps) -> torch.Tensor:
    """Double the size of [N, C, H, W] images: gain 4 makes up for the inserted zeros."""
    k = len(f)
    before, after = (k + 1) // 2, (k - 2) // 2
    return upfirdn2d(x, f, up=2, padding=(before, after, before, after), gain=4)


def downsample2d(x: torch.Tensor, f: Taps) -> torch.Tensor:
    """Halve the size of [N, C, H, W] images."""
    k = len(f)
    before, after = (k - 1) // 2, (k - 2) // 2
    return upfirdn2d(x, f, down=2, padding=(before, after, before, after))


class _UpFirDn(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        f: Taps,
        up: int,
        down: int,
        padding: Padding,
        flip: bool,
        gain: float,
    ) -> torch.Tensor:
        ctx.arguments = (x.shape, f, up, down, padding, flip, gain)
        kernels = kernels_for(x)
        if kernels is not None and isinstance(f, tuple) and len(f) <= _MAX_TAPS:
            return kernels.upfirdn2d(x, f, up, down, padding, flip, gain)
        f = torch.tensor(f, dtype=x.dtype, device=x.device) if isinstance(f, tuple) else f.to(x.dtype)
        return _filter(x, f, up, down, padding, flip, gain)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (_, _, height, width), f, up, down, (left, _, top, _), flip, gain = ctx.arguments
        kh, kw = (len(f), len(f)) if isinstance(f, tuple) else f.shape
        out_height, out_width = grad.shape[2:]
        adjoint_padding = (
            kw - 1 - left,
            (width - 1) * up + 1 + left - out_width * down,
            kh - 1 - top,
            (height - 1) * up + 1 + top - out_height * down,
        )
        return upfirdn2d(grad, f, down, up, adjoint_padding, not flip, gain), *([None] * 6)


def _filter(
    x: torch.Tensor, f: torch.Tensor, up: int, down: int, padding: Padding, flip: bool, gain: float
) -> torch.Tensor:
    if f.ndim == 1 and f.shape[0] >= _SEPARATE_FROM_TAPS:
        left, right, top, bottom = padding
        x = _pass(x, f[None, :] * gain, (1, up), (1, down), (left, right, 0, 0), flip)
        return _pass(x, f[:, None], (up, 1), (down, 1), (0, 0, top, bottom), flip)
    kernel = torch.outer(f, f) if f.ndim == 1 else f
    return _pass(x, kernel * gain, (up, up), (down, down), padding, flip)


def _pass(
    x: torch.Tensor,
    kernel: torch.Tensor,
    up: tuple[int, int],
    down: tuple[int, int],
    padding: Padding,
    flip: bool,
) -> torch.Tensor:
    """One depthwise convolution, the whole of `upfirdn2d` for a two-dimensional kernel."""
    channels = x.shape[1]
    if x.shape[0] == 0 or channels == 0:
        return _empty_result(x, kernel, up, down, padding)
    correlating = kernel if flip else kernel.flip(0, 1)
    if up == (1, 1):
        return _correlate(x, _depthwise(correlating, channels), down, padding)
    # A transposed convolution inserts the zeros without storing them; it adds mirrored taps, hence the flip.
    weight = _depthwise(correlating.flip(0, 1), channels)
    (kh, kw), (left, right, top, bottom) = kernel.shape, padding
    full = (
        F.conv_transpose2d(x, weight, stride=up, groups=channels)
        if not _fits(up, kernel.shape, padding)
        else None
    )
    if full is None:
        y = F.conv_transpose2d(x, weight, stride=up, padding=(kh - 1 - top, kw - 1 - left), groups=channels)
    else:
        y = F.pad(full, (left - (kw - 1), right + up[1] - kw, top - (kh - 1), bottom + up[0] - kh))
    return y if down == (1, 1) else y[:, :, :: down[0], :: down[1]]


def _fits(up: tuple[int, int], kernel_size: Sequence[int], padding: Padding) -> bool:
    """Whether the transposed convolution's own symmetric cropping gives exactly the padding asked for."""
    (kh, kw), (left, right, top, bottom) = kernel_size, padding
    start = (kh - 1 - top, kw - 1 - left)
    end = (kh - up[0] - bottom, kw - up[1] - right)
    return start == end and min(start) >= 0


def _correlate(
    x: torch.Tensor, weight: torch.Tensor, stride: tuple[int, int], padding: Padding
) -> torch.Tensor:
    left, right, top, bottom = padding
    if left == right >= 0 and top == bottom >= 0:
        return F.conv2d(x, weight, stride=stride, padding=(top, left), groups=x.shape[1])
    return F.conv2d(F.pad(x, padding), weight, stride=stride, groups=x.shape[1])


def _depthwise(kernel: torch.Tensor, channels: int) -> torch.Tensor:
    return kernel[None, None].repeat(channels, 1, 1, 1)


def _empty_result(
    x: torch.Tensor, kernel: torch.Tensor, up: tuple[int, int], down: tuple[int, int], padding: Padding
) -> torch.Tensor:
    left, right, top, bottom = padding
    height = (x.shape[2] * up[0] + top + bottom - kernel.shape[0]) // down[0] + 1
    width = (x.shape[3] * up[1] + left + right - kernel.shape[1]) // down[1] + 1
    return x.new_empty(x.shape[0], x.shape[1], height, width)
