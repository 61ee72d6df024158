"""W in standard deviations: one step size suits every direction, and a square says how unusual a latent is.

(J. Wulff, A. Torralba, "Improving Inversion and Generation Diversity in StyleGAN using a Gaussianized Latent
Space", 2020.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from stylegan_pokemon.checkpoint.networks import AnyGenerator
from stylegan_pokemon.randomness import generator
from stylegan_pokemon.render.latents import one_hot

_STATISTICS = 4096  # latents behind mean and spread of w
_LEAST_VARIANCE = 1e-3  # of the largest; flatter directions are as good as constant


class Whitened:
    """The W of a generator, whitened.

    Args:
        G: the generator, in eval mode without gradients.
        labels: classes to sample from in turn; [0] without classes.
    """

    def __init__(self, G: AnyGenerator, labels: Sequence[int], device: torch.device) -> None:
        self.G, self.device = G, device
        self.labels = [labels[i % len(labels)] for i in range(_STATISTICS)]
        z = torch.randn(len(self.labels), G.z_dim, generator=generator(0, "projection"))
        with torch.no_grad():
            self.ws = G.mapping(z.to(device), one_hot(self.labels, G.c_dim, device))[:, 0]  # [4096, w_dim]
            self.mean = self.ws.mean(dim=0)
            variance, directions = torch.linalg.eigh(torch.cov(self.ws.T.cpu().double()))
            scale = variance.clamp_min(_LEAST_VARIANCE * float(variance[-1])).sqrt()
            self._basis = (directions * scale).T.to(self.ws)  # [w_dim, w_dim]
            self._inverse = (directions / scale).to(self.ws)

    def whiten(self, w: torch.Tensor) -> torch.Tensor:
        """Coordinates [..., w_dim] of w in standard deviations from the mean."""
        return (w - self.mean) @ self._inverse

    def colour(self, x: torch.Tensor) -> torch.Tensor:
        """The inverse of `whiten`, within the directions in which w varies."""
        return self.mean + x @ self._basis
