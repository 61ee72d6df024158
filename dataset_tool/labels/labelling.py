"""What labelling returns, and which spellings are one class."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from dataset_tool.problems import Problem

# Extensions of pictures, also of kinds that cannot be read, at the end of a folded name.
PICTURE_SUFFIX = re.compile(r"\.(?:png|jpe?g|jfif|webp|gif|bmp|tiff?|avif|heic|svg|ico|tga|psd)$")
_INVISIBLE = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))
_SPLIT = re.compile(
    r"(?:train|training|test|testing|val|valid|validation|dev|development|eval|evaluation|holdout)"
    r"(?:[ _-]?(?:set|data|split|images|[0-9]+))?"
    r"|(?:fold|split|part|batch|shard|chunk)[ _-]?[0-9]+"
    r"|0[0-9]{4,}"  # as data sets of many pictures number their folders
)
_DOMAIN = re.compile(r"(?:train|Train|test|Test|val|Val)(?:[AB]|[ _-][ABab])")  # of two kinds of pictures


@dataclass(frozen=True)
class Labelling:
    """Class numbers of entries by name, the names of the classes, entries that got none, and remarks."""

    labels: dict[str, int]
    classes: tuple[str, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


def tidy(text: str) -> str:
    """Return `text` composed, without marks of no width, with single blanks inside only."""
    return unicodedata.normalize("NFC", " ".join(text.translate(_INVISIBLE).split()))


@lru_cache(maxsize=65_536)
def fold(text: str) -> str:
    """Return what the spellings of one name share: it is tidy and case folded."""
    # Case folding decomposes some letters, and composed ones fold to others than decomposed ones do.
    return unicodedata.normalize("NFC", tidy(text).casefold())


def is_split(name: str) -> bool:
    """Return whether `name` is that of a part of a data set: `train`, `Validation`, `test_set`, `00000`."""
    return _SPLIT.fullmatch(fold(name)) is not None or _DOMAIN.fullmatch(tidy(name)) is not None


def one_spelling(
    names: Iterable[str], key: Callable[[str], str] = fold
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the one spelling of every name, the most frequent, and a note if there were others.

    Names of one `key` are the same.
    """
    counts = Counter(names)
    groups: dict[str, list[str]] = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        groups.setdefault(key(name), []).append(name)
    chosen = {name: tidy(group[0]) for group in groups.values() for name in group}
    united = [", ".join(f"“{name}”" for name in group) for group in groups.values() if len(group) > 1]
    more = f", and {len(united) - 3} more" if len(united) > 3 else ""
    note = f"spellings of one name are one class: {'; '.join(united[:3])}{more}"
    return chosen, (note,) if united else ()
