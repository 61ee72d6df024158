"""Proportions and poses: a smooth bend of the whole drawing, so that two foxes are not the same fox.

Eyes and mouths stay what they are: they move with the body and grow with it, but are neither squeezed nor
sheared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dataset_tool.forge.draft import Part, Stroke, extent, moved

_SMALL = 0.2  # a solid part (tooth, button) up to this share of the creature keeps its shape, too


@dataclass(frozen=True)
class Warp:
    """A smooth map of the plane: in units of half the creature's longer side, from its centre, y down.

    `stretch` makes it wider (> 0) or taller, at equal area; `taper` enlarges the upper half (> 0) or the
    lower; `lean` moves the top to the right; `bend` bows the upright axis. All 0: nothing changes.
    """

    centre: np.ndarray
    half: float
    stretch: float = 0.0
    taper: float = 0.0
    lean: float = 0.0
    bend: float = 0.0

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Where points [N, 2] go."""
        x, y = ((points - self.centre) / self.half).T
        size = np.exp(-self.taper * y)
        # The integral of `size`, so that heights grow as widths do.
        down = (1 - size) / self.taper if abs(self.taper) > 1e-6 else y
        x = x * size * np.exp(self.stretch) - self.lean * y + self.bend * (y * y - 0.5)
        return np.stack([x, down * np.exp(-self.stretch)], axis=1) * self.half + self.centre

    def growth(self, point: np.ndarray) -> float:
        """How much lengths at a point [2] grow, on average over directions."""
        step = 0.01 * self.half
        here, right, down = self(point + np.array([[0, 0], [step, 0], [0, step]]))
        (a, b), (c, d) = right - here, down - here
        return float(np.sqrt(abs(a * d - b * c)) / step)


def draw_warp(parts: Sequence[Part | Stroke], rng: np.random.Generator, strength: float) -> Warp:
    """A random warp around some parts; `strength` 1 is the usual, 0 none."""
    low, high = extent(parts)
    stretch, taper, lean, bend = rng.uniform(-1, 1, 4) * np.array([0.18, 0.20, 0.13, 0.08]) * strength
    return Warp((low + high) / 2, float((high - low).max()) / 2, stretch, taper + 0.02 * strength, lean, bend)


def warped(parts: Sequence[Part | Stroke], warp: Warp) -> list[Part | Stroke]:
    """The parts after a warp; rigid groups (an eye, a mouth) and small solid parts only move and grow."""
    groups: dict[int, list[np.ndarray]] = {}
    for part in parts:
        if part.rigid is not None:
            groups.setdefault(id(part.rigid), []).extend(part.outlines)
    places = {key: _similar(warp, outlines) for key, outlines in groups.items()}
    result = []
    for part in parts:
        if part.rigid is not None:
            result.append(moved(part, places[id(part.rigid)]))
        elif isinstance(part, Part) and part.solid and _length(part.outlines) < _SMALL * 2 * warp.half:
            result.append(moved(part, _similar(warp, part.outlines)))
        else:
            result.append(moved(part, warp))
    return result


def _similar(warp: Warp, outlines: Sequence[np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """The map that moves and scales some outlines as the warp does at their middle."""
    points = np.concatenate(outlines)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    there, growth = warp(middle[None])[0], warp.growth(middle)
    return lambda p: (p - middle) * growth + there


def _length(outlines: Sequence[np.ndarray]) -> float:
    points = np.concatenate(outlines)
    return float(np.ptp(points, axis=0).max())
