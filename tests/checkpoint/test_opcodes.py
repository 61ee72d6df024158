"""Pickles are read, never executed: whatever is not on the list is refused by name, without side effects."""

import io
import pickle
import re
import sys
import zipfile

import pytest
import torch

from stylegan_pokemon.checkpoint import load
from stylegan_pokemon.checkpoint.pickles import opcodes, storages
from stylegan_pokemon.errors import UserError
from tests.conftest import FIXTURES, ROOT


class Call:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def plain_values():
    shared = [1, 2]
    return {
        "a": (1, -5, 2**70, 1.5),
        "b": [None, True, False, b"x", "ä"],
        "c": {1, 2},
        "d": shared,
        "e": shared,
        "f": (),
    }


@pytest.mark.parametrize("protocol", range(2, 6))
def test_plain_data_come_back_as_pickle_wrote_them(protocol):
    table = {
        ("builtins", "set"): set,
        ("__builtin__", "set"): set,
        ("_codecs", "encode"): lambda t, e: t.encode(e),
    }
    value = plain_values()
    read = opcodes.read(io.BytesIO(pickle.dumps(value, protocol)), table)
    assert read == value
    assert read["d"] is read["e"]


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
@pytest.mark.parametrize("function", [eval, exec, open, __import__, print, getattr, torch.load])
def test_a_call_is_refused_by_the_name_of_what_it_calls(function, protocol, tmp_path):
    argument = "open('owned', 'w')" if function in (eval, exec) else str(tmp_path / "owned")
    path = tmp_path / "hostile.pkl"
    path.write_bytes(pickle.dumps({"G": Call(function, argument)}, protocol))
    watched = ("exec", "import", "os.system", "subprocess.Popen", "socket.connect")
    events, watching = [], []
    sys.addaudithook(
        lambda e, arguments: events.append((e, arguments[:1])) if watching and e in watched else None
    )
    for _ in range(2):  # what the reader itself and pytest import is imported the first time
        events.clear()
        watching.append(True)
        with pytest.raises(UserError, match=function.__name__):
            load(path)
        watching.clear()
        assert not (tmp_path / "owned").exists()
    assert events == []


HOSTILE = {
    "extension registry": b"\x80\x02\x82\x01.",
    "instance": b"(S'x'\nios\nsystem\n.",
    "object": b"(cos\nsystem\nS'x'\no.",
    "persistent id": b"Pname\n.",
    "binary persistent id": b"\x80\x02K\x01Q.",
    "missing mark": b"\x80\x02K\x01t.",
    "empty stack": b"\x80\x02R.",
    "unknown memo": b"\x80\x02h\x05.",
    "no stop": b"\x80\x02K\x01",
    "list as key": b"\x80\x02}]K\x01s.",
    "append to a number": b"\x80\x02K\x01K\x02a.",
    "call of a string": b"\x80\x02X\x01\x00\x00\x00x)R.",
    "build on a list": b"\x80\x02]}b.",
    "two values": b"\x80\x02K\x01K\x02.",
    "no pickle": b"hello world",
    "giant length": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_damaged_and_hostile_streams_end_in_the_one_exception(case):
    with pytest.raises(UserError):
        opcodes.read(io.BytesIO(HOSTILE[case]), {})


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [(0, (5,), (1,)), (-1, (2,), (1,)), (0, (2,), (-1,)), (3, (2,), (1,)), (0, (10**9, 10**9), (0, 0)),
     (0, (2, 2), (1,)), (0, (4,), (2,)), (0.5, (1,), (1,))],
)  # fmt: skip
def test_a_tensor_outside_its_storage_is_refused(offset, size, stride):
    with pytest.raises(UserError):
        storages.rebuild_tensor(storages.Storage(torch.zeros(4)), offset, size, stride)


def test_source_in_a_checkpoint_is_not_executed():
    """The fixtures' module_src raises when executed."""
    assert load(FIXTURES / "uncond32.pkl").G is not None


def test_no_unpickler_stands_in_the_package():
    banned = re.compile(
        r"pickle\.load|Unpickler|torch\.load|\beval\(|\bexec\(|np\.load\b|numpy\.load\b|\b_pickle\b|"
        r"\bimport (pickle|marshal|shelve|dill|joblib)\b|\bfrom (pickle|marshal|torch\.serialization)\b"
    )
    for room in ("stylegan_pokemon", "dataset_tool"):
        for path in (ROOT / room).rglob("*.py"):
            code = re.sub(r'""".*?"""|#.*', "", path.read_text(encoding="utf-8"), flags=re.S)
            assert not banned.search(code.replace(".eval(", "").replace("safetensors.torch.load", "")), path


@pytest.mark.filterwarnings("ignore")  # the storage class that official files name is deprecated
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64])
def test_a_storage_is_read_from_either_container_of_torch_save(dtype, zipped):
    values = torch.arange(5).to(dtype)
    file = io.BytesIO()
    torch.save(values.storage(), file, _use_new_zipfile_serialization=zipped)
    read = storages.tensor_globals(opcodes.Budget(1 << 20))["torch.storage", "_load_from_bytes"]
    assert torch.equal(read(file.getvalue()).data, values)


@pytest.mark.filterwarnings("ignore")
def test_of_a_zipped_storage_nothing_is_read_but_the_storage():
    values, file = torch.arange(5.0), io.BytesIO()
    torch.save(values.storage(), file)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("archive/more", b"more")
    data = file.getvalue().replace(b"morePK", b"lessPK")  # reading it would raise: its checksum differs
    assert data != file.getvalue()
    read = storages.tensor_globals(opcodes.Budget(1 << 20))["torch.storage", "_load_from_bytes"]
    assert torch.equal(read(data).data, values)
