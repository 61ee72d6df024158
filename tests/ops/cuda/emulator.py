"""Builds the emulated kernels and launches them: the card of machines that have none."""

import ctypes
import functools
import hashlib
import os
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import torch

from stylegan_pokemon.ops.cuda import launches
from stylegan_pokemon.ops.cuda.kernels import CudaKernels

HERE = Path(__file__).parent
SOURCE = Path(launches.__file__).with_name("kernels.cu")
SANITIZED = os.environ.get("STYLEGAN_POKEMON_EMULATION") == "sanitized"


def shared_folder(tmp_path_factory):
    """Where the processes of a session, and those that they start, find the one library."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "emulator"
    folder = Path(os.environ.get("STYLEGAN_POKEMON_EMULATOR", folder))
    folder.mkdir(exist_ok=True)
    return folder


@functools.cache
def built(folder):
    """The library in `folder`, compiled once, with the address sanitizer where the environment says so."""
    flags = ["-O1", "-g1", "-fsanitize=address"] if SANITIZED else ["-O2"]
    parts = [
        SOURCE.read_bytes(),
        *(path.read_bytes() for path in (HERE / "emulation.h", HERE / "emulator.cpp")),
    ]
    instances = "".join(f"INSTANCE({name})\n" for name in launches.all_instances())
    key = hashlib.sha256(b"".join([*parts, instances.encode(), " ".join(flags).encode()])).hexdigest()[:16]
    path = Path(folder) / f"emulator-{key}.so"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=folder) as making:
            (Path(making) / "instances.inc").write_text(instances)
            include = [f"-I{making}", f"-I{SOURCE.parent}", f"-I{HERE}"]
            command = [
                *(os.environ.get("CXX", "g++"), "-std=c++17", "-shared", "-fPIC"),
                *("-Wall", "-Wno-unknown-pragmas", *flags, *include),
                *(str(HERE / "emulator.cpp"), "-o", f"{making}/emulator.so"),
            ]
            subprocess.run(command, check=True)
            os.replace(f"{making}/emulator.so", path)
    return path


def library(folder):
    """The library in `folder`, ready to be called."""
    loaded = ctypes.CDLL(str(built(folder)))
    loaded.signature.restype = ctypes.c_char_p
    loaded.emulate.argtypes = [
        ctypes.c_char_p,
        *[ctypes.c_uint] * 3,
        ctypes.c_uint64,
        ctypes.c_void_p,
        ctypes.c_int,
    ]
    return loaded


class Emulator:
    """Runs launches on tensors in the main memory, and counts them; `backwards` is the order of threads."""

    device_type = "cpu"

    def __init__(self, folder, backwards=False):
        self.library, self.backwards = library(folder), backwards
        self.counts = Counter()

    def launch(self, launch):
        given = launches.kinds(launch.arguments)
        signature = self.library.signature(launch.kernel.encode())
        assert signature is not None, f"{launch.kernel} is no known instance"
        assert given == signature.decode(), f"{launch.kernel} takes {signature.decode()}, not {given}"
        vectors = re.match(r"(epilogue|epilogue_grad|pass_and_sum)<\w+,[48]", launch.kernel)
        for argument in launch.arguments:
            if isinstance(argument, torch.Tensor):
                assert argument.device.type == "cpu"
                # A card refuses what this machine's processor reads all the same.
                images = vectors and argument.ndim == 4 and argument.shape[1] > 1
                assert not images or argument.data_ptr() % 16 == 0, "an image that is not aligned"
        slots = launches.Slots(given)
        slots.fill(launch.arguments)
        name = launch.kernel.encode()
        self.library.emulate(name, *launch.grid, launch.shared, slots.pointers, self.backwards)
        self.counts[launch.kernel] += 1


def emulated_kernels(folder, backwards=False):
    """The CUDA kernels over the emulation."""
    return CudaKernels(Emulator(folder, backwards))
