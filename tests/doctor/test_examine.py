"""Faked machines: the doctor finds what is wrong with each and names the command that repairs it."""

import dataclasses

import pytest

from stylegan_pokemon.doctor import commands
from stylegan_pokemon.doctor.builds import best_build, driver_carries, numbers
from stylegan_pokemon.doctor.facts import NOTE, OK, Card, Facts, Torch
from tests.conftest import ROOT
from tests.doctor.machines import (
    CPU_TORCH,
    GTX_780,
    GTX_1080,
    RTX_3060,
    RTX_5090,
    about,
    blind_torch,
    failing,
    machine,
    only,
    pip_torch,
    problems,
    torch_for,
)

# Cards and builds


@pytest.mark.parametrize("cards", [(), (GTX_1080,), (RTX_3060,), (GTX_1080, GTX_1080)])
def test_a_healthy_machine_has_no_problem_and_nothing_to_note(cards):
    findings = [finding for finding in about("card", machine(*cards)) if cards or finding.level != OK]
    assert all(finding.level == OK for finding in findings)
    assert problems(machine(*cards)) == []


def test_a_gtx_1080_under_a_build_for_cuda_13_gets_the_command_for_cuda_12_6():
    facts = machine(failing(GTX_1080), torch=torch_for("13.0", failing(GTX_1080)), driver="580.95.05")
    finding = only(problems(facts))
    assert finding.command == pip_torch("cu126")
    assert finding.check == "card"
    assert "compute capability 6.1" in finding.found
    assert "CUDA 12.6" in finding.advice


def test_a_gtx_1080_that_a_cuda_13_build_does_not_even_see_gets_the_same_command_and_no_other():
    # Architectures are unknown then; the old driver is a second reason, with the same remedy.
    for driver in ("535.183.01", "580.95.05"):
        facts = machine(GTX_1080, torch=blind_torch("13.0", "too old"), driver=driver)
        assert {finding.command for finding in problems(facts)} == {pip_torch("cu126")}, driver


def test_a_card_beside_a_pytorch_for_the_cpu_gets_the_build_for_that_card():
    for card, driver, index in (
        (GTX_1080, "570.124.06", "cu126"),
        (GTX_1080, "580.95.05", "cu126"),
        (RTX_3060, "570.124.06", "cu128"),
        (RTX_3060, "580.95.05", "cu130"),
        (RTX_5090, "575.64", "cu128"),
    ):
        finding = only(problems(machine(card, torch=CPU_TORCH, driver=driver)))
        assert (finding.check, finding.command) == ("PyTorch", pip_torch(index)), (card.name, driver)
        assert card.name in finding.advice


def test_a_driver_too_old_for_the_build_is_named_with_a_build_that_it_carries():
    torch = blind_torch("13.0", "The NVIDIA driver on your system is too old (found version 12020)")
    finding = only(problems(machine(RTX_3060, torch=torch, driver="535.183.01")))
    assert (finding.check, finding.command) == ("driver", pip_torch("cu128"))
    assert "needs 580.65.06" in finding.found


def test_a_driver_too_old_for_every_build_is_to_be_renewed():
    torch = blind_torch("12.6", "too old")
    for driver in ("390.157", "470.256.02"):
        finding = only(problems(machine(GTX_1080, torch=torch, driver=driver)))
        assert finding.check == "driver"
        assert "580" in finding.advice  # the last branch that knows this card
    for other in (CPU_TORCH, None):
        found = problems(machine(GTX_1080, torch=other, driver="390.157"))
        assert found[-1].advice.startswith("Install the newest NVIDIA driver")


@pytest.mark.parametrize(
    ("driver", "cuda", "system", "carries"),
    [
        ("580.65.06", "13.0", "Linux", True), ("580.65.05", "13.2", "Linux", False),
        ("575.64.03", "13.0", "Linux", False), ("525.60.13", "12.8", "Linux", True),
        ("525.60.12", "12.6", "Linux", False), ("528.33", "12.6", "Windows", True),
        ("527.99", "12.6", "Windows", False), ("580.88", "13.0", "Windows", True),
        ("566.36", "13.0", "Windows", False), (None, "13.0", "Linux", True), ("?", "13.0", "Linux", True),
        ("600.1", "14.0", "Linux", True),
    ],
)  # fmt: skip
def test_nvidias_table_of_the_oldest_drivers(driver, cuda, system, carries):
    assert driver_carries(driver, cuda, system) is carries


def test_blackwell_needs_a_build_for_cuda_12_8_or_newer():
    for driver, index in (("570.124.06", "cu128"), ("580.95.05", "cu130")):
        facts = machine(failing(RTX_5090), driver=driver)
        finding = only(problems(facts))
        assert finding.command == pip_torch(index)
        assert "compute capability 12.0" in finding.found
    assert problems(machine(RTX_5090, torch=torch_for("12.8", RTX_5090))) == []


