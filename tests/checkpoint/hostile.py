"""Hostile and damaged checkpoint files, every one to be refused: {file name: content}."""

import gzip
import json
import pickle
import struct
import zipfile

import torch

from stylegan_pokemon.checkpoint.pickles import pickling
from stylegan_pokemon.checkpoint.pickles.pickling import Call, Global
from tests.checkpoint import costly
from tests.checkpoint.spoiling import (
    called,
    children,
    content,
    described,
    laughs,
    legacy,
    over,
    rebuilt,
    spoiled,
    state,
    storage,
    text,
    torch_saved,
    viewed,
    with_entries,
    with_weight,
    zipped,
)

CALLED = [
    "os.system", "posix.system", "nt.system", "os.popen", "os.remove", "os.execv", "os.fork",
    "subprocess.Popen", "subprocess.call", "subprocess.check_output", "builtins.eval", "builtins.exec",
    "builtins.compile", "builtins.open", "builtins.__import__", "builtins.getattr", "builtins.setattr",
    "builtins.globals", "builtins.breakpoint", "builtins.print", "importlib.import_module",
    "importlib.reload", "runpy.run_path", "pty.spawn", "code.interact", "shutil.rmtree",
    "socket.create_connection", "ctypes.CDLL", "marshal.loads", "pickle.loads", "_pickle.Unpickler",
    "copyreg._reconstructor", "copyreg.add_extension", "functools.partial", "operator.attrgetter",
    "operator.methodcaller", "types.FunctionType", "types.CodeType", "webbrowser.open", "sys.exit",
    "torch.load", "torch.jit.load", "torch.hub.load", "torch.serialization.load",
    "torch._utils._rebuild_tensor", "torch.utils.cpp_extension.load_inline", "numpy.load",
    "numpy.core.multiarray.fromfile", "torch_utils.persistence._src_to_module", "dnnlib.util.open_url",
    "dnnlib.util.call_func_by_name", "dnnlib.tflib.network.import_module", "safetensors.torch.load_file",
]  # fmt: skip


