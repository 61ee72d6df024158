"""A .pkl written here opens in programs that execute its source, and gives the same pictures there."""

import ast
import dataclasses
import os
import pickletools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stylegan_pokemon.checkpoint import Networks, load, save
from stylegan_pokemon.checkpoint.pickles import opcodes
from stylegan_pokemon.checkpoint.pickles.pickled import read_pickle
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from tests.conftest import FIXTURES, ROOT, assert_matches

NARROW = {"img_resolution": 16, "channel_base": 128, "channel_max": 16}
G_NARROW = NARROW | {"z_dim": 12, "w_dim": 16, "num_layers": 2}
ARCHITECTURES = {
    "usual": ({}, {}),
    "resnet and skip": ({"architecture": "resnet"}, {"architecture": "skip"}),
    "orig and orig": ({"architecture": "orig"}, {"architecture": "orig"}),
    "grey": ({"img_channels": 1}, {"img_channels": 1}),
    "with alpha": ({"img_channels": 4}, {"img_channels": 4}),
    "premultiplied": ({"img_channels": 4, "premultiplied": True}, {"img_channels": 4, "premultiplied": True}),
    "classes": ({"c_dim": 5, "num_layers": 8}, {"c_dim": 5, "mapping_layers": 4}),
    "own widths": (
        {"c_dim": 5, "num_layers": 3, "embed_features": 9, "layer_features": 11},
        {"c_dim": 5, "cmap_dim": 7, "mapping_features": 9},
    ),
    "no label layers": ({"c_dim": 3}, {"c_dim": 3, "mapping_layers": 0, "cmap_dim": 8}),
    "half precision": (
        {"num_fp16_res": 2, "conv_clamp": 0.4},
        {"num_fp16_res": 2, "conv_clamp": 0.4, "architecture": "resnet"},
    ),
    "one layer": ({"num_layers": 1, "w_avg_beta": 0.9, "lr_multiplier": 0.1}, {"mbstd_group_size": None}),
    "frozen": ({"activation": "relu"}, {"freeze_layers": 5, "activation": "relu"}),
    "no noise": ({"use_noise": False}, {"mbstd_num_channels": 0, "mbstd_group_size": 1}),
    "other filter": ({"resample_filter": (1, 2, 2, 1)}, {"resample_filter": (1, 4, 6, 4, 1, 0)}),
}


def built(name):
    """Networks of an architecture, every tensor random."""
    g, d = ARCHITECTURES[name]
    torch.manual_seed(len(name))
    d_config = DiscriminatorConfig(**NARROW | d)
    networks = Networks(
        Generator(GeneratorConfig(**G_NARROW | g)),
        Discriminator(d_config),
        Generator(GeneratorConfig(**G_NARROW | g)),
        augment_p=0.25,
        config={"classes": [f"kind {i}" for i in range(d_config.c_dim)], "kimg": 1.5},
    )
    for _, module in networks.items():
        with torch.no_grad():
            for key, tensor in module.state_dict().items():
                if not key.endswith(("resample_filter", "weight")):
                    tensor.normal_(0.1, 0.5)
        module.eval().requires_grad_(False)
    networks.record_architectures()
    return networks


def source(name):
    return built(name) if name in ARCHITECTURES else load(FIXTURES / f"{name}.pkl")


ALL = [*ARCHITECTURES, "uncond32", "cond32", "sg3_uncond32", "legacy32"]


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_lost_on_the_way_there_and_back(name, tmp_path):
    networks = source(name)
    save(tmp_path / "out.pkl", networks)
    again = load(tmp_path / "out.pkl")
    assert again.config == networks.config
    assert again.augment_p == networks.augment_p
    assert [n for n, _ in again.items()] == ["G", "D", "G_ema"]
    for (_, ours), (_, theirs) in zip(again.items(), networks.items(), strict=True):
        assert ours.config == theirs.config
        a, b = ours.state_dict(), theirs.state_dict()
        assert sorted(a) == sorted(b)
        assert [key for key in a if not torch.equal(a[key], b[key])] == []
        assert {n for n, _ in ours.named_parameters()} == {n for n, _ in theirs.named_parameters()}
    save(tmp_path / "again.pkl", again)
    save(tmp_path / "ours.safetensors", again)
    save(tmp_path / "through.pkl", load(tmp_path / "ours.safetensors"))
    for file in ("again.pkl", "through.pkl"):
        assert (tmp_path / file).read_bytes() == (tmp_path / "out.pkl").read_bytes()


