"""Pivotal tuning: a generator bent until a latent draws a picture, and no further than others allow.

The latent that a projection found is the pivot; the weights of the synthesis network move until its picture
is the target's, while latents on the way from the pivot to random ones keep their pictures (D. Roich et al.,
"Pivotal Tuning for Latent-based Editing of Real Images", 2021). How far other pictures drift is measured on
latents that the tuning never sees, and the last weights within a limit are kept.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch

from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.randomness import generator as random_generator
from stylegan_pokemon.render.latents import one_hot
from stylegan_pokemon.render.projection import Likeness, psnr

_RATE = 1e-3
_KEPT = 2  # latents a step whose pictures are kept
_WEIGHT_KEPT = 1.0
_PROBES = 16  # pictures on which drift is measured
_EVERY = 10  # steps between measurements
_FARTHEST = 1.0  # of the way from the pivot to a random latent


@dataclass(frozen=True)
class Tuned:
    """A tuned generator. psnr: of the pivot's picture before and after, in dB; drift: see `tune`."""

    G: Generator
    psnr: tuple[float, float]
    drift: float
    steps: int


def tune(
    G: Generator,
    ws: torch.Tensor,
    label: int,
    likeness: Likeness,
    steps: int,
    limit: float,
    step: Callable[[], object] = lambda: None,
) -> Tuned:
    """Tune a copy of G until ws [num_ws, w_dim] draws the target of `likeness`.

    limit: how far other pictures may drift, as the root mean square over their pixels, in levels of 255. It
    is measured every 10 steps; the weights of the last measurement within the limit are returned. step:
    called after every step.
    """
    tuned = copy.deepcopy(G)
    weights = [parameter.requires_grad_() for parameter in tuned.synthesis.parameters()]
    optimiser = torch.optim.Adam(weights, lr=_RATE, betas=(0.9, 0.99))
    rng = random_generator(0, "tuning")

    def latents(count: int, rng: torch.Generator) -> torch.Tensor:
        z = torch.randn(count, G.z_dim, generator=rng).to(ws.device)
        return G.mapping(z, one_hot([label] * count, G.c_dim, ws.device))

    with torch.no_grad():
        probes = latents(_PROBES, random_generator(0, "drift"))
        before = _drawn(G, probes)
        first = float(psnr(_drawn(G, ws[None]), likeness.target))
    kept, drift, done = copy.deepcopy(tuned.state_dict()), 0.0, 0
    for i in range(1, steps + 1):
        with torch.no_grad():
            way = torch.rand(_KEPT, 1, 1, generator=rng).to(ws.device) * _FARTHEST
            others = ws.lerp(latents(_KEPT, rng), way)
            wanted = _drawn(G, others)
        images = tuned.synthesis(torch.cat([ws[None], others]), noise_mode="const")
        apart = (images[1:] - wanted).square().mean()
        loss = likeness(images[:1]).sum() + _WEIGHT_KEPT * apart
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
        for parameter, gradient in zip(weights, gradients, strict=True):
            parameter.grad = gradient
        optimiser.step()
        step()
        if i % _EVERY == 0 or i == steps:
            now = _levels(_drawn(tuned, probes) - before)
            if now > limit:
                break
            kept, drift, done = copy.deepcopy(tuned.state_dict()), now, i
    tuned.load_state_dict(kept)
    tuned.eval().requires_grad_(False)
    return Tuned(tuned, (first, float(psnr(_drawn(tuned, ws[None]), likeness.target))), drift, done)


@torch.no_grad()
def _drawn(G: Generator, ws: torch.Tensor) -> torch.Tensor:
    return G.synthesis(ws, noise_mode="const").clamp(-1, 1)


def _levels(difference: torch.Tensor) -> float:
    """The root mean square of a difference of pictures in [−1, 1], in levels of 255."""
    return float(difference.square().mean().sqrt()) * 127.5