def pickles():
    cases = {f"call {name}": called(name, index) for index, name in enumerate(CALLED)}
    cases |= {
        "attribute path in a name": b"\x80\x04"
        + text("torch._utils")
        + text("_rebuild_tensor_v2.__globals__")
        + b"\x93.",
        "method of an allowed class": b"\x80\x04" + text("builtins") + text("set.update") + b"\x93.",
        "number as module": b"\x80\x04K\x01" + text("x") + b"\x93.",
        "tuple as name": b"\x80\x04" + text("os") + laughs() + b"\x93.",
        "allowed name with a space": b"cbuiltins\nset \n.",
        "allowed name, other case": b"cBuiltins\nset\n.",
        "module text of a megabyte": b"c" + b"a" * 1_000_000 + b"\nb\n.",
        "look-alike letters": b"\x80\x04" + text("οs") + text("system") + b"\x93.",
        "instance": b"(S'touch owned'\nios\nsystem\n.",
        "object": b"(cos\nsystem\nS'touch owned'\no.",
        "allowed class as object": b"(cbuiltins\nset\no.",
        "new object with keywords": b"\x80\x04cbuiltins\nset\n)}\x92.",
        "extension 1": b"\x80\x02\x82\x01.",
        "extension 2": b"\x80\x02\x83\x01\x00.",
        "extension 4": b"\x80\x02\x84\x01\x00\x00\x00.",
        "persistent id": b"Pname\n.",
        "binary persistent id": b"\x80\x02K\x01Q.",
        "next buffer": b"\x80\x05\x97.",
        "read-only buffer": b"\x80\x05\x97\x98.",
        "duplicate": b"\x80\x02K\x012.",
        "future protocol opcode": b"\x80\x06\xff.",
        "unknown memo": b"\x80\x02h\x05.",
        "giant memo index": b"\x80\x02K\x01r\xff\xff\xff\xffh\x00.",
        "memo of nothing": b"\x80\x04\x94.",
        "memo of a mark": b"\x80\x02(q\x00h\x00.",
        "mark as a value": b"\x80\x02(.",
        "list in itself as the file": b"\x80\x02]q\x00h\x00a.",
        "dictionary in itself as the file": b"\x80\x02}q\x00X\x01\x00\x00\x00Gh\x00s.",
        "call of a text": b"\x80\x02X\x01\x00\x00\x00x)R.",
        "call of a dictionary": b"\x80\x02})R.",
        "call with a list": b"\x80\x02cbuiltins\nset\n]R.",
        "call of a tensor function with nothing": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
        "state for a list": b"\x80\x02]}b.",
        "state for a global": b"\x80\x02cbuiltins\nset\n}b.",
        "state for a type": b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00f4\x85R}b.",
        "slots as state": b"\x80\x02}N}\x86b.",
        "state for a network that is no table": b"\x80\x02cdnnlib.tflib.network\nNetwork\n)\x81]b.",
        "a state's update in endless repetition": b"\x80\x02}("
        + b"".join(b"M" + struct.pack("<H", i) + b"N" for i in range(60000))
        + b"uq\x00"
        + b"}h\x00b" * 50000
        + b".",
        "dictionaries of one list in endless repetition": b"\x80\x02]("
        + b"K\x01K\x02\x86" * 50000
        + b"eq\x00"
        + b"ccollections\nOrderedDict\nq\x01"
        + b"h\x01h\x00\x85R" * 50000
        + b".",
        "tuple of tuples as key": b"\x80\x02}" + laughs() + b"Ns.",
        "tuple of tuples in a set": b"\x80\x02cbuiltins\nset\n](" + laughs() + b"e\x85R.",
        "tuple of tuples as an ordered key": b"\x80\x02ccollections\nOrderedDict\n]("
        + laughs()
        + b"N\x86e\x85R.",
        "lists of lists as class": b"\x80\x02ctorch_utils.persistence\n_reconstruct_persistent_obj\n}("
        + text("type")
        + text("class")
        + text("class_name")
        + laughs()
        + text("state")
        + b"}u\x85R.",
        "lists of lists as number type": b"\x80\x02cnumpy\ndtype\n" + laughs() + b"\x85R.",
        "lists of lists as encoding": b"\x80\x02c_codecs\nencode\n" + text("x") + laughs() + b"\x86R.",
        "persistent function": b"\x80\x02ctorch_utils.persistence\n_reconstruct_persistent_obj\n}("
        + text("type")
        + text("func")
        + text("class_name")
        + text("x")
        + text("state")
        + b"}u\x85R.",
        "giant number as key": b"\x80\x02}\x8b"
        + struct.pack("<I", 1 << 20)
        + b"\x7f" * (1 << 20)
        + b"q\x00Ns"
        + b"h\x00Ns" * 9999
        + b".",
        "giant text as key": b"\x80\x02}X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"Ns.",
        "number of a million digits": b"I" + b"9" * 1_000_000 + b"\n.",
        "float of a megabyte": b"F" + b"9" * 1_000_000 + b"\n.",
        "bytes longer than the file": b"\x80\x03B\xff\xff\xff\x7f",
        "bytes of 2^63 - 1": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f",
        "text of 2^63 - 1": b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f",
        "byte array of 2^63 - 1": b"\x80\x05\x96" + b"\xff" * 7 + b"\x7f",
        "negative length": b"\x80\x02T\xff\xff\xff\xff",
        "negative long": b"\x80\x02\x8b\xff\xff\xff\xff",
        "giant frame": b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f}.",
        "text that is no UTF-8": b"\x80\x02X\x01\x00\x00\x00\xff.",
        "a million marks": b"\x80\x02" + b"(" * 1_000_000 + b".",
        "lists a hundred thousand deep": b"\x80\x02" + b"](" * 100_000 + b"e" * 100_000 + b".",
        "tuples a hundred thousand deep": b"\x80\x02)" + b"\x85" * 100_000 + b".",
        "a million empty dictionaries": b"\x80\x02](" + b"}" * 1_000_000 + b"e.",
        "a million sets": b"\x80\x04](" + b"\x8f" * 1_000_000 + b"e.",
        "missing mark": b"\x80\x02K\x01t.",
        "empty stack": b"\x80\x02R.",
        "append to a number": b"\x80\x02K\x01K\x02a.",
        "two values": b"\x80\x02K\x01K\x02.",
        "no stop": b"\x80\x02}",
        "a number": b"\x80\x02K\x01.",
        "an empty dictionary": b"\x80\x02}.",
        "an empty list": b"\x80\x02].",
        "texts for networks": pickle.dumps({"G": "x", "D": "y", "G_ema": "z"}),
        "three numbers": pickle.dumps((1, 2, 3)),
    }
    return cases


