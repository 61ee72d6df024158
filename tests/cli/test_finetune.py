"""finetune.py end to end at 16×16, and one sentence with status 2 for every bad option."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from click.testing import CliRunner

from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.training.settings.resolve import Options
from tests.cli.trainings import SHORT, TINY, directories
from tests.conftest import FIXTURES, ROOT
from tests.training.pictures import write_dataset


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


def test_conditional_training_needs_and_uses_labels(tmp_path, data, run):
    assert run("--data", data, "--cond", *SHORT).exit_code == 0
    unlabelled = write_dataset(tmp_path / "plain.zip")
    result = run("--data", unlabelled, "--cond", *SHORT)
    assert result.exit_code == 2
    assert "has no labels" in result.output


def test_labels_that_are_not_used_are_mentioned(tmp_path, data, run):
    plain = ("--resume", "none", *TINY, "--dry-run")
    assert "2 classes, unused without --cond" in run("--data", data, *plain).output
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as odd, zipfile.ZipFile(data) as archive:
        for name in archive.namelist():
            odd.writestr(name, b"{" if name == "dataset.json" else archive.read(name))
        odd.writestr("readme.txt", "no picture")
    said = run("--data", tmp_path / "odd.zip", *plain).output
    assert "left out, since no picture: readme.txt" in said
    assert "unusable with --cond: " in said
    assert "dataset.json: is no valid JSON" in said
    refused = run("--data", tmp_path / "odd.zip", "--cond", *plain)
    assert refused.exit_code == 2
    assert "dataset.json: is no valid JSON" in refused.output


def test_without_resume_it_says_what_it_starts_from(data, run):
    result = run("--data", data, *TINY, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "there is no embedded checkpoint for 16×16" in result.output


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
    from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer

    iteration = StyleGAN2Trainer.iteration

    def interrupted(self):
        if self.images_shown == 24:
            raise KeyboardInterrupt
        return iteration(self)

    monkeypatch.setattr(StyleGAN2Trainer, "iteration", interrupted)
    result = CliRunner().invoke(finetune, ["--data", str(data), *SHORT, "--outdir", str(tmp_path / "runs")])
    assert result.exit_code == 130
    folder = tmp_path / "runs" / "00000-discs-fresh"
    assert (folder / "state" / "000000016.safetensors").exists()
    monkeypatch.setattr(StyleGAN2Trainer, "iteration", iteration)
    result = CliRunner().invoke(finetune, ["--resume", str(folder)])
    assert result.exit_code == 0, result.output


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
    assert rb"0\u21921 in 500 kimg" in done.stdout
