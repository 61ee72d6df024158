"""Edits as people write them: "0:+2.5,fire@coarse:+1". Without torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.layers import parse_layers

MAX_AMOUNT = 100.0


@dataclass(frozen=True)
class Edit:
    """A move of `amount` standard deviations along a direction of w, in some layers."""

    direction: str  # 0 … of SeFa, pca0 …, or a name
    amount: float
    layers: str = "all"

    def __str__(self) -> str:
        at = "" if self.layers == "all" else f"@{self.layers}"
        return f"{self.direction}{at}:{self.amount:+g}"


def parse_edits(text: str) -> tuple[Edit, ...]:
    """Read edits, separated by commas: DIRECTION:AMOUNT, or DIRECTION@LAYERS:AMOUNT for some layers only.

    Raises UserError for anything else, and for amounts beyond ±100.
    """
    return tuple(_parse(part.strip(), text) for part in text.split(","))


def _parse(part: str, text: str) -> Edit:
    match = re.fullmatch(r"([^:@]+?)(?:@([^:@]*))?\s*:\s*([+-]?(?:\d+\.?\d*|\.\d+))", part, re.ASCII)
    if not match:
        where = "" if part == text.strip() else f" in “{text}”"
        raise UserError(f"--edit: “{part}”{where} is no edit; write DIRECTION:AMOUNT, such as 0:+2.5")
    amount = float(match[3])
    if abs(amount) > MAX_AMOUNT:
        raise UserError(f"--edit: {part} goes too far; amounts are within -{MAX_AMOUNT:g} … {MAX_AMOUNT:g}")
    layers = "all" if match[2] is None else parse_layers(match[2].strip(), "--edit")
    return Edit(match[1].strip(), amount, layers)


def describe_edits(edits: Sequence[Edit]) -> str:
    """The edits as `parse_edits` reads them."""
    return ",".join(map(str, edits))
