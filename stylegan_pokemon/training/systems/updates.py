"""How an iteration moves weights: Adam with lazy regularisation, and the averaged generator."""

from __future__ import annotations

import torch
from torch import nn

from stylegan_pokemon.training.settings.config import ADAM_BETAS, ADAM_EPS, StyleGAN2Config


def adam(network: nn.Module, lr: float, interval: int | None) -> torch.optim.Adam:
    """Adam for a network that is regularised every `interval`-th iteration (None: never).

    Lazy regularisation adds a step to every `interval`, so rate and decays are stretched by
    r = interval/(interval + 1) (Karras et al. 2019, appendix B).
    """
    r = interval / (interval + 1) if interval else 1.0
    betas = (ADAM_BETAS[0] ** r, ADAM_BETAS[1] ** r)
    parameters = list(network.parameters())
    fused = not parameters[0].is_meta  # a memory plan's parameters have no values
    return torch.optim.Adam(parameters, lr=lr * r, betas=betas, eps=ADAM_EPS, fused=fused)


@torch.no_grad()
def update_average(G_ema: nn.Module, G: nn.Module, config: StyleGAN2Config, images_shown: int) -> None:
    """Move the averaged generator towards the trained one by a batch, in place.

    Its half-life is `ema_kimg`. While it ramps up, that is at most the share `ema_rampup` of the pictures
    shown, or `ema_floor_kimg` if that is more. Buffers are copied.
    """
    half_life = config.ema_kimg * 1000
    if config.ema_rampup is not None:
        half_life = min(half_life, max(images_shown * config.ema_rampup, config.ema_floor_kimg * 1000))
    decay = 0.5 ** (config.batch / max(half_life, 1e-8))
    for average, current in zip(G_ema.parameters(), G.parameters(), strict=True):
        average.lerp_(current, 1 - decay)
    for kept, newest in zip(G_ema.buffers(), G.buffers(), strict=True):
        kept.copy_(newest)
