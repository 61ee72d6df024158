"""Builds: from a body plan to a creature of its own, by other proportions, another head, attachments.

About half of the creatures follow their plan and differ in proportions and pose alone. The others carry the
head of another plan (a chimera), or wings, tails and the like that their plan does not have, or both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from dataset_tool.forge.anatomy import PLANS
from dataset_tool.forge.attachments import SIDEWAYS, WEARERS, Frame, attach, largest_outline
from dataset_tool.forge.draft import Draft, Head, Part, Stroke, extent, moved
from dataset_tool.forge.shapes import move, turn
from dataset_tool.forge.warp import draw_warp, warped

Parts = list[Part | Stroke]

# Heads with ears, horns or hats of their own, so that nothing more should grow on them.
_CRESTED = (
    "bunny deer flower cloud slime wildfire pumpkin sprout starfish gem beetle bee snowman robot pitcher"
    " caterpillar moth mantis bat dragon peacock"
)
# Plans that stand on nothing, and so may tilt.
_FLOATING = "fish whale manta bat bee moth dragonfly jellyfish ghost gem starfish"

CHIMERA = 0.48  # of the plans that can carry another head
_WORN = 0.5  # of the other creatures that may wear something, and …
_WORN_BY_CHIMERA = 0.3
_SMALLEST_HEAD = 0.16  # radius of a head on another body, as a share of that body's longer side


def build(
    body: str, type_: str, design: np.random.Generator, build_rng: np.random.Generator
) -> tuple[Parts, str]:
    """The parts of one creature of the given plan and type, and the name of its build.

    `design` draws the plan itself, `build_rng` all that is added. The name is the plan's, "fox", or that of
    both plans, "fox+owl": the body's first, then the head's.
    """
    draft = Draft(type_, design)
    PLANS[body].draw(draft)
    dice = Draft(type_, build_rng)
    parts, head, name = draft.parts, draft.skull, body
    takes = head is not None and head.takes
    chimera = takes and dice.chance(CHIMERA)
    if chimera:
        giver = dice.pick([g for g in givers(body in SIDEWAYS) if g != body])
        guest = Draft(type_, build_rng)
        PLANS[giver].draw(guest)
        parts, head = with_head(draft, guest, dice.between(0.98, 1.25), dice.between(-9, 9))
        name = f"{body}+{giver}"
    elif takes:
        parts, head = _with_own_head(draft, dice.between(0.92, 1.18), dice.between(-9, 9))
    worn = [kind for kind, plans in WEARERS.items() if body in plans]
    if chimera and giver in _CRESTED.split():
        worn = [kind for kind in worn if kind != "top"]
    if worn and dice.chance(_WORN_BY_CHIMERA if chimera else _WORN if not takes else 0.28):
        wanted = {dice.pick(worn) for _ in range(dice.pick((1, 1, 2)))}
        parts = _dressed(parts, head if takes else None, sorted(wanted), body in SIDEWAYS, dice)
    parts = warped(parts, draw_warp(parts, build_rng, 1.0 if body in SIDEWAYS else 0.85))
    if body in _FLOATING.split():
        angle = dice.between(-15, 15)
        parts = [moved(p, lambda points: turn(points, angle)) for p in parts]
    return parts, name


def with_head(body: Draft, guest: Draft, scale: float, tilt: float = 0.0) -> tuple[Parts, Head]:
    """The parts of a drawn plan with the head of another in place of its own, and where that head is.

    `scale` 1 makes the skulls equally large; heads too small for a face grow. `tilt` turns the head, in
    degrees.
    """
    own, other = body.skull, guest.skull
    assert own is not None
    assert other is not None
    behind, in_front = split(body.parts)
    low, high = extent(behind + in_front)
    radius = max(own.radius * scale, _SMALLEST_HEAD * float((high - low).max()))
    head = _grown(own, radius, largest_outline(behind + in_front, own))
    place = _from_to(other, head, tilt)
    return [*behind, *(moved(p, place) for p in guest.parts if p.head), *in_front], head


def split(parts: Sequence[Part | Stroke]) -> tuple[Parts, Parts]:
    """The parts of the body, without those of the head: behind the head, and in front of it."""
    start = _head_starts(parts)
    return [p for p in parts[:start] if not p.head], [p for p in parts[start:] if not p.head]


@cache
def givers(sideways: bool) -> tuple[str, ...]:
    """The plans whose head may go on a body that faces right, or that faces us: there no head in profile."""
    heads = {name: head for name in PLANS if (head := skull(name)) is not None}
    return tuple(name for name, head in heads.items() if head.gives and (sideways or not head.profile))


@cache
def skull(name: str) -> Head | None:
    """The head that a plan draws; None for a plan without."""
    draft = Draft("normal", np.random.Generator(np.random.PCG64(0)))
    PLANS[name].draw(draft)
    return draft.skull


def _with_own_head(draft: Draft, scale: float, tilt: float) -> tuple[Parts, Head]:
    own = draft.skull
    assert own is not None
    head = _grown(own, own.radius * scale, largest_outline([p for p in draft.parts if not p.head], own))
    place = _from_to(own, head, tilt)
    return [moved(p, place) if p.head else p for p in draft.parts], head


def _from_to(old: Head, new: Head, tilt: float) -> Callable[[np.ndarray], np.ndarray]:
    """The map that carries one head's circle to another's, turned by `tilt` degrees."""

    def place(points: np.ndarray) -> np.ndarray:
        return move(turn((points - (old.x, old.y)) * (new.radius / old.radius), tilt), new.x, new.y)

    return place


def _grown(head: Head, radius: float, torso: np.ndarray) -> Head:
    """A head of another radius that reaches about as far onto the torso as before."""
    away = np.array([head.x, head.y]) - (torso.min(axis=0) + torso.max(axis=0)) / 2
    away = away / max(float(np.hypot(*away)), 1e-9)
    x, y = (head.x, head.y) + away * 0.5 * (radius - head.radius)
    return Head(float(x), float(y), radius)


def _dressed(parts: Parts, head: Head | None, kinds: Sequence[str], sideways: bool, dice: Draft) -> Parts:
    body = [p for p in parts if not p.head] if head else parts
    frame = Frame(largest_outline(body, head), head, sideways)
    for kind in kinds:
        attach(frame, kind, Draft(dice.type, dice.rng))
    start = _head_starts(parts) if head else 0
    return [*frame.behind, *parts[:start], *frame.before, *parts[start:]]


def _head_starts(parts: Sequence[Part | Stroke]) -> int:
    """Where the last run of head parts begins: that of the skull and the face."""
    last = max(k for k, p in enumerate(parts) if p.head)
    return next((k + 1 for k in range(last, -1, -1) if not parts[k].head), 0)
