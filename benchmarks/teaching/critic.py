"""A discriminator that is told what a picture should show. Only the one inside it is kept."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from stylegan_pokemon.networks.discriminator import Discriminator

_WIDTH = 64  # features of a place
_TOLD = 4.0  # how fast it learns what to expect


class ToldCritic(nn.Module):
    """Logits [N, 1] of pictures, and [N, 1, R/4, R/4] of their places, given each creature's w and body plan.

    Without being told, the discriminator found no difference as soon as the generator learned, while any
    viewer did: a fox whose face is smeared is a likely picture of something, but not of a fox. What it
    expects enters as a projection (T. Miyato and M. Koyama, "cGANs with Projection Discriminator", 2018),
    globally and at each place; places are judged as in P. Isola et al., "Image-to-Image Translation", 2017.
    """

    def __init__(self, D: Discriminator, plans: int, told: int) -> None:
        super().__init__()
        config = D.config
        side, channels = config.img_resolution // 4, config.channels(config.img_resolution // 4)
        self.D = D
        self.of_told = nn.Linear(told, config.channels(4), bias=False)
        self.of_plan = nn.Embedding(plans, config.channels(4))
        self.look, self.likely = nn.Conv2d(channels, _WIDTH, 1), nn.Conv2d(_WIDTH, 1, 1)
        self.told_places = nn.Linear(told, _WIDTH, bias=False)
        self.plan_places = nn.Parameter(torch.zeros(plans, _WIDTH, side, side))
        for layer in (self.of_told, self.of_plan, self.told_places):
            nn.init.zeros_(layer.weight)

    def forward(
        self, images: torch.Tensor, told: torch.Tensor, plan: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """images [N, C, R, R] in [−1, 1], told [N, told] of variance 1, plan int64 [N]."""
        found, rest = block_features(self.D, images)
        hidden = self.D.b4.hidden(found[-1], rest)
        scale = 1 / math.sqrt(told.shape[1])
        wanted = self.of_told(told) * scale + self.of_plan(plan)
        logits = self.D.b4.out(hidden) + _TOLD * _projected(wanted, hidden)
        places = F.leaky_relu(self.look(found[1].float()), 0.2)
        wanted = self.told_places(told)[:, :, None, None] * scale + self.plan_places[plan]
        return logits, self.likely(places) + _TOLD * _projected(wanted, places)


def block_features(D: Discriminator, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor | None]:
    """What every block of the discriminator gives, from the finest on, and what the last takes besides."""
    found: list[torch.Tensor] = []
    x: torch.Tensor | None = None
    rest: torch.Tensor | None = images
    for resolution in reversed(D.config.block_resolutions[1:]):
        x, rest = getattr(D, f"b{resolution}")(x, rest, False)
        assert x is not None
        found.append(x)
    return found, rest


def _projected(wanted: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    return (wanted * found).sum(dim=1, keepdim=True) / math.sqrt(found.shape[1])
