"""Up-sampling, FIR filtering and down-sampling of images in one operation.

Source: Karras et al. 2019 (StyleGAN2), section 3; the operation is linear, so its gradient is the same
operation with up and down exchanged and the filter mirrored. That makes it closed under differentiation:
every order of derivative is again one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from stylegan_pokemon.ops import reference
from stylegan_pokemon.ops.backend import kernels_for
from stylegan_pokemon.ops.kernels import Padding

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
        f: taps [k] applied along both axes.
        up: every pixel is followed by up − 1 zeros in both directions.
        down: every down-th pixel of the result is kept.
        padding: zeros added at (left, right, top, bottom) of the up-sampled image; negative numbers crop.
        flip: False convolves (the filter is mirrored), True correlates.
        gain: factor applied to the result, once for both axes.

    Returns:
        [N, C, (H·up + top + bottom − k) // down + 1, (W·up + left + right − k) // down + 1].
    """
    taps = f if isinstance(f, tuple) else tuple(f.tolist())
    left, right, top, bottom = (int(p) for p in padding)
    return _UpFirDn.apply(x, taps, int(up), int(down), (left, right, top, bottom), bool(flip), float(gain))


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
        taps: tuple[float, ...],
        up: int,
        down: int,
        padding: Padding,
        flip: bool,
        gain: float,
    ) -> torch.Tensor:
        ctx.arguments = (x.shape, taps, up, down, padding, flip, gain)
        kernels = kernels_for(x) if len(taps) <= _MAX_TAPS else None
        return (reference if kernels is None else kernels).upfirdn2d(x, taps, up, down, padding, flip, gain)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (_, _, height, width), taps, up, down, (left, _, top, _), flip, gain = ctx.arguments
        k = len(taps)
        out_height, out_width = grad.shape[2:]
        adjoint_padding = (
            k - 1 - left,
            (width - 1) * up + 1 + left - out_width * down,
            k - 1 - top,
            (height - 1) * up + 1 + top - out_height * down,
        )
        return upfirdn2d(grad, taps, down, up, adjoint_padding, not flip, gain), *([None] * 6)
