"""Bias, activation, gain and clamp: what follows every layer of the networks."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

LRELU_SLOPE = 0.2
GAINS = {"linear": 1.0, "relu": math.sqrt(2), "lrelu": math.sqrt(2)}
"""Gain of each activation: √2 makes up for the variance that rectification removes (He et al. 2015)."""


def bias_act(
    x: torch.Tensor,
    bias: torch.Tensor | None = None,
    act: str = "linear",
    gain: float = 1.0,
    clamp: float | None = None,
) -> torch.Tensor:
    """Return clamp(act(x + bias) · GAINS[act] · gain, ±clamp).

    Args:
        x: [N, C, …], any floating type.
        bias: [C] or None.
        act: "linear", "relu" or "lrelu" (slope 0.2).
        gain: factor on top of the activation's own gain.
        clamp: bound of the absolute value of the result; None leaves it free.
    """
    total = GAINS[act] * gain
    if total != 1:
        # All three are positively homogeneous, act(g·x) = g·act(x): the gain joins the bias in one pass.
        x = x * total if bias is None else torch.add(_per_channel(bias, x) * total, x, alpha=total)
    elif bias is not None:
        x = x + _per_channel(bias, x)
    if act == "lrelu":
        x = F.leaky_relu(x, LRELU_SLOPE)
    elif act == "relu":
        x = F.relu(x)
    return x if clamp is None else x.clamp(-clamp, clamp)


def _per_channel(bias: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return bias.to(x.dtype).reshape(-1, *([1] * (x.ndim - 2)))
