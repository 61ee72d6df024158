"""What the machine can do: its precisions, its memory, its name."""

from __future__ import annotations

import sys
import time

import psutil
import torch

from stylegan_pokemon.devices import multiplies_in_bf16
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.ops.conv2d import conv2d

_PROBED = ((2, 64, 32), (2, 128, 16))  # pictures, feature maps, pixels a side: where 64×64 sprites spend time
_PROBE_SECONDS = 0.2  # for each precision; a single pass may take longer


def resolve_precision(
    wanted: str, device: torch.device, capability: tuple[int, int] | None = None, half: bool = True
) -> str:
    """What "auto" means: "fp16" or "bf16" where the device multiplies fast in it, else "fp32".

    fp16 on cards with tensor cores (compute capability 7.0 and up; a GTX 1080 computes in half precision at
    1/64 of its speed), bf16 on processors that `multiplies_in_bf16` knows. `capability` is that of a card
    that is only assumed. `half`: False keeps to fp32, in which baseline systems were trained. Raises
    UserError for a precision that the device lacks.
    """
    if capability is None and device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
    if wanted == "auto":
        if capability is None:
            return "bf16" if half and multiplies_in_bf16() else "fp32"
        return "fp16" if half and capability >= (7, 0) else "fp32"
    if wanted == "fp16" and capability is None:
        raise UserError("--precision fp16 needs a CUDA card; use --precision fp32 or bf16 on the CPU")
    if wanted == "bf16" and capability is not None and capability < (8, 0):
        raise UserError("--precision bf16 needs a card of compute capability 8.0; use --precision auto")
    return wanted


def bf16_note(precision: str, device: torch.device) -> str | None:
    """A sentence on what "bf16" costs on a processor that does not multiply in it; None where it does."""
    if precision != "bf16" or device.type != "cpu" or multiplies_in_bf16():
        return None
    return (
        "note: this processor does not multiply in bfloat16: --precision bf16 saves memory, but convolutions"
        f" take {bf16_slowdown():.1f} times as long here as with fp32 (from a short probe)"
    )


def bf16_slowdown() -> float:
    """Seconds of some convolutions of training in bfloat16 over those in float32, probed within a second."""
    return _convolution_seconds(torch.bfloat16) / _convolution_seconds(torch.float32)


def _convolution_seconds(dtype: torch.dtype) -> float:
    """The fastest of the passes forward and backward that fit into _PROBE_SECONDS, one at least."""
    _convolve(1, 8, 8, dtype)  # compiles the kernels at the first call
    passes: list[float] = []
    while sum(passes) < _PROBE_SECONDS:
        started = time.perf_counter()
        for n, c, size in _PROBED:
            _convolve(n, c, size, dtype)
        passes.append(time.perf_counter() - started)
    return min(passes)


def _convolve(n: int, c: int, size: int, dtype: torch.dtype) -> None:
    """A 3×3 convolution of n pictures of c feature maps, and its gradients."""
    shapes = ((n, c, size, size), (c, c, 3, 3), (n, c, size, size))
    x, weight, grad = (
        torch.ones(s, dtype=dtype).contiguous(memory_format=torch.channels_last) for s in shapes
    )
    x.requires_grad_()
    weight.requires_grad_()
    torch.autograd.grad(conv2d(x, weight, padding=1), (x, weight), grad)


def peak_memory(device: torch.device) -> int:
    """Peak memory so far in bytes: of the card's allocator on CUDA, of the process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def machine_words(device: torch.device) -> str:
    """The device in words for the start of a run."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{properties.name}, {properties.total_memory / 2**30:.1f} GiB"
    return f"CPU, {torch.get_num_threads()} threads, {psutil.virtual_memory().total / 2**30:.0f} GiB"
