"""The TensorFlow `.pkl` of StyleGAN2 and StyleGAN2-ADA: (G, D, Gs) as data, then our own modules.

Names, layouts and defaults: official_formats.md, section 2. TensorFlow keeps convolution weights as HWIO and
the upsampling ones mirrored; its dense weights are transposed, and its modulation bias lacks the one.
"""

from __future__ import annotations

import re
from typing import Any

import torch

from stylegan_pokemon.checkpoint.networks import Networks, assemble
from stylegan_pokemon.checkpoint.pickles.arrays import Array
from stylegan_pokemon.checkpoint.pickles.opcodes import insist
from stylegan_pokemon.checkpoint.pickles.pickled import PickledNetwork
from stylegan_pokemon.errors import UserError, shown
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.ops.upfirdn2d import binomial_filter

_OLDEST_VERSION = 4
_MAX_DEPTH = 4  # networks within networks; official ones have 2
_MAX_VARIABLES = 1000  # of one network; a 1024×1024 discriminator has 60
_SCHEDULE_ONLY = {"truncation_psi", "truncation_cutoff", "style_mixing_prob", "structure", "randomize_noise"}
_SHARED_SETTINGS = {  # theirs: ours, and their default
    "label_size": ("c_dim", 0),
    "resolution": ("img_resolution", None),
    "num_channels": ("img_channels", 3),
    "fmap_base": ("channel_base", 16384),
    "fmap_max": ("channel_max", 512),
    "resample_kernel": ("resample_filter", (1, 3, 3, 1)),
    "nonlinearity": ("activation", "lrelu"),
    "num_fp16_res": ("num_fp16_res", 0),
    "conv_clamp": ("conv_clamp", None),
}
_G_SETTINGS = _SHARED_SETTINGS | {
    "latent_size": ("z_dim", 512),
    "dlatent_size": ("w_dim", 512),
    "mapping_layers": ("num_layers", 8),
    "mapping_nonlinearity": ("mapping_activation", "lrelu"),
    "mapping_lrmul": ("lr_multiplier", 0.01),
    "w_avg_beta": ("w_avg_beta", 0.995),
    "architecture": ("architecture", "skip"),
    "use_noise": ("use_noise", True),
}
_D_SETTINGS = _SHARED_SETTINGS | {
    "architecture": ("architecture", "resnet"),
    "mapping_layers": ("mapping_layers", 0),
    "mapping_lrmul": ("mapping_lr_multiplier", 0.1),
    "mbstd_group_size": ("mbstd_group_size", 4),
    "mbstd_num_features": ("mbstd_num_channels", 1),
    "freeze_layers": ("freeze_layers", 0),
}
_FROM_SHAPES = {"mapping_fmaps", "label_fmaps"}  # widths; the tensors themselves tell them
_BLOCK = re.compile(r"(\d{1,4})x(\d{1,4})/(\w+)/(\w+)")
_G_LAYERS = {"Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb", "Skip": "skip"}
_D_LAYERS = {
    **{"FromRGB": "fromrgb", "Conv0": "conv0", "Conv1_down": "conv1", "Skip": "skip"},
    **{"Conv": "conv", "Dense0": "fc"},
}


def from_networks(content: Any, source: str) -> Networks:
    """Networks from the tuple (G, D, Gs) that the TensorFlow programs pickle.

    Raises UserError for anything else, and by name for settings that are not known.
    """
    triple = isinstance(content, (tuple, list)) and len(content) == 3
    known = triple and all(isinstance(network, PickledNetwork) for network in content)
    insist(known, "it holds neither a dictionary of PyTorch networks nor three TensorFlow networks")
    G, D, Gs = content
    networks = Networks(_generator(G), _discriminator(D), _generator(Gs), source=source)
    networks.record_architectures()
    return networks


