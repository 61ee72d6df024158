"""Types of command-line options that click does not have. This module imports neither torch nor NumPy."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import click

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.centres import parse_around
from stylegan_pokemon.render.edits import Edit, parse_edits
from stylegan_pokemon.render.layers import parse_layers
from stylegan_pokemon.render.seeds import Key, parse_seeds


class NumberType(click.ParamType):
    """A finite number within bounds; click's own range lets "nan" pass."""

    name = "number"

    def __init__(self, at_least: float, at_most: float) -> None:
        self.at_least, self.at_most = at_least, at_most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        option = param.opts[0] if param is not None else "value"
        try:
            number = float(value)
        except ValueError:
            raise UserError(f"{option}: “{value}” is not a number; write one like 0.7") from None
        if not math.isfinite(number):
            raise UserError(f"{option}: {value} is not a finite number; write one like 0.7")
        if not self.at_least <= number <= self.at_most:
            raise UserError(f"{option}: {value} is not within {self.at_least:g} … {self.at_most:g}")
        return number


class NumbersType(NumberType):
    """Such numbers, separated by commas, as a list."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        return [NumberType.convert(self, part.strip(), param, ctx) for part in value.split(",")]


def seeds(value: str | list[Key]) -> list[Key]:
    """Seeds and latent files such as 0-63 or 1,5,mine.npz, as a list."""
    return parse_seeds(value) if isinstance(value, str) else value


def layers(value: str) -> str:
    """Layers such as coarse or 0-6."""
    return parse_layers(value)


def edits(value: str | tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Edits such as 0:+2.5,fire:+1."""
    return parse_edits(value) if isinstance(value, str) else value


def around(value: str) -> str:
    """class, network or centres:K."""
    return parse_around(value)


def cells(value: str | tuple[int, int]) -> tuple[int, int]:
    """Columns and rows of a grid, such as 3x3, up to 16 each."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d{1,2})[x×](\d{1,2})", value.strip(), re.ASCII)
    if not match or not all(1 <= int(side) <= 16 for side in match.groups()):
        raise UserError(f"--grid: “{value}” is no grid; write 1 to 16 columns and rows, such as 3x3")
    return int(match[1]), int(match[2])


def scale(value: str | Fraction) -> Fraction:
    """A whole number n from 1, or 1/n, as a Fraction."""
    if isinstance(value, Fraction):
        return value
    match = re.fullmatch(r"(?:1/)?([1-9]\d?)", value.strip(), re.ASCII)
    if not match:
        raise UserError(f"--scale: “{value}” is no scale; write 1 to 99 to enlarge or 1/2 to reduce")
    return Fraction(1, int(match[1])) if "/" in value else Fraction(int(match[1]))
