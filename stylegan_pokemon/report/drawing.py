"""Line charts as a PNG, drawn with Pillow and the program's own lettering.

Matplotlib would be a dependency of some 60 MB, with its fonts, for this one picture; Pillow and the lettering
of the contact sheets are here.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageColor, ImageDraw

from stylegan_pokemon.files import whole_file
from stylegan_pokemon.render.lettering import FAINT_INK, INK, PAPER, RULE, fit, font, plain, width
from stylegan_pokemon.report.markup import asset
from stylegan_pokemon.report.words import figure

Colour = tuple[int, ...]
Point = tuple[float, float]

_SMOOTH = 3  # charts are drawn so many times larger and reduced: Pillow's lines are not smooth
_PANEL = (800, 420)
_LEFT, _RIGHT, _TOP, _BOTTOM = 100, 28, 66, 66
_TEXT, _TITLE, _HEAD = 17, 21, 32
_LABEL = 15  # of a dashed line
_MARGIN = 32
_DASH = (11, 7)
_BAND = 0.14  # opacity of an interval
_HUGE = 1e300  # differences of larger numbers overflow
FEW = 4  # lines in a chart that still has room for dots and bands
_DOTS = 40  # a curve of more points shows no dots
_CHIP = 380  # least width of a run's name in the key


@functools.cache
def colours() -> tuple[Colour, ...]:
    """Of lines, in light: those of the page's stylesheet."""
    light = asset("assets/style.css").partition("}")[0]
    return tuple(ImageColor.getrgb(code) for code in re.findall(r"--c\d: (#[0-9a-f]{6})", light))


@dataclass(frozen=True)
class Line:
    """Points of one run; a y of None breaks the line. bars: [low, high] of each point, or None."""

    run: int
    xs: Sequence[float]
    ys: Sequence[float | None]
    bars: Sequence[Sequence[float] | None] = ()


@dataclass(frozen=True)
class Panel:
    """One chart. heights: dashed lines with their labels. range: of the y axis, at least."""

    title: str
    axis: str
    lines: Sequence[Line]
    heights: Sequence[tuple[str, float]] = ()
    range: tuple[float, float] | None = None
    log: bool = False


