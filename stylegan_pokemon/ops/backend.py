"""Which implementation serves a tensor: compiled kernels for its device, or plain PyTorch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from stylegan_pokemon.ops.kernels import Kernels

SWITCH = "STYLEGAN_POKEMON_KERNELS"
"""Environment variable; "plain" switches all kernels off."""


def switched_off() -> bool:
    """Whether the user switched kernels off."""
    return os.environ.get(SWITCH) == "plain"


_providers: list[Callable[[torch.device], Kernels | None]] = []
_forced: list[Kernels | None] = []  # innermost last; None forces plain PyTorch


def register(provider: Callable[[torch.device], Kernels | None]) -> None:
    """Add a function that returns the kernels for a device, or None. The first that returns some is used."""
    _providers.append(provider)


def kernels_for(x: torch.Tensor) -> Kernels | None:
    """The kernels that serve images like `x`, None for plain PyTorch."""
    if _forced:
        chosen = _forced[-1]
        return chosen if chosen is not None and chosen.supports(x) else None
    for provider in _providers:
        kernels = provider(x.device)
        if kernels is not None and kernels.supports(x):
            return kernels
    return None


def serving(x: torch.Tensor) -> Kernels:
    """The kernels for a derivative of an operation that kernels computed."""
    kernels = kernels_for(x)
    assert kernels is not None, "the kernels of the forward pass are gone"
    return kernels


@contextmanager
def using(kernels: Kernels | None) -> Iterator[None]:
    """A context in which these kernels serve all images that they support; None: plain PyTorch."""
    _forced.append(kernels)
    try:
        yield
    finally:
        _forced.pop()
