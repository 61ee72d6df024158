"""Seeds as people write them, "0-63" or "1,5,9-12", and as files are named after them. Without torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stylegan_pokemon.errors import UserError

MAX_SEED = 2**32 - 1  # of numpy.random.RandomState
OVERVIEWS = ("grid", "sweep", "adaptation", "classes", "interpolation", "progression")
"""What generate.py draws from many pictures; names of such files begin with these words."""
MAX_COUNT = 1_000_000  # a slip such as 0-99999999 should say so instead of filling the disk


def parse_seeds(text: str) -> list[int]:
    """Read a list of seeds and ranges, in the order given, repetitions kept.

    text: numbers and inclusive ranges separated by commas, such as "0-63" or "1,5,9-12".
    Raises UserError for anything else, for seeds above 2³² − 1 and for more than a million of them.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part, re.ASCII)
        if not match:
            shown = f"“{part.strip()}” in “{text}”" if part.strip() != text.strip() else f"“{text}”"
            raise UserError(f"--seeds: {shown} is no seed or range; write them like 0-63 or 1,5,9-12")
        first = int(match[1])
        last = first if match[2] is None else int(match[2])
        if last < first:
            raise UserError(f"--seeds: the range {first}-{last} runs backwards; write {last}-{first}")
        if last > MAX_SEED:
            raise UserError(f"--seeds: {last} is too large; seeds go up to {MAX_SEED}")
        if len(seeds) + last - first + 1 > MAX_COUNT:
            raise UserError(f"--seeds: {text} means more than {MAX_COUNT} pictures; ask for fewer")
        seeds.extend(range(first, last + 1))
    return seeds


def describe_seeds(seeds: Sequence[int], limit: int = 40) -> str:
    """Write seeds shortly enough for a file name: [0, 1, 2, 7] → "0-2,7"; longer than `limit` → "0..7x4"."""
    parts: list[str] = []
    start = 0
    for i in range(1, len(seeds) + 1):
        if i == len(seeds) or seeds[i] != seeds[i - 1] + 1:
            parts.append(str(seeds[start]) if i - start == 1 else f"{seeds[start]}-{seeds[i - 1]}")
            start = i
    text = ",".join(parts)
    return text if len(text) <= limit else f"{seeds[0]}..{seeds[-1]}x{len(seeds)}"


def overview_stem(kind: str, seeds: Sequence[int]) -> str:
    """How the file of a sheet, grid or film of `seeds` is named; kind: one of OVERVIEWS."""
    assert kind in OVERVIEWS
    return f"{kind}-seeds{describe_seeds(seeds)}"


def is_overview(path: str) -> bool:
    """Whether generate.py names a sheet, grid or film so, in whatever folder."""
    return re.search(rf"(^|/)({'|'.join(OVERVIEWS)})-(seeds\d|fakes\.)[^/]*$", path) is not None
