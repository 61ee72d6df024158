"""Many sprites on one sheet, and where each of them lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.sprites.batch import Picture, Sprite

MOST = 16_384  # pixels a side that graphics cards take as one texture
_APART = 2  # pixels between frames that touch their edges, so that scaling does not mix neighbours
STEPS, DIRECTIONS = 3, 4  # of a character in RPG Maker: down, left, right, up


class Placed(NamedTuple):
    """A frame on the sheet: its name, box in pixels, and milliseconds where it is of a film."""

    name: str
    x: int
    y: int
    width: int
    height: int
    duration: int | None


class Tag(NamedTuple):
    """A film among the frames: its name, and its first and last frame."""

    name: str
    first: int
    last: int


class Atlas(NamedTuple):
    """A sheet uint8 [H, W, 4], its frames in order, its films; for frames of one size (columns, apart)."""

    sheet: np.ndarray
    frames: tuple[Placed, ...]
    tags: tuple[Tag, ...]
    grid: tuple[int, int] | None


def frame_names(sprite: Picture | Sprite) -> list[str]:
    """File names of the frames of a sprite, numbered where it has several."""
    if len(sprite.frames) == 1:
        return [f"{sprite.name}.png"]
    return [f"{sprite.name}-{number:04d}.png" for number in range(len(sprite.frames))]


def make_atlas(sprites: Sequence[Sprite]) -> Atlas:
    """Lay all frames of the sprites on one sheet, in rows; frames of one size make a grid, in order.

    Frames of several sizes are laid on shelves, the tallest first. They lie two pixels apart where any of
    them touches its edge, and side by side otherwise. Raises UserError where a side exceeds 16,384 pixels.
    """
    frames = [frame for sprite in sprites for frame in sprite.frames]
    sizes = [(frame.shape[1], frame.shape[0]) for frame in frames]
    apart = _APART if any(_touches_edge(frame) for frame in frames) else 0
    if len(set(sizes)) == 1:
        width, height = sizes[0]
        columns = math.ceil(math.sqrt(len(frames) * height / width))  # about a square
        grid = (columns, apart)
        places = [
            (i % columns * (width + apart), i // columns * (height + apart)) for i in range(len(frames))
        ]
    else:
        grid, places = None, _on_shelves(sizes, apart)
    right = max(x + w for (x, _), (w, _) in zip(places, sizes, strict=True))
    bottom = max(y + h for (_, y), (_, h) in zip(places, sizes, strict=True))
    if max(right, bottom) > MOST:
        raise UserError(
            f"--atlas: the sheet of {len(frames)} frames would have {right} × {bottom} pixels, and graphics"
            f" cards take up to {MOST} a side; give fewer pictures or smaller --pixels"
        )
    sheet = np.zeros((bottom, right, 4), np.uint8)
    for frame, (x, y) in zip(frames, places, strict=True):
        sheet[y : y + frame.shape[0], x : x + frame.shape[1]] = frame
    names = [name for sprite in sprites for name in frame_names(sprite)]
    durations = [d for sprite in sprites for d in sprite.durations or [None] * len(sprite.frames)]
    placed = (
        Placed(name, x, y, w, h, duration)
        for name, (x, y), (w, h), duration in zip(names, places, sizes, durations, strict=True)
    )
    return Atlas(sheet, tuple(placed), tuple(_tags(sprites)), grid)


def character_sheet(frames: Sequence[np.ndarray]) -> np.ndarray:
    """RPG Maker's sheet of one character, 3 steps × 4 directions: [S, S, 4] each → [4·S, 3·S, 4].

    frames: 1 stands in every step, 3 are the steps of every direction, 12 all of them row by row. Where the
    directions share pictures, the row to the right is mirrored. Raises ValueError for another number.
    """
    if len(frames) not in (1, STEPS, STEPS * DIRECTIONS):
        raise ValueError(f"{len(frames)} frames make no character of 3 × 4; a film of 1, 3 or 12 does")
    if len(frames) == STEPS * DIRECTIONS:
        rows = [np.hstack(frames[i : i + STEPS]) for i in range(0, len(frames), STEPS)]
    else:
        steps = list(frames) * (STEPS // len(frames))
        row, mirrored = np.hstack(steps), np.hstack([frame[:, ::-1] for frame in steps])
        rows = [row, row, mirrored, row]
    return np.vstack(rows)


def _tags(sprites: Sequence[Sprite]) -> list[Tag]:
    tags, first = [], 0
    for sprite in sprites:
        if len(sprite.frames) > 1:
            tags.append(Tag(sprite.name, first, first + len(sprite.frames) - 1))
        first += len(sprite.frames)
    return tags


def _touches_edge(frame: np.ndarray) -> bool:
    alpha = frame[..., 3]
    return bool(alpha[[0, -1]].any() or alpha[:, [0, -1]].any())


def _on_shelves(sizes: Sequence[tuple[int, int]], apart: int) -> list[tuple[int, int]]:
    """Left and top of boxes (width, height) on shelves of about the width that makes the sheet square."""
    area = sum((width + apart) * (height + apart) for width, height in sizes)
    limit = max(math.isqrt(area), *(width for width, _ in sizes))
    places = [(0, 0)] * len(sizes)
    x = y = shelf = 0
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i][1]):
        width, height = sizes[i]
        if x and x + width > limit:
            x, y, shelf = 0, y + shelf + apart, 0
        places[i], x, shelf = (x, y), x + width + apart, max(shelf, height)
    return places
