"""Encoding a pickle that calls functions which need not exist here: protocol 3, opcode by opcode.

Python's own pickler imports whatever it refers to. These few opcodes suffice for a checkpoint, and the bytes
depend on the values alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from stylegan_pokemon.checkpoint.pickles.storages import DTYPES, LEGACY_MAGIC

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
    view = (0, tuple(value.shape), tuple(value.stride()), False, ordered_dict({}))
    return Call(Global("torch._utils", "_rebuild_tensor_v2"), (storage, *view))


def parameter(value: torch.Tensor) -> Call:
    """A parameter that is not being trained."""
    return Call(Global("torch._utils", "_rebuild_parameter"), (tensor(value), False, ordered_dict({})))


def dumps(value: Any) -> bytes:
    """The pickle of None, truth values, numbers, texts, bytes, tuples, lists, dicts, and the above.

    Raises TypeError for anything else.
    """
    encoder = _Encoder()
    encoder.put(value)
    return b"".join([b"\x80\x03", *encoder.parts, b"."])


def _storage(value: torch.Tensor) -> bytes:
    """The legacy container of torch.save, which every torch reads, around one storage."""
    raw = value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
    key, numel = "0", value.numel()
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": _CONTAINER_VERSION, "little_endian": True, "type_sizes": sizes}
    reference = Persistent(("storage", Global("torch", _STORAGE_OF[value.dtype]), key, "cpu", numel, None))
    parts = (LEGACY_MAGIC, _CONTAINER_VERSION, system, reference, [key])
    return b"".join([*map(dumps, parts), struct.pack("<q", numel), raw])


class _Encoder:
    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.memo: dict[Any, int] = {}

    def put(self, value: Any) -> None:
        match value:
            case None | True | False:
                self.parts.append({None: b"N", True: b"\x88", False: b"\x89"}[value])
            case int() if -(1 << 31) <= value < 1 << 31:
                self.parts.append(b"J" + struct.pack("<i", value))
            case int():
                data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
                self.parts.append(b"\x8a" + bytes([len(data)]) + data)
            case float():
                self.parts.append(b"G" + struct.pack(">d", value))
            case str():
                data = value.encode("utf-8", "surrogatepass")
                self._once(value, b"X" + struct.pack("<I", len(data)) + data, len(value) >= _MEMOIZED_FROM)
            case bytes():
                self.parts += [b"B" + struct.pack("<I", len(value)), value]
            case tuple():
                self._sequence(b"(", value, b"t")
            case list():
                self._sequence(b"](", value, b"e")
            case dict():
                self.parts.append(b"}")
                self._entries(value.items())
            case Global():
                self._once(value, f"c{value.module}\n{value.name}\n".encode(), True)
            case Call():
                self.put(value.function)
                self.put(value.arguments)
                self.parts.append(b"R")
                self._entries(value.entries)
            case Persistent():
                self.put(value.identifier)
                self.parts.append(b"Q")
            case _:
                raise TypeError(f"a {type(value).__name__} cannot be written into a checkpoint")

    def _once(self, key: Any, opcode: bytes, memoize: bool) -> None:
        """Write a text or a global, or a reference to where it already stands."""
        if key in self.memo:
            self.parts.append(b"j" + struct.pack("<I", self.memo[key]))
            return
        self.parts.append(opcode)
        if memoize:
            self.memo[key] = len(self.memo)
            self.parts.append(b"r" + struct.pack("<I", self.memo[key]))

    def _sequence(self, opening: bytes, values: Iterable[Any], closing: bytes) -> None:
        self.parts.append(opening)
        for value in values:
            self.put(value)
        self.parts.append(closing)

    def _entries(self, entries: Iterable[tuple[Any, Any]]) -> None:
        flat = [part for entry in entries for part in entry]
        if flat:
            self._sequence(b"(", flat, b"u")
