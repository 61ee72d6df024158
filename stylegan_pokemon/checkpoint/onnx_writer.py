"""Writing a generator as an ONNX file, node by node from its tensors, without an exporter.

    python -m stylegan_pokemon convert IN OUT.onnx      # z, (c), truncation_psi → images

What depends on weights alone is computed here (gains of the equalised learning rate, Σ_k W², noise times its
strength); the graph holds the rest. Only this module needs the packages onnx and onnxruntime.
"""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegan_pokemon._version import __version__
from stylegan_pokemon.checkpoint.describe import tensors_sha256
from stylegan_pokemon.checkpoint.networks import Networks
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import whole_file
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.layers import FullyConnectedLayer, filter_taps
from stylegan_pokemon.networks.mapping import MappingNetwork
from stylegan_pokemon.networks.synthesis import SynthesisBlock, SynthesisLayer, SynthesisNetwork, ToRGBLayer
from stylegan_pokemon.ops.bias_act import GAINS
from stylegan_pokemon.ops.reference import LRELU_SLOPE

try:
    from onnx import ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper
except ImportError as error:
    raise UserError("writing .onnx needs the package onnx: pip install 'stylegan-pokemon[onnx]'") from error

TOLERANCE = 1e-4  # of max|Δ| / max|reference|, onnxruntime against PyTorch
OPSET, IR_VERSION = 17, 8  # of 2022, so that readers that are years old know them
LICENCE = "weights carry licences of their own; ask whoever made these before you share"
PIXELS = "float32, about -1 (black) to 1 (white): uint8 = clip(x * 127.5 + 128, 0, 255), truncated"
_EPSILON = 1e-8


def save_onnx(path: Path, networks: Networks, name: str, licence: str | None = None) -> float | None:
    """Write one generator, whole or not at all.

    name: "G" or "G_ema". licence: a sentence for the file's metadata, None for one that says to ask. Returns
    max|onnxruntime − PyTorch| / max|PyTorch|, or None if onnxruntime is not installed. Raises UserError, and
    writes nothing, if that is more than TOLERANCE.
    """
    networks.check_stylegan(path)
    generator: Generator = getattr(networks, name)
    model = build(generator)
    about = {key: value for key, value in networks.config.items() if key != "discriminator"}
    metadata = {
        "network": name,
        "source": Path(networks.source).name,
        "sha256": tensors_sha256(generator.state_dict()),
        "config": json.dumps(about | {"generator": generator.config.to_json()}, ensure_ascii=False),
        "pixels": PIXELS + ("; colours are multiplied by alpha" if generator.config.premultiplied else ""),
        "licence": licence or LICENCE,
    }
    helper.set_model_props(model, metadata)
    data = model.SerializeToString(deterministic=True)
    installed = importlib.util.find_spec("onnxruntime") is not None
    difference = greatest_difference(data, generator) if installed else None
    if difference is not None and not difference <= TOLERANCE:
        why = (
            f"{name} computes numbers that are not finite; `inspect` names the tensors that are not"
            if math.isnan(difference)
            else f"onnxruntime computes it {difference:.1e} away from PyTorch, more than {TOLERANCE:g}; try"
            " another version of onnxruntime"
        )
        raise UserError(f"{path} was not written: {why}")
    with whole_file(path) as temporary:
        temporary.write_bytes(data)
    return difference


def build(generator: Generator) -> ModelProto:
    """The model of a generator: constant noise, float32 arithmetic, any batch size."""
    config, graph = generator.config, _Graph()
    inputs = [_value("z", ["N", config.z_dim], "latents of a normal distribution")]
    if config.c_dim > 0:
        inputs.append(_value("c", ["N", config.c_dim], "one-hot classes"))
    if config.w_avg_beta is not None:
        inputs.append(_value("truncation_psi", [1], "1 is the whole variety, 0 the average picture"))
    w = _mapping(graph, generator.mapping)
    graph.add("Identity", _synthesis(graph, generator.synthesis, w), name="images")
    shape: list[int | str] = ["N", config.img_channels, config.img_resolution, config.img_resolution]
    text = f"StyleGAN2 generator, {config.img_resolution}×{config.img_resolution}, constant noise"
    outputs = [_value("images", shape, PIXELS)]
    return helper.make_model(
        helper.make_graph(graph.nodes, "generator", inputs, outputs, graph.tensors, doc_string=text),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="stylegan_pokemon",
        producer_version=__version__,
        doc_string=f"{text}. {LICENCE.capitalize()}.",
    )


