"""Tensors inside official pickles: storages as bytes, tensors as bounded views of them."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import torch

from stylegan_pokemon.checkpoint import opcodes
from stylegan_pokemon.errors import UserError

_MAGIC = 0x1950A86A20F9469CFC6C  # opens the legacy container of torch.save
_DTYPES = {
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
_STORAGE_GLOBALS = {("torch", name): dtype for name, dtype in _DTYPES.items()}


@dataclass
class Storage:
    """A flat tensor that owns its memory."""

    data: torch.Tensor


def load_from_bytes(data: Any) -> Storage:
    """Read the nested `torch.save` of one storage (legacy container); stands in for _load_from_bytes."""
    if not isinstance(data, bytes):
        raise UserError("a tensor's storage is not made of bytes")
    stream = io.BytesIO(data)
    if opcodes.read(stream, {}) != _MAGIC:
        raise UserError("a tensor's storage is in a container this reader does not know")
    opcodes.read(stream, {})  # protocol version
    if not opcodes.read(stream, {}).get("little_endian", True):
        raise UserError("the checkpoint was written on a big-endian machine, which is not supported")
    found: dict[str, tuple[torch.dtype, int]] = {}

    def persistent(identifier: Any) -> Storage:
        kind, storage_type, key, _location, numel = identifier[:5]
        dtype = opcodes.target_of(storage_type)
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(numel, int) or numel < 0:
            raise UserError("a tensor's storage is described in a way this reader does not know")
        found[str(key)] = (dtype, numel)
        return Storage(torch.empty(0, dtype=dtype))

    opcodes.read(stream, _STORAGE_GLOBALS, persistent)
    keys = opcodes.read(stream, {})
    if len(found) != 1 or list(found) != keys:
        raise UserError("a tensor's storage holds something else than one storage")
    ((dtype, numel),) = found.values()
    (written,) = struct.unpack("<q", stream.read(8))
    raw = stream.read()
    if written != numel or len(raw) != numel * dtype.itemsize:
        raise UserError(
            f"a tensor's storage promises {numel} numbers and holds {len(raw)} bytes; the file is damaged"
        )
    flat = torch.frombuffer(bytearray(raw), dtype=dtype) if numel else torch.empty(0, dtype=dtype)
    return Storage(flat)


def rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_ignored: Any) -> torch.Tensor:
    """A copy of a strided view of a storage, after its bounds are checked. Stand-in of _rebuild_tensor_v2."""
    if not isinstance(storage, Storage):
        raise UserError("a tensor stands on something that is no storage")
    if not isinstance(size, tuple) or not isinstance(stride, tuple) or len(size) != len(stride):
        raise UserError("a tensor's shape and strides do not fit each other")
    numbers = (offset, *size, *stride)
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers):
        raise UserError("a tensor's shape, strides or offset is not made of whole numbers from zero up")
    count = 1
    for n in size:
        count *= n
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if count else -1
    if last >= storage.data.numel() or count > storage.data.numel():
        raise UserError("a tensor reaches beyond its storage; the file is damaged or hostile")
    return storage.data.as_strided(size, stride, offset).clone()


def rebuild_parameter(data: Any, *_ignored: Any) -> torch.Tensor:
    """Stand-in of torch._utils._rebuild_parameter: the tensor itself."""
    if not isinstance(data, torch.Tensor):
        raise UserError("a parameter is no tensor")
    return data
