"""Writing a pickle of calls to functions that need not exist here: protocol 3, opcode by opcode.

Python's own pickler insists on importing what it refers to. These few opcodes suffice for a checkpoint, and
the bytes depend on the values alone.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import torch

from stylegan_pokemon.checkpoint.storages import DTYPES, LEGACY_MAGIC

_MEMOIZED_FROM = 24  # characters: shorter texts are as long as a reference
_STORAGE_OF = {dtype: name for name, dtype in DTYPES.items()}
_CONTAINER_VERSION = 1001  # of torch.save's legacy container


@dataclass(frozen=True)
class Global:
    """A function or class by name."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """function(*arguments), and, for dictionaries, entries to be set on the result."""

    function: Global
    arguments: tuple[Any, ...]
    entries: tuple[tuple[Any, Any], ...] = ()


@dataclass(frozen=True)
class Persistent:
    """A reference that the reader resolves."""

    identifier: tuple[Any, ...]


def ordered_dict(values: dict[Any, Any]) -> Call:
    """An OrderedDict with these entries."""
    return Call(Global("collections", "OrderedDict"), (), tuple(values.items()))


def tensor(value: torch.Tensor) -> Call:
    """A tensor over a storage of its own, as torch pickles it."""
    value = value.detach().cpu().contiguous().reshape(-1).reshape(value.shape)  # strides of axes of 1 vary
    storage = Call(Global("torch.storage", "_load_from_bytes"), (_storage(value),))
    shape, stride = tuple(value.shape), tuple(value.stride())
    return Call(
        Global("torch._utils", "_rebuild_tensor_v2"), (storage, 0, shape, stride, False, ordered_dict({}))
    )


def parameter(value: torch.Tensor) -> Call:
    """A parameter that is not being trained."""
    return Call(Global("torch._utils", "_rebuild_parameter"), (tensor(value), False, ordered_dict({})))


def dumps(value: Any) -> bytes:
    """The pickle of None, truth values, numbers, texts, bytes, tuples, lists, dicts, and the above.

    Raises TypeError for anything else.
    """
    writer = _Writer()
    writer.put(value)
    return b"".join([b"\x80\x03", *writer.parts, b"."])


def _storage(value: torch.Tensor) -> bytes:
    """The legacy container of torch.save, which every torch reads, around one storage."""
    raw = value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
    kind = Global("torch", _STORAGE_OF[value.dtype])
    key, numel = "0", value.numel()
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": _CONTAINER_VERSION, "little_endian": True, "type_sizes": sizes}
    parts = [LEGACY_MAGIC, _CONTAINER_VERSION, system, Persistent(("storage", kind, key, "cpu", numel, None))]
    return b"".join([*(dumps(part) for part in [*parts, [key]]), struct.pack("<q", numel), raw])


class _Writer:
    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.memo: dict[Any, int] = {}

    def put(self, value: Any) -> None:
        if value is None or value is True or value is False:
            self.parts.append({None: b"N", True: b"\x88", False: b"\x89"}[value])
        elif isinstance(value, int):
            self._integer(value)
        elif isinstance(value, float):
            self.parts.append(b"G" + struct.pack(">d", value))
        elif isinstance(value, str):
            data = value.encode("utf-8", "surrogatepass")
            self._once(value, b"X" + struct.pack("<I", len(data)) + data, len(value) >= _MEMOIZED_FROM)
        elif isinstance(value, bytes):
            self.parts += [b"B" + struct.pack("<I", len(value)), value]
        elif isinstance(value, tuple):
            self._sequence(b"(", value, b"t")
        elif isinstance(value, list):
            self._sequence(b"](", value, b"e")
        elif isinstance(value, dict):
            self.parts.append(b"}")
            self._entries(tuple(value.items()))
        elif isinstance(value, Global):
            self._once(value, f"c{value.module}\n{value.name}\n".encode(), True)
        elif isinstance(value, Call):
            self.put(value.function)
            self.put(value.arguments)
            self.parts.append(b"R")
            self._entries(value.entries)
        elif isinstance(value, Persistent):
            self.put(value.identifier)
            self.parts.append(b"Q")
        else:
            raise TypeError(f"a {type(value).__name__} cannot be written into a checkpoint")

    def _integer(self, value: int) -> None:
        if -(1 << 31) <= value < 1 << 31:
            self.parts.append(b"J" + struct.pack("<i", value))
            return
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        self.parts.append(b"\x8a" + bytes([len(data)]) + data)

    def _once(self, key: Any, opcode: bytes, memoize: bool) -> None:
        """Write a text or a global, or a reference to where it already stands."""
        if key in self.memo:
            self.parts.append(b"j" + struct.pack("<I", self.memo[key]))
            return
        self.parts.append(opcode)
        if memoize:
            self.memo[key] = len(self.memo)
            self.parts.append(b"r" + struct.pack("<I", self.memo[key]))

    def _sequence(self, opening: bytes, values: tuple[Any, ...] | list[Any], closing: bytes) -> None:
        self.parts.append(opening)
        for value in values:
            self.put(value)
        self.parts.append(closing)

    def _entries(self, entries: tuple[tuple[Any, Any], ...]) -> None:
        if entries:
            self.parts.append(b"(")
            for key, value in entries:
                self.put(key)
                self.put(value)
            self.parts.append(b"u")
