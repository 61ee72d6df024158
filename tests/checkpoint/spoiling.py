"""Pieces of checkpoint files, good ones and ones that lie."""

import io
import struct
import zipfile

import torch

from stylegan_pokemon.checkpoint import Networks
from stylegan_pokemon.checkpoint.pickles import pickling
from stylegan_pokemon.checkpoint.pickles.official_writer import discriminator_call, generator_call
from stylegan_pokemon.checkpoint.pickles.pickling import Call, Global
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator

NARROW = {"img_resolution": 8, "channel_base": 32, "channel_max": 8}


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def called(name, index):
    """{"G": name("touch owned")}, in one of three spellings."""
    module, _, function = name.rpartition(".")
    argument = text("touch owned")
    if index % 3 == 0:
        return b"\x80\x02}" + text("G") + f"c{module}\n{function}\n".encode() + argument + b"\x85Rs."
    if index % 3 == 1:
        return b"\x80\x04}" + text("G") + text(module) + text(function) + b"\x93" + argument + b"\x85Rs."
    return f"(dS'G'\nc{module}\n{function}\n(S'touch owned'\ntRs.".encode()


def laughs(depth=60, kind=b"\x86"):
    """A tuple (or, with kind, something else) of itself twice, `depth` times: 2^depth leaves."""
    return b"K\x01" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + kind for i in range(depth))


def networks():
    torch.manual_seed(0)
    G = Generator(GeneratorConfig(**NARROW, z_dim=4, w_dim=4, num_layers=2))
    return Networks(G, Discriminator(DiscriminatorConfig(**NARROW)), G)


def content():
    """What a good file holds, as values that `pickling` writes and a case may spoil."""
    good = networks()
    return {"G": generator_call(good.G), "D": discriminator_call(good.D), "G_ema": generator_call(good.G_ema),
            "augment_pipe": None, "training_set_kwargs": None}  # fmt: skip


def state(call):
    return call.arguments[0]["state"]


def children(call):
    return dict(state(call)["_modules"].entries)


def with_entries(call, name, **entries):
    """Replace entries of one of a module's tables."""
    table = dict(state(call)[name].entries) | entries
    state(call)[name] = pickling.ordered_dict(
        {key: value for key, value in table.items() if value is not ...}
    )


def rebuilt(storage, offset, size, stride):
    return Call(
        Global("torch._utils", "_rebuild_tensor_v2"),
        (storage, offset, size, stride, False, pickling.ordered_dict({})),
    )


def storage(data):
    return Call(Global("torch.storage", "_load_from_bytes"), (data,))


def good_storage(numel=16):
    return pickling.tensor(torch.zeros(numel)).arguments[0]


def legacy(
    kind="FloatStorage", numel=4, written=4, raw=bytes(16), key="0", keys=("0",), system=None, extra=()
):
    """A storage's container with lies in it."""
    identifier = ("storage", Global("torch", kind), key, "cpu", numel, None)
    described = pickling.Persistent(identifier)
    values = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True} if system is None else system]
    values += [(described, *extra) if extra else described, list(keys)]
    return b"".join(pickling.dumps(value) for value in values) + struct.pack("<q", written) + raw


def zipped(entries, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def described(numel=4):
    return pickling.dumps(
        pickling.Persistent(("storage", Global("torch", "FloatStorage"), "0", "cpu", numel))
    )


def spoiled(change):
    """A good file with one thing changed."""
    values = content()
    changed = change(values)
    return pickling.dumps(values if changed is None else changed)


def sharing(value, change):
    """A good file, changed, with one and the same value, which these opcodes make, in place of each "@@@"."""
    memo = struct.pack("<I", 1 << 20)
    data = spoiled(change)
    return data[:2] + value + b"r" + memo + b"0" + data[2:].replace(text("@@@"), b"j" + memo)


def with_weight(tensor):
    """A good file whose first weight is another tensor."""
    return spoiled(lambda v: with_entries(children(v["G"])["mapping"], "_buffers", w_avg=tensor))


def over(data):
    """A good file whose first weight lies in a storage made of these bytes."""
    return with_weight(rebuilt(storage(data), 0, (4,), (1,)))


def viewed(offset, size, stride):
    """A good file whose first weight is a view of 16 numbers."""
    return with_weight(rebuilt(good_storage(), offset, size, stride))


def torch_saved():
    buffer = io.BytesIO()
    torch.save({"g_ema": {"weight": torch.zeros(2)}}, buffer)
    return buffer.getvalue()
