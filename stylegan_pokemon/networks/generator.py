"""The generator: mapping and synthesis behind one call."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from stylegan_pokemon.networks.config import GeneratorConfig
from stylegan_pokemon.networks.mapping import MappingNetwork
from stylegan_pokemon.networks.synthesis import SynthesisNetwork


class Generator(nn.Module):
    """StyleGAN2 generator with the tensor names of the official implementation.

    Attributes z_dim, c_dim, w_dim, img_resolution, img_channels and num_ws repeat the configuration.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.z_dim, self.c_dim, self.w_dim = config.z_dim, config.c_dim, config.w_dim
        self.img_resolution, self.img_channels = config.img_resolution, config.img_channels
        self.num_ws = config.num_ws
        self.synthesis = SynthesisNetwork(config)
        self.mapping = MappingNetwork(
            config.z_dim,
            config.c_dim,
            config.w_dim,
            config.num_ws,
            num_layers=config.num_layers,
            embed_features=config.embed_features,
            layer_features=config.layer_features,
            activation=config.mapping_activation,
            lr_multiplier=config.lr_multiplier,
            w_avg_beta=config.w_avg_beta,
        )

    def forward(
        self,
        z: torch.Tensor,
        c: torch.Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        **synthesis_options: Any,
    ) -> torch.Tensor:
        """Render [N, z_dim] latents (and [N, c_dim] labels) as [N, img_channels, R, R], about in [−1, 1].

        `synthesis_options` go to `SynthesisNetwork.forward`: noise_mode, noise, noise_generator, force_fp32.
        """
        ws = self.mapping(z, c, truncation_psi=truncation_psi, truncation_cutoff=truncation_cutoff)
        return self.synthesis(ws, **synthesis_options)
