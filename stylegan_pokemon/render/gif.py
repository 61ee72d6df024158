"""GIF files that stay small and play at the right speed.

Three things decide the size of a GIF: one global palette without dithering (dither noise cannot be
compressed), only the rectangle that changed, and unchanged pixels inside it left transparent. On cross-fades
of sprites that gave half the size of Pillow's optimised file and four fifths of ffmpeg's.

Pillow encodes the LZW streams. The container (GIF89a specification, W3C 1990) is put together here because
Pillow's own writer decides by itself about local palettes and merged frames.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from PIL import Image
from PIL.GifImagePlugin import getdata

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import whole_file
from stylegan_pokemon.sprites.quantize import PaletteIndex, shared_palette

MIN_DELAY = 2  # hundredths of a second; browsers show anything shorter at 10 hundredths
MAX_DELAY = 65535
_TRANSPARENT = 255
_OPAQUE = 128  # of alpha


def save_gif(
    path: str | os.PathLike[str],
    frames: Sequence[np.ndarray],
    delays: Sequence[int],
    *,
    scale: int = 1,
    encoding: Callable[[Iterable[np.ndarray]], Iterable[np.ndarray]] = iter,
) -> None:
    """Write an endlessly looping GIF, whole or not at all.

    frames: uint8 [H, W, 3], all of one size, at least one; or [H, W, 4], whose pixels are opaque from half
    alpha on and else transparent, since a GIF knows no more. delays: hundredths of a second, one per frame,
    2 … 65535. scale: every pixel becomes scale × scale pixels. encoding: wraps the frames, for a bar.
    A frame that looks like the one before it is not stored; its time goes to the former. Raises UserError for
    a delay or size that GIF cannot hold.
    """
    height, width = (side * scale for side in frames[0].shape[:2])
    if max(width, height) > 65535:
        raise UserError(f"{width} × {height} is more than a GIF can hold (65535); choose a smaller --scale")
    if min(delays) < MIN_DELAY or max(delays) > MAX_DELAY:
        raise UserError(
            f"a GIF frame lasts {MIN_DELAY} to {MAX_DELAY} hundredths of a second; choose another --fps"
        )
    alpha = frames[0].shape[-1] == 4
    seen = [frame[frame[..., 3] >= _OPAQUE][None, :, :3] for frame in frames] if alpha else frames
    if not any(frame.size for frame in seen):
        seen = [np.zeros((1, 1, 3), np.uint8)]
    index = PaletteIndex(palette := shared_palette(seen, colours=_TRANSPARENT))
    each = encoding(frames)
    shown_frames = _cutouts(each, index, delays) if alpha else _changes(map(index, each), delays)
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        table = palette.tobytes().ljust(3 * 256, b"\0")
        file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + table)
        file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")  # 0 repetitions means for ever
        for pixels, (left, top), shown in shown_frames:
            image = Image.fromarray(pixels.repeat(scale, axis=0).repeat(scale, axis=1))
            # What is transparent stays as it was, or with alpha is cleared before the next frame.
            how = {"duration": 10 * shown, "transparency": _TRANSPARENT, "disposal": 2 if alpha else 1}
            file.write(b"".join(getdata(image, (left * scale, top * scale), **how)))
        file.write(b";")


def _cutouts(
    frames: Iterable[np.ndarray], index: PaletteIndex, delays: Sequence[int]
) -> Iterator[tuple[np.ndarray, tuple[int, int], int]]:
    """As `_changes`, but each rectangle holds all that is opaque in its frame."""
    before: np.ndarray | None = None
    shown = 0
    for frame, delay in zip(frames, delays, strict=True):
        indices = np.where(frame[..., 3] >= _OPAQUE, index(frame[..., :3]), _TRANSPARENT).astype(np.uint8)
        if before is not None:
            if np.array_equal(indices, before) and shown + delay <= MAX_DELAY:
                shown += delay
                continue
            yield *_opaque(before), shown
        before, shown = indices, delay
    assert before is not None
    yield *_opaque(before), shown


def _opaque(indices: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """The smallest rectangle of palette entries that holds the opaque ones, and its left and top."""
    opaque = Image.fromarray((indices != _TRANSPARENT).astype(np.uint8))
    left, top, right, bottom = opaque.getbbox() or (0, 0, 1, 1)
    return indices[top:bottom, left:right], (left, top)


def _changes(
    frames: Iterator[np.ndarray], delays: Sequence[int]
) -> Iterator[tuple[np.ndarray, tuple[int, int], int]]:
    """Yield the rectangle that each frame changes: its pixels, its left and top, and how long it is shown.

    Pixels are palette entries uint8 [h, w], _TRANSPARENT where nothing changes. Frames that change nothing
    lengthen the one before.
    """
    before: np.ndarray | None = None
    pixels, corner, shown = np.empty((0, 0), np.uint8), (0, 0), 0
    for indices, delay in zip(frames, delays, strict=True):
        differs = np.ones(indices.shape, dtype=bool) if before is None else indices != before
        if before is not None:
            if not differs.any() and shown + delay <= MAX_DELAY:
                shown += delay
                continue
            yield pixels, corner, shown
        left, top, right, bottom = Image.fromarray(differs.astype(np.uint8)).getbbox() or (0, 0, 1, 1)
        pixels = np.where(differs, indices, _TRANSPARENT).astype(np.uint8)[top:bottom, left:right]
        corner, shown, before = (left, top), delay, indices
    yield pixels, corner, shown