def storages():
    boom = called("os.system", 0)
    four = rebuilt(storage(legacy()), 0, (4,), (1,))
    shared = pickling.dumps({"G": None})
    data = legacy("FloatStorage", 1 << 18, 1 << 18, bytes(1 << 20))
    copies = (
        b"\x80\x03ctorch.storage\n_load_from_bytes\nq\x00B" + struct.pack("<I", len(data)) + data + b"q\x01"
    )
    return {
        "hostile pickle as a storage's magic": over(boom),
        "hostile pickle as a storage's system": over(
            b"".join(pickling.dumps(v) for v in (0x1950A86A20F9469CFC6C, 1001)) + boom
        ),
        "hostile pickle in a zipped storage": over(
            zipped({"archive/data.pkl": boom, "archive/data/0": bytes(16)})
        ),
        "storage of numbers that are not there": over(legacy(numel=1 << 40, written=1 << 40)),
        "storage of a negative number": over(legacy(numel=-4, written=-4)),
        "storage that says two lengths": over(legacy(written=1 << 62)),
        "storage of an unknown type": over(legacy("ComplexFloatStorage")),
        "storage of a quantised type": over(legacy("QInt8Storage")),
        "storage under another key": over(legacy(keys=("1",))),
        "storage of two keys": over(legacy(keys=("0", "1"))),
        "storage of the other byte order": over(legacy(system={"little_endian": False})),
        "storage that ends early": over(legacy(raw=bytes(7))),
        "storage with a tail": over(legacy(raw=bytes(99))),
        "storage of whole numbers": over(legacy("IntStorage")),
        "storage that is no container": over(b"\x80\x02K\x01."),
        "storage that is a text": over("text"),
        "zipped storage without a description": over(zipped({"archive/data/0": bytes(16)})),
        "zipped storage, bomb": over(
            zipped({"a/data.pkl": described(), "a/data/0": bytes(1 << 26)}, zipfile.ZIP_DEFLATED)
        ),
        "zipped storage of ten thousand entries": over(
            zipped({f"a/{i}": b"" for i in range(10_000)} | {"a/data.pkl": described()})
        ),
        "zipped storage cut short": over(zipped({"a/data.pkl": described(), "a/data/0": bytes(16)})[:-30]),
        "zipped storage, other byte order": over(
            zipped({"a/data.pkl": described(), "a/data/0": bytes(16), "a/byteorder": "big"})
        ),
        "strides that overlap": viewed(0, (2, 2), (1, 1)),
        "strides of zero": viewed(0, (4,), (0,)),
        "strides of zero, a terabyte": viewed(0, (1 << 20, 1 << 20), (0, 0)),
        "negative stride": viewed(3, (4,), (-1,)),
        "negative offset": viewed(-4, (4,), (1,)),
        "offset beyond the storage": viewed(13, (4,), (1,)),
        "offset of 2^62": viewed(1 << 62, (4,), (1,)),
        "shape beyond the storage": viewed(0, (17,), (1,)),
        "shape of a product that overflows": viewed(0, (1 << 33, 1 << 33), (1 << 33, 1)),
        "shape without strides": viewed(0, (4,), ()),
        "shape of a thousand axes": viewed(0, (1,) * 1000, (1,) * 1000),
        "shape of fractions": viewed(0, (4.0,), (1,)),
        "shape of truth values": viewed(False, (True,), (True,)),
        "tensor over no storage": with_weight(rebuilt("storage", 0, (4,), (1,))),
        "parameter over no tensor": with_weight(
            Call(Global("torch._utils", "_rebuild_parameter"), (1, False, None))
        ),
        "one storage copied a thousand times": copies + b"0" + b"h\x00h\x01\x85R0" * 1000 + shared[2:],
        "tensor in place of a network": pickling.dumps({"G": four}),
    }


