"""The discriminator: pictures to logits, from the image's resolution down to 4×4 (StyleGAN2, figure 7)."""

from __future__ import annotations

import functools
import math

import torch
from torch import nn

from stylegan_pokemon.networks.config import DiscriminatorConfig, fp16_from
from stylegan_pokemon.networks.layers import (
    Block,
    Conv2dLayer,
    FullyConnectedLayer,
    memory_format,
    normalized_taps,
)
from stylegan_pokemon.networks.mapping import MappingNetwork
from stylegan_pokemon.networks.recomputation import recomputed
from stylegan_pokemon.ops.upfirdn2d import binomial_filter, downsample2d


def minibatch_group_size(batch: int, group_size: int | None) -> int:
    """The group of minibatch standard deviation: the largest divisor of the batch up to `group_size`."""
    limit = batch if group_size is None else min(group_size, batch)
    return next(g for g in range(limit, 0, -1) if batch % g == 0)


def minibatch_std(x: torch.Tensor, group_size: int | None, num_channels: int = 1) -> torch.Tensor:
    """Append the standard deviation over groups of images as channels (Karras et al. 2017, section 3).

    [N, C, H, W] → [N, C + num_channels, H, W]. With G the group size, the N/G groups have the members
    i, i + N/G, i + 2N/G, …
    """
    y = _deviations(x, group_size, num_channels)  # [N/G, F]
    return _with_channels(x, y.repeat(len(x) // len(y), 1))


def _deviations(x: torch.Tensor, group_size: int | None, num_channels: int) -> torch.Tensor:
    n, c, h, w = x.shape
    group = minibatch_group_size(n, group_size)
    y = x.reshape(group, n // group, num_channels, c // num_channels, h, w)  # [G, M, F, c, H, W]
    y = y.to(torch.float32)
    y = ((y - y.mean(dim=0)).square().mean(dim=0) + 1e-8).sqrt()  # [M, F, c, H, W]
    return y.mean(dim=(2, 3, 4)).to(x.dtype)  # [M, F]


def _with_channels(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """[N, C, H, W] and [N, F] → [N, C + F, H, W]."""
    y = y[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, y], dim=1).contiguous(memory_format=memory_format(x.device, x.dtype))


class _Freezer:
    """Counts layers from the image inwards and tells which are trained (Mo et al. 2020, Freeze-D)."""

    def __init__(self, freeze_layers: int) -> None:
        self.left = freeze_layers

    def trainable(self) -> bool:
        self.left -= 1
        return self.left < 0


class DiscriminatorBlock(Block):
    """One resolution r: [N, C_r, r, r] features and/or [N, img_channels, r, r] picture → the same at r/2."""

    resample_filter: torch.Tensor

    def __init__(self, resolution: int, config: DiscriminatorConfig, freezer: _Freezer) -> None:
        super().__init__()
        inner, out = config.channels(resolution), config.channels(resolution // 2)
        self.resolution, self.architecture = resolution, config.architecture
        self.use_fp16 = resolution >= fp16_from(config.img_resolution, config.num_fp16_res)
        act, clamp, taps = config.activation, config.conv_clamp, config.resample_filter
        self.taps = normalized_taps(taps)
        self.register_buffer("resample_filter", torch.outer(*[binomial_filter(taps)] * 2))
        self.has_fromrgb = resolution == config.img_resolution or config.architecture == "skip"
        if self.has_fromrgb:
            self.fromrgb = Conv2dLayer(
                config.img_channels,
                inner,
                1,
                taps,
                activation=act,
                conv_clamp=clamp,
                trainable=freezer.trainable(),
            )
        self.conv0 = Conv2dLayer(
            inner, inner, 3, taps, activation=act, conv_clamp=clamp, trainable=freezer.trainable()
        )
        self.conv1 = Conv2dLayer(
            inner, out, 3, taps, activation=act, down=2, conv_clamp=clamp, trainable=freezer.trainable()
        )
        if config.architecture == "resnet":
            self.skip = Conv2dLayer(inner, out, 1, taps, bias=False, down=2, trainable=freezer.trainable())

    def forward(
        self, x: torch.Tensor | None, img: torch.Tensor | None, force_fp32: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        source = img if x is None else x
        assert source is not None
        layers = functools.partial(self._layers, self.dtype(source.device, force_fp32))
        x, img = recomputed(self, self.resolution, layers, x, img) if self.recompute else layers(x, img)
        assert x is not None
        return x, img

    def _layers(
        self, dtype: torch.dtype, x: torch.Tensor | None, img: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        source = img if x is None else x
        assert source is not None
        layout = memory_format(source.device, dtype)
        if x is not None:
            x = x.to(dtype, memory_format=layout)
        if self.has_fromrgb:
            assert img is not None
            y = self.fromrgb(img.to(dtype, memory_format=layout))
            x = y if x is None else x + y
            img = downsample2d(img, self.taps) if self.architecture == "skip" else None
        if self.architecture == "resnet":
            y = self.skip(x, gain=math.sqrt(0.5))
            x = y + self.conv1(self.conv0(x), gain=math.sqrt(0.5))
        else:
            x = self.conv1(self.conv0(x))
        return x, img


class DiscriminatorEpilogue(nn.Module):
    """The last block: [N, C4, 4, 4] → logits [N, 1], or features [N, cmap_dim] that labels weigh."""

    fromrgb: Conv2dLayer | None

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        channels, cmap_dim = config.channels(4), config.effective_cmap_dim
        act, clamp, taps = config.activation, config.conv_clamp, config.resample_filter
        self.group_size, self.mbstd_num_channels = config.mbstd_group_size, config.mbstd_num_channels
        if config.architecture == "skip":
            self.fromrgb = Conv2dLayer(config.img_channels, channels, 1, taps, activation=act)
        else:
            self.fromrgb = None
        self.conv = Conv2dLayer(
            channels + config.mbstd_num_channels, channels, 3, taps, activation=act, conv_clamp=clamp
        )
        self.fc = FullyConnectedLayer(channels * 16, channels, act)
        self.out = FullyConnectedLayer(channels, cmap_dim or 1)

    def forward(self, x: torch.Tensor, img: torch.Tensor | None) -> torch.Tensor:
        return self.out(self.hidden(x, img))  # [N, 1 or cmap_dim]

    def hidden(
        self, x: torch.Tensor, img: torch.Tensor | None, spread: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The last features before the logits, [N, C4]; those of each picture depend on its company.

        spread: [mbstd_num_channels], a standard deviation to assume in place of the company's own, so that
        they do not.
        """
        x = self._entered(x, img)
        if spread is not None:
            x = _with_channels(x, spread.expand(len(x), -1))
        elif self.mbstd_num_channels > 0:
            x = minibatch_std(x, self.group_size, self.mbstd_num_channels)
        return self.fc(self.conv(x).flatten(1))  # [N, C4, 4, 4] → [N, C4·16] → [N, C4]

    def spread(self, x: torch.Tensor, img: torch.Tensor | None) -> torch.Tensor:
        """The mean standard deviation over groups of these pictures, [mbstd_num_channels], for `hidden`."""
        if not self.mbstd_num_channels:
            return x.new_zeros(0)
        return _deviations(self._entered(x, img), self.group_size, self.mbstd_num_channels).mean(dim=0)

    def _entered(self, x: torch.Tensor, img: torch.Tensor | None) -> torch.Tensor:
        x = x.to(torch.float32, memory_format=memory_format(x.device, torch.float32))
        if self.fromrgb is None:
            return x
        assert img is not None
        return x + self.fromrgb(img.to(torch.float32))


class Discriminator(nn.Module):
    """StyleGAN2 discriminator with the tensor names of the official implementation."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.c_dim, self.img_resolution, self.img_channels = (
            config.c_dim,
            config.img_resolution,
            config.img_channels,
        )
        freezer = _Freezer(config.freeze_layers)
        self._descending = tuple(reversed(config.block_resolutions[1:]))
        for resolution in self._descending:
            setattr(self, f"b{resolution}", DiscriminatorBlock(resolution, config, freezer))
        if config.c_dim > 0:
            self.mapping = MappingNetwork(
                0,
                config.c_dim,
                config.effective_cmap_dim,
                num_ws=None,
                num_layers=config.mapping_layers,
                embed_features=config.mapping_features,
                layer_features=config.mapping_features,
                lr_multiplier=config.mapping_lr_multiplier,
                w_avg_beta=None,
            )
        self.b4 = DiscriminatorEpilogue(config)

    def forward(
        self, img: torch.Tensor, c: torch.Tensor | None = None, force_fp32: bool = False
    ) -> torch.Tensor:
        """Logits [N, 1] for pictures [N, img_channels, R, R] in [−1, 1]; positive means "looks real"."""
        return self.logits(self.features(img, force_fp32), c)

    def features(self, img: torch.Tensor, force_fp32: bool = False) -> torch.Tensor:
        """What `logits` needs to know of pictures: [N, cmap_dim], without classes the logits [N, 1]."""
        return self.b4(*self.trunk(img, force_fp32))

    def trunk(self, img: torch.Tensor, force_fp32: bool = False) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What the last block takes: [N, C4, 4, 4] of each picture alone, and the picture if it needs it."""
        x: torch.Tensor | None = None
        rest: torch.Tensor | None = img
        for resolution in self._descending:
            x, rest = getattr(self, f"b{resolution}")(x, rest, force_fp32)
        assert x is not None
        return x, rest

    def logits(self, features: torch.Tensor, c: torch.Tensor | None) -> torch.Tensor:
        """Logits [N, 1] of `features` with labels c [N, c_dim]: projected onto the embedded labels."""
        if self.c_dim == 0:
            return features
        cmap = self.mapping(None, c)
        return (features * cmap).sum(dim=1, keepdim=True) / math.sqrt(cmap.shape[1])

    def logits_of_classes(self, features: torch.Tensor) -> torch.Tensor:
        """Logits [N, c_dim] of `features` with every label in turn.

        Their mean over the labels is a logit that knows of none: the projection onto the mean embedding. Of
        a checkpoint without classes that has just been given some, it is nearly the checkpoint's own.
        """
        cmap = self.mapping(None, torch.eye(self.c_dim, device=features.device))
        return features @ cmap.T / math.sqrt(cmap.shape[1])
