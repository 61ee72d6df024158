"""The shape of a sprite: its largest piece, its place in the frame, its outline, its sharpness.

Pictures are uint8 [H, W, 4] with straight alpha.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor
from scipy.ndimage import label, maximum_filter
from scipy.ndimage import sum as sum_of

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.sprites.quantize import oklab

_CORNERS = np.ones((3, 3), bool)
_SIDES = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
_VISIBLE = 26  # a tenth: fainter pixels do not decide where a sprite stands
_ROUNDS = 2  # of sharpening, on a doubled picture: more changed little, measured against real sprites
_EDGE = 0.06  # least difference over two pixels that is an edge, in OKLab; shading stays below
_LEEWAY = 1.06  # how much longer the way over a pixel between two others may be than the straight one


def largest_piece(picture: np.ndarray) -> np.ndarray:
    """Make everything but the largest piece (pixels that touch at sides or corners) invisible."""
    pieces, count = label(picture[..., 3] > 0, _CORNERS)
    if count < 2:
        return picture
    weight = sum_of(picture[..., 3].astype(np.int64), pieces, range(1, count + 1))
    alone = picture.copy()
    alone[pieces != 1 + int(np.argmax(weight))] = 0
    return alone


def aligned(frames: Sequence[np.ndarray], how: str) -> list[np.ndarray]:
    """Move frames of one size, all by the same way, so that what they show is centred or stands on a line.

    how: center, or baseline: centred across, with its lowest pixel a sixteenth of the height above the
    frame's lower edge, or as low as it can stand. Frames without visible pixels stay.
    """
    seen = np.any([frame[..., 3] >= _VISIBLE for frame in frames], axis=0)
    if not seen.any():
        return list(frames)
    height, width = seen.shape
    rows, columns = np.nonzero(seen.any(axis=1))[0], np.nonzero(seen.any(axis=0))[0]
    right = (width - columns[0] - columns[-1] - 1) // 2
    if how == "center":
        down = (height - rows[0] - rows[-1] - 1) // 2
    else:
        down = max(height - max(1, height // 16) - rows[-1] - 1, -rows[0])
    return [_moved(frame, int(down), int(right)) for frame in frames]


def outlined(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Draw an outline around what is visible, under its edge; one pixel wide in frames below 256."""
    opacity = picture[..., 3] / 255
    ring = opacity
    for _ in range(max(1, min(picture.shape[:2]) // 128)):
        ring = maximum_filter(ring, footprint=_SIDES)
    below = (1 - opacity) * ring
    total = opacity + below
    mixed = picture[..., :3] * opacity[..., None] + np.array(colour) * below[..., None]
    colours = mixed / np.maximum(total, 1 / 255)[..., None]
    return np.rint(np.dstack([colours, 255 * total])).astype(np.uint8)


def parse_outline(text: str) -> tuple[int, int, int]:
    """The colour of --outline: a CSS name or #rrggbb. Raises UserError."""
    try:
        colour = ImageColor.getrgb(text)
    except ValueError:
        colour = (0, 0, 0, 0)  # no opaque one
    if len(colour) != 3:
        raise UserError(f"--outline {text} is no colour; give black, #rrggbb or another CSS name")
    return colour


def sharpened(picture: np.ndarray) -> np.ndarray:
    """Narrow soft edges: double, give pixels between two others the colour of the nearer one, and halve.

    For each pixel of the doubled picture the direction of the steepest change is taken (of four). Where its
    colour lies between those of its two neighbours in this direction, it becomes the nearer one of these,
    opacity included. Lines and dots lie between nothing and stay; so does shading. It is the toggle mapping
    of H. P. Kramer and J. B. Bruckner 1975, in OKLab over white, along the gradient. Halving leaves edges
    antialiased.
    """
    height, width = picture.shape[:2]
    image = Image.fromarray(picture).convert("RGBa")
    large = image.resize((2 * width, 2 * height), Image.Resampling.BICUBIC)
    sharp = Image.fromarray(_toggled(np.asarray(large.convert("RGBA"))))
    small = sharp.convert("RGBa").resize((width, height), Image.Resampling.BOX)
    return np.asarray(small.convert("RGBA"))


def _toggled(picture: np.ndarray) -> np.ndarray:
    """Each pixel between two others replaced by the nearer of these, twice."""
    for _ in range(_ROUNDS):
        opacity = picture[..., 3:] / np.float32(255)
        seen = oklab(picture[..., :3] * opacity + 255 * (1 - opacity))
        padded = np.pad(np.dstack([seen, opacity]), ((1, 1), (1, 1), (0, 0)), mode="edge")
        colours = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
        height, width = picture.shape[:2]

        def beside(values: np.ndarray, down: int, right: int, h: int = height, w: int = width) -> np.ndarray:
            return values[1 + down : 1 + down + h, 1 + right : 1 + right + w]

        steepest = np.full((height, width), _EDGE, np.float32)
        result = picture.copy()
        here = padded[1:-1, 1:-1]
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            one, other = beside(padded, -down, -right), beside(padded, down, right)
            whole = np.linalg.norm(one - other, axis=2) / np.hypot(down, right)
            to_one, to_other = np.linalg.norm(here - one, axis=2), np.linalg.norm(here - other, axis=2)
            steeper = whole > steepest
            between = to_one + to_other <= _LEEWAY * whole * np.hypot(down, right)
            nearer = to_one <= to_other
            result[steeper] = picture[steeper]
            first, second = steeper & between & nearer, steeper & between & ~nearer
            result[first] = beside(colours, -down, -right)[first]
            result[second] = beside(colours, down, right)[second]
            steepest = np.maximum(steepest, whole)
        picture = result
    return picture


def _moved(picture: np.ndarray, down: int, right: int) -> np.ndarray:
    height, width = picture.shape[:2]
    moved = np.zeros_like(picture)
    rows = slice(max(0, down), height + min(0, down))
    columns = slice(max(0, right), width + min(0, right))
    from_rows = slice(max(0, -down), height + min(0, -down))
    from_columns = slice(max(0, -right), width + min(0, -right))
    moved[rows, columns] = picture[from_rows, from_columns]
    return moved
