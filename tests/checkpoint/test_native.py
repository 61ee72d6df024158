"""Native snapshots keep every tensor and setting; damaged and foreign files are refused by name."""

import os
import tracemalloc

import numpy as np
import pytest
import safetensors.torch
import torch
from click.testing import CliRunner

from stylegan_pokemon.checkpoint import load, save
from stylegan_pokemon.cli.convert import convert
from stylegan_pokemon.errors import UserError
from tests.checkpoint import spoiling
from tests.conftest import FIXTURES, ROOT, assert_matches


@pytest.fixture(params=["uncond32", "cond32"])
def official(request):
    return load(FIXTURES / f"{request.param}.pkl")


def test_a_round_trip_loses_no_tensor_and_no_setting(tmp_path, official):
    save(tmp_path / "n.safetensors", official)
    again = load(tmp_path / "n.safetensors")
    assert again.config == official.config
    assert again.augment_p == official.augment_p
    assert [name for name, _ in again.items()] == ["G", "D", "G_ema"]
    for (_, ours), (_, theirs) in zip(again.items(), official.items(), strict=True):
        assert ours.config == theirs.config
        a, b = ours.state_dict(), theirs.state_dict()
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_half_precision_storage_halves_the_file_and_keeps_the_pictures(tmp_path, official):
    save(tmp_path / "full.safetensors", official)
    save(tmp_path / "half.safetensors", official, half=True)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.6 * sizes[1]
    z, c = torch.randn(2, official.G.z_dim), torch.eye(max(official.G.c_dim, 1))[[0, 0]]
    half = load(tmp_path / "half.safetensors").G_ema(z, c, noise_mode="const")
    assert_matches(half, official.G_ema(z, c, noise_mode="const").numpy(), 2e-2)


def test_effective_settings_are_read_from_the_layers(official):
    config = official.G_ema.config
    assert (config.img_resolution, config.z_dim, config.num_layers) == (32, 64, 8)
    assert config.resample_filter == (1, 3, 3, 1)
    assert config.lr_multiplier == 0.01
    assert official.D.config.mbstd_group_size == 4
    assert official.augment_p is not None