def test_a_card_too_old_for_every_build_is_a_note_and_the_cpu_trains():
    for torch in (CPU_TORCH, torch_for("12.6", failing(GTX_780))):
        facts = machine(GTX_780, torch=torch, driver="470.256.02")
        assert problems(facts) == []
        assert only(about("card", facts)).level == NOTE


def test_what_a_trial_says_counts_more_than_any_table():
    odd = dataclasses.replace(torch_for("13.0", GTX_1080), version="2.14.0a0+git")
    assert problems(machine(GTX_1080, torch=odd, driver="470.1")) == []


def test_a_full_card_is_not_a_broken_one():
    said = "CUDA out of memory. Tried to allocate 2.00 MiB"
    finding = only(problems(machine(failing(GTX_1080, said))))
    assert finding.command == "nvidia-smi"
    assert "close" in finding.advice


def test_a_card_that_fails_otherwise_shows_its_own_words():
    finding = only(problems(machine(failing(RTX_3060, "CUDA error: unknown error"))))
    assert "CUDA error: unknown error" in finding.found
    assert finding.command == pip_torch("cu128")
    assert "Restart the machine" in finding.advice


def test_a_hidden_card_is_said_to_be_hidden():
    torch = blind_torch("12.6", "No CUDA GPUs are available")
    for value in ("", "-1"):
        finding = only(problems(machine(GTX_1080, torch=torch, visible_devices=value)))
        assert finding.command == "unset CUDA_VISIBLE_DEVICES"
    facts = machine(GTX_1080, torch=torch, visible_devices="", system="Windows")
    assert only(problems(facts)).command == "set CUDA_VISIBLE_DEVICES="


def test_a_card_that_pytorch_does_not_see_for_unknown_reasons_shows_its_complaint():
    finding = only(problems(machine(GTX_1080, torch=blind_torch("12.6", "CUDA unknown error"))))
    assert "CUDA unknown error" in finding.found
    assert finding.command == pip_torch("cu126")


def test_two_cards_of_which_the_build_serves_one():
    good_first = machine(RTX_3060, failing(GTX_1080), torch=torch_for("13.0", RTX_3060, failing(GTX_1080)))
    assert problems(good_first) == []  # training goes on, on cuda:0
    note = only([finding for finding in about("card", good_first) if finding.level == NOTE])
    assert note.command == pip_torch("cu126")  # which serves both
    bad_first = machine(failing(GTX_1080), RTX_5090, torch=torch_for("12.8", failing(GTX_1080), RTX_5090))
    assert only(problems(bad_first)).command == "export CUDA_VISIBLE_DEVICES=1"
    note = only([finding for finding in about("card", bad_first) if finding.level == NOTE])
    assert "No build of PyTorch supports all cards" in note.advice
    both = machine(RTX_3060, RTX_3060)
    assert any("cuda:1" in finding.found for finding in about("card", both))


def test_the_memory_of_a_card_is_told_with_what_is_free():
    assert "8.0 GiB, 7.0 GiB of it free, works" in only(about("card", machine(GTX_1080))).found


# The driver


def test_no_card_and_no_driver_is_a_healthy_machine_for_the_cpu():
    facts = machine()
    assert all(finding.level == OK for check in ("driver", "card") for finding in about(check, facts))
    assert problems(machine(torch=blind_torch("13.0", "Found no NVIDIA driver on your system"))) == []


def test_a_card_on_the_bus_without_a_driver():
    assert only(problems(machine(plugged_cards=1))).check == "driver"
    assert "--gpus all" in only(problems(machine(plugged_cards=1, container=True))).advice


def test_windows_and_wsl_hint_at_a_driver_where_the_bus_cannot_be_seen():
    note = only(about("driver", machine(system="Windows")))
    assert note.level == NOTE
    note = only(about("driver", machine(release="6.6.87.2-microsoft-standard-WSL2")))
    assert note.level == NOTE
    assert "in Windows, not inside WSL" in note.advice


def test_a_driver_that_does_not_answer():
    said = "Failed to initialize NVML: Driver/library version mismatch"
    facts = machine(torch=blind_torch("12.6", "x"), driver_failure=said, plugged_cards=1)
    assert "restart the machine" in only(problems(facts)).advice
    said = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    finding = only(problems(machine(plugged_cards=1, driver_failure=said)))
    assert said in finding.found
    assert problems(machine(driver_failure="No devices were found")) == []  # and none is on the bus


# Python, packages, PyTorch


@pytest.mark.parametrize("version", [(3, 9, 19), (3, 8, 0)])
def test_an_old_python_is_replaced_before_anything_is_installed_into_it(version):
    first = only(problems(machine(python=version, torch=None, missing_packages=("tqdm",))))
    assert (first.check, first.stops, first.command) == ("Python", True, "python3.12 -m venv .venv")
    windows = machine(python=version, system="Windows")
    assert only(problems(windows)).command == "py -3.12 -m venv .venv"


