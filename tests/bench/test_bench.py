"""Each benchmark prints one JSON object; operations are counted as the textbook counts them."""

import json
import sys
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner

from stylegan_pokemon.bench import train
from stylegan_pokemon.bench.arithmetic import Recorder, convolution_seconds, flop
from stylegan_pokemon.cli.bench import bench
from stylegan_pokemon.ops.conv2d import conv2d, conv_transpose2d
from stylegan_pokemon.ops.cpu.build import cpu_kernels
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="what a program takes was measured on Linux")
TINY = ["--resolution", "16", "--channel-base", "128", "--channel-max", "8"]


def invoke(*arguments):
    result = CliRunner().invoke(
        bench, [*arguments, "--device", "cpu"] if arguments[0] not in ("data", "memory") else arguments
    )
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("kernels", ["on", "off"])
def test_train_reports_a_cycle_and_its_arithmetic(kernels):
    found = invoke("train", *TINY, "--batch", "4", "--w-dim", "16", "--kernels", kernels)
    assert found["kernels"] is (kernels == "on")
    assert set(found["phases"]) == {"data", "Gmain", "Greg", "Dmain", "Dreg"}
    assert found["iterations"] == 16
    for name in ("sec_per_kimg", "img_per_sec", "peak_rss_bytes", "achieved_gflops", "convolution_gflops"):
        assert found[name] > 0
    assert {"threads", "torch", "precision"} <= set(found)
    share = found["achieved_gflops"] / found["convolution_gflops"]
    assert found["share_of_convolution_rate"] == pytest.approx(share)


def test_operations_are_counted_as_in_the_textbook():
    """Forward and both gradients of a convolution: two operations for each of n·o·i·k²·h·w products."""
    x, weight = torch.randn(2, 3, 8, 8, requires_grad=True), torch.randn(5, 3, 3, 3, requires_grad=True)
    for function, pixels, taps in (
        (lambda: conv2d(x, weight, padding=1), 64, 9),
        (lambda: conv2d(x, weight, stride=2, padding=1), 16, 9),
        (lambda: conv_transpose2d(x, weight.transpose(0, 1), stride=2), 64, 9),
    ):
        with Recorder(torch.device("cpu")) as recorder:
            function().sum().backward()
        assert flop(recorder.calls) == 3 * 2 * 2 * 5 * 3 * taps * pixels
        seconds, counted = convolution_seconds(recorder.calls, torch.device("cpu"))
        assert seconds > 0
        assert counted == flop(recorder.calls)


def test_ops_times_every_operation_in_three_ways_beside_a_copy():
    found = invoke("ops", "--resolution", "8", "--channels", "4", "--batch", "2", "--repeats", "1")
    assert len(found["seconds"]) == 11
    passes = {"epilogue", "epilogue_grad", "epilogue_backward", "scale_channels", "scale_backward"}
    assert set(found["passes"]) == (passes if cpu_kernels() is not None else set())
    assert all(times["seconds"] > 0 and times["copy"] > 0 for times in found["passes"].values())
    for times in found["seconds"].values():
        for timed in (times, times["plain"]):
            assert set(timed) >= {"forward", "backward", "double_backward", "copy", "copy_backward"}
            assert min(seconds for key, seconds in timed.items() if key != "plain") > 0


THIN = ["--resolution", "64", "--channel-base", "1024", "--channel-max", "64", "--w-dim", "128"]


def assert_planned(found, within):
    parts, phases = found["planned_parts"], {"grid", "Gmain", "Greg", "Dmain", "Dreg"}
    assert found["planned"] == sum(parts.values())
    assert set(found["planned_phases"]) == set(found["measured_parts"]["phases"]) == phases
    assert found["measured"] == max(found["measured_parts"]["phases"].values())
    assert found["ratio"] == pytest.approx(1, abs=within), found


@on_linux
def test_the_memory_plan_is_what_a_process_takes_within_15_percent():
    found = invoke("memory", *THIN, "--batch", "8", "--rounds", "1")
    assert_planned(found, 0.15)


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize("options", [
    ["--resolution", "128", "--channel-base", "4096", "--channel-max", "128", "--batch", "12"],
    ["--resolution", "128", "--channel-base", "8192", "--batch", "8", "--recompute", "64"],
    ["--resolution", "256", "--channel-base", "8192", "--channel-max", "256", "--batch", "4"],
])  # fmt: skip
def test_the_memory_plan_holds_at_larger_sizes(options):
    assert_planned(invoke("memory", *options), 0.15)


def test_generate_and_data_count_pictures_per_second():
    assert invoke("generate", *TINY, "--batch", "2", "--w-dim", "16", "--repeats", "1")["img_per_sec"] > 0
    found = invoke("data", "--resolution", "16", "--batch", "4", "--batches", "2")
    assert found["in_memory"]["img_per_sec"] > 0
    assert found["from_zip"]["img_per_sec"] > 0


def test_the_help_tells_how_many_warm_up_iterations_there_are(monkeypatch):
    steps = []
    monkeypatch.setattr(StyleGAN2Trainer, "iteration", lambda trainer: steps.append(trainer.images_shown))
    monkeypatch.setattr(train, "_arithmetic", lambda *_: {})
    invoke("train", *TINY, "--batch", "4", "--w-dim", "16")
    assert len(steps) == 3 + 16
    assert "after 3 for warm-up" in CliRunner().invoke(bench, ["train", "--help"]).output


def test_a_cycle_counts_every_regulariser_as_often_as_training_does(monkeypatch):
    kinds = {0: "all", 4: "lengths", 1: "main"}

    def iteration(trainer):
        recorders[-1].calls[kinds[trainer.images_shown // 4]] += 1

    recorders = []
    whole = train.Recorder
    monkeypatch.setattr(train, "Recorder", lambda device: recorders.append(whole(device)) or recorders[-1])
    trainer = SimpleNamespace(device=torch.device("cpu"), config=SimpleNamespace(batch=4), batch_gpu=4,
                              recompute=0, set_micro_batch=lambda *_: None)  # fmt: skip
    trainer.iteration = lambda: iteration(trainer)
    assert train._recorded_cycle(trainer) == {"all": 1, "lengths": 3, "main": 12}
