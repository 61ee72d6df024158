"""What a verdict is made of: the plan of a run, a finding, and how records are read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stylegan_pokemon.report.words import number

Record = dict[str, Any]

GOOD, INFO, WARN, BAD = "good", "info", "warn", "bad"

IN_A_ROW = 3  # ticks that must agree before something is said
LONG = 5  # ticks for what is normal at the start of a run
UNDECIDED = 2 * math.log(2)  # the discriminator's loss when it gives every picture even odds


@dataclass(frozen=True)
class Plan:
    """What the records do not say."""

    kimg: float | None = None  # where the run ends
    aug: str = "ada"
    ada_target: float = 0.6
    arch: str = "stylegan2"  # or the name of a system of an earlier project
    patience: int = 0  # ticks without improvement after which the run stops; 0: never

    @property
    def earlier(self) -> bool:
        """Whether it is a system of an earlier project, with losses and options of its own."""
        return self.arch != "stylegan2"

    @property
    def critic(self) -> bool:
        """Whether its losses are a critic's scores, of which no value means a coin toss or a victory."""
        return self.arch == "progan"


@dataclass(frozen=True)
class Finding:
    """One sentence about the run, and what to do."""

    kind: str
    level: str  # good, info, warn or bad
    sentence: str
    advice: str = ""
    since: int | None = None  # tick from which it holds
    back_to: int | None = None  # tick whose snapshot is worth going back to


def dig(value: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def discriminator_loss(record: Record) -> float | None:
    fake, real = number(record.get("loss/D_fake")), number(record.get("loss/D_real"))
    return None if fake is None or real is None else fake + real


def guesses(record: Record) -> bool:
    """Whether the discriminator gives every picture even odds."""
    d, r_t = discriminator_loss(record), number(record.get("r_t"))
    return d is not None and r_t is not None and abs(d - UNDECIDED) < 0.03 and abs(r_t) < 0.05


def start_of_streak(flags: Iterable[bool]) -> int:
    """Index of the first of the trues that the list ends with."""
    flags = list(flags)
    first = len(flags)
    while first and flags[first - 1]:
        first -= 1
    return first