def test_a_python_of_32_bits_is_replaced():
    assert "64-bit" in only(problems(machine(python_bits=32))).advice


def test_missing_pytorch_gets_the_build_for_the_card():
    url = "python -m pip install torch --index-url https://download.pytorch.org/whl/"
    for cards, index in (((), "cpu"), ((GTX_1080,), "cu126"), ((RTX_5090,), "cu128")):
        finding = only(problems(machine(*cards, torch=None)))
        assert (finding.check, finding.command, finding.stops) == ("PyTorch", url + index, True)
    assert only(problems(machine(torch=None, system="Darwin"))).command == "python -m pip install torch"


def test_a_pytorch_that_cannot_be_imported_says_why():
    said = "libcudnn.so.9: cannot open shared object file"
    finding = only(problems(machine(GTX_1080, torch=None, torch_failure=said)))
    assert said in finding.found
    assert finding.command == pip_torch("cu126")
    said = "[WinError 126] The specified module could not be found. Error loading c10.dll"
    finding = only(problems(machine(torch=None, torch_failure=said, system="Windows")))
    assert finding.command == "winget install Microsoft.VCRedist.2015+.x64"


@pytest.mark.parametrize(("version", "old"), [("2.5.1+cu121", True), ("1.13.1", True), ("2.6.0", False)])
def test_pytorch_before_2_6_is_too_old(version, old):
    found = problems(machine(torch=dataclasses.replace(CPU_TORCH, version=version)))
    assert bool(found) is old
    assert not old or only(found).command == pip_torch("cpu")


def test_commands_name_the_python_that_runs():
    facts = machine(torch=None, python_command="/home/ash/env/bin/python3")
    assert only(problems(facts)).command.startswith("/home/ash/env/bin/python3 -m pip install torch ")


def test_missing_packages_are_named():
    finding = only(problems(machine(missing_packages=("safetensors", "tqdm"))))
    assert finding.command == "python -m pip install safetensors tqdm"


def test_an_amd_build_is_a_note():
    facts = machine(torch=Torch("2.9.0+rocm6.4", None, "6.4", ("gfx1030",), True, None, (Card("Radeon"),)))
    assert problems(facts) == []
    assert only(about("card", facts)).level == NOTE


# Tools


def test_missing_nvrtc_is_a_note_on_a_card_and_nothing_on_the_cpu():
    reason = "there is no NVRTC for compute capability 6.1, only NVRTC 13.0"
    finding = only(about("fused operations", machine(GTX_1080, nvrtc=None, nvrtc_failure=reason)))
    twelve, thirteen = (f'python -m pip install "{commands.NVRTC[major]}"' for major in (12, 13))
    assert (finding.level, finding.found, finding.command) == (NOTE, reason, twelve)
    new = machine(RTX_5090, torch=torch_for("13.0", RTX_5090), nvrtc=None)
    assert only(about("fused operations", new)).command == thirteen
    assert only(about("fused operations", machine(GTX_1080))).found == "compiler: NVRTC 12.6"
    assert only(about("fused operations", machine(nvrtc=None))).level == OK


def test_the_nvrtc_to_install_is_that_of_the_extras():
    for requirement in commands.NVRTC.values():
        assert f"\n    {requirement}\n" in (ROOT / "setup.cfg").read_text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Install g++"),
        ({"system": "Darwin"}, "xcode-select --install"),
        ({"system": "Windows"}, "x64 Native Tools"),
        ({"compiler_wanted": "g++-99"}, "Remove this environment variable"),
    ],
)
def test_a_missing_compiler_is_a_note_on_the_cpu(changes, words):
    facts = machine(compiler=None, **changes)
    finding = only(about("fused operations", facts))
    assert finding.level == NOTE
    assert words in finding.advice
    assert "the same result" in finding.advice
    assert problems(facts) == []


def test_a_failed_build_and_a_switch_are_told_with_what_undoes_them():
    facts = machine(build_failure=("/home/ash/my cache/kernels/0.failed", "omp.h: No such file"))
    finding = only(about("fused operations", facts))
    assert (finding.level, finding.command) == (NOTE, 'rm "/home/ash/my cache/kernels/0.failed"')
    assert "omp.h" in finding.found
    finding = only(about("fused operations", machine(GTX_1080, kernels_switch="plain")))
    assert finding.command == "unset STYLEGAN_POKEMON_KERNELS"


def test_a_working_card_needs_no_compiler():
    facts = machine(GTX_1080, compiler=None, build_failure=("0.failed", "omp.h"))
    assert only(about("fused operations", facts)).level == OK


def test_what_could_not_be_looked_at_is_said():
    assert "driver: OSError" in only(about("doctor", machine(surprises=("driver: OSError: x",)))).found


def test_nothing_known_is_no_crash():
    assert problems(Facts(system="Plan9"))[0].check == "PyTorch"
    assert best_build([], machine()) is None
    assert numbers("nightly") == ()
