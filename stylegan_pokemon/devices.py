"""Chooses the device by name, tries it, and sets it up for repeatable results."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import torch

from stylegan_pokemon.errors import UserError

T = TypeVar("T")

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_KEPT_BLOCKS = (256 << 20, 32 << 20)
"""Largest block in bytes that the C library keeps. Larger blocks are few, and gaps between them would cost
more than clearing. The second is the documented maximum of mallopt(3); older releases refuse more."""

_BF16 = ("avx512_bf16", "amx_bf16", "bf16")  # names of instructions that multiply in it; the last is ARM's
_CPUINFO = Path("/proc/cpuinfo")
_SHORTAGES = (
    "DefaultCPUAllocator",
    "CUDA error: out of memory",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "unable to find an engine to execute",  # PyTorch, where no algorithm of cuDNN gets its workspace
)
"""Words of errors that mean a shortage of memory although PyTorch gives them another type."""


def resolve_device(wanted: str, note: list[str] | None = None) -> torch.device:
    """The device for "auto" (the first CUDA card if it works, else the CPU), "cpu", "cuda" (0) or "cuda:N".

    A card can be visible and yet unusable: builds for CUDA 13 hold no code for a GTX 1080. So a card is
    tried; if it fails, "auto" takes the CPU and appends the reason to `note`.

    Raises UserError if a device that was asked for does not exist or does not work.
    """
    if wanted == "auto":
        if not torch.cuda.is_available():
            return torch.device("cpu")
        failure = _failure(torch.device("cuda:0"))
        if failure is None:
            return torch.device("cuda:0")
        if note is not None:
            note.append(f"{failure}; using the CPU")
        return torch.device("cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise UserError(f"--device {wanted} is no device; use auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"--device {wanted}: only the CPU and CUDA cards are supported")
    if device.type == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise UserError(
            f"--device {wanted}: this PyTorch sees no CUDA card; use --device cpu, or run"
            " `python -m stylegan_pokemon doctor`, which prints the reason and the remedy"
        )
    if (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"--device {wanted}: there are only {torch.cuda.device_count()} CUDA cards, counted from 0"
        )
    if failure := _failure(device):
        raise UserError(f"--device {wanted}: {failure}, or use --device cpu")
    return torch.device("cuda", device.index or 0)


def prepare(device: torch.device) -> None:
    """Set a device up: on CUDA deterministic algorithms and no TF32, on the CPU freed memory is kept.

    Exact continuation needs the first; the golden tolerances need the second.
    """
    if device.type != "cuda":
        _keep_freed_memory()
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Else every new tensor is written once more. The property is added at run time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def _keep_freed_memory() -> None:
    """Have the C library keep the memory that activations free, instead of returning it to the system.

    Only for glibc: by default it maps every block above 32 MiB again, and touching new pages takes longer
    than the passes that fill them. Setting the trim threshold alone would do harm: glibc then no longer
    raises the mapping threshold from 128 KiB. An iteration of 8 pictures of 64×64 has 10,000 to 100,000 page
    faults with that alone, 8,000 to 50,000 without this function and mostly 20 with either block size.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    if any(mallopt(_M_MMAP_THRESHOLD, size) for size in _KEPT_BLOCKS):  # 0: refused
        mallopt(_M_TRIM_THRESHOLD, 2 * _KEPT_BLOCKS[0])


def trial(device: torch.device) -> str | None:
    """PyTorch's error if a visible card cannot compute; None if it can.

    cuBLAS is not used here: it reads its environment, which `prepare` sets, at its first call only.
    """
    try:
        torch.ones(1, device=device).add_(1).item()
    except RuntimeError as error:
        return (str(error).strip() or type(error).__name__).splitlines()[0]
    return None


def _failure(device: torch.device) -> str | None:
    """A sentence on why a visible card cannot compute, with the remedy; None if it can."""
    reason = trial(device)
    if reason is None:
        return None
    return (
        f"{torch.cuda.get_device_name(device)} does not work with this PyTorch, built for CUDA"
        f" {torch.version.cuda} ({reason}); install a build for your card (Pascal, such as a GTX 1080, needs"
        " one for CUDA 12.6) with the command that `python -m stylegan_pokemon doctor` prints"
    )


def is_shortage(error: RuntimeError) -> bool:
    """Whether an allocation failed, on a card or on the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _SHORTAGES)


def in_batches(count: int, batch: int, work: Callable[[slice], T], one: str) -> Iterator[T]:
    """Yield work(part) for slices of at most `batch` of `count` items; memory that runs out halves the batch.

    Raises UserError, which calls an item `one`, if even one of them does not fit into memory.
    """
    start = 0
    while start < count:
        part = slice(start, min(start + batch, count))
        try:
            done = work(part)
        except RuntimeError as error:
            if not is_shortage(error):
                raise
            if batch == 1:
                raise UserError(
                    f"{one} does not fit into the memory of the device; close other programs that use it or"
                    " render with --device cpu"
                ) from None
            batch //= 2
            continue
        yield done
        start = part.stop


def multiplies_in_bf16() -> bool:
    """Whether PyTorch multiplies in bfloat16 on this processor: with AVX512-BF16, AMX or ARM's BF16.

    PyTorch uses oneDNN for this, which some of its builds lack. Releases without torch.cpu.get_capabilities
    can only be asked on Linux. An unknown processor counts as no.
    """
    if not torch.backends.mkldnn.is_available():
        return False
    if hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
        return any(found.get(name, False) for name in _BF16)
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split()}
    return not flags.isdisjoint(_BF16)
