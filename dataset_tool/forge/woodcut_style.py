"""The `woodcut` style: a print from two blocks, indigo and vermilion.

Outlines swell on the side away from the light and thin out towards it, as a knife leaves them. Shadows are
solid ink that ends in the tapering teeth of a gouge. Every surface is a dilution of the indigo, and the
accents are vermilion, whatever colours the creature has in the other styles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from dataset_tool.forge.draft import Part, Stroke
from dataset_tool.forge.palettes import Palette, hex_to_rgb, to_oklab
from dataset_tool.forge.raster import (
    Box,
    blank_canvas,
    bounding_box,
    mask,
    outward,
    over,
    signed_area,
    swollen_mask,
    to_image,
)
from dataset_tool.forge.relief import LIGHT, cast_shadow, facing_away, surface

# From ink to paper; the tones of a surface are three neighbours.
_INDIGO = tuple(hex_to_rgb(c) for c in ("#182044", "#35539a", "#6b97d6", "#a5c6ea", "#d3e3f3", "#ffffff"))
_VERMILION = tuple(hex_to_rgb(c) for c in ("#ab2a2c", "#e84a30", "#f59a80", "#fbd3c4"))
_DILUTE_FROM = (0.46, 0.66, 0.91)  # OKLab lightness from which a surface is one dilution paler
_LEAST_RED = 0.03  # share of all surfaces; with less, details, then leaves, then bellies are vermilion too
_SHADOW = (0.40, 0.32, 0.18)  # what a cast shadow takes of red, green, blue

_OUTLINE = 2.9  # pixels of outline in a frame of 256 where it faces neither to nor from the light
_SHADE_FROM, _LIGHT_FROM = 0.32, 0.62  # how far a surface must turn from / to the light to change its tone
_INK_FROM = 0.77  # and from the light to be solid ink
_TEETH = 0.30  # how much earlier ink begins along a tooth than between two
_PITCH = 9.5  # pixels from tooth to tooth in a frame of 256
_TOOTHLESS = 0.11  # a surface that turns more than this in one pixel of a 256 frame is too small for teeth


class Tint(NamedTuple):
    """The three tones of a surface, each an sRGB colour [3] in 0 … 1."""

    shade: np.ndarray
    base: np.ndarray
    light: np.ndarray


_INK = Tint(*[_INDIGO[0]] * 3)
_RED = Tint(*_VERMILION[:3])
_PAPER = Tint(_INDIGO[4], _INDIGO[5], _INDIGO[5])
_FIXED = {
    **dict.fromkeys(("ink", "mouth"), _INK),
    **dict.fromkeys(("belly", "bone", "frost", "glow"), Tint(*_INDIGO[3:])),
    **dict.fromkeys(("accent", "fire", "red", "tongue", "beak", "gold"), _RED),
    "white": _PAPER,
    "iris": Tint(*_INDIGO[1:4]),
    "blush": Tint(*[_VERMILION[2]] * 3),
    "fire_core": Tint(*_VERMILION[1:]),
}


def render_woodcut(
    parts: Sequence[Part | Stroke], palette: Palette, size: int, rng: np.random.Generator
) -> Image.Image:
    """Draw fitted parts (pixel coordinates) as an RGBA picture of size × size with a transparent
    background."""
    canvas = blank_canvas(size)
    tints = _mix(parts, palette)
    for part in parts:
        if isinstance(part, Stroke):
            ribbon = _ribbon(part, size / 256)
            box = bounding_box([ribbon], 1, size)
            over(canvas, box, _INK.base, mask([ribbon], box))  # whatever its paint: creases must show
        else:
            _render_part(canvas, part, tints, rng)
    return to_image(canvas)


def _mix(parts: Sequence[Part | Stroke], palette: Palette) -> dict[str, Tint]:
    """The tint of every role: dark colours get strong indigo, pale ones weak indigo, accents vermilion."""
    body = _dilution(palette["body"].base)
    detail = _dilution(palette["detail"].base)
    if detail == body:  # details and bellies must not disappear on the body
        detail = body - 1 if body > 1 else 2
    tints = {role: _indigo(_dilution(paint.base)) for role, paint in palette.items()} | _FIXED
    tints |= {"body": _indigo(body), "far": _indigo(max(body - 1, 1)), "detail": _indigo(detail)}
    if body == 4:
        tints["belly"] = _PAPER
    areas = dict.fromkeys(palette, 0.0)
    for part in parts:
        if isinstance(part, Part):
            areas[part.paint] += sum(abs(signed_area(o)) for o in part.outlines)
            for m in part.marks:
                areas[m.paint] += abs(signed_area(m.outline))
    for role in ("detail", "leaf", "belly"):
        if sum(areas[r] for r in areas if tints[r] is _RED) < _LEAST_RED * sum(areas.values()):
            tints[role] = _RED
    return tints


def _dilution(rgb: np.ndarray) -> int:
    """Which of the indigos a colour becomes by its lightness, 1 (strong) … 4 (weak)."""
    return 1 + int(np.searchsorted(_DILUTE_FROM, to_oklab(rgb)[0], side="right"))


def _indigo(dilution: int) -> Tint:
    return Tint(*_INDIGO[dilution - 1 : dilution + 2])


def _ribbon(stroke: Stroke, unit: float) -> np.ndarray:
    """The outline of a stroke that tapers towards both ends."""
    points = stroke.points
    if len(points) == 2:
        points = np.linspace(points[0], points[1], 7)
    along = np.gradient(points, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    swell = 0.4 + 0.7 * np.sin(np.pi * np.linspace(0, 1, len(points))) ** 0.7
    side = np.stack([-along[:, 1], along[:, 0]], axis=1) * swell[:, None]
    side *= max(stroke.width, 0.8) * 0.55 * _OUTLINE * unit
    return np.concatenate([points + side, (points - side)[::-1]])


def _render_part(canvas: np.ndarray, part: Part, tints: dict[str, Tint], rng: np.random.Generator) -> None:
    size = canvas.shape[1]
    unit = size / 256
    box = bounding_box(part.outlines, 12 * unit, size)
    inside = outside = mask(part.outlines, box)
    if part.line > 0:
        width = part.line * _OUTLINE * unit
        outside = swollen_mask(part.outlines, [_knife(o, width, rng) for o in part.outlines], box)
    if part.shadow:
        cast_shadow(canvas, box, outside, unit, _SHADOW)
    if part.line > 0:
        over(canvas, box, _INK.base, outside)
    tint = tints[part.paint]
    marks = [(tints[m.paint], mask([m.outline], box)) for m in part.marks]
    base = surface(tint.base, [(t.base, covered) for t, covered in marks])
    if part.relief > 0 and tint is not _INK:
        away, edge = facing_away(inside, part, unit)
        away = away.astype(np.float32)
        shaded = np.clip((away - _SHADE_FROM) / edge + 0.5, 0, 1)
        lit = np.clip((-away - _LIGHT_FROM) / edge + 0.5, 0, 1)
        inked = np.clip((away - _ink_from(box, edge, unit)) / edge + 0.5, 0, 1)
        shade = surface(tint.shade, [(t.shade, covered) for t, covered in marks])
        light = surface(tint.light, [(t.light, covered) for t, covered in marks])
        base = base * (1 - shaded - lit) + shade * shaded + light * lit
        base = base * (1 - inked) + _INK.base.astype(np.float32)[:, None, None] * inked
    over(canvas, box, base, inside)


def _knife(outline: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
    """How far the ink reaches out of an outline at its points, [N, 2]: about `width` pixels, more away from
    the light, less towards it, and uneven as by hand."""
    out = outward(outline)
    away = np.clip(-(out @ LIGHT), -1, 1)
    turn = np.linspace(0, 2 * np.pi, len(outline), endpoint=False)
    first, second = rng.uniform(0, 2 * np.pi, 2)
    hand = 1 + 0.16 * np.sin(2 * turn + first) + 0.10 * np.sin(5 * turn + second)
    return out * (width * (0.95 + 0.5 * away) * hand)[:, None]


def _ink_from(box: Box, edge: float, unit: float) -> np.ndarray | float:
    """How far a surface must turn from the light to be ink, [h, w]: less along the teeth, which point to the
    light and taper; the same everywhere on surfaces too small for teeth."""
    if edge * unit > _TOOTHLESS:
        return _INK_FROM
    y, x = np.ogrid[box.top : box.bottom, box.left : box.right]
    across = (x * LIGHT[1] - y * LIGHT[0]).astype(np.float32) / (_PITCH * unit)
    return _INK_FROM + _TEETH * (2 * np.abs(across - np.floor(across) - 0.5) - 0.5)