def _generator(network: PickledNetwork) -> Generator:
    settings, variables = _settings(network, _G_SETTINGS), _variables(network)
    if settings["w_avg_beta"] is None:
        settings["w_avg_beta"] = 1.0  # no update
    variables.pop("lod", None)  # of progressive growing, unused since StyleGAN2
    if "mapping/LabelEmbed/weight" in variables:
        settings["embed_features"] = _width(variables, "mapping/LabelEmbed/weight", settings["w_dim"])
    if settings["num_layers"] != 1:
        settings["layer_features"] = _width(variables, "mapping/Dense0/weight", settings["w_dim"])
    config = GeneratorConfig(**settings)
    tensors = {}
    for name, value in variables.items():
        key, tensor = _generator_tensor(name, value, config)
        if config.use_noise or not key.endswith(("noise_const", "noise_strength")):
            tensors[key] = tensor  # without noise both are stored all the same, never added
    return _with_filters(Generator, config, tensors, "the TensorFlow generator")


def _discriminator(network: PickledNetwork) -> Discriminator:
    settings, variables = _settings(network, _D_SETTINGS), _variables(network)
    if not settings["c_dim"] or not settings["mapping_layers"]:
        del settings["mapping_lr_multiplier"]  # of no layer
    if not settings["c_dim"]:
        del settings["mapping_layers"]
    else:
        widths = variables.get("Output/weight", torch.empty(0)).shape  # [channels at 4×4, cmap_dim]
        settings["cmap_dim"] = _width(variables, "Output/weight", widths[0] if widths else None)
        cmap_dim = settings["cmap_dim"] or widths[0]
        settings["mapping_features"] = _width(variables, "LabelEmbed/weight", cmap_dim)
    config = DiscriminatorConfig(**settings)
    tensors = {_discriminator_name(name, config): _transposed(value) for name, value in variables.items()}
    return _with_filters(Discriminator, config, tensors, "the TensorFlow discriminator")


def _with_filters(kind: Any, config: Any, tensors: dict[str, torch.Tensor], label: str) -> Any:
    """Build a network with its low-pass filters, which TensorFlow does not store. Raises as `assemble`."""
    taps = binomial_filter(config.resample_filter)
    with torch.device("meta"):
        names = [name for name in kind(config).state_dict() if name.endswith("resample_filter")]
    return assemble(kind, config, tensors | {name: torch.outer(taps, taps) for name in names}, label)


