"""finetune.py end to end at 16×16, and one sentence with status 2 for every bad option."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.augment.sets import AUGMENT_SETS
from stylegan_pokemon.checkpoint import load
from stylegan_pokemon.cli.finetune import _AUGPIPES, finetune
from stylegan_pokemon.cli.generate import main as generate
from stylegan_pokemon.render.images import fakes_grid, grid_shape
from stylegan_pokemon.render.latents import seed_latents
from stylegan_pokemon.training import planning, provision
from stylegan_pokemon.training.resolve import Options
from tests.conftest import FIXTURES, ROOT
from tests.training.pictures import tiny_config, write_dataset

TINY = ["--channel-base", "128", "--channel-max", "8", "--map-layers", "1", "--w-dim", "16", "--batch", "8"]
SHORT = ["--kimg", "0.032", "--tick", "0.016", "--resume", "none", "--metrics", "none", *TINY]


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "discs.zip", classes=2)


@pytest.fixture
def run(tmp_path):
    def invoke(*arguments):
        return CliRunner().invoke(
            finetune,
            [
                *([] if "--metrics" in arguments else ["--metrics", "none"]),
                *map(str, arguments),
                *("--outdir", str(tmp_path / "runs"), "--device", "cpu"),
            ],
        )

    return invoke


def directories(tmp_path):
    return sorted(path.name for path in (tmp_path / "runs").iterdir()) if (tmp_path / "runs").exists() else []


def test_a_run_then_transfer_from_its_snapshot_then_continuation(tmp_path, data, run):
    first = run("--data", data, *SHORT)
    assert first.exit_code == 0, first.output
    assert "networks start" in first.output or "fresh networks" in first.output
    assert directories(tmp_path) == ["00000-discs-fresh"]
    snapshot = tmp_path / "runs" / "00000-discs-fresh" / "snapshots" / "000000.032.safetensors"
    second = run("--data", data, "--kimg", "0.016", "--tick", "0.016", "--batch", "8", "--resume", snapshot)
    assert second.exit_code == 0, second.output
    assert "transfer learning" in second.output
    assert directories(tmp_path)[1] == "00001-discs-from-00000-000000.032"
    config = json.loads((tmp_path / "runs" / directories(tmp_path)[1] / "config.json").read_text())
    assert config["generator"]["channel_max"] == 8  # the checkpoint decides
    assert (config["ema_rampup"], config["ema_floor_kimg"]) == (0.05, 0.5)
    assert config["ada_kimg"] == 100
    folder = tmp_path / "runs" / "00000-discs-fresh"
    third = CliRunner().invoke(finetune, ["--resume", str(folder), "--kimg", "0.048"])
    assert third.exit_code == 0, third.output
    assert "continuing at 0.032 kimg" in third.output
    assert (folder / "snapshots" / "000000.048.safetensors").exists()


def test_transfer_shows_the_pictures_of_the_source_before_training(tmp_path, data, run):
    assert run("--data", data, *SHORT).exit_code == 0
    source = tmp_path / "runs" / "00000-discs-fresh"
    again = ["--data", data, "--kimg", "0.008", "--tick", "0.016", "--batch", "8"]
    assert run(*again, "--resume", source / "snapshots" / "000000.032.safetensors").exit_code == 0
    target = tmp_path / "runs" / "00001-discs-from-00000-000000.032"
    assert (target / "fakes000000.000.png").read_bytes() == (source / "fakes000000.032.png").read_bytes()


def test_an_official_pickle_is_a_starting_point(tmp_path, run):
    data = write_dataset(tmp_path / "d32.zip", resolution=32)
    result = run(
        "--data",
        data,
        "--resume",
        FIXTURES / "uncond32.pkl",
        "--kimg",
        "0.004",
        "--batch",
        "4",
        "--tick",
        "1",
    )
    assert result.exit_code == 0, result.output
    assert "copied adapted" in result.output
    (start,) = (tmp_path / "runs").glob("*/fakes000000.000.png")
    source = load(FIXTURES / "uncond32.pkl").G_ema
    columns, rows = grid_shape(32)
    z = seed_latents(range(columns * rows), source.z_dim)
    with Image.open(start) as picture:
        assert np.array_equal(np.asarray(picture), fakes_grid(source, z, None, columns))


@pytest.mark.parametrize("name", ["uncond32", "sg3_uncond32", "legacy32"])
def test_after_a_transfer_the_first_grid_is_generates_picture_of_the_source_file(tmp_path, run, name):
    data, source = write_dataset(tmp_path / "d32.zip", resolution=32), FIXTURES / f"{name}.pkl"
    short = ["--kimg", "0.004", "--batch", "4", "--tick", "1"]
    assert run("--data", data, "--resume", source, *short).exit_code == 0
    drawn = CliRunner().invoke(
        generate,
        [*("--network", str(source), "--seeds", "0-63", "--scale", "1", "--device", "cpu"),
         *("--outdir", str(tmp_path / "drawn"))],
    )  # fmt: skip
    assert drawn.exit_code == 0, drawn.output
    (start,) = (tmp_path / "runs").glob("*/fakes000000.000.png")
    with Image.open(start) as ours, Image.open(tmp_path / "drawn" / "grid.png") as theirs:
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))
    with Image.open(start) as ours, Image.open(tmp_path / "drawn" / "seed0011.png") as theirs:
        assert np.array_equal(np.asarray(ours)[32:64, 96:128], np.asarray(theirs))


def test_conditional_training_needs_and_uses_labels(tmp_path, data, run):
    assert run("--data", data, "--cond", *SHORT).exit_code == 0
    unlabelled = write_dataset(tmp_path / "plain.zip")
    result = run("--data", unlabelled, "--cond", *SHORT)
    assert result.exit_code == 2
    assert "has no labels" in result.output


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
    nothing = dataclasses.replace(planning.CPU, program=0, gaps=0.0, grid=0.0)
    monkeypatch.setattr(provision, "CPU", nothing)
    monkeypatch.setattr("stylegan_pokemon.training.memory.micro_batch", lambda resolution: 1)
    whole = run("--data", data, *SHORT, "--vram", "1", "--dry-run")
    assert "8 pictures at once, 1× for a batch of 8" in whole.output
    config, _ = tiny_config(data, cfg="sprites")
    parts = planning.plan_parts(dataclasses.replace(config, batch_gpu=4), nothing, True)
    vram = (parts.total - 1) / 0.9 / planning.GIB
    result = run("--data", data, *SHORT, "--vram", vram)
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
    assert f"--vram 4.0 (the run began with --vram {vram})" in refused.output
    assert CliRunner().invoke(finetune, [str(a) for a in [*again, "--vram", vram]]).exit_code == 0


def test_a_cpu_short_of_memory_divides_by_itself_or_says_that_it_is_too_little(data, run, monkeypatch):
    enough = run("--data", data, *SHORT, "--dry-run").output
    assert "pictures at once" not in enough  # no plan where there is plenty
    resident = psutil.Process().memory_info().rss
    monkeypatch.setattr("stylegan_pokemon.training.memory.micro_batch", lambda resolution: 1)
    config, _ = tiny_config(data, cfg="sprites")
    parts = planning.plan_parts(dataclasses.replace(config, batch_gpu=4), planning.CPU, True)
    free = SimpleNamespace(available=parts.total - 1 - resident, total=1 << 40)
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    monkeypatch.setattr(
        "psutil.Process", lambda: SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=resident))
    )
    divided = run("--data", data, *SHORT, "--dry-run")
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
    assert re.search(r"--keep (10|20|30) keeps one snapshot in \1 and takes", run(*longer).output)
    assert "too little" not in run(*longer, "--keep", "30").output
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    result = run("--data", data, *SHORT, "--dry-run")
    assert result.exit_code == 0
    assert re.search(r"this run will take \S+ GiB and .* has \S+ GiB for it, too little; free", result.output)
    result = run("--data", data, *SHORT, "--outdir", tmp_path / "elsewhere")
    assert result.exit_code == 2
    assert re.search(r"GiB for this run, which takes \S+ GiB at its first tick; free", result.output)
    assert not (tmp_path / "elsewhere").exists()


def test_without_resume_it_says_what_it_starts_from(data, run):
    result = run("--data", data, *TINY, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "there is no embedded checkpoint for 16×16" in result.output


def test_what_cannot_be_frozen_in_the_embedded_checkpoint_is_no_fresh_start(tmp_path, run):
    result = run("--data", write_dataset(tmp_path / "d32.zip", resolution=32), "--freezed", "99", "--dry-run")
    assert result.exit_code == 2
    assert "this discriminator has 10 layers before its last block" in result.output
    assert "start fresh" not in result.output


BAD = {
    "missing data": (["--data", "nowhere.zip"], "nowhere.zip does not exist"),
    "kimg zero": (["--kimg", "0"], "--kimg"),
    "kimg nan": (["--kimg", "nan"], "--kimg"),
    "kimg text": (["--kimg", "many"], "--kimg"),
    "tick": (["--tick", "-1"], "--tick"),
    "snap": (["--snap", "0"], "--snap"),
    "batch": (["--batch", "0"], "--batch"),
    "batch-gpu": (["--batch", "8", "--batch-gpu", "3"], "--batch-gpu"),
    "gamma": (["--gamma", "-1"], "--gamma"),
    "freezed": (["--freezed", "-1"], "--freezed"),
    "freezed without network": (["--freezed", "2", "--resume", "none"], "needs --resume"),
    "kimg too small": (["--kimg", "0.0004"], "at least 0.001"),
    "data folder": (["--data", "tests"], "is a folder"),
    "subset": (["--subset", "0"], "--subset"),
    "subset too large": (["--subset", "1000"], "--subset 1000: "),
    "aug": (["--aug", "some"], "--aug"),
    "p high": (["--p", "0.9"], "--p"),
    "fixed without p": (["--aug", "fixed"], "--aug fixed needs --p"),
    "p without aug": (["--aug", "noaug", "--p", "0.1"], "--aug noaug"),
    "target": (["--target", "2"], "--target"),
    "target without ada": (["--aug", "fixed", "--p", "0.1", "--target", "0.5"], "--target"),
    "augpipe": (["--augpipe", "zoom"], "--augpipe"),
    "channel-base": (["--channel-base", "8"], "channel_base"),
    "channel-max": (["--channel-max", "0"], "--channel-max"),
    "map-layers": (["--map-layers", "0"], "--map-layers"),
    "w-dim": (["--w-dim", "0"], "--w-dim"),
    "lr": (["--lr", "2"], "--lr"),
    "cfg": (["--cfg", "huge"], "--cfg"),
    "device": (["--device", "tpu"], "--device tpu"),
    "precision": (["--precision", "fp16"], "--precision fp16"),
    "metrics": (["--metrics", "fid"], "--metrics"),
    "metrics-num": (["--metrics-num", "0"], "--metrics-num 0 must be at least 1"),
    "patience": (["--patience", "-1"], "--patience -1 must be 0"),
    "patience without kid": (["--patience", "3", "--metrics", "fd"], "add kid to --metrics"),
    "patience without metrics": (["--patience", "3", "--metrics", "none"], "add kid to --metrics"),
    "holdout": (["--holdout", "0.9"], "--holdout 0.9 must lie between 0 and 0.5"),
    "holdout nan": (["--holdout", "nan"], "--holdout"),
    "subset of what holdout leaves": (["--holdout", "0.25", "--subset", "10"], "has 9 pictures"),
    "resume missing": (["--resume", "nowhere.pkl"], "nowhere.pkl does not exist"),
    "resume suffix": (["--resume", "finetune.py"], "finetune.py"),
    "resume classes": (["--resume", str(FIXTURES / "cond32.pkl")], "--cond"),
    "seed": (["--seed", "x"], "--seed"),
    "vram zero": (["--vram", "0"], "--vram 0 must be more than 0"),
    "vram nan": (["--vram", "nan"], "--vram nan must be more than 0"),
    "vram text": (["--vram", "much"], "--vram"),
    "vram too little": (["--vram", "0.001", "--resume", "none", *TINY], "too little: 1 picture at once"),
    "vram too little for batch-gpu": (
        ["--vram", "0.001", "--resume", "none", *TINY, "--batch-gpu", "8"],
        "--batch-gpu 8: 0.92 MiB are too little",
    ),
    "assume-device unknown": (["--assume-device", "voodoo2"], "--assume-device"),
    "assume-device without dry run": (["--assume-device", "gtx1080"], "add --dry-run"),
    "assumed card lacks bf16": (
        ["--assume-device", "gtx1080", "--dry-run", "--precision", "bf16"],
        "--precision bf16 needs a card of compute capability 8.0",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options_end_with_one_sentence_and_status_2(tmp_path, data, case, monkeypatch):
    monkeypatch.chdir(ROOT)
    arguments, expected = BAD[case]
    base = [] if "--data" in arguments else ["--data", str(data)]
    everything = [*base, *arguments, "--outdir", str(tmp_path / "runs")]
    if "--device" not in arguments:
        everything += ["--device", "cpu"]
    result = CliRunner().invoke(finetune, everything)
    assert result.exit_code == 2, result.output
    assert expected in result.output
    assert "Traceback" not in result.output
    assert directories(tmp_path) == []


def test_options_that_contradict_the_checkpoint_are_errors(tmp_path, run):
    data = write_dataset(tmp_path / "d32.zip", resolution=32)
    for option, value in (("--channel-base", 77), ("--channel-max", 77), ("--map-layers", 3), ("--w-dim", 5)):
        result = run("--data", data, "--resume", FIXTURES / "uncond32.pkl", option, value, "--dry-run")
        assert result.exit_code == 2
        assert f"{option} asks for" in result.output
        assert "the checkpoint decides" in result.output


def test_with_adapt_other_widths_train_and_their_first_pictures_are_the_checkpoints(tmp_path, run):
    data = write_dataset(tmp_path / "d32.zip", resolution=32)
    short = ["--kimg", "0.004", "--tick", "1", "--batch", "4", "--data", data]
    for width in (40, 24):
        result = run(*short, "--resume", FIXTURES / "uncond32.pkl", "--channel-max", width, "--adapt")
        assert result.exit_code == 0, result.output
        assert "adapted: synthesis.b4" in result.output
    wider, narrower = ((tmp_path / "runs" / name) for name in directories(tmp_path))
    assert json.loads((narrower / "config.json").read_text())["generator"]["channel_max"] == 24
    assert "is an error" not in result.output
    source = load(FIXTURES / "uncond32.pkl").G_ema
    columns, rows = grid_shape(32)
    z = seed_latents(range(columns * rows), source.z_dim)
    with Image.open(wider / "fakes000000.000.png") as picture:
        difference = np.abs(np.asarray(picture).astype(int) - fakes_grid(source, z, None, columns))
    assert difference.max() <= 1


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_a_checkpoint_of_rgb_trains_in_other_colours(tmp_path, run, mode):
    data = write_dataset(tmp_path / "d32.zip", resolution=32, mode=mode)
    short = ["--kimg", "0.004", "--tick", "1", "--batch", "4"]
    result = run("--data", data, "--resume", FIXTURES / "uncond32.pkl", *short)
    assert result.exit_code == 0, result.output
    assert "adapted: synthesis.b4.torgb" in result.output
    (folder,) = directories(tmp_path)
    with Image.open(tmp_path / "runs" / folder / "fakes000000.000.png") as picture:
        assert picture.mode == mode


def test_classes_are_left_out_or_paired_by_number_only_with_adapt(tmp_path, run):
    data = write_dataset(tmp_path / "d32.zip", resolution=32, classes=2)
    for option in ([], ["--cond"]):
        arguments = ["--data", data, "--resume", FIXTURES / "cond32.pkl", *option, "--dry-run"]
        refused = run(*arguments)
        assert refused.exit_code == 2
        assert "--adapt" in refused.output
        result = run(*arguments, "--adapt")
        assert result.exit_code == 0, result.output
        assert "adapted: mapping" in result.output
    assert run("--data", data, "--resume", "none", "--adapt").exit_code == 2


def test_an_option_that_cannot_change_on_continuation_is_named(tmp_path, data, run):
    assert run("--data", data, *SHORT).exit_code == 0
    folder = tmp_path / "runs" / "00000-discs-fresh"
    result = CliRunner().invoke(finetune, ["--resume", str(folder), "--batch", "4"])
    assert result.exit_code == 2
    assert "--batch 4 (the run began with --batch 8) cannot change" in result.output


def test_a_folder_whose_name_begins_with_a_date_counts_as_the_last_run(tmp_path, data, run):
    (tmp_path / "runs" / "20240615-backup").mkdir(parents=True)
    assert run("--data", data, *SHORT).exit_code == 0
    assert directories(tmp_path) == ["20240615-backup", "20240616-discs-fresh"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, data):
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(
        finetune, ["--data", str(data), *SHORT, "--outdir", str(tmp_path / "file" / "runs")]
    )
    assert result.exit_code == 2
    assert "--outdir" in result.output


def test_a_full_disk_ends_with_a_sentence_and_whole_files(tmp_path, data, run, monkeypatch):
    replace = os.replace

    def full(source, target):
        if str(target).endswith("fakes000000.032.png"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    result = run("--data", data, *SHORT)
    assert result.exit_code == 2
    assert "No space left on device" in result.output
    folder = tmp_path / "runs" / "00000-discs-fresh"
    assert not list(folder.rglob("*.tmp*"))
    assert (folder / "snapshots" / "000000.016.safetensors").exists()


def test_every_option_is_a_setting_and_every_setting_an_option():
    given_nothing = finetune.make_context("finetune.py", []).params
    assert given_nothing.pop("dry_run") is False
    assert Options(**given_nothing) == Options()
    assert _AUGPIPES == AUGMENT_SETS


@pytest.mark.parametrize("command", [
    ["finetune.py"], ["generate.py"], ["-m", "dataset_tool"], ["-m", "dataset_tool", "convert"],
    ["-m", "dataset_tool", "forge"], ["-m", "stylegan_pokemon"], ["-m", "stylegan_pokemon", "bench", "train"],
    ["-m", "stylegan_pokemon", "bench", "memory"],
    ["-m", "stylegan_pokemon", "demo"], ["-m", "stylegan_pokemon", "convert"],
    ["-m", "stylegan_pokemon", "inspect"],
    ["-m", "stylegan_pokemon", "zoo"], ["-m", "stylegan_pokemon", "zoo", "fetch"],
])  # fmt: skip
def test_help_imports_neither_torch_nor_numpy(command):
    script = (
        "import runpy, sys\n"
        f"sys.argv = {[command[-1] if command[0] != '-m' else command[1], *command[2:], '--help']!r}\n"
        "try:\n"
        + (f"    runpy.run_module({command[1]!r}, run_name='__main__')\n" if command[0] == "-m" else
           f"    runpy.run_path({command[0]!r}, run_name='__main__')\n")
        + "except SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'numpy', 'PIL', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_after_ctrl_c_a_run_continues_from_its_last_tick(tmp_path, data, monkeypatch):
    from stylegan_pokemon.training.trainer import Trainer

    iteration = Trainer.iteration

    def interrupted(self):
        if self.images_shown == 24:
            raise KeyboardInterrupt
        return iteration(self)

    monkeypatch.setattr(Trainer, "iteration", interrupted)
    result = CliRunner().invoke(finetune, ["--data", str(data), *SHORT, "--outdir", str(tmp_path / "runs")])
    assert result.exit_code == 130
    folder = tmp_path / "runs" / "00000-discs-fresh"
    assert (folder / "state" / "000000016.safetensors").exists()
    monkeypatch.setattr(Trainer, "iteration", iteration)
    result = CliRunner().invoke(finetune, ["--resume", str(folder)])
    assert result.exit_code == 0, result.output


def test_freeze_d_keeps_the_first_layers_and_is_bounded(tmp_path, data, run):
    assert run("--data", data, *SHORT).exit_code == 0
    snapshot = tmp_path / "runs" / "00000-discs-fresh" / "snapshots" / "000000.032.safetensors"
    again = ["--data", data, "--kimg", "0.016", "--tick", "0.016", "--batch", "8", "--resume", snapshot]
    result = run(*again, "--freezed", "3")
    assert result.exit_code == 0, result.output
    frozen = tmp_path / "runs" / "00001-discs-from-00000-000000.032" / "snapshots" / "000000.016.safetensors"
    before, after = load(snapshot).D.state_dict(), load(frozen).D.state_dict()
    changed = {name.rsplit(".", 1)[0] for name in before if not torch.equal(before[name], after[name])}
    assert {"b16.fromrgb", "b16.conv0", "b16.conv1"}.isdisjoint(changed)
    assert {"b16.skip", "b8.conv0", "b4.out"} <= changed
    result = run(*again, "--freezed", "8")
    assert result.exit_code == 2
    assert "has 7 layers" in result.output
    assert load(frozen).D.config.freeze_layers == 3
    thawed = run(*again[:-1], frozen, "--freezed", "0", "--dry-run")
    assert " 0 frozen" in thawed.output


@pytest.mark.parametrize("resolution", [16, 64])
def test_layers_that_are_new_at_a_resolution_cannot_be_frozen(tmp_path, run, resolution):
    data = write_dataset(tmp_path / "d.zip", resolution=resolution)
    arguments = ["--data", data, "--resume", FIXTURES / "uncond32.pkl", "--dry-run", "--freezed"]
    result = run(*arguments, 1)
    assert result.exit_code == 2
    assert f"would freeze b{resolution}.fromrgb" in result.output
    assert run(*arguments, 0).exit_code == 0


def test_class_names_must_be_the_checkpoints(tmp_path, data, run):
    assert run("--data", data, "--cond", *SHORT).exit_code == 0
    snapshot = tmp_path / "runs" / "00000-discs-fresh" / "snapshots" / "000000.032.safetensors"
    with zipfile.ZipFile(data) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries["dataset.json"] = entries["dataset.json"].replace(b"class0", b"fire")
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    result = run("--data", other, "--cond", "--resume", snapshot, "--dry-run")
    assert result.exit_code == 2
    assert "trained with the classes class0, class1, the data have fire, class1" in result.output
    assert run("--data", other, "--cond", "--resume", snapshot, "--dry-run", "--adapt").exit_code == 0


@pytest.mark.parametrize(("option", "value"), [("--kimg", "nan"), ("--kimg", "-3"), ("--snap", "0")])
def test_values_are_checked_on_continuation_too(tmp_path, data, run, option, value):
    assert run("--data", data, *SHORT).exit_code == 0
    result = CliRunner().invoke(
        finetune, ["--resume", str(tmp_path / "runs" / "00000-discs-fresh"), option, value]
    )
    assert result.exit_code == 2
    assert option in result.output


def test_a_run_without_its_state_is_not_silently_started_anew(tmp_path, data, run):
    assert run("--data", data, *SHORT).exit_code == 0
    folder = tmp_path / "runs" / "00000-discs-fresh"
    shutil.rmtree(folder / "state")
    result = CliRunner().invoke(finetune, ["--resume", str(folder), "--kimg", "0.064"])
    assert result.exit_code == 2
    assert "lost its state" in result.output


def test_a_run_and_its_data_may_be_moved_and_remember_what_changed(tmp_path, data, run):
    assert run("--data", data, *SHORT).exit_code == 0
    moved = tmp_path / "elsewhere"
    shutil.move(tmp_path / "runs" / "00000-discs-fresh", moved)
    data.rename(tmp_path / "renamed.zip")
    arguments = ["--resume", str(moved), "--kimg", "0.048", "--data", str(tmp_path / "renamed.zip")]
    assert CliRunner().invoke(finetune, arguments).exit_code == 0
    config = json.loads((moved / "config.json").read_text())
    assert config["kimg"] == 0.048
    assert config["data"] == str((tmp_path / "renamed.zip").resolve())
    again = CliRunner().invoke(finetune, ["--resume", str(moved)])
    assert again.exit_code == 0, again.output
    assert "done at 0.048 kimg" in again.output


def test_a_console_without_utf8_shows_what_it_can(data):
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "finetune.py", "--data", str(data), *SHORT, "--dry-run"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"0?1 in 500 kimg" in done.stdout
