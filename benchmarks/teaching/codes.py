"""Choices as numbers: clean ones for the teacher, and as a latent z, normal like any other, for the pupil.

Body plan and head are words of bits in z, the signs of some of its numbers. Palettes lie along one number in
the order of their hues, so that neighbours look alike. All other throws are numbers of z by their quantile.
So every z is a creature, and each part of z means something.
"""

from __future__ import annotations

import colorsys
import functools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import ndtri

from benchmarks.teaching.choices import COUNTED, FACES, Choices, Throw, choices_of, plans, takes_heads
from dataset_tool.forge.anatomy import PLANS
from dataset_tool.forge.builds import CHIMERA as CHIMERAS
from dataset_tool.forge.builds import SIDEWAYS, givers
from dataset_tool.forge.palettes import EYE_COLOURS, SCHEMES, TYPES, hex_to_rgb
from stylegan_pokemon.files import whole_file

WORDS = {"body": 6, "head": 6}  # bits of z for each, from its start on
PALETTE, EYES, FLIP, CHIMERA, TURN, LIFT = range(12, 18)  # numbers of z
_ROOMS = {"face": 64, "body": 48, "head": 64, "build": 64}  # numbers of z for other throws, after these
Z_DIM = LIFT + 1 + sum(_ROOMS.values())
_EDGE = 1e-4  # no quantile is nearer to 0 or 1
_GREY = 0.25  # of saturation in HSV; below it, palettes lie before all hues, by their brightness
_NO_HEAD = len(plans())  # the number of "its own head"


class Codebook:
    """Which column of its room every site has: in the order in which creatures come to it.

    A site of a body plan has a column for that plan, so that plans share columns; faces share their own.
    """

    def __init__(self) -> None:
        self._columns: dict[tuple[str, str], dict[object, int]] = {}

    def spread(
        self, room: str, owner: str, throws: Sequence[Throw], low: np.ndarray, high: np.ndarray
    ) -> None:
        """Write throws into the columns of a room; what does not fit in it is left out."""
        columns = self._columns.setdefault((room, owner), {})
        for throw in throws:
            site = [place for place in throw.site if room != "face" or place[0] in (FACES, *COUNTED)]
            column = columns.setdefault(tuple(site), len(columns))
            if column < _ROOMS[room]:
                low[column], high[column] = throw.low, throw.high


def record(seed: int, indices: Sequence[int], path: Path) -> None:
    """Write the choices of the creatures with these numbers, in this order, as arrays to `path`."""
    names, book, count = plans(), Codebook(), len(indices)
    order = np.argsort(indices)
    low, high = np.zeros((count, Z_DIM), np.float32), np.ones((count, Z_DIM), np.float32)
    words, allowed = np.zeros((count, len(WORDS), 64), np.int16), np.ones((count, len(WORDS)), np.int16)
    plan, head, kind = (np.zeros(count, np.int64) for _ in range(3))
    colours = np.zeros((count, 15), np.float32)
    for row in order:
        made = choices_of(seed, int(indices[row]))
        plan[row], kind[row] = names.index(made.body), TYPES.index(made.type)
        head[row] = names.index(made.head) if made.head else _NO_HEAD
        for k, codes in enumerate(_words(made)):
            words[row, k, : len(codes)], allowed[row, k] = codes, len(codes)
        scheme, turn, lift, eyes = made.palette
        colours[row] = made.colours
        for column, places, chosen in (
            (PALETTE, _palettes(made.body), (made.type, scheme.chosen)),
            (EYES, _eye_colours(), eyes.chosen),
        ):
            place = places.index(chosen)
            low[row, column], high[row, column] = place / len(places), (place + 1) / len(places)
        flip = made.design[-1]
        for column, throw in ((FLIP, flip), (TURN, turn), (LIFT, lift)):
            low[row, column], high[row, column] = throw.low, throw.high
        if takes_heads(made.body):
            low[row, CHIMERA], high[row, CHIMERA] = (1 - CHIMERAS, 1) if made.head else (0, 1 - CHIMERAS)
        for room, owner, throws in _rooms(made):
            at = _room(room)
            book.spread(room, owner, throws, low[row, at], high[row, at])
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(
            file,
            low=low,
            high=high,
            words=words,
            allowed=allowed,
            plan=plan,
            head=head,
            type=kind,
            colours=colours,
        )


