"""The official PyTorch `.pkl`: pickled modules as data, then our own modules.

Effective settings are read from the state of the pickled layers, never from constructor arguments: those omit
defaults, and the defaults of the programs that write such files differ.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import torch

from stylegan_pokemon.checkpoint.networks import TRAINING_SET, Networks, assemble, no_number
from stylegan_pokemon.checkpoint.pickles import augment_pipe
from stylegan_pokemon.checkpoint.pickles.opcodes import insist
from stylegan_pokemon.checkpoint.pickles.pickled import PickledModule
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig, block_resolutions
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator

OWN_KEY = "stylegan_pokemon"
"""What the official format has no place for (class names, kimg, …), as a JSON text; others ignore it."""

PREMULTIPLIED = "premultiplied"
"""Among these: whether the networks' colours are multiplied by alpha."""

_MAX_RESOLUTION = 8192
_MAX_OWN = 1 << 20  # characters


def from_modules(content: dict[Any, Any], source: str) -> Networks:
    """Networks from the dictionary that the PyTorch programs pickle.

    Raises UserError for modules that are no StyleGAN2 networks.
    """
    networks = Networks(source=source, config=_extras(content))
    premultiplied = networks.config.pop(PREMULTIPLIED, False) is True
    for name in ("G", "G_ema", "D"):
        module = content.get(name)
        if isinstance(module, PickledModule):
            found: Generator | Discriminator
            tensors, label = module.tensors(), module.class_name
            if name == "D":
                config = replace(discriminator_config(module), premultiplied=premultiplied)
                found = assemble(Discriminator, config, tensors, label)
            else:
                architecture = replace(generator_config(module), premultiplied=premultiplied)
                found = assemble(Generator, architecture, tensors, label)
            setattr(networks, name, found)
    insist(bool(networks.items()), "it holds none of G, D and G_ema")
    pipe = content.get("augment_pipe")
    if isinstance(pipe, PickledModule):
        networks.augment_p = augment_pipe.strength(pipe)
        if settings := augment_pipe.read_settings(pipe):
            networks.config[augment_pipe.KEY] = settings
    networks.record_architectures()
    return networks


def _extras(content: dict[Any, Any]) -> dict[str, Any]:
    """What else is worth keeping, as plain JSON: our own entries, and the training set's description."""
    extras: dict[str, Any] = {}
    own = content.get(OWN_KEY)
    if isinstance(own, str) and len(own) <= _MAX_OWN:
        decoded = json.loads(own, parse_constant=no_number)
        extras |= decoded if isinstance(decoded, dict) else {}
    if isinstance(given := content.get(TRAINING_SET), dict):
        plain = (str, int, float, bool, type(None))
        extras[TRAINING_SET] = {
            name: value for name, value in given.items() if isinstance(name, str) and isinstance(value, plain)
        }
    return extras


def generator_config(module: PickledModule) -> GeneratorConfig:
    """The architecture of a pickled generator."""
    mapping, synthesis = module.need("mapping"), module.need("synthesis")
    resolution = _resolution(module)
    blocks = {r: synthesis.need(f"b{r}") for r in block_resolutions(resolution)}
    top, first = blocks[resolution].need("conv1"), mapping.need("fc0")
    base, maximum = channel_rule({r: b.need("conv1").size("weight", 0) for r, b in blocks.items()})
    layers, w_dim, c_dim = mapping.integer("num_layers"), module.integer("w_dim"), module.integer("c_dim")
    return GeneratorConfig(
        img_resolution=resolution,
        img_channels=module.integer("img_channels"),
        c_dim=c_dim,
        z_dim=module.integer("z_dim"),
        w_dim=w_dim,
        num_layers=layers,
        embed_features=_unless(w_dim, mapping.need("embed").size("weight", 0)) if c_dim else None,
        layer_features=_unless(w_dim, first.size("weight", 0)) if layers > 1 else None,
        mapping_activation=first.text("activation"),
        lr_multiplier=_required(first, "bias_gain"),
        w_avg_beta=mapping.number("w_avg_beta"),
        channel_base=base,
        channel_max=maximum,
        architecture=blocks[resolution].text("architecture"),
        activation=top.text("activation"),
        resample_filter=_taps(blocks[resolution]),
        use_noise=top.truth("use_noise"),
        num_fp16_res=sum(block.truth("use_fp16") for block in blocks.values()),
        conv_clamp=top.number("conv_clamp"),
    )


