"""Writing the official PyTorch `.pkl`: our modules as the state of the classes in `portable`.

Attribute names are those of the files that the official programs write, so every reader of those files finds
the same settings in the same places.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

from torch import nn

from stylegan_pokemon.checkpoint.networks import TRAINING_SET, Networks
from stylegan_pokemon.checkpoint.pickles import augment_pipe, pickling
from stylegan_pokemon.checkpoint.pickles.official import OWN_KEY, PREMULTIPLIED
from stylegan_pokemon.checkpoint.pickles.pickling import Call, Global
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import whole_file
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.layers import Conv2dLayer
from stylegan_pokemon.networks.synthesis import SynthesisBlock, SynthesisLayer
from stylegan_pokemon.ops.bias_act import GAINS

_RECONSTRUCT = Global("torch_utils.persistence", "_reconstruct_persistent_obj")
_VERSION = 6  # of the container that the official programs write
_HOOKS = (
    *("_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_hooks_with_kwargs"),
    *("_forward_hooks_always_called", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs"),
    *("_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks"),
    "_load_state_dict_post_hooks",
)
_ATTRIBUTES = {
    "MappingNetwork": ("z_dim", "c_dim", "w_dim", "num_ws", "num_layers", "w_avg_beta"),
    "SynthesisBlock": ("resolution", "is_last", "architecture", "use_fp16", "num_conv"),
    "DiscriminatorBlock": ("resolution", "architecture", "use_fp16"),
    "FullyConnectedLayer": ("activation", "weight_gain", "bias_gain"),
    "SynthesisLayer": ("resolution", "up", "use_noise", "activation", "conv_clamp"),
    "ToRGBLayer": ("conv_clamp", "weight_gain"),
    "Conv2dLayer": ("activation", "down", "conv_clamp", "weight_gain"),
}
"""Attributes that our modules share with those of `portable`, which have the same names."""


def save_official(path: Path, networks: Networks) -> None:
    """Write a `.pkl` that the official programs open, whole or not at all.

    If G or G_ema is missing, the other one is written in its place. Raises UserError without a
    discriminator, which those programs require.
    """
    networks.check_stylegan(path)
    G, G_ema = networks.G or networks.G_ema, networks.G_ema or networks.G
    D = networks.D
    if not (isinstance(G, Generator) and isinstance(G_ema, Generator) and isinstance(D, Discriminator)):
        lacking = "generator" if G is None else "discriminator"
        raise UserError(
            f"{path}: the official programs need G, D and G_ema, and there is no {lacking}; convert a file"
            " that has one, without --only, or write a .safetensors"
        )
    elsewhere = ("generator", "discriminator", TRAINING_SET, augment_pipe.KEY)
    own = {name: value for name, value in networks.config.items() if name not in elsewhere}
    own |= {PREMULTIPLIED: True} if G_ema.config.premultiplied else {}
    content = {
        TRAINING_SET: networks.config.get(TRAINING_SET),
        "G": generator_call(G),
        "D": discriminator_call(D),
        "G_ema": generator_call(G_ema),
        "augment_pipe": _augment_pipe(networks.augment_p, networks.config.get(augment_pipe.KEY)),
        OWN_KEY: json.dumps(own, ensure_ascii=False),
    }
    with whole_file(path) as temporary:
        temporary.write_bytes(pickling.dumps(content))


def generator_call(network: Generator) -> Call:
    """A generator as the call that rebuilds it."""
    config = network.config
    shared = _chosen(config, "z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")
    kwargs = {
        **shared,
        "mapping_kwargs": _chosen(
            config,
            *("num_layers", "embed_features", "layer_features", "lr_multiplier", "w_avg_beta"),
            activation="mapping_activation",
        ),
        "synthesis_kwargs": _chosen(
            config,
            *("channel_base", "channel_max", "num_fp16_res", "conv_clamp", "architecture", "use_noise"),
            *("activation", "resample_filter"),
        ),
    }
    synthesis = {
        "w_dim": config.w_dim,
        **_image(config),
        "block_resolutions": list(config.block_resolutions),
        "num_ws": config.num_ws,
    }
    blocks = {}
    for r in config.block_resolutions:
        block = getattr(network.synthesis, f"b{r}")
        blocks[f"b{r}"] = _module(
            block,
            in_channels=0 if block.is_first else config.channels(r // 2),
            w_dim=config.w_dim,
            img_channels=config.img_channels,
            channels_last=False,
            num_torgb=int(block.has_torgb),
        )
    children = {
        "synthesis": _node("SynthesisNetwork", network.synthesis, synthesis, blocks),
        "mapping": _module(network.mapping),
    }
    return _node("Generator", network, {**shared, "num_ws": config.num_ws}, children, kwargs)


def discriminator_call(network: Discriminator) -> Call:
    """A discriminator as the call that rebuilds it."""
    config = network.config
    resolutions = list(reversed(config.block_resolutions[1:]))
    children, first = {}, 0
    for r in resolutions:
        block = getattr(network, f"b{r}")
        layers = len(list(block.children()))
        children[f"b{r}"] = _module(
            block,
            in_channels=0 if r == config.img_resolution else config.channels(r),
            img_channels=config.img_channels,
            first_layer_idx=first,
            channels_last=False,
            num_layers=layers,
        )
        first += layers
    if config.c_dim:
        children["mapping"] = _module(network.mapping)
    children["b4"] = _epilogue(network)
    attributes = {"c_dim": config.c_dim, **_image(config), "block_resolutions": resolutions}
    mapping = _chosen(config, num_layers="mapping_layers", lr_multiplier="mapping_lr_multiplier")
    if config.mapping_features is not None:
        mapping |= _chosen(config, embed_features="mapping_features", layer_features="mapping_features")
    kwargs = {
        **_chosen(
            config,
            *("c_dim", "img_resolution", "img_channels", "architecture", "channel_base", "channel_max"),
            *("num_fp16_res", "conv_clamp", "cmap_dim"),
        ),
        "block_kwargs": _chosen(config, "freeze_layers", "activation", "resample_filter"),
        "mapping_kwargs": mapping if config.c_dim else {},
        "epilogue_kwargs": _chosen(config, "mbstd_group_size", "mbstd_num_channels"),
    }
    return _node("Discriminator", network, attributes, children, kwargs)


def _epilogue(network: Discriminator) -> Call:
    config, children = network.config, _layers(network.b4)
    attributes: dict[str, Any] = {
        "in_channels": config.channels(4),
        "cmap_dim": config.effective_cmap_dim,
        "resolution": 4,
        "img_channels": config.img_channels,
        "architecture": config.architecture,
    }
    if config.mbstd_num_channels:
        mbstd = {"group_size": config.mbstd_group_size, "num_channels": config.mbstd_num_channels}
        children = {"mbstd": _node("MinibatchStdLayer", nn.Module(), mbstd, {}), **children}
    else:
        attributes["mbstd"] = None
    return _node("DiscriminatorEpilogue", network.b4, attributes, children)


def _module(module: nn.Module, **more: Any) -> Call:
    """A module with the layers in it; more: attributes that ours lacks."""
    kind = type(module).__name__
    attributes = {name: getattr(module, name) for name in _ATTRIBUTES[kind]} | more
    return _node(kind, module, attributes, _layers(module))


def _layers(parent: nn.Module) -> dict[str, Call]:
    """The layers of a module by name. A generator's residual 1×1 upsamples by itself in `portable`."""
    found = {}
    for name, layer in parent.named_children():
        more: dict[str, Any] = {"bias": None} if layer.bias is None else {}
        if isinstance(layer, Conv2dLayer):
            more["up"] = 2 if name == "skip" and isinstance(parent, SynthesisBlock) else 1
        if isinstance(layer, (SynthesisLayer, Conv2dLayer)):
            more |= {"padding": layer.weight.shape[2] // 2, "act_gain": GAINS[layer.activation]}
        found[name] = _module(layer, **more)
    return found


def _augment_pipe(p: float | None, settings: Any) -> Call | None:
    if p is None:
        return None
    attributes = augment_pipe.attributes(settings)
    kwargs = {name: value for name, value in attributes.items() if value != augment_pipe.DEFAULTS[name]}
    module = nn.Module()
    for name, tensor in augment_pipe.buffers(p).items():
        module.register_buffer(name, tensor)
    return _node("AugmentPipe", module, attributes, {}, kwargs)


def _node(
    class_name: str,
    module: nn.Module,
    attributes: dict[str, Any],
    children: dict[str, Call],
    init_kwargs: dict[str, Any] | None = None,
) -> Call:
    """A class of `portable` with the tensors of `module` itself."""
    parameters, buffers = module.named_parameters(recurse=False), module.named_buffers(recurse=False)
    state = {
        "training": False,
        "_parameters": pickling.ordered_dict({name: pickling.parameter(value) for name, value in parameters}),
        "_buffers": pickling.ordered_dict({name: pickling.tensor(value) for name, value in buffers}),
        "_non_persistent_buffers_set": Call(Global("builtins", "set"), ([],)),
        **{name: pickling.ordered_dict({}) for name in _HOOKS},
        "_is_full_backward_hook": None,
        "_modules": pickling.ordered_dict(children),
        **attributes,
        "_init_args": (),
        "_init_kwargs": init_kwargs or {},
    }
    meta = {"type": "class", "version": _VERSION, "module_src": _portable(), "class_name": class_name}
    return Call(_RECONSTRUCT, (meta | {"state": state},))


@cache
def _portable() -> str:
    return Path(__file__).with_name("portable.py").read_text(encoding="utf-8")


def _image(config: GeneratorConfig | DiscriminatorConfig) -> dict[str, int]:
    return {
        "img_resolution": config.img_resolution,
        "img_resolution_log2": int(math.log2(config.img_resolution)),
        "img_channels": config.img_channels,
    }


def _chosen(config: GeneratorConfig | DiscriminatorConfig, *names: str, **renamed: str) -> dict[str, Any]:
    """Some settings as plain JSON; `renamed` gives the official name of each setting of ours."""
    values = config.to_json()
    return {name: values[name] for name in names} | {name: values[ours] for name, ours in renamed.items()}
