"""Every operation of `kernels.Kernels` in plain PyTorch: what computes without kernels, and the tests' truth.

All are differentiable by PyTorch's own rules, any number of times.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from stylegan_pokemon.ops.kernels import Padding

LRELU_SLOPE = 0.2
_SEPARATE_FROM_TAPS = 6
"""From this length on two passes (2k multiplications) are faster than one with the outer product (k²)."""


def epilogue(
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
    del inplace  # it permits, and plain PyTorch makes no use of it
    if scale is not None:
        x = x * scale.to(x.dtype)[:, :, None, None]
    if noise is not None:
        assert strength is not None
        x = x + (noise * strength).to(x.dtype)
    if gain != 1:
        # Positively homogeneous, act(g·x) = g·act(x): the gain joins the bias in one pass.
        x = x * gain if bias is None else torch.add(_per_channel(bias, x) * gain, x, alpha=gain)
    elif bias is not None:
        x = x + _per_channel(bias, x)
    x = _ACTIVATIONS[act](x)
    return x if clamp is None else x.clamp(-clamp, clamp)


def epilogue_grad(
    grad: torch.Tensor, y: torch.Tensor, act: str, gain: float, clamp: float | None
) -> torch.Tensor:
    factor = torch.full_like(y, gain)
    if act != "linear":
        factor = torch.where(y > 0, factor, factor * (LRELU_SLOPE if act == "lrelu" else 0))
    return grad * (factor if clamp is None else factor * (y.abs() < clamp))


def epilogue_backward(
    grad: torch.Tensor,
    y: torch.Tensor,
    scale: torch.Tensor | None,
    noise: torch.Tensor | None,
    act: str,
    gain: float,
    clamp: float | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    exact = torch.promote_types(grad.dtype, torch.float32)
    g = epilogue_grad(grad.to(exact), y.to(exact), act, gain, clamp)
    free = grad.to(exact) if clamp is None else grad.to(exact) * (y.abs() < clamp)
    sums = [g, g * noise if noise is not None else torch.zeros_like(g), free * y]
    x_grad = g if scale is None else g * scale[:, :, None, None]
    return x_grad.to(grad.dtype), torch.stack([s.sum(dim=(2, 3)) for s in sums])


def scale_channels(x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return x * scale.to(x.dtype)[:, :, None, None]


def channel_dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    exact = torch.promote_types(a.dtype, torch.float32)
    return (a.to(exact) * b.to(exact)).sum(dim=(2, 3))


def scale_backward(
    grad: torch.Tensor, x: torch.Tensor, scale: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    return scale_channels(grad, scale), channel_dot(grad, x)


def upfirdn2d(
    x: torch.Tensor,
    taps: tuple[float, ...],
    up: int,
    down: int,
    padding: Padding,
    flip: bool,
    gain: float,
) -> torch.Tensor:
    f, k = torch.tensor(taps, dtype=x.dtype, device=x.device), len(taps)
    left, right, top, bottom = padding
    if x.shape[0] == 0 or x.shape[1] == 0:
        padded = (x.shape[2] * up + top + bottom, x.shape[3] * up + left + right)
        return x.new_empty(*x.shape[:2], *((size - k) // down + 1 for size in padded))
    if k < _SEPARATE_FROM_TAPS:
        return _resample(x, torch.outer(f, f) * gain, (up, up), (down, down), padding, flip)
    x = _resample(x, f[None, :] * gain, (1, up), (1, down), (left, right, 0, 0), flip)
    return _resample(x, f[:, None], (up, 1), (down, 1), (0, 0, top, bottom), flip)


def _resample(
    x: torch.Tensor,
    kernel: torch.Tensor,
    up: tuple[int, int],
    down: tuple[int, int],
    padding: Padding,
    flip: bool,
) -> torch.Tensor:
    """upfirdn2d with a kernel [kh, kw], as one depthwise convolution."""
    channels, (kh, kw), (left, right, top, bottom) = x.shape[1], kernel.shape, padding
    kernel = kernel if flip else kernel.flip(0, 1)
    if up == (1, 1):
        weight = kernel[None, None].repeat(channels, 1, 1, 1)
        if left == right >= 0 and top == bottom >= 0:
            return F.conv2d(x, weight, stride=down, padding=(top, left), groups=channels)
        return F.conv2d(F.pad(x, padding), weight, stride=down, groups=channels)
    # A transposed convolution inserts the zeros without storing them; it adds mirrored taps, hence the flip.
    weight = kernel.flip(0, 1)[None, None].repeat(channels, 1, 1, 1)
    start, end = (kh - 1 - top, kw - 1 - left), (kh - up[0] - bottom, kw - up[1] - right)  # rows to crop
    if start == end and min(start) >= 0:
        y = F.conv_transpose2d(x, weight, stride=up, padding=start, groups=channels)
    else:
        y = F.conv_transpose2d(x, weight, stride=up, groups=channels)
        y = F.pad(y, (-start[1], -end[1], -start[0], -end[0]))
    return y if down == (1, 1) else y[:, :, :: down[0], :: down[1]]


def grid_gather(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    return F.grid_sample(x, grid.to(x.dtype), mode="bilinear", padding_mode="zeros", align_corners=False)


def grid_sample_reference(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Return what `grid_gather` returns, written as four indexed reads weighted by the areas they cover."""
    height, width = x.shape[2:]
    size = grid.new_tensor((width, height))
    position = ((grid.detach() + 1) * size - 1) / 2
    corner = position.floor()
    fraction = position - corner
    column, row = corner.long().unbind(-1)  # [N, H', W'] each
    right, below = fraction.to(x.dtype).unbind(-1)
    image = torch.arange(x.shape[0], device=x.device)[:, None, None]
    pixels = x.permute(0, 2, 3, 1)
    result = x.new_zeros(())
    for dy, weight_y in ((0, 1 - below), (1, below)):
        for dx, weight_x in ((0, 1 - right), (1, right)):
            i, j = row + dy, column + dx
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            weight = weight_y * weight_x * inside
            values = pixels[image, i.clamp(0, height - 1), j.clamp(0, width - 1)]  # [N, H', W', C]
            result = result + values * weight[..., None]
    return result.permute(0, 3, 1, 2)


def grid_scatter(values: torch.Tensor, grid: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    n, channels = values.shape[:2]
    # The adjoint depends on the image's shape alone: a single zero seen as a whole image stands for it.
    image = values.new_zeros(()).expand(n, channels, *size).requires_grad_()
    # PyTorch's own scattering adds in an order that changes from run to run.
    repeatable = values.is_cuda and torch.are_deterministic_algorithms_enabled()
    with torch.enable_grad():
        sampled = (grid_sample_reference if repeatable else grid_gather)(image, grid)
    return torch.autograd.grad(sampled, image, values)[0]


def colour_transform(x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    exact = matrix.to(torch.promote_types(x.dtype, torch.float32))
    flat = torch.baddbmm(exact[:, :, 3:], exact[:, :, :3], x.flatten(2).to(exact.dtype))
    return flat.unflatten(2, x.shape[2:]).to(x.dtype)


def _per_channel(bias: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return bias.to(x.dtype).reshape(-1, *([1] * (x.ndim - 2)))


_ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": F.relu,
    "lrelu": lambda x: F.leaky_relu(x, LRELU_SLOPE),
}
