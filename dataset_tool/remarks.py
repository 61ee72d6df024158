"""What a person should know of a set before training: one creature too often, pictures unlike the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image

from dataset_tool.background import uniform_border, visible
from dataset_tool.creatures import creatures_of
from dataset_tool.cutting import sheet_boxes
from dataset_tool.pokedex import pokedex

# A set of this share of one creature makes a network of it; families of forms stay far below.
_DOMINANT = 0.3
# Fewer have no usual look to differ from.
_FEWEST = 20
_SIDE = 64
_FULL = 0.88  # of the side; sets that were trimmed, with a little margin, are above
_TOLERANCE = 12
# Of 819 artworks, 800 game sprites and 1,600 forged creatures none reaches 6 but the letters of Unown, which
# are the only creatures of one colour; text, photographs, noise, blank and dark pictures among them do.
_FAR = 6.0
# What is more than this share of a set is a second style of it, and no stray.
_STRAYS = 0.1


class Look(NamedTuple):
    """A picture in six numbers: roots and logarithms, so that one step is about as visible everywhere."""

    fill: float  # root of the share that is not background
    shape: float  # logarithm of width by height of the drawing
    colours: float  # logarithm of how many there are
    detail: float  # logarithm of the mean step between neighbours
    background: float  # 0 white to 1 black or none
    strength: float  # root of the mean saturation
    side: float = 1.0  # the longer side of the drawing by that of the frame; no reason to be a stray


_LEAST_SPREAD = (0.03, 0.1, 0.15, 0.15, 0.03, 0.5)
_WORDS = (  # for less and for more of each number
    ("fills far less of its frame", "fills far more of its frame"),
    ("far narrower", "far wider"),
    ("far fewer colours", "far more colours"),
    ("far less detail", "far more detail"),
    ("another background", "another background"),
    ("far paler colours", "far stronger colours"),
)


def look_of(picture: Image.Image) -> Look:
    """The look of an RGB picture, of about a millisecond."""
    if max(picture.size) > _SIDE:
        picture = picture.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    rgb = np.asarray(picture)
    border = uniform_border(rgb, _TOLERANCE)
    levels = rgb.astype(np.int16)
    seen = np.ones(rgb.shape[:2], bool)
    if border is not None:
        seen = (np.abs(levels - border) > _TOLERANCE).any(axis=2)
    if not seen.any():
        return Look(0.0, 0.0, 0.0, 0.0, 1 - float(levels.mean()) / 255, 0.0)
    down, across = np.nonzero(seen)
    down_steps = np.abs(np.diff(levels, axis=0)).max(axis=2)[:, :-1]
    across_steps = np.abs(np.diff(levels, axis=1)).max(axis=2)[:-1]
    inside = seen[:-1, :-1]
    coarse = (levels[seen] >> 4) @ np.array([256, 16, 1])
    return Look(
        fill=float(np.sqrt(seen.mean())),
        shape=float(np.log((np.ptp(across) + 1) / (np.ptp(down) + 1))),
        colours=float(np.log1p(len(np.unique(coarse)))),
        detail=float(np.log1p((down_steps + across_steps)[inside].mean() / 2)) if inside.any() else 0.0,
        background=1.0 if border is None else 1 - float(border.mean()) / 255,
        strength=float(np.sqrt(np.ptp(levels, axis=2)[seen].mean())),
        side=float(max((np.ptp(across) + 1) / picture.width, (np.ptp(down) + 1) / picture.height)),
    )


def unlike_the_rest(looks: Sequence[Look]) -> list[tuple[int, str]]:
    """Which pictures of a set look like none of the others, by index, and in what; the farthest first.

    Each number is compared with the median of the set, in units of the spread that its middle 80 % have. No
    picture is named in sets of fewer than 20, nor where more than a tenth of the set differs.
    """
    if len(looks) < _FEWEST:
        return []
    values = np.array(looks)[:, : len(_LEAST_SPREAD)]
    low, middle, high = np.percentile(values, [10, 50, 90], axis=0)
    spread = np.maximum((high - low) / 2.56, _LEAST_SPREAD)  # 2.56 standard deviations of a normal one
    away = (values - middle) / spread
    farthest = np.abs(away).argmax(axis=1)
    distance = np.abs(away).max(axis=1)
    strays = [int(i) for i in np.argsort(-distance, kind="stable") if distance[i] > _FAR]
    if len(strays) > _STRAYS * len(looks):
        return []
    return [(i, _WORDS[farthest[i]][int(away[i, farthest[i]] > 0)]) for i in strays]


def dominant_creature(sources: Sequence[str]) -> str | None:
    """A sentence where the file names say that one creature has a large share of the pictures."""
    if len(sources) < _FEWEST:
        return None
    creatures = creatures_of(sources)
    (name, count), *others = Counter(creatures).most_common()
    if not others or count < _DOMINANT * len(sources):
        return None
    its = {source for source, creature in zip(sources, creatures, strict=True) if creature == name}
    if len({PurePosixPath(source).parent for source in its}) == len(its):
        return None  # one in every folder, such as each one's 1.png
    species = pokedex().get(int(name)) if name.isdecimal() and len(name) < 5 else None
    called = f"{species.name} ({name})" if species else name
    return (
        f"{called} is {100 * count / len(sources):.0f} % of the set, by the file names: a network will draw"
        " little else; leave some of its pictures out"
    )


def small_text(looks: Sequence[Look], remedy: str) -> str | None:
    """A sentence where half of the drawings or more leave much of their frame empty."""
    if len(looks) < _FEWEST or (side := float(np.median([look.side for look in looks]))) >= _FULL:
        return None
    return (
        f"creatures fill {100 * side:.0f} % of the frame's side (median): {remedy} makes them larger,"
        " with more pixels for faces, and as large as creatures64 draws its own"
    )


def sprites_in(picture: Image.Image) -> int:
    """How many sprites an RGB picture holds that looks like a sheet; 0 for any other."""
    return len(sheet_boxes(visible(picture.convert("RGBA"), _TOLERANCE)))


def sheets_text(sheets: Sequence[tuple[str, int]], remedy: str) -> str:
    """A sentence on pictures that look like sheets, of (name, sprites in it)."""
    name, sprites = sheets[0]
    what = "1 picture looks like a sheet" if len(sheets) == 1 else f"{len(sheets)} pictures look like sheets"
    return f"{what} of sprites ({name} holds {sprites}): {remedy}"


def strays_text(strays: Sequence[tuple[str, str]]) -> str:
    """A sentence that names up to three pictures unlike the rest, of (name, in what)."""
    named = ", ".join(f"{name} ({what})" for name, what in strays[:3])
    more = f" and {len(strays) - 3} more" if len(strays) > 3 else ""
    verb = "is" if len(strays) == 1 else "are"
    return f"{named}{more} {verb} unlike the rest of the set"
