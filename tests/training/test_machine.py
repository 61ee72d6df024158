"""Which precision "auto" means on which machine, and what bfloat16 costs a processor without it."""

import pytest
import torch

from stylegan_pokemon import devices
from stylegan_pokemon.devices import multiplies_in_bf16
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training import machine
from stylegan_pokemon.training.machine import bf16_note, resolve_precision

CPU = torch.device("cpu")


@pytest.fixture
def processor(monkeypatch):
    """What PyTorch says of a stand-in for the processor."""

    def of(**capabilities):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)

    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    return of


@pytest.mark.parametrize(("capabilities", "precision"), [
    ({"architecture": "x86_64", "avx2": True, "avx512_bf16": False, "amx_bf16": False}, "fp32"),
    ({"architecture": "x86_64", "avx512_bf16": True, "amx_bf16": False}, "bf16"),
    ({"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": True}, "bf16"),
    ({"architecture": "aarch64", "neon": True, "bf16": True}, "bf16"),
    ({"architecture": "aarch64", "neon": True, "bf16": False}, "fp32"),
    ({}, "fp32"),
])  # fmt: skip
def test_auto_is_bf16_on_processors_that_multiply_in_it_and_fp32_on_others(
    processor, capabilities, precision
):
    processor(**capabilities)
    assert resolve_precision("auto", CPU) == precision
    assert resolve_precision("auto", CPU, half=False) == "fp32"  # as earlier systems were trained
    assert resolve_precision("fp32", CPU) == "fp32"
    assert resolve_precision("bf16", CPU) == "bf16"


def test_instructions_that_pytorch_does_not_use_do_not_count(processor, monkeypatch):
    processor(avx512_bf16=True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)  # as on macOS
    assert not multiplies_in_bf16()


@pytest.mark.parametrize(("lines", "expected"), [
    ("flags\t\t: fpu avx2 avx512f avx512_bf16 amx_tile\n", True),
    ("flags\t\t: fpu avx2 avx512f\n", False),
    ("Features\t: fp asimd i8mm bf16 dgh\n", True),
    ("Features\t: fp asimd\nCPU part\t: bf16\n", False),
    (None, False),
])  # fmt: skip
def test_an_older_pytorch_leaves_linux_to_ask(processor, monkeypatch, tmp_path, lines, expected):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(devices, "_CPUINFO", tmp_path / "cpuinfo")
    if lines is not None:
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{lines}")
    assert multiplies_in_bf16() is expected


def test_on_cards_auto_is_fp16_from_volta_on_whatever_the_processor(processor):
    processor(avx512_bf16=True)
    assert resolve_precision("auto", CPU, (8, 6)) == "fp16"
    assert resolve_precision("auto", CPU, (8, 6), half=False) == "fp32"
    assert resolve_precision("auto", CPU, (6, 1)) == "fp32"


def test_a_precision_that_the_device_lacks_is_refused():
    with pytest.raises(UserError, match="fp16 needs a CUDA card"):
        resolve_precision("fp16", CPU)
    with pytest.raises(UserError, match=r"bf16 needs a card of compute capability 8\.0"):
        resolve_precision("bf16", CPU, (7, 5))


def test_what_bf16_costs_is_said_where_the_processor_lacks_it_and_nowhere_else(processor, monkeypatch):
    seconds = {torch.float32: 0.02, torch.bfloat16: 0.19}
    monkeypatch.setattr(machine, "_convolution_seconds", seconds.__getitem__)
    processor(avx2=True)
    assert "convolutions take 9.5 times as long here as with fp32" in bf16_note("bf16", CPU)
    assert bf16_note("fp32", CPU) is None
    assert bf16_note("bf16", torch.device("cuda")) is None
    processor(avx2=True, avx512_bf16=True)
    assert bf16_note("bf16", CPU) is None


def test_the_probe_convolves_in_the_precision_it_times(monkeypatch):
    """Its clock is a stand-in by which a pass in bfloat16 takes three times as long as one in float32."""
    now, convolve = [0.0], machine._convolve

    def timed(n, c, size, dtype):
        convolve(n, c, size, dtype)
        now[0] += 0.03 if dtype == torch.bfloat16 else 0.01

    monkeypatch.setattr(machine, "_convolve", timed)
    monkeypatch.setattr(machine.time, "perf_counter", lambda: now[0])
    assert machine.bf16_slowdown() == pytest.approx(3)
    assert now[0] < 1
