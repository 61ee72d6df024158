"""Sweeps: the same seeds, row by row, while one number grows from column to column.

Truncation ψ scales the distance of w from its average (StyleGAN, appendix B): 0 is the average itself, 1 what
the network learned, negative values give the opposite of a seed, values above 1 exaggerate it. Adaptation is
the way from the start of a fine-tuning run (0) to its end (1), see `networks.blending`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import numpy as np

from stylegan_pokemon.render.images import comfortable_scale, rescale
from stylegan_pokemon.render.pictures import Look, render_seeds
from stylegan_pokemon.render.sheet import contact_sheet
from stylegan_pokemon.render.source import Source
from stylegan_pokemon.render.truncation import Around

PSIS = (-1, -0.8, -0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8, 1, 1.2)
ADAPTATIONS = (0, 0.25, 0.5, 0.75, 1)


def sweep_sheet(
    source: Source,
    seeds: Sequence[int],
    labels: Sequence[int],
    psis: Sequence[float] = PSIS,
    *,
    noise_mode: str = "const",
    around: Around = "class",
    scale: Fraction | None = None,
    batch: int | None = None,
    progress: Callable[[Iterable[float]], Iterable[float]] = iter,
) -> np.ndarray:
    """Render seeds (rows) × truncation (columns) as a labelled sheet, uint8 [H, W, 3].

    scale: of the tiles, by default a whole-number step to between 128 and 256 pixels. progress: wraps the
    truncation values, for a progress bar.
    """
    return _sheet(
        source,
        seeds,
        labels,
        (render_seeds(source, seeds, labels, Look(psi, noise_mode, around), batch) for psi in progress(psis)),
        psis,
        scale,
        title="Truncation sweep",
        heading="truncation psi",
        caption=f"{source.name} · noise {noise_mode}",
    )


def adaptation_sheet(
    source: Source,
    seeds: Sequence[int],
    labels: Sequence[int],
    look: Look,
    adaptations: Sequence[float] = ADAPTATIONS,
    *,
    footers: Sequence[str] = (),
    scale: Fraction | None = None,
    batch: int | None = None,
    progress: Callable[[Iterable[float]], Iterable[float]] = iter,
) -> np.ndarray:
    """Render seeds (rows) × adaptation (columns) of a source with `ends` as a labelled sheet.

    footers: words for each column, below it, such as what was measured there. scale and progress as in
    `sweep_sheet`.
    """
    return _sheet(
        source,
        seeds,
        labels,
        (render_seeds(source.at(a), seeds, labels, look, batch) for a in progress(adaptations)),
        adaptations,
        scale,
        title="Adaptation sweep",
        heading="adaptation",
        caption=f"{source.path.name} · adaptation 0 is the start, 1 the end of fine-tuning · truncation psi"
        f" {look.truncation_psi:g} · noise {look.noise_mode}",
        footers=footers,
    )


def _sheet(
    source: Source,
    seeds: Sequence[int],
    labels: Sequence[int],
    columns: Iterable[Iterable[np.ndarray]],
    values: Sequence[float],
    scale: Fraction | None,
    *,
    title: str,
    **words: str | Sequence[str],
) -> np.ndarray:
    """A sheet of columns, each with the picture of every seed at one of `values`."""
    scale = scale or comfortable_scale(source.G.img_resolution, 128, 256)
    tiles = [[rescale(picture, scale) for picture in column] for column in columns]
    names = [source.class_name(label) for label in labels]
    same = len(set(names)) == 1
    return contact_sheet(
        [list(row) for row in zip(*tiles, strict=True)],
        [f"seed {seed}" + ("" if same else f"\n{name}") for seed, name in zip(seeds, names, strict=True)],
        [f"{value:g}" for value in values],
        title=title + (f": {names[0]}" if same and names[0] else ""),
        **words,
    )
