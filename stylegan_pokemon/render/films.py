"""Frames of films: several ways through w beside each other; and loops around one creature.

The ways are periodic in closed form, so that the frame after the last is the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from stylegan_pokemon.randomness import generator as seeded
from stylegan_pokemon.render.images import grid, on_white, rescale, synthesize, without_alpha
from stylegan_pokemon.render.latents import one_hot, seed_latents
from stylegan_pokemon.render.loaded import LoadedGenerator
from stylegan_pokemon.render.pictures import RenderOptions
from stylegan_pokemon.render.seeds import Key, StoredLatent, noise_seed
from stylegan_pokemon.render.truncation import own_centres, truncated

PATHS = {"circle": 1, "noise": 4}
"""How many harmonics each path around a seed has."""
_AT_ONCE = 32  # frames of one cell whose latents are made at once


def film_frames(
    generator: LoadedGenerator,
    ways: Sequence[Iterator[torch.Tensor]],
    options: RenderOptions,
    *,
    columns: int = 1,
    scale: Fraction = Fraction(1),
    transparent: bool = False,
) -> Iterator[np.ndarray]:
    """Yield the frames of ways that run beside each other: uint8 [H, W, 3], or [H, W, 4] if transparent.

    ways: one for each cell of the picture, all of as many ws [frames, num_ws, w_dim], unedited. columns:
    cells a row; places that stay empty are white. scale: of each cell, as in `rescale`. transparent: keep the
    alpha of the network, which must have one; otherwise it is laid over the background of `options`.
    """
    shown = 0
    how: dict[str, Any] = {"noise_mode": options.noise_mode, "batch": options.batch}
    for parts in zip(*ways, strict=True):
        ws = generator.edited(torch.stack(parts, dim=1)).flatten(0, 1)
        pictures = synthesize(generator.G, ws, noise_seeds=range(shown, shown + len(ws)), **how)
        shown += len(ws)
        for _ in range(len(parts[0])):
            frame = grid([rescale(next(pictures), scale) for _ in ways], columns)
            yield frame if transparent else on_white(without_alpha(frame, options.background))


def loop_weights(frames: int, harmonics: int, reach: float) -> torch.Tensor:
    """Weights [frames, 1 + 2 · harmonics] of random vectors whose sums make a loop around the first of them.

    Frame i is √(1 − reach²) · first + reach / √harmonics · Σₖ (cos(2πki / frames) · aₖ + sin(…) · bₖ). The
    squares of a frame's weights add to 1, so that sums of normal vectors are as likely as each of them.
    """
    t = 2 * math.pi * torch.arange(frames, dtype=torch.float64) / frames
    turns = [wave(k * t) for k in range(1, harmonics + 1) for wave in (torch.cos, torch.sin)]
    around = torch.stack(turns, dim=1) * (reach / math.sqrt(harmonics))
    return torch.cat([torch.full((frames, 1), math.sqrt(1 - reach**2), dtype=torch.float64), around], dim=1)


@torch.no_grad()  # a block within would also rule what runs between two steps
def loop_around(
    generator: LoadedGenerator,
    key: Key,
    label: int,
    frames: int,
    options: RenderOptions,
    *,
    path: str = "circle",
    reach: float = 0.6,
) -> Iterator[torch.Tensor]:
    """Yield ws [≤ 32, num_ws, w_dim] of a loop around a seed or stored latent, `frames` in all.

    path: one of PATHS: a circle, or an irregular way. reach: from 0, the seed's own picture, to 1, which
    leaves it behind. A seed's loop is one of z, a stored latent's one of w around the centre of truncation.
    That centre is the seed's own all along, lest it jumps.
    """
    G = generator.G
    weights = loop_weights(frames, PATHS[path], reach).float().to(generator.device)
    c = one_hot([label], G.c_dim, generator.device)
    rng = seeded(noise_seed(key), "loop")
    others = torch.randn(weights.shape[1] - 1, G.z_dim, generator=rng).to(generator.device)
    psi, around = options.truncation_psi, options.around
    w = generator.unedited.ws([key], [label])
    centre = None if psi == 1 else own_centres(G, w, c, around)
    if isinstance(key, StoredLatent):
        fixed = centre if centre is not None else getattr(G.mapping, "w_avg", torch.zeros_like(w[0, :1]))
        strangers = G.mapping(others, c.expand(len(others), -1))
        away = torch.cat([w, strangers]) - fixed
        for part in weights.split(_AT_ONCE):
            yield fixed + psi * torch.einsum("fv,vlw->flw", part, away)
        return
    basis = torch.cat([seed_latents([key], G.z_dim, generator.device), others])
    for part in weights.split(_AT_ONCE):
        each = None if centre is None else centre.expand(len(part), -1)
        yield truncated(G, part @ basis, c.expand(len(part), -1), psi, around, each)


def pulse(
    generator: LoadedGenerator,
    key: Key,
    label: int,
    frames: int,
    options: RenderOptions,
    *,
    psis: tuple[float, float],
) -> Iterator[torch.Tensor]:
    """Yield ws [≤ 32, num_ws, w_dim] of a seed whose truncation goes from psis[0] to psis[1] and back.

    Truncation psi of frame i is psis[0] + (psis[1] − psis[0]) · (1 − cos(2πi / frames)) / 2.
    """
    t = 2 * math.pi * torch.arange(frames, dtype=torch.float64) / frames
    plain = generator.unedited
    centre, whole = (plain.ws([key], [label], psi, options.around) for psi in (0.0, 1.0))
    for part in (psis[0] + (psis[1] - psis[0]) * (1 - torch.cos(t)) / 2).split(_AT_ONCE):
        yield centre + part.float().to(generator.device)[:, None, None] * (whole - centre)
