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
from stylegan_pokemon.render.centres import Around
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
from stylegan_pokemon.render.refinement import AT_ONCE
from stylegan_pokemon.render.seeds import Key, StoredLatent, file_stem, key_name, noise_seed, overview_stem
from stylegan_pokemon.render.stored import CHUNK, chunk_of
from stylegan_pokemon.render.truncation import centre_count

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
    generator: LoadedGenerator, seeds: Sequence[Key], labels: Sequence[int], options: RenderOptions
) -> Iterator[np.ndarray]:
    """Yield the picture uint8 [H, W, C] of each seed or stored latent, in order, in constant memory."""
    size = _CHUNK if generator.refinement is None else AT_ONCE
    for start in range(0, len(seeds), size):
        chunk = seeds[start : start + size]
        ws = generator.ws(chunk, labels[start : start + size], options.truncation_psi, options.around)
        how: dict[str, Any] = {"noise_mode": options.noise_mode, "batch": options.batch}
        yield from synthesize(generator.G, ws, noise_seeds=[noise_seed(key) for key in chunk], **how)


def shown_seeds(
    generator: LoadedGenerator, seeds: Sequence[Key], labels: Sequence[int], options: RenderOptions
) -> Iterator[np.ndarray]:
    """`render_seeds` for grids and sheets: alpha is laid over the background of `options`."""
    pictures = render_seeds(generator, seeds, labels, options)
    return (without_alpha(picture, options.background) for picture in pictures)


def sheet_tiles(
    generator: LoadedGenerator,
    ws: torch.Tensor,
    noise_seeds: Sequence[int],
    options: RenderOptions,
    scale: Fraction,
) -> list[np.ndarray]:
    """Draw ws [N, num_ws, w_dim] as tiles of a sheet: alpha over the background of `options`, scaled."""
    how: dict[str, Any] = {"noise_mode": options.noise_mode, "batch": options.batch}
    pictures = synthesize(generator.G, ws, noise_seeds=noise_seeds, **how)
    return [rescale(without_alpha(picture, options.background), scale) for picture in pictures]


def picture_path(folder: Path, key: Key) -> Path:
    """The file of a picture."""
    return folder / f"{file_stem(key)}.png"


def write_pictures(
    generator: LoadedGenerator,
    seeds: Sequence[Key],
    labels: Sequence[int],
    folder: Path,
    options: RenderOptions,
    *,
    scale: Fraction | None = None,
    with_grid: bool = True,
    progress: Callable[[Iterable[Key]], Iterable[Key]] = iter,
    kept: list[np.ndarray] | None = None,
) -> Path | None:
    """Write seed0000.png … into `folder`, and a grid of the first 1024; return the grid's path, if any.

    scale: of pictures and grid. By default pictures are as the network makes them, and the tiles of the grid
    are enlarged or reduced by a whole number to between 128 and 256 pixels. progress: wraps the seeds, for a
    progress bar. kept: takes the pictures, unscaled, for who makes more of them. Pictures appear one by one,
    each whole, with their seed and settings in a text chunk.
    """
    tile_scale = scale or comfortable_scale(generator.G.img_resolution, 128, 256)
    tiles: list[np.ndarray] = []
    rendered = render_seeds(generator, seeds, labels, options)
    with ThreadPoolExecutor(2) as pool:  # compressing and syncing files waits for the disk, not for Python
        writes: list[Future[None]] = []
        for seed, label, picture in zip(progress(seeds), labels, rendered, strict=True):
            text = description(generator, options, key_name(seed), generator.class_name(label))
            text[CHUNK] = picture_facts(generator, options, seed, label)
            large = rescale(picture, scale or Fraction(1))
            writes.append(pool.submit(save_png, picture_path(folder, seed), large, text))
            if len(writes) > 16:
                writes.pop(0).result()
            if kept is not None:
                kept.append(picture)
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


def picture_facts(generator: LoadedGenerator, options: RenderOptions, key: Key, label: int) -> str:
    """What `--from-image` needs to draw this picture again, as the content of a PNG's chunk."""
    # A latent is kept as it was truncated, refined and edited; a seed is truncated again.
    w, psi = None, options.truncation_psi
    if not (isinstance(key, int) and generator.draws_seeds_plainly):
        w, psi = generator.ws([key], [label], psi, options.around)[0].cpu().numpy(), 1.0
    how = {"truncation": psi, "around": options.around, "noise_mode": options.noise_mode}
    return chunk_of(key, w, **generator.facts, **how, **latent_facts(generator, key, label))


def latent_facts(generator: LoadedGenerator, key: Key, label: int) -> dict[str, Any]:
    """What a file says of one latent: its seed or what was known of it before, and its class."""
    plain = isinstance(key, int) and generator.draws_seeds_plainly
    facts: dict[str, Any] = {"seed": key} if plain else {"from": file_stem(key)}
    if generator.refinement is not None and isinstance(key, int):
        facts["refined"] = generator.refinement.steps
    if not plain:
        facts["noise_seed"] = noise_seed(key)
    if generator.edits:
        facts["edit"] = generator.edits
    if isinstance(key, StoredLatent) and "lineage" in key.facts:
        facts["lineage"] = key.facts["lineage"]
    return facts | ({"class": label, "class_name": generator.class_name(label)} if generator.G.c_dim else {})


def description(generator: LoadedGenerator, options: RenderOptions, *first: str) -> dict[str, str]:
    """PNG text chunks that tell how a picture was made, so that it can be made again."""
    usual = not generator.G.c_dim and not centre_count(generator.G, "class")
    around = " around the network's average" if options.around == "network" and not usual else ""
    if count := centre_count(generator.G, options.around):
        around = f" around the nearest of {count} centres"
    facts = [
        *(fact for fact in first if fact),
        f"truncation psi {options.truncation_psi:g}{around}",
        *([f"refined {generator.refinement.steps} steps"] if generator.refinement else []),
        *([f"edit {generator.edits}"] if generator.edits else []),
        f"noise {options.noise_mode}",
        f"network {generator.name}",
    ]
    return {"Software": f"stylegan_pokemon {__version__}", "Description": ", ".join(facts)}
