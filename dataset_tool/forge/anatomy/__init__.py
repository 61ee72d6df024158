"""Body plans: every function draws one kind of creature into a draft, facing right.

`PLANS` lists them with the elemental types that suit them and the endings their names may have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dataset_tool.forge.anatomy import beasts
from dataset_tool.forge.draft import Draft


@dataclass(frozen=True)
class Plan:
    """How to draw a kind of creature, the types it occurs in, the last syllables of its names."""

    draw: Callable[[Draft], None]
    types: tuple[str, ...]
    endings: tuple[str, ...]


def _plan(draw: Callable[[Draft], None], types: str, endings: str) -> Plan:
    return Plan(draw, tuple(types.split()), tuple(endings.split()))


PLANS: dict[str, Plan] = {
    "fox": _plan(beasts.fox, "fire normal ice dark fairy electric psychic", "vix tod fennet renard brush"),
    "bunny": _plan(beasts.bunny, "normal fairy ice electric fighting", "hop lop bun cotton thump"),
    "deer": _plan(beasts.deer, "grass normal fairy ice psychic", "elk fawn antler buck doe"),
    "mole": _plan(beasts.mole, "ground steel rock", "mole dig burrow claw delve"),
    "bear": _plan(beasts.bear, "fighting normal ice ground", "urs cub bruin paw grizz"),
    "mouse": _plan(beasts.mouse, "electric normal poison steel", "mouse squeak nib whisk scurry"),
}
