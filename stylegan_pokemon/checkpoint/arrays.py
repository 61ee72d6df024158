"""NumPy's numbers and arrays inside pickles, as inert stand-ins of what NumPy would build."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stylegan_pokemon.checkpoint import opcodes
from stylegan_pokemon.errors import UserError

_CODES = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1")
_MAX_AXES = 8
_NDARRAY = "numpy.ndarray"  # stands for the class; only `_reconstruct` takes it


class Dtype(opcodes.StandIn):
    """A type of numbers."""

    def __init__(self, code: Any = None, *_flags: Any) -> None:
        if not isinstance(code, str) or code not in _CODES:
            raise UserError(
                f"the pickle uses the NumPy type {opcodes.shown(code)}, which no checkpoint needs"
            )
        self.code, self.order = code, "<"

    def set_state(self, state: Any) -> None:
        """Take the byte order from NumPy's (version, order, …)."""
        if not isinstance(state, tuple) or len(state) < 2 or not isinstance(state[1], str):
            raise UserError("the pickle describes a NumPy type in an unknown way")
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
        if not isinstance(state, tuple) or len(state) != 5:
            raise UserError("the pickle describes an array in an unknown way")
        _, shape, dtype, fortran, data = state
        data = as_bytes(data, self.budget)
        sizes = isinstance(shape, tuple) and all(type(n) is int and 0 <= n < 1 << 40 for n in shape)
        if not isinstance(dtype, Dtype) or data is None or not sizes or len(shape) > _MAX_AXES:
            raise UserError("the pickle describes an array in an unknown way")
        real = dtype.to_numpy()
        if math.prod(shape) * real.itemsize != len(data):
            raise UserError("an array is not as long as it says; the file is damaged")
        self.budget.copy(len(data))
        values = np.frombuffer(data, real).astype(real.newbyteorder("="))
        self.values = values.reshape(shape, order="F" if fortran else "C")


class NumpyReader:
    """The stand-ins for NumPy's part of a pickle; what they copy is counted against the file's budget."""

    def __init__(self, budget: opcodes.Budget) -> None:
        self.budget = budget

    def table(self) -> dict[tuple[str, str], Any]:
        """The globals of pickled numbers and arrays, in NumPy's old and new spelling."""
        both = {"scalar": self.scalar, "_reconstruct": self.array}
        return {
            ("numpy", "dtype"): Dtype,
            ("numpy", "ndarray"): _NDARRAY,
            ("_codecs", "encode"): self.encode,
            **{("numpy.core.multiarray", name): target for name, target in both.items()},
            **{("numpy._core.multiarray", name): target for name, target in both.items()},
        }

    def scalar(self, dtype: Any, data: Any = None) -> Any:
        """A NumPy number as Python's."""
        data = as_bytes(data, self.budget)
        if not isinstance(dtype, Dtype) or data is None or len(data) != dtype.to_numpy().itemsize:
            raise UserError("the pickle holds a NumPy number that is not made of its bytes")
        return np.frombuffer(data, dtype.to_numpy())[0].item()

    def array(self, kind: Any, *_empty: Any) -> Array:
        """An array that waits for its contents."""
        if opcodes.target_of(kind) is not _NDARRAY:
            raise UserError("the pickle builds an array of an unknown class")
        return Array(self.budget)

    def encode(self, text: Any, encoding: Any = None) -> bytes:
        """Bytes that protocols before 3 write as text."""
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise UserError("the pickle encodes text in a way no checkpoint needs")
        self.budget.copy(len(text))
        return text.encode("latin1")


def as_bytes(data: Any, budget: opcodes.Budget) -> bytes | None:
    """Bytes, also from a text string of Python 2; None for anything else."""
    if isinstance(data, str):
        budget.copy(len(data))
        return data.encode("latin1")
    if isinstance(data, bytearray):
        budget.copy(len(data))
        return bytes(data)
    return data if isinstance(data, bytes) else None
