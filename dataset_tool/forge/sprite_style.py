"""The `sprite` style: crisp dark outlines of even weight and cel shading in three tones, lit from the upper
left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from dataset_tool.forge.draft import Part, Stroke
from dataset_tool.forge.palettes import Palette
from dataset_tool.forge.raster import blank_canvas, bounding_box, line_mask, mask, over, to_image
from dataset_tool.forge.relief import cast_shadow, facing_away, surface

_OUTLINE = 2.9  # pixels of outline in a frame of 256
_SHADE_FROM, _LIGHT_FROM = 0.40, 0.66  # how far a surface must turn from / to the light to change its tone
_SHADOW = (0.26, 0.28, 0.16)  # what a cast shadow takes of red, green, blue


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
        cast_shadow(canvas, box, outside, unit, _SHADOW)
    paint = palette[part.paint]
    if width > 0:
        over(canvas, box, paint.line, outside)
    tones = _tones(inside, part, unit)
    marks = [(palette[m.paint], mask([m.outline], box)) for m in part.marks]
    colours = [
        surface(getattr(paint, tone), [(getattr(p, tone), m) for p, m in marks])
        for tone in ("base", "shade", "light")
    ]
    if tones is None:
        over(canvas, box, colours[0], inside)
        return
    shade, light = tones
    colour = sum(c * t for c, t in zip(colours, (1 - shade - light, shade, light), strict=True))
    over(canvas, box, colour, inside)


def _tones(inside: np.ndarray, part: Part, unit: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Where the part is shaded and where it is lit, each [h, w] in 0 … 1 and never both; None: flat.

    Cutting a rounded surface at two levels gives the crescents of cel shading, wider on thicker parts.
    """
    if part.relief <= 0:
        return None
    away, edge = facing_away(inside, part, unit)
    shade = np.clip((away - _SHADE_FROM) / edge + 0.5, 0, 1)
    light = np.clip((-away - _LIGHT_FROM) / edge + 0.5, 0, 1)
    return shade, light
