"""An .onnx computes what the network computes, and the reference implementation, in onnxruntime, to 1e-4."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from stylegan_pokemon.checkpoint import Networks, load, onnx_writer
from stylegan_pokemon.checkpoint.describe import tensors_sha256
from stylegan_pokemon.checkpoint.onnx_writer import save_onnx
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import GeneratorConfig
from stylegan_pokemon.networks.generator import Generator
from tests.conftest import FIXTURES, assert_matches

NARROW = {"img_resolution": 16, "channel_base": 128, "channel_max": 16}
NARROW |= {"z_dim": 12, "w_dim": 16, "num_layers": 2}
ARCHITECTURES = {
    "skip": {},
    "resnet": {"architecture": "resnet", "num_layers": 3},
    "orig": {"architecture": "orig", "num_layers": 8},
    "grey": {"img_channels": 1, "img_resolution": 8},
    "with alpha": {"img_channels": 4, "img_resolution": 64, "channel_base": 512},
    "classes": {"c_dim": 5, "num_layers": 8},
    "own widths": {"c_dim": 5, "num_layers": 3, "embed_features": 9, "layer_features": 11},
    "one layer": {"num_layers": 1, "lr_multiplier": 0.1},
    "no average": {"w_avg_beta": None, "c_dim": 2},
    "half precision": {"num_fp16_res": 2, "conv_clamp": 0.4},
    "half precision, resnet": {"num_fp16_res": 2, "conv_clamp": 0.4, "architecture": "resnet"},
    "relu": {"activation": "relu", "mapping_activation": "linear"},
    "linear": {"activation": "linear", "mapping_activation": "relu"},
    "no noise": {"use_noise": False},
    **{
        f"{len(taps)} taps, {architecture}": {"resample_filter": taps, "architecture": architecture}
        for taps in ((1,), (1, 2), (1, 2, 3), (1, 2, 4, 3, 2, 1, 1))
        for architecture in ("skip", "resnet")
    },
}
GOLDEN = ["uncond32", "cond32", "sg3_uncond32", "legacy32"]


def source(name):
    """A golden network, or one of an architecture with every tensor random."""
    if name in GOLDEN:
        return load(FIXTURES / f"{name}.pkl")
    torch.manual_seed(len(name))
    generator = Generator(GeneratorConfig(**NARROW | ARCHITECTURES[name])).eval().requires_grad_(False)
    for key, tensor in generator.state_dict().items():
        if not key.endswith(("resample_filter", "weight")):
            tensor.normal_(0.1, 0.5)
    return Networks(G_ema=generator, config={"classes": ["ghost"], "kimg": 1.5}, source="runs/narrow.pkl")


def run(path, **feeds):
    """What onnxruntime computes of those of the feeds that the file takes."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {i.name: np.asarray(feeds[i.name]) for i in session.get_inputs()})
    return torch.from_numpy(found)


@pytest.fixture(scope="module", params=[*ARCHITECTURES, *GOLDEN])
def exported(request, tmp_path_factory):
    """(name, generator, file) of a network."""
    networks, path = source(request.param), tmp_path_factory.mktemp("exported") / "out.onnx"
    assert save_onnx(path, networks, "G_ema") <= 1e-5
    return request.param, networks.G_ema, path


def test_every_architecture_computes_the_same_at_any_batch_size_and_psi(exported):
    _, G, path = exported
    for n, psi in ((1, 1.0), (3, 0.7), (3, -0.5)):
        if G.config.w_avg_beta is None and psi != 1:
            continue
        z = torch.randn(n, G.z_dim)
        c = torch.eye(max(G.c_dim, 1))[torch.arange(n) % max(G.c_dim, 1)]
        feeds = {"z": z, "c": c, "truncation_psi": np.array([psi], np.float32)}
        expected = G(z, c, truncation_psi=psi, noise_mode="const", force_fp32=True)
        assert_matches(run(path, **feeds), expected.numpy(), 1e-4)


def test_the_file_is_valid_and_for_readers_of_2022(exported):
    name, G, path = exported
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    (output,) = model.graph.output
    shape = [d.dim_param or d.dim_value for d in output.type.tensor_type.shape.dim]
    assert shape == ["N", G.img_channels, G.img_resolution, G.img_resolution]
    inputs = ["z"] + ["c"] * (G.c_dim > 0) + ["truncation_psi"] * (name != "no average")
    assert [i.name for i in model.graph.input] == inputs


@pytest.mark.parametrize("name", GOLDEN)
def test_pictures_are_the_reference_implementations(name, tmp_path):
    networks, golden = load(FIXTURES / f"{name}.pkl"), np.load(FIXTURES / f"{name}_golden.npz")
    save_onnx(tmp_path / "out.onnx", networks, "G_ema")
    feeds = {"z": golden["z"], "c": golden["c"], "truncation_psi": np.array([0.7], np.float32)}
    assert_matches(run(tmp_path / "out.onnx", **feeds), golden["img_const"], 1e-4)


def test_written_twice_a_file_has_the_same_bytes(tmp_path):
    for path in (tmp_path / "a.onnx", tmp_path / "b.onnx"):
        save_onnx(path, source("classes"), "G_ema")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_the_file_says_what_it_is_whence_it_comes_and_what_its_pixels_mean(tmp_path):
    networks = source("classes")
    save_onnx(tmp_path / "out.onnx", networks, "G_ema")
    model = onnx.load(tmp_path / "out.onnx")
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert (about["network"], about["source"]) == ("G_ema", "narrow.pkl")
    config = json.loads(about["config"])
    assert GeneratorConfig.from_json(config["generator"]) == networks.G_ema.config
    assert (config["classes"], config["kimg"]) == (["ghost"], 1.5)
    assert about["sha256"] == tensors_sha256(networks.G_ema.state_dict())
    assert "licences of their own" in about["licence"]
    assert "-1 (black) to 1 (white)" in about["pixels"]
    assert model.graph.output[0].doc_string == about["pixels"]
    assert model.producer_name == "stylegan_pokemon"
    assert "16×16" in model.graph.doc_string
    save_onnx(tmp_path / "out.onnx", networks, "G_ema", licence="CC0")
    props = onnx.load(tmp_path / "out.onnx").metadata_props
    assert {entry.key: entry.value for entry in props}["licence"] == "CC0"


def test_a_file_that_differs_from_pytorch_is_not_written(tmp_path, monkeypatch):
    path, networks = tmp_path / "out.onnx", source("skip")
    path.write_bytes(b"the one before")
    monkeypatch.setattr(onnx_writer, "_EPSILON", 0.1)
    with pytest.raises(UserError, match=r"was not written: onnxruntime computes it \S+ away"):
        save_onnx(path, networks, "G_ema")
    monkeypatch.undo()
    networks.G_ema.synthesis.b4.conv1.bias[0] = float("nan")
    with pytest.raises(UserError, match="not finite"):
        save_onnx(path, networks, "G_ema")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"the one before"]


def test_an_onnxruntime_that_fails_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_writer, "OPSET", 9999)
    with pytest.raises(UserError, match=r"onnxruntime [\d.]+ fails on it"):
        save_onnx(tmp_path / "out.onnx", source("skip"), "G_ema")
    assert list(tmp_path.iterdir()) == []
