"""The colour behind a picture: the one the user asks for, and the one that an opaque picture already has."""

from __future__ import annotations

import hashlib

import numpy as np
from PIL import Image, ImageColor

from dataset_tool.problems import UserError

# Share of the border that one colour must hold to be called its background: a creature may touch a side or
# two.
_UNIFORM_SHARE = 0.6


def parse_background(text: str) -> tuple[int, int, int] | None:
    """Return the colour that `text` (CSS name or #rrggbb) names, None for `random`; raises UserError."""
    if text == "random":
        return None
    try:
        colour = ImageColor.getrgb(text)
    except ValueError:
        colour = (0, 0, 0, 0)  # no opaque one
    if len(colour) != 3:
        raise UserError(
            f"--background {text} is no opaque colour: give white, black, #rrggbb, a CSS name or random"
        )
    return colour


def random_colour(seed: int, name: str) -> tuple[int, int, int]:
    """Return the colour of `--background random` for one picture: it depends on `seed` and `name` alone."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=3).digest()
    return digest[0], digest[1], digest[2]


def uniform_border(rgb: np.ndarray, tolerance: int) -> np.ndarray | None:
    """Return the colour that dominates the border of a picture, or None when no colour does.

    rgb: [H, W, 3] uint8. The most frequent colour of the outermost pixels is the candidate; it is refined
    to the median of the border pixels within `tolerance` of it (JPEG noise) and must hold 60 % of the
    border. Returns [3] uint8.
    """
    border = np.concatenate([rgb[0], rgb[-1], rgb[1:-1, 0], rgb[1:-1, -1]])
    # Colours in steps of 8 levels, so that noise around one colour does not split its votes.
    coarse = (border >> 3).astype(np.uint32)
    votes, counts = np.unique(coarse[:, 0] << 10 | coarse[:, 1] << 5 | coarse[:, 2], return_counts=True)
    winner = votes[counts.argmax()]
    candidate = np.median(border[(coarse[:, 0] << 10 | coarse[:, 1] << 5 | coarse[:, 2]) == winner], axis=0)
    near = _close(border, candidate, tolerance)
    if near.mean() < _UNIFORM_SHARE:
        return None
    return np.median(border[near], axis=0).astype(np.uint8)


def key_out(image: Image.Image, tolerance: int, soften: bool = True) -> Image.Image | None:
    """Make the uniform background of an opaque RGBA picture transparent; None when it has no such background.

    Only what is connected to the border (through sides, not corners) goes, so that eyes and bellies of the
    same colour stay. With `soften`, pixels beside the removed area that mix foreground and background are
    separated into colour and opacity: C = a·F + (1 − a)·B with F the colour farthest from B among the
    neighbours that remain. Otherwise the old background would survive as a fringe.
    """
    pixels = np.asarray(image).copy()
    rgb = pixels[:, :, :3]
    background = uniform_border(rgb, tolerance)
    if background is None:
        return None
    outside = connected_to_border(_close(rgb, background, tolerance))
    pixels[outside] = 0
    if soften:
        _soften_edge(pixels, outside, background.astype(np.float32))
    return Image.fromarray(pixels)


def visible(image: Image.Image, tolerance: int, threshold: int = 8) -> np.ndarray:
    """Return what can be seen in an RGBA picture, as [H, W] bool.

    Visible is an opacity of at least `threshold` of 255: fainter specks in the corners of drawings are
    invisible on every background. In an opaque picture with a uniform border it is whatever differs from
    the border by more than `tolerance`; in one without, everything.
    """
    pixels = np.asarray(image)
    if pixels[:, :, 3].min() < 255:
        return pixels[:, :, 3] >= threshold
    background = uniform_border(pixels[:, :, :3], tolerance)
    if background is None:
        return np.ones(pixels.shape[:2], bool)
    return ~_close(pixels[:, :, :3], background, tolerance)


def visible_box(image: Image.Image, tolerance: int) -> tuple[int, int, int, int] | None:
    """Return the box (left, top, right, bottom) of what is `visible` in a picture, or None for nothing."""
    return Image.fromarray(visible(image, tolerance).astype(np.uint8)).getbbox()


def connected_to_border(mask: np.ndarray) -> np.ndarray:
    """Return the part of `mask` ([H, W] bool) that is connected to the border through sides."""
    from scipy.ndimage import label  # here, since only --key needs it

    regions, count = label(mask)
    reached = np.zeros(count + 1, bool)
    for edge in (regions[0], regions[-1], regions[:, 0], regions[:, -1]):
        reached[edge] = True
    return reached[regions] & mask


def _close(colours: np.ndarray, reference: np.ndarray, tolerance: int) -> np.ndarray:
    return np.all(np.abs(colours.astype(np.int16) - reference.astype(np.int16)) <= tolerance, axis=-1)


def _soften_edge(pixels: np.ndarray, outside: np.ndarray, background: np.ndarray) -> None:
    """Separate the mixed pixels within two steps of `outside` in `pixels` ([H, W, 4] uint8), in place."""
    height, width = outside.shape
    distance = np.abs(pixels[:, :, :3].astype(np.float32) - background).sum(axis=2)
    distance[outside] = -1.0
    first = _neighbour_maximum(outside) & ~outside
    second = _neighbour_maximum(first) & ~outside & ~first
    # A second step is mixed only where colours still move away from the background; inside a thin dark
    # outline they come back towards it, and that is a light body, not a fringe.
    at_first = np.where(first, distance, -1.0)
    second &= _neighbour_maximum(at_first) < distance
    rows, columns = np.nonzero(first | second)
    if rows.size == 0:
        return
    best = distance[rows, columns]
    pure = pixels[rows, columns, :3].astype(np.float32)
    mixed = pure.copy()
    for down in (-2, -1, 0, 1, 2):
        for right in (-2, -1, 0, 1, 2):
            y, x = np.clip(rows + down, 0, height - 1), np.clip(columns + right, 0, width - 1)
            better = distance[y, x] > best
            best = np.where(better, distance[y, x], best)
            pure[better] = pixels[y, x, :3][better]
    direction = pure - background
    length = (direction**2).sum(axis=1)
    share = ((mixed - background) * direction).sum(axis=1) / np.maximum(length, 1.0)
    # Only colours on the line from background to foreground are mixtures; a light pattern beside a dark one
    # is not.
    residual = np.abs(mixed - background - share[:, None] * direction).max(axis=1)
    is_mixture = (share < 0.97) & (residual <= 24)
    target = pixels[rows, columns]
    target[is_mixture, :3] = pure[is_mixture].astype(np.uint8)
    target[is_mixture, 3] = np.clip(np.rint(share[is_mixture] * 255), 0, 255).astype(np.uint8)
    pixels[rows, columns] = target


def _neighbour_maximum(values: np.ndarray) -> np.ndarray:
    """Return the largest value among the four neighbours of every element of `values` ([H, W])."""
    padded = np.pad(values, 1, mode="edge")
    vertical = np.maximum(padded[:-2, 1:-1], padded[2:, 1:-1])
    return np.maximum(vertical, np.maximum(padded[1:-1, :-2], padded[1:-1, 2:]))
