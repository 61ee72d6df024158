"""How a kernel is launched: which instance of its template, how many threads, which arguments.

Everything here is arithmetic on shapes, so that it is checked without a card, for every shape of training.
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import torch

THREADS = 256  # of every block, as in kernels.cu
MAX_SHARED = 48 << 10  # bytes per block on every card without asking for more
MAX_GRID = (2**31 - 1, 65535, 65535)
_VECTOR = 16  # bytes that a thread reads at once

TYPES = {torch.float32: "float", torch.float16: "Half", torch.bfloat16: "BFloat16"}


class Long(int):
    """An argument that the kernel takes as 64 bits."""


Argument = torch.Tensor | None | float | int | Long


class Launch(NamedTuple):
    """One launch. `kernel` is an instance as kernels.cu names it, `shared` its dynamic shared bytes."""

    kernel: str
    grid: tuple[int, int, int]
    shared: int
    arguments: tuple[Argument, ...]


class Launcher(Protocol):
    """What runs launches: a card, the tests' emulation, or a list that only keeps them."""

    device_type: str

    def launch(self, launch: Launch) -> None:
        """Run it after everything that was launched before."""


_SLOTS = {"p": "Q", "f": "f4x", "i": "i4x", "l": "q"}


def kinds(arguments: tuple[Argument, ...]) -> str:
    """The C types that kernels.cu declares, a letter each: pointer, float, int, and long long for Long."""
    return "".join(map(_kind, arguments))


def _kind(argument: Argument) -> str:
    if argument is None or isinstance(argument, torch.Tensor):
        return "p"
    if isinstance(argument, float):
        return "f"
    return "l" if isinstance(argument, Long) else "i"


class Slots:
    """Memory for arguments of such kinds, 8 bytes each, that is used launch after launch.

    Filling it takes a fraction of the time of making a C object of every argument. `pointers` are what the
    driver wants: it copies the arguments before it returns. Not to be shared between threads.
    """

    def __init__(self, letters: str) -> None:
        """`letters`: what `kinds` says of the arguments."""
        self._layout = struct.Struct("=" + "".join(_SLOTS[letter] for letter in letters))
        self._memory = ctypes.create_string_buffer(self._layout.size)
        first = ctypes.addressof(self._memory)
        self.pointers = (ctypes.c_void_p * len(letters))(*range(first, first + self._layout.size, 8))

    def fill(self, arguments: tuple[Argument, ...]) -> None:
        """Write the arguments of the next launch."""
        self._layout.pack_into(self._memory, 0, *map(_value, arguments))


def _value(argument: Argument) -> int | float:
    if isinstance(argument, torch.Tensor):
        return argument.data_ptr()
    return 0 if argument is None else argument


@lru_cache(maxsize=None, typed=True)
def instance(name: str, *parameters: object) -> str:
    """An instance of a kernel's template, spelled as `all_instances` spells it."""
    spelled = [TYPES[p] if isinstance(p, torch.dtype) else str(p).lower() if isinstance(p, bool) else str(p)
               for p in parameters]  # fmt: skip
    return f"{name}<{','.join(spelled)}>"


def vector_width(axis: int, *tensors: torch.Tensor) -> int:
    """How many numbers a thread reads at once: 16 bytes where `axis` and all addresses allow, else 1."""
    size = tensors[0].element_size()
    width = _VECTOR // size
    aligned = all(t.storage_offset() * size % _VECTOR == 0 for t in tensors)  # allocations are
    return width if aligned and axis % width == 0 else 1


def blocks(threads: int) -> int:
    """Blocks that hold so many threads."""
    return -(-threads // THREADS)


@dataclass(frozen=True)
class Summing:
    """How `pass_and_sum` cuts [n, c, pixels] into blocks."""

    lanes: int  # columns of a block
    chunk: int  # pixels of a block
    chunks: int
    groups: int  # blocks beside each other along the channels
    shared: int  # bytes


@lru_cache(maxsize=1024)
def summing(c: int, pixels: int, width: int, last: bool, sums: int) -> Summing:
    """Blocks of `pass_and_sum` for `width` numbers at once and `sums` sums, channels_last (`last`) or not."""
    columns = c // width if last else 1
    lanes = min(32, columns)
    rows = THREADS // lanes
    step = rows * (1 if last else width)
    per_thread = max(8, -(-pixels // (256 * step)))  # at most 256 partial sums per channel
    chunk = step * per_thread
    return Summing(
        lanes=lanes,
        chunk=chunk,
        chunks=-(-pixels // chunk),
        groups=-(-columns // lanes) if last else c,
        shared=4 * sums * rows * lanes * (width if last else 1),
    )


class Tile(NamedTuple):
    """What a block of `upfirdn2d` computes; the template's last three parameters."""

    width: int
    height: int
    lanes: int  # channels

    def shared(self, up: int, down: int, taps: int) -> int:
        """Bytes of shared memory."""
        across, along = (((size - 1) * down + taps + up - 1) // up for size in (self.width, self.height))
        return 4 * (taps + (along + self.height) * across * self.lanes)


PLANES, COLOURS, FEATURES = Tile(32, 32, 1), Tile(16, 16, 4), Tile(8, 8, 16)
"""Tiles for contiguous images, and for channels_last images of few and of many channels."""

SMALL_PLANES, SMALL = Tile(8, 8, 1), Tile(4, 4, 4)
"""Tiles for filters so long that the others' pixels do not fit into shared memory."""

_RESAMPLINGS = ((1, 1, 4), (2, 1, 4), (1, 2, 4))  # up, down, taps that have instances of their own


@lru_cache(maxsize=1024)
def tile_of(channels: int, last: bool, up: int, down: int, taps: int) -> Tile | None:
    """The tile for images of so many channels; None for filters that are longer than any tile allows."""
    usual = PLANES if not last else COLOURS if channels <= COLOURS.lanes else FEATURES
    tiles = (usual, SMALL if last else SMALL_PLANES)
    return next((tile for tile in tiles if tile.shared(up, down, taps) <= MAX_SHARED), None)


def resampling(up: int, down: int, taps: int) -> tuple[int, int, int]:
    """The template's (UP, DOWN, TAPS): zeros mean that they are arguments."""
    return (up, down, taps) if (up, down, taps) in _RESAMPLINGS else (0, 0, 0)


def all_instances() -> list[str]:
    """Every instance that a launch may name, for compiling ahead and for the emulation."""
    found = [instance("sum_partial", sums) for sums in (1, 3)]
    for dtype in TYPES:
        found.append(instance("grid_scatter_end", dtype))
        widths = (1, _VECTOR // dtype.itemsize)
        found += [instance("epilogue_grad", dtype, width) for width in widths]
        for last in (False, True):
            found += [
                instance(name, dtype, last) for name in ("grid_gather", "grid_scatter", "colour_transform")
            ]
            for width in widths:
                found.append(instance("epilogue", dtype, width, last))
                for operation in ("EpilogueBackward", "ScaleAndDot"):
                    found.append(instance("pass_and_sum", dtype, width, last, operation))
        for shape in (*_RESAMPLINGS, (0, 0, 0)):
            for tile in (PLANES, COLOURS, FEATURES):
                found.append(instance("upfirdn2d", dtype, *shape, *tile))
        for tile in (SMALL_PLANES, SMALL):
            found.append(instance("upfirdn2d", dtype, 0, 0, 0, *tile))
    return found
