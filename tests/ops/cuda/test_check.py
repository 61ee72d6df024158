"""Kernels are used where they agree with plain PyTorch; what fails is told and left out."""

import ctypes
import json
import subprocess
import sys
import threading

import pytest
import torch

from stylegan_pokemon.devices import is_shortage
from stylegan_pokemon.ops import backend, reference
from stylegan_pokemon.ops.cuda import checking, trusted, verdicts
from stylegan_pokemon.ops.cuda.cases import case_name, cases, disagreement
from stylegan_pokemon.ops.cuda.driver import Card, Driver, DriverError
from stylegan_pokemon.ops.cuda.kernels import CudaKernels
from stylegan_pokemon.ops.kernels import Kernels
from tests.ops.cuda.emulator import built, emulated_kernels, shared_folder
from tests.ops.cuda.test_emulated import pytestmark as needs_a_compiler
from tests.training.pictures import tiny_trainer, write_dataset

CPU = torch.device("cpu")
needs_no_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="the card would be checked")
pytestmark = needs_a_compiler


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return shared_folder(tmp_path_factory)


@pytest.fixture(scope="module")
def kernels(folder):
    return emulated_kernels(folder)


class Broken:
    """Kernels of which one method computes something else, or nothing."""

    def __init__(self, kernels, method, result):
        self._kernels, self._method, self._result = kernels, method, result

    def __getattr__(self, name):
        whole = getattr(self._kernels, name)
        return (lambda *a: self._result(whole(*a))) if name == self._method else whole


def fail(_):
    raise RuntimeError("an illegal memory access was encountered\nmore")


@pytest.mark.parametrize("case", cases(), ids=str)
def test_every_case_agrees_with_the_reference(kernels, case):
    assert disagreement(kernels, *case, CPU) is None


@pytest.mark.parametrize("case", [*cases()[:10], ("epilogue_backward", torch.bfloat16)], ids=str)
def test_a_small_error_in_any_case_is_seen(kernels, case):
    def spoiled(result):
        if isinstance(result, tuple):
            return result[0], result[1] + 0.02
        return result + 0.02

    assert "far from plain PyTorch" in disagreement(Broken(kernels, case[0], spoiled), *case, CPU)


def test_the_cases_are_all_the_operations(kernels):
    operations = {name for name in vars(Kernels) if not name.startswith("_")} - {"supports", "convolutions"}
    assert {method for method, _ in cases()} == operations


def test_a_kernel_that_fails_is_named_and_the_others_are_checked_in_another_process(kernels, tmp_path):
    path = tmp_path / "verdicts"
    runs = []

    def run():
        runs.append(1)
        checking.check_all(Broken(kernels, "upfirdn2d", fail), path, CPU, lambda: None)

    found = verdicts.decide(path, run)
    wrong = {name: text for name, text in found.items() if text}
    assert wrong == {
        f"upfirdn2d {dtype}": "an illegal memory access was encountered"
        for dtype in ("float32", "float16", "bfloat16")
    }
    assert len(runs) == 4
    assert set(found) == {case_name(*case) for case in cases()}
    assert verdicts.decide(path, pytest.fail) == found  # remembered


def ended_by(monkeypatch, path, end):
    """What a check says that has tried `epilogue_grad` when `end` runs in its process."""
    whole = subprocess.run

    def run(_, **options):
        verdicts.begin(path, "epilogue float32")
        verdicts.write(path, "epilogue float32", None)
        verdicts.begin(path, "epilogue_grad float32")
        with open(path, "a") as file:
            file.write('\n{"case": "hal')
        return whole([sys.executable, "-c", f"import os, signal, time; {end}"], **options)

    monkeypatch.setattr(checking.subprocess, "run", run)
    return checking.check_in_process(0, path)


@pytest.mark.parametrize("signal", ["SIGSEGV", "SIGABRT"])
def test_a_process_that_is_ended_by_a_kernel_is_a_verdict_on_it(tmp_path, monkeypatch, signal):
    path = tmp_path / "verdicts"
    assert ended_by(monkeypatch, path, f"os.kill(os.getpid(), signal.{signal})")
    assert verdicts.read(path)["epilogue_grad float32"] == "it ended the process that tried it"
    assert verdicts.read(path)["epilogue float32"] is None


def test_a_kernel_that_hangs_is_a_verdict_on_it(tmp_path, monkeypatch):
    path = tmp_path / "verdicts"
    monkeypatch.setattr(checking, "_TIMEOUT", 0.2)
    assert "more than 0.2 seconds" in ended_by(monkeypatch, path, "time.sleep(60)")
    assert "more than 0.2 seconds" in verdicts.read(path)["epilogue_grad float32"]