@torch.no_grad()
def greatest_difference(data: bytes, generator: Generator) -> float:
    """Run a serialised model on two latents: max|onnxruntime − PyTorch| / max|PyTorch|, NaN if one is."""
    import onnxruntime

    config, random = generator.config, torch.Generator().manual_seed(0)
    psi = 1.0 if config.w_avg_beta is None else 0.7
    z = torch.randn(2, config.z_dim, generator=random)
    c = torch.eye(config.c_dim)[torch.arange(2) % config.c_dim] if config.c_dim else None
    feeds: dict[str, Any] = {"z": z, "c": c, "truncation_psi": torch.tensor([psi])}
    reference = generator(z, c, truncation_psi=psi, noise_mode="const", force_fp32=True).numpy()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        named = {value.name: feeds[value.name].numpy() for value in session.get_inputs()}
        (found,) = session.run(None, named)
    except Exception as error:  # its exceptions have no type in common
        what = str(error).partition("\n")[0]
        raise UserError(f"onnxruntime {onnxruntime.__version__} fails on it ({what}); update it") from error
    return float(np.abs(found - reference).max() / max(np.abs(reference).max(), _EPSILON))


class _Graph:
    """Nodes in order of execution, and constant tensors, both named by operation and number."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.tensors: list[TensorProto] = []

    def add(self, op: str, *inputs: Any, name: str | None = None, **attributes: Any) -> str:
        """Append an operation with one output; returns the output's name, which is the node's.

        inputs: names of values, or constants: tensors and floats in float32, whole numbers in int64.
        """
        name = name or f"{op}_{len(self.nodes)}"
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        self.nodes.append(helper.make_node(op, names, [name], name=name, **attributes))
        return name

    def _constant(self, value: torch.Tensor | float | Sequence[int]) -> str:
        if isinstance(value, torch.Tensor):
            array = value.detach().cpu().to(torch.float32).contiguous().numpy()
        else:
            array = np.array(value, np.float32 if isinstance(value, float) else np.int64)
        self.tensors.append(numpy_helper.from_array(array, f"constant_{len(self.tensors)}"))
        return self.tensors[-1].name


def _value(name: str, shape: Sequence[int | str], text: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape, text)


def _mapping(graph: _Graph, network: MappingNetwork) -> str:
    """z, c and truncation_psi to w [N, w_dim]."""
    x = _normalized(graph, "z")
    if network.c_dim > 0:
        x = graph.add("Concat", x, _normalized(graph, _dense(graph, network.embed, "c")), axis=1)
    for i in range(network.num_layers):
        x = _dense(graph, getattr(network, f"fc{i}"), x)
    if network.w_avg_beta is None:
        return x
    average = graph.add("Mul", network.w_avg, graph.add("Sub", 1.0, "truncation_psi"))
    return graph.add("Add", graph.add("Mul", x, "truncation_psi"), average)


def _normalized(graph: _Graph, x: str) -> str:
    """x / √(mean x² + ε) over each row."""
    mean = graph.add("ReduceMean", graph.add("Mul", x, x), axes=[1], keepdims=1)
    return graph.add("Div", x, graph.add("Sqrt", graph.add("Add", mean, _EPSILON)))


def _dense(graph: _Graph, layer: FullyConnectedLayer, x: str, gain: float = 1.0) -> str:
    gain *= GAINS[layer.activation]  # activations are positively homogeneous: act(g·x) = g·act(x)
    weight, bias = layer.weight * layer.weight_gain * gain, layer.bias * layer.bias_gain * gain
    return _activated(graph, graph.add("Gemm", x, weight, bias, transB=1), layer.activation)


def _activated(graph: _Graph, x: str, activation: str, clamp: float | None = None) -> str:
    if activation == "lrelu":
        x = graph.add("LeakyRelu", x, alpha=LRELU_SLOPE)
    elif activation == "relu":
        x = graph.add("Relu", x)
    return x if clamp is None else graph.add("Clip", x, -float(clamp), float(clamp))


def _synthesis(graph: _Graph, network: SynthesisNetwork, w: str) -> str:
    """The same w in every layer to the pictures."""
    x, image = graph.add("Identity", network.b4.const[None]), None
    for resolution in network.block_resolutions:
        block: SynthesisBlock = getattr(network, f"b{resolution}")
        x, image = _block(graph, block, x, image, w)
    assert image is not None
    return image


def _block(graph: _Graph, block: SynthesisBlock, x: str, image: str | None, w: str) -> tuple[str, str | None]:
    taps = filter_taps(block.resample_filter)
    if block.is_first:
        x = _layer(graph, block.conv1, x, w)
    elif block.architecture == "resnet":
        gain = math.sqrt(0.5)
        skip = graph.add("Conv", x, block.skip.weight * (block.skip.weight_gain * gain))
        skip = _upsampled(graph, skip, taps, block.skip.weight.shape[0])
        x = _layer(graph, block.conv1, _layer(graph, block.conv0, x, w), w, gain)
        x = graph.add("Add", skip, x)
    else:
        x = _layer(graph, block.conv1, _layer(graph, block.conv0, x, w), w)
    if image is not None:
        image = _upsampled(graph, image, taps, block.torgb.weight.shape[0])
    if block.has_torgb:
        y = _torgb(graph, block.torgb, x, w)
        image = y if image is None else graph.add("Add", image, y)
    return x, image


def _layer(graph: _Graph, layer: SynthesisLayer, x: str, w: str, gain: float = 1.0) -> str:
    """Modulated convolution, noise, bias, activation; the gain joins the demodulation, noise and bias."""
    total, weight = gain * GAINS[layer.activation], layer.weight
    styles = _dense(graph, layer.affine, w)
    x = graph.add("Mul", x, _per_channel(graph, styles))
    if layer.up == 1:
        x = graph.add("Conv", x, weight, pads=[weight.shape[2] // 2] * 4)
    else:
        x = graph.add("ConvTranspose", x, weight.transpose(0, 1), strides=[2, 2])
        taps = filter_taps(layer.resample_filter)
        spare = len(taps) - 1 - (weight.shape[2] - 2)  # the low-pass takes the surplus of k − 2 pixels away
        x = _filtered(graph, x, taps, (spare + 1) // 2, spare // 2, weight.shape[0])
    power, squares = weight.square().sum(dim=(2, 3)), graph.add("Mul", styles, styles)
    norm = graph.add("Sqrt", graph.add("Gemm", squares, power, _EPSILON, transB=1))  # [N, O]
    x = graph.add("Mul", x, _per_channel(graph, graph.add("Div", total, norm)))
    if layer.use_noise and layer.noise_strength != 0:
        x = graph.add("Add", x, layer.noise_const * layer.noise_strength * total)
    x = graph.add("Add", x, layer.bias.reshape(1, -1, 1, 1) * total)
    clamp = None if layer.conv_clamp is None else layer.conv_clamp * gain
    return _activated(graph, x, layer.activation, clamp)


def _torgb(graph: _Graph, layer: ToRGBLayer, x: str, w: str) -> str:
    styles = _dense(graph, layer.affine, w, layer.weight_gain)
    x = graph.add("Conv", graph.add("Mul", x, _per_channel(graph, styles)), layer.weight, layer.bias)
    return _activated(graph, x, "linear", layer.conv_clamp)


def _per_channel(graph: _Graph, x: str) -> str:
    """[N, C] → [N, C, 1, 1]."""
    return graph.add("Unsqueeze", x, [2, 3])


def _upsampled(graph: _Graph, x: str, taps: torch.Tensor, channels: int) -> str:
    """Double the size: a transposed convolution inserts the zeros and filters; gain 4 compensates."""
    k = len(taps)
    before, after = k - 1 - (k + 1) // 2, k - 2 - (k - 2) // 2  # what it computes beyond the picture
    if before < 0:  # a single tap moves the picture by a pixel, as a second tap of zero in front of it does
        taps, before = torch.cat([torch.zeros(-before), taps]), 0
    pads = [before, before, after, after]
    weight = _depthwise(taps, channels)
    return graph.add("ConvTranspose", x, weight, group=channels, strides=[2, 2], pads=pads)


def _filtered(graph: _Graph, x: str, taps: torch.Tensor, before: int, after: int, channels: int) -> str:
    """Convolve every channel with the taps and gain 4; a negative padding crops, as a tap of zero does."""
    taps = torch.cat([torch.zeros(max(-before, 0)), taps.flip(0), torch.zeros(max(-after, 0))])
    before, after = max(before, 0), max(after, 0)
    weight = _depthwise(taps, channels)
    return graph.add("Conv", x, weight, group=channels, pads=[before, before, after, after])


def _depthwise(taps: torch.Tensor, channels: int) -> torch.Tensor:
    return (4 * torch.outer(taps, taps)).repeat(channels, 1, 1, 1)
