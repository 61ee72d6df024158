"""The sheet of classes: what every class makes of the same latents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import numpy as np

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.images import comfortable_scale, rescale
from stylegan_pokemon.render.pictures import Look, render_seeds
from stylegan_pokemon.render.sheet import contact_sheet
from stylegan_pokemon.render.source import Source

_MOST = 4096  # pictures


def class_sheet(
    source: Source,
    seeds: Sequence[int],
    look: Look,
    *,
    scale: Fraction | None = None,
    batch: int | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> np.ndarray:
    """Render classes (rows) × seeds (columns) as a labelled sheet, uint8 [H, W, 3].

    The classes are those that had pictures in training. scale: of the tiles, by default a whole-number step
    to between 64 and 128 pixels. progress: wraps the classes, for a progress bar. Raises UserError for a
    network without classes, and for too many pictures.
    """
    labels = shown_classes(source, seeds)
    scale = scale or comfortable_scale(source.G.img_resolution, 64, 128)
    rows = [
        [rescale(tile, scale) for tile in render_seeds(source, seeds, [label] * len(seeds), look, batch)]
        for label in progress(labels)
    ]
    around = "its own class" if look.around == "class" else "all classes"
    return contact_sheet(
        rows,
        [source.class_name(label) for label in labels],
        [str(seed) for seed in seeds],
        title="Classes",
        heading="seed",
        caption=f"{source.name} · truncation psi {look.truncation_psi:g} around the average of {around}"
        f" · noise {look.noise_mode}",
    )


def shown_classes(source: Source, seeds: Sequence[int]) -> list[int]:
    """The labels that a sheet of these seeds has rows for. Raises UserError as `class_sheet` does."""
    labels = source.learnt
    count = len(labels)
    if not count:
        raise UserError(
            f"{source.path.name} has no classes to show; train one with --cond, or make plain pictures"
        )
    if count * len(seeds) > _MOST:
        raise UserError(
            f"--seeds: {len(seeds)} seeds of {count} classes make {count * len(seeds)} pictures;"
            f" a sheet takes up to {_MOST}"
        )
    return labels
