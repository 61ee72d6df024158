"""Kernels for a card, from compiler, driver and launcher; nothing is checked here."""

from __future__ import annotations

import functools

import torch

from stylegan_pokemon.ops.cuda.binaries import Binaries, compiler_for
from stylegan_pokemon.ops.cuda.driver import Card, Driver
from stylegan_pokemon.ops.cuda.kernels import CudaKernels


def kernels_of(index: int) -> CudaKernels:
    """The kernels for card `index`. Raises NvrtcError or DriverError if they cannot be had."""
    return CudaKernels(Card(index, Driver(), binaries_of(index)))


@functools.cache
def binaries_of(index: int) -> Binaries:
    """Machine code for card `index`. Raises NvrtcError if no NVRTC compiles for it."""
    capability = torch.cuda.get_device_capability(index)
    return Binaries(capability, compiler_for(capability))
