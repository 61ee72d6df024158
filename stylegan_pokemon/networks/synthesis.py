"""The synthesis network: styles to pictures, from a learned 4×4 constant upwards (StyleGAN2, figure 7)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import nn

from stylegan_pokemon.networks.config import GeneratorConfig, fp16_from
from stylegan_pokemon.networks.layers import (
    Block,
    Conv2dLayer,
    FullyConnectedLayer,
    memory_format,
    normalized_taps,
)
from stylegan_pokemon.networks.recomputation import recomputed
from stylegan_pokemon.ops.bias_act import bias_act
from stylegan_pokemon.ops.conv2d import conv2d
from stylegan_pokemon.ops.modulated_conv2d import modulated_conv2d
from stylegan_pokemon.ops.upfirdn2d import binomial_filter, upsample2d

NOISE_MODES = ("random", "const", "none")


class SynthesisLayer(nn.Module):
    """Modulated 3×3 convolution, noise, bias, activation: [N, in, H, W] and [N, w_dim] → [N, out, r, r]."""

    noise_const: torch.Tensor
    resample_filter: torch.Tensor

    def __init__(
        self, in_channels: int, out_channels: int, resolution: int, up: int, config: GeneratorConfig
    ) -> None:
        super().__init__()
        self.resolution, self.up = resolution, up
        self.use_noise, self.activation, self.conv_clamp = (
            config.use_noise,
            config.activation,
            config.conv_clamp,
        )
        self.taps = normalized_taps(config.resample_filter)
        self.register_buffer("resample_filter", torch.outer(*[binomial_filter(config.resample_filter)] * 2))
        self.affine = FullyConnectedLayer(config.w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        if config.use_noise:
            self.register_buffer("noise_const", torch.randn(resolution, resolution))
            self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(
        self, x: torch.Tensor, w: torch.Tensor, noise: torch.Tensor | None, gain: float = 1.0
    ) -> torch.Tensor:
        """`noise` is [N, 1, r, r] or [r, r] of unit variance, or None for none."""
        styles = self.affine(w)
        x, demodulation = modulated_conv2d(x, self.weight, styles, self.taps, self.up)
        clamp = None if self.conv_clamp is None else self.conv_clamp * gain
        if noise is not None and noise.ndim == 2:
            noise = noise[None, None]
        strength = None if noise is None else self.noise_strength
        factors = {"scale": demodulation, "noise": noise, "strength": strength}
        return bias_act(x, self.bias, self.activation, gain, clamp, **factors, inplace=True)


class ToRGBLayer(nn.Module):
    """Modulated 1×1 convolution to colours, without demodulation: [N, in, H, W] → [N, img_channels, H, W]."""

    def __init__(self, in_channels: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.conv_clamp = config.conv_clamp
        self.weight_gain = 1 / math.sqrt(in_channels)
        self.affine = FullyConnectedLayer(config.w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(config.img_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(config.img_channels))

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        styles = self.affine(w) * self.weight_gain
        x, _ = modulated_conv2d(x, self.weight, styles, demodulate=False)
        return bias_act(x, self.bias, clamp=self.conv_clamp, inplace=True)


class SynthesisBlock(Block):
    """All layers of one resolution; reads its convolutions' w's, then its ToRGB's."""

    const: torch.Tensor
    resample_filter: torch.Tensor

    def __init__(self, resolution: int, config: GeneratorConfig) -> None:
        super().__init__()
        out = config.channels(resolution)
        self.is_first, self.is_last = resolution == 4, resolution == config.img_resolution
        self.resolution, self.architecture = resolution, config.architecture
        self.use_fp16 = resolution >= fp16_from(config.img_resolution, config.num_fp16_res)
        self.taps = normalized_taps(config.resample_filter)
        self.register_buffer("resample_filter", torch.outer(*[binomial_filter(config.resample_filter)] * 2))
        if self.is_first:
            self.const = nn.Parameter(torch.randn(out, 4, 4))
        else:
            self.conv0 = SynthesisLayer(config.channels(resolution // 2), out, resolution, 2, config)
        self.conv1 = SynthesisLayer(out, out, resolution, 1, config)
        self.has_torgb = self.is_last or config.architecture == "skip"
        if self.has_torgb:
            self.torgb = ToRGBLayer(out, config)
        if config.architecture == "resnet" and not self.is_first:
            self.skip = Conv2dLayer(
                config.channels(resolution // 2), out, 1, config.resample_filter, bias=False
            )
        self.num_conv = 1 if self.is_first else 2

    def forward(
        self,
        x: torch.Tensor | None,
        img: torch.Tensor | None,
        ws: torch.Tensor,
        noises: Sequence[torch.Tensor | None],
        force_fp32: bool = False,
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Return features [N, C, r, r] and the picture so far [N, img_channels, r, r] (None before one).

        The last block returns no features.

        `ws` is [N, num_conv + 1, w_dim] (its last row is ToRGB's), `noises` has one entry per convolution.
        """
        layers = functools.partial(self._layers, self.dtype(ws.device, force_fp32))
        if self.recompute:
            x, y = recomputed(self, self.resolution, layers, x, ws, *noises)
        else:
            x, y = layers(x, ws, *noises)
        # The picture stays outside: the second order would else pass zeros to what only it depends on.
        if img is not None:
            img = upsample2d(img, self.taps)
        if y is not None:
            img = y if img is None else img + y
        return x, img

    def _layers(
        self,
        dtype: torch.dtype,
        x: torch.Tensor | None,
        ws: torch.Tensor,
        *noises: torch.Tensor | None,
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """The features, and what they add to the picture in float32 (None without ToRGB)."""
        layout = memory_format(ws.device, dtype)
        if self.is_first:
            x = self.const.to(dtype)[None].expand(ws.shape[0], -1, -1, -1)
            x = x.contiguous(memory_format=layout)
            x = self.conv1(x, ws[:, 0], noises[0])
        else:
            assert x is not None
            x = x.to(dtype, memory_format=layout)
            residual = self.architecture == "resnet"
            gain = math.sqrt(0.5) if residual else 1.0
            y = self._skip(x) if residual else None
            x = self.conv0(x, ws[:, 0], noises[0])
            x = self.conv1(x, ws[:, 1], noises[1], gain=gain)
            if y is not None:
                x = y + x
        if not self.has_torgb:
            return x, None
        y = self.torgb(x, ws[:, -1])
        y = y.to(torch.float32, memory_format=memory_format(ws.device, torch.float32))
        return (None if self.is_last else x), y  # nobody reads the last features

    def _skip(self, x: torch.Tensor) -> torch.Tensor:
        weight = (self.skip.weight * (self.skip.weight_gain * math.sqrt(0.5))).to(x.dtype)
        return upsample2d(conv2d(x, weight), self.taps)


class SynthesisNetwork(nn.Module):
    """[N, num_ws, w_dim] → [N, img_channels, R, R] float32, about within [−1, 1]."""

    b4: SynthesisBlock

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.w_dim, self.num_ws = config.w_dim, config.num_ws
        self.img_resolution, self.img_channels = config.img_resolution, config.img_channels
        self.block_resolutions = config.block_resolutions
        for resolution in self.block_resolutions:
            setattr(self, f"b{resolution}", SynthesisBlock(resolution, config))

    def block(self, resolution: int) -> SynthesisBlock:
        """The layers of one of `block_resolutions`."""
        return getattr(self, f"b{resolution}")

    def draw_noise(self, n: int, generator: torch.Generator | None = None) -> list[torch.Tensor]:
        """Fresh unit noise [n, 1, r, r] for every convolution, in the order of the layers.

        Drawn on the generator's device and moved, so that a seed gives the same noise on every device.
        """
        device = next(self.parameters()).device
        source = device if generator is None else generator.device
        return [
            torch.randn(n, 1, layer.resolution, layer.resolution, generator=generator, device=source).to(
                device
            )
            for layer in self._convolutions()
        ]

    def forward(
        self,
        ws: torch.Tensor,
        noise_mode: str = "random",
        noise: Sequence[torch.Tensor] | None = None,
        noise_generator: torch.Generator | None = None,
        force_fp32: bool = False,
    ) -> torch.Tensor:
        """Render pictures.

        `noise_mode` "random" draws noise (from `noise_generator`) unless `noise` gives it as `draw_noise`
        does, "const" uses the stored noise, "none" leaves it out. Raises ValueError for another mode.
        """
        noises = self._noises(ws.shape[0], noise_mode, noise, noise_generator)
        ws = ws.to(torch.float32)
        x = img = None
        index = 0
        for resolution in self.block_resolutions:
            block = self.block(resolution)
            own = ws[:, index : index + block.num_conv + 1]
            x, img = block(x, img, own, noises[index : index + block.num_conv], force_fp32)
            index += block.num_conv
        assert img is not None
        return img

    def _convolutions(self) -> list[SynthesisLayer]:
        blocks = [self.block(resolution) for resolution in self.block_resolutions]
        return [
            layer for block in blocks for layer in ([] if block.is_first else [block.conv0]) + [block.conv1]
        ]

    def _noises(
        self,
        n: int,
        noise_mode: str,
        noise: Sequence[torch.Tensor] | None,
        generator: torch.Generator | None,
    ) -> Sequence[torch.Tensor | None]:
        layers = self._convolutions()
        if noise_mode not in NOISE_MODES:
            raise ValueError(f"noise_mode must be one of {', '.join(NOISE_MODES)}, not {noise_mode!r}")
        if noise_mode == "none" or not self.config.use_noise:
            return [None] * len(layers)
        if noise_mode == "const":
            return [layer.noise_const for layer in layers]
        return self.draw_noise(n, generator) if noise is None else noise
