"""Compiles the C++ kernels once per machine, with PyTorch's extension loader, into the per-user cache.

There is one attempt. A failure is recorded in the cache and told in one sentence, and plain PyTorch is used.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from stylegan_pokemon.cache import cache_folder
from stylegan_pokemon.ops.backend import switched_off
from stylegan_pokemon.ops.cpu.kernels import CpuKernels
from stylegan_pokemon.ops.kernels import Kernels

_FOLDER = Path(__file__).parent
_SOURCES = ("kernels.cpp", "winograd.cpp")
_HEADERS = ("common.h", "epilogue.h", "upfirdn2d.h", "sampling.h")
_WAIT = 300  # seconds for another process that compiles


def for_device(device: torch.device) -> Kernels | None:
    """The kernels for the CPU; None for other devices, and if they cannot be had."""
    return cpu_kernels() if device.type == "cpu" else None


@functools.cache
def cpu_kernels() -> CpuKernels | None:
    """The kernels, compiled now if they never were; None, with a note on stderr, if they cannot be had."""
    if switched_off():
        return None
    try:
        return CpuKernels(library(cache_folder() / "kernels"))
    except Exception as error:  # a compiler or a linker may fail in any way
        reason = str(error).strip().splitlines()
        print(
            "note: the fused operations could not be compiled; plain PyTorch is used, about a third slower"
            f" ({(reason or [type(error).__name__])[0][:200]});"
            " `python -m stylegan_pokemon doctor` says what is missing",
            file=sys.stderr,
        )
        return None


def library(folder: Path) -> Path:
    """The compiled library under `folder`, compiled now if it is missing.

    One of several processes compiles while the others wait. Raises RuntimeError if compiling failed before,
    and the compiler's own error if it fails now.
    """
    import filelock

    own = folder / _key()
    failed = folder / f"{_key()}.failed"
    found = _compiled(own)
    if found is None:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / f"{_key()}.lock", timeout=_WAIT):
            found = _compiled(own)
            if found is None:
                if failed.exists():
                    raise RuntimeError(f"as before, see {failed}; delete that file to try again")
                shutil.rmtree(own, ignore_errors=True)
                own.mkdir()
                try:
                    found = _compile(own)
                except Exception as error:
                    failed.write_text(str(error), encoding="utf-8")
                    raise
                (own / "done").touch()
    return found


def _compiled(folder: Path) -> Path | None:
    if not (folder / "done").exists():
        return None
    return next((path for path in folder.iterdir() if path.suffix in (".so", ".pyd", ".dll")), None)


def _compile(folder: Path) -> Path:
    from torch.utils import cpp_extension

    for name in (*_SOURCES, *_HEADERS):
        shutil.copyfile(_FOLDER / name, folder / name)
    compile_flags, link_flags = _flags()
    with _ninja_on_path():
        cpp_extension.load(
            name="stylegan_pokemon_cpu",
            sources=[str(folder / name) for name in _SOURCES],
            extra_cflags=compile_flags,
            extra_ldflags=link_flags,
            build_directory=str(folder),
            is_python_module=False,
        )
    return next(path for path in folder.iterdir() if path.suffix in (".so", ".pyd", ".dll"))


def _flags() -> tuple[list[str], list[str]]:
    """For the compiler and for the linker. No fast maths: NaN and the order of sums stay as written."""
    if sys.platform == "win32":
        return ["/O2", "/std:c++17", "/openmp:experimental"], []
    flags = ["-O3", "-std=c++17", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden"]
    if platform.machine() in ("x86_64", "AMD64"):
        flags += ["-march=native", "-mprefer-vector-width=512"]
    if sys.platform == "darwin":
        return flags, []
    # PyTorch's own OpenMP runtime, so that there is one pool of threads.
    own = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*"))
    return [*flags, "-fopenmp"], [str(own[0]) if own else "-fopenmp"]


@functools.cache
def _key() -> str:
    """Changes with the source, the flags, the compiler's name, PyTorch and the processor."""
    processor = [platform.machine(), platform.processor(), torch.backends.cpu.get_cpu_capability()]
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        processor += sorted({line for line in lines if line.startswith(("flags", "model name"))})
    except OSError:
        pass
    parts = [
        *((_FOLDER / name).read_text(encoding="utf-8") for name in (*_SOURCES, *_HEADERS)),
        repr(_flags()),
        torch.__version__,
        os.environ.get("CXX", ""),
    ]
    return hashlib.sha256("\0".join(parts + processor).encode()).hexdigest()[:16]


@contextmanager
def _ninja_on_path() -> Iterator[None]:
    """A context in which the ninja of this environment, which need not be activated, is first in PATH."""
    before = os.environ.get("PATH", "")
    try:
        import ninja

        os.environ["PATH"] = os.pathsep.join([ninja.BIN_DIR, before])
    except ImportError:
        pass
    try:
        yield
    finally:
        os.environ["PATH"] = before
