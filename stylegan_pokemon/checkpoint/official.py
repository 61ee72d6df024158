"""The official PyTorch `.pkl`: inert objects from the opcode reader, then our own modules.

Effective settings are read from the state of the pickled layers, never from constructor arguments: those omit
defaults, and the defaults of the programs that write such files differ.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegan_pokemon.checkpoint import opcodes, storages
from stylegan_pokemon.checkpoint.networks import Networks
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig, block_resolutions
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator

_MAX_BYTES = 4 << 30
"""No known checkpoint is a tenth of this; a larger file is refused before it fills the memory."""


@dataclass
class PickledModule:
    """A module as data: its class's name and its `__dict__`."""

    class_name: str
    state: dict[str, Any] = field(repr=False)

    def child(self, name: str) -> PickledModule | None:
        """The sub-module of that name, or None."""
        found = self.state.get("_modules", {}).get(name)
        return found if isinstance(found, PickledModule) else None

    def tensor(self, name: str) -> torch.Tensor | None:
        """The parameter or buffer of that name, or None."""
        for kind in ("_parameters", "_buffers"):
            found = self.state.get(kind, {}).get(name)
            if isinstance(found, torch.Tensor):
                return found
        return None

    def tensors(self, prefix: str = "") -> dict[str, torch.Tensor]:
        """All parameters and buffers below this module by their dotted names."""
        found = {}
        for kind in ("_parameters", "_buffers"):
            for name, value in self.state.get(kind, {}).items():
                if isinstance(value, torch.Tensor):
                    found[prefix + name] = value
        for name, module in self.state.get("_modules", {}).items():
            if isinstance(module, PickledModule):
                found.update(module.tensors(f"{prefix}{name}."))
        return found


class _Dtype(opcodes.StandIn):
    def __init__(self, code: Any, *_flags: Any) -> None:
        if code not in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1"):
            raise UserError(f"the pickle uses the NumPy type {code!r}, which no checkpoint needs")
        self.code, self.order = code, "<"

    def set_state(self, state: Any) -> None:
        self.order = ">" if state[1] == ">" else "<"


