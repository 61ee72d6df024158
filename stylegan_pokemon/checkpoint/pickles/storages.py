"""Tensors inside official pickles: storages as bytes, tensors as bounded views of them.

A storage is a nested torch.save, in the legacy container or the zip container.
"""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass
from typing import Any

import torch

from stylegan_pokemon.checkpoint.pickles import opcodes
from stylegan_pokemon.checkpoint.pickles.opcodes import insist
from stylegan_pokemon.errors import UserError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # opens the legacy container of torch.save
DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_STORAGE_GLOBALS = {("torch", name): dtype for name, dtype in DTYPES.items()}
_MAX_AXES = 8
_MAX_ENTRIES = 64  # of a zip container that holds one storage
_STEPS_OF_ZIP, _STEPS_OF_ENTRY = 100, 20  # what opening one costs, in steps of the interpreter


@dataclass(eq=False)
class Storage:
    """A flat tensor that owns its memory."""

    data: torch.Tensor


def tensor_globals(budget: opcodes.Budget) -> dict[tuple[str, str], Any]:
    """The globals of pickled tensors; what their stand-ins copy is counted against the file's budget."""
    return {
        ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
        ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
        ("torch.storage", "_load_from_bytes"): lambda data=None: _load_from_bytes(data, budget),
    }


def _load_from_bytes(data: Any, budget: opcodes.Budget) -> Storage:
    """Read the nested `torch.save` of one storage."""
    insist(isinstance(data, (bytes, bytearray)), "a tensor's storage is not made of bytes")
    budget.open_nested(len(data))
    read = _from_zip if data[:4] == b"PK\x03\x04" else _from_legacy
    raw, dtype, numel = read(data, budget)
    fits = len(raw) == numel * dtype.itemsize
    insist(fits, "a tensor's storage is not as long as it says; the file is damaged")
    if numel == 0:
        return Storage(torch.empty(0, dtype=dtype))
    budget.copy(len(raw))
    own = bytearray(raw)
    truth = dtype != torch.bool or max(own) <= 1
    insist(truth, "a tensor of truth values holds other values; the file is damaged")
    return Storage(torch.frombuffer(own, dtype=dtype))


def _from_legacy(data: bytes | bytearray, budget: opcodes.Budget) -> tuple[memoryview, torch.dtype, int]:
    stream = io.BytesIO(data)
    magic = opcodes.read(stream, {}, budget=budget)
    known = isinstance(magic, int) and magic == LEGACY_MAGIC
    insist(known, "a tensor's storage is in a container this reader does not know")
    opcodes.read(stream, {}, budget=budget)  # protocol version
    system = opcodes.read(stream, {}, budget=budget)
    _insist_little(isinstance(system, dict) and system.get("little_endian", True) is True)
    dtype, numel, key = _description(stream, budget)
    keys = opcodes.read(stream, {}, budget=budget)
    one = isinstance(keys, list) and len(keys) == 1 and isinstance(keys[0], str) and keys[0] == key
    insist(one, "a tensor's storage holds something else than one storage")
    count = stream.read(8)
    whole = len(count) == 8 and struct.unpack("<q", count)[0] == numel
    insist(whole, "a tensor's storage is not as long as it says; the file is damaged")
    return memoryview(data)[stream.tell() :], dtype, numel


def _from_zip(data: bytes | bytearray, budget: opcodes.Budget) -> tuple[bytes, torch.dtype, int]:
    usual = "a tensor's storage is packed in a way no checkpoint needs"
    marks = data.count(b"PK\x01\x02")
    insist(marks <= _MAX_ENTRIES, usual)  # before the library reads a million of them
    budget.step(_STEPS_OF_ZIP + _STEPS_OF_ENTRY * marks)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            insist(all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist()), usual)
            entries = {entry.filename.partition("/")[2]: entry for entry in archive.infolist()}

            def content(name: str) -> bytes:  # reading may cost more than an entry says
                budget.copy(entries[name].file_size)
                return archive.read(entries[name])

            _insist_little("byteorder" not in entries or content("byteorder") == b"little")
            dtype, numel, key = _description(io.BytesIO(content("data.pkl")), budget)
            return content(f"data/{key}"), dtype, numel
    except (KeyError, ValueError, zipfile.BadZipFile, RuntimeError, OSError) as error:
        raise UserError("a tensor's storage is a damaged zip container") from error


def _insist_little(little: bool) -> None:
    insist(little, "a tensor was written on a big-endian machine, which is not supported")


def _description(stream: io.BytesIO, budget: opcodes.Budget) -> tuple[torch.dtype, int, str]:
    """Type, number of elements and key of the one storage that the nested pickle refers to."""
    found: list[tuple[torch.dtype, int, str]] = []

    def persistent(identifier: Any) -> Storage:
        listed = isinstance(identifier, tuple) and 5 <= len(identifier) <= 6
        five: tuple[Any, ...] = identifier[:5] if listed else (None,) * 5
        kind, storage_type, key, _location, numel = five
        dtype = opcodes.target_of(storage_type)
        plain = isinstance(kind, str) and isinstance(key, str) and type(numel) is int
        known = plain and kind == "storage" and isinstance(dtype, torch.dtype) and numel >= 0
        insist(known, "a tensor's storage is described in a way this reader does not know")
        found.append((dtype, numel, key))
        return Storage(torch.empty(0, dtype=dtype))

    opcodes.read(stream, _STORAGE_GLOBALS, persistent, budget)
    insist(len(found) == 1, "a tensor's storage holds something else than one storage")
    return found[0]


def rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_ignored: Any) -> torch.Tensor:
    """A strided view of a storage, after its bounds are checked. Stand-in of _rebuild_tensor_v2."""
    insist(isinstance(storage, Storage), "a tensor stands on something that is no storage")
    paired = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride)
    insist(paired, "a tensor's shape and strides do not fit each other")
    insist(len(size) <= _MAX_AXES, "a tensor has more axes than any checkpoint needs")
    whole = all(type(n) is int and 0 <= n < 1 << 62 for n in (offset, *size, *stride))
    insist(whole, "a tensor's shape, strides or offset is not made of whole numbers from zero up")
    # In the order of their strides, every axis must step over all that lies within it.
    reach = 1
    for step, n in sorted((step, n) for step, n in zip(stride, size, strict=True) if n != 1):
        insist(step >= reach or 0 in size, "a tensor's elements overlap; the file is damaged or hostile")
        reach = step * (n - 1) + reach
    last = offset + reach if 0 not in size else offset
    inside = last <= storage.data.numel()
    insist(inside, "a tensor reaches beyond its storage; the file is damaged or hostile")
    return storage.data.as_strided(size, stride, offset)


def rebuild_parameter(data: Any, *_ignored: Any) -> torch.Tensor:
    """Stand-in of torch._utils._rebuild_parameter: the tensor itself."""
    insist(isinstance(data, torch.Tensor), "a parameter is no tensor")
    return data
