"""Bias, activation, gain and clamp, which follow every layer of the networks, in one pass.

In synthesis layers the pass includes demodulation and noise. The activations are positively homogeneous, so
the result y alone determines the derivative, and the input is not kept: with y = act'·gain·v the sum of
grad·act'·gain·v over the pixels is that of grad·y.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from stylegan_pokemon.ops import reference
from stylegan_pokemon.ops.backend import kernels_for, serving
from stylegan_pokemon.ops.scaling import channel_dot, scale_channels

GAINS = {"linear": 1.0, "relu": math.sqrt(2), "lrelu": math.sqrt(2)}
"""Gain of each activation: √2 makes up for the variance that rectification removes (He et al. 2015)."""


def bias_act(
    x: torch.Tensor,
    bias: torch.Tensor | None = None,
    act: str = "linear",
    gain: float = 1.0,
    clamp: float | None = None,
    *,
    scale: torch.Tensor | None = None,
    noise: torch.Tensor | None = None,
    strength: torch.Tensor | None = None,
    inplace: bool = False,
) -> torch.Tensor:
    """Return clamp(act(x·scale + noise·strength + bias) · GAINS[act] · gain, ±clamp).

    Args:
        x: [N, C, …], any floating type.
        bias: [C] or None.
        act: "linear", "relu" or "lrelu" (slope 0.2).
        gain: factor on top of the activation's own gain, more than 0.
        clamp: bound of the absolute value of the result; None leaves it free.
        scale: [N, C] without zeros, the demodulation; None for images [N, C, H, W] only.
        noise: [N, 1, H, W] or [1, 1, H, W], a constant; `strength` [] is its factor.
        inplace: kernels may overwrite `x`, because neither the caller nor the gradient of what made it needs
            it. That saves a third of the pass's memory traffic, and memory.

    Every order of derivative is available in x, bias, scale and strength.
    """
    total = GAINS[act] * gain
    kernels = kernels_for(x)
    if kernels is None:
        return reference.epilogue(x, scale, noise, strength, bias, act, total, clamp)
    if total == 1 and act == "linear" and bias is scale is noise is clamp is None:
        return x
    return _Epilogue.apply(x, scale, noise, strength, bias, act, total, clamp, inplace)


class _Epilogue(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        scale: torch.Tensor | None,
        noise: torch.Tensor | None,
        strength: torch.Tensor | None,
        bias: torch.Tensor | None,
        act: str,
        gain: float,
        clamp: float | None,
        inplace: bool,
    ) -> torch.Tensor:
        y = serving(x).epilogue(x, scale, noise, strength, bias, act, gain, clamp, inplace)
        if y is x:
            ctx.mark_dirty(x)
        ctx.save_for_backward(y, scale, noise, strength, bias)
        ctx.arguments = (act, gain, clamp)
        return y

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        y, scale, noise, strength, bias = ctx.saved_tensors
        act, gain, clamp = ctx.arguments
        if torch.is_grad_enabled():
            x_grad, (plain, noisy, product) = _differentiable_backward(
                grad, y, scale, noise, act, gain, clamp, ctx.needs_input_grad
            )
        else:
            x_grad, together = serving(y).epilogue_backward(grad, y, scale, noise, act, gain, clamp)
            plain, noisy, product = together.unbind()  # [N, C] each
        scale_grad = strength_grad = bias_grad = None
        if ctx.needs_input_grad[1]:
            # The sum of grad·act'·gain·x, from that of the whole argument x·scale + noise·strength + bias.
            rest = product if bias is None else product - plain * bias.to(plain.dtype)
            rest = rest if noise is None else rest - noisy * strength
            scale_grad = (rest / scale).to(scale.dtype)
        if ctx.needs_input_grad[3]:
            strength_grad = noisy.sum().to(strength.dtype)
        if ctx.needs_input_grad[4]:
            bias_grad = plain.sum(dim=0).to(bias.dtype)
        return x_grad, scale_grad, None, strength_grad, bias_grad, None, None, None, None


def _differentiable_backward(
    grad: torch.Tensor,
    y: torch.Tensor,
    scale: torch.Tensor | None,
    noise: torch.Tensor | None,
    act: str,
    gain: float,
    clamp: float | None,
    needed: tuple[bool, ...],
) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """`Kernels.epilogue_backward`, differentiable; sums that are not needed are zero."""
    # Without the detour over y, of which the derivative of act' is zero: parameters that nothing depends on
    # must have no gradient rather than one of zeros, or Adam's averages move.
    sign = y.detach()
    g = _EpilogueGrad.apply(grad, sign, act, gain, clamp)
    none = g.new_zeros(())
    plain = g.to(_exact(g)).sum(dim=(2, 3)) if needed[4] or needed[1] else none
    noisy = product = none
    if noise is not None and (needed[3] or needed[1]):
        noisy = (g.to(_exact(g)) * noise).sum(dim=(2, 3))
    if needed[1]:
        free = grad if clamp is None else _EpilogueGrad.apply(grad, sign, "linear", 1.0, clamp)
        product = channel_dot(free, y)
    return g if scale is None else scale_channels(g, scale), (plain, noisy, product)


class _EpilogueGrad(torch.autograd.Function):
    """grad · gain · act', linear in `grad`; its derivative in `y` is zero almost everywhere."""

    @staticmethod
    def forward(
        ctx: Any, grad: torch.Tensor, y: torch.Tensor, act: str, gain: float, clamp: float | None
    ) -> torch.Tensor:
        ctx.save_for_backward(y)
        ctx.arguments = (act, gain, clamp)
        return serving(y).epilogue_grad(grad, y, act, gain, clamp)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (y,) = ctx.saved_tensors
        return _EpilogueGrad.apply(grad, y, *ctx.arguments), None, None, None, None


def _exact(x: torch.Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
