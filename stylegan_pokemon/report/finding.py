"""What a verdict is made of: the plan of a run, a finding, and functions that read records."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stylegan_pokemon.baselines.recipes import RECIPES
from stylegan_pokemon.report.words import number
from stylegan_pokemon.training.settings.config import STYLEGAN2
from stylegan_pokemon.training.settings.options import OPTIONS

Record = dict[str, Any]

GOOD, INFO, WARN, BAD = "good", "info", "warn", "bad"

IN_A_ROW = 3  # ticks that must agree before something is said
LONG = 5  # ticks of a state that is normal at the start of a run
UNDECIDED = 2 * math.log(2)  # the discriminator's loss when every image gets even odds


@dataclass(frozen=True)
class Plan:
    """What the verdicts need from the settings."""

    kimg: float | None = None  # where the run ends
    aug: str = "ada"
    ada_target: float = 0.6
    arch: str = STYLEGAN2  # or the name of a baseline system
    patience: int = 0  # ticks without improvement after which the run stops; 0: never

    def knows(self, option: str) -> bool:
        """Whether the system that was trained has this option."""
        return OPTIONS[option].known_to(self.arch)

    @property
    def critic(self) -> bool:
        """Whether its losses are a critic's scores: no value means chance level or a victory."""
        return self.arch in RECIPES and RECIPES[self.arch].critic


@dataclass(frozen=True)
class Finding:
    """One statement about the run, and what to do."""

    kind: str
    level: str  # good, info, warn or bad
    sentence: str
    advice: str = ""
    back_to: int | None = None  # tick whose snapshot is worth going back to


def dig(value: Any, *keys: str) -> Any:
    """value[keys[0]][keys[1]]…; None where one is missing."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def discriminator_loss(record: Record) -> float | None:
    """The sum of the losses on generated and real images."""
    fake, real = number(record.get("loss/D_fake")), number(record.get("loss/D_real"))
    return None if fake is None or real is None else fake + real


def guesses(record: Record) -> bool:
    """Whether the discriminator gives every image even odds."""
    d, r_t = discriminator_loss(record), number(record.get("r_t"))
    return d is not None and r_t is not None and abs(d - UNDECIDED) < 0.03 and abs(r_t) < 0.05


def start_of_streak(flags: Iterable[bool]) -> int:
    """Index of the first of the trues that the list ends with; its length if it ends with a false."""
    flags = list(flags)
    first = len(flags)
    while first and flags[first - 1]:
        first -= 1
    return first
