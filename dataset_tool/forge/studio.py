"""From a number to a creature: picks body plan, type, build, palette and name, and has a style draw it.

Creature `index` of `seed` depends on nothing else: not on how many are drawn, nor in which order or process.
All styles draw the same creature. Body plans are dealt like cards, every plan once before any comes again,
so that a small set is as varied as a large one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dataset_tool.forge.anatomy import PLANS
from dataset_tool.forge.builds import build
from dataset_tool.forge.crayon_style import render_crayon
from dataset_tool.forge.draft import Part, Stroke, fit
from dataset_tool.forge.names import creature_name
from dataset_tool.forge.palettes import Palette, make_palette
from dataset_tool.forge.sprite_style import render_sprite
from dataset_tool.forge.woodcut_style import render_woodcut
from dataset_tool.problems import UserError

STYLES = ("crayon", "sprite", "woodcut")

# Purposes of random streams: one more draw for one of them moves none of the others.
_DEAL, _DESIGN, _PALETTE, _NAME, _HAND, _BUILD = range(6)
DESIGNING = (_DESIGN, _BUILD, _PALETTE)
"""The streams that a sketch takes its random numbers from."""


@dataclass(frozen=True)
class Creature:
    """A finished creature.

    `image` is RGBA, size × size, transparent around the drawing; `type` one of the eighteen elemental types
    in lower case; `name` ASCII letters; `body` the body plan's name, "fox", or for a chimera the names of the
    plans of its body and its head, "fox+owl".
    """

    image: Image.Image
    type: str
    name: str
    body: str


@dataclass(frozen=True)
class Sketch:
    """A creature before a style draws it; `fill` is the share of the frame that its longer side takes."""

    parts: list[Part | Stroke]
    palette: Palette
    type: str
    body: str
    fill: float
    flip: bool


def draw_creature(seed: int, index: int, style: str = "crayon", size: int = 256) -> Creature:
    """Draw creature number `index` (from 0) of the given seed.

    `style` is one of `STYLES`, `size` the side in pixels, 16 to 2048. The same arguments give the same
    pixels. Raises UserError for an argument out of range.
    """
    check_request(seed, index, style, size)
    creature = sketch(seed, index, lambda stream: _dice(seed, index, stream))
    parts = fit(creature.parts, size, creature.fill, creature.flip)
    if style == "sprite":
        image = render_sprite(parts, creature.palette, size)
    else:
        render = render_crayon if style == "crayon" else render_woodcut
        image = render(parts, creature.palette, size, _dice(seed, index, _HAND))
    endings = PLANS[creature.body.partition("+")[0]].endings
    name = creature_name(creature.type, endings, _dice(seed, index, _NAME))
    return Creature(image, creature.type, name, creature.body)


def sketch(seed: int, index: int, dice: Callable[[int], np.random.Generator]) -> Sketch:
    """Design a creature with the dice of each of `DESIGNING`; all styles draw this sketch."""
    dealt = _deal(seed, index)
    plan = PLANS[dealt]
    design = dice(_DESIGN)
    type_ = plan.types[int(design.integers(len(plan.types)))]
    parts, body = build(dealt, type_, design, dice(_BUILD))
    fill, flip = float(design.uniform(0.62, 0.89)), bool(design.integers(2))
    return Sketch(parts, make_palette(type_, dice(_PALETTE)), type_, body, fill, flip)


def check_request(seed: int, index: int, style: str, size: int) -> None:
    """Raise UserError, in one sentence, unless such a creature can be drawn."""
    if style not in STYLES:
        raise UserError(f"there is no style {style!r}; choose one of {', '.join(STYLES)}")
    if seed < 0:
        raise UserError(f"seed {seed} is negative; use 0 or a positive number")
    if index < 0:
        raise UserError("there is nothing to draw; ask for at least 1 creature, counted from 0")
    if not 16 <= size <= 2048:
        raise UserError(f"a creature cannot be drawn at {size} pixels; use a size from 16 to 2048")


def _deal(seed: int, index: int) -> str:
    """The body plan of a creature: card number `index` of an endless row of shuffled decks."""
    round_, card = divmod(index, len(PLANS))
    deck = _dice(seed, round_, _DEAL).permutation(len(PLANS))
    return list(PLANS)[deck[card]]


def bits(seed: int, index: int, stream: int) -> np.random.BitGenerator:
    """Where a random stream of a creature comes from."""
    return np.random.PCG64(np.random.SeedSequence([seed, index, stream]))


def _dice(seed: int, index: int, stream: int) -> np.random.Generator:
    return np.random.Generator(bits(seed, index, stream))
