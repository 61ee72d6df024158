"""What the machine says of itself: precision and memory."""

from __future__ import annotations

import sys

import psutil
import torch

from stylegan_pokemon.errors import UserError


def resolve_precision(
    wanted: str, device: torch.device, capability: tuple[int, int] | None = None, half: bool = True
) -> str:
    """ "fp16" for cards with tensor cores (compute capability 7.0 and up) under "auto", else "fp32".

    A GTX 1080 computes in half precision at 1/64 of its speed, hence fp32 there. `capability` is that of a
    card that is only assumed; `half`: whether the networks can train in fp16, as those of earlier systems
    cannot. Raises UserError for a precision that the device lacks.
    """
    if capability is None and device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
    if wanted == "auto":
        return "fp16" if half and capability is not None and capability >= (7, 0) else "fp32"
    if wanted == "fp16" and capability is None:
        raise UserError("--precision fp16 needs a CUDA card; use --precision fp32 or bf16 on the CPU")
    if wanted == "bf16" and capability is not None and capability < (8, 0):
        raise UserError("--precision bf16 needs a card of compute capability 8.0; use --precision auto")
    return wanted


def peak_memory(device: torch.device) -> int:
    """Peak memory so far in bytes: of the card's allocator on CUDA, of the process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def describe(device: torch.device) -> str:
    """The device in words for the start of a run."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{properties.name}, {properties.total_memory / 2**30:.1f} GiB"
    return f"CPU, {torch.get_num_threads()} threads, {psutil.virtual_memory().total / 2**30:.0f} GiB"
