"""TensorFlow pickles of every architecture, laid out here by the format's description, are read."""

import pickle
import sys
import types

import numpy as np
import pytest
import torch

from stylegan_pokemon.checkpoint import load
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from tests.conftest import assert_matches

SHAPE = {"img_resolution": 16, "channel_base": 128, "channel_max": 16}
CASES = {
    "no classes": ({}, {}),
    "classes": ({"c_dim": 5, "num_layers": 8}, {"c_dim": 5, "mapping_layers": 8}),
    "classes without label layers": ({"c_dim": 3}, {"c_dim": 3, "mapping_layers": 0}),
    "classes, own widths": (
        {"c_dim": 3, "embed_features": 9, "layer_features": 11},
        {"c_dim": 3, "mapping_layers": 2, "cmap_dim": 7},
    ),
    "resnet and skip": ({"architecture": "resnet"}, {"architecture": "skip"}),
    "orig": ({"architecture": "orig"}, {"architecture": "orig"}),
    "grey": ({"img_channels": 1}, {"img_channels": 1}),
    "with alpha, half precision": (
        {"img_channels": 4, "num_fp16_res": 2, "conv_clamp": 256.0},
        {"img_channels": 4, "num_fp16_res": 2, "conv_clamp": 256.0},
    ),
    "no average, whole batch, frozen": (
        {"w_avg_beta": 1.0},
        {"mbstd_group_size": None, "freeze_layers": 3},
    ),
}


class EasyDict(dict):
    __module__ = "dnnlib.util"


class Network:
    __module__ = "dnnlib.tflib.network"

    def __init__(self, name, static_kwargs, variables, components=None):
        self.state = {
            "version": 5,
            "name": name,
            "static_kwargs": EasyDict(static_kwargs),
            "components": components or {},
            "build_module_src": "raise SystemExit('executed')",
            "build_func_name": "training.networks.main",
            "variables": list(variables.items()),
        }

    def __getstate__(self):
        return self.state


