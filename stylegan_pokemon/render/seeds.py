"""Seeds and latent files as people write them, "0-63" or "1,5,mine.npz", and as files are named after them.

Without torch.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from stylegan_pokemon.errors import UserError

if TYPE_CHECKING:
    import numpy as np

MAX_SEED = 2**32 - 1  # of numpy.random.RandomState
OVERVIEWS = (
    *("grid", "sweep", "adaptation", "classes", "rank", "mix", "directions", "breed"),
    *("interpolation", "loop", "progression"),
)
"""What generate.py draws from many pictures; names of such files begin with these words."""
_FILES = (".npz", ".png")
_END = 16  # characters of the first and last name in a description that is too long
_RANGE = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", re.ASCII)
MAX_COUNT = 1_000_000  # a slip such as 0-99999999 should say so instead of filling the disk


@dataclass(frozen=True)
class StoredLatent:
    """A latent of a file, which stands wherever a seed does.

    index: its place among the `count` latents of the file. w: float32 [num_ws, w_dim], or [1, w_dim] for one
    row that all layers share. facts: what is known of it, such as its network and class.
    """

    path: Path
    index: int
    count: int
    w: np.ndarray | None = field(compare=False)  # None: `facts` has its seed, truncation, around and class
    facts: Mapping[str, Any] = field(compare=False, default_factory=dict)

    @property
    def stem(self) -> str:
        """How its picture is called: the file's name, numbered where it holds several."""
        return self.path.stem if self.count == 1 else f"{self.path.stem}-{self.index:03d}"


Key: TypeAlias = int | StoredLatent
"""What a picture is drawn from: a seed or a stored latent."""


def parse_seeds(text: str) -> list[Key]:
    """Read a list of seeds, ranges and latent files, in the order given, repetitions kept.

    text: numbers, inclusive ranges and names of files separated by commas, such as "0-63" or
    "1,5,9-12,mine.npz". A file is an `.npz` of latents or a PNG that generate.py wrote, which stands for the
    latent that it shows. Raises UserError for anything else, for seeds above 2³² − 1 and for more than a
    million of them.
    """
    seeds: list[Key] = []
    for part in _parts(text):
        if part.strip().casefold().endswith(_FILES):
            from stylegan_pokemon.render.stored import read_latents

            seeds.extend(read_latents(Path(part.strip()).expanduser()))
            continue
        match = _RANGE.fullmatch(part)
        if not match:
            part = part.partition(",")[0]
            shown = f"“{part.strip()}” in “{text}”" if part.strip() != text.strip() else f"“{text}”"
            raise UserError(
                f"--seeds: {shown} is no seed, range or latent file; write them like 0-63 or 1,5,mine.npz"
            )
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


def _parts(text: str) -> Iterator[str]:
    """What stands between the commas. A file name may hold some, if its beginning is no seed or range."""
    held = ""
    for part in text.split(","):
        held = f"{held},{part}" if held else part
        if not held.strip() or _RANGE.fullmatch(held) or held.strip().casefold().endswith(_FILES):
            yield held
            held = ""
    if held:
        yield held


def file_stem(key: Key) -> str:
    """How the picture of a seed or stored latent is called."""
    return f"seed{key:04d}" if isinstance(key, int) else key.stem


def key_name(key: Key) -> str:
    """What a seed or stored latent is called on sheets."""
    return f"seed {key}" if isinstance(key, int) else key.stem


def noise_seed(key: Key) -> int:
    """The seed of a picture's noise, where that is random."""
    if isinstance(key, int):
        return key
    kept = key.facts.get("noise_seed")
    return kept if type(kept) is int and 0 <= kept < 2**32 else key.index


def describe_seeds(seeds: Sequence[Key], limit: int = 40) -> str:
    """Write seeds shortly enough for a file name: [0, 1, 2, 7] → "0-2,7".

    Latents of a file are called by the file's name, once. What is longer than `limit` becomes the first and
    the last, how many there are, and a checksum: "0..398x200-6c0f3a".
    """
    parts: list[str] = []
    start = 0
    for i in range(1, len(seeds) + 1):
        before, here = seeds[i - 1], seeds[i] if i < len(seeds) else None
        if isinstance(before, StoredLatent):
            together = isinstance(here, StoredLatent) and here.path == before.path
        else:
            together = here == before + 1
        if not together:
            first, last = _described(seeds[start]), _described(before)
            parts.append(first if first == last else f"{first}-{last}")
            start = i
    text = ",".join(parts)
    if len(text) <= limit:
        return text
    first, last = (_described(seeds[i])[:_END] for i in (0, -1))
    return f"{first}..{last}x{len(seeds)}-{checksum(text)}"


def checksum(text: str) -> str:
    """Six hexadecimal digits that tell names apart which are cut short."""
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def _described(key: Key) -> str:
    return str(key) if isinstance(key, int) else re.sub(r"[^\w.-]+", "_", key.path.stem)


def overview_stem(kind: str, seeds: Sequence[Key]) -> str:
    """How the file of a sheet, grid or film of `seeds` is named; kind: one of OVERVIEWS."""
    assert kind in OVERVIEWS
    return f"{kind}-seeds{describe_seeds(seeds)}"


def is_overview(path: str) -> bool:
    """Whether generate.py names a sheet, grid or film so, in whatever folder."""
    return re.search(rf"(^|/)({'|'.join(OVERVIEWS)})-(seeds[\w.-]|gen\d|fakes\.)[^/]*$", path) is not None
