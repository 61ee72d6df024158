"""Layers with equalised learning rate (Karras et al. 2017, section 4.1): weights are stored with unit
variance and scaled when used, so that Adam moves all of them at the same relative speed."""

from __future__ import annotations

import math

import torch
from torch import nn

from stylegan_pokemon.ops.bias_act import bias_act
from stylegan_pokemon.ops.conv2d import conv2d
from stylegan_pokemon.ops.upfirdn2d import binomial_filter, upfirdn2d

_EPSILON = 1e-8
_TENSOR_CORES = (7, 0)  # compute capability from which half precision is fast; a GTX 1080 has 6.1


def memory_format(device: torch.device, dtype: torch.dtype) -> torch.memory_format:
    """How activations lie: by pixels (channels_last), or by channels in float32 on a card.

    oneDNN and tensor cores read the channels of a pixel side by side. The float32 kernels of cuDNN, all that
    a GTX 1080 has, are made for planes and would be given a copy. So are those of PyTorch's meta device, on
    which a memory plan counts.
    """
    planes = device.type == "meta" or (device.type == "cuda" and dtype == torch.float32)
    return torch.contiguous_format if planes else torch.channels_last


class Block(nn.Module):
    """All layers of one resolution. What they pass on is stored as `dtype` says."""

    resolution: int
    use_fp16: bool
    """Whether the architecture asks for half precision here."""
    bf16 = False
    """Whether training has asked for bfloat16, see `store_in_bf16`."""
    recompute = False
    """Whether training has asked to forget activations until they are needed, see `recompute_from`."""

    def dtype(self, device: torch.device, force_fp32: bool) -> torch.dtype:
        """bfloat16 if training asks for it, float16 if the block wants it on a card that is good at it."""
        if force_fp32:
            return torch.float32
        if self.bf16:
            return torch.bfloat16
        half = self.use_fp16 and device.type == "cuda"
        capable = half and torch.cuda.get_device_capability(device) >= _TENSOR_CORES
        return torch.float16 if capable else torch.float32


def store_in_bf16(network: nn.Module) -> None:
    """Have every block of `network` keep activations, and convolve, in bfloat16; weights stay in float32.

    It has float32's range, so that neither clamping nor a choice of resolutions is needed. It is a way to
    compute and no part of the architecture: `force_fp32=True` turns it off.
    """
    for module in network.modules():
        if isinstance(module, Block):
            module.bf16 = True


def recompute_from(network: nn.Module, resolution: int | None) -> None:
    """Have the blocks of `network` from `resolution` up recompute their activations; None: no block.

    Less memory for about a third more arithmetic. A way to compute and no part of the architecture.
    """
    for module in network.modules():
        if isinstance(module, Block):
            module.recompute = resolution is not None and module.resolution >= resolution


def normalize_2nd_moment(x: torch.Tensor) -> torch.Tensor:
    """Scale every row of [N, C] to a mean square of one (StyleGAN2 normalises z like this)."""
    return x * (x.square().mean(dim=1, keepdim=True) + _EPSILON).rsqrt()


class FullyConnectedLayer(nn.Module):
    """act(x · (W · lr_multiplier/√in)ᵀ + b · lr_multiplier), [N, in] → [N, out].

    `weight` is stored divided by lr_multiplier. `bias_init` is the effective value of the bias at the start.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: str = "linear",
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([out_features], bias_init / lr_multiplier))
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # The gain goes onto the small weight and bias, never onto a full activation.
        weight, bias = self.weight.to(x.dtype) * self.weight_gain, self.bias.to(x.dtype)
        if self.bias_gain != 1:
            bias = bias * self.bias_gain
        return bias_act(torch.addmm(bias, x, weight.T), act=self.activation)


class Conv2dLayer(nn.Module):
    """Convolution, optional low-pass and decimation, bias and activation; the discriminator's layer.

    [N, in, H, W] → [N, out, H/down, W/down]. `trainable=False` stores weight and bias as buffers (Freeze-D).
    `weight_gain` is 1/√(in·k²).
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    resample_filter: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        resample_filter: tuple[float, ...],
        bias: bool = True,
        activation: str = "linear",
        down: int = 1,
        conv_clamp: float | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__()
        self.activation, self.down, self.conv_clamp = activation, down, conv_clamp
        self.weight_gain = 1 / math.sqrt(in_channels * kernel_size**2)
        tensors = {"weight": torch.randn(out_channels, in_channels, kernel_size, kernel_size)}
        if bias:
            tensors["bias"] = torch.zeros(out_channels)
        else:
            self.bias = None
        for name, tensor in tensors.items():
            if trainable:
                self.register_parameter(name, nn.Parameter(tensor))
            else:
                self.register_buffer(name, tensor)
        self.taps = normalized_taps(resample_filter)
        self.register_buffer("resample_filter", torch.outer(*[binomial_filter(resample_filter)] * 2))

    def forward(self, x: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
        weight = (self.weight * self.weight_gain).to(x.dtype)
        k = weight.shape[2]
        if self.down == 1:
            x = conv2d(x, weight, padding=k // 2)
        else:
            # Low-pass, then either decimate before the 1×1 (fewer pixels) or let the 3×3 stride.
            taps = self.taps
            spare = len(taps) - self.down + (k - 1)
            before, after = (spare + 1) // 2, spare // 2
            padding = (before, after, before, after)
            if k == 1:
                x = conv2d(upfirdn2d(x, taps, down=self.down, padding=padding), weight)
            else:
                x = conv2d(upfirdn2d(x, taps, padding=padding), weight, stride=self.down)
        clamp = None if self.conv_clamp is None else self.conv_clamp * gain
        return bias_act(x, self.bias, self.activation, gain, clamp, inplace=True)


def normalized_taps(weights: tuple[float, ...]) -> tuple[float, ...]:
    """The taps of sum one of a low-pass filter that a configuration gives by its relative weights."""
    return tuple(weight / sum(weights) for weight in weights)


def filter_taps(kernel: torch.Tensor) -> torch.Tensor:
    """The taps [k] of sum one whose outer product is the stored buffer [k, k]."""
    return kernel.sum(dim=0)
