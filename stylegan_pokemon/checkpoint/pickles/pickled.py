"""A checkpoint's pickle as inert data: modules of the PyTorch programs, networks of the TensorFlow ones."""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from stylegan_pokemon.checkpoint.pickles import opcodes
from stylegan_pokemon.checkpoint.pickles.arrays import numpy_globals
from stylegan_pokemon.checkpoint.pickles.opcodes import insist
from stylegan_pokemon.checkpoint.pickles.storages import tensor_globals
from stylegan_pokemon.errors import UserError, shown

_LONGEST_LINE = 16 << 20  # bytes, of a text in the oldest opcodes
_MAX_DEPTH = 8  # modules within modules; an official generator has 4
_MAX_MODULES = 300  # it has about 80 …
_MAX_ENTRIES = 300  # … and no module has more than 30 tensors or sub-modules
_MAX_TENSORS = 3000  # a generator at 1024×1024 has about 300, …
_MAX_NAME = 200  # … and the longest of their names 40 characters


@dataclass(eq=False)
class PickledModule:
    """A module as data: its class's name and its `__dict__`.

    `need`, `size` and the methods named after types raise UserError when what they look for is missing.
    """

    class_name: str
    state: dict[str, Any] = field(repr=False)

    def child(self, name: str) -> PickledModule | None:
        """The sub-module of that name, or None."""
        return self.children().get(name)

    def need(self, name: str) -> PickledModule:
        """The sub-module of that name."""
        found = self.child(name)
        if found is None:
            raise UserError(f"{self.class_name} lacks the layer {name}")
        return found

    def children(self) -> dict[str, PickledModule]:
        """All sub-modules by name."""
        modules = self._table("_modules")
        return {n: m for n, m in modules.items() if isinstance(n, str) and isinstance(m, PickledModule)}

    def tensor(self, name: str) -> torch.Tensor | None:
        """The parameter or buffer of that name, or None."""
        return self._own_tensors().get(name)

    def is_buffer(self, name: str) -> bool:
        """Whether the tensor of that name is stored as a buffer."""
        return isinstance(self._table("_buffers").get(name), torch.Tensor)

    def tensors(self) -> dict[str, torch.Tensor]:
        """All parameters and buffers below this module by their dotted names."""
        found: dict[str, torch.Tensor] = {}
        pending: list[tuple[str, PickledModule, int]] = [("", self, 0)]
        visited = 0
        while pending:
            prefix, module, depth = pending.pop()
            visited += 1
            # Modules that hold each other have no end.
            ends = depth <= _MAX_DEPTH and max(visited, len(pending)) <= _MAX_MODULES
            insist(ends, f"{self.class_name} has more layers than any checkpoint needs")
            found |= {prefix + name: value for name, value in module._own_tensors().items()}
            few = len(found) <= _MAX_TENSORS and len(prefix) <= _MAX_NAME
            insist(few, f"{self.class_name} has more or longer names than any checkpoint needs")
            pending += [(f"{prefix}{name}.", child, depth + 1) for name, child in module.children().items()]
        return found

    def integer(self, name: str) -> int:
        """An attribute that is a whole number."""
        value = self.state.get(name)
        if type(value) is not int:
            raise UserError(f"{self.class_name} has no whole number {name}")
        return value

    def number(self, name: str) -> float | None:
        """An attribute that is a finite number or None."""
        value = self.state.get(name)
        finite = value is None or (type(value) in (int, float) and math.isfinite(value))
        insist(finite, f"{self.class_name} has a {name} that is no number")
        return None if value is None else float(value)

    def text(self, name: str) -> str:
        """An attribute that is a text."""
        value = self.state.get(name)
        if not isinstance(value, str):
            raise UserError(f"{self.class_name} has no text {name}")
        return value

    def truth(self, name: str) -> bool:
        """An attribute that is true or false; a missing one is false."""
        value = self.state.get(name, False)
        insist(type(value) is bool, f"{self.class_name} has a {name} that is neither true nor false")
        return value

    def size(self, tensor: str, axis: int) -> int:
        """Length of one axis of a tensor."""
        found = self.tensor(tensor)
        if found is None or found.ndim <= axis:
            raise UserError(f"{self.class_name} lacks the tensor {tensor}")
        return found.shape[axis]

    def _own_tensors(self) -> dict[str, torch.Tensor]:
        entries = [item for kind in ("_buffers", "_parameters") for item in self._table(kind).items()]
        return {n: t for n, t in entries if isinstance(n, str) and isinstance(t, torch.Tensor)}

    def _table(self, name: str) -> dict[Any, Any]:
        found = self.state.get(name)
        found = found if isinstance(found, dict) else {}
        insist(len(found) <= _MAX_ENTRIES, f"{self.class_name} has more layers than any checkpoint needs")
        return found


class PickledNetwork(opcodes.StandIn):
    """A network of the TensorFlow programs as data: its `__dict__`-like state."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def set_state(self, state: Any) -> None:
        """Take over what BUILD gives."""
        insist(isinstance(state, dict), "the pickle describes a TensorFlow network in an unknown way")
        self.state = state


def read_pickle(path: Path) -> Any:
    """The content of a checkpoint's pickle, built of inert data.

    Raises UserError for what is too large, or anything but such a pickle.
    """
    size = path.stat().st_size
    insist(size <= opcodes.MAX_BYTES, f"it is larger than any checkpoint ({opcodes.MAX_BYTES >> 30} GiB)")
    budget = opcodes.Budget(size)
    table = {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): _module,
        ("dnnlib.tflib.network", "Network"): PickledNetwork,
        ("dnnlib.util", "EasyDict"): opcodes.plain_dict,
        ("dnnlib", "EasyDict"): opcodes.plain_dict,
        ("collections", "OrderedDict"): opcodes.plain_dict,
        ("builtins", "set"): opcodes.plain_set,
        ("__builtin__", "set"): opcodes.plain_set,
        **numpy_globals(budget),
        **tensor_globals(budget),
    }
    # Read as far as it is a pickle, not at once: what a small one drags behind it need not fill the memory.
    with _Reader(open(path, "rb", buffering=0)) as stream:
        return opcodes.read(stream, table, budget=budget)


class _Reader(io.BufferedReader):
    """A file that makes no room for more bytes than it has left, whatever a pickle says."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > io.DEFAULT_BUFFER_SIZE:
            size = min(size, os.fstat(self.fileno()).st_size - self.tell())
        return super().read(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        return super().readline(_LONGEST_LINE)


def _module(meta: Any) -> PickledModule:
    known = isinstance(meta, dict) and isinstance(meta.get("type"), str) and meta["type"] == "class"
    known = known and isinstance(meta.get("state"), dict) and isinstance(meta.get("class_name"), str)
    insist(known, "the pickle holds a persistent object of an unknown kind")
    return PickledModule(shown(meta["class_name"]), meta["state"])
