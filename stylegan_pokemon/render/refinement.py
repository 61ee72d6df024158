"""Latents moved to where a discriminator sees a creature.

A network draws creatures, and on the ways between two of them mixtures that are neither. Most seeds lie on
such a way. The discriminator knows the difference, and a creature is near: a few steps up its logit lead
there. A pull keeps them near where they began (T. Che et al., "Your GAN is Secretly an Energy-based Model and
You Should Use Discriminator Driven Latent Sampling", 2020; A. Tanaka, "Discriminator optimal transport",
2019). The steps are taken in whitened W.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from stylegan_pokemon.devices import in_batches
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.render.critics import Critics
from stylegan_pokemon.render.whitening import Whitened

STEPS = 16
"""By default, where refinement is on."""
GROWN_KIMG = 20
"""Training after which a discriminator tells creatures from mixtures by itself."""
LARGEST = 128
"""Pixels a side up to which it is on by default; beyond, a processor takes minutes."""
AT_ONCE = 16
"""Latents that move side by side, up to 128 × 128; a power of 2, so that halves fill it."""
_PIXELS_AT_ONCE = AT_ONCE * 128  # a side; four pictures of 512 × 512 and their gradients fit into 8 GB
_RATE = 0.15  # of Adam, in standard deviations of w; falls to 0 in the second half
_BETAS = (0.8, 0.95)
_PULL = 0.3  # logits per squared standard deviation from the beginning


Drawn = tuple[int, int, float, str]
"""What a latent comes from: seed, label, truncation psi and centre of truncation."""


class Refinement:
    """Moves latents of one generator.

    Args:
        pairs: as `Critics` takes them.
        steps: along the way, 1 or more.
        progress: wraps the steps, for a progress bar.
        batch: latents that move side by side at most, rounded down to a power of 2; halved where memory runs
            out.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[Generator, Discriminator]],
        steps: int = STEPS,
        progress: Callable[[Any], Any] = iter,
        batch: int | None = None,
    ) -> None:
        self.steps, self._progress = steps, progress
        self._known: dict[Drawn, torch.Tensor] = {}
        G = pairs[-1][0]
        self._space = Whitened(G, range(max(G.c_dim, 1)), next(G.parameters()).device)
        self.critics = Critics(pairs, self._space)
        most = max(1, min(AT_ONCE, _PIXELS_AT_ONCE // G.img_resolution, batch or AT_ONCE))
        self._at_once = 1 << (most.bit_length() - 1)

    def of(self, drawn: Sequence[Drawn], ws: torch.Tensor) -> torch.Tensor:
        """`self(ws, …)` for ws that seeds gave, found once for each."""
        new = [i for i, key in enumerate(drawn) if key not in self._known]
        if new:
            found = self(ws[new], [drawn[i][1] for i in new])
            self._known |= {drawn[i]: w for i, w in zip(new, found, strict=True)}
        return torch.stack([self._known[key] for key in drawn])

    def __call__(self, ws: torch.Tensor, labels: Sequence[int]) -> torch.Tensor:
        """ws [N, num_ws, w_dim], the same vector in all layers, and labels → refined ws of the same shape.

        Each latent's way depends on itself alone: always as many move side by side, so that all are rounded
        alike, as long as memory lasts. Raises UserError if one latent does not fit into it.
        """
        w, count, size = ws[:, 0], len(ws), self._at_once
        spare = -count % size
        w = torch.cat([w, self._space.mean.expand(spare, -1)])
        labels = [*labels, *[0] * spare]
        bar = iter(self._progress(range(len(w) // size * self.steps)))

        def refined(part: slice) -> torch.Tensor:
            found = self._refined(w[part], labels[part], lambda: next(bar, None))
            self._at_once = part.stop - part.start  # what fits, from now on
            return found

        found = list(in_batches(len(w), size, refined, "one latent with its gradients"))
        next(bar, None)  # closes it
        return torch.cat(found)[:count, None].expand(-1, ws.shape[1], -1)

    def _refined(self, w: torch.Tensor, labels: Sequence[int], step: Callable[[], object]) -> torch.Tensor:
        start = self._space.whiten(w)
        x = start.clone().requires_grad_()
        optimiser = torch.optim.Adam([x], betas=_BETAS)
        for i in range(self.steps):
            step()
            for group in optimiser.param_groups:
                group["lr"] = _RATE * min(1.0, 2 * (1 - i / self.steps))
            with torch.enable_grad():
                logits = self.critics.logits(self._space.colour(x)[:, None], labels)
                worth = logits - _PULL * (x - start).square().sum(dim=1)
                (gradient,) = torch.autograd.grad(-worth.sum(), x)
            x.grad = gradient
            optimiser.step()
        return self._space.colour(x.detach())
