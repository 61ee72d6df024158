"""The `sprite` style: crisp dark outlines of even weight and cel shading in three tones, lit from the upper
left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from dataset_tool.forge.draft import Part, Stroke
from dataset_tool.forge.palettes import Palette
from dataset_tool.forge.raster import Box, blank_canvas, blur, bounding_box, line_mask, mask, over, to_image

_OUTLINE = 2.9  # pixels of outline in a frame of 256
_LIGHT = np.array([-0.55, -0.835])  # the direction to the light, (x, y)
_SHADE_FROM, _LIGHT_FROM = 0.40, 0.66  # how far a surface must turn from / to the light to change its tone


def render_sprite(parts: Sequence[Part | Stroke], palette: Palette, size: int) -> Image.Image:
    """Draw fitted parts (pixel coordinates) as an RGBA picture of size × size with a transparent
    background."""
    canvas = blank_canvas(size)
    unit = size / 256
    for part in parts:
        if isinstance(part, Stroke):
            width = part.width * _OUTLINE * unit
            box = bounding_box([part.points], width, size)
            colour = palette[part.paint]
            over(
                canvas,
                box,
                colour.line if part.paint != "ink" else colour.base,
                line_mask([part.points], width, box),
            )
        else:
            _render_part(canvas, part, palette, unit)
    return to_image(canvas)


def _render_part(canvas: np.ndarray, part: Part, palette: Palette, unit: float) -> None:
    width = part.line * _OUTLINE * unit
    box = bounding_box(part.outlines, width + 8 * unit, canvas.shape[1])
    inside = mask(part.outlines, box)
    outside = mask(part.outlines, box, grow=width) if width > 0 else inside
    if part.shadow:
        _cast_shadow(canvas, box, outside, unit)
    paint = palette[part.paint]
    if width > 0:
        over(canvas, box, paint.line, outside)
    tones = _tones(inside, part, unit)
    marks = [(palette[m.paint], mask([m.outline], box)) for m in part.marks]
    colours = [_surface(getattr(paint, tone), [(getattr(p, tone).astype(np.float32), m) for p, m in marks])
               for tone in ("base", "shade", "light")]  # fmt: skip
    if tones is None:
        over(canvas, box, colours[0], inside)
        return
    shade, light = tones
    colour = sum(c * t for c, t in zip(colours, (1 - shade - light, shade, light), strict=True))
    over(canvas, box, colour, inside)


def _surface(base: np.ndarray, marks: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The colour of a part with its marks, float32 [3, h, w], or [3, 1, 1] where it has none."""
    base = base.astype(np.float32)[:, None, None]
    for colour, coverage in marks:
        base = base * (1 - coverage) + colour[:, None, None] * coverage
    return base


def _tones(inside: np.ndarray, part: Part, unit: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Where the part is shaded and where it is lit, each [h, w] in 0 … 1 and never both; None: flat.

    The blurred mask is a height field: its slope says which way the surface faces. Cutting that at two
    levels gives the crescents of cel shading, wider on thicker parts.
    """
    if part.relief <= 0:
        return None
    area = float(inside.sum())
    perimeter = sum(
        float(np.linalg.norm(np.diff(o, axis=0, append=o[:1]), axis=1).sum()) for o in part.outlines
    )
    sigma = max(0.24 * part.relief * 2 * area / max(perimeter, 1e-6), 1.2 * unit)
    height = blur(inside, sigma)
    slope_y, slope_x = np.gradient(height)
    facing_away = (slope_x * _LIGHT[0] + slope_y * _LIGHT[1]) * sigma / 0.4
    edge = 0.45 / sigma  # one pixel of antialiasing
    shade = np.clip((facing_away - _SHADE_FROM) / edge + 0.5, 0, 1)
    light = np.clip((-facing_away - _LIGHT_FROM) / edge + 0.5, 0, 1)
    return shade, light


def _cast_shadow(canvas: np.ndarray, box: Box, outside: np.ndarray, unit: float) -> None:
    dx, dy = round(2 * unit), round(6 * unit)
    moved = np.zeros_like(outside)
    moved[dy:, dx:] = outside[: outside.shape[0] - dy, : outside.shape[1] - dx]
    for plane, depth in zip(canvas[:3], (0.26, 0.28, 0.16), strict=True):
        plane[box.slices] *= 1 - depth * moved