def _settings(network: PickledNetwork, known: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """Our names for a network's settings, with TensorFlow's defaults; unknown ones are refused by name."""
    state = network.state
    version, given = state.get("version"), state.get("static_kwargs")
    new = type(version) is int and version >= _OLDEST_VERSION
    insist(new, "it comes from a TensorFlow program older than StyleGAN2")
    if not isinstance(given, dict):
        raise UserError("a TensorFlow network has no table of settings")
    settings = {ours: default for ours, default in known.values()}
    for name, value in given.items():
        used = name in known
        if used:
            settings[known[name][0]] = tuple(value) if isinstance(value, list) else value
        ignored = used or name in _SCHEDULE_ONLY | _FROM_SHAPES
        insist(ignored, f"its TensorFlow network has the setting {shown(name)}, which is not known")
    if type(settings["channel_base"]) is int:  # the configuration refuses another type
        settings["channel_base"] *= 2  # TensorFlow's channels at resolution r are fmap_base / (r / 2)
    return settings


def _variables(network: PickledNetwork) -> dict[str, torch.Tensor]:
    """All variables by their paths, those of components behind the component's name."""
    found: dict[str, torch.Tensor] = {}
    pending: list[tuple[str, PickledNetwork, int]] = [("", network, 0)]
    while pending:
        prefix, part, depth = pending.pop()
        variables, components = part.state.get("variables", ()), part.state.get("components", {})
        known = isinstance(variables, list) and isinstance(components, dict) and depth <= _MAX_DEPTH
        insist(known, "a TensorFlow network describes its variables in an unknown way")
        few = len(variables) + len(found) + len(components) + len(pending) <= _MAX_VARIABLES
        insist(few, "a TensorFlow network has more variables than any checkpoint needs")
        for entry in variables:
            pair: tuple[Any, Any] = (None, None)
            if isinstance(entry, (tuple, list)) and len(entry) == 2:
                pair = (entry[0], entry[1])
            name, array = pair
            scalar = isinstance(array, (int, float))  # a NumPy scalar
            known = scalar or (isinstance(array, Array) and array.values is not None)
            insist(
                known and isinstance(name, str),
                "a TensorFlow network describes its variables in an unknown way",
            )
            found[prefix + name] = torch.tensor(float(array)) if scalar else torch.from_numpy(array.values)
        for name, component in components.items():
            known = isinstance(name, str) and isinstance(component, PickledNetwork)
            insist(known, "a TensorFlow network describes its components in an unknown way")
            pending.append((f"{prefix}{name}/", component, depth + 1))
    return found


def _width(variables: dict[str, torch.Tensor], name: str, usual: Any) -> int | None:
    """Outputs of a dense layer; None where they are as usual."""
    weight = variables.get(name)
    if weight is None or weight.ndim != 2:
        raise UserError(f"the TensorFlow network lacks the variable {name}")
    return None if weight.shape[1] == usual else weight.shape[1]


def _generator_tensor(name: str, value: torch.Tensor, config: GeneratorConfig) -> tuple[str, torch.Tensor]:
    """Our name and value of a variable of the generator."""
    if name == "dlatent_avg":
        return "mapping.w_avg", value
    if match := re.fullmatch(r"mapping/(?:LabelEmbed|Dense(\d{1,2}))/(weight|bias)", name):
        return f"mapping.{_fully_connected(match[1])}.{match[2]}", _transposed(value)
    if name == "synthesis/4x4/Const/const":
        return "synthesis.b4.const", _without_first_axes(value, 3)
    if match := re.fullmatch(r"synthesis/noise(\d{1,2})", name):
        k = int(match[1])
        r, layer = (4, "conv1") if k == 0 else (2 ** ((k + 5) // 2), "conv0" if k % 2 else "conv1")
        return f"synthesis.b{r}.{layer}.noise_const", _without_first_axes(value, 2)
    block, layer, tensor = _block(name.removeprefix("synthesis/"), config.img_resolution)
    insist(layer in _G_LAYERS, f"the TensorFlow generator has a variable that is not known: {shown(name)}")
    if tensor == "weight" and layer in ("Conv0_up", "Skip") and value.ndim == 4:
        value = value.flip(0, 1)  # TensorFlow's transposed convolution mirrors it back
    if tensor == "mod_bias":
        value = value + 1
    tensor = tensor.replace("mod_", "affine.")
    return f"synthesis.b{block}.{_G_LAYERS[layer]}.{tensor}", _transposed(value)


def _discriminator_name(name: str, config: DiscriminatorConfig) -> str:
    if match := re.fullmatch(r"(?:LabelEmbed|Mapping(\d{1,2}))/(weight|bias)", name):
        return f"mapping.{_fully_connected(match[1])}.{match[2]}"
    if match := re.fullmatch(r"Output/(weight|bias)", name):
        return f"b4.out.{match[1]}"
    block, layer, tensor = _block(name, config.img_resolution)
    known = layer in _D_LAYERS
    insist(known, f"the TensorFlow discriminator has a variable that is not known: {shown(name)}")
    return f"b{block}.{_D_LAYERS[layer]}.{tensor}"


def _fully_connected(number: str | None) -> str:
    return "embed" if number is None else f"fc{number}"


def _block(name: str, resolution: int) -> tuple[int, str, str]:
    """Resolution, layer and tensor of "32x32/Conv1/weight", or of "ToRGB_lod0/weight"."""
    if match := _BLOCK.fullmatch(name):
        return int(match[1]), match[3], match[4]
    if match := re.fullmatch(r"(ToRGB|FromRGB)_lod(\d{1,2})/(\w+)", name):
        return resolution >> int(match[2]), match[1], match[3]
    raise UserError(f"the TensorFlow network has a variable that is not known: {shown(name)}")


def _transposed(value: torch.Tensor) -> torch.Tensor:
    """A weight in PyTorch's order of axes: HWIO → OIHW, [in, out] → [out, in]; biases as they are."""
    if value.ndim == 4:
        return value.permute(3, 2, 0, 1)
    return value.T if value.ndim == 2 else value


def _without_first_axes(value: torch.Tensor, axes: int) -> torch.Tensor:
    while value.ndim > axes and value.shape[0] == 1:
        value = value[0]
    return value
