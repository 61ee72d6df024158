"""The plain background of a picture becomes transparency: C = a·F + (1 − a)·B, solved for a and F.

A flood fill from the border, over colours near the background's, decides what goes. So bellies, eyes and
teeth of the same colour stay. Where an outline has a gap, the fill would run into the body; a morphological
barrier stops it. Pixels that mix foreground and background become part opaque, in the colour of the
foreground alone.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, label, maximum, maximum_filter

from dataset_tool.background import connected_to_border, uniform_border

TOLERANCE = 12  # levels of 255: what JPEG and a trained network add to a plain background
_GAP = 1 / 32  # of the shorter side: the widest gap in an outline that is closed, 2 pixels of 64
_ROOMY = 2.5  # times the gap: a narrower bay behind it is one between limbs, and no body
_OPAQUE = 0.97  # from here on a pixel counts as unmixed
_OFF_LINE = 24.0  # levels that a mixture may lie beside the line from background to foreground
_FAINT = 0.2  # a pixel of lower opacity at the background is the outer half of a soft edge
_PALE = 1 / 3  # of the contrast of its neighbours: a paler pixel at the background is mixed, whatever its hue
_SPECK = 64  # levels: no piece of a drawing is that pale all over, unless the whole drawing is
_HAZE = (
    3  # times the tolerance: up to here pixels near the background are a veil, less opaque the paler they are
)
_HAZE_REACH = 3  # pixels
_ROOM = 32  # levels: near white a pixel that is one level whiter still is no reason to be opaque
_REACH = 2  # pixels from a mixed one in which its foreground is looked for
_CORNERS = np.ones((3, 3), bool)


class CutOut(NamedTuple):
    """A picture without its background.

    picture: uint8 [H, W, 4], straight alpha. removed: share of the pixels that became invisible. closed:
    share that a barrier across gaps kept, which a plain flood fill would have removed.
    """

    picture: np.ndarray
    removed: float
    closed: float


def cut_out(
    rgb: np.ndarray, *, tolerance: int = TOLERANCE, gap: float | None = None, hard: bool = False
) -> CutOut | None:
    """Cut out what is drawn on a plain background; None where no colour holds most of the border.

    rgb: uint8 [H, W, 3]. tolerance: how far, in levels of the farthest channel, the background may vary. gap:
    widest gap of an outline in pixels that is closed (None: 1/32 of the shorter side; 0: none). hard: opacity
    is 0 or 255, decided at one half.
    Laid over the background again, the soft result is the picture again, but for what lies within
    `tolerance`.
    """
    background = uniform_border(rgb, tolerance)
    if background is None:
        return None
    away = np.abs(rgb.astype(np.int16) - background.astype(np.int16)).max(axis=2)
    flooded = connected_to_border(away <= tolerance)
    kept = _behind_gaps(flooded, min(rgb.shape[:2]) * _GAP if gap is None else gap)
    outside = flooded & ~kept
    outside |= _specks(away, ~outside)
    haze = (
        binary_dilation(outside, iterations=_HAZE_REACH, mask=outside | (away <= _HAZE * tolerance))
        & ~outside
    )
    faintness = away / max(1, _HAZE * tolerance)
    opacity, colours = _unmix(rgb, outside, np.where(haze, faintness**2, 1), background.astype(np.float32))
    alpha = np.where(opacity >= 0.5, 255, 0) if hard else np.rint(opacity * 255)
    picture = np.dstack([colours, alpha.astype(np.uint8)])
    return CutOut(picture, float((picture[..., 3] == 0).mean()), float(kept.mean()))


def bleed(picture: np.ndarray) -> np.ndarray:
    """Give every invisible pixel of uint8 [H, W, 4] the colour of the nearest visible one.

    Scaling mixes neighbours' colours before it looks at their opacity. Without this a sprite gets a rim of
    the colour that its invisible pixels happen to have.
    """
    hidden = picture[..., 3] == 0
    if not hidden.any() or hidden.all():
        return picture
    down, right = distance_transform_edt(hidden, return_distances=False, return_indices=True)
    filled = picture.copy()
    filled[..., :3] = picture[down, right, :3]
    return filled


def _behind_gaps(flooded: np.ndarray, gap: float) -> np.ndarray:
    """The rooms that a flood fill [H, W] entered through gaps of up to `gap` pixels, as bool [H, W].

    A disc that does not fit through the gap is rolled in from the border. Where it fits, but cannot come, and
    there is room for one of 2.5 times its size, lies a room behind a gap.
    """
    edge = int(gap) + 2
    padded = np.pad(flooded, edge, constant_values=True)
    depth = distance_transform_edt(padded)
    fits = depth > gap / 2
    rooms, count = label(fits, _CORNERS)
    if count < 2 or gap <= 0:
        return np.zeros_like(flooded)
    roomy = np.append(False, maximum(depth, rooms, range(1, count + 1)) >= _ROOMY * gap / 2)
    roomy[rooms[0, 0]] = False
    grow = {"iterations": edge, "mask": padded}
    reached = binary_dilation(rooms == rooms[0, 0], **grow)
    behind = binary_dilation(roomy[rooms], **grow) & ~reached if roomy.any() else np.zeros_like(padded)
    return behind[edge:-edge, edge:-edge]


def _specks(away: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Pieces of `inside` [H, W] that are nowhere far from the background: veils and dirt."""
    pieces, count = label(inside, _CORNERS)
    if count < 2:
        return np.zeros_like(inside)
    strongest = maximum(away, pieces, range(count + 1))
    strongest[0] = strongest[1:].max()
    return (strongest < min(_SPECK, strongest[0]))[pieces]


