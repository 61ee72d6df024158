"""What makes a baseline's networks callable like StyleGAN2's.

The generator has a mapping that keeps z and a synthesis of it; the discriminator sees a label as planes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.layers import normalize_2nd_moment


class Latents(nn.Module):
    """The mapping that is none: [N, z_dim] latents and [N, c_dim] labels side by side as ws [N, 1, z + c].

    Truncation, which these systems did not have, shrinks z: their latents are dense around 0. `normalised`
    brings every z to a mean square of one first, as progressive growing does. What follows is normalised
    there too, so truncation acts through biases and labels alone: weaker than elsewhere.
    """

    def __init__(self, z_dim: int, c_dim: int, normalised: bool = False) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.normalised = z_dim, c_dim, normalised

    def forward(
        self,
        z: torch.Tensor,
        c: torch.Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> torch.Tensor:
        """ws [N, 1, z_dim + c_dim]. Raises UserError for latents or labels of another shape."""
        if z.ndim != 2 or z.shape[1] != self.z_dim:
            raise UserError(f"latents must be [N, {self.z_dim}], not {list(z.shape)}")
        z = normalize_2nd_moment(z) if self.normalised else z
        parts = [z if truncation_cutoff == 0 else z * truncation_psi]
        if self.c_dim:
            if c is None or c.ndim != 2 or c.shape[1] != self.c_dim:
                shape = "nothing" if c is None else list(c.shape)
                raise UserError(f"this network needs one-hot labels [N, {self.c_dim}], not {shape}")
            parts.append(c.to(z.dtype))
        return torch.cat(parts, dim=1)[:, None]


class Synthesis(nn.Module):
    """Layers from [N, z + c] to [N, channels, R, R], called as StyleGAN2's; there are no noise inputs."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__()
        self.config = config

    def draw_noise(self, n: int, generator: torch.Generator | None = None) -> list[torch.Tensor]:
        """None of these systems has noise inputs."""
        return []

    def forward(self, ws: torch.Tensor, **_: Any) -> torch.Tensor:
        """Pictures in [−1, 1] for ws [N, 1, z + c]."""
        return self.picture(ws[:, 0].to(torch.float32)).to(torch.float32)

    def picture(self, z: torch.Tensor) -> torch.Tensor:
        """Pictures for [N, z + c]."""
        raise NotImplementedError


class BaselineGenerator(nn.Module):
    """A baseline behind the attributes and calls of `networks.generator.Generator`."""

    def __init__(self, config: BaselineConfig, synthesis: Synthesis) -> None:
        super().__init__()
        self.config = config
        self.z_dim, self.c_dim = config.recipe.z_dim, config.c_dim
        self.w_dim, self.num_ws = self.z_dim + self.c_dim, 1
        self.img_resolution, self.img_channels = config.img_resolution, config.img_channels
        self.mapping = Latents(self.z_dim, self.c_dim, normalised=config.recipe.family == "progan")
        self.synthesis = synthesis

    def forward(
        self,
        z: torch.Tensor,
        c: torch.Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        **options: Any,
    ) -> torch.Tensor:
        """Render [N, z_dim] latents (and [N, c_dim] labels) as [N, img_channels, R, R] in [−1, 1]."""
        return self.synthesis(self.mapping(z, c, truncation_psi, truncation_cutoff), **options)


class BaselineDiscriminator(nn.Module):
    """A baseline behind the attributes and call of `networks.discriminator.Discriminator`."""

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__()
        self.config, self.c_dim = config, config.c_dim
        self.img_resolution, self.img_channels = config.img_resolution, config.img_channels

    def forward(
        self, img: torch.Tensor, c: torch.Tensor | None = None, force_fp32: bool = False
    ) -> torch.Tensor:
        """Logits [N, 1] for pictures [N, img_channels, R, R] in [−1, 1] and labels [N, c_dim]."""
        if c is not None:
            planes = c.to(img.dtype)[:, :, None, None].expand(-1, -1, *img.shape[2:])
            img = torch.cat([img, planes], dim=1)
        return self.logits(img).to(torch.float32)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [N, 1] for [N, img_channels + c_dim, R, R]: the labels are constant planes."""
        raise NotImplementedError
