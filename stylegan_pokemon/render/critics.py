"""How real discriminators find what latents draw.

A discriminator that has just been fine-tuned knows the new style better than what a creature is. So with a
fine-tuned network the pair that it began with judges too: the same latent draws the same creature there.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch

from stylegan_pokemon.devices import in_batches, multiplies_in_bf16
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.layers import store_in_bf16
from stylegan_pokemon.render.latents import one_hot
from stylegan_pokemon.render.whitening import Whitened

_COMPANY = 64  # pictures behind the standard deviation that the discriminators assume
_AT_ONCE = 4
_ONE = "one picture to judge"


class Critics:
    """Pairs of a generator and a discriminator that judge latents together.

    The minibatch standard deviation lets a discriminator see the other pictures of a batch. Here it has the
    mean over the network's own pictures instead, so that a judgement depends on one picture alone.

    Args:
        pairs: in eval mode without gradients; the generators share their latents.
        space: of the last generator, on whose device they judge.
    """

    def __init__(self, pairs: Sequence[tuple[Generator, Discriminator]], space: Whitened) -> None:
        self._pairs = [
            (copy.deepcopy(G).to(space.device), copy.deepcopy(D).to(space.device)) for G, D in pairs
        ]
        if space.device.type == "cpu" and multiplies_in_bf16():
            for pair in self._pairs:
                for network in pair:
                    store_in_bf16(network)
        company = space.ws[:_COMPANY, None].split(_AT_ONCE)
        with torch.no_grad():
            self._spreads = [_spread(D, [D.trunk(_drawn(G, ws)) for ws in company]) for G, D in self._pairs]

    def logits(self, ws: torch.Tensor, labels: Sequence[int]) -> torch.Tensor:
        """The sum over the pairs, [N], for ws [N, num_ws or 1, w_dim]; differentiable.

        Positive means "looks real".
        """
        total = torch.zeros(len(ws), device=ws.device)
        for (G, D), spread in zip(self._pairs, self._spreads, strict=True):
            features = D.b4.out(D.b4.hidden(*D.trunk(_drawn(G, ws)), spread))
            total = total + D.logits(features, one_hot(labels, D.c_dim, ws.device))[:, 0]
        return total

    @torch.no_grad()
    def judged(self, ws: torch.Tensor, labels: Sequence[int], batch: int) -> torch.Tensor:
        """`logits` without gradients, of at most `batch` pictures at once; fewer where memory runs out."""
        return torch.cat(
            list(in_batches(len(ws), batch, lambda part: self.logits(ws[part], labels[part]), _ONE))
        )

    @torch.no_grad()
    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The last features [N, D] of images [N, C, R, R] in [−1, 1], of the last discriminator.

        Of all images at once, or of fewer where memory runs out.
        """
        D, spread = self._pairs[-1][1], self._spreads[-1]
        count = len(images)
        return torch.cat(
            list(in_batches(count, count, lambda part: D.b4.hidden(*D.trunk(images[part]), spread), _ONE))
        )


def _spread(D: Discriminator, seen: Sequence[tuple[torch.Tensor, torch.Tensor | None]]) -> torch.Tensor:
    rests = [rest for _, rest in seen if rest is not None]
    return D.b4.spread(torch.cat([x for x, _ in seen]), torch.cat(rests) if rests else None)


def _drawn(G: Generator, ws: torch.Tensor) -> torch.Tensor:
    return G.synthesis(ws.expand(-1, G.num_ws, -1), noise_mode="const")
