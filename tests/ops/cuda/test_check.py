"""Kernels are used where they agree with plain PyTorch; what fails is told and left out."""

import ctypes
import json
import sys
import threading

import pytest
import torch

from stylegan_pokemon.devices import is_shortage
from stylegan_pokemon.ops import backend, reference
from stylegan_pokemon.ops.cuda import check, provide
from stylegan_pokemon.ops.cuda.driver import Card, Driver, DriverError
from stylegan_pokemon.ops.cuda.kernels import CudaKernels
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


@pytest.mark.parametrize("case", check.cases(), ids=str)
def test_every_case_agrees_with_the_reference(kernels, case):
    assert check.disagreement(kernels, *case, CPU) is None


@pytest.mark.parametrize("case", [*check.cases()[:10], ("epilogue_backward", torch.bfloat16)], ids=str)
def test_a_small_error_in_any_case_is_seen(kernels, case):
    def spoiled(result):
        if isinstance(result, tuple):
            return result[0], result[1] + 0.02
        return result + 0.02

    assert "far from plain PyTorch" in check.disagreement(Broken(kernels, case[0], spoiled), *case, CPU)


def test_the_cases_are_all_the_operations(kernels):
    from stylegan_pokemon.ops.backend import Kernels

    operations = {name for name in vars(Kernels) if not name.startswith("_")} - {"name", "supports"}
    assert {method for method, _ in check.cases()} == operations


def test_a_kernel_that_fails_is_named_and_the_others_are_checked_in_another_process(kernels, tmp_path):
    path = tmp_path / "verdicts"
    runs = []

    def run():
        runs.append(1)
        check.check_all(Broken(kernels, "upfirdn2d", fail), path, CPU, lambda: None)

    verdicts = check.decide(path, run)
    wrong = {name: text for name, text in verdicts.items() if text}
    assert wrong == {
        f"upfirdn2d {dtype}": "an illegal memory access was encountered"
        for dtype in ("float32", "float16", "bfloat16")
    }
    assert len(runs) == 4
    assert set(verdicts) == {check.case_name(*case) for case in check.cases()}
    assert check.decide(path, pytest.fail) == verdicts  # remembered


def test_a_process_that_is_ended_by_a_kernel_leaves_its_name(kernels, tmp_path):
    path = tmp_path / "verdicts"

    class Crash(BaseException):
        """As abrupt as a segmentation fault."""

    ending = [Crash]

    def settle():
        if ending:
            raise ending.pop()

    def run():
        try:
            check.check_all(kernels, path, CPU, settle)
        except Crash:
            with open(path, "a") as file:
                file.write('{"case": "hal')

    verdicts = check.decide(path, run)
    assert verdicts["epilogue float32"] == "it ended the process that tried it"
    assert verdicts["grid_scatter float16"] is None


