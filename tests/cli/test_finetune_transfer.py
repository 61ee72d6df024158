"""finetune.py from other checkpoints: what is taken over, what is adapted, what is frozen."""

import json
import zipfile

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.checkpoint import load
from stylegan_pokemon.cli.generate import main as generate
from stylegan_pokemon.render.images import fakes_grid, grid_shape
from stylegan_pokemon.render.latents import seed_latents
from tests.cli.trainings import SHORT, directories
from tests.conftest import FIXTURES
from tests.training.pictures import write_dataset


def test_transfer_shows_the_pictures_of_the_source_before_training(tmp_path, data, run):
    assert run("--data", data, *SHORT).exit_code == 0
    source = tmp_path / "runs" / "00000-discs-fresh"
    again = ["--data", data, "--kimg", "0.008", "--tick", "0.016", "--batch", "8"]
    assert run(*again, "--resume", source / "snapshots" / "000000.032.safetensors").exit_code == 0
    target = tmp_path / "runs" / "00001-discs-from-00000-000000.032"
    assert (target / "fakes000000.000.png").read_bytes() == (source / "fakes000000.032.png").read_bytes()


@pytest.mark.parametrize("name", ["uncond32", "sg3_uncond32", "legacy32"])
def test_after_a_transfer_the_first_grid_is_generates_picture_of_the_source_file(tmp_path, run, name):
    data, source = write_dataset(tmp_path / "d32.zip", resolution=32), FIXTURES / f"{name}.pkl"
    short = ["--kimg", "0.004", "--batch", "4", "--tick", "1"]
    result = run("--data", data, "--resume", source, *short)
    assert result.exit_code == 0, result.output
    assert "copied adapted" in result.output
    drawn = CliRunner().invoke(
        generate,
        [*("--network", str(source), "--seeds", "0-63", "--scale", "1", "--device", "cpu"),
         *("--outdir", str(tmp_path / "drawn"))],
    )  # fmt: skip
    assert drawn.exit_code == 0, drawn.output
    (start,) = (tmp_path / "runs").glob("*/fakes000000.000.png")
    with Image.open(start) as ours, Image.open(tmp_path / "drawn" / "grid-seeds0-63.png") as theirs:
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))
    with Image.open(start) as ours, Image.open(tmp_path / "drawn" / "seed0011.png") as theirs:
        assert np.array_equal(np.asarray(ours)[32:64, 96:128], np.asarray(theirs))


def test_what_cannot_be_frozen_in_the_embedded_checkpoint_is_no_fresh_start(tmp_path, run):
    result = run("--data", write_dataset(tmp_path / "d32.zip", resolution=32), "--freezed", "99", "--dry-run")
    assert result.exit_code == 2
    assert "this discriminator has 10 layers before its last block" in result.output
    assert "start fresh" not in result.output


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


@pytest.mark.parametrize(("mode", "shown"), [("L", "L"), ("RGBA", "RGB")])
def test_a_checkpoint_of_rgb_trains_in_other_colours(tmp_path, run, mode, shown):
    data = write_dataset(tmp_path / "d32.zip", resolution=32, mode=mode)
    short = ["--kimg", "0.004", "--tick", "1", "--batch", "4"]
    result = run("--data", data, "--resume", FIXTURES / "uncond32.pkl", *short)
    assert result.exit_code == 0, result.output
    assert "adapted: synthesis.b4.torgb" in result.output
    (folder,) = directories(tmp_path)
    with Image.open(tmp_path / "runs" / folder / "fakes000000.000.png") as picture:
        assert picture.mode == shown


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
