"""Light from the upper left on flat parts: which way surfaces face, their marks, the shadows they cast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dataset_tool.forge.draft import Part
from dataset_tool.forge.raster import Box, blur

LIGHT = np.array([-0.55, -0.835])  # the direction to the light, (x, y)


def facing_away(inside: np.ndarray, part: Part, unit: float) -> tuple[np.ndarray, float]:
    """How far the surface turns from the light, [h, w], about 1 (away) … -1 (towards), and the step
    of that value from one pixel to the next, for antialiased cuts through it.

    `inside` is the part's mask, `unit` the pixels of one pixel of a 256 frame. The blurred mask is a height
    field: its slope says which way the surface faces. Thicker parts are rounded more widely. Only for a part
    with relief.
    """
    area = float(inside.sum())
    perimeter = sum(
        float(np.linalg.norm(np.diff(o, axis=0, append=o[:1]), axis=1).sum()) for o in part.outlines
    )
    sigma = max(0.24 * part.relief * 2 * area / max(perimeter, 1e-6), 1.2 * unit)
    height = blur(inside, sigma)
    slope_y, slope_x = np.gradient(height)
    return (slope_x * LIGHT[0] + slope_y * LIGHT[1]) * sigma / 0.4, 0.45 / sigma


def surface(base: np.ndarray, marks: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The colour of a part with its marks, float32 [3, h, w], or [3, 1, 1] where it has none.

    `base` is [3]; a mark is its colour [3] and its coverage [h, w].
    """
    base = base.astype(np.float32)[:, None, None]
    for colour, coverage in marks:
        base = base * (1 - coverage) + colour.astype(np.float32)[:, None, None] * coverage
    return base


def cast_shadow(
    canvas: np.ndarray, box: Box, outside: np.ndarray, unit: float, depths: tuple[float, float, float]
) -> None:
    """Darken what lies behind a part, in place, by a share of red, green and blue each."""
    dx, dy = round(2 * unit), round(6 * unit)
    moved = np.zeros_like(outside)
    moved[dy:, dx:] = outside[: outside.shape[0] - dy, : outside.shape[1] - dx]
    for plane, depth in zip(canvas[:3], depths, strict=True):
        plane[box.slices] *= 1 - depth * moved
