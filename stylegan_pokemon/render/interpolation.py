"""Loops through latent space: from seed to seed and back to the first, so that a film can go on for ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import torch

from stylegan_pokemon.render.images import on_white, rescale, synthesize
from stylegan_pokemon.render.latents import lerp, slerp, step_positions
from stylegan_pokemon.render.pictures import Look
from stylegan_pokemon.render.source import Source
from stylegan_pokemon.render.truncation import Around, class_centres, truncated

SPACES = ("z", "w")
METHODS = {"linear": lerp, "spherical": slerp}


def interpolation_loop(
    G: torch.nn.Module,
    z: torch.Tensor,
    c: torch.Tensor,
    frames: int,
    *,
    space: str = "z",
    method: str = "spherical",
    easing: str = "smooth",
    truncation_psi: float = 1.0,
    around: Around = "class",
) -> Iterator[torch.Tensor]:
    """Yield ws [frames, num_ws, w_dim] for each of K steps between K keyframes, the last back to the first.

    z: [K, z_dim] and c: [K, c_dim], the keyframes. frames: per step. K · frames frames in all, none of them
    twice: the frame after the last would be the first. space "z" maps every point of the way (the network
    normalises z, so that every point is as likely as a sample); "w" maps the keyframes only, which gives more
    even, if less surprising, changes. In w, "spherical" turns about the average w, so that the strength of
    truncation stays. `around` is as in `truncated`. Class vectors change linearly along the way.
    """
    t = step_positions(frames, easing)
    way = METHODS[method]
    own = G.c_dim and truncation_psi != 1 and around == "class"
    centres = class_centres(G, c) if own else None
    with torch.no_grad():
        if space == "w":
            keys = truncated(G, z, c, truncation_psi, around, centres)
            if centres is None:
                centres = getattr(G.mapping, "w_avg", torch.zeros_like(keys[0, 0])).expand(len(keys), -1)
            for i in range(len(keys)):
                j = (i + 1) % len(keys)
                # Around centres that move along, where classes have centres of their own.
                turned = way(keys[i] - centres[i], keys[j] - centres[j], t)
                yield turned + lerp(centres[i], centres[j], t)[:, None]
        else:
            for i in range(len(z)):
                j = (i + 1) % len(z)
                between = way(z[i], z[j], t)
                between_centres = None if centres is None else lerp(centres[i], centres[j], t)
                yield truncated(G, between, lerp(c[i], c[j], t), truncation_psi, around, between_centres)


def interpolation_frames(
    source: Source,
    seeds: Sequence[int],
    labels: Sequence[int],
    frames: int,
    look: Look,
    *,
    space: str = "z",
    method: str = "spherical",
    easing: str = "smooth",
    scale: Fraction = Fraction(1),
    batch: int | None = None,
) -> Iterator[np.ndarray]:
    """Yield the len(seeds) · frames frames uint8 [H, W, 3] of a loop through seeds, alpha laid over white.

    The other arguments are those of `interpolation_loop` and `rescale`. With noise_mode "random" every frame
    has noise of its own and flickers.
    """
    z, c = source.inputs(seeds, labels)
    steps = interpolation_loop(
        source.G,
        z,
        c,
        frames,
        space=space,
        method=method,
        easing=easing,
        truncation_psi=look.truncation_psi,
        around=look.around,
    )
    for step, ws in enumerate(steps):
        noise_seeds = range(step * frames, (step + 1) * frames)
        for picture in synthesize(
            source.G, ws, noise_mode=look.noise_mode, noise_seeds=noise_seeds, batch=batch
        ):
            yield on_white(rescale(picture, scale))
