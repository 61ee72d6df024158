"""Tensors inside official pickles: storages as bytes, tensors as bounded views of them."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass
from typing import Any

import torch

from stylegan_pokemon.checkpoint import opcodes
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
_STEPS_OF_ZIP, _STEPS_OF_ENTRY = 100, 20  # what reading one costs, in opcodes


@dataclass(eq=False)
class Storage:
    """A flat tensor that owns its memory."""

    data: torch.Tensor


class TensorReader:
    """The stand-ins that make tensors; what they copy is counted against the file's budget."""

    def __init__(self, budget: opcodes.Budget) -> None:
        self.budget = budget

    def table(self) -> dict[tuple[str, str], Any]:
        """The globals of pickled tensors."""
        return {
            ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
            ("torch.storage", "_load_from_bytes"): self.load_from_bytes,
        }

    def load_from_bytes(self, data: Any) -> Storage:
        """Read the nested `torch.save` of one storage, in either container."""
        if not isinstance(data, (bytes, bytearray)):
            raise UserError("a tensor's storage is not made of bytes")
        self.budget.open_nested(len(data))
        if data[:4] == b"PK\x03\x04":
            return self._from_zip(data)
        return self._from_legacy(data)

    def _from_legacy(self, data: bytes | bytearray) -> Storage:
        stream = io.BytesIO(data)
        magic = opcodes.read(stream, {}, budget=self.budget)
        if not isinstance(magic, int) or magic != LEGACY_MAGIC:
            raise UserError("a tensor's storage is in a container this reader does not know")
        opcodes.read(stream, {}, budget=self.budget)  # protocol version
        system = opcodes.read(stream, {}, budget=self.budget)
        if not isinstance(system, dict) or system.get("little_endian", True) is not True:
            raise UserError("a tensor was written on a big-endian machine, which is not supported")
        dtype, numel, key = self._description(stream)
        keys = opcodes.read(stream, {}, budget=self.budget)
        if not isinstance(keys, list) or len(keys) != 1 or not isinstance(keys[0], str) or keys[0] != key:
            raise UserError("a tensor's storage holds something else than one storage")
        count = stream.read(8)
        written = struct.unpack("<q", count)[0] if len(count) == 8 else -1
        return self._storage(data, stream.tell(), len(data) - stream.tell(), dtype, numel, written)

    def _from_zip(self, data: bytes | bytearray) -> Storage:
        marks = data.count(b"PK\x01\x02")
        if marks > _MAX_ENTRIES:  # asked before the library reads a million of them
            raise UserError("a tensor's storage is packed in a way no checkpoint needs")
        self.budget.step(_STEPS_OF_ZIP + _STEPS_OF_ENTRY * marks)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                entries = archive.infolist()
                if any(e.compress_type != zipfile.ZIP_STORED for e in entries):
                    raise UserError("a tensor's storage is packed in a way no checkpoint needs")
                names = {entry.filename.partition("/")[2]: entry for entry in entries}
                if "byteorder" in names and self._entry(archive, names["byteorder"]) != b"little":
                    raise UserError("a tensor was written on a big-endian machine, which is not supported")
                stream = io.BytesIO(self._entry(archive, names["data.pkl"]))
                dtype, numel, key = self._description(stream)
                raw = self._entry(archive, names[f"data/{key}"])
        except (
            KeyError,
            ValueError,
            zipfile.BadZipFile,
            NotImplementedError,
            RuntimeError,
            OSError,
        ) as error:
            raise UserError("a tensor's storage is a damaged zip container") from error
        return self._storage(raw, 0, len(raw), dtype, numel, numel)

    def _entry(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
        self.budget.copy(entry.file_size)
        return archive.read(entry)

    def _description(self, stream: io.BytesIO) -> tuple[torch.dtype, int, str]:
        """Type, number of elements and key of the one storage that the nested pickle refers to."""
        found: list[tuple[torch.dtype, int, str]] = []

        def persistent(identifier: Any) -> Storage:
            if not isinstance(identifier, tuple) or not 5 <= len(identifier) <= 6:
                raise UserError("a tensor's storage is described in a way this reader does not know")
            kind, storage_type, key, _location, numel = identifier[:5]
            dtype = opcodes.target_of(storage_type)
            plain = isinstance(kind, str) and isinstance(key, str) and type(numel) is int
            if not plain or kind != "storage" or not isinstance(dtype, torch.dtype) or numel < 0:
                raise UserError("a tensor's storage is described in a way this reader does not know")
            found.append((dtype, numel, key))
            return Storage(torch.empty(0, dtype=dtype))

        opcodes.read(stream, _STORAGE_GLOBALS, persistent, self.budget)
        if len(found) != 1:
            raise UserError("a tensor's storage holds something else than one storage")
        return found[0]

    def _storage(
        self, data: bytes | bytearray, start: int, size: int, dtype: torch.dtype, numel: int, written: int
    ) -> Storage:
        if written != numel or size != numel * dtype.itemsize:
            raise UserError("a tensor's storage is not as long as it says; the file is damaged")
        if numel == 0:
            return Storage(torch.empty(0, dtype=dtype))
        self.budget.copy(size)
        own = bytearray(memoryview(data)[start : start + size])
        if dtype == torch.bool and max(own) > 1:
            raise UserError("a tensor of truth values holds other values; the file is damaged")
        return Storage(torch.frombuffer(own, dtype=dtype))


def rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_ignored: Any) -> torch.Tensor:
    """A strided view of a storage, after its bounds are checked. Stand-in of _rebuild_tensor_v2."""
    if not isinstance(storage, Storage):
        raise UserError("a tensor stands on something that is no storage")
    if not isinstance(size, tuple) or not isinstance(stride, tuple) or len(size) != len(stride):
        raise UserError("a tensor's shape and strides do not fit each other")
    if len(size) > _MAX_AXES:
        raise UserError("a tensor has more axes than any checkpoint needs")
    if not all(type(n) is int and 0 <= n < 1 << 62 for n in (offset, *size, *stride)):
        raise UserError("a tensor's shape, strides or offset is not made of whole numbers from zero up")
    # In the order of their strides, every axis must step over all that lies within it.
    reach = 1
    for step, n in sorted((step, n) for step, n in zip(stride, size, strict=True) if n != 1):
        if step < reach and 0 not in size:
            raise UserError("a tensor's elements overlap; the file is damaged or hostile")
        reach = step * (n - 1) + reach
    last = offset + reach if 0 not in size else offset
    if last > storage.data.numel():
        raise UserError("a tensor reaches beyond its storage; the file is damaged or hostile")
    return storage.data.as_strided(size, stride, offset)


def rebuild_parameter(data: Any, *_ignored: Any) -> torch.Tensor:
    """Stand-in of torch._utils._rebuild_parameter: the tensor itself."""
    if not isinstance(data, torch.Tensor):
        raise UserError("a parameter is no tensor")
    return data
