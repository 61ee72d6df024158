"""A picture becomes pixel art: each pixel takes one colour of those under it, never a blur."""

from __future__ import annotations

import numpy as np
from PIL import Image

from dataset_tool.pixel_art import pixel_size

_MOST = 8  # pixels a side of a cell: more change no choice, and cost time
_FEWEST = 3  # where pictures must be resampled
_COARSE = 4  # bits of a channel that tell colours apart where a cell's most frequent one is looked for
_CELLS_AT_ONCE = 2048


def enlargement(picture: np.ndarray) -> int:
    """The n of a picture uint8 [H, W, 4] whose pixels were each enlarged to n × n; 1 of any other."""
    n = max(1, pixel_size(Image.fromarray(picture)))
    small = picture[::n, ::n]
    enlarged = small.repeat(n, axis=0).repeat(n, axis=1)
    return n if enlarged.shape == picture.shape and (enlarged == picture).all() else 1


def is_pixel_art(picture: np.ndarray) -> bool:
    """Whether a picture uint8 [H, W, 4] was drawn pixel by pixel, so that its edges are hard."""
    return pixel_size(Image.fromarray(picture)) > 0


def in_cells(picture: np.ndarray, side: int) -> tuple[np.ndarray, int]:
    """Bring a picture uint8 [H, W, 4] to cells of k × k pixels for a square sprite: ([side·k, side·k, 4], k).

    The longer side fills the sprite; the shorter one is padded. Pixel art that fits is enlarged by a whole
    number instead, k = 1, and centred.
    """
    longest = max(picture.shape[:2])
    if longest <= side and is_pixel_art(picture):
        n = side // longest
        return _square(picture.repeat(n, axis=0).repeat(n, axis=1), side), 1
    square = _square(picture, longest)
    k = longest // side
    if longest % side == 0 and k <= _MOST:
        return square, k
    k = min(_MOST, max(_FEWEST, -(-longest // side)))
    filter_ = Image.Resampling.BOX if longest > k * side else Image.Resampling.BICUBIC
    premultiplied = Image.fromarray(square).convert("RGBa").resize((k * side, k * side), filter_)
    return np.asarray(premultiplied.convert("RGBA")), k


def reduced(picture: np.ndarray, k: int, cell: str, exact: bool) -> np.ndarray:
    """One pixel for each cell of k × k: uint8 [k·S, k·S, 4] → [S, S, 4].

    cell: mode (the most frequent colour of the cell; the darker one of two as frequent, so that outlines
    stay) or median (the pixel of median lightness). exact: colours are those of a palette, and told apart
    exactly; otherwise similar ones are averaged. Opacity is the mean of the cell's.
    """
    if k == 1:
        return picture
    side = picture.shape[0] // k
    cells = picture.reshape(side, k, side, k, 4).swapaxes(1, 2).reshape(-1, k * k, 4)
    choose = _mode if cell == "mode" else _median
    parts = [cells[i : i + _CELLS_AT_ONCE] for i in range(0, len(cells), _CELLS_AT_ONCE)]
    colours = np.concatenate([choose(part, exact) for part in parts])
    opacity = cells[..., 3].mean(axis=1)
    return np.rint(np.hstack([colours, opacity[:, None]])).astype(np.uint8).reshape(side, side, 4)


def hardened(picture: np.ndarray) -> np.ndarray:
    """Opacity 0 or 255, decided at one half."""
    hard = picture.copy()
    hard[..., 3] = np.where(picture[..., 3] >= 128, 255, 0)
    return hard


def _mode(cells: np.ndarray, exact: bool) -> np.ndarray:
    """The most frequent colour of cells [N, P, 4] as float [N, 3]; invisible pixels do not vote."""
    counted = _counted(cells)
    bits = 8 if exact else _COARSE
    coarse = (cells[..., :3] >> (8 - bits)).astype(np.int32)
    keys = (coarse[..., 0] << 2 * bits) | (coarse[..., 1] << bits) | coarse[..., 2]
    same = (keys[:, :, None] == keys[:, None, :]) & counted[:, None, :] & counted[:, :, None]
    votes = same.sum(axis=2) + (255 - _lightness(cells)) / 1024
    chosen = np.where(counted, votes, -1).argmax(axis=1)
    members = same[np.arange(len(cells)), chosen].astype(np.float32)
    total = np.einsum("np,npc->nc", members, cells[..., :3].astype(np.float32))
    return total / np.maximum(members.sum(axis=1), 1)[:, None]


def _median(cells: np.ndarray, exact: bool) -> np.ndarray:
    counted = _counted(cells)
    order = np.argsort(np.where(counted, _lightness(cells), np.inf), axis=1, kind="stable")
    middle = np.maximum(counted.sum(axis=1) - 1, 0) // 2
    places = np.arange(len(cells))
    return cells[places, order[places, middle], :3].astype(np.float32)


def _counted(cells: np.ndarray) -> np.ndarray:
    """Which pixels of each cell are visible; where none is by half, those that are at all."""
    clear = cells[..., 3] >= 128
    return np.where(clear.any(axis=1, keepdims=True), clear, cells[..., 3] > 0)


def _lightness(cells: np.ndarray) -> np.ndarray:
    return cells[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601 luma


def _square(picture: np.ndarray, side: int) -> np.ndarray:
    """Centre a picture in a square; around it is nothing, or for an opaque picture its edge continued."""
    down, right = side - picture.shape[0], side - picture.shape[1]
    around = ((down // 2, down - down // 2), (right // 2, right - right // 2), (0, 0))
    opaque = picture[..., 3].min() == 255
    return np.pad(picture, around, mode="edge" if opaque else "constant")