def _unmix(
    rgb: np.ndarray, outside: np.ndarray, most: np.ndarray, background: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Opacity float [H, W], up to `most`, and colours uint8 [H, W, 3] of a picture whose background is
    `outside`.

    An antialiased edge is one pixel wide. Where it is softer, the second pixel is solved too: behind one that
    is mostly background, while the contrast still rises. Inside a thin outline colours come back towards the
    background; that is no mixture.
    """
    difference = rgb.astype(np.float32) - background
    contrast = np.abs(difference).sum(axis=2)
    contrast[outside] = -1.0
    opacity = np.where(outside, 0, most).astype(np.float32)
    first = binary_dilation(outside, _CORNERS) & ~outside
    opacity[first] = np.minimum(opacity[first], _shares(difference, contrast, first))
    faint = first & (opacity < _FAINT)
    second = binary_dilation(faint, _CORNERS) & (opacity == 1) & ~first
    second &= maximum_filter(np.where(faint, contrast, -1.0), 3) < contrast
    opacity[second] = _shares(difference, contrast, second)
    mixed = (opacity > 0) & (opacity < 1)
    room = np.where(difference[mixed] > 0, 255 - background, background)
    least = (np.abs(difference[mixed]) / np.maximum(room, _ROOM)).max(axis=1)  # below it no colour solves C
    opacity[mixed] = np.maximum(opacity[mixed], np.minimum(least, 1))
    colours = rgb.copy()
    solved = difference[mixed] / opacity[mixed, None] + background
    colours[mixed] = np.clip(np.rint(solved), 0, 255).astype(np.uint8)
    return opacity, colours


def _shares(difference: np.ndarray, contrast: np.ndarray, mixed: np.ndarray) -> np.ndarray:
    """The share of the foreground in each pixel of `mixed`, float32 [N], 1/255 … 1.

    A mixture lies on the line from the background to the colour of a pixel nearby. Of several such pixels the
    one of the highest contrast is taken, since the others may be mixed themselves.
    """
    rows, columns = np.nonzero(mixed)
    colour, strongest = difference[mixed], contrast[mixed]
    share = np.ones(len(rows), np.float32)
    highest = maximum_filter(contrast, 2 * _REACH + 1)[mixed]
    around = np.pad(difference, ((_REACH, _REACH), (_REACH, _REACH), (0, 0)))
    strengths = np.pad(contrast, _REACH, constant_values=-1.0)
    for down, right in product(range(2 * _REACH + 1), repeat=2):
        strength = strengths[rows + down, columns + right]
        (near,) = np.nonzero(strength > strongest)
        direction = around[rows[near] + down, columns[near] + right]
        a = (colour[near] * direction).sum(axis=1) / (direction**2).sum(axis=1)
        off = np.abs(colour[near] - a[:, None] * direction).max(axis=1)
        fits = (off <= _OFF_LINE) & (a < _OPAQUE)
        strongest[near[fits]], share[near[fits]] = strength[near[fits]], a[fits]
    pale = (share == 1) & (contrast[mixed] < _PALE * highest)
    share[pale] = contrast[mixed][pale] / highest[pale]
    return np.clip(share, 1 / 255, 1)
