"""A device is tried before it is believed, and a card that fails is named with the remedy."""

import mmap
import platform
import subprocess
import sys

import pytest
import torch

from stylegan_pokemon.devices import resolve_device
from stylegan_pokemon.errors import UserError


@pytest.mark.parametrize("name", ["nonsense", "cuda:99", "", "meta", "meta:x", "mps"])
def test_an_impossible_device_is_one_sentence(name):
    with pytest.raises(UserError, match="--device"):
        resolve_device(name)


@pytest.fixture
def unsupported_card(monkeypatch):
    """What a GTX 1080 looks like to a build for CUDA 13: visible, and every kernel fails."""

    def refuse(*args, **kwargs):
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "GeForce GTX 1080")
    monkeypatch.setattr(torch, "ones", refuse)


def test_auto_takes_the_cpu_where_the_card_does_not_work_and_says_why(unsupported_card):
    notes = []
    assert resolve_device("auto", notes) == torch.device("cpu")
    assert len(notes) == 1
    for part in ("GeForce GTX 1080", "no kernel image", "CUDA 12.6", "doctor", "using the CPU"):
        assert part in notes[0]


def test_a_card_asked_for_that_does_not_work_is_one_sentence(unsupported_card):
    with pytest.raises(UserError, match=r"--device cuda: GeForce GTX 1080 .* CUDA 12.6.* --device cpu"):
        resolve_device("cuda")


FAULTS = """
import ctypes, resource
import torch
from stylegan_pokemon import devices

class Older:  # a glibc that refuses what is above its documented maximum
    def __init__(self, name):
        self.library = whole(name)
    def mallopt(self, parameter, value):
        return 0 if parameter == -3 and value > 32 << 20 else self.library.mallopt(parameter, value)

whole = ctypes.CDLL
ctypes.CDLL = Older if {older} else whole
devices.prepare(torch.device("cpu"))
for turn in range(40):
    if turn == 20:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty({mib} << 20, dtype=torch.uint8).fill_(0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is set")
@pytest.mark.parametrize(("older", "mib"), [(False, 64), (True, 24)])
def test_memory_that_is_freed_is_kept_by_every_glibc(older, mib):
    """Page faults of twenty equal blocks, after twenty in which gaps between them settle."""
    script = FAULTS.format(older=older, mib=mib)
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(found.stdout) < (mib << 20) // mmap.PAGESIZE  # not even one block's
