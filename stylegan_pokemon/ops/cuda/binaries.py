"""Machine code of the kernels, compiled by NVRTC for one architecture and kept in the per-user cache.

Every instance of a template is compiled when it is first launched, in a fraction of a second. Its code is
kept under a key of source, options, compiler and architecture.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from pathlib import Path

import torch

from stylegan_pokemon.cache import cache_folder
from stylegan_pokemon.files import whole_file
from stylegan_pokemon.nvrtc import Nvrtc, NvrtcError, find

Capability = tuple[int, int]


@functools.cache
def source() -> str:
    """The text of all kernels."""
    return Path(__file__).with_name("kernels.cu").read_text(encoding="utf-8")


def options(capability: Capability) -> list[str]:
    """Options for NVRTC: no fast maths, but multiply-adds may be fused, which is its default."""
    return [f"--gpu-architecture=sm_{capability[0]}{capability[1]}", "--std=c++17"]


def compiler_for(capability: Capability) -> Nvrtc:
    """The first NVRTC that compiles for a card. Raises NvrtcError, which lists those found, if none does."""
    seen = []
    for path in find():
        try:
            library = Nvrtc(path)
            version = library.version()
        except NvrtcError as error:
            seen.append(f"{path}: {error}")
            continue
        if capability in library.capabilities():
            return library
        seen.append("NVRTC {}.{}".format(*version))
    found = f"only {', '.join(seen)}" if seen else "none at all"
    raise NvrtcError(
        "there is no NVRTC for compute capability {}.{}, {found}".format(*capability, found=found)
    )


@functools.cache
def binaries_of(index: int) -> Binaries:
    """Machine code for card `index`. Raises NvrtcError if no NVRTC compiles for it."""
    capability = torch.cuda.get_device_capability(index)
    return Binaries(capability, compiler_for(capability))


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


class Binaries:
    """Code for cards of one compute capability, by the name of an instance."""

    def __init__(self, capability: Capability, compiler: Nvrtc, folder: Path | None = None) -> None:
        self._capability, self._compiler = capability, compiler
        self.folder = folder or cache_folder() / "kernels" / "cuda"
        parts = [source(), *options(capability), repr(compiler.version())]
        self.key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
        """Changes with everything that the code depends on."""

    def __call__(self, kernel: str) -> tuple[bytes, str]:
        """The code of an instance and its name there. Raises NvrtcError where it does not compile."""
        own = hashlib.sha256(kernel.encode()).hexdigest()[:8]
        kept = self.folder / f"{self.key}-{kernel.split('<')[0]}-{own}.cubin"
        try:
            digest, _, content = kept.read_bytes().partition(b"\n")
            if digest == _digest(content):  # else it was damaged, and is compiled again
                stored, _, code = content.partition(b"\n")
                return code, stored.decode()
        except OSError:
            pass
        compiled = self._compiler.compile(source(), [kernel], options(self._capability))
        name = compiled.names[kernel]
        content = name.encode() + b"\n" + compiled.code
        with contextlib.suppress(Exception):  # a cache that cannot be written costs time, not the run
            self.folder.mkdir(parents=True, exist_ok=True)
            with whole_file(kept) as temporary:
                temporary.write_bytes(_digest(content) + b"\n" + content)
        return compiled.code, name