@pytest.mark.parametrize(
    "end",
    [
        "os.kill(os.getpid(), signal.SIGTERM)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "raise MemoryError",
    ],
)
def test_a_check_that_somebody_ends_condemns_nothing(tmp_path, monkeypatch, end):
    path = tmp_path / "verdicts"
    said = ended_by(monkeypatch, path, end)
    assert "ended it" in said or said == "MemoryError"
    assert verdicts.read(path) == {"epilogue float32": None}


def test_ctrl_c_in_a_check_condemns_nothing(tmp_path, monkeypatch):
    path = tmp_path / "verdicts"

    def interrupted(*_, **__):
        verdicts.begin(path, "epilogue_grad float32")
        raise KeyboardInterrupt

    monkeypatch.setattr(checking.subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checking.check_in_process(0, path)
    assert verdicts.read(path) == {}


@needs_no_cuda
def test_a_check_that_cannot_start_says_why(tmp_path):
    found = verdicts.decide(
        tmp_path / "verdicts", lambda: checking.check_in_process(0, tmp_path / "verdicts")
    )
    (said,) = set(found.values())
    assert "its check never ran (" in said
    assert "CUDA" in said


def test_training_goes_on_where_no_operation_is_trusted(kernels, tmp_path):
    """Through the public operations, with everything that they pass on."""
    trainer = tiny_trainer(write_dataset(tmp_path / "data.zip"), batch=4, aug="fixed", p=0.8, cfg="auto")
    everything = {case_name(*case) for case in cases()}
    counts = kernels._launcher.counts
    counts.clear()
    with backend.using(trusted.Trusted(kernels, everything)):
        trainer.iteration()
    assert not counts
    assert all(parameter.isfinite().all() for parameter in trainer.G.parameters())


def test_a_process_that_never_gets_going_is_no_verdict_for_ever(tmp_path):
    found = verdicts.decide(tmp_path / "verdicts", lambda: None)
    assert set(found.values()) == {"its check never ran"}
    assert not (tmp_path / "verdicts").exists()


def test_a_card_that_is_full_is_checked_again_next_time(kernels, tmp_path):
    path = tmp_path / "verdicts"

    def settle():
        raise torch.OutOfMemoryError("CUDA out of memory")

    def run():
        with pytest.raises(torch.OutOfMemoryError):
            checking.check_all(kernels, path, CPU, settle)
        return "CUDA out of memory"

    assert set(verdicts.decide(path, run).values()) == {"its check never ran (CUDA out of memory)"}
    assert all(text is None for text in verdicts.decide(
        path, lambda: checking.check_all(kernels, path, CPU, lambda: None)
    ).values())  # fmt: skip


def test_plain_pytorch_computes_what_a_kernel_does_wrong(kernels):
    spoiled = Broken(kernels, "colour_transform", fail)
    served = trusted.Trusted(spoiled, {"colour_transform float32"})
    x, matrix = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4)
    assert torch.equal(served.colour_transform(x, matrix), reference.colour_transform(x, matrix))
    with pytest.raises(RuntimeError):
        served.colour_transform(x.half(), matrix)  # trusted, by this set
    assert served.supports(x)
    assert not served.supports(x.double())
    assert torch.equal(served.scale_channels(x, x[:, :, 0, 0]), kernels.scale_channels(x, x[:, :, 0, 0]))


def test_what_cannot_be_had_is_one_sentence(monkeypatch, capsys):
    """This machine has no card at all: the driver is missing, or PyTorch has no CUDA."""
    trusted.trusted_kernels.cache_clear()
    assert trusted.for_device(torch.device("cpu")) is None
    monkeypatch.setattr(trusted, "kernels_of", lambda index: fail(index))
    assert trusted.trusted_kernels(0) is None
    said = capsys.readouterr().err
    assert said.startswith("note: no fused operations on the card")
    assert said.count("\n") == 1
    assert trusted.trusted_kernels(0) is None
    assert not capsys.readouterr().err  # once
    trusted.trusted_kernels.cache_clear()


def test_verdicts_reach_the_user_once_and_the_kernels_for_good(kernels, monkeypatch, capsys):
    trusted.trusted_kernels.cache_clear()
    found = dict.fromkeys((case_name(*case) for case in cases()), None)
    found["upfirdn2d float16"] = "it is 99 times as far from plain PyTorch as rounding can be"
    monkeypatch.setattr(trusted, "kernels_of", lambda index: kernels)
    monkeypatch.setattr(trusted, "_verdicts", lambda index: found)
    served = trusted.trusted_kernels(0)
    assert "plain PyTorch computes upfirdn2d float16 instead" in capsys.readouterr().err
    x = torch.rand(1, 3, 4, 4).half()
    arguments = ((0.25, 0.75), 1, 1, (1, 0, 1, 0), False, 1.0)
    assert torch.equal(served.upfirdn2d(x, *arguments), reference.upfirdn2d(x, *arguments))
    trusted.trusted_kernels.cache_clear()


