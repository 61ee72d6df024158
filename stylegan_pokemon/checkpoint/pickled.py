"""A checkpoint's pickle as inert data: modules of the PyTorch programs, networks of the TensorFlow ones."""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from stylegan_pokemon.checkpoint import opcodes
from stylegan_pokemon.checkpoint.arrays import NumpyReader
from stylegan_pokemon.checkpoint.storages import TensorReader
from stylegan_pokemon.errors import UserError

_LONGEST_LINE = 16 << 20  # bytes, of a text in the oldest opcodes
_MAX_DEPTH = 8  # modules within modules; an official generator has 4
_MAX_MODULES = 300  # it has about 80 …
_MAX_ENTRIES = 300  # … and no module has more than 30 tensors or sub-modules
_MAX_TENSORS = 3000  # a generator at 1024×1024 has about 300, …
_MAX_NAME = 200  # … and the longest of their names 40 characters


@dataclass(eq=False)
class PickledModule:
    """A module as data: its class's name and its `__dict__`."""

    class_name: str
    state: dict[str, Any] = field(repr=False)

    def child(self, name: str) -> PickledModule | None:
        """The sub-module of that name, or None."""
        found = self._table("_modules").get(name)
        return found if isinstance(found, PickledModule) else None

    def need(self, name: str) -> PickledModule:
        """The sub-module of that name; UserError without one."""
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
        for kind in ("_parameters", "_buffers"):
            found = self._table(kind).get(name)
            if isinstance(found, torch.Tensor):
                return found
        return None

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
            if (
                depth > _MAX_DEPTH or visited > _MAX_MODULES or len(pending) > _MAX_MODULES
            ):  # modules that hold each other have no end
                raise UserError(f"{self.class_name} has more layers than any checkpoint needs")
            for kind in ("_parameters", "_buffers"):
                for name, value in module._table(kind).items():
                    if isinstance(value, torch.Tensor) and isinstance(name, str):
                        found[prefix + name] = value
            if len(found) > _MAX_TENSORS or len(prefix) > _MAX_NAME:
                raise UserError(f"{self.class_name} has more or longer names than any checkpoint needs")
            pending += [(f"{prefix}{name}.", child, depth + 1) for name, child in module.children().items()]
        return found

    def integer(self, name: str) -> int:
        """An attribute that is a whole number; UserError otherwise."""
        value = self.state.get(name)
        if type(value) is not int:
            raise UserError(f"{self.class_name} has no whole number {name}")
        return value

    def number(self, name: str) -> float | None:
        """An attribute that is a finite number or None; UserError otherwise."""
        value = self.state.get(name)
        if value is None:
            return None
        if type(value) not in (int, float) or not math.isfinite(value):
            raise UserError(f"{self.class_name} has a {name} that is no number")
        return float(value)

    def text(self, name: str) -> str:
        """An attribute that is a text; UserError otherwise."""
        value = self.state.get(name)
        if not isinstance(value, str):
            raise UserError(f"{self.class_name} has no text {name}")
        return value

    def truth(self, name: str) -> bool:
        """An attribute that is true or false (a missing one is false); UserError otherwise."""
        value = self.state.get(name, False)
        if type(value) is not bool:
            raise UserError(f"{self.class_name} has a {name} that is neither true nor false")
        return value

    def size(self, tensor: str, axis: int) -> int:
        """Length of one axis of a tensor; UserError without it."""
        found = self.tensor(tensor)
        if found is None or found.ndim <= axis:
            raise UserError(f"{self.class_name} lacks the tensor {tensor}")
        return found.shape[axis]

    def _table(self, name: str) -> dict[Any, Any]:
        found = self.state.get(name)
        if not isinstance(found, dict):
            return {}
        if len(found) > _MAX_ENTRIES:
            raise UserError(f"{self.class_name} has more layers than any checkpoint needs")
        return found


class PickledNetwork(opcodes.StandIn):
    """A network of the TensorFlow programs as data: its `__dict__`-like state."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def set_state(self, state: Any) -> None:
        """Take over what BUILD gives."""
        if not isinstance(state, dict):
            raise UserError("the pickle describes a TensorFlow network in an unknown way")
        self.state = state


def read_pickle(path: Path) -> Any:
    """The content of a checkpoint's pickle, built of inert data.

    Raises UserError for what is too large, a web page, an archive, or anything but such a pickle.
    """
    size = path.stat().st_size
    if size > opcodes.MAX_BYTES:
        raise UserError(f"it is larger than any checkpoint ({opcodes.MAX_BYTES >> 30} GiB)")
    budget = opcodes.Budget(size)
    table = {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): _module,
        ("dnnlib.tflib.network", "Network"): PickledNetwork,
        ("dnnlib.util", "EasyDict"): opcodes.plain_dict,
        ("dnnlib", "EasyDict"): opcodes.plain_dict,
        ("collections", "OrderedDict"): opcodes.plain_dict,
        ("builtins", "set"): opcodes.plain_set,
        ("__builtin__", "set"): opcodes.plain_set,
        **NumpyReader(budget).table(),
        **TensorReader(budget).table(),
    }
    # Read as far as it is a pickle, not at once: what a small one drags behind it need not fill the memory.
    with _Reader(open(path, "rb", buffering=0)) as stream:
        data = stream.peek(512)[:512]
        if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
            raise UserError("it is a web page, not a checkpoint; download the file itself")
        if not data:
            raise UserError("it is empty; download it again")
        if data[:4] == b"PK\x03\x04":
            raise UserError("it is a zip file of another program (torch.save?), no StyleGAN2 pickle")
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
    if not known or not isinstance(meta.get("state"), dict) or not isinstance(meta.get("class_name"), str):
        raise UserError("the pickle holds a persistent object of an unknown kind")
    return PickledModule(opcodes.shown(meta["class_name"]), meta["state"])
