"""Every operation forward, backward and twice backward, beside plain PyTorch and beside a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from stylegan_pokemon.bench.workload import environment, median_seconds
from stylegan_pokemon.devices import prepare, resolve_device
from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.bias_act import bias_act
from stylegan_pokemon.ops.colour_transform import colour_transform
from stylegan_pokemon.ops.conv2d import conv2d, conv_transpose2d
from stylegan_pokemon.ops.grid_sample import grid_sample
from stylegan_pokemon.ops.modulated_conv2d import modulated_conv2d
from stylegan_pokemon.ops.scaling import scale_channels
from stylegan_pokemon.ops.upfirdn2d import downsample2d, upfirdn2d, upsample2d

TAPS = (0.125, 0.375, 0.375, 0.125)
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

# The derivatives of these read none of the forward pass's images; those of the others read their input, or
# their result if they keep that.
_LINEAR = ("low_pass", "upsample", "downsample", "grid_sample", "colour_transform")
_KEEP_RESULT = ("bias_act", "noise_demodulation_bias_act")

_PASS_REPEATS = 31

Operation = tuple[Callable[..., torch.Tensor], tuple[torch.Tensor, ...]]


def bench_ops(
    resolution: int, channels: int, batch: int, precision: str, device: str, repeats: int, kernels: bool
) -> dict[str, Any]:
    """Time all operations on images [batch, channels, resolution, resolution], channels_last.

    Per operation: seconds forward, of the first derivative, and of the derivative of its norm (what R1 and
    path lengths need); and of copies to new memory that read and write as many bytes as the images of the
    forward pass ("copy") and of the first derivative ("copy_backward"). With kernels, "plain" holds the same
    in plain PyTorch, and "passes" the times of the elementwise kernels without what PyTorch does around them.
    """
    target = resolve_device(device)
    prepare(target)
    results: dict[str, Any] = {}
    for name, operation in _operations(batch, channels, resolution, TYPES[precision], target).items():
        with backend.using(None):
            plain = _measure(name, operation, target, repeats)
        results[name] = _measure(name, operation, target, repeats) | {"plain": plain} if kernels else plain
    passes = _passes(batch, channels, resolution, TYPES[precision], target) if kernels else {}
    return {
        "images": [batch, channels, resolution, resolution],
        "precision": precision,
        **environment(target, kernels),
        "seconds": results,
        "passes": passes,
    }


def _operations(n: int, c: int, r: int, dtype: torch.dtype, device: torch.device) -> dict[str, Operation]:
    def images(channels: int, size: int) -> torch.Tensor:
        x = torch.randn(n, channels, size, size, device=device).to(dtype)
        return x.contiguous(memory_format=torch.channels_last).requires_grad_()

    def parameter(*shape: int) -> torch.Tensor:
        return torch.rand(shape, device=device).add_(0.5).requires_grad_()

    x, weight, half = images(c, r), parameter(c, c, 3, 3), images(c, r // 2)
    scale, bias, strength = parameter(n, c), parameter(c), parameter()
    noise = torch.randn(n, 1, r, r, device=device)
    grid = torch.rand(n, 2 * r, 2 * r, 2, device=device) * 2 - 1
    colours = torch.rand(n, 3, 4, device=device)

    def modulated(x: torch.Tensor, weight: torch.Tensor, styles: torch.Tensor) -> torch.Tensor:
        y, demodulation = modulated_conv2d(x, weight, styles)
        return bias_act(y, act="lrelu", scale=demodulation)

    def layer_end(
        x: torch.Tensor, bias: torch.Tensor, scale: torch.Tensor, strength: torch.Tensor
    ) -> torch.Tensor:
        return bias_act(x, bias, "lrelu", 1.0, 256.0, scale=scale, noise=noise, strength=strength)

    return {
        "bias_act": (lambda x, b: bias_act(x, b, "lrelu"), (x, bias)),
        "noise_demodulation_bias_act": (layer_end, (x, bias, scale, strength)),
        "scale_channels": (scale_channels, (x, scale)),
        "low_pass": (lambda x: upfirdn2d(x, TAPS, padding=(2, 1, 2, 1)), (x,)),
        "upsample": (lambda x: upsample2d(x, TAPS), (half,)),
        "downsample": (lambda x: downsample2d(x, TAPS), (x,)),
        "convolution": (lambda x, w: conv2d(x, w.to(x.dtype), padding=1), (x, weight)),
        "transposed_convolution": (lambda x, w: conv_transpose2d(x, w.to(x.dtype), stride=2), (half, weight)),
        "modulated_convolution": (modulated, (x, weight, scale)),
        "grid_sample": (lambda x: grid_sample(x.float(), grid), (images(3, r),)),
        "colour_transform": (lambda x: colour_transform(x, colours), (images(3, r),)),
    }


def _measure(name: str, operation: Operation, device: torch.device, repeats: int) -> dict[str, Any]:
    function, inputs = operation
    with torch.no_grad():
        y = function(*inputs)
        forward = median_seconds(lambda: function(*inputs), device, repeats)
    direction = torch.randn_like(y)
    graph = function(*inputs)
    backward = median_seconds(
        lambda: torch.autograd.grad(graph, inputs, direction, retain_graph=True), device, repeats
    )
    leading = direction.clone().requires_grad_()
    first = torch.autograd.grad(graph, inputs, leading, create_graph=True)
    norm: Any = sum(gradient.float().square().sum() for gradient in first)
    everything = (*inputs, leading)

    def again() -> None:
        torch.autograd.grad(norm, everything, retain_graph=True, allow_unused=True)

    def copy(numbers: int) -> float:
        copied = torch.ones(numbers // 2, dtype=y.dtype, device=device)
        return median_seconds(lambda: copied.clone(), device, repeats)

    ends = inputs[0].numel() + y.numel()
    kept = 0 if name in _LINEAR else (y if name in _KEEP_RESULT else inputs[0]).numel()
    return {
        "forward": forward,
        "backward": backward,
        "double_backward": median_seconds(again, device, repeats),
        "copy": copy(ends),
        "copy_backward": copy(ends + kept),
    }


def _passes(n: int, c: int, r: int, dtype: torch.dtype, device: torch.device) -> dict[str, Any]:
    """Seconds of every elementwise kernel, and of a copy to new memory of as many bytes."""
    x = torch.randn(n, c, r, r, device=device).to(dtype).contiguous(memory_format=torch.channels_last)
    kernels = backend.kernels_for(x)
    if kernels is None:
        return {}
    grad, scale, bias = torch.randn_like(x), torch.rand(n, c, device=device), torch.rand(c, device=device)
    noise, strength = torch.randn(n, 1, r, r, device=device), torch.tensor(0.3, device=device)
    act = ("lrelu", 1.0, 256.0)
    y = kernels.epilogue(x, scale, noise, strength, bias, *act)
    two, three = x.numel(), x.numel() * 3 // 2  # numbers copied, for passes over two or three images
    works: dict[str, tuple[Callable[[], Any], int]] = {
        "epilogue": (lambda: kernels.epilogue(x, scale, noise, strength, bias, *act), two),
        "epilogue_grad": (lambda: kernels.epilogue_grad(grad, y, *act), three),
        "epilogue_backward": (lambda: kernels.epilogue_backward(grad, y, scale, noise, *act), three),
        "scale_channels": (lambda: kernels.scale_channels(x, scale), two),
        "scale_backward": (lambda: kernels.scale_backward(grad, x, scale), three),
    }
    found = {}
    for name, (work, numbers) in works.items():
        copied = torch.ones(numbers, dtype=dtype, device=device)
        seconds = median_seconds(work, device, _PASS_REPEATS)
        found[name] = {"seconds": seconds, "copy": median_seconds(copied.clone, device, _PASS_REPEATS)}
    return found
