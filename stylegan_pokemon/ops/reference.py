"""Plain-PyTorch references of all kernels (see `backend.Kernels`): the truth that tests compare with.

All are differentiable by PyTorch's own rules, any number of times.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from stylegan_pokemon.ops.backend import Padding

LRELU_SLOPE = 0.2


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
    del inplace  # a permission, of which plain PyTorch makes no use
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
    channels, k = x.shape[1], len(taps)
    f = torch.tensor(taps, dtype=x.dtype, device=x.device)
    kernel = torch.outer(f, f) * gain
    kernel = kernel if flip else kernel.flip(0, 1)
    n, _, height, width = x.shape
    spread = x.new_zeros(n, channels, height, up, width, up)
    spread[:, :, :, 0, :, 0] = x
    padded = F.pad(spread.reshape(n, channels, height * up, width * up), padding)
    out = ((padded.shape[2] - k) // down + 1, (padded.shape[3] - k) // down + 1)
    if n * channels == 0:
        return x.new_empty(n, channels, *out)
    weight = kernel[None, None].repeat(channels, 1, 1, 1)
    return F.conv2d(padded, weight, stride=down, groups=channels)


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
