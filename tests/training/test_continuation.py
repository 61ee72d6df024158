"""A continued run: what may change and what not, damaged states, full disks, and which snapshots stay."""

import dataclasses
import json
import os
import shutil

import filelock
import pytest
import safetensors.torch
from click.testing import CliRunner

from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.loop import train
from stylegan_pokemon.training.run_dir import disk
from stylegan_pokemon.training.run_dir.retention import retained, retained_count
from stylegan_pokemon.training.run_dir.state import generations, load_state
from tests.training.pictures import tiny_config, tiny_trainer, write_dataset
from tests.training.sameness import assert_same_run, tensor_digests

TINY = [
    *("--channel-base", "128", "--channel-max", "8", "--map-layers", "1", "--w-dim", "16"),
    *("--cfg", "auto", "--resume", "none", "--device", "cpu", "--batch", "8"),
    *("--tick", "0.016", "--kimg", "0.032", "--metrics", "none"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "discs.zip")


@pytest.fixture(scope="module")
def first(tmp_path_factory, data):
    """A run of two ticks."""
    return begun(tmp_path_factory.mktemp("runs"), data)


@pytest.fixture
def run(tmp_path, first):
    """A copy of it for one test."""
    return shutil.copytree(first, tmp_path / "runs" / first.name)


def begun(outdir, data, *more):
    result = CliRunner().invoke(finetune, ["--data", str(data), *TINY, "--outdir", str(outdir), *more])
    assert result.exit_code == 0, result.output
    return outdir / "00000-discs-fresh"


def continued(run, *options):
    return CliRunner().invoke(finetune, ["--resume", str(run), *map(str, options)])


def contents(run):
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--seed", 5], "--seed 5 (the run began with --seed 0)"),
        (["--batch", 16], "--batch 16 (the run began with --batch 8)"),
        (["--batch-gpu", 4], "--batch-gpu 4 (the run began with --batch-gpu 8)"),
        (["--mirror"], "--mirror (the run began without it)"),
        (["--subset", 3], "--subset 3 (the run began without it)"),
        (["--seed", 5, "--lr", 0.1], "--lr 0.1 (the run began with --lr 0.0025), --seed 5"),
    ],
)
def test_what_would_change_the_run_is_an_error_that_names_the_difference(run, options, named):
    before = contents(run)
    result = continued(run, "--kimg", 0.064, *options)
    assert result.exit_code == 2
    assert named in result.output
    assert "cannot change when a run is continued" in result.output
    assert contents(run) == before


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"count": 13}, "has 13 pictures where the run began with 12"),
        ({"resolution": 32}, "has 32 pixels a side where the run began with 16"),
        ({"mode": "L"}, "has 1 colour channels where the run began with 3"),
        ({"classes": 2}, "holds other pictures or labels than when the run began"),
    ],
)
def test_other_data_are_an_error_that_names_the_difference(tmp_path, run, options, named):
    other = write_dataset(tmp_path / "other.zip", **options)
    before = contents(run)
    result = continued(run, "--kimg", 0.064, "--data", other)
    assert result.exit_code == 2
    assert named in result.output
    assert contents(run) == before


def test_the_same_options_again_are_no_change(run):
    result = continued(run, "--kimg", 0.048, "--batch", 8, "--seed", 0, "--device", "cpu", "--cfg", "auto")
    assert result.exit_code == 0, result.output
    assert "done at 0.048 kimg" in result.output


def test_kimg_snap_keep_and_metrics_may_change_and_no_tensor_with_them(tmp_path, data, run):
    result = continued(run, "--kimg", 0.064, "--snap", 3, "--keep", 2, "--metrics", "none")
    assert result.exit_code == 0, result.output
    whole = begun(tmp_path / "whole", data, "--kimg", "0.064")
    ours, theirs = (generations(folder / "state")[0] for folder in (run, whole))
    assert tensor_digests(ours) == tensor_digests(theirs)
    config = json.loads((run / "config.json").read_text())
    assert (config["kimg"], config["snap"], config["keep"]) == (0.064, 3, 2)


def run_of(folder, trainer):
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    train(trainer, folder, lines.append, show_bar=False)
    return lines


@pytest.fixture(scope="module")
def whole(tmp_path_factory, data):
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run_of(folder, tiny_trainer(data))
    return folder


def test_one_flipped_bit_in_the_newest_state_falls_back_to_the_one_before(tmp_path, data, whole):
    """Which a length and a header would not show."""
    run = shutil.copytree(whole, tmp_path / "run")
    newest, before = generations(run / "state")
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    lines = run_of(run, tiny_trainer(data))
    assert lines[0].startswith("continuing at 0.032 kimg")
    assert f"{newest.name} cannot be read (its content is damaged); going back to the one before" in lines[0]
    assert_same_run(whole, run)
    for state in (newest, before):
        state.write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"holds no readable state \(.*\); start a new run with --resume"):
        load_state(run / "state", tiny_trainer(data))


