"""Writing the official PyTorch `.pkl`: our modules as the state of the classes in `portable`.

Attribute names are those of the files that the official programs write, so that whatever reads those files
(our own reader included) finds the same settings in the same places.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stylegan_pokemon.checkpoint import augment_pipe, pickling
from stylegan_pokemon.checkpoint.networks import TRAINING_SET, Networks
from stylegan_pokemon.checkpoint.official import OWN_KEY
from stylegan_pokemon.checkpoint.pickling import Call, Global
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import whole_file
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.layers import Conv2dLayer, FullyConnectedLayer
from stylegan_pokemon.networks.mapping import MappingNetwork
from stylegan_pokemon.networks.synthesis import SynthesisBlock, SynthesisLayer, ToRGBLayer
from stylegan_pokemon.ops.bias_act import GAINS

_RECONSTRUCT = Global("torch_utils.persistence", "_reconstruct_persistent_obj")
_VERSION = 6  # of the container that the official programs write
_HOOKS = (
    *("_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_hooks_with_kwargs"),
    *("_forward_hooks_always_called", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs"),
    *("_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks"),
    "_load_state_dict_post_hooks",
)


def save_official(path: Path, networks: Networks) -> None:
    """Write a `.pkl` that the official programs open, whole or not at all.

    Where one of G and G_ema is missing the other takes its place. Raises UserError without a discriminator,
    which those programs insist on.
    """
    networks.check_stylegan(path)
    G, G_ema = networks.G or networks.G_ema, networks.G_ema or networks.G
    if G is None or G_ema is None or networks.D is None:
        lacking = "generator" if G is None else "discriminator"
        raise UserError(
            f"{path}: the official programs need G, D and G_ema, and there is no {lacking}; convert a file"
            " that has one, without --only, or write a .safetensors"
        )
    own = {name: value for name, value in networks.config.items() if name not in _WRITTEN_ELSEWHERE}
    content = {
        TRAINING_SET: networks.config.get(TRAINING_SET),
        "G": generator_call(G),
        "D": discriminator_call(networks.D),
        "G_ema": generator_call(G_ema),
        "augment_pipe": _augment_pipe(networks.augment_p, networks.config.get(augment_pipe.KEY)),
        OWN_KEY: json.dumps(own, ensure_ascii=False),
    }
    with whole_file(path) as temporary:
        temporary.write_bytes(pickling.dumps(content))


_WRITTEN_ELSEWHERE = ("generator", "discriminator", TRAINING_SET, augment_pipe.KEY)


@cache
def _source() -> str:
    return Path(__file__).with_name("portable.py").read_text(encoding="utf-8")


def _node(
    class_name: str,
    module: nn.Module | None,
    attributes: dict[str, Any],
    children: dict[str, Call],
    init_kwargs: dict[str, Any] | None = None,
    tensors: dict[str, torch.Tensor] | None = None,
) -> Call:
    """A module of `portable` with a module's own tensors (or `tensors` as buffers)."""
    parameters = {} if module is None else dict(module.named_parameters(recurse=False))
    buffers = (tensors or {}) if module is None else dict(module.named_buffers(recurse=False))
    state = {
        "training": False,
        "_parameters": pickling.ordered_dict({n: pickling.parameter(p) for n, p in parameters.items()}),
        "_buffers": pickling.ordered_dict({n: pickling.tensor(b) for n, b in buffers.items()}),
        "_non_persistent_buffers_set": Call(Global("builtins", "set"), ([],)),
        **{name: pickling.ordered_dict({}) for name in _HOOKS},
        "_is_full_backward_hook": None,
        "_modules": pickling.ordered_dict(children),
        **attributes,
        "_init_args": (),
        "_init_kwargs": init_kwargs or {},
    }
    meta = {
        "type": "class",
        "version": _VERSION,
        "module_src": _source(),
        "class_name": class_name,
        "state": state,
    }
    return Call(_RECONSTRUCT, (meta,))


