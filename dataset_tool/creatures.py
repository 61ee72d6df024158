"""Which pictures show the same creature, by the names of their files and folders."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import PurePosixPath

from dataset_tool.pokedex import (
    LEADING_WORDS,
    REGIONS,
    UnknownPokemon,
    collection_number,
    counts_something,
    folder_species,
    without_copy_number,
)

# Ends of names that say which form, side or sex of a creature it is.
_TRAILING = REGIONS | {
    "shiny",
    "normal",
    "front",
    "back",
    "male",
    "female",
    "f",
    "m",
    "x",
    "y",
    "form",
    "forme",
}


def creatures_of(sources: Sequence[str]) -> list[str]:
    """For every file name the creature it shows: pictures of one creature get one name.

    A folder that is named after a Pokémon tells it, since its files have counters and hashes for names. Else
    a number that begins the name is the creature (`25`, `0025`, `25-belle`, `521f`), after words such as
    `shiny-` and the beginnings of collections' names too, but no date, size or hash. Otherwise it is the
    name without what says which form it is (`charizard-mega-x`, `pikachu_shiny`, `Pikachu (2)`); where
    another file names the number with exactly that name (`025_pikachu`), it is that number's creature.
    Whatever else there is, is its own.
    """
    told = [_number_and_words(source) for source in sources]
    numbers: dict[str, set[str]] = {}
    for number, words in told:
        if number and words:
            numbers.setdefault(words, set()).add(number)
    result = []
    for number, words in told:
        known = numbers.get(words, set()) if not number else set()
        result.append(number or (next(iter(known)) if len(known) == 1 else words))
    return result


def _number_and_words(source: str) -> tuple[str, str]:
    """The number ("" without) and the words that tell the creature in a file name."""
    path = PurePosixPath(source.replace("\\", "/"))
    if number := _number_of_folder(path.parent):
        return number, ""
    if (of_collection := collection_number(path.stem)) is not None:
        return str(of_collection), ""
    text = unicodedata.normalize("NFKC", without_copy_number(path.stem)).casefold()
    tokens = [token for token in re.split(r"[\W_]+", text) if token] or [text]
    while len(tokens) > 1 and tokens[0] in LEADING_WORDS:
        tokens = tokens[1:]
    first = re.match(r"([0-9]+)(.*)", tokens[0], re.ASCII | re.DOTALL)
    if not first or counts_something(path.stem):
        return "", _without_form(tokens)
    rest = [*([first[2]] if first[2] else []), *tokens[1:]]
    return first[1].lstrip("0") or "0", _without_form(rest)


@lru_cache(maxsize=4096)
def _number_of_folder(folder: PurePosixPath) -> str:
    for part in reversed(folder.parts):
        try:
            species = folder_species(part)
        except UnknownPokemon:  # its number and its name disagree
            continue
        if species:
            return str(species.number)
    return ""


def _without_form(tokens: list[str]) -> str:
    while len(tokens) > 1 and tokens[-1] in _TRAILING:
        tokens = tokens[:-1]
    return "-".join(tokens)
