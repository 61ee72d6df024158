"""Progressive growing of GANs (Karras et al. 2017), thin enough for a CPU.

Layers have an equalised learning rate; the generator normalises every pixel; the discriminator sees the
deviation of its minibatch. Which resolution is trained, and how far its layers have faded in, is a buffer.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.interface import BaselineDiscriminator, Synthesis
from stylegan_pokemon.baselines.recipes import FIRST_RESOLUTION, Stage
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.discriminator import minibatch_std

_SLOPE = 0.2
_GROUP = 4  # of the minibatch deviation


class EqualisedConv(nn.Module):
    """A convolution whose weight is stored from N(0, 1) and scaled by gain/√fan-in when used."""

    def __init__(self, inner: int, outer: int, size: int, padding: int, gain: float = math.sqrt(2)) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outer, inner, size, size))
        self.bias = nn.Parameter(torch.zeros(outer))
        self.gain, self.padding = gain / math.sqrt(inner * size**2), padding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.weight * self.gain, self.bias, padding=self.padding)


class Progressive(nn.Module):
    """Where growing stands."""

    config: BaselineConfig
    resolution: torch.Tensor
    alpha: torch.Tensor

    def grow_to(self, stage: Stage) -> None:
        """Train at this stage from now on."""
        self.resolution.fill_(stage.resolution)
        self.alpha.fill_(stage.alpha)

    def stage(self) -> Stage:
        """Where it stands. Raises UserError for a place that there is none of, in a damaged file say."""
        resolution, alpha = float(self.resolution), float(self.alpha)
        sizes = [size for size in self.config.block_resolutions if size >= FIRST_RESOLUTION]
        if resolution not in sizes or not 0 <= alpha <= 1 or (alpha < 1 and resolution == sizes[0]):
            raise UserError(f"progressive growing cannot stand at {resolution:g} pixels, {alpha:g} faded in")
        return Stage(int(resolution), alpha)

    def _stand(self) -> None:
        self.register_buffer("resolution", torch.tensor(float(FIRST_RESOLUTION)))
        self.register_buffer("alpha", torch.tensor(1.0))


class ProganSynthesis(Synthesis, Progressive):
    """[N, z + c] → 4×4 → … → the picture of the stage, enlarged to the last resolution."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        self._stand()
        self.widths = _widths(config)
        sizes = config.block_resolutions
        z_dim = config.recipe.z_dim + config.c_dim
        self.first = nn.ModuleList(
            [EqualisedConv(z_dim, self.widths[4], 4, 3), EqualisedConv(self.widths[4], self.widths[4], 3, 1)]
        )
        self.blocks = nn.ModuleDict(
            {
                str(size): nn.ModuleList(
                    [
                        EqualisedConv(self.widths[size // 2], self.widths[size], 3, 1),
                        EqualisedConv(self.widths[size], self.widths[size], 3, 1),
                    ]
                )
                for size in sizes[1:]
            }
        )
        self.to_rgb = nn.ModuleDict(
            {
                str(size): EqualisedConv(self.widths[size], config.img_channels, 1, 0, gain=1.0)
                for size in sizes
                if size >= FIRST_RESOLUTION
            }
        )

    def picture(self, z: torch.Tensor) -> torch.Tensor:
        x = z[:, :, None, None]
        for layer in self.first:
            x = _activated(layer(x))
        before = x
        stage = self.stage()
        resolution, alpha = stage.resolution, stage.alpha
        for size in self.config.block_resolutions[1:]:
            if size > resolution:
                break
            before = F.interpolate(x, scale_factor=2)
            x = before
            for layer in self.blocks[str(size)].children():
                x = _activated(layer(x))
        picture = self.to_rgb[str(resolution)](x)
        if alpha < 1:
            picture = self.to_rgb[str(resolution // 2)](before).lerp(picture, alpha)
        factor = self.config.img_resolution // resolution
        return F.interpolate(picture, scale_factor=factor) if factor > 1 else picture


class ProganDiscriminator(BaselineDiscriminator, Progressive):
    """Pictures [N, channels, R, R], reduced to the stage's resolution, → scores [N, 1] (a critic's)."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        self._stand()
        widths = _widths(config)
        sizes = config.block_resolutions
        self.from_rgb = nn.ModuleDict(
            {
                str(size): EqualisedConv(config.img_channels + config.c_dim, widths[size], 1, 0)
                for size in sizes
                if size >= FIRST_RESOLUTION
            }
        )
        self.blocks = nn.ModuleDict(
            {
                str(size): nn.ModuleList(
                    [
                        EqualisedConv(widths[size], widths[size], 3, 1),
                        EqualisedConv(widths[size], widths[size // 2], 3, 1),
                    ]
                )
                for size in sizes[1:]
            }
        )
        self.last = nn.ModuleList(
            [EqualisedConv(widths[4] + 1, widths[4], 3, 1), EqualisedConv(widths[4], widths[4], 4, 0)]
        )
        self.score = EqualisedConv(widths[4], 1, 1, 0, gain=1.0)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        stage = self.stage()
        resolution, alpha = stage.resolution, stage.alpha
        img = _reduced(x, x.shape[2] // resolution)
        x = F.leaky_relu(self.from_rgb[str(resolution)](img), _SLOPE)
        for size in reversed(self.config.block_resolutions[1:]):
            if size > resolution:
                continue
            for layer in self.blocks[str(size)].children():
                x = F.leaky_relu(layer(x), _SLOPE)
            x = F.avg_pool2d(x, 2)
            if size == resolution and alpha < 1:
                old = F.leaky_relu(self.from_rgb[str(size // 2)](_reduced(img, 2)), _SLOPE)
                x = old.lerp(x, alpha)
        x = minibatch_std(x, _GROUP)
        for layer in self.last:
            x = F.leaky_relu(layer(x), _SLOPE)
        return self.score(x).flatten(1)


def faded(pictures: torch.Tensor, stage: Stage) -> torch.Tensor:
    """Real pictures [N, ch, R, R] as a stage shows them: as coarse as it draws."""
    small = _reduced(pictures, pictures.shape[2] // stage.resolution)
    if stage.alpha < 1:
        small = F.interpolate(_reduced(small, 2), scale_factor=2).lerp(small, stage.alpha)
    return F.interpolate(small, size=pictures.shape[2:])


def _reduced(img: torch.Tensor, factor: int) -> torch.Tensor:
    return F.avg_pool2d(img, factor) if factor > 1 else img


def _activated(x: torch.Tensor) -> torch.Tensor:
    """Leaky ReLU, then every pixel's channels scaled to a mean square of one (section 4.2)."""
    x = F.leaky_relu(x, _SLOPE)
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def _widths(config: BaselineConfig) -> dict[int, int]:
    """Channels by resolution."""
    return {4 << i: width for i, width in enumerate(config.recipe.widths_G)}
