"""Single pictures by seed, and their grid: what `generate.py` writes without a command."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegan_pokemon._version import __version__
from stylegan_pokemon.render.images import (
    RGB,
    WHITE,
    comfortable_scale,
    grid,
    rescale,
    save_png,
    synthesize,
    without_alpha,
)
from stylegan_pokemon.render.loaded import LoadedGenerator
from stylegan_pokemon.render.seeds import overview_stem
from stylegan_pokemon.render.truncation import Around, truncated

GRID_LIMIT = 1024  # pictures; a larger grid can hardly be opened
_CHUNK = 64  # seeds whose latents are made at once


@dataclass(frozen=True)
class RenderOptions:
    """How pictures are rendered, whatever their network and seed. `batch`: at once; None: by resolution."""

    truncation_psi: float = 1.0
    noise_mode: str = "const"
    around: Around = "class"  # centre of truncation
    batch: int | None = None
    background: RGB = WHITE  # of grids, sheets and films of pictures with alpha


def render_seeds(
    generator: LoadedGenerator, seeds: Sequence[int], labels: Sequence[int], options: RenderOptions
) -> Iterator[np.ndarray]:
    """Yield the picture uint8 [H, W, C] of each seed and label, in order, in constant memory."""
    for start in range(0, len(seeds), _CHUNK):
        chunk = seeds[start : start + _CHUNK]
        z, c = generator.inputs(chunk, labels[start : start + _CHUNK])
        with torch.no_grad():
            ws = truncated(generator.G, z, c, options.truncation_psi, options.around)
        how: dict[str, Any] = {"noise_mode": options.noise_mode, "batch": options.batch}
        yield from synthesize(generator.G, ws, noise_seeds=chunk, **how)


def shown_seeds(
    generator: LoadedGenerator, seeds: Sequence[int], labels: Sequence[int], options: RenderOptions
) -> Iterator[np.ndarray]:
    """`render_seeds` for grids and sheets: alpha is laid over the background of `options`."""
    pictures = render_seeds(generator, seeds, labels, options)
    return (without_alpha(picture, options.background) for picture in pictures)


def picture_path(folder: Path, seed: int) -> Path:
    """The file of a seed's picture."""
    return folder / f"seed{seed:04d}.png"


def write_pictures(
    generator: LoadedGenerator,
    seeds: Sequence[int],
    labels: Sequence[int],
    folder: Path,
    options: RenderOptions,
    *,
    scale: Fraction | None = None,
    with_grid: bool = True,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Path | None:
    """Write seed0000.png … into `folder`, and a grid of the first 1024; return the grid's path, if any.

    scale: of pictures and grid. By default pictures are as the network makes them, and the tiles of the grid
    are enlarged or reduced by a whole number to between 128 and 256 pixels. progress: wraps the seeds, for a
    progress bar. Pictures appear one by one, each whole, with their seed and settings in a text chunk.
    """
    tile_scale = scale or comfortable_scale(generator.G.img_resolution, 128, 256)
    tiles: list[np.ndarray] = []
    rendered = render_seeds(generator, seeds, labels, options)
    with ThreadPoolExecutor(2) as pool:  # compressing and syncing files waits for the disk, not for Python
        writes: list[Future[None]] = []
        for seed, label, picture in zip(progress(seeds), labels, rendered, strict=True):
            text = description(generator, options, f"seed {seed}", generator.class_name(label))
            large = rescale(picture, scale or Fraction(1))
            writes.append(pool.submit(save_png, picture_path(folder, seed), large, text))
            if len(writes) > 16:
                writes.pop(0).result()
            if with_grid and len(tiles) < GRID_LIMIT:
                tiles.append(rescale(picture, tile_scale))
        for write in writes:
            write.result()
    if not tiles:
        return None
    path = folder / f"{overview_stem('grid', seeds[: len(tiles)])}.png"
    sheet = without_alpha(grid(tiles), options.background)
    save_png(path, sheet, description(generator, options, f"{len(tiles)} seeds"))
    return path


def description(generator: LoadedGenerator, options: RenderOptions, *first: str) -> dict[str, str]:
    """PNG text chunks that tell how a picture was made, so that it can be made again."""
    everyone = generator.G.c_dim and options.around == "network"
    facts = [
        *(fact for fact in first if fact),
        f"truncation psi {options.truncation_psi:g}" + (" around the network's average" if everyone else ""),
        f"noise {options.noise_mode}",
        f"network {generator.name}",
    ]
    return {"Software": f"stylegan_pokemon {__version__}", "Description": ", ".join(facts)}
