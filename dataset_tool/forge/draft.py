"""The design of one creature before any style draws it: a list of parts, back to front.

A body plan writes into a `Draft`; the modules of the styles read its parts. So all styles draw the same
creature, and a new style needs no new anatomy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np

from dataset_tool.forge.shapes import Outline, Point, mirror, spline

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True)
class Mark:
    """A pattern on a part: drawn only where the part is."""

    paint: str
    outline: Outline


@dataclass(frozen=True)
class Part:
    """The union of some outlines in one colour, with one line around the whole.

    `paint` is a role of the palette. `line` is the width of the outline as a multiple of the style's own (0:
    none). `relief` scales how far shading reaches in (0: flat). `solid` parts (eyes, teeth) are pressed hard
    by the crayon, which leaves no paper showing. `shadow` makes the part darken what lies behind it. Parts of
    the `head` go with the head in a chimera; those that share a `rigid` object keep their shape in a warp.
    """

    paint: str
    outlines: tuple[Outline, ...]
    marks: tuple[Mark, ...] = ()
    line: float = 1.0
    relief: float = 1.0
    solid: bool = False
    shadow: bool = False
    head: bool = False
    rigid: object | None = None


@dataclass(frozen=True)
class Stroke:
    """An open line (mouth, crease, whisker); `width` as a multiple of the style's outline, `paint` None: ink
    of the surface it lies on."""

    points: np.ndarray
    width: float = 1.0
    paint: str = "ink"
    head: bool = False
    rigid: object | None = None

    @property
    def outlines(self) -> tuple[np.ndarray, ...]:
        """The line, as the only outline."""
        return (self.points,)


@dataclass(frozen=True)
class Head:
    """A circle that about fills the skull, in the plan's coordinates.

    `gives`: the head may go on another body; `takes`: the body may carry another head; `profile`: the head
    shows one eye and looks right.
    """

    x: float
    y: float
    radius: float
    gives: bool = True
    takes: bool = True
    profile: bool = False


class Draft:
    """A growing drawing with its dice; all random choices of a body plan go through it."""

    def __init__(self, type_: str, rng: np.random.Generator) -> None:
        self.type = type_
        self.rng = rng
        self.parts: list[Part | Stroke] = []
        self.skull: Head | None = None
        self._in_head = False
        self._rigid: object | None = None

    # Dice

    def between(self, low: float, high: float) -> float:
        """A uniform number in [low, high)."""
        return float(self.rng.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        """A uniform integer, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.rng.random() < probability)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self.rng.integers(len(options)))]

    # What the parts that follow belong to

    def head(self, x: float, y: float, radius: float, gives: bool = True, takes: bool = True,
             profile: bool = False) -> None:  # fmt: skip
        """All parts from here on belong to the head: a circle of `radius` around (x, y) about fills its
        skull."""
        self.skull = Head(x, y, radius, gives, takes, profile)
        self._in_head = True

    def head_end(self) -> None:
        """The parts from here on belong to the body again."""
        self._in_head = False

    @contextmanager
    def rigid(self) -> Iterator[None]:
        """All parts drawn inside keep their shape, as one piece, when the creature is warped."""
        outer, self._rigid = self._rigid, self._rigid or object()
        try:
            yield
        finally:
            self._rigid = outer

    # Pencil

    def part(self, paint: str, *outlines: Outline, marks: Sequence[Mark] = (), line: float = 1.0,
             relief: float = 1.0, solid: bool = False, shadow: bool = False) -> None:  # fmt: skip
        """Add a part in front of all that is drawn so far."""
        self.parts.append(
            Part(paint, outlines, tuple(marks), line, relief, solid, shadow, self._in_head, self._rigid)
        )

    def pair(self, paint: str, *outlines: Outline, axis: float = 0.0, **options: object) -> None:
        """Add a part and its mirror image, as two parts."""
        self.part(paint, *outlines, **options)  # type: ignore[arg-type]
        self.part(paint, *(mirror(o, axis) for o in outlines), **options)  # type: ignore[arg-type]

    def reflect(self, start: int = 0) -> None:
        """Mirror all parts from number `start` on, at x = 0."""
        self.parts[start:] = [moved(p, mirror) for p in self.parts[start:]]

    def stroke(self, points: Sequence[Point] | np.ndarray, width: float = 1.0, paint: str = "ink",
               smooth: bool = True) -> None:  # fmt: skip
        """Add a line through the points, curved unless `smooth` is False."""
        line = spline(points) if smooth else np.asarray(points, float)
        self.parts.append(Stroke(line, width, paint, self._in_head, self._rigid))


def keeps_shape(draw: Callable[Concatenate[Draft, P], None]) -> Callable[Concatenate[Draft, P], None]:
    """Decorate a function that draws a small thing (an eye, a mouth): no warp deforms it."""

    @wraps(draw)
    def drawn(d: Draft, *args: P.args, **options: P.kwargs) -> None:
        with d.rigid():
            draw(d, *args, **options)

    return drawn


def extent(parts: Sequence[Part | Stroke]) -> tuple[np.ndarray, np.ndarray]:
    """The upper left and lower right corner of the box around some parts, (x, y) each."""
    points = np.concatenate([outline for part in parts for outline in part.outlines])
    return points.min(axis=0), points.max(axis=0)


def fit(parts: Sequence[Part | Stroke], size: int, fill: float, flip: bool) -> list[Part | Stroke]:
    """The parts in pixel coordinates: centred, their longer side `fill` of the frame, mirrored if `flip`."""
    low, high = extent(parts)
    scale = fill * size / float((high - low).max())
    sign = np.array([-1.0 if flip else 1.0, 1.0])

    def place(p: np.ndarray) -> np.ndarray:
        return (p - (low + high) / 2) * scale * sign + size / 2

    return [moved(p, place) for p in parts]


def moved(part: Part | Stroke, place: Callable[[np.ndarray], np.ndarray]) -> Part | Stroke:
    """The part with all its points, [N, 2], sent through `place`."""
    if isinstance(part, Stroke):
        return replace(part, points=place(part.points))
    return replace(part, outlines=tuple(place(o) for o in part.outlines),
                   marks=tuple(replace(m, outline=place(m.outline)) for m in part.marks))  # fmt: skip
