"""Finds the libraries of NVRTC, NVIDIA's compiler at run time, and asks them what they compile for."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from stylegan_pokemon.doctor.facts import Capability, Nvrtc

# Where wheels put them, seen from a folder of packages: of CUDA 12, of CUDA 13, of PyTorch for Windows.
_PLACES = (
    "nvidia/cuda_nvrtc/lib",
    "nvidia/cuda_nvrtc/bin",
    "nvidia/cu1[1-9]/lib",
    "nvidia/cu1[1-9]/bin",
    "nvidia/cu1[1-9]/bin/x86_64",
    "torch/lib",
)
# Not the builtins, nor the alternative build, which lie beside them under names that begin alike.
_LIBRARY = re.compile(r"libnvrtc(-[0-9a-f]+)?\.so\.[\d.]+|nvrtc64_\d+_\d+\.dll")


def find(folders: list[str] | None = None) -> Iterator[Path | str]:
    """Files that look like NVRTC, those that came with PyTorch first; then what the system has.

    folders: where packages lie; the interpreter's own when not given.
    """
    for folder in dict.fromkeys(sys.path if folders is None else folders):
        for place in _PLACES:
            for path in sorted(Path(folder or ".").glob(f"{place}/*nvrtc*")):
                if _LIBRARY.fullmatch(path.name):
                    yield path
    if os.environ.get("CUDA_PATH"):
        for path in sorted(Path(os.environ["CUDA_PATH"]).glob("bin/**/nvrtc64_*.dll")):
            if _LIBRARY.fullmatch(path.name):
                yield path
    if name := ctypes.util.find_library("nvrtc"):
        yield name


def ask(path: Path | str) -> Nvrtc:
    """The version of a library and what it compiles for. Raises OSError where it cannot be loaded."""
    library = ctypes.CDLL(str(path))
    major, minor = ctypes.c_int(), ctypes.c_int()
    if library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)):
        raise OSError(f"{path} does not tell its version")
    return Nvrtc((major.value, minor.value), _capabilities(library))


def _capabilities(library: ctypes.CDLL) -> tuple[Capability, ...]:
    count = ctypes.c_int()
    try:
        if library.nvrtcGetNumSupportedArchs(ctypes.byref(count)):
            return ()
        architectures = (ctypes.c_int * count.value)()
        if library.nvrtcGetSupportedArchs(architectures):
            return ()
    except AttributeError:  # older than CUDA 11.2
        return ()
    return tuple(divmod(number, 10) for number in architectures)