@pytest.mark.parametrize("suffix", [".safetensors", ".pkl"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer, .*`git lfs pull`"),
        (b"<!-- saved -->\n<!DOCTYPE html>", "a web page, .*download the file itself"),
        (b"\x1f\x8b\x08" + bytes(99), "a gzip archive, .*unpack it first"),
        (b"8BPS\0\1" + bytes(99), r"a Photoshop file, .*name a \.safetensors or \.pkl file"),
        (b"", "an empty file, .*download or copy it again"),
        (b"PK\3\4" + bytes(26) + b"archive/data.pkl", r"a PyTorch file \(torch\.save\), not a checkpoint"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_named_for_what_it_is(tmp_path, content, message, suffix):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"bad{suffix} is {message}"):
        load(path)


def test_a_checkpoint_under_the_suffix_of_the_other_kind_is_told_apart(tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes((FIXTURES / "uncond32.pkl").read_bytes())
    with pytest.raises(UserError, match=r"is a pickle by its content; rename it to net\.pkl"):
        load(path)


@pytest.mark.parametrize(
    "case", ["missing", "folder", "suffix", "html", "truncated", "garbage", "foreign", "lying"]
)
def test_what_is_no_checkpoint_is_refused_with_its_name(tmp_path, case):
    good = (FIXTURES / "uncond32.pkl").read_bytes()
    path = tmp_path / ("bad.safetensors" if case in ("foreign", "lying", "garbage") else "bad.pkl")
    if case == "folder":
        path.mkdir()
    elif case == "suffix":
        path = tmp_path / "bad.zip"
        path.write_bytes(good)
    elif case == "html":
        path.write_text("<!DOCTYPE html><title>Not found</title>")
    elif case == "truncated":
        path.write_bytes(good[: len(good) // 2])
    elif case == "garbage":
        path.write_bytes(np.random.RandomState(0).bytes(1000))
    elif case == "foreign":
        safetensors.torch.save_file({"x": torch.zeros(3)}, path)
    elif case == "lying":
        save(path, load(FIXTURES / "uncond32.pkl"))
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="bad"):
        load(path)


def test_the_convert_command_keeps_what_is_asked(tmp_path):
    target = tmp_path / "out.safetensors"
    result = CliRunner().invoke(
        convert, [str(FIXTURES / "uncond32.pkl"), str(target), "--only", "G_ema,D", "--half"]
    )
    assert result.exit_code == 0, result.output
    assert [name for name, _ in load(target).items()] == ["D", "G_ema"]
    again = [str(FIXTURES / "uncond32.pkl"), str(target), "--only", "G_ema"]
    before = target.read_bytes()
    result = CliRunner().invoke(convert, again)
    assert result.exit_code == 2
    assert f"{target} exists already: add --overwrite to replace it" in result.output
    assert target.read_bytes() == before
    assert CliRunner().invoke(convert, [*again, "--overwrite"]).exit_code == 0
    assert [name for name, _ in load(target).items()] == ["G_ema"]
    target = tmp_path / "both.safetensors"
    CliRunner().invoke(convert, [str(FIXTURES / "uncond32.pkl"), str(target), "--only", "G_ema,D"])
    result = CliRunner().invoke(convert, [str(target), str(tmp_path / "x.safetensors"), "--only", "G"])
    assert result.exit_code == 2
    assert "holds D, G_ema" in result.output


def test_convert_without_only_keeps_all_there_is_and_writes_either_format(tmp_path):
    small = ROOT / "pretrained" / "crayon32.safetensors"
    for name, held in (("out.pkl", ["G", "D", "G_ema"]), ("out.safetensors", ["D", "G_ema"])):
        result = CliRunner().invoke(convert, [str(small), str(tmp_path / name)])
        assert result.exit_code == 0, result.output
        assert [network for network, _ in load(tmp_path / name).items()] == held
        assert ("G is a copy of G_ema" in result.output) == (name == "out.pkl")
    wrong = [(["x.pkl", "--half"], "half"), (["x.pkl", "--only", "G_ema"], "no discriminator")]
    for arguments, reason in [*wrong, (["x.zip"], "change the suffix")]:
        result = CliRunner().invoke(convert, [str(small), str(tmp_path / arguments[0]), *arguments[1:]])
        assert (result.exit_code, reason in result.output) == (2, True), result.output
        assert not (tmp_path / arguments[0]).exists()


def test_what_a_file_says_of_itself_is_dropped_where_it_is_not_what_anybody_expects(tmp_path):
    """Class names that are no texts, a probability and numbers that are none, a table that is a list."""
    networks = spoiling.networks()
    networks.record_architectures()
    networks.config |= {"classes": 7, "class_sizes": [1, "2"], "training_set_kwargs": [1], "note": "kept"}
    networks.config["kimg"] = float("nan")
    networks.augment_p = float("nan")
    save(tmp_path / "odd.safetensors", networks)
    assert set(load(tmp_path / "odd.safetensors").config) == {"generator", "discriminator", "kimg", "note"}
    save(tmp_path / "odd.pkl", networks)
    for name in ("odd.safetensors", "odd.pkl"):
        again = load(tmp_path / name)
        assert again.augment_p is None
        assert (again.config["kimg"], again.config["note"]) == (None, "kept")
        assert not {"classes", "class_sizes"} & set(again.config)
    networks.config["classes"] = ["fire  and ice", "\x1b[2Jwater\n"]
    save(tmp_path / "odd.pkl", networks)
    assert load(tmp_path / "odd.pkl").config["classes"] == ["fire  and ice", "\\x1b[2Jwater\\n"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_and_a_folder_are_refused_before_anything_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.pkl")
    (tmp_path / "folder.pkl").mkdir()
    for name, message in (("pipe.pkl", "no file but a device or a pipe"), ("folder.pkl", "is a folder")):
        with pytest.raises(UserError, match=message):
            load(tmp_path / name)


@pytest.mark.parametrize("name", ["large.pkl", "large.safetensors"])
def test_a_file_of_three_gibibytes_is_refused_without_reading_it_all(tmp_path, name):
    """A sparse one: a good beginning with nothing behind it."""
    networks = spoiling.networks()
    networks.record_architectures()
    save(tmp_path / name, networks)
    good = (tmp_path / name).read_bytes()
    with open(tmp_path / name, "wb") as file:
        file.write(good[: len(good) // 2] if name.endswith(".pkl") else good)
        file.truncate(3 << 30)
    tracemalloc.start()
    with pytest.raises(UserError, match=name):
        load(tmp_path / name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20
