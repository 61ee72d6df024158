"""finetune.py says what it will do, and what memory and disk that takes, before it does it."""

import dataclasses
import json
import re
from types import SimpleNamespace

import psutil
import pytest
from click.testing import CliRunner

from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.training import machine
from stylegan_pokemon.training.planning import memory_limit as provision
from stylegan_pokemon.training.planning import plan as planning
from tests.cli.trainings import SHORT, directories
from tests.training.pictures import tiny_config


def test_dry_run_prints_the_configuration_and_writes_nothing(tmp_path, data, run):
    result = run("--data", data, *SHORT, "--dry-run")
    assert result.exit_code == 0, result.output
    for word in (
        "R1 gamma",
        "parameters",
        "iterations",
        "passes",
        "learning rate",
        "augmentation",
        "no run was started",
    ):
        assert word in result.output
    assert directories(tmp_path) == []


def test_bf16_on_a_processor_without_it_is_said_to_be_slow_by_the_dry_run_the_start_and_the_continuation(
    tmp_path, data, run, monkeypatch
):
    monkeypatch.setattr(machine, "multiplies_in_bf16", lambda: False)
    monkeypatch.setattr(machine, "bf16_slowdown", lambda: 9.5)
    words = "does not multiply in bfloat16: --precision bf16 saves memory, but convolutions take 9.5 times"
    asked = ["--data", data, *SHORT, "--precision", "bf16"]
    assert words in run(*asked, "--dry-run").output
    assert words in run(*asked).output
    (folder,) = (tmp_path / "runs").iterdir()
    assert words in CliRunner().invoke(finetune, ["--resume", str(folder), "--dry-run"]).output
    assert words not in run("--data", data, *SHORT, "--precision", "fp32", "--dry-run").output
    assert "cpu, fp32" in run("--data", data, *SHORT, "--dry-run").output  # auto


def test_auto_is_bf16_where_the_processor_multiplies_in_it_and_the_configuration_says_so(
    tmp_path, data, run, monkeypatch
):
    monkeypatch.setattr(machine, "multiplies_in_bf16", lambda: True)
    result = run("--data", data, *SHORT)
    assert "cpu, bf16" in result.output
    assert "does not multiply" not in result.output
    (folder,) = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "config.json").read_text())["precision"] == "bf16"
    assert "cpu, fp32" in run("--data", data, "--arch", "dcgan64", "--dry-run").output


def test_a_plan_for_a_card_that_is_not_here_is_shown(tmp_path, data, run):
    arguments = ["--data", data, *SHORT, "--dry-run", "--assume-device"]
    pascal = run(*arguments, "gtx1080", "--vram", "8")
    assert pascal.exit_code == 0, pascal.output
    assert "GTX 1080, 8 GB, compute capability 6.1, assumed" in pascal.output
    assert re.search(r"memory +0\.\d+ of 7\.2 GiB = .*program 0\.45", pascal.output)
    assert "8 pictures at once, 1× for a batch of 8" in pascal.output
    assert "GTX 1080, fp32" in pascal.output
    assert "RTX 3060, fp16" in run(*arguments, "rtx3060").output
    assert directories(tmp_path) == []


def test_a_plan_that_was_asked_for_divides_the_batch_and_is_kept(tmp_path, data, run, monkeypatch):
    nothing = dataclasses.replace(planning.CPU, program=0, gaps=0.0, lane_gaps=0.0, grid=0.0)
    monkeypatch.setattr(provision, "CPU", nothing)
    monkeypatch.setattr("stylegan_pokemon.training.planning.memory.micro_batch", lambda resolution: 1)
    whole = run("--data", data, *SHORT, "--vram", "1", "--dry-run")
    assert "8 pictures at once, 1× for a batch of 8" in whole.output
    config, _ = tiny_config(data, cfg="sprites")
    parts = planning.plan_parts(dataclasses.replace(config, batch_gpu=4), nothing, True)
    vram = (parts.total - 1) / 0.9 / planning.GIB
    result = run("--data", data, *SHORT, "--vram", vram, "--precision", "fp32")
    assert result.exit_code == 0, result.output
    folder = tmp_path / "runs" / "00000-discs-fresh"
    config = json.loads((folder / "config.json").read_text())
    assert (config["batch"], config["batch_gpu"]) == (8, 4)
    assert config["recompute"] in (8, 16)
    assert config["memory"]["vram"] == vram
    assert config["memory"]["total"] <= config["memory"]["limit"]
    assert f"8 = 2 × 4, recomputing blocks from {config['recompute']}" in result.output
    again = ["--resume", folder, "--kimg", "0.048"]
    refused = CliRunner().invoke(finetune, [str(a) for a in [*again, "--vram", "4"]])
    assert refused.exit_code == 2
    assert f"--vram 4 (the run began with --vram {vram:.12g})" in refused.output
    assert CliRunner().invoke(finetune, [str(a) for a in [*again, "--vram", vram]]).exit_code == 0


def test_a_cpu_short_of_memory_divides_by_itself_or_says_that_it_is_too_little(data, run, monkeypatch):
    enough = run("--data", data, *SHORT, "--dry-run").output
    assert "pictures at once" not in enough  # no plan where there is plenty
    resident = psutil.Process().memory_info().rss
    monkeypatch.setattr("stylegan_pokemon.training.planning.memory.micro_batch", lambda resolution: 1)
    config, _ = tiny_config(data, cfg="sprites")
    parts = planning.plan_parts(dataclasses.replace(config, batch_gpu=4), planning.CPU, True)
    free = SimpleNamespace(available=parts.total - 1 - resident, total=1 << 40)
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    monkeypatch.setattr(
        "psutil.Process", lambda: SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=resident))
    )
    divided = run("--data", data, *SHORT, "--dry-run", "--precision", "fp32")
    assert re.search(r"4 pictures at once, recomputing from \d+×\d+ up, 2× for a batch of 8", divided.output)
    free.available = 1000 - resident
    result = run("--data", data, *SHORT, "--dry-run")
    assert result.exit_code == 0
    assert "too little: 1 picture at once" in result.output
    assert "trying all the same" in result.output


def test_the_disk_a_run_needs_is_foretold(tmp_path, data, run, monkeypatch):
    assert run("--data", data, *SHORT).exit_code == 0
    folder = tmp_path / "runs" / "00000-discs-fresh"
    result = run("--data", data, *SHORT, "--dry-run")
    count, mebibytes = re.search(r"disk +(\d+) snapshots of (\S+) MiB", result.output).groups()
    sizes = [path.stat().st_size for path in (folder / "snapshots").iterdir()]
    assert int(count) == len(sizes)
    assert float(mebibytes) * 2**20 == pytest.approx(max(sizes), rel=0.5)  # tiny networks: half is headers
    assert "too little" not in result.output
    snapshot, state = max(sizes), max(path.stat().st_size for path in (folder / "state").iterdir())
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=4 * state + 15 * snapshot))
    longer = ["--data", data, *SHORT, "--kimg", "3.2", "--dry-run"]
    assert "too little; a larger --keep deletes more snapshots" in run(*longer).output
    assert "too little" not in run(*longer, "--keep", "30").output
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    result = run("--data", data, *SHORT, "--dry-run")
    assert result.exit_code == 0
    assert re.search(r"this run will take \S+ GiB and .* has \S+ GiB for it, too little; a", result.output)
    result = run("--data", data, *SHORT, "--outdir", tmp_path / "elsewhere")
    assert result.exit_code == 2
    assert re.search(r"GiB for this run, which takes \S+ GiB at its first tick; free", result.output)
    assert not (tmp_path / "elsewhere").exists()
