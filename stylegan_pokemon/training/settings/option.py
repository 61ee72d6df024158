"""What is known about one option. Command line, checks, refusals, report and manual derive from it.

This module imports neither torch nor NumPy: it is read for `--help`.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stylegan_pokemon.errors import UserError


@dataclass(frozen=True)
class Systems:
    """Some of the systems that can be trained, as a sentence names them."""

    names: tuple[str, ...]  # values of --arch
    called: str
    example: str  # the one to recommend


Continued = Literal["fixed", "replaced", "session", "ignored"]
"""What an option does when a run is continued: it must be what the run began with ("fixed"), it replaces the
recorded value, it concerns this session only, or it mattered at the start and is ignored."""


def setting(default: Any, help: str, **known: Any) -> Any:
    """A field of `Options`.

    known: other fields of `Option`. `recorded` is the option's name unless given. `heading` begins a group of
    options in `--help`.
    """
    return dataclasses.field(default=default, metadata={"help": help} | known)


@dataclass(frozen=True, kw_only=True)
class Option:
    """One setting of `finetune.py`."""

    name: str
    kind: type
    default: Any  # where nobody gives a value; None leaves it to the rule that `automatic` names
    help: str  # for `--help` and the manual
    group: str  # heading in `--help`
    metavar: str | None = None  # stands for the value in `--help`
    is_path: bool = False  # or may be one: `~` at its beginning is the user's home
    choices: tuple[str, ...] = ()
    choices_help: Mapping[str, str] | None = None  # values that need a description each
    automatic: str | None = None
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    hint: str = ""  # what a refusal for its range adds
    needs: tuple[str, tuple[Any, ...]] | None = None  # another option, and its values that this one needs
    systems: Systems | None = None  # who has it; None: all
    elsewhere: tuple[Any, ...] = ()  # values that the other systems accept too
    recorded: str | None = None  # where config.json records it
    continued: Continued = "fixed"
    repeated: bool = True  # in the report's command that starts the run again
    meaning: str = ""  # of the value, for the report, where the first sentence of `help` does not serve

    @property
    def flag(self) -> str:
        """As it is written on a command line."""
        return "--" + self.name.replace("_", "-")

    def spelt(self, value: Any) -> str:
        """The option with a value, as on a command line."""
        return self.flag if isinstance(value, bool) else f"{self.flag} {plain(value)}"

    def in_words(self) -> str:
        """What it means, for a table: `meaning`, else the first sentence of `help`."""
        return self.meaning or re.split(r"\.(?: (?=[A-Z])|$)", self.help)[0]

    def check(self, value: Any) -> None:
        """Raise UserError for a value out of range or no number. None is always in range."""
        if value is None:
            return
        if self.choices and value not in self.choices:
            raise UserError(f"{self.spelt(value)} is unknown; choose one of {', '.join(self.choices)}")
        if self.kind is int and not isinstance(value, int):  # from Python; a command line parses numbers
            raise UserError(f"{self.spelt(value)} must be a whole number")
        if self.kind is float and not isinstance(value, int | float):
            raise UserError(f"{self.spelt(value)} must be a number")
        if self.kind in (int, float) and not self._in_range(value):
            hint = f"; {self.hint}" if self.hint else ""
            raise UserError(f"{self.spelt(value)} must {self._range()}{hint}")

    def known_to(self, system: str) -> bool:
        """Whether a system has this option."""
        return self.systems is None or system in self.systems.names

    def recorded_in(self, config: Mapping[str, Any]) -> Any:
        """The value that a run's config.json records; None where there is none."""
        value: Any = config
        for key in (self.recorded or "").split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return bool(value) if self.kind is bool else value

    def _in_range(self, value: float) -> bool:
        return (
            math.isfinite(value)
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )

    def _range(self) -> str:
        low = self.at_least if self.above is None else self.above
        high = self.at_most if self.below is None else self.below
        if low is None:
            return "be a finite number"
        if high is not None:
            return f"lie between {low:g} and {high:g}"
        if self.above is not None:
            return f"be more than {low:g}"
        return f"be {low:g} or more" if low == 0 else f"be at least {low:g}"


def plain(value: Any) -> str:
    """A value as one writes it on a command line: 3 instead of 3.0."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)
