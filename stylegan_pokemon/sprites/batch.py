"""Pictures become sprites, a batch at a time: they share a palette, and frames of a film stay in place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from dataset_tool.problems import Problem
from stylegan_pokemon.sprites.cutout import bleed, cut_out
from stylegan_pokemon.sprites.options import SpriteOptions
from stylegan_pokemon.sprites.palettes import chosen_palette, named_palette, recoloured
from stylegan_pokemon.sprites.pixels import enlargement, hardened, in_cells, is_pixel_art, reduced
from stylegan_pokemon.sprites.shape import aligned, largest_piece, outlined, parse_outline, sharpened


class Picture(NamedTuple):
    """A picture, or a film: its name without suffix, uint8 [H, W, 4] of each frame, milliseconds of each."""

    name: str
    frames: tuple[np.ndarray, ...]
    durations: tuple[int, ...] = ()


class Sprite(NamedTuple):
    """What was made of a picture.

    palette: uint8 [K, 3] that all its colours are of, if any. removed: share of the pixels that the cut-out
    made invisible, None where nothing was cut. closed: share that a plain flood fill would have removed too,
    through gaps in the outline. plain: False where the background should go, but has no single colour.
    """

    name: str
    frames: tuple[np.ndarray, ...]
    durations: tuple[int, ...]
    palette: np.ndarray | None = None
    removed: float | None = None
    closed: float = 0.0
    plain: bool = True


class Prepared(NamedTuple):
    """Resolved options, the colour of the outline, and the palette that they name."""

    options: SpriteOptions
    outline: tuple[int, int, int] | None
    palette: np.ndarray | None


def prepared(options: SpriteOptions) -> Prepared:
    """Resolve options and read what they name. Raises UserError for options that cannot be."""
    options = options.resolved()
    return Prepared(
        options,
        parse_outline(options.outline) if options.outline else None,
        None if options.palette in (None, "each", "shared") else named_palette(options.palette),
    )


def make_sprites(
    pictures: Sequence[Picture],
    options: SpriteOptions,
    progress: Callable[[Iterable[Picture]], Iterable[Picture]] = iter,
) -> tuple[list[Sprite], list[Problem]]:
    """Make a sprite of each picture, in order; of those that leave nothing, a problem instead.

    Sharpening, cut-out and largest piece come first, at full size; then cells and colours; then the place in
    the frame, the outline, and the colours of invisible pixels. Raises UserError for options that cannot be.
    """
    options, colour, file = prepared(options)
    cut: list[tuple[Sprite, int]] = []
    problems: list[Problem] = []
    for picture in progress(pictures):
        sprite, k = _cut(picture, options)
        if any(frame[..., 3].any() for frame in sprite.frames):
            cut.append((sprite, k))
        else:
            left = "nothing is left without its background" if sprite.removed else "nothing in it is visible"
            problems.append(Problem(picture.name, left))
    shared = file
    if options.palette != "each" and options.colors:
        shared = chosen_palette([f for sprite, _ in cut for f in sprite.frames], options.colors, file)
    sprites = []
    for sprite, k in cut:
        palette = shared
        if options.palette == "each":
            assert options.colors is not None  # `resolved` sees to it
            palette = chosen_palette(sprite.frames, options.colors)
        frames = [_finished(frame, k, options, palette) for frame in sprite.frames]
        if options.align:
            frames = aligned(frames, options.align)
        if colour:
            frames = [outlined(frame, colour) for frame in frames]
            frames = [frame if palette is None else recoloured(frame, palette) for frame in frames]
        sprites.append(sprite._replace(frames=tuple(map(bleed, frames)), palette=palette))
    return sprites, problems


def _cut(picture: Picture, options: SpriteOptions) -> tuple[Sprite, int]:
    """The picture cut out and brought to cells, and the side of a cell.

    An enlarged picture is cut at its own size, where its edges are one pixel wide, and enlarged again.
    """
    frames, removed, closed, plain = [], [], 0.0, True
    n = math.gcd(*map(enlargement, picture.frames))
    hard = options.alpha == "hard" or (options.alpha is None and is_pixel_art(picture.frames[0][::n, ::n]))
    for frame in picture.frames:
        rgba = frame[::n, ::n]
        rgba = sharpened(rgba) if options.sharpen else rgba
        if options.transparent and rgba[..., 3].min() == 255:
            found = cut_out(rgba[..., :3], tolerance=options.tolerance, gap=options.gap, hard=hard)
            if found is None:
                plain = False
            else:
                rgba, closed = found.picture, max(closed, found.closed)
                removed.append(found.removed)
        if options.largest:
            rgba = largest_piece(rgba)
        k = 1
        if options.pixels:
            rgba, k = in_cells(rgba, options.pixels)
            if options.cell == "median":
                rgba, k = reduced(rgba, k, "median", exact=False), 1
        else:
            rgba = rgba.repeat(n, axis=0).repeat(n, axis=1)
        frames.append(hardened(rgba) if hard and k == 1 else rgba)
    share = float(np.mean(removed)) if removed else None
    return Sprite(picture.name, tuple(frames), picture.durations, None, share, closed, plain), k


def _finished(frame: np.ndarray, k: int, options: SpriteOptions, palette: np.ndarray | None) -> np.ndarray:
    if palette is not None:
        frame = recoloured(frame, palette)
    if k == 1:
        return frame
    frame = reduced(frame, k, options.cell, exact=palette is not None)
    return hardened(frame) if options.alpha == "hard" else frame