def generator_call(network: Generator) -> Call:
    """A generator as the call that rebuilds it."""
    config = network.config
    shared = {
        "z_dim": config.z_dim,
        "c_dim": config.c_dim,
        "w_dim": config.w_dim,
        "img_resolution": config.img_resolution,
        "img_channels": config.img_channels,
    }
    mapping = _chosen(
        config,
        {"mapping_activation": "activation"},
        *("num_layers", "embed_features", "layer_features", "lr_multiplier", "w_avg_beta"),
    )
    synthesis = _chosen(
        config,
        {},
        *("channel_base", "channel_max", "num_fp16_res", "conv_clamp", "architecture", "use_noise"),
        *("activation", "resample_filter"),
    )
    children = {"synthesis": _synthesis(network), "mapping": _mapping(network.mapping)}
    kwargs = {**shared, "mapping_kwargs": mapping, "synthesis_kwargs": synthesis}
    return _node("Generator", network, {**shared, "num_ws": config.num_ws}, children, kwargs)


def _synthesis(network: Generator) -> Call:
    config, synthesis = network.config, network.synthesis
    blocks = {
        f"b{r}": _synthesis_block(getattr(synthesis, f"b{r}"), config) for r in config.block_resolutions
    }
    attributes = {
        "w_dim": config.w_dim,
        "img_resolution": config.img_resolution,
        "img_resolution_log2": int(math.log2(config.img_resolution)),
        "img_channels": config.img_channels,
        "block_resolutions": list(config.block_resolutions),
        "num_ws": config.num_ws,
    }
    return _node("SynthesisNetwork", synthesis, attributes, blocks)


