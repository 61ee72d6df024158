"""How a run learned: the same latents rendered at every tick, as an animation with the kimg written in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageDraw

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.animation import save_animation
from stylegan_pokemon.render.images import comfortable_scale, grid, on_white, rescale
from stylegan_pokemon.render.lettering import ACCENT, INK, PAPER, RULE, font
from stylegan_pokemon.render.loaded import LoadedGenerator, load_generator
from stylegan_pokemon.render.pictures import RenderOptions, shown_seeds
from stylegan_pokemon.render.runs import Tick, fakes
from stylegan_pokemon.render.seeds import Key

T = TypeVar("T")

MAX_FRAMES = 60
FPS = 5.0
HOLD = 2.0  # seconds that the last frame stays longer: it is what the run has come to
SIDE = 640  # pixels that the longer side of a frame is brought near


def evenly(items: Sequence[T], limit: int) -> list[T]:
    """At most `limit` of the items, evenly spaced, the first and the last always among them (limit >= 2)."""
    if len(items) <= limit:
        return list(items)
    return [items[round(i * (len(items) - 1) / (limit - 1))] for i in range(limit)]


def captioned(frame: np.ndarray, words: str, done: float) -> np.ndarray:
    """Add a strip below a frame uint8 [H, W, 3]: words under a bar that fills as `done` goes from 0 to 1."""
    width = frame.shape[1]
    text = max(12, min(28, round(width / 24)))
    strip = Image.new("RGB", (width, 2 * text), PAPER)
    draw = ImageDraw.Draw(strip)
    bar = max(2, text // 8)
    draw.rectangle((0, 0, width - 1, bar - 1), RULE)
    draw.rectangle((0, 0, max(1, round(width * done)) - 1, bar - 1), ACCENT)
    draw.text((text // 2, bar + (2 * text - bar) / 2), words, INK, font(text), anchor="lm")
    return np.concatenate([frame, np.asarray(strip)])


def progression_from_fakes(
    run: str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    max_frames: int = MAX_FRAMES,
    progress: Callable[[Iterable[Tick]], Iterable[Tick]] = iter,
    **film: Any,
) -> Path:
    """Animate the fakes<kimg>.png of a run directory, at most `max_frames` evenly chosen ones.

    path: by default progression.gif in the run directory; returned. progress: wraps the ticks, for a progress
    bar. film: as in `write_progression`. Raises UserError without such pictures, or if one cannot be read.
    """
    path = Path(run) / "progression.gif" if path is None else Path(path)
    ticks = evenly(fakes(run), max_frames)
    if not ticks:
        raise UserError(f"{run} holds no fakes<kimg>.png yet; training writes one at every tick")
    write_progression(path, ticks, (_read(tick.path) for tick in progress(ticks)), **film)
    return path


def progression_from_snapshots(
    path: str | os.PathLike[str],
    ticks: Sequence[Tick],
    newest: LoadedGenerator,
    seeds: Sequence[Key],
    labels: Sequence[int],
    options: RenderOptions,
    *,
    adaptation: float | None = None,
    progress: Callable[[Iterable[Tick]], Iterable[Tick]] = iter,
    **film: Any,
) -> None:
    """Render the same seeds with one snapshot after the other, and write them as `path`.

    ticks: snapshots, oldest first; `newest` is the last of them, loaded. All are rendered on its device and
    with its edits: directions are those of the newest snapshot.
    adaptation: of every snapshot, as `load_generator` takes it. progress and film as in
    `progression_from_fakes`. Raises UserError for a snapshot that cannot be loaded or takes other latents or
    classes.
    """

    def grids() -> Iterator[np.ndarray]:
        for tick in progress(ticks):
            is_newest = tick.path == newest.path
            source = newest if is_newest else load_generator(tick.path, newest.device, adaptation)
            source = replace(source, shift=newest.shift, edits=newest.edits)
            if _inputs(source) != _inputs(newest):
                raise UserError(
                    f"{tick.path} is of another architecture than the newest snapshot; move it away"
                )
            yield grid(list(shown_seeds(source, seeds, labels, options)))

    write_progression(path, ticks, grids(), **film)


def write_progression(
    path: str | os.PathLike[str],
    ticks: Sequence[Tick],
    pictures: Iterable[np.ndarray],
    *,
    scale: Fraction | None = None,
    fps: float = FPS,
    hold: float = HOLD,
    encoding: Callable[[Any], Any] = iter,
) -> None:
    """Write one frame per tick to `path` (.gif, .mp4 or .webp), whole or not at all.

    pictures: uint8 [H, W, C], one per tick and in their order, read one by one; the first decides the size.
    scale: whole-number enlargement or reduction (default: what brings the longer side near 640 pixels).
    fps: ticks a second. hold: seconds that the last frame stays longer. encoding: as in `save_animation`.
    """

    def frames() -> Iterator[np.ndarray]:
        size: tuple[int, int] | None = None
        for tick, picture in zip(ticks, pictures, strict=True):
            factor = scale or comfortable_scale(max(picture.shape[:2]), SIDE, SIDE)
            frame = rescale(on_white(picture), factor)
            size = size or (frame.shape[1], frame.shape[0])
            if frame.shape[:2] != size[::-1]:
                frame = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX))
            yield captioned(frame, tick.label, tick.kimg / ticks[-1].kimg if ticks[-1].kimg else 1)

    save_animation(path, frames(), fps=fps, hold=hold, encoding=encoding)


def _inputs(generator: LoadedGenerator) -> tuple[int, ...]:
    G = generator.G
    return G.z_dim, G.c_dim, G.num_ws, G.w_dim


def _read(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGBA" if "A" in image.getbands() else "RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"cannot read {path}, it is damaged; delete it and run again") from error
