"""What is compared with plain PyTorch before kernels are trusted on a card: every operation, for every type.

An operation is run on small random images, in both layouts; gradients are operations too.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch

from stylegan_pokemon.ops import reference
from stylegan_pokemon.ops.cuda.launches import TYPES
from stylegan_pokemon.ops.kernels import Kernels

Result = torch.Tensor | tuple[torch.Tensor, ...]
Images = Callable[..., torch.Tensor]
Arguments = list[tuple[object, ...]]

_TOLERANCE = {torch.float32: 1e-5, torch.float16: 2**-9, torch.bfloat16: 2**-7}  # of the largest value
_SHAPES = ((2, 16, 6, 8), (3, 5, 7, 5))  # read in vectors, and number by number
_CARD_SHAPES = ((2, 72, 40, 40),)  # several blocks each way; slow where threads are emulated
_TAPS = (0.1, 0.4, 0.3, 0.2)
_LONG_TAPS = tuple(0.01 * k for k in range(12))


def cases() -> list[tuple[str, torch.dtype]]:
    """What is decided separately: every operation, for every type that images are stored in."""
    return [(method, dtype) for dtype in TYPES for method in _CHECKS]


def case_name(method: str, dtype: torch.dtype) -> str:
    """The name of a case in the file of verdicts."""
    return f"{method} {str(dtype).removeprefix('torch.')}"


def disagreement(kernels: Kernels, method: str, dtype: torch.dtype, device: torch.device) -> str | None:
    """Run one case on `device`: None, or how far it is from the reference, in float64 on the CPU."""
    worst = 0.0  # in units of what the result's type allows
    for shape in _SHAPES + (_CARD_SHAPES if device.type == "cuda" else ()):
        for layout in (torch.contiguous_format, torch.channels_last):
            rng = torch.Generator().manual_seed(sum(shape))
            images = functools.partial(_images, shape, dtype, layout, rng)
            for arguments in _CHECKS[method](images, rng):
                there = [a.to(device) if isinstance(a, torch.Tensor) else a for a in arguments]
                exact = [a.double() if isinstance(a, torch.Tensor) else a for a in arguments]
                found, expected = (getattr(*one) for one in ((kernels, method), (reference, method)))
                worst = max(worst, _distance(found(*there), expected(*exact)))
    return None if worst <= 1 else f"it is {worst:.0f} times as far from plain PyTorch as rounding can be"


def _images(
    shape: tuple[int, int, int, int],
    dtype: torch.dtype,
    layout: torch.memory_format,
    rng: torch.Generator,
    channels: int | None = None,
) -> torch.Tensor:
    n, c, h, w = shape
    return torch.randn(n, channels or c, h, w, generator=rng).to(dtype).contiguous(memory_format=layout)


def _distance(found: Result, expected: Result) -> float:
    if isinstance(found, tuple):
        return max(map(_distance, found, expected))
    assert isinstance(expected, torch.Tensor)
    if found.shape != expected.shape:
        return math.inf
    distance = float((found.cpu().double() - expected).abs().max()) / max(1.0, float(expected.abs().max()))
    return math.inf if math.isnan(distance) else distance / _TOLERANCE[found.dtype]


def _epilogue(images: Images, rng: torch.Generator) -> Arguments:
    x = images()
    n, c, h, w = x.shape
    scale, noise = torch.rand(n, c, generator=rng), torch.randn(n, 1, h, w, generator=rng)
    bias, strength = torch.rand(c, generator=rng), torch.tensor(0.3)
    return [
        (x, scale, noise, strength, bias, "lrelu", 1.4, 0.8),
        (x, scale, noise[:1], strength, None, "relu", 1.0, None),
        (x, None, None, None, bias, "linear", 0.7, 1.0),
    ]


def _epilogue_grad(images: Images, rng: torch.Generator) -> Arguments:
    return [
        (images(), images().clamp(-0.75, 0.75), "lrelu", 1.4, 0.75),
        (images(), images(), "relu", 1.0, None),
    ]


def _epilogue_backward(images: Images, rng: torch.Generator) -> Arguments:
    x = images()
    n, c, h, w = x.shape
    scale, noise = torch.rand(n, c, generator=rng), torch.randn(n, 1, h, w, generator=rng)
    return [
        (x, images().clamp(-0.75, 0.75), scale, noise, "lrelu", 1.4, 0.75),
        (x, images(), None, None, "relu", 1.0, None),
    ]


def _resampling(images: Images, rng: torch.Generator) -> Arguments:
    shapes = [(up, down, taps) for up, down in ((1, 1), (2, 1), (1, 2)) for taps in (_TAPS, _LONG_TAPS)]
    pad = {4: (2, 1, 2, 1), 12: (6, 5, 6, 5)}
    return [
        (images(channels), taps, up, down, pad[len(taps)], False, 2.0)
        for up, down, taps in shapes
        for channels in (3, 16)
    ]


def _grid(images: Images, rng: torch.Generator) -> torch.Tensor:
    x = images()
    return torch.rand(x.shape[0], *x.shape[2:], 2, generator=rng) * 2.4 - 1.2


_CHECKS: dict[str, Callable[[Images, torch.Generator], Arguments]] = {
    "epilogue": _epilogue,
    "epilogue_grad": _epilogue_grad,
    "epilogue_backward": _epilogue_backward,
    "scale_channels": lambda images, rng: [(x := images(), torch.rand(x.shape[:2], generator=rng))],
    "channel_dot": lambda images, rng: [(images(), images())],
    "scale_backward": lambda images, rng: [(x := images(), images(), torch.rand(x.shape[:2], generator=rng))],
    "upfirdn2d": _resampling,
    "grid_gather": lambda images, rng: [(images(3), _grid(images, rng))],
    "grid_scatter": lambda images, rng: [(images(3), _grid(images, rng), (9, 8))],
    "colour_transform": lambda images, rng: [(x := images(3), torch.rand(x.shape[0], 3, 4, generator=rng))],
}