def test_ctrl_c_in_a_check_condemns_nothing(tmp_path, monkeypatch):
    path = tmp_path / "verdicts"

    def interrupted(*_, **__):
        check._append(path, "epilogue float32", None)
        check._append(path, "epilogue_grad float32", check._ENDED)
        raise KeyboardInterrupt

    monkeypatch.setattr(check.subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        check.in_a_process(0, path)
    assert check.read(path) == {"epilogue float32": None}


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGKILL"])
def test_a_check_that_somebody_ends_condemns_nothing(tmp_path, monkeypatch, signal):
    path = tmp_path / "verdicts"
    check._append(path, "epilogue float32", check._ENDED)
    end = f"import os, signal; os.kill(os.getpid(), signal.{signal})"
    whole = check.subprocess.run
    monkeypatch.setattr(check.subprocess, "run", lambda _, **o: whole([sys.executable, "-c", end], **o))
    assert "ended it" in check.in_a_process(0, path)
    assert not check.read(path)


def test_a_check_that_is_asked_to_stop_takes_its_last_word_back(kernels, tmp_path):
    path = tmp_path / "verdicts"
    with pytest.raises(SystemExit):
        check.check_all(kernels, path, CPU, sys.exit)
    assert not check.read(path)


@needs_no_cuda
def test_a_check_that_cannot_start_says_why(tmp_path):
    verdicts = check.decide(tmp_path / "verdicts", lambda: check.in_a_process(0, tmp_path / "verdicts"))
    (said,) = set(verdicts.values())
    assert "its check never ran (" in said
    assert "CUDA" in said


def test_training_goes_on_where_no_operation_is_trusted(kernels, tmp_path):
    """Through the public operations, with everything that they pass on."""
    trainer = tiny_trainer(write_dataset(tmp_path / "data.zip"), batch=4, aug="fixed", p=0.8, cfg="auto")
    everything = {check.case_name(*case) for case in check.cases()}
    counts = kernels._launcher.counts
    counts.clear()
    with backend.using(provide.Checked(kernels, everything)):
        trainer.iteration()
    assert not counts
    assert all(parameter.isfinite().all() for parameter in trainer.G.parameters())


def test_a_process_that_never_gets_going_is_no_verdict_for_ever(tmp_path):
    verdicts = check.decide(tmp_path / "verdicts", lambda: None)
    assert set(verdicts.values()) == {"its check never ran"}
    assert not (tmp_path / "verdicts").exists()


def test_a_card_that_is_full_is_checked_again_next_time(kernels, tmp_path):
    path = tmp_path / "verdicts"

    def settle():
        raise torch.OutOfMemoryError("CUDA out of memory")

    def run():
        with pytest.raises(torch.OutOfMemoryError):
            check.check_all(kernels, path, CPU, settle)
        return "CUDA out of memory"

    assert set(check.decide(path, run).values()) == {"its check never ran (CUDA out of memory)"}
    assert all(text is None for text in check.decide(
        path, lambda: check.check_all(kernels, path, CPU, lambda: None)
    ).values())  # fmt: skip


def test_plain_pytorch_computes_what_a_kernel_does_wrong(kernels):
    spoiled = Broken(kernels, "colour_transform", fail)
    checked = provide.Checked(spoiled, {"colour_transform float32"})
    x, matrix = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4)
    assert torch.equal(checked.colour_transform(x, matrix), reference.colour_transform(x, matrix))
    with pytest.raises(RuntimeError):
        checked.colour_transform(x.half(), matrix)  # trusted, by this set
    assert checked.supports(x)
    assert not checked.supports(x.double())
    assert torch.equal(checked.scale_channels(x, x[:, :, 0, 0]), kernels.scale_channels(x, x[:, :, 0, 0]))


def test_what_cannot_be_had_is_one_sentence(monkeypatch, capsys):
    """This machine has no card at all: the driver is missing, or PyTorch has no CUDA."""
    provide.checked_kernels.cache_clear()
    assert provide.provide(torch.device("cpu")) is None
    monkeypatch.setattr(provide, "kernels_of", lambda index: fail(index))
    assert provide.checked_kernels(0) is None
    said = capsys.readouterr().err
    assert said.startswith("note: no fused operations on the card")
    assert said.count("\n") == 1
    assert provide.checked_kernels(0) is None
    assert not capsys.readouterr().err  # once
    provide.checked_kernels.cache_clear()


def test_verdicts_reach_the_user_once_and_the_kernels_for_good(kernels, monkeypatch, capsys):
    provide.checked_kernels.cache_clear()
    verdicts = dict.fromkeys((check.case_name(*case) for case in check.cases()), None)
    verdicts["upfirdn2d float16"] = "it is 99 times as far from plain PyTorch as rounding can be"
    monkeypatch.setattr(provide, "kernels_of", lambda index: kernels)
    monkeypatch.setattr(provide, "_verdicts", lambda index: verdicts)
    served = provide.checked_kernels(0)
    assert "plain PyTorch computes upfirdn2d float16 instead" in capsys.readouterr().err
    x = torch.rand(1, 3, 4, 4).half()
    arguments = ((0.25, 0.75), 1, 1, (1, 0, 1, 0), False, 1.0)
    assert torch.equal(served.upfirdn2d(x, *arguments), reference.upfirdn2d(x, *arguments))
    provide.checked_kernels.cache_clear()


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
    check.check_all(kernels, path, CPU, lambda: None)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 2 * len(check.cases())