def _scalar(dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
        raise UserError("the pickle holds a NumPy number that is not made of bytes")
    return np.frombuffer(data, dtype=dtype.order + dtype.code, count=1)[0].item()


def _encode(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise UserError("the pickle encodes text in a way no checkpoint needs")
    return text.encode("latin1")


def _module(meta: Any) -> PickledModule:
    if not isinstance(meta, dict) or meta.get("type") != "class" or not isinstance(meta.get("state"), dict):
        raise UserError("the pickle holds a persistent object of an unknown kind")
    return PickledModule(str(meta.get("class_name")), meta["state"])


_TABLE: dict[tuple[str, str], Any] = {
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _module,
    ("dnnlib.util", "EasyDict"): dict,
    ("dnnlib", "EasyDict"): dict,
    ("collections", "OrderedDict"): dict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("_codecs", "encode"): _encode,
    ("torch._utils", "_rebuild_tensor_v2"): storages.rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): storages.rebuild_parameter,
    ("torch.storage", "_load_from_bytes"): storages.load_from_bytes,
}


def load_official(path: Path) -> Networks:
    """Read a StyleGAN2-ADA (or StyleGAN3 code base, StyleGAN2 configuration) `.pkl` without executing it.

    Raises UserError naming the file for anything else.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise UserError(f"{path} is larger than any checkpoint ({_MAX_BYTES >> 30} GiB); it is not read")
    data = path.read_bytes()
    if data.lstrip()[:1] == b"<":
        raise UserError(f"{path} is a web page, not a checkpoint; download the file itself")
    try:
        content = opcodes.read(io.BytesIO(data), _TABLE)
        return _networks(content, str(path))
    except UserError as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    except (KeyError, AttributeError, TypeError, ValueError, IndexError, RuntimeError) as error:
        raise UserError(f"{path} is no StyleGAN2 checkpoint this program knows ({error})") from error


def _networks(content: Any, source: str) -> Networks:
    if not isinstance(content, dict):
        raise UserError("it holds no dictionary of networks; TensorFlow files need converting first")
    networks = Networks(source=source)
    for name in ("G", "G_ema"):
        module = content.get(name)
        if isinstance(module, PickledModule):
            setattr(networks, name, _filled(Generator(generator_config(module)), module))
    if isinstance(content.get("D"), PickledModule):
        networks.D = _filled(Discriminator(discriminator_config(content["D"])), content["D"])
    if not networks.items():
        raise UserError("it holds none of G, D and G_ema")
    pipe = content.get("augment_pipe")
    p = pipe.tensor("p") if isinstance(pipe, PickledModule) else None
    networks.augment_p = None if p is None else float(p)
    generator = networks.G_ema or networks.G
    if generator is not None:
        networks.config["generator"] = generator.config.to_json()
    if networks.D is not None:
        networks.config["discriminator"] = networks.D.config.to_json()
    return networks


def _filled(network: Any, module: PickledModule) -> Any:
    tensors = module.tensors()
    expected = network.state_dict()
    wrong = [n for n in expected if n not in tensors or tensors[n].shape != expected[n].shape]
    wrong += [n for n in tensors if n not in expected]
    if wrong:
        raise UserError(
            f"{module.class_name} has tensors that do not fit its architecture: {', '.join(wrong[:4])}"
        )
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return network.eval().requires_grad_(False)


def generator_config(module: PickledModule) -> GeneratorConfig:
    """The architecture of a pickled generator."""
    state, mapping, synthesis = module.state, _need(module, "mapping"), _need(module, "synthesis")
    resolution = int(state["img_resolution"])
    blocks = {r: _need(synthesis, f"b{r}") for r in block_resolutions(resolution)}
    top = _need(blocks[resolution], "conv1")
    widths = {r: _size(_need(block, "conv1"), "weight", 0) for r, block in blocks.items()}
    base, maximum = channel_rule(widths)
    first = _need(mapping, "fc0")
    layers = int(mapping.state["num_layers"])
    w_dim, c_dim = int(state["w_dim"]), int(state["c_dim"])
    hidden = _size(first, "weight", 0) if layers > 1 else w_dim
    embed = _size(_need(mapping, "embed"), "weight", 0) if c_dim else w_dim
    beta = mapping.state.get("w_avg_beta")
    return GeneratorConfig(
        img_resolution=resolution,
        img_channels=int(state["img_channels"]),
        c_dim=c_dim,
        z_dim=int(state["z_dim"]),
        w_dim=w_dim,
        num_layers=layers,
        embed_features=None if embed == w_dim else embed,
        layer_features=None if hidden == w_dim else hidden,
        mapping_activation=str(first.state["activation"]),
        lr_multiplier=float(first.state["bias_gain"]),
        w_avg_beta=None if beta is None else float(beta),
        channel_base=base,
        channel_max=maximum,
        architecture=str(blocks[resolution].state["architecture"]),
        activation=str(top.state["activation"]),
        resample_filter=_taps(blocks[resolution]),
        use_noise=bool(top.state["use_noise"]),
        num_fp16_res=sum(bool(block.state["use_fp16"]) for block in blocks.values()),
        conv_clamp=_optional_float(top.state["conv_clamp"]),
    )


def discriminator_config(module: PickledModule) -> DiscriminatorConfig:
    """The architecture of a pickled discriminator."""
    state, epilogue = module.state, _need(module, "b4")
    resolution, c_dim = int(state["img_resolution"]), int(state["c_dim"])
    blocks = {r: _need(module, f"b{r}") for r in block_resolutions(resolution)[1:]}
    top = _need(blocks[resolution], "conv0")
    widths = {r: _size(_need(block, "conv0"), "weight", 0) for r, block in blocks.items()}
    widths[4] = _size(_need(epilogue, "conv"), "weight", 0)
    base, maximum = channel_rule(widths)
    group, channels = 1, 0  # without minibatch standard deviation every picture stands alone
    mbstd = epilogue.child("mbstd")
    if mbstd is not None:
        size = mbstd.state["group_size"]
        group, channels = None if size is None else int(size), int(mbstd.state["num_channels"])
    cmap_dim = _size(_need(epilogue, "out"), "weight", 0) if c_dim else None
    mapping = module.child("mapping")
    extra: dict[str, Any] = {}
    if mapping is not None:
        layers = int(mapping.state["num_layers"])
        width = _size(_need(mapping, "embed"), "weight", 0)
        extra = {
            "mapping_layers": layers,
            "mapping_features": None if width == cmap_dim else width,
            "mapping_lr_multiplier": float(_need(mapping, "fc0").state["bias_gain"]),
        }
    frozen = sum(
        isinstance(layer.state.get("_buffers", {}).get("weight"), torch.Tensor)
        for block in blocks.values()
        for layer in block.state["_modules"].values()
    )
    return DiscriminatorConfig(
        img_resolution=resolution,
        img_channels=int(state["img_channels"]),
        c_dim=c_dim,
        architecture=str(blocks[resolution].state["architecture"]),
        channel_base=base,
        channel_max=maximum,
        activation=str(top.state["activation"]),
        resample_filter=_taps(blocks[resolution]),
        num_fp16_res=sum(bool(block.state["use_fp16"]) for block in blocks.values()),
        conv_clamp=_optional_float(top.state["conv_clamp"]),
        cmap_dim=cmap_dim,
        mbstd_group_size=group,
        mbstd_num_channels=channels,
        freeze_layers=frozen,
        **extra,
    )


def channel_rule(widths: dict[int, int]) -> tuple[int, int]:
    """Find (channel_base, channel_max) with width(r) = min(base // r, max) for every r; UserError if none."""
    maximum = max(widths.values())
    narrow = [r for r, width in widths.items() if width < maximum]
    largest = max(widths)
    base = max((widths[r] * r for r in narrow), default=maximum * largest)
    # The widest block may itself be base // r, with no cap at work; then its own product is as good.
    for candidate in (base, widths[largest] * largest):
        if all(min(candidate // r, maximum) == width for r, width in widths.items()):
            return candidate, maximum
    raise UserError(f"its channel widths {list(widths.values())} follow no channel_base and channel_max")


def _need(module: PickledModule, name: str) -> PickledModule:
    found = module.child(name)
    if found is None:
        raise UserError(f"{module.class_name} lacks the layer {name}")
    return found


def _size(module: PickledModule, tensor: str, axis: int) -> int:
    found = module.tensor(tensor)
    if found is None or found.ndim <= axis:
        raise UserError(f"{module.class_name} lacks the tensor {tensor}")
    return found.shape[axis]


def _taps(block: PickledModule) -> tuple[float, ...]:
    kernel = block.tensor("resample_filter")
    if kernel is None or kernel.ndim != 2:
        raise UserError(f"{block.class_name} lacks its resample_filter")
    taps = kernel.double().sum(dim=0)
    relative = [float(t) for t in taps / taps[taps != 0][0]]
    # Written as small whole numbers where it is one of the usual binomial filters.
    near = [float(round(t)) for t in relative]
    return tuple(
        near
        if all(math.isclose(a, b, abs_tol=1e-5) for a, b in zip(near, relative, strict=True))
        else relative
    )


def _optional_float(value: Any) -> float | None:
    return None if value is None else float(value)