@pytest.fixture(autouse=True)
def their_modules(monkeypatch):
    """Python's own pickler insists on importing what it names."""
    for name in ("dnnlib", "dnnlib.util", "dnnlib.tflib", "dnnlib.tflib.network"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["dnnlib.util"].EasyDict = EasyDict
    sys.modules["dnnlib.tflib.network"].Network = Network


def dense(weight):
    return weight.T


def convolution(weight, mirrored=False):
    return (weight[:, :, ::-1, ::-1] if mirrored else weight).transpose(2, 3, 1, 0)


def arrays(network):
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    return {name: value for name, value in state.items() if not name.endswith("resample_filter")}


def generator_of_tensorflow(G):
    state, config = arrays(G), G.config
    mapping, synthesis = {}, {}
    for name in [n for n in state if n.startswith("mapping.") and n != "mapping.w_avg"]:
        _, layer, kind = name.split(".")
        theirs = "LabelEmbed" if layer == "embed" else f"Dense{layer[2:]}"
        mapping[f"{theirs}/{kind}"] = dense(state[name])
    for r in config.block_resolutions:
        block, log = f"synthesis.b{r}", int(np.log2(r))
        layers = {"conv1": "Conv"} if r == 4 else {"conv0": "Conv0_up", "conv1": "Conv1", "skip": "Skip"}
        layers["torgb"] = "ToRGB"
        if r == 4:
            synthesis["4x4/Const/const"] = state[f"{block}.const"][None]
        for ours, theirs in layers.items():
            if f"{block}.{ours}.weight" not in state:
                continue
            path = f"{r}x{r}/{theirs}"
            if theirs == "ToRGB" and config.architecture == "orig":
                path = "ToRGB_lod0"
            get = {k.removeprefix(f"{block}.{ours}."): v for k, v in state.items()}.get
            synthesis[f"{path}/weight"] = convolution(get("weight"), theirs in ("Conv0_up", "Skip"))
            if ours == "skip":
                continue
            synthesis[f"{path}/bias"] = get("bias")
            synthesis[f"{path}/mod_weight"] = dense(get("affine.weight"))
            synthesis[f"{path}/mod_bias"] = get("affine.bias") - 1
            if ours != "torgb":
                synthesis[f"{path}/noise_strength"] = get("noise_strength")
                k = 0 if r == 4 else 2 * log - (5 if ours == "conv0" else 4)
                synthesis[f"noise{k}"] = get("noise_const")[None, None]
    settings = {
        "latent_size": config.z_dim,
        "label_size": config.c_dim,
        "dlatent_size": config.w_dim,
        "resolution": config.img_resolution,
        "num_channels": config.img_channels,
        "mapping_layers": config.num_layers,
        "mapping_fmaps": config.layer_features or config.w_dim,
        "w_avg_beta": None if config.w_avg_beta == 1 else config.w_avg_beta,
        "fmap_base": config.channel_base // 2,
        "fmap_max": config.channel_max,
        "architecture": config.architecture,
        "num_fp16_res": config.num_fp16_res,
        "conv_clamp": config.conv_clamp,
        "resample_kernel": [1, 3, 3, 1],
        "truncation_psi": 0.5,
    }
    parts = {"synthesis": Network("s", {}, synthesis), "mapping": Network("m", {}, mapping)}
    return Network("G", settings, {"dlatent_avg": state["mapping.w_avg"]}, parts)


def discriminator_of_tensorflow(D):
    state, config = arrays(D), D.config
    names = {"fromrgb": "FromRGB", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip", "conv": "Conv",
             "fc": "Dense0"}  # fmt: skip
    variables = {}
    for name, value in state.items():
        block, layer, kind = name.split(".")
        turned = convolution(value) if value.ndim == 4 else dense(value)
        if block == "mapping":
            theirs = "LabelEmbed" if layer == "embed" else f"Mapping{layer[2:]}"
        elif layer == "out":
            theirs = "Output"
        elif layer == "fromrgb" and config.architecture == "orig":
            theirs = "FromRGB_lod0"
        else:
            theirs = f"{block[1:]}x{block[1:]}/{names[layer]}"
        variables[f"{theirs}/{kind}"] = turned
    settings = {
        "label_size": config.c_dim,
        "resolution": config.img_resolution,
        "num_channels": config.img_channels,
        "architecture": config.architecture,
        "fmap_base": config.channel_base // 2,
        "fmap_max": config.channel_max,
        "num_fp16_res": config.num_fp16_res,
        "conv_clamp": config.conv_clamp,
        "mapping_layers": config.mapping_layers if config.c_dim else 0,
        "mbstd_group_size": config.mbstd_group_size,
        "freeze_layers": config.freeze_layers,
        "structure": "auto",
    }
    return Network("D", settings, variables)


def built(kind, config):
    """A network with every tensor but its filters random."""
    network = kind(config)
    for name, tensor in network.state_dict().items():
        if not name.endswith("resample_filter"):
            tensor.normal_()
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("name", CASES)
def test_a_tensorflow_pickle_is_read_tensor_by_tensor(name, protocol, tmp_path):
    g, d = CASES[name]
    torch.manual_seed(len(name))
    G_config = GeneratorConfig(**SHAPE, **{"z_dim": 12, "w_dim": 16, "num_layers": 2} | g)
    if d.get("c_dim") and d["mapping_layers"]:
        d = {"mapping_lr_multiplier": 0.1} | d
    networks = {
        "G": built(Generator, G_config),
        "D": built(Discriminator, DiscriminatorConfig(**SHAPE | d)),
        "G_ema": built(Generator, G_config),
    }
    content = tuple(
        discriminator_of_tensorflow(n) if key == "D" else generator_of_tensorflow(n)
        for key, n in networks.items()
    )
    (tmp_path / "tf.pkl").write_bytes(pickle.dumps(content, protocol))
    read = load(tmp_path / "tf.pkl")
    for key, network in read.items():
        ours, theirs = network.state_dict(), networks[key].state_dict()
        assert ours.keys() == theirs.keys()
        for tensor in ours:
            torch.testing.assert_close(ours[tensor], theirs[tensor], rtol=0, atol=1e-6, msg=f"{key}.{tensor}")
        assert network.config == networks[key].config
    z, c = torch.randn(3, 12), torch.eye(max(G_config.c_dim, 1))[torch.arange(3) % max(G_config.c_dim, 1)]
    pictures = [G(z, c, noise_mode="const") for G in (read.G_ema, networks["G_ema"])]
    assert_matches(pictures[0], pictures[1].numpy(), 1e-4)
