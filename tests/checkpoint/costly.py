"""Checkpoint files that are small and would cost much time, memory or paper: {file name: content}.

Each of them once took more than 2 s, 512 MiB or one line.
"""

import json
import struct

import torch

from stylegan_pokemon.checkpoint.pickles import pickling
from stylegan_pokemon.checkpoint.pickles.official_writer import generator_call
from stylegan_pokemon.networks.config import GeneratorConfig
from stylegan_pokemon.networks.generator import Generator
from tests.checkpoint.spoiling import (
    NARROW,
    children,
    described,
    legacy,
    sharing,
    spoiled,
    state,
    text,
    with_entries,
    zipped,
)

LOAD = b"ctorch.storage\n_load_from_bytes\n"
MODULE = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n}(" + text("type") + text("class")
MODULE += text("class_name") + text("Generator") + text("state")


def again_and_again(data, opcode, times=8000):
    """One storage's bytes, loaded many times over."""
    size = struct.pack("<Q" if opcode == b"\x96" else "<I", len(data))
    head = b"\x80\x05" + LOAD + b"q\x00" + opcode + size + data + b"\x85q\x010" + b"0"
    return head + b"h\x00h\x01R0" * times + b"}" + text("G") + b"Ns."


def reading():
    crowded = {f"a/{i}": b"" for i in range(61)}
    one = {"a/data.pkl": described(1), "a/data/0": bytes(4)}
    padded = legacy(numel=1, written=1, raw=bytes(4), system={"little_endian": True, "x": bytes(8 << 20)})
    return {
        "a zip of many entries, read again and again": again_and_again(zipped(crowded | one), b"B", 14000),
        "a large zip, read again and again": again_and_again(zipped({"a/x": bytes(8 << 20)} | one), b"B"),
        "a large container, read again and again": again_and_again(padded, b"B"),
        "a large byte array, read again and again": again_and_again(padded, b"\x96"),
    }


def unfolding():
    tensor = pickling.dumps(pickling.tensor(torch.zeros(1)))[2:-1]
    names = b"".join(text(f"{i}" + "x" * 4000) + b"h\x01" for i in range(299))
    table = tensor + b"q\x010}(" + names + b"uq\x020"
    leaf = MODULE + b"}(" + text("_parameters") + b"h\x02" + text("_buffers") + b"h\x02uu\x85Rq\x030"
    many = b"}(" + b"".join(text(f"{i}" + "y" * 4000) + b"h\x03" for i in range(290)) + b"u"
    tree = table + leaf + MODULE + b"}" + text("_modules") + many + b"su\x85R"
    half = pickling.dumps(pickling.tensor(torch.zeros(256, 256, dtype=torch.float16)))

    def many_layers(values):
        G = Generator(GeneratorConfig(**NARROW, z_dim=256, w_dim=256, num_layers=64))
        values["G"] = generator_call(G)
        for name, layer in children(children(values["G"])["mapping"]).items():
            if name.startswith("fc"):
                with_entries(layer, "_parameters", weight="@@@")

    return {
        "names of four thousand characters for each of many tensors": sharing(
            tree, lambda v: with_entries(v["G"], "_modules", more="@@@")
        ),
        "sixty-four layers of the same numbers": sharing(half[2:-1], many_layers),
    }


def sentences():
    odd = "a\nb\x1b[2J\x00"

    def unnamed(values):
        values["G"].arguments[0]["class_name"] = odd
        del state(values["G"])["img_resolution"]

    return {
        "tensor whose name has several lines": spoiled(
            lambda v: with_entries(v["D"], "_buffers", **{odd: pickling.tensor(torch.zeros(1))})
        ),
        "class whose name clears the screen": spoiled(unnamed),
        "global whose name clears the screen": b"\x80\x04" + text("o\x1b[2Js") + text("x\x00") + b"\x93.",
        "global that is no Unicode": b"\x80\x04X\x03\x00\x00\x00\xed\xa0\x80" + text("x") + b"\x93.",
    }


def safetensors():
    def file(header, tail=b""):
        data = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(data)) + data + tail

    def own(description, tensors=None):
        metadata = {"format": "stylegan_pokemon/1", "networks": description}
        return file({"__metadata__": metadata, **(tensors or {"G.x": one})}, b"" if tensors else bytes(4))

    one = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    none = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    plain = json.dumps({"config": {"generator": {"img_resolution": 8}}})
    keys = json.dumps({"config": {"generator": {f"{i}\n\x1b[2J": 1 for i in range(5000)}}})
    return {
        "twenty million lists in the header": own('{"config": [' + "[]," * 20_000_000 + "[]]}"),
        "a hundred thousand empty tensors": own(plain, {f"G.{i}": none for i in range(100_000)}),
        "thirty thousand empty tensors": own(plain, {f"G.{i}": none for i in range(30_000)}),
        "tensor names of several lines": own(plain, {f"G.{i}\n\x1b[2J": none for i in range(4)}),
        "five thousand unknown settings": own(keys),
        "setting that is no Unicode": own('{"config": {"generator": {"\\ud800": 1}}}'),
        "type of many lines": file({"x": one | {"dtype": "P\n\x1b[2J" * 9999}}, bytes(4)),
        "shape of many lines": file({"x": one | {"shape": "3\n" * 9999}}, bytes(4)),
        "name given twice": file(
            b'{"x":' + json.dumps(one).encode() + b',"x":' + json.dumps(one).encode() + b"}", bytes(4)
        ),
        "shape of no number": file({"x": one | {"shape": [float("nan")]}}, bytes(4)),
        "a web page saved as a snapshot": b"\r\n<!DOCTYPE html><html>Quota exceeded</html>",
    }


def pickles():
    """Cases for a reader of pickles."""
    return reading() | unfolding() | sentences()
