"""Each benchmark prints one JSON object."""

import json
import sys

import pytest
from click.testing import CliRunner

from stylegan_pokemon.cli.bench import bench
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="what a program takes was measured on Linux")
TINY = ["--resolution", "16", "--channel-base", "128", "--channel-max", "8"]


def invoke(*arguments):
    result = CliRunner().invoke(bench, [*arguments, "--device", "cpu"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("kernels", ["on", "off"])
def test_train_reports_a_cycle(kernels):
    found = invoke("train", *TINY, "--batch", "4", "--w-dim", "16", "--kernels", kernels)
    assert found["kernels"] is (kernels == "on")
    assert set(found["phases"]) == {"data", "Gmain", "Greg", "Dmain", "Dreg"}
    assert found["iterations"] == 16
    assert min(found[name] for name in ("sec_per_kimg", "img_per_sec", "peak_rss_bytes")) > 0
    assert {"threads", "torch", "precision"} <= set(found)


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


def test_the_help_tells_how_many_warm_up_iterations_there_are(monkeypatch):
    steps = []
    monkeypatch.setattr(StyleGAN2Trainer, "iteration", lambda trainer: steps.append(trainer.images_shown))
    invoke("train", *TINY, "--batch", "4", "--w-dim", "16")
    assert len(steps) == 3 + 16
    assert "after 3 for warm-up" in CliRunner().invoke(bench, ["train", "--help"]).output