def modules():
    def set_state(part, **attributes):
        def change(values):
            state(values[part] if part in values else children(values["G"])[part]).update(attributes)

        return spoiled(change)

    def without(part, child):
        return spoiled(lambda v: with_entries(v[part], "_modules", **{child: ...}))

    def many_tensors(v):
        with_entries(v["G"], "_buffers", **{f"x{i}": pickling.tensor(torch.zeros(1)) for i in range(1000)})

    meta = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n}(" + text("type") + text("class")
    meta += text("class_name") + text("Generator") + text("state")
    itself = (
        b"\x80\x02}" + text("G") + meta + b"}(" + text("img_resolution") + b"K\x08" + text("c_dim") + b"K\x00"
    )
    itself += (
        text("_modules") + b"}q\x05uu\x85Rq\x06" + b"0h\x05" + text("synthesis") + b"h\x06s" + text("mapping")
    )
    itself += b"h\x06s0}" + text("G") + b"h\x06s."
    doubled = b"\x80\x02" + meta + b"}u\x85R"
    for i in range(40):
        memo = b"q" + bytes([i])
        doubled += (
            memo + b"0" + meta + b"}" + text("_modules") + b"}(" + text("a") + b"h" + bytes([i]) + text("b")
        )
        doubled += b"h" + bytes([i]) + b"usu\x85R"
    doubled += b"q\x63" + b"0}" + text("D") + b"h\x63s."
    return {
        "modules that hold themselves": itself,
        "modules that hold each other twice": doubled,
        "a thousand tensors too many": spoiled(many_tensors),
        "resolution 3": set_state("G", img_resolution=3),
        "resolution 2^40": set_state("G", img_resolution=1 << 40),
        "resolution of a tuple": set_state("G", img_resolution=(8,)),
        "resolution of another size": set_state("G", img_resolution=16),
        "a billion layers": set_state("mapping", num_layers=10**9),
        "negative layers": set_state("mapping", num_layers=-1),
        "no latents": set_state("G", z_dim=0),
        "a giant number of classes": set_state("G", c_dim=10**30),
        "classes of a text": set_state("G", c_dim="0"),
        "w of another size": set_state("G", w_dim=5),
        "unknown architecture": set_state("D", img_channels=10**6),
        "an average that is no number": set_state("mapping", w_avg_beta=float("nan")),
        "an average that is a text": set_state("mapping", w_avg_beta="0.9"),
        "generator without mapping": without("G", "mapping"),
        "generator without synthesis": without("G_ema", "synthesis"),
        "discriminator without its last block": without("D", "b4"),
        "discriminator without a block": without("D", "b8"),
        "a tensor too many": spoiled(
            lambda v: with_entries(v["D"], "_buffers", x=pickling.tensor(torch.zeros(1)))
        ),
        "a tensor too few": spoiled(
            lambda v: with_entries(children(v["G"])["mapping"], "_buffers", w_avg=...)
        ),
        "a table that is a list": set_state("G", _modules=[1, 2]),
        "a generator for a discriminator": spoiled(lambda v: v.update(D=v["G"])),
        "source for a class": spoiled(lambda v: v["G"].arguments[0].update(type="function")),
        "class name of another type": spoiled(lambda v: v["G"].arguments[0].update(class_name=7)),
        "state of another type": spoiled(lambda v: v["G"].arguments[0].update(state=[1])),
        "filter without taps": spoiled(
            lambda v: with_entries(
                children(children(v["G"])["synthesis"])["b8"],
                "_buffers",
                resample_filter=pickling.tensor(torch.zeros(4, 4)),
            )
        ),
        "filter that is not finite": spoiled(
            lambda v: with_entries(
                children(children(v["G"])["synthesis"])["b8"],
                "_buffers",
                resample_filter=pickling.tensor(torch.full((4, 4), float("nan"))),
            )
        ),
    }


def network(build):
    """A TensorFlow network over a state."""
    return b"cdnnlib.tflib.network\nNetwork\n)\x81" + pickling.dumps(build)[2:-1] + b"b"


def array(shape, data, code="f4"):
    dtype = (
        b"cnumpy\ndtype\n"
        + text(code)
        + b"K\x00K\x01\x87R(K\x03"
        + text("<")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    return (
        empty + b"(K\x01" + pickling.dumps(shape)[2:-1] + dtype + b"\x89" + pickling.dumps(data)[2:-1] + b"tb"
    )


def tensorflow():
    base = {"version": 4, "name": "G", "static_kwargs": {"resolution": 8}, "components": {}, "variables": []}

    def triple(**changes):
        return b"\x80\x03" + network(base | changes) * 3 + b"\x87."

    variable = b"\x80\x03](" + text("lod")
    itself = (
        b"\x80\x03cdnnlib.tflib.network\nNetwork\n)\x81q\x09}("
        + text("version")
        + b"K\x04"
        + text("static_kwargs")
    )
    itself += (
        pickling.dumps({"resolution": 8})[2:-1]
        + text("variables")
        + b"]"
        + text("components")
        + b"}"
        + text("a")
    )
    itself += b"h\x09sub0h\x09h\x09h\x09\x87."
    return {
        "TensorFlow, old version": triple(version=1),
        "TensorFlow, version of a text": triple(version="4"),
        "TensorFlow, unknown setting": triple(static_kwargs={"resolution": 8, "use_spectral_norm": True}),
        "TensorFlow, settings that are a list": triple(static_kwargs=[]),
        "TensorFlow, no resolution": triple(static_kwargs={}),
        "TensorFlow, giant widths": triple(
            static_kwargs={"resolution": 8, "fmap_base": 10**12, "fmap_max": 10**12}
        ),
        "TensorFlow, a billion layers": triple(static_kwargs={"resolution": 8, "mapping_layers": 10**9}),
        "TensorFlow, no variables": triple(),
        "TensorFlow, variables that are a text": triple(variables="lod"),
        "TensorFlow, unknown variable": triple(variables=[["sneaky", 1.0]]),
        "TensorFlow, components of texts": triple(components={"mapping": "x"}),
        "TensorFlow, network in itself": itself,
        "TensorFlow, two networks": b"\x80\x03" + network(base) * 2 + b"\x86.",
        "TensorFlow, source as a component": triple(build_module_src="import os\nos.system('touch owned')"),
        "array of objects": variable + array((1,), b"12345678", "O8") + b"e.",
        "array longer than its bytes": variable + array((1 << 39,), b"1234") + b"e.",
        "array of negative length": variable + array((-1,), b"1234") + b"e.",
        "array of structures": variable + array((1,), b"1234", "V4") + b"e.",
        "array without contents": b"\x80\x03cnumpy.core.multiarray\n_reconstruct\n"
        + b"cbuiltins\nset\nK\x00\x85C\x01b\x87R.",
    }


def safetensors():
    def file(header, tail=b""):
        data = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(data)) + data + tail

    def own(description, tensors=None):
        networks = description if isinstance(description, str) else json.dumps(description)
        metadata = {"format": "stylegan_pokemon/1", "networks": networks}
        return file({"__metadata__": metadata, **(tensors or one)}, bytes(4))

    one = {"G.x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    config = {"img_resolution": 8}
    return {
        "header longer than the file": struct.pack("<Q", 1 << 40) + b"{}",
        "header of 2^64 - 1": b"\xff" * 8 + b"{}",
        "no header": struct.pack("<Q", 0),
        "seven bytes": b"1234567",
        "header that is no JSON": file(b"{]"),
        "header of lists in lists": file(b"[" * 100_000),
        "offsets beyond the file": file(
            {"x": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}, bytes(4)
        ),
        "offsets that overlap": file(one | {"y": one["G.x"]}, bytes(4)),
        "offsets that run backwards": file(
            {"x": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, bytes(4)
        ),
        "shape that overflows": file(
            {"x": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 4]}}, bytes(4)
        ),
        "shape that lies": file({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        "unknown type": file({"x": {"dtype": "PY", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        "another program's": file(one, bytes(4)),
        "no networks in the header": file(
            {"__metadata__": {"format": "stylegan_pokemon/1"}, **one}, bytes(4)
        ),
        "networks that are no JSON": own("{"),
        "networks of lists in lists": own("[" * 100_000),
        "networks that are a list": own([1]),
        "no architecture": own({"config": {}}),
        "architecture that is a list": own({"config": {"generator": [1]}}),
        "unknown architecture setting": own({"config": {"generator": config | {"__class__": "os"}}}),
        "giant resolution": own({"config": {"generator": config | {"img_resolution": 1 << 40}}}),
        "giant channels": own(
            {"config": {"generator": config | {"channel_base": 1 << 24, "channel_max": 1 << 16}}}
        ),
        "giant layers": own({"config": {"generator": config | {"num_layers": 10**9}}}),
        "number of ten thousand digits": own(
            '{"config": {"generator": {"img_resolution": ' + "9" * 10_000 + "}}}"
        ),
        "infinite clamp": own({"config": {"generator": config | {"conv_clamp": float("inf")}}}),
        "text for a number": own({"config": {"generator": config | {"z_dim": "512"}}}),
        "tensors of no network": own({"config": {"generator": config}}, {"Q.x": one["G.x"]}),
        "one tensor for a network": own({"config": {"generator": config}}),
    }


def damaged():
    good = pickling.dumps(content())
    cases = {
        f"cut after {share} per cent": good[: len(good) * share // 100] for share in (1, 10, 30, 50, 70, 90)
    }
    return cases | {
        "last byte missing": good[:-1],
        "empty": b"",
        "a web page": b"<!DOCTYPE html><html><title>Quota exceeded</title></html>",
        "a web page after a mark": b"\xef\xbb\xbf\r\n  <html>",
        "gzip of a good file": gzip.compress(good),
        "zip of a good file": zipped({"network.pkl": good}),
        "torch.save of a dictionary": torch_saved(),
        "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "a text": b"hello world",
        "zeros": bytes(1000),
    }


def corpus():
    """{file name: content} of all cases."""
    groups = {
        ".pkl": [pickles(), storages(), modules(), tensorflow(), damaged(), costly.pickles()],
        ".safetensors": [safetensors(), costly.safetensors()],
    }
    files = {}
    for suffix, tables in groups.items():
        for table in tables:
            assert not {name + suffix for name in table} & files.keys()
            files |= {name.replace("/", " per ") + suffix: data for name, data in table.items()}
    return files
