"""Modulated convolution (Karras et al. 2019, section 2.2) without per-sample weights.

Scaling the weights by the styles and convolving equals scaling the input channels and convolving with the
shared weights; demodulating the weights equals scaling the output channels by 1/√(Σ (W·s)²), which is one
small matrix product of s² with Σ_k W². So one ordinary convolution serves the whole batch.
"""

from __future__ import annotations

import torch

from stylegan_pokemon.ops.conv2d import conv2d, conv_transpose2d
from stylegan_pokemon.ops.scaling import scale_channels
from stylegan_pokemon.ops.upfirdn2d import Taps, upfirdn2d

_EPSILON = 1e-8


def modulated_conv2d(
    x: torch.Tensor,
    weight: torch.Tensor,
    styles: torch.Tensor,
    resample_filter: Taps | None = None,
    up: int = 1,
    demodulate: bool = True,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Convolve every image with the shared weights modulated by its own styles; demodulation is left out.

    Args:
        x: [N, I, H, W].
        weight: [O, I, k, k], k odd; used as stored, without a factor for fan-in.
        styles: [N, I], one factor per input channel.
        resample_filter: [k'] low-pass for up = 2 (taps of sum 1).
        up: 1, or 2 for a transposed convolution of stride 2 followed by the low-pass.
        demodulate: return the factors that divide by the norm of the modulated weights.

    Returns:
        [N, O, H·up, W·up], and the factors [N, O] of the demodulation (None without `demodulate`). The pass
        that adds noise and bias multiplies the channels by them, see `bias_act`.
    """
    if x.dtype == torch.float16 and demodulate:
        # Demodulation cancels any scale of W and s: normalising them keeps half precision from overflowing.
        weight = weight / weight.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(_EPSILON)
        weight = weight / (weight.shape[1] * weight.shape[2] * weight.shape[3]) ** 0.5
        styles = styles / styles.abs().amax(dim=1, keepdim=True).clamp_min(_EPSILON)
    x = scale_channels(x, styles)
    k = weight.shape[2]
    if up == 1:
        y = conv2d(x, weight.to(x.dtype), padding=k // 2)
    else:
        assert resample_filter is not None
        taps = len(resample_filter)
        y = conv_transpose2d(x, weight.to(x.dtype).transpose(0, 1), stride=up)
        # The transposed convolution is k − up pixels larger than H·up; the low-pass takes taps − 1 away.
        spare = taps - 1 - (k - up)
        before, after = (spare + 1) // 2, spare // 2
        y = upfirdn2d(y, resample_filter, padding=(before, after, before, after), gain=up**2)
    return y, demodulation(weight, styles) if demodulate else None


def demodulation(weight: torch.Tensor, styles: torch.Tensor) -> torch.Tensor:
    """1/√(Σ_{i,k} (W[o,i,k]·s[n,i])² + 1e-8) as [N, O] in float32 (float64 for float64 input)."""
    dtype = torch.promote_types(weight.dtype, torch.float32)
    power = weight.to(dtype).square().sum(dim=(2, 3))
    return (styles.to(dtype).square() @ power.T + _EPSILON).rsqrt()