def save_panels(
    path: Path, panels: Sequence[Panel], names: Sequence[tuple[str, str]], title: str, said: Sequence[str]
) -> None:
    """Write charts two in a row, as a PNG, whole or not at all.

    names: of the runs, each with its result. said: sentences below the title.
    """
    head = _head(names, title, said)
    rows = max(-(-len(panels) // 2), 1)
    sheet = Image.new("RGB", (2 * _PANEL[0], head.height + rows * _PANEL[1] + _MARGIN // 2), PAPER)
    sheet.paste(head, (0, 0))
    for i, panel in enumerate(panels):
        sheet.paste(_drawn(panel), (i % 2 * _PANEL[0], head.height + i // 2 * _PANEL[1]))
    if not panels:
        place = (_MARGIN, head.height + 20)
        ImageDraw.Draw(sheet).text(place, "No ticks to draw yet.", FAINT_INK, font(_TITLE))
    with whole_file(path) as temporary:
        sheet.save(temporary, format="PNG", optimize=True)


def round_steps(low: float, high: float, about: int) -> list[float]:
    """Round numbers from low to high (low < high), about as many as asked for."""
    raw = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def wrapped(words: str, size: int, room: int) -> list[str]:
    """Lines of at most `room` pixels; a longer word is shortened."""
    lines: list[str] = []
    for word in words.split():
        if lines and width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(fit(word, size, room))
    return lines


# ------------------------------------------------------------------ head


def _head(names: Sequence[tuple[str, str]], title: str, said: Sequence[str]) -> Image.Image:
    """Title, sentences, and the key of the runs in as many columns as their names allow."""
    room = 2 * _PANEL[0] - 2 * _MARGIN
    sentences = [line for words in said for line in wrapped(_spelt(words), _TITLE, room)]
    entries = [(_spelt(name), _spelt(result)) for name, result in names]
    widest = max((width(a, _TEXT) + width(b, _TEXT) for a, b in entries), default=0) + 110
    columns = max(1, min(room // max(widest, _CHIP), len(names)))
    rows = -(-len(names) // columns)
    top = _MARGIN + _HEAD + 18 + 30 * len(sentences) + 14
    size = (2 * _PANEL[0], top + 30 * rows + 14)
    image = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((_MARGIN, _MARGIN), fit(_spelt(title), _HEAD, room), INK, font(_HEAD))
    for i, line in enumerate(sentences):
        draw.text((_MARGIN, _MARGIN + _HEAD + 18 + 30 * i), line, INK, font(_TITLE))
    for i, (name, result) in enumerate(entries):
        x, y = _MARGIN + i // rows * (room // columns), top + 30 * (i % rows) + 15
        _paste_swatch(image, i, (x, y))
        space = room // columns - 90 - width(result, _TEXT)
        shown = fit(name, _TEXT, space)
        draw.text((x + 58, y), shown, INK, font(_TEXT), anchor="lm")
        draw.text((x + 58 + width(shown, _TEXT) + 14, y), result, FAINT_INK, font(_TEXT), anchor="lm")
    return image


def _paste_swatch(image: Image.Image, run: int, place: tuple[int, int]) -> None:
    pen = _Pen((46, 14))
    pen.curve([(0, 7), (46, 7)], *_look(run), 4)
    image.paste(pen.reduced(), (place[0], place[1] - 7))


def _look(run: int) -> tuple[Colour, bool]:
    """Colour of a run, and whether its line is dashed: when colours are used up they come again in dashes."""
    return colours()[run % len(colours())], run >= len(colours())


def _spelt(words: str) -> str:
    return plain(words.replace("±", "+/-"))


# ------------------------------------------------------------------ one chart


class _Pen:
    """Draws in a picture's own pixels on an enlarged one."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._image = Image.new("RGB", (size[0] * _SMOOTH, size[1] * _SMOOTH), PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._size = size

    def reduced(self) -> Image.Image:
        return self._image.resize(self._size, Image.Resampling.BOX)

    def line(self, points: Sequence[Point], colour: Colour, wide: float) -> None:
        self._draw.line(_enlarged(points), colour, round(wide * _SMOOTH), joint="curve")

    def curve(self, points: Sequence[Point], colour: Colour, dashed: bool, wide: float) -> None:
        for piece in _dashes(points) if dashed else [points]:
            self.line(piece, colour, wide)

    def dot(self, point: Point, radius: float, colour: Colour) -> None:
        x, y = point
        self._draw.ellipse(_enlarged([(x - radius, y - radius), (x + radius, y + radius)]), colour)

    def band(self, outline: Sequence[Point], colour: Colour) -> None:
        mask = Image.new("L", self._image.size, 0)
        ImageDraw.Draw(mask).polygon(_enlarged(outline), round(255 * _BAND))
        self._image.paste(colour, (0, 0), mask)

    def words(self, place: Point, words: str, ink: Colour, anchor: str, size: int = _TEXT) -> None:
        self._draw.text(_enlarged([place])[0], words, ink, font(size * _SMOOTH), anchor=anchor)

    def framed(self, place: Point, words: str, ink: Colour) -> None:
        """Words with paper around their letters, to be read across lines. place: of their left end."""
        self._draw.text(_enlarged([place])[0], words, ink, font(_LABEL * _SMOOTH), anchor="ls",
                        stroke_width=3 * _SMOOTH, stroke_fill=PAPER)  # fmt: skip


@dataclass(frozen=True)
class _Frame:
    """The axes of a chart: where values lie on its picture."""

    x: tuple[float, float]
    y: tuple[float, float]  # logarithms to base 10 if log
    log: bool
    left: int = _LEFT
    top: int = _TOP
    right: int = _PANEL[0] - _RIGHT
    bottom: int = _PANEL[1] - _BOTTOM

    def across(self, x: float) -> float:
        return self.left + (x - self.x[0]) / (self.x[1] - self.x[0]) * (self.right - self.left)

    def up(self, y: float) -> float:
        if self.log:
            y = math.log10(y) if y > 0 else self.y[0]
        return self.bottom - (y - self.y[0]) / (self.y[1] - self.y[0]) * (self.bottom - self.top)


def _drawn(panel: Panel) -> Image.Image:
    pen, frame = _Pen(_PANEL), _frame(panel)
    title = _spelt(panel.title + (" (logarithmic scale)" if panel.log else ""))
    pen.words((_MARGIN, 32), fit(title, _TITLE, _PANEL[0] - 2 * _MARGIN), INK, "lm", _TITLE)
    _draw_axes(pen, frame, panel.axis)
    for _, value in panel.heights:
        height = frame.up(value)
        pen.curve([(frame.left, height), (frame.right, height)], FAINT_INK, True, 1.4)
    shapes = [(line, list(_stretches(line, frame))) for line in panel.lines]
    for line, stretches in shapes:
        for points, bars in stretches:
            known = [(x, *bar) for (x, _), bar in zip(points, bars, strict=True) if bar is not None]
            if len(known) > 1:
                outline = [(x, high) for x, _, high in known] + [(x, low) for x, low, _ in reversed(known)]
                pen.band(outline, _look(line.run)[0])
    for line, stretches in shapes:
        colour, dashed = _look(line.run)
        for points, _ in stretches:
            if len(points) > 1:
                pen.curve(points, colour, dashed, 2.6)
            if len(points) == 1 or (len(panel.lines) <= FEW and len(line.xs) <= _DOTS):
                for point in points:
                    pen.dot(point, 3.4, colour)
    curves = [points for _, stretches in shapes for points, _ in stretches]
    for label, value in panel.heights:
        words = _spelt(label)
        x, y = place = _beside(frame, frame.up(value), width(words, _LABEL), curves)
        pen.framed(place, words, FAINT_INK)
        curves.append([(x, y - _LABEL / 2), (x + width(words, _LABEL), y - _LABEL / 2)])
    return pen.reduced()


def _beside(frame: _Frame, height: float, wide: float, curves: Sequence[Sequence[Point]]) -> Point:
    """Where a label `wide` pixels long hides least of the curves, above or below a line at `height`."""
    above = [height - 7] if height > frame.top + 24 else []
    below = [height + 20] if height < frame.bottom - 24 else []
    xs = (frame.right - 4 - wide, frame.left + 4, (frame.left + frame.right - wide) / 2)
    seen = [point for points in curves for point in _dotted(points)]

    def hidden(place: Point) -> int:
        x, y = place
        return sum(x - 4 < a < x + wide + 4 and y - _LABEL - 4 < b < y + 8 for a, b in seen)

    return min(((x, y) for x in xs for y in (*above, *below)), key=hidden)


def _dotted(points: Sequence[Point]) -> Iterator[Point]:
    """Points along a curve, at most four pixels apart."""
    yield from points[:1]
    for (x0, y0), (x1, y1) in pairwise(points):
        count = max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) / 4))
        yield from ((x0 + (x1 - x0) * i / count, y0 + (y1 - y0) * i / count) for i in range(1, count + 1))


def _draw_axes(pen: _Pen, frame: _Frame, axis: str) -> None:
    steps = _powers(*frame.y) if frame.log else round_steps(*frame.y, 5)
    for y, label in zip(steps, _labels(steps, frame.log), strict=True):
        height = frame.up(y)
        pen.line([(frame.left, height), (frame.right, height)], RULE, 1)
        pen.words((frame.left - 12, height), label, FAINT_INK, "rm")
    steps = round_steps(*frame.x, 7)
    for x, label in zip(steps, _labels(steps), strict=True):
        place = frame.across(x)
        pen.line([(place, frame.bottom), (place, frame.bottom + 6)], FAINT_INK, 1)
        pen.words((place, frame.bottom + 20), label, FAINT_INK, "mm")
    pen.line([(frame.left, frame.bottom), (frame.right, frame.bottom)], FAINT_INK, 1)
    pen.words(((frame.left + frame.right) / 2, frame.bottom + 46), _spelt(axis), FAINT_INK, "mm")


def _labels(steps: Sequence[float], log: bool = False) -> list[str]:
    """Steps as numbers with as many digits as the distance between them needs."""
    largest = max(map(abs, steps), default=0.0)
    if log or len(steps) < 2 or not 1e-5 < largest < 1e7:
        return [figure(step).replace("e+0", "e").replace("e-0", "e-") for step in steps]
    step = steps[1] - steps[0]
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if abs(step * 10**digits - round(step * 10**digits)) > 1e-6:  # 2.5
        digits += 1
    return [f"{round(value, digits) + 0.0:,.{digits}f}" for value in steps]


def _powers(low: float, high: float) -> list[float]:
    """Powers of ten between 10**low and 10**high, thinned to at most six."""
    exponents = range(max(math.ceil(low - 1e-9), -300), min(math.floor(high + 1e-9), 300) + 1)
    return [10.0**n for n in exponents[:: -(-len(exponents) // 6) or 1]]


def _frame(panel: Panel) -> _Frame:
    xs = [x for line in panel.lines for x in line.xs]
    ys = [y for line in panel.lines for y in line.ys if y is not None]
    ys += [edge for line in panel.lines for bar in line.bars if bar is not None for edge in bar]
    ys += [value for _, value in panel.heights]
    ys += list(panel.range or ()) if not panel.log else []
    ys = [max(-_HUGE, min(y, _HUGE)) for y in ys]
    start = min(xs, default=0.0)
    start = 0.0 if 0 <= start < 0.3 * max(xs, default=1.0) else start
    if panel.log:
        ys = [math.log10(y) for y in ys if y > 0]
    low, high = _spread(min(ys, default=0.0), max(ys, default=1.0), 0.06)
    if panel.range and not panel.log and min(ys) == panel.range[0]:
        low = panel.range[0]
    return _Frame(_spread(start, max(xs, default=1.0), 0), (low, high), panel.log)


def _spread(low: float, high: float, pad: float) -> tuple[float, float]:
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300):
        half = abs(low) / 2 or 0.5
        return low - half, high + half
    return low - pad * (high - low), high + pad * (high - low)


def _stretches(line: Line, frame: _Frame) -> Iterator[tuple[list[Point], list[Point | None]]]:
    """The unbroken parts of a line and of its bars, on the picture."""
    bars = list(line.bars) or [None] * len(line.xs)
    points: list[Point] = []
    edges: list[Point | None] = []
    for x, y, bar in sorted(zip(line.xs, line.ys, bars, strict=True), key=lambda row: row[0]):
        if y is None:
            if points:
                yield points, edges
            points, edges = [], []
            continue
        points.append((frame.across(x), frame.up(y)))
        edges.append(None if bar is None else (frame.up(bar[0]), frame.up(bar[1])))
    if points:
        yield points, edges


def _dashes(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Cut a line into dashes, around its corners."""
    drawing, left = True, float(_DASH[0])
    piece = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        done = 0.0
        while length - done > left:
            done += left
            corner = (x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length)
            if drawing:
                yield [*piece, corner]
            drawing, left, piece = not drawing, float(_DASH[drawing]), [corner]
        left -= length - done
        piece.append((x1, y1))
    if drawing and len(piece) > 1:
        yield piece


def _enlarged(points: Sequence[Point]) -> list[Point]:
    return [(x * _SMOOTH, y * _SMOOTH) for x, y in points]