@pytest.mark.parametrize("written", ["state", "snapshots", "fakes000000.064.png", "stats.jsonl"])
def test_a_full_disk_is_a_sentence_and_once_there_is_room_the_run_goes_on_exactly(
    tmp_path, data, whole, monkeypatch, written
):
    run = tmp_path / "run"
    replace, save_file = os.replace, safetensors.torch.save_file

    def no_room(source, target):
        if target.name == written and (run / "snapshots" / "000000.032.safetensors").exists():
            raise OSError(28, "No space left on device", str(target))
        replace(source, target)

    def no_room_for_tensors(tensors, path, metadata=None):
        if path.parent.name == written and path.name.startswith((".000000064.", ".000000.064.")):
            path.write_bytes(b"a part")
            raise safetensors.SafetensorError("I/O error: No space left on device (os error 28)")
        save_file(tensors, path, metadata=metadata)

    monkeypatch.setattr(os, "replace", no_room)
    monkeypatch.setattr(safetensors.torch, "save_file", no_room_for_tensors)
    with pytest.raises(UserError, match=r"No space left .*free some space, then continue with: python fine"):
        run_of(run, tiny_trainer(data))
    assert not list(run.rglob(".*"))
    kept = "000000000.safetensors" if written == "stats.jsonl" else "000000032.safetensors"
    assert generations(run / "state")[0].name == kept
    assert (run / "snapshots" / "000000.032.safetensors").exists()
    monkeypatch.undo()
    run_of(run, tiny_trainer(data))
    assert_same_run(whole, run)


def test_which_snapshots_are_retained():
    assert retained(range(2, 26, 2), 2, 3) == {6, 12, 18, 24}
    assert retained([2, 4, 6, 8, 9], 2, 3) == {6, 9}  # the last
    assert retained([2, 4, 6, 8, 9], 2, 3, best=4) == {4, 6, 9}
    assert retained([1, 2, 3], 1, 1) == {1, 2, 3}
    assert retained([], 1, 5) == set()
    for ticks in range(1, 40):
        for snap in (1, 2, 3):
            for keep in (1, 2, 5):
                written = {tick for tick in range(1, ticks + 1) if tick % snap == 0 or tick == ticks}
                assert retained_count(ticks, snap, keep) == len(retained(written, snap, keep))


def test_keep_leaves_every_kth_snapshot_the_last_and_what_is_somebodys_own(tmp_path, data):
    run = begun(tmp_path / "runs", data, "--keep", "2", "--kimg", "0.048")
    (run / "snapshots" / "000000.500.safetensors").write_bytes(b"mine")
    names = [path.name for path in sorted((run / "snapshots").iterdir())]
    assert names == ["000000.032.safetensors", "000000.048.safetensors", "000000.500.safetensors"]
    assert continued(run, "--kimg", 0.08).exit_code == 0
    names = [path.name for path in sorted((run / "snapshots").iterdir())]
    assert names == [f"000000.{kimg}.safetensors" for kimg in ("032", "064", "080", "500")]


def test_the_disk_is_compared_with_all_that_a_run_will_hold(tmp_path, data):
    config, _ = tiny_config(data, kimg=0.32, tick=0.032)
    count, snapshot, everything = disk.disk_bytes(config, 1000, 500)
    assert (count, snapshot) == (10, 4 * 2500)
    assert everything == 10 * snapshot + 4 * (snapshot + 8 * 1500)
    tuned = dataclasses.replace(
        config, start="ffhq512.pkl"
    )  # G and D of the start in 16 bits, by themselves and in each
    assert disk.disk_bytes(tuned, 1000, 500)[1:] == (snapshot + 3000, everything + 10 * 3000 + 3000)
    config = dataclasses.replace(config, keep=5)
    assert disk.disk_bytes(config, 1000, 500)[0] == 2


def test_a_state_is_no_network_and_a_list_no_configuration(run, data):
    state = generations(run / "state")[0]
    result = CliRunner().invoke(finetune, ["--resume", str(state), "--data", str(data), "--dry-run"])
    assert result.exit_code == 2
    assert "is the state of a run; name the run's directory to continue it" in result.output
    (run / "config.json").write_text("[]")
    result = continued(run)
    assert result.exit_code == 2
    assert "config.json cannot be read (it is no table of settings)" in result.output


def test_a_run_that_another_process_trains_is_left_alone(run):
    before = contents(run)
    with filelock.FileLock(run / ".lock"):
        result = continued(run, "--kimg", 0.048)
    assert result.exit_code == 2
    assert "is being trained by another process; wait for it, or stop it" in result.output
    (run / ".lock").write_text("")  # as one that was killed leaves it behind
    assert {path: content for path, content in contents(run).items() if path.name != ".lock"} == before
    assert continued(run, "--kimg", 0.048).exit_code == 0
    assert not (run / ".lock").exists()
