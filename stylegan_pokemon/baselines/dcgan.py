"""DCGAN (Radford et al. 2015) in the widths of the projects, and the shallower network of Pokemon GAN.

A label enters the generator beside z and the discriminator as constant planes beside the picture.
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import nn

from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.interface import BaselineDiscriminator, Synthesis

_INITIAL_DEVIATION = 0.02
_SLOPE = 0.2


def doublings(resolution: int) -> int:
    """How often a first layer of 4 to 7 pixels is doubled to a resolution."""
    return int(math.log2(resolution / 4))


class BatchNorm(nn.Module):
    """Batch norm over [N, C, H, W], without PyTorch's counter of batches, which no arithmetic reads."""

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, momentum=0.1
        )


class DcganSynthesis(Synthesis):
    """[N, z + c] → 4×4 (7×7 for 28) → … → the picture, doubled by transposed convolutions of 4×4."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        recipe, steps = config.recipe, doublings(config.img_resolution)
        widths = _last(recipe.widths_G, steps)
        first = config.img_resolution >> steps
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(recipe.z_dim + config.c_dim, widths[0], first, bias=False),
            BatchNorm(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for inner, outer in itertools.pairwise(widths):
            layers.append(nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=False))
            layers += [BatchNorm(outer), nn.ReLU(inplace=True)]
        last = nn.ConvTranspose2d(widths[-1], config.img_channels, 4, 2, 1)
        self.layers = nn.Sequential(*layers, last, nn.Tanh())
        _initialise(self)

    def picture(self, z: torch.Tensor) -> torch.Tensor:
        return self.layers(z[:, :, None, None])


class DcganDiscriminator(BaselineDiscriminator):
    """Pictures [N, channels, R, R] → logits [N, 1], halved by convolutions of 4×4."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        recipe, steps = config.recipe, doublings(config.img_resolution)
        widths = list(reversed(_last(tuple(reversed(recipe.widths_D)), steps)))
        layers: list[nn.Module] = []
        inner = config.img_channels + config.c_dim
        for i, outer in enumerate(widths):
            layers.append(nn.Conv2d(inner, outer, 4, 2, 1, bias=i == 0))
            if i > 0:
                layers.append(BatchNorm(outer))
            layers.append(nn.LeakyReLU(_SLOPE, inplace=True))
            if recipe.dropout:
                layers.append(nn.Dropout2d(recipe.dropout))
            inner = outer
        last = config.img_resolution >> steps
        if recipe.linear_head:
            layers += [nn.Flatten(), nn.Linear(widths[-1] * last**2, 1)]
        else:
            layers += [nn.Conv2d(widths[-1], 1, last), nn.Flatten()]
        self.layers = nn.Sequential(*layers)
        _initialise(self)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class ConvganSynthesis(Synthesis):
    """[N, z + c] → 15×15 by a linear layer → 120×120 by three transposed convolutions of 5×5."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        recipe = config.recipe
        widths = recipe.widths_G
        self.first, self.side = widths[0], config.img_resolution >> len(widths)
        self.dense = nn.Linear(recipe.z_dim + config.c_dim, self.first * self.side**2)
        layers: list[nn.Module] = []
        for inner, outer in zip(widths, [*widths[1:], widths[-1] // 2], strict=True):
            layers += [
                nn.ConvTranspose2d(inner, outer, 5, 2, 2, output_padding=1, bias=False),
                BatchNorm(outer),
                nn.LeakyReLU(_SLOPE, inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1] // 2, config.img_channels, 5, padding=2))
        _initialise(self)

    def picture(self, z: torch.Tensor) -> torch.Tensor:
        x = self.dense(z).reshape(-1, self.first, self.side, self.side)
        return self.layers(x).tanh()


class ConvganDiscriminator(BaselineDiscriminator):
    """Two convolutions of 5×5 with leaky ReLU and dropout, then a linear layer: [N, ch, R, R] → [N, 1]."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        recipe = config.recipe
        layers: list[nn.Module] = []
        inner = config.img_channels + config.c_dim
        for outer in recipe.widths_D:
            layers += [
                nn.Conv2d(inner, outer, 5, 2, 2),
                nn.LeakyReLU(_SLOPE, inplace=True),
                nn.Dropout(recipe.dropout),
            ]
            inner = outer
        side = config.img_resolution >> len(recipe.widths_D)
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(inner * side**2, 1))
        _initialise(self)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def _last(widths: tuple[int, ...], count: int) -> list[int]:
    """`count` widths ending like `widths`; more of them repeat the first."""
    return [widths[0]] * (count - len(widths)) + list(widths[-count:])


def _initialise(network: nn.Module) -> None:
    """Weights from N(0, 0.02), batch norm's from N(1, 0.02) (section 4 of the paper)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, _INITIAL_DEVIATION)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, BatchNorm):
            nn.init.normal_(module.weight, 1.0, _INITIAL_DEVIATION)