class Codes:
    """The recorded choices of N creatures."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        with np.load(path) as arrays:
            self.arrays = dict(arrays)
        self.low, self.high = self.arrays["low"], self.arrays["high"]
        self.words, self.allowed = self.arrays["words"], self.arrays["allowed"]

    def __len__(self) -> int:
        return len(self.low)

    def numbers(self, room: str) -> np.ndarray:
        """The throws of a room, [N, columns], of mean 0 and variance 1; 0 where a creature has none."""
        low, high = self.low[:, _room(room)], self.high[:, _room(room)]
        thrown = (low > 0) | (high < 1)
        return np.where(thrown, ((low + high) / 2 - 0.5) * np.sqrt(12), 0).astype(np.float32)

    def latents(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Random z [len(rows), Z_DIM] that stand for these creatures.

        Over all creatures they are normal; what does not matter to a creature is drawn anew each time.
        """
        low, high = self.low[rows], self.high[rows]
        quantile = low + rng.random(low.shape, dtype=np.float32) * (high - low)
        z = ndtri(np.clip(quantile, _EDGE, 1 - _EDGE)).astype(np.float32)
        start = 0
        for k, bits in enumerate(WORDS.values()):
            chosen = (rng.random(len(rows)) * self.allowed[rows, k]).astype(int)
            word = self.words[rows, k, chosen]
            signs = (word[:, None] >> np.arange(bits) & 1) * 2 - 1
            z[:, start : start + bits] = np.abs(z[:, start : start + bits]) * signs
            start += bits
        return z


def _room(room: str) -> slice:
    start = LIFT + 1
    for name, size in _ROOMS.items():
        if name == room:
            return slice(start, start + size)
        start += size
    raise KeyError(room)


@functools.cache
def _palettes(body: str) -> list[tuple[str, int]]:
    """(type, number of its scheme) of all palettes that a plan may have, by the hue of the body's colour."""
    found = [(kind, k) for kind in PLANS[body].types for k in range(len(SCHEMES[kind]))]
    return sorted(found, key=lambda palette: _hue(SCHEMES[palette[0]][palette[1]][0]))


@functools.cache
def _eye_colours() -> list[int]:
    """The numbers of all colours of eyes, by hue."""
    return sorted(range(len(EYE_COLOURS)), key=lambda k: _hue(EYE_COLOURS[k]))


def _hue(colour: str) -> float:
    hue, saturation, value = colorsys.rgb_to_hsv(*hex_to_rgb(colour))
    return hue if saturation > _GREY else value - 2


def _words(made: Choices) -> list[list[int]]:
    """The words that stand for the choices of `WORDS`: all words of a choice that does not matter."""
    names = plans()
    body, eligible = names.index(made.body), [g for g in givers(made.body in SIDEWAYS) if g != made.body]

    def head_of(word: int) -> str:
        own = names[word] if word < len(names) else ""
        return own if own in eligible else eligible[word % len(eligible)]

    return [
        [word for word in range(64) if word % len(names) == body],
        [word for word in range(64) if not made.head or head_of(word) == made.head],
    ]


def _rooms(made: Choices) -> list[tuple[str, str, list[Throw]]]:
    """(room, owner of its columns, throws) of a creature, without what `record` writes by itself."""
    design = made.design[1:-2]  # without the type; then fill, which trimming undoes, and flip
    guest = [throw for throw in made.build if throw.within(_PLANS)]
    others = [throw for throw in made.build if throw not in guest]
    faces = [throw for throw in design if throw.site[0][0] == FACES]
    return [
        ("face", "", faces),
        ("body", made.body, [throw for throw in design if throw not in faces]),
        ("head", made.head, guest),
        ("build", "", others),
    ]


_PLANS = {Path(plan.draw.__code__.co_filename).name for plan in PLANS.values()}