def test_a_card_launches_what_the_emulation_runs(kernels, folder):
    """The driver's functions get what they take: context, module, grid, stream, arguments."""
    driver = Driver(str(built(folder)))
    assert driver.version() == 12060
    asked = []

    def code(kernel):
        asked.append(kernel)
        return kernel.encode(), "lowered"

    card = Card(0, driver, code, stream=lambda: 0x1234567890)
    card.device_type = "cpu"
    served = CudaKernels(card)
    x = torch.randn(2, 8, 5, 4).contiguous(memory_format=torch.channels_last)
    scale = torch.rand(2, 8)
    results = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: results.append(served.scale_backward(x, x, scale)))
        thread.start()  # as autograd does: the context is not current there
        thread.join()
    for result in results:
        for found, expected in zip(result, kernels.scale_backward(x, x, scale), strict=True):
            assert torch.equal(found, expected)
    assert asked == ["pass_and_sum<float,4,true,ScaleAndDot>", "sum_partial<1>"]  # each is loaded once
    library = driver._library
    library.stream_of_last_launch.restype = ctypes.c_uint64
    assert library.stream_of_last_launch() == 0x1234567890
    assert library.times_context_was_set() == 2


def test_threads_launch_again_and_again_with_arguments_of_their_own(folder, kernels, monkeypatch):
    """A thread uses the same memory for all its launches; those of another thread may come in between."""
    driver = Driver(str(built(folder)))
    together, call = threading.Barrier(2), driver.call

    def in_step(name, *arguments):
        if name == "cuLaunchKernel":
            together.wait(timeout=60)  # both threads have written their arguments
        call(name, *arguments)

    monkeypatch.setattr(driver, "call", in_step)
    card = Card(0, driver, lambda kernel: (kernel.encode(), "lowered"), stream=lambda: 0)
    card.device_type = "cpu"
    served, found = CudaKernels(card), {0: [], 1: []}
    x = torch.randn(2, 8, 3, 4)
    turns = [(torch.rand(2, 8), 0.5), (None, None), (torch.rand(2, 8), 2.0)]

    def launches(thread):
        for scale, clamp in turns:
            found[thread].append(served.epilogue(x + thread, scale, None, None, None, "lrelu", 1.0, clamp))

    threads = [threading.Thread(target=launches, args=(thread,)) for thread in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for thread, results in found.items():
        for (scale, clamp), result in zip(turns, results, strict=True):
            expected = kernels.epilogue(x + thread, scale, None, None, None, "lrelu", 1.0, clamp)
            assert torch.equal(result, expected)


def test_a_clamp_beyond_float32_is_none(kernels):
    x = torch.randn(1, 4, 2, 2) * 1e30
    assert torch.equal(kernels.epilogue(x, None, None, None, None, "linear", 1, 1e39), x)


def test_a_full_card_is_a_shortage_and_pytorchs_spare_memory_is_given_back(folder, kernels, monkeypatch):
    driver = Driver(str(built(folder)))
    card = Card(0, driver, lambda kernel: (kernel.encode(), "lowered"), stream=lambda: 0)
    card.device_type = "cpu"
    emptied = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(1))
    x, scale = torch.rand(1, 2, 2, 2), torch.rand(1, 2)
    driver._library.refuse(1)
    assert torch.equal(CudaKernels(card).scale_channels(x, scale), kernels.scale_channels(x, scale))
    assert emptied == [1]
    driver._library.refuse(2)
    with pytest.raises(torch.OutOfMemoryError) as shortage:
        CudaKernels(card).channel_dot(x, x)
    assert is_shortage(shortage.value)


def test_what_the_driver_refuses_is_said_in_its_words(folder, kernels):
    driver = Driver(str(built(folder)))
    card = Card(0, driver, lambda kernel: (b"no such code", "lowered"), stream=lambda: 0)
    card.device_type = "cpu"
    with pytest.raises(DriverError, match=r"cuModuleLoadData: device kernel image is invalid \(200\)"):
        CudaKernels(card).scale_channels(torch.rand(1, 1, 2, 2), torch.rand(1, 1))
    with pytest.raises(DriverError):
        Driver("libno-such-driver.so")


def test_verdicts_are_lines_of_json(kernels, tmp_path):
    path = tmp_path / "verdicts"
    checking.check_all(kernels, path, CPU, lambda: None)
    lines = [json.loads(line) for line in path.read_text().splitlines() if line]
    assert len(lines) == 2 * len(cases())
