"""Probes outlive whatever they meet, and tell the truth of this machine."""

import json
import platform
import subprocess
import sys
import time

import pytest
import torch

from stylegan_pokemon import devices, nvrtc
from stylegan_pokemon.doctor import probe, torch_probe
from stylegan_pokemon.doctor.facts import Card
from tests.conftest import ROOT

TABLE = (
    "NVIDIA GeForce GTX 1080, 8192, 7900, 535.183.01, 6.1\n"
    "NVIDIA GeForce RTX 3060, 12288, [N/A], 535.183.01, 8.6\n"
)


def test_this_machine_is_described_truly():
    facts = probe.probe()
    assert facts.surprises == ()
    assert facts.system == platform.system()
    assert facts.python == sys.version_info[:3]
    assert facts.torch is not None
    assert facts.torch.version == torch.__version__
    assert facts.torch.cuda == torch.version.cuda
    assert facts.torch.sees_cuda == torch.cuda.is_available()
    assert facts.missing_packages == ()
    assert facts.memory >= facts.memory_available > 0


def test_help_needs_no_pytorch_and_the_answer_comes_within_seconds():
    program = [sys.executable, "-m", "stylegan_pokemon", "doctor"]
    began = time.monotonic()
    done = subprocess.run([*program, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--json" in done.stdout
    assert time.monotonic() - began < 5  # 0.2 s where nothing else runs
    began = time.monotonic()
    done = subprocess.run([*program, "--json"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1)
    assert json.loads(done.stdout)["facts"]["torch"]["version"] == torch.__version__
    assert time.monotonic() - began < 30  # 2 s where nothing else runs


def test_neither_help_nor_the_probe_imports_pytorch_in_its_own_process():
    code = (
        "import sys; from stylegan_pokemon.cli.doctor import doctor;"
        "from stylegan_pokemon.doctor.probe import probe; probe(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_every_probe_that_fails_is_told_and_the_others_go_on(monkeypatch):
    def refuse(*arguments, **options):
        raise ZeroDivisionError("what nobody foresaw")

    monkeypatch.setattr(probe, "_run", refuse)
    for module, name in (("platform", "release"), ("shutil", "which")):
        monkeypatch.setattr(getattr(probe, module), name, refuse)
    facts = probe.probe()
    assert len(facts.surprises) >= 4
    assert all("what nobody foresaw" in surprise for surprise in facts.surprises)
    assert facts.torch is None
    assert facts.memory


def test_programs_that_hang_or_are_not_there():
    status, _, complaints = probe._run(sys.executable, "-c", "import time; time.sleep(60)", timeout=0.2)
    assert (status, complaints) == (-1, "no answer within 0.2 s")
    with pytest.raises(OSError):
        probe._run("no-such-program")


@pytest.mark.skipif(sys.platform == "win32", reason="the faked program is a shell script")
@pytest.mark.parametrize(
    ("script", "driver", "cards", "failure"),
    [
        (f'printf "{TABLE}"', "535.183.01", 2, None),
        ('echo "Tesla, 8192, 8000, 525.60, [N/A]"; echo nonsense', "525.60", 1, None),
        ('echo "Failed to initialize NVML: Driver/library version mismatch"; exit 18', None, 0, "mismatch"),
        ("exit 9", None, 0, "status 9"),
    ],
)
def test_a_faked_nvidia_smi(monkeypatch, tmp_path, script, driver, cards, failure):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = probe._driver()
    assert found.get("driver") == driver
    assert len(found.get("driver_cards", ())) == cards
    if cards == 2:
        first, second = found["driver_cards"]
        assert first == Card("NVIDIA GeForce GTX 1080", (6, 1), 2**33, 7900 * 2**20)
        assert second.free_memory is None
    assert failure is None or failure in found["driver_failure"]


def test_what_pytorch_said_before_it_crashed_still_counts():
    said = {"version": "2.9.0", "cuda": "12.6", "hip": None, "architectures": ["sm_60"], "sees_cuda": True,
            "complaint": None, "cards": []}  # fmt: skip
    found = probe.read_torch(-11, json.dumps({"torch": said}) + "\nnoise\n{", "")
    assert (found["torch"].sees_cuda, found["torch"].complaint) == (False, "it crashed with status -11")
    card = {"name": "A", "capability": [6, 1], "total_memory": 1, "free_memory": 1, "failure": None}
    output = "\n".join(json.dumps(line) for line in ({"torch": {**said, "cards": [card]}}, {"nvrtc": "12.6"}))
    found = probe.read_torch(0, output, "")
    assert found["torch"].cards[0].capability == (6, 1)
    assert found["nvrtc"] == "12.6"
    assert probe.read_torch(-4, "", "Illegal instruction")["torch_failure"] == "Illegal instruction"
    assert probe.read_torch(0, json.dumps({"failure": "no c10"}), "")["torch_failure"] == "no c10"


def test_a_pytorch_that_cannot_be_imported_is_a_fact(monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch.so: file too short')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert "file too short" in probe._torch()["torch_failure"]


@pytest.fixture
def card(monkeypatch):
    """A card that PyTorch shows, and that computes on the CPU."""
    properties = type("Properties", (), {"name": "Fake", "major": 6, "minor": 1, "total_memory": 2**33})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2**32, 2**33))
    monkeypatch.setattr(torch, "device", lambda *name: "cpu")


def test_a_card_is_tried_with_a_product_of_matrices(card, monkeypatch):
    assert torch_probe._card(0) == Card("Fake", (6, 1), 2**33, 2**32)

    def refuse(*arguments, **options):
        raise RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED\nmore")

    monkeypatch.setattr(torch, "eye", refuse)
    assert torch_probe._card(0).failure == "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED"
    monkeypatch.setattr(devices, "trial", lambda device: "no kernel image")
    assert torch_probe._card(0).failure == "no kernel image"


def test_nvrtc_is_found_where_wheels_put_it(tmp_path):
    wanted = [
        "nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
        "nvidia/cu13/lib/libnvrtc.so.13",
        "nvidia/cu13/bin/x86_64/nvrtc64_130_0.dll",
        "torch/lib/nvrtc64_120_0.dll",
        "torch/lib/libnvrtc-672ee683.so.11.2",
    ]
    others = [
        "torch/lib/libnvrtc-builtins.so.12.6",
        "torch/lib/nvrtc-builtins64_126.dll",
        "nvidia/cuda_nvrtc/lib/libnvrtc.alt.so.12",
        "nvidia/cu13/bin/nvrtc64_130_0.alt.dll",
    ]
    for name in wanted + others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = {str(path) for path in nvrtc.find([str(tmp_path)]) if str(path).startswith(str(tmp_path))}
    assert found == {str(tmp_path / name) for name in wanted}
    with pytest.raises(nvrtc.NvrtcError):
        nvrtc.Nvrtc(tmp_path / wanted[0])


def test_the_note_of_a_failed_build_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path))
    assert probe._build_failure() == {}
    (tmp_path / "kernels").mkdir()
    note = tmp_path / "kernels" / "0123.failed"
    note.write_text("omp.h: No such file\nmore")
    assert probe._build_failure() == {"build_failure": (str(note), "omp.h: No such file")}
