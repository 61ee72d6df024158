"""Labelled sheets of the same seeds: over truncation, over adaptation, or over classes.

Truncation ψ scales the distance of w from its average (StyleGAN, appendix B): 0 is the average itself, 1 what
the network learned, negative values give the opposite of a seed, values above 1 exaggerate it. Adaptation is
the way from the start of a fine-tuning run (0) to its end (1), see `networks.blending`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.centres import CENTRES
from stylegan_pokemon.render.images import comfortable_scale, rescale
from stylegan_pokemon.render.lettering import plain
from stylegan_pokemon.render.loaded import LoadedGenerator
from stylegan_pokemon.render.pictures import RenderOptions, shown_seeds
from stylegan_pokemon.render.seeds import Key, key_name
from stylegan_pokemon.render.sheet import contact_sheet

PSIS = (-1, -0.8, -0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8, 1, 1.2)
ADAPTATIONS = (0, 0.25, 0.5, 0.75, 1)
_MOST = 4096  # pictures of a sheet


def sweep_sheet(
    generator: LoadedGenerator,
    seeds: Sequence[Key],
    labels: Sequence[int],
    psis: Sequence[float] = PSIS,
    options: RenderOptions | None = None,
    *,
    scale: Fraction | None = None,
    progress: Callable[[Iterable[float]], Iterable[float]] = iter,
) -> np.ndarray:
    """Render seeds (rows) × truncation (columns) as a labelled sheet, uint8 [H, W, 3].

    options: all but their truncation counts. scale: of the tiles, by default a whole-number step to between
    128 and 256 pixels. progress: wraps the truncation values, for a progress bar.
    """
    options = options or RenderOptions()
    steps = (replace(options, truncation_psi=psi) for psi in progress(psis))
    return _sheet(
        *(generator, seeds, labels, psis, scale),
        (shown_seeds(generator, seeds, labels, step) for step in steps),
        title="Truncation sweep",
        heading="truncation psi",
        caption=f"{generator.name} · noise {options.noise_mode}",
    )


def adaptation_sheet(
    generator: LoadedGenerator,
    seeds: Sequence[Key],
    labels: Sequence[int],
    options: RenderOptions,
    adaptations: Sequence[float] = ADAPTATIONS,
    *,
    footers: Sequence[str] = (),
    scale: Fraction | None = None,
    progress: Callable[[Iterable[float]], Iterable[float]] = iter,
) -> np.ndarray:
    """Render seeds (rows) × adaptation (columns) of a generator with `ends` as a labelled sheet.

    footers: words below each column, such as its metrics. scale and progress as in `sweep_sheet`.
    """
    return _sheet(
        *(generator, seeds, labels, adaptations, scale),
        (shown_seeds(generator.at(a), seeds, labels, options) for a in progress(adaptations)),
        title="Adaptation sweep",
        heading="adaptation",
        caption=f"{generator.path.name} · adaptation 0 is the start, 1 the end of fine-tuning · truncation"
        f" psi {options.truncation_psi:g} · noise {options.noise_mode}",
        footers=footers,
    )


def class_sheet(
    generator: LoadedGenerator,
    seeds: Sequence[Key],
    options: RenderOptions,
    *,
    scale: Fraction | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> np.ndarray:
    """Render classes (rows) × seeds (columns) as a labelled sheet, uint8 [H, W, 3].

    The classes are those that had pictures in training. scale: of the tiles, by default a whole-number step
    to between 64 and 128 pixels. progress: wraps the classes, for a progress bar. Raises UserError for a
    network without classes, and for too many pictures.
    """
    labels = shown_classes(generator, seeds)
    scale = scale or comfortable_scale(generator.G.img_resolution, 64, 128)
    rows = [
        [rescale(tile, scale) for tile in shown_seeds(generator, seeds, [label] * len(seeds), options)]
        for label in progress(labels)
    ]
    around = {"class": "the average of its own class", "network": "the average of all classes"}.get(
        options.around, f"the nearest of {options.around.removeprefix(CENTRES)} centres"
    )
    return contact_sheet(
        rows,
        [_drawn_name(generator, label) for label in labels],
        [str(seed) if isinstance(seed, int) else key_name(seed) for seed in seeds],
        title="Classes",
        heading="seed",
        caption=f"{generator.name} · truncation psi {options.truncation_psi:g} around {around}"
        f" · noise {options.noise_mode}",
    )


def shown_classes(generator: LoadedGenerator, seeds: Sequence[Key]) -> list[int]:
    """The labels that a sheet of these seeds has rows for. Raises UserError as `class_sheet` does."""
    labels = generator.learnt
    if not labels:
        raise UserError(
            f"{generator.path.name} has no classes to show; train one with --cond, or make plain pictures"
        )
    check_size(len(labels) * len(seeds), f"--seeds: {len(seeds)} seeds of {len(labels)} classes")
    return labels


def check_size(count: int, what: str) -> None:
    """Raise UserError for a sheet of too many pictures; `what` makes that many."""
    if count > _MOST:
        raise UserError(f"{what} make {count} pictures; a sheet takes up to {_MOST}")


def _drawn_name(generator: LoadedGenerator, label: int) -> str:
    """What a class is called, or its number where no font here has the letters."""
    name = plain(generator.class_name(label))
    return f"class {label}" if "?" in name else name


def _sheet(
    generator: LoadedGenerator,
    seeds: Sequence[Key],
    labels: Sequence[int],
    values: Sequence[float],
    scale: Fraction | None,
    columns: Iterable[Iterable[np.ndarray]],
    *,
    title: str,
    **words: Any,
) -> np.ndarray:
    """A sheet of columns, each with the picture of every seed at one of `values`."""
    scale = scale or comfortable_scale(generator.G.img_resolution, 128, 256)
    tiles = [[rescale(picture, scale) for picture in column] for column in columns]
    names = [_drawn_name(generator, label) for label in labels]
    same = len(set(names)) == 1
    return contact_sheet(
        [list(row) for row in zip(*tiles, strict=True)],
        [key_name(seed) + ("" if same else f"\n{name}") for seed, name in zip(seeds, names, strict=True)],
        [f"{value:g}" for value in values],
        title=title + (f": {names[0]}" if same and names[0] else ""),
        **words,
    )