@pytest.mark.parametrize("name", ["uncond32", "cond32"])
def test_the_augmentation_pipeline_keeps_its_settings_and_constants(name, tmp_path):
    save(tmp_path / "ours.safetensors", load(FIXTURES / f"{name}.pkl"))
    save(tmp_path / "again.pkl", load(tmp_path / "ours.safetensors"))
    before, after = (
        read_pickle(path)["augment_pipe"] for path in (FIXTURES / f"{name}.pkl", tmp_path / "again.pkl")
    )
    plain = {key: value for key, value in before.state.items() if key.strip("_") == key and key != "training"}
    assert len(plain) == 28
    assert {key: after.state[key] for key in plain} == plain
    assert after.state["_init_kwargs"] == before.state["_init_kwargs"]
    assert sorted(before.tensors()) == sorted(after.tensors()) == ["Hz_fbank", "Hz_geom", "p"]
    for key, tensor in before.tensors().items():
        torch.testing.assert_close(after.tensor(key), tensor, rtol=1e-6, atol=1e-7)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """What a process without our package computes from the files: {case: (const, logits, none)}."""
    folder = tmp_path_factory.mktemp("opened")
    cases, expected = {"names": np.array(ALL)}, {}
    for name in ALL:
        networks = source(name)
        path = folder / f"{name}.pkl"
        save(path, networks)
        G, D = networks.G_ema, networks.D
        generator = torch.Generator().manual_seed(1)
        z = torch.randn(4, G.z_dim, generator=generator)
        c = torch.eye(max(G.c_dim, 1))[torch.arange(4) % max(G.c_dim, 1)]
        shape = (4, G.img_channels, G.img_resolution, G.img_resolution)
        images = torch.randn(shape, generator=generator)
        cases |= {f"{name}/path": np.array(str(path)), f"{name}/z": z.numpy()}
        cases |= {f"{name}/c": c.numpy(), f"{name}/images": images.numpy()}
        expected[name] = (
            G(z, c, truncation_psi=0.7, noise_mode="const", force_fp32=True),
            D(images, c),
            G(z, c, noise_mode="none"),
        )
    np.savez(folder / "cases.npz", **cases)
    arguments = [Path(__file__).with_name("opener.py"), folder / "cases.npz", folder / "results.npz"]
    environment = os.environ | {"PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    results = np.load(folder / "results.npz")
    return {name: (expected[name], results) for name in ALL}


@pytest.mark.parametrize("name", ALL)
def test_another_process_computes_the_same_pictures_and_logits_to_1e_5(opened, name):
    expected, results = opened[name]
    for part, tensor in zip(("const", "logits", "none"), expected, strict=True):
        assert_matches(tensor, results[f"{name}/{part}"], 1e-5)


def test_the_source_in_the_file_is_python_3_7_and_imports_only_torch_and_the_standard_library():
    text = (ROOT / "stylegan_pokemon" / "checkpoint" / "pickles" / "portable.py").read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 7))
    imports = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    froms = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert sorted(imports) == ["copy", "math", "torch", "torch.nn.functional"]
    assert froms == []
    assert not any(isinstance(node, ast.arg) and node.annotation for node in ast.walk(tree))


def test_a_file_for_the_official_programs_needs_a_discriminator(tmp_path):
    networks = built("usual")
    with pytest.raises(UserError, match="no discriminator"):
        save(tmp_path / "out.pkl", dataclasses.replace(networks, D=None))
    assert list(tmp_path.iterdir()) == []
    save(tmp_path / "out.pkl", dataclasses.replace(networks, G=None))
    again = load(tmp_path / "out.pkl")
    assert torch.equal(again.G.mapping.w_avg, again.G_ema.mapping.w_avg)


def test_no_name_in_the_file_is_newer_than_the_official_programs_torch_and_numpy(tmp_path):
    """torch 1.7 and NumPy 1.x: no protocol above 4, no numpy._core, no untyped storages."""
    save(tmp_path / "out.pkl", built("classes"))
    found = list(pickletools.genops((tmp_path / "out.pkl").read_bytes()))
    names = {argument for opcode, argument, _ in found if opcode.name == "GLOBAL"}
    assert {argument for opcode, argument, _ in found if opcode.name == "PROTO"} == {3}
    assert names == {
        "torch_utils.persistence _reconstruct_persistent_obj",
        "collections OrderedDict",
        "builtins set",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        "torch.storage _load_from_bytes",
    }


def test_networks_of_1024_pixels_take_less_than_half_of_the_steps_that_are_allowed(tmp_path, monkeypatch):
    shape = {"img_resolution": 1024, "channel_base": 1024, "channel_max": 16, "c_dim": 10}
    G, G_ema = (Generator(GeneratorConfig(**shape, z_dim=16, w_dim=16, num_layers=8)) for _ in range(2))
    save(tmp_path / "large.pkl", Networks(G, Discriminator(DiscriminatorConfig(**shape)), G_ema))
    budgets = []

    class Recorded(opcodes.Budget):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.allowed = self.opcodes
            budgets.append(self)

    monkeypatch.setattr(opcodes, "Budget", Recorded)
    assert load(tmp_path / "large.pkl").G_ema.config.img_resolution == 1024
    (budget,) = budgets
    assert 50_000 < budget.allowed - budget.opcodes < budget.allowed / 2
