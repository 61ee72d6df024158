"""Snapshots hold the start of their run in 16 bits; a file says why no adaptation can be chosen for it."""

import json
import struct

import pytest
import torch

from stylegan_pokemon.checkpoint import Networks, load, save
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.blending import adapt
from tests.conftest import FIXTURES
from tests.render.conftest import make_generator


def snapshot(**config):
    start, end, plain = make_generator(1), make_generator(2), make_generator(3)
    config = {"generator": end.config.to_json(), **config}
    return Networks(G=plain, G_ema=end, G_start=start, config=config)


def kinds(path):
    """Tensor name → type, as the header of the file says."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return {name: entry["dtype"] for name, entry in header.items() if name != "__metadata__"}


def same(a, b):
    b = b.state_dict()
    return all(torch.equal(tensor, b[name]) for name, tensor in a.state_dict().items())


def test_the_start_takes_16_bits_a_number_and_the_other_networks_32(tmp_path):
    networks = snapshot()
    save(tmp_path / "s.safetensors", networks)
    found = kinds(tmp_path / "s.safetensors")
    assert {found[name] for name in found if name.startswith("G_start.")} == {"F16"}
    assert {found[name] for name in found if not name.startswith("G_start.")} == {"F32"}
    again = load(tmp_path / "s.safetensors")
    assert [name for name, _ in again.items()] == ["G", "G_ema", "G_start"]
    assert same(again.G_ema, networks.G_ema)
    assert same(again.G_start, networks.G_start.half().float())
    save(tmp_path / "again.safetensors", again)  # what is read is written again without loss
    assert same(load(tmp_path / "again.safetensors").G_start, again.G_start)


@pytest.mark.parametrize("half", [False, True])
def test_a_tensor_whose_numbers_are_too_large_for_16_bits_keeps_32(tmp_path, half):
    networks = snapshot()
    for network in (networks.G_start, networks.G_ema):
        network.mapping.fc0.weight[0, 0] = 70_000.0
    save(tmp_path / "s.safetensors", networks, half)
    found = kinds(tmp_path / "s.safetensors")
    assert found["G_start.mapping.fc0.weight"] == "F32"
    assert found["G_start.mapping.fc0.bias"] == "F16"
    again = load(tmp_path / "s.safetensors")
    for network in (again.G_start, again.G_ema):
        assert network.mapping.fc0.weight[0, 0] == 70_000


def test_at_an_adaptation_there_is_one_generator_and_the_file_says_which(tmp_path):
    save(tmp_path / "s.safetensors", snapshot())
    whole = load(tmp_path / "s.safetensors")
    found = whole.at(0.4)
    assert [name for name, _ in found.items()] == ["G_ema"]
    assert found.config["adaptation"] == 0.4
    assert same(found.G_ema, adapt(whole.G_start, whole.G_ema, 0.4))
    assert "adaptation" not in whole.config
    whole.G_ema = None  # without an average the way ends at G
    found = whole.at(0.4)
    assert [name for name, _ in found.items()] == ["G"]
    assert same(found.G, adapt(whole.G_start, whole.G, 0.4))


def test_a_file_without_a_start_says_why(tmp_path):
    networks = snapshot(start="fresh")
    save(tmp_path / "position.safetensors", networks.at(0.5))
    networks.G_start = None
    save(tmp_path / "fresh.safetensors", networks)
    networks.config["start"] = "/somewhere/creatures64.safetensors"
    save(tmp_path / "older.safetensors", networks)
    for path, why in (
        (tmp_path / "position.safetensors", "written at one adaptation already; name the snapshot"),
        (tmp_path / "fresh.safetensors", "trained from nothing, so its start is noise; leave"),
        (tmp_path / "older.safetensors", r"holds no start \(G_start\).* those of earlier versions; name one"),
        (FIXTURES / "uncond32.pkl", r"holds no start \(G_start\)"),
    ):
        with pytest.raises(UserError, match=rf"no adaptation can be chosen for \S*{path.name}: it .*{why}"):
            load(path).at(1.0)


def test_a_pkl_holds_the_networks_without_the_start(tmp_path):
    networks = load(FIXTURES / "uncond32.pkl")
    networks.G_start = networks.G
    save(tmp_path / "out.pkl", networks)
    assert [name for name, _ in load(tmp_path / "out.pkl").items()] == ["G", "D", "G_ema"]
