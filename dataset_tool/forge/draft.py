"""The design of one creature before any style draws it: a list of parts, back to front.

A body plan writes into a `Draft`; the modules of the styles read its parts. So all styles draw the same
creature, and a new style needs no new anatomy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from dataset_tool.forge.shapes import Outline, Point, mirror, spline

T = TypeVar("T")


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
    by the crayon, which leaves no paper showing. `shadow` makes the part darken what lies behind it.
    """

    paint: str
    outlines: tuple[Outline, ...]
    marks: tuple[Mark, ...] = ()
    line: float = 1.0
    relief: float = 1.0
    solid: bool = False
    shadow: bool = False


@dataclass(frozen=True)
class Stroke:
    """An open line (mouth, crease, whisker); `width` as a multiple of the style's outline, `paint` None: ink
    of the surface it lies on."""

    points: np.ndarray
    width: float = 1.0
    paint: str = "ink"


class Draft:
    """A growing drawing with its dice; all random choices of a body plan go through it."""

    def __init__(self, type_: str, rng: np.random.Generator) -> None:
        self.type = type_
        self.rng = rng
        self.parts: list[Part | Stroke] = []

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

    # Pencil

    def part(self, paint: str, *outlines: Outline, marks: Sequence[Mark] = (), line: float = 1.0,
             relief: float = 1.0, solid: bool = False, shadow: bool = False) -> None:  # fmt: skip
        """Add a part in front of all that is drawn so far."""
        self.parts.append(Part(paint, outlines, tuple(marks), line, relief, solid, shadow))

    def pair(self, paint: str, *outlines: Outline, axis: float = 0.0, **options: object) -> None:
        """Add a part and its mirror image, as two parts."""
        self.part(paint, *outlines, **options)  # type: ignore[arg-type]
        self.part(paint, *(mirror(o, axis) for o in outlines), **options)  # type: ignore[arg-type]

    def reflect(self, start: int = 0) -> None:
        """Mirror all parts from number `start` on, at x = 0."""
        self.parts[start:] = [_moved(p, mirror) for p in self.parts[start:]]

    def stroke(self, points: Sequence[Point] | np.ndarray, width: float = 1.0, paint: str = "ink",
               smooth: bool = True) -> None:  # fmt: skip
        """Add a line through the points, curved unless `smooth` is False."""
        self.parts.append(Stroke(spline(points) if smooth else np.asarray(points, float), width, paint))


def fit(parts: Sequence[Part | Stroke], size: int, fill: float, flip: bool) -> list[Part | Stroke]:
    """The parts in pixel coordinates: centred, their longer side `fill` of the frame, mirrored if `flip`."""
    points = np.concatenate([np.concatenate(p.outlines) if isinstance(p, Part) else p.points for p in parts])
    low, high = points.min(axis=0), points.max(axis=0)
    scale = fill * size / float((high - low).max())
    sign = np.array([-1.0 if flip else 1.0, 1.0])

    def place(p: np.ndarray) -> np.ndarray:
        return (p - (low + high) / 2) * scale * sign + size / 2

    return [_moved(p, place) for p in parts]


def _moved(part: Part | Stroke, place: Callable[[np.ndarray], np.ndarray]) -> Part | Stroke:
    if isinstance(part, Stroke):
        return replace(part, points=place(part.points))
    return replace(part, outlines=tuple(place(o) for o in part.outlines),
                   marks=tuple(replace(m, outline=place(m.outline)) for m in part.marks))  # fmt: skip
