"""Line charts as a PNG, drawn with Pillow and the program's own lettering.

Matplotlib would be a dependency of some 60 MB for this one picture; the lettering of the contact sheets is
here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw

from stylegan_pokemon.files import whole_file
from stylegan_pokemon.render.lettering import FAINT_INK, INK, PAPER, RULE, fit, font, plain, width
from stylegan_pokemon.report.words import figure

COLOURS = (
    (31, 111, 235), (194, 65, 12), (15, 118, 110), (139, 63, 184),
    (161, 98, 7), (190, 24, 93), (77, 124, 15), (71, 85, 105),
)  # fmt: skip
"""Of runs; the page has the same."""

_SMOOTH = 3  # pictures are drawn so many times larger and reduced: Pillow's lines are not smooth
_PANEL = (620, 330)
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 18, 40, 44
_TEXT, _TITLE = 13, 17


@dataclass(frozen=True)
class Curve:
    """Points of one run; None breaks the line."""

    run: int
    xs: list[float]
    ys: list[float | None]


@dataclass(frozen=True)
class Panel:
    """One chart. floor: height of a dashed line."""

    title: str
    curves: list[Curve]
    floor: float | None = None
    range: tuple[float, float] | None = None
    marks: list[str] = field(default_factory=list)


def save_panels(path: Path, panels: Sequence[Panel], names: Sequence[str], title: str, axis: str) -> None:
    """Write panels two in a row, with the names of the runs above, as a PNG, whole or not at all."""
    columns = 1 if len(panels) < 2 else 2
    rows = max(-(-len(panels) // columns), 1)
    room = columns * _PANEL[0]
    head = 56 + 24 * len(names)
    size = (room, head + rows * _PANEL[1] + 10)
    sheet = Image.new("RGB", (size[0] * _SMOOTH, size[1] * _SMOOTH), PAPER)
    draw = _Pen(ImageDraw.Draw(sheet))
    draw.words(20, 30, fit(plain(title), 22, room - 40), 22, INK, "lm")
    for i, name in enumerate(names):
        y = 62 + 24 * i
        draw.line([(20, y), (48, y)], COLOURS[i % len(COLOURS)], 3.5)
        draw.words(58, y, fit(plain(name), 15, room - 80), 15, INK, "lm")
    for i, panel in enumerate(panels):
        _draw_panel(draw, panel, (i % columns * _PANEL[0], head + i // columns * _PANEL[1]), axis)
    if not panels:
        draw.words(20, head + 40, "No ticks to draw yet.", 16, FAINT_INK, "lm")
    with whole_file(path) as temporary:
        sheet.resize(size, Image.Resampling.BOX).save(temporary, format="PNG", optimize=True)


def nice_steps(low: float, high: float, about: int) -> list[float]:
    """Round numbers between low and high (low < high), about as many as asked for."""
    raw = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


class _Pen:
    """Draws in the picture's own pixels on the enlarged sheet."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def line(self, points: Sequence[tuple[float, float]], colour: tuple[int, int, int], wide: float) -> None:
        scaled = [(x * _SMOOTH, y * _SMOOTH) for x, y in points]
        self._draw.line(scaled, colour, round(wide * _SMOOTH), joint="curve")

    def dot(self, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
        box = [(value * _SMOOTH) for value in (x - radius, y - radius, x + radius, y + radius)]
        self._draw.ellipse(box, colour)

    def words(
        self, x: float, y: float, words: str, size: int, ink: tuple[int, int, int], anchor: str
    ) -> None:
        self._draw.text((x * _SMOOTH, y * _SMOOTH), words, ink, font(size * _SMOOTH), anchor=anchor)


def _draw_panel(pen: _Pen, panel: Panel, corner: tuple[int, int], axis: str) -> None:
    left, top = corner[0] + _LEFT, corner[1] + _TOP
    right, bottom = corner[0] + _PANEL[0] - _RIGHT, corner[1] + _PANEL[1] - _BOTTOM
    pen.words(
        corner[0] + 20, corner[1] + 20, fit(plain(panel.title), _TITLE, _PANEL[0] - 40), _TITLE, INK, "lm"
    )
    (x_low, x_high), (y_low, y_high) = _bounds(panel)

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + (x - x_low) / (x_high - x_low) * (right - left),
            bottom - (y - y_low) / (y_high - y_low) * (bottom - top),
        )

    for y in nice_steps(y_low, y_high, 5):
        height = at(x_low, y)[1]
        pen.line([(left, height), (right, height)], RULE, 1)
        pen.words(left - 8, height, figure(y), _TEXT, FAINT_INK, "rm")
    for x in nice_steps(x_low, x_high, 6):
        pen.words(at(x, y_low)[0], bottom + 14, figure(x), _TEXT, FAINT_INK, "mm")
    pen.words((left + right) / 2, bottom + 32, plain(axis), _TEXT, FAINT_INK, "mm")
    if panel.floor is not None:
        height = at(x_low, panel.floor)[1]
        for start in range(left, right, 12):
            pen.line([(start, height), (min(start + 7, right), height)], FAINT_INK, 1.2)
        label = "a perfect generator"
        pen.words(right - width(label, _TEXT), height - 9, label, _TEXT, FAINT_INK, "lm")
    for curve in panel.curves:
        colour = COLOURS[curve.run % len(COLOURS)]
        stretch: list[tuple[float, float]] = []
        for x, y in [*zip(curve.xs, curve.ys, strict=True), (0.0, None)]:
            if y is not None:
                stretch.append(at(x, y))
                continue
            if len(stretch) > 1:
                pen.line(stretch, colour, 2)
            if len(stretch) <= 1 or len(curve.xs) <= 30:
                for point in stretch:
                    pen.dot(*point, 2.6, colour)
            stretch = []


def _bounds(panel: Panel) -> tuple[tuple[float, float], tuple[float, float]]:
    xs = [x for curve in panel.curves for x in curve.xs]
    ys = [y for curve in panel.curves for y in curve.ys if y is not None]
    ys += [panel.floor] if panel.floor is not None else []
    ys += list(panel.range or ())
    return _spread(min(xs, default=0.0), max(xs, default=1.0), 0), _spread(
        min(ys, default=0.0), max(ys, default=1.0)
    )


def _spread(low: float, high: float, pad: float = 0.05) -> tuple[float, float]:
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300):
        half = abs(low) / 2 or 0.5
        return low - half, high + half
    return low - pad * (high - low), high + pad * (high - low)