def discriminator_config(module: PickledModule) -> DiscriminatorConfig:
    """The architecture of a pickled discriminator."""
    epilogue = module.need("b4")
    resolution, c_dim = _resolution(module), module.integer("c_dim")
    blocks = {r: module.need(f"b{r}") for r in block_resolutions(resolution)[1:]}
    top = blocks[resolution].need("conv0")
    widths = {r: block.need("conv0").size("weight", 0) for r, block in blocks.items()}
    widths[4] = epilogue.need("conv").size("weight", 0)
    base, maximum = channel_rule(widths)
    group: int | None = 1  # without minibatch standard deviation every picture stands alone
    channels = 0
    if (mbstd := epilogue.child("mbstd")) is not None:
        channels = mbstd.integer("num_channels")
        group = None if mbstd.state.get("group_size") is None else mbstd.integer("group_size")
    cmap_dim = _unless(widths[4], epilogue.need("out").size("weight", 0)) if c_dim else None
    extra: dict[str, Any] = {}
    if (mapping := module.child("mapping")) is not None:
        layers, width = mapping.integer("num_layers"), mapping.need("embed").size("weight", 0)
        extra = {
            "mapping_layers": layers,
            "mapping_features": _unless(cmap_dim or widths[4], width),
            "mapping_lr_multiplier": _required(mapping.need("fc0"), "bias_gain") if layers else 0.01,
        }
    every_layer = [layer for block in blocks.values() for layer in block.children().values()]
    return DiscriminatorConfig(
        img_resolution=resolution,
        img_channels=module.integer("img_channels"),
        c_dim=c_dim,
        architecture=blocks[resolution].text("architecture"),
        channel_base=base,
        channel_max=maximum,
        activation=top.text("activation"),
        resample_filter=_taps(blocks[resolution]),
        num_fp16_res=sum(block.truth("use_fp16") for block in blocks.values()),
        conv_clamp=top.number("conv_clamp"),
        cmap_dim=cmap_dim,
        mbstd_group_size=group,
        mbstd_num_channels=channels,
        freeze_layers=sum(layer.is_buffer("weight") for layer in every_layer),
        **extra,
    )


def channel_rule(widths: dict[int, int]) -> tuple[int, int]:
    """Find (channel_base, channel_max) with width(r) = min(base // r, max) for every r; UserError if none."""
    maximum, largest = max(widths.values()), max(widths)
    base = max((width * r for r, width in widths.items() if width < maximum), default=maximum * largest)
    # The widest block may itself be base // r, with no cap at work; then its own product is as good.
    for candidate in (base, widths[largest] * largest):
        if all(min(candidate // r, maximum) == width for r, width in widths.items()):
            return candidate, maximum
    raise UserError(f"its channel widths {list(widths.values())} follow no channel_base and channel_max")


def _unless(usual: int, width: int) -> int | None:
    """The width where it differs from the usual one, else None, which stands for the usual one."""
    return None if width == usual else width


def _resolution(module: PickledModule) -> int:
    resolution = module.integer("img_resolution")
    power = 8 <= resolution <= _MAX_RESOLUTION and not resolution & (resolution - 1)
    insist(power, f"{module.class_name} has an img_resolution that is no power of two from 8")
    return resolution


def _required(module: PickledModule, name: str) -> float:
    value = module.number(name)
    if value is None:
        raise UserError(f"{module.class_name} has no number {name}")
    return value


def _taps(block: PickledModule) -> tuple[float, ...]:
    kernel = block.tensor("resample_filter")
    if kernel is None or kernel.ndim != 2 or not 1 <= kernel.shape[1] <= 64 or kernel.shape[0] == 0:
        raise UserError(f"{block.class_name} lacks its resample_filter")
    taps = kernel.double().sum(dim=0)
    finite = bool(torch.isfinite(taps).all()) and bool((taps != 0).any())
    insist(finite, f"{block.class_name} has a resample_filter without finite taps")
    relative = [float(t) for t in taps / taps[taps != 0][0]]
    # Written as small whole numbers where it is one of the usual binomial filters.
    near = [float(round(t)) for t in relative]
    usual = all(math.isclose(a, b, abs_tol=1e-5) for a, b in zip(near, relative, strict=True))
    return tuple(near if usual else relative)
