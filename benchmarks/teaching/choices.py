"""What the forge chose for a creature: every throw of its dice, with the place in the code that asked."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from dataset_tool.forge import studio
from dataset_tool.forge.anatomy import PLANS
from dataset_tool.forge.builds import skull

_FORGE = Path(studio.__file__).parent
_DRAFT = "draft.py"  # the dice's own methods
FACES = "faces.py"
COUNTED = ("again", "item")  # what a site says after its lines: how often they asked before, and for how many
_COLOURS = ("body", "accent", "belly", "detail", "iris")

Site = tuple[tuple[str, int], ...]
"""Files and lines that led to a throw, the innermost first, then what `COUNTED` names."""


@dataclass(frozen=True)
class Throw:
    """One throw: the part [low, high] of the unit interval that gives the same result, of all of it."""

    site: Site
    low: float
    high: float
    options: int = 0  # of a choice among so many; 0 for a number

    @property
    def chosen(self) -> int:
        """The number of the option."""
        return round(self.low * self.options)

    def within(self, files: Collection[str]) -> bool:
        """Whether one of these modules of the forge asked for it, or what that module called."""
        return any(place in files for place, _ in self.site)


@dataclass(frozen=True)
class Choices:
    """All that decides how a creature looks.

    `head` is the plan of its head, "" for its own. `colours` are five in sRGB, float64 [15] in 0 … 1.
    `design`, `build` and `palette` are the throws of the forge's random streams, in their order.
    """

    body: str
    head: str
    type: str
    colours: np.ndarray
    design: list[Throw]
    build: list[Throw]
    palette: list[Throw]


class Recorder(np.random.Generator):
    """A generator that remembers what it gave, and to whom."""

    def __init__(self, bits: np.random.BitGenerator) -> None:
        super().__init__(bits)
        self.throws: list[Throw] = []
        self._asked: Counter[Site] = Counter()

    def _site(self) -> Site:
        places, frame = [], sys._getframe(2)
        while frame is not None:
            if (place := _place(frame)) is not None:
                places.append(place)
            frame = frame.f_back  # type: ignore[assignment]
        site = tuple(places)
        self._asked[site] += 1
        return (*site, (COUNTED[0], self._asked[site] - 1))

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """As numpy's, of numbers."""
        values, site = super().uniform(low, high, size), self._site()
        for k, value in enumerate(np.atleast_1d((values - low) / (high - low))):
            self.throws.append(Throw((*site, (COUNTED[1], k)), float(value), float(value)))
        return values

    def random(self, *_: Any, **__: Any) -> Any:
        """As numpy's, of one number."""
        value = super().random()
        self.throws.append(Throw(self._site(), value, value))
        return value

    def integers(self, low: Any, high: Any = None, *_: Any, **__: Any) -> Any:
        """As numpy's, of one integer."""
        first, end = (0, low) if high is None else (low, high)
        value, count = super().integers(low, high), end - first
        k = int(value) - first
        self.throws.append(Throw(self._site(), k / count, (k + 1) / count, count))
        return value

    def choice(self, a: Any, *_: Any, p: Any = None, **__: Any) -> Any:
        """As numpy's, of one of `a` integers with probabilities `p`."""
        value, ends = super().choice(a, p=p), np.concatenate([[0], np.cumsum(p)])
        self.throws.append(Throw(self._site(), float(ends[value]), float(ends[value + 1])))
        return value


def choices_of(seed: int, index: int) -> Choices:
    """What the forge chooses for creature `index` of `seed`; no style draws it."""
    dice = {stream: Recorder(studio.bits(seed, index, stream)) for stream in studio.DESIGNING}
    sketch = studio.sketch(seed, index, dice.__getitem__)
    body, _, head = sketch.body.partition("+")
    design, build, palette = (dice[stream].throws for stream in studio.DESIGNING)
    colours = np.concatenate([sketch.palette[role].base for role in _COLOURS])
    return Choices(body, head, sketch.type, colours, design, build, palette)


def takes_heads(body: str) -> bool:
    """Whether some creatures of this plan carry another one's head."""
    found = skull(body)
    return found is not None and found.takes


def plans() -> list[str]:
    """The names of all body plans."""
    return list(PLANS)


def _place(frame: FrameType) -> tuple[str, int] | None:
    path = Path(frame.f_code.co_filename)
    forge = path.is_relative_to(_FORGE) and path.name != _DRAFT
    return (path.name, frame.f_lineno) if forge else None
