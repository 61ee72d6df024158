"""Directions shown: a labelled sheet from less to more, and a film that swings along them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np
import torch

from stylegan_pokemon.render.images import comfortable_scale
from stylegan_pokemon.render.loaded import LoadedGenerator
from stylegan_pokemon.render.pictures import RenderOptions, sheet_tiles
from stylegan_pokemon.render.seeds import Key, key_name, noise_seed
from stylegan_pokemon.render.sheet import contact_sheet


def directions_sheet(
    generator: LoadedGenerator,
    seeds: Sequence[Key],
    labels: Sequence[int],
    options: RenderOptions,
    directions: Mapping[str, torch.Tensor],
    amounts: Sequence[float],
    *,
    title: str = "Directions",
    scale: Fraction | None = None,
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> np.ndarray:
    """Render directions and seeds (rows) × amounts (columns) as a labelled sheet, uint8 [H, W, 3].

    directions: label → what a unit adds to ws [num_ws, w_dim]. scale: of the tiles, by default a whole-number
    step to between 64 and 128 pixels. progress: wraps the labels, for a progress bar.
    """
    scale = scale or comfortable_scale(generator.G.img_resolution, 64, 128)
    ws = generator.ws(seeds, labels, options.truncation_psi, options.around)
    steps = torch.tensor(list(amounts), dtype=ws.dtype, device=ws.device)[:, None, None]
    pictures, names = [], []
    for name in progress(list(directions)):
        for w, seed in zip(ws, seeds, strict=True):
            pictures.append(
                sheet_tiles(
                    generator, w + steps * directions[name], [noise_seed(seed)] * len(steps), options, scale
                )
            )
            first = name.split("\n")[0]
            names.append(name if len(seeds) == 1 else f"{first}\n{key_name(seed)}")
    return contact_sheet(
        pictures,
        names,
        [f"{amount:+g}" if amount else "0" for amount in amounts],
        title=title + (f": {key_name(seeds[0])}" if len(seeds) == 1 else ""),
        heading="standard deviations of w",
        caption=f"{generator.name} · truncation psi {options.truncation_psi:g} · noise {options.noise_mode}",
    )


def swing_frames(
    generator: LoadedGenerator,
    seeds: Sequence[Key],
    labels: Sequence[int],
    options: RenderOptions,
    directions: Mapping[str, torch.Tensor],
    amplitude: float,
    frames: int,
    *,
    scale: Fraction | None = None,
) -> Iterator[np.ndarray]:
    """Yield labelled frames uint8 [H, W, 3]: seeds (rows) × directions (columns), which swing together.

    Frame i shows the amount amplitude · sin(2πi / frames), so that the film loops without a seam.
    """
    scale = scale or comfortable_scale(generator.G.img_resolution, 64, 128)
    ws = generator.ws(seeds, labels, options.truncation_psi, options.around)
    moves = torch.stack(list(directions.values()))
    noise = [noise_seed(seed) for seed in seeds for _ in moves]
    caption = f"from {-amplitude:g} to {amplitude:+g} standard deviations · {generator.name}"
    for frame in range(frames):
        amount = amplitude * math.sin(2 * math.pi * frame / frames)
        edited = (ws[:, None] + amount * moves).flatten(0, 1)
        tiles = sheet_tiles(generator, edited, noise, options, scale)
        rows = [tiles[i : i + len(moves)] for i in range(0, len(tiles), len(moves))]
        names = [name.split("\n")[0] for name in directions]
        yield contact_sheet(rows, [key_name(seed) for seed in seeds], names, caption=caption)
