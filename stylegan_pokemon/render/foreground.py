"""What of a sprite is creature, and what is background: by its colour, or by alpha."""

from __future__ import annotations

import numpy as np

FOREGROUND = 0.12  # of the full range: an antialiased edge is background up to an eighth of its contrast


def own_background(pictures: np.ndarray) -> np.ndarray:
    """Median of the outermost pixels of pictures [N, H, W, 3] in each channel: float64 [N, 3]."""
    rows, columns = pictures[:, [0, -1]], pictures[:, 1:-1, [0, -1]]
    ring = np.concatenate([edge.reshape(len(pictures), -1, 3) for edge in (rows, columns)], axis=1)
    return np.median(ring, axis=1)


def distance_from_ground(
    pictures: np.ndarray, colours: np.ndarray, background: np.ndarray | None
) -> np.ndarray:
    """How far every pixel is from the background, 0 … 1: float32 [N, H, W].

    pictures: uint8 [N, H, W, C]; with alpha it is the opacity. colours: the same as RGB [N, H, W, 3].
    background: uint8 [3] of all of them; None takes each picture's own.
    """
    if pictures.shape[-1] == 4:
        return pictures[..., 3].astype(np.float32) / 255
    ground = own_background(colours)[:, None, None] if background is None else background
    difference = np.abs(colours.astype(np.float32) - np.asarray(ground, np.float32))
    red, green, blue = np.moveaxis(difference, -1, 0)
    return np.maximum(np.maximum(red, green), blue) / 255
