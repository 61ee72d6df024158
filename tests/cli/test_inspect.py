"""inspect tells what a checkpoint holds; a network's hash is the same in every format."""

import hashlib
import json

import pytest
import torch
from click.testing import CliRunner

from stylegan_pokemon.checkpoint import load, save
from stylegan_pokemon.checkpoint.describe import tensors_sha256
from stylegan_pokemon.cli.inspect import inspect
from tests.conftest import FIXTURES, ROOT


def inspected(*arguments):
    result = CliRunner().invoke(inspect, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_hash_of_tensors_is_that_of_its_definition():
    state = {"b": torch.tensor([1.0, 2.0]), "a": torch.tensor(3.0, dtype=torch.float16)}
    data = b"a []\n" + bytes.fromhex("00004040") + b"b [2]\n" + bytes.fromhex("0000803f00000040")
    assert tensors_sha256(state) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", ["cond32", "sg3_uncond32", "legacy32"])
def test_a_network_has_the_same_hash_in_every_format(name, tmp_path):
    networks = load(FIXTURES / f"{name}.pkl")
    formats = {FIXTURES / f"{name}.pkl"}
    for suffix in ("pkl", "safetensors"):
        save(tmp_path / f"out.{suffix}", networks)
        formats.add(tmp_path / f"out.{suffix}")
    described = [inspected(path) for path in formats]
    hashes = [{n: d["networks"][n]["sha256"] for n in ("G", "D", "G_ema")} for d in described]
    assert hashes[0] == hashes[1] == hashes[2]
    assert len(set(hashes[0].values())) >= 2
    first = "TensorFlow pickle" if name == "legacy32" else "official PyTorch pickle"
    assert {d["format"] for d in described} == {first, "official PyTorch pickle", "native safetensors"}
    for d, path in zip(described, formats, strict=True):
        assert d["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert d["bytes"] == path.stat().st_size


def test_people_read_architecture_kimg_and_licence():
    result = CliRunner().invoke(inspect, ["crayon32", "--tensors"])
    assert result.exit_code == 0, result.output
    for text in ("G_ema: generator, skip, 32×32", "no classes", "synthesis.b32.torgb.weight [3, 32, 1, 1]",
                 "kimg: 152", "Apache"):  # fmt: skip
        assert text in result.output, text
    foreign = CliRunner().invoke(inspect, [str(FIXTURES / "cond32.pkl")])
    assert "6 classes" in foreign.output
    assert "ask its author" in foreign.output


def test_numbers_that_are_not_finite_are_named(tmp_path):
    networks = load(ROOT / "pretrained" / "crayon32.safetensors")
    networks.G_ema.mapping.w_avg[0] = float("nan")
    save(tmp_path / "bad.safetensors", networks)
    assert inspected(tmp_path / "bad.safetensors")["networks"]["G_ema"]["not_finite"] == ["mapping.w_avg"]


def test_what_cannot_be_inspected_is_one_sentence(tmp_path):
    (tmp_path / "x.pkl").write_bytes(b"<html>")
    for name in (str(tmp_path / "x.pkl"), "no-such-network"):
        result = CliRunner().invoke(inspect, [name])
        assert result.exit_code == 2
        assert result.output.count("\n") == 1
