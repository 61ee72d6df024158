"""The kernels that a card uses: those that agree with plain PyTorch on it, which computes the rest."""

from __future__ import annotations

import functools
import hashlib
import sys
from pathlib import Path
from typing import Any, cast

import torch

from stylegan_pokemon.ops import reference
from stylegan_pokemon.ops.backend import switched_off
from stylegan_pokemon.ops.cuda.binaries import binaries_of
from stylegan_pokemon.ops.cuda.cases import case_name, cases
from stylegan_pokemon.ops.cuda.checking import check_in_process, kernels_of
from stylegan_pokemon.ops.cuda.driver import Driver
from stylegan_pokemon.ops.cuda.verdicts import Verdicts, decide, read
from stylegan_pokemon.ops.kernels import Kernels

_WAIT = 900  # seconds for another process that checks


def for_device(device: torch.device) -> Kernels | None:
    """The kernels for a card; None for other devices, and if they cannot be had."""
    return trusted_kernels(device.index or 0) if device.type == "cuda" else None


@functools.cache
def trusted_kernels(index: int) -> Kernels | None:
    """The kernels for card `index`, checked now if they never were; what is left out is told on stderr."""
    if switched_off():
        return None
    try:
        kernels = kernels_of(index)
        verdicts = _verdicts(index)
    except Exception as error:  # a driver or a compiler may fail in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        _note(f"no fused operations on the card; plain PyTorch is slower, with the same result ({reason})")
        return None
    wrong = {name: text for name, text in verdicts.items() if text is not None}
    for text in sorted(set(wrong.values())):
        names = ", ".join(name for name in wrong if wrong[name] == text)
        _note(f"plain PyTorch computes {names} instead of a fused operation: {text}")
    return cast(Kernels, Trusted(kernels, set(wrong)))


class Trusted:
    """Kernels; plain PyTorch replaces the cases in `wrong` (see `cases.case_name`)."""

    name = "cuda"
    convolutions = None

    def __init__(self, kernels: Kernels, wrong: set[str]) -> None:
        self._kernels, self._wrong = kernels, wrong
        self.supports = kernels.supports
        for method in {case[0] for case in cases()}:
            doubtful = any(name.split()[0] == method for name in wrong)
            own = functools.partial(self._choose, method) if doubtful else getattr(kernels, method)
            setattr(self, method, own)

    def _choose(self, method: str, x: torch.Tensor, *arguments: Any) -> Any:
        served = reference if case_name(method, x.dtype) in self._wrong else self._kernels
        return getattr(served, method)(x, *arguments)


def _verdicts(index: int) -> Verdicts:
    """On this card with this driver, compiler and PyTorch; kept beside the machine code."""
    import filelock

    binaries = binaries_of(index)
    properties = torch.cuda.get_device_properties(index)
    parts = (binaries.key, properties.name, str(Driver().version()), torch.__version__)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    path = Path(binaries.folder) / f"{key}.verdicts"
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_suffix(".lock"), timeout=_WAIT):
        if len(read(path)) < len(cases()):
            _note(f"checking the fused operations on {properties.name}, once, for about half a minute")
        return decide(path, lambda: check_in_process(index, path))


def _note(sentence: str) -> None:
    print(f"note: {sentence}", file=sys.stderr)