def _synthesis_block(block: SynthesisBlock, config: GeneratorConfig) -> Call:
    attributes = {
        "in_channels": 0 if block.is_first else config.channels(block.resolution // 2),
        "w_dim": config.w_dim,
        "resolution": block.resolution,
        "img_channels": config.img_channels,
        "is_last": block.is_last,
        "architecture": block.architecture,
        "use_fp16": block.use_fp16,
        "channels_last": False,
        "num_conv": block.num_conv,
        "num_torgb": int(block.has_torgb),
    }
    children = {name: _layer(child, name == "skip") for name, child in block.named_children()}
    return _node("SynthesisBlock", block, attributes, children)


def _mapping(network: MappingNetwork) -> Call:
    names = ("z_dim", "c_dim", "w_dim", "num_ws", "num_layers", "w_avg_beta")
    children = {name: _layer(child) for name, child in network.named_children()}
    attributes = {name: getattr(network, name) for name in names}
    return _node("MappingNetwork", network, attributes, children)


def discriminator_call(network: Discriminator) -> Call:
    """A discriminator as the call that rebuilds it."""
    config = network.config
    resolutions = list(reversed(config.block_resolutions[1:]))
    children, first = {}, 0
    for r in resolutions:
        block = getattr(network, f"b{r}")
        layers = {name: _layer(child) for name, child in block.named_children()}
        attributes = {
            "in_channels": 0 if r == config.img_resolution else config.channels(r),
            "resolution": r,
            "img_channels": config.img_channels,
            "first_layer_idx": first,
            "architecture": config.architecture,
            "use_fp16": block.use_fp16,
            "channels_last": False,
            "num_layers": len(layers),
        }
        children[f"b{r}"] = _node("DiscriminatorBlock", block, attributes, layers)
        first += len(layers)
    if config.c_dim:
        children["mapping"] = _mapping(network.mapping)
    children["b4"] = _epilogue(network)
    attributes = {
        "c_dim": config.c_dim,
        "img_resolution": config.img_resolution,
        "img_resolution_log2": int(math.log2(config.img_resolution)),
        "img_channels": config.img_channels,
        "block_resolutions": resolutions,
    }
    return _node("Discriminator", network, attributes, children, _discriminator_kwargs(config))


def _discriminator_kwargs(config: DiscriminatorConfig) -> dict[str, Any]:
    top = ("c_dim", "img_resolution", "img_channels", "architecture", "channel_base", "channel_max")
    renamed = {
        "mapping_layers": "num_layers",
        "mapping_lr_multiplier": "lr_multiplier",
    }
    mapping = _chosen(config, renamed) if config.c_dim else {}
    if config.c_dim and config.mapping_features is not None:
        mapping |= {"embed_features": config.mapping_features, "layer_features": config.mapping_features}
    return {
        **_chosen(config, {}, *top, "num_fp16_res", "conv_clamp", "cmap_dim"),
        "block_kwargs": _chosen(config, {}, "freeze_layers", "activation", "resample_filter"),
        "mapping_kwargs": mapping,
        "epilogue_kwargs": _chosen(
            config, {"mbstd_group_size": "mbstd_group_size", "mbstd_num_channels": "mbstd_num_channels"}
        ),
    }


def _epilogue(network: Discriminator) -> Call:
    config, epilogue = network.config, network.b4
    children = {name: _layer(child) for name, child in epilogue.named_children()}
    attributes: dict[str, Any] = {
        "in_channels": config.channels(4),
        "cmap_dim": config.effective_cmap_dim,
        "resolution": 4,
        "img_channels": config.img_channels,
        "architecture": config.architecture,
    }
    if config.mbstd_num_channels:
        mbstd = {"group_size": config.mbstd_group_size, "num_channels": config.mbstd_num_channels}
        children = {"mbstd": _node("MinibatchStdLayer", None, mbstd, {}), **children}
    else:
        attributes["mbstd"] = None
    return _node("DiscriminatorEpilogue", epilogue, attributes, children)


def _layer(module: nn.Module, upsamples: bool = False) -> Call:
    """One layer; `upsamples` marks the generator's residual 1×1, whose block resamples for it here."""
    children = {name: _layer(child) for name, child in module.named_children()}
    if isinstance(module, FullyConnectedLayer):
        names = ("activation", "weight_gain", "bias_gain")
        return _node("FullyConnectedLayer", module, {n: getattr(module, n) for n in names}, children)
    if isinstance(module, SynthesisLayer):
        names = ("resolution", "up", "use_noise", "activation", "conv_clamp")
        attributes = {n: getattr(module, n) for n in names}
        attributes |= {"padding": module.weight.shape[2] // 2, "act_gain": GAINS[module.activation]}
        return _node("SynthesisLayer", module, attributes, children)
    if isinstance(module, ToRGBLayer):
        names = ("conv_clamp", "weight_gain")
        return _node("ToRGBLayer", module, {n: getattr(module, n) for n in names}, children)
    if isinstance(module, Conv2dLayer):
        names = ("activation", "down", "conv_clamp", "weight_gain")
        attributes = {n: getattr(module, n) for n in names} | {"up": 2 if upsamples else 1}
        attributes |= {"padding": module.weight.shape[2] // 2, "act_gain": GAINS[module.activation]}
        if module.bias is None:
            attributes["bias"] = None
        return _node("Conv2dLayer", module, attributes, children)
    raise TypeError(f"{type(module).__name__} is no layer of StyleGAN2")


def _augment_pipe(p: float | None, settings: Any) -> Call | None:
    if p is None:
        return None
    attributes = augment_pipe.attributes(settings)
    kwargs = {name: value for name, value in attributes.items() if value != augment_pipe.DEFAULTS[name]}
    return _node("AugmentPipe", None, attributes, {}, kwargs, augment_pipe.buffers(p))


def _chosen(
    config: GeneratorConfig | DiscriminatorConfig, renamed: dict[str, str], *names: str
) -> dict[str, Any]:
    """Some settings as plain JSON, under the official programs' names."""
    values = config.to_json()
    return {renamed.get(name, name): values[name] for name in (*names, *renamed)}
