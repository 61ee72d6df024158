"""The truncation sweep: the same seeds from one side of the average creature to the other.

Truncation ψ scales the distance of w from its average (StyleGAN, appendix B): 0 is the average itself, 1 what
the network learned, negative values give the opposite of a seed, values above 1 exaggerate it.
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
    scale = scale or comfortable_scale(source.G.img_resolution, 128, 256)
    columns = [
        [
            rescale(picture, scale)
            for picture in render_seeds(source, seeds, labels, Look(psi, noise_mode, around), batch)
        ]
        for psi in progress(psis)
    ]
    names = [source.class_name(label) for label in labels]
    same = len(set(names)) == 1
    return contact_sheet(
        [list(row) for row in zip(*columns, strict=True)],
        [f"seed {seed}" + ("" if same else f"\n{name}") for seed, name in zip(seeds, names, strict=True)],
        [f"{psi:g}" for psi in psis],
        title="Truncation sweep" + (f": {names[0]}" if same and names[0] else ""),
        heading="truncation psi",
        caption=f"{source.path.name} · noise {noise_mode}",
    )
