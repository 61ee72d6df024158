"""The kernels that serve a card: those of all that agree with plain PyTorch there, which serves the rest."""

from __future__ import annotations

import functools
import hashlib
import sys
from pathlib import Path
from typing import Any

import torch

from stylegan_pokemon.ops import reference
from stylegan_pokemon.ops.backend import Kernels, switched_off
from stylegan_pokemon.ops.cuda import check
from stylegan_pokemon.ops.cuda.binaries import Binaries, compiler_for
from stylegan_pokemon.ops.cuda.driver import Card, Driver
from stylegan_pokemon.ops.cuda.kernels import CudaKernels

_WAIT = 900  # seconds for another process that checks


def provide(device: torch.device) -> Kernels | None:
    """The kernels for a card; None for other devices, and where they cannot be had."""
    return checked_kernels(device.index or 0) if device.type == "cuda" else None


@functools.cache
def checked_kernels(index: int) -> Kernels | None:
    """The kernels for card `index`, checked now if they never were; stderr hears what is left out."""
    if switched_off():
        return None
    try:
        kernels = kernels_of(index)
        verdicts = _verdicts(index)
    except Exception as error:  # a driver or a compiler may fail in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        _note(f"no fused operations on the card, plain PyTorch computes instead, in more passes ({reason})")
        return None
    wrong = {name: text for name, text in verdicts.items() if text is not None}
    for text in sorted(set(wrong.values())):
        names = ", ".join(name for name in wrong if wrong[name] == text)
        _note(f"plain PyTorch computes {names} instead of a fused operation: {text}")
    return Checked(kernels, set(wrong))


def kernels_of(index: int) -> CudaKernels:
    """The kernels for card `index`, trusted. Raises NvrtcError or DriverError where they cannot be had."""
    return CudaKernels(Card(index, Driver(), _binaries(index)))


class Checked:
    """Kernels of which plain PyTorch replaces what `wrong` names (see `check.case_name`)."""

    name = "cuda"
    convolutions = None

    def __init__(self, kernels: Kernels, wrong: set[str]) -> None:
        self._kernels, self._wrong = kernels, wrong
        self.supports = kernels.supports
        for method in {case[0] for case in check.cases()}:
            doubtful = any(name.split()[0] == method for name in wrong)
            own = functools.partial(self._choose, method) if doubtful else getattr(kernels, method)
            setattr(self, method, own)

    def _choose(self, method: str, x: torch.Tensor, *arguments: Any) -> Any:
        served = reference if check.case_name(method, x.dtype) in self._wrong else self._kernels
        return getattr(served, method)(x, *arguments)


def _verdicts(index: int) -> check.Verdicts:
    """Of this card with this driver, compiler and PyTorch, kept beside the code."""
    import filelock

    binaries = _binaries(index)
    properties = torch.cuda.get_device_properties(index)
    parts = (binaries.key, properties.name, str(Driver().version()), torch.__version__)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    path = Path(binaries.folder) / f"{key}.verdicts"
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_suffix(".lock"), timeout=_WAIT):
        if len(check.read(path)) < len(check.cases()):
            _note(f"checking the fused operations on {properties.name}, once, for about half a minute")
        return check.decide(path, lambda: check.in_a_process(index, path))


@functools.cache
def _binaries(index: int) -> Binaries:
    capability = torch.cuda.get_device_capability(index)
    return Binaries(capability, compiler_for(capability))


def _note(sentence: str) -> None:
    print(f"note: {sentence}", file=sys.stderr)
