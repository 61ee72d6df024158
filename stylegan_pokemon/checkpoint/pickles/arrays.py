"""NumPy's numbers and arrays inside pickles, as inert stand-ins of what NumPy would build."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stylegan_pokemon.checkpoint.pickles import opcodes
from stylegan_pokemon.checkpoint.pickles.opcodes import insist
from stylegan_pokemon.errors import UserError, shown

_CODES = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1")
_MAX_AXES = 8
_NDARRAY = "numpy.ndarray"  # stands for the class; only `_reconstruct` takes it


class Dtype(opcodes.StandIn):
    """A type of numbers."""

    def __init__(self, code: Any = None, *_flags: Any) -> None:
        known = isinstance(code, str) and code in _CODES
        insist(known, f"the pickle uses the NumPy type {shown(code)}, which no checkpoint needs")
        self.code, self.order = code, "<"

    def set_state(self, state: Any) -> None:
        """Take the byte order from NumPy's (version, order, …)."""
        known = isinstance(state, tuple) and len(state) >= 2 and isinstance(state[1], str)
        insist(known, "the pickle describes a NumPy type in an unknown way")
        self.order = ">" if state[1] == ">" else "<"

    def to_numpy(self) -> np.dtype:
        """The real type."""
        return np.dtype(self.order + self.code)


class Array(opcodes.StandIn):
    """An array; `values` is there once BUILD has given it."""

    def __init__(self, budget: opcodes.Budget) -> None:
        self.budget = budget
        self.values: np.ndarray | None = None

    def set_state(self, state: Any) -> None:
        """Take NumPy's (version, shape, dtype, fortran order, bytes)."""
        listed = isinstance(state, tuple) and len(state) == 5
        five: tuple[Any, ...] = state if listed else (None,) * 5
        _, shape, dtype, fortran, data = five
        content = as_bytes(data, self.budget)
        sizes = isinstance(shape, tuple) and len(shape) <= _MAX_AXES
        sizes = sizes and all(type(n) is int and 0 <= n < 1 << 40 for n in shape)
        if not sizes or not isinstance(dtype, Dtype) or content is None:
            raise UserError("the pickle describes an array in an unknown way")
        real = dtype.to_numpy()
        fits = math.prod(shape) * real.itemsize == len(content)
        insist(fits, "an array is not as long as it says; the file is damaged")
        self.budget.copy(len(content))
        values = np.frombuffer(content, real).astype(real.newbyteorder("="))
        self.values = values.reshape(shape, order="F" if fortran else "C")


def numpy_globals(budget: opcodes.Budget) -> dict[tuple[str, str], Any]:
    """The globals of pickled numbers and arrays, in NumPy's old and new spelling.

    What their stand-ins copy is counted against the file's budget.
    """

    def scalar(dtype: Any, data: Any = None) -> Any:
        data = as_bytes(data, budget)
        fits = isinstance(dtype, Dtype) and data is not None and len(data) == dtype.to_numpy().itemsize
        insist(fits, "the pickle holds a NumPy number that is not made of its bytes")
        return np.frombuffer(data, dtype.to_numpy())[0].item()

    def array(kind: Any, *_empty: Any) -> Array:
        insist(opcodes.target_of(kind) is _NDARRAY, "the pickle builds an array of an unknown class")
        return Array(budget)

    def encode(text: Any, encoding: Any = None) -> bytes:  # bytes that protocols before 3 write as text
        known = isinstance(text, str) and encoding in ("latin1", "latin-1")
        insist(known, "the pickle encodes text in a way no checkpoint needs")
        budget.copy(len(text))
        return text.encode("latin1")

    table: dict[tuple[str, str], Any] = {("numpy", "dtype"): Dtype, ("numpy", "ndarray"): _NDARRAY}
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        table |= {(module, "scalar"): scalar, (module, "_reconstruct"): array}
    return table | {("_codecs", "encode"): encode}


def as_bytes(data: Any, budget: opcodes.Budget) -> bytes | None:
    """Bytes, also from a text string of Python 2; None for anything else."""
    if isinstance(data, (str, bytearray)):
        budget.copy(len(data))
        return data.encode("latin1") if isinstance(data, str) else bytes(data)
    return data if isinstance(data, bytes) else None
