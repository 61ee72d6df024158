"""NVRTC, NVIDIA's runtime compiler: finds its libraries, asks which cards they support, and compiles.

A CUDA build of PyTorch brings one, so users need no toolchain. It is called through its C interface, which
has not changed since CUDA 11.2. Several versions may be installed side by side, and newer ones do not know
older cards: the caller chooses. This module imports nothing heavy.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Where wheels put them, relative to a folder of packages: CUDA 12, CUDA 13, PyTorch for Windows.
_PLACES = (
    "nvidia/cuda_nvrtc/lib",
    "nvidia/cuda_nvrtc/bin",
    "nvidia/cu1[1-9]/lib",
    "nvidia/cu1[1-9]/bin",
    "nvidia/cu1[1-9]/bin/x86_64",
    "torch/lib",
)
# Neither the builtins nor the alternative build, which lie beside them and have similar names.
_LIBRARY = re.compile(r"libnvrtc(-[0-9a-f]+)?\.so\.[\d.]+|nvrtc64_\d+_\d+\.dll")
_BUILTINS = ("libnvrtc-builtins*.so*", "nvrtc-builtins64_*.dll")


class NvrtcError(Exception):
    """NVRTC cannot be loaded or did not compile; the text is its own message."""


def find(folders: list[str] | None = None) -> Iterator[Path]:
    """Files that look like NVRTC, as PyTorch and NVIDIA's packages bring them.

    folders: where packages are installed; None: the interpreter's own.
    """
    for folder in dict.fromkeys(sys.path if folders is None else folders):
        for place in _PLACES:
            for path in sorted(Path(folder or ".").glob(f"{place}/*nvrtc*")):
                if _LIBRARY.fullmatch(path.name):
                    yield path


@dataclass(frozen=True)
class Compiled:
    """Machine code, the names of its kernels, and the compiler's log."""

    code: bytes  # a cubin
    names: dict[str, str]  # as asked for → as in the code
    log: str


class Nvrtc:
    """One library. Raises NvrtcError where `path` cannot be loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for builtins in itertools.chain(*map(path.parent.glob, _BUILTINS)):  # by itself it searches elsewhere
            with contextlib.suppress(OSError):
                ctypes.CDLL(str(builtins))
        try:
            self._library = ctypes.CDLL(str(path))
        except OSError as error:
            raise NvrtcError(str(error)) from error
        self._library.nvrtcGetErrorString.restype = ctypes.c_char_p

    def version(self) -> tuple[int, int]:
        """Major and minor version of its CUDA."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        return major.value, minor.value

    def capabilities(self) -> tuple[tuple[int, int], ...]:
        """Compute capabilities that it compiles for; empty if it does not tell (before CUDA 11.2)."""
        count = ctypes.c_int()
        try:
            self._call("nvrtcGetNumSupportedArchs", ctypes.byref(count))
            architectures = (ctypes.c_int * count.value)()
            self._call("nvrtcGetSupportedArchs", architectures)
        except (AttributeError, NvrtcError):
            return ()
        return tuple(divmod(number, 10) for number in architectures)

    def compile(self, source: str, kernels: Sequence[str], options: Sequence[str]) -> Compiled:
        """Compile the template instances in `kernels`; `options` must name a real architecture.

        Raises NvrtcError with the compiler's log.
        """
        program = ctypes.c_void_p()
        text = source.encode()
        self._call("nvrtcCreateProgram", ctypes.byref(program), text, b"kernels.cu", 0, None, None)
        try:
            for kernel in kernels:
                self._call("nvrtcAddNameExpression", program, kernel.encode())
            arguments = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
            failed = self._library.nvrtcCompileProgram(program, len(options), arguments)
            log = self._bytes("ProgramLog", program).rstrip(b"\0").decode(errors="replace")
            if failed:
                raise NvrtcError(log.strip() or self._text(failed))
            names = {}
            for kernel in kernels:
                lowered = ctypes.c_char_p()
                self._call("nvrtcGetLoweredName", program, kernel.encode(), ctypes.byref(lowered))
                names[kernel] = (lowered.value or b"").decode()
            return Compiled(self._bytes("CUBIN", program), names, log)
        finally:
            self._library.nvrtcDestroyProgram(ctypes.byref(program))

    def _bytes(self, what: str, program: ctypes.c_void_p) -> bytes:
        size = ctypes.c_size_t()
        self._call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self._call(f"nvrtcGet{what}", program, buffer)
        return buffer.raw

    def _call(self, name: str, *arguments: object) -> None:
        if code := getattr(self._library, name)(*arguments):
            raise NvrtcError(f"{name}: {self._text(code)}")

    def _text(self, code: int) -> str:
        return (self._library.nvrtcGetErrorString(code) or b"unknown error").decode()
