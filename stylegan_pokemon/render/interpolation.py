"""Loops through latent space: from seed to seed and back to the first, so that a film repeats seamlessly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from stylegan_pokemon.checkpoint.networks import AnyGenerator
from stylegan_pokemon.render.centres import Around
from stylegan_pokemon.render.films import film_frames
from stylegan_pokemon.render.latents import lerp, slerp, step_positions
from stylegan_pokemon.render.loaded import LoadedGenerator
from stylegan_pokemon.render.pictures import RenderOptions
from stylegan_pokemon.render.seeds import Key, StoredLatent, noise_seed
from stylegan_pokemon.render.truncation import own_centres, truncated

SPACES = ("z", "w")
METHODS = {"linear": lerp, "spherical": slerp}


@torch.no_grad()  # a block within would also rule what runs between two steps
def interpolation_loop(
    G: AnyGenerator,
    z: torch.Tensor,
    c: torch.Tensor,
    frames: int,
    *,
    space: str = "z",
    method: str = "spherical",
    easing: str = "smooth",
    truncation_psi: float = 1.0,
    around: Around = "class",
    keys: torch.Tensor | None = None,
) -> Iterator[torch.Tensor]:
    """Yield ws [frames, num_ws, w_dim] for each of K steps between K keyframes, the last back to the first.

    z: [K, z_dim] and c: [K, c_dim], the keyframes. frames: per step. The K · frames frames are all different:
    the frame after the last would be the first. space: "z" maps every point of the way (the network
    normalises z, so every point is as likely as a sample); "w" maps the keyframes only, which gives more even
    and less surprising changes. In w, "spherical" turns about the average w, which keeps the strength of
    truncation. around: as in `truncated`; centres move along the way like class vectors, evenly from keyframe
    to keyframe. keys: ws [K, num_ws, w_dim] of the keyframes, for "w", where they are known; z is not used
    then.
    """
    t = step_positions(frames, easing)
    way = METHODS[method]
    own = truncation_psi != 1
    centres = own_centres(G, G.mapping(z, c) if keys is None else keys, c, around) if own else None
    if space == "w":
        if keys is None:
            keys = truncated(G, z, c, truncation_psi, around, centres)
        if centres is None:
            centres = getattr(G.mapping, "w_avg", torch.zeros_like(keys[0, 0])).expand(len(keys), -1)
    for i in range(len(c)):
        j = (i + 1) % len(c)
        centre = None if centres is None else lerp(centres[i], centres[j], t)
        if space == "w":  # around centres that move along, where keyframes have centres of their own
            assert centres is not None  # in w there always are
            assert centre is not None
            assert keys is not None
            yield way(keys[i] - centres[i], keys[j] - centres[j], t) + centre[:, None]
        else:
            between = way(z[i], z[j], t)
            yield truncated(G, between, lerp(c[i], c[j], t), truncation_psi, around, centre)


def interpolation_frames(
    generator: LoadedGenerator,
    seeds: Sequence[Key],
    labels: Sequence[int],
    frames: int,
    options: RenderOptions,
    *,
    cells: int = 1,
    columns: int = 1,
    scale: Fraction = Fraction(1),
    transparent: bool = False,
    **way: Any,
) -> Iterator[np.ndarray]:
    """Yield the K · frames frames of a loop through the seeds, as in `film_frames`.

    cells: films beside each other, in rows of `columns`; the first takes the first K = len(seeds) / cells
    seeds, and so on. With a stored latent among its seeds, or with refined ones, a way goes through w. way:
    `space`, `method` and `easing` as in `interpolation_loop`. With noise_mode "random" every frame has its
    own noise and flickers.
    """
    count = len(seeds) // cells
    starts = range(0, cells * count, count)
    ways = [
        _way(generator, seeds[i : i + count], labels[i : i + count], frames, options, **way) for i in starts
    ]
    return film_frames(generator, ways, options, columns=columns, scale=scale, transparent=transparent)


def _way(
    generator: LoadedGenerator,
    seeds: Sequence[Key],
    labels: Sequence[int],
    frames: int,
    options: RenderOptions,
    **way: Any,
) -> Iterator[torch.Tensor]:
    truncation: dict[str, Any] = {"truncation_psi": options.truncation_psi, "around": options.around}
    if generator.refinement or any(isinstance(seed, StoredLatent) for seed in seeds):  # no z leads to these
        way |= {
            "space": "w",
            "keys": generator.unedited.ws(seeds, labels, options.truncation_psi, options.around),
        }
    z, c = generator.inputs([noise_seed(seed) for seed in seeds], labels)
    return interpolation_loop(generator.G, z, c, frames, **truncation, **way)
