"""Which Pokémon a name shows: by Pokédex number, by English name, or by the names of common collections.

The tables are `vendor/pokedex.csv` and `vendor/forms.csv`. Forms (`150-mega-x`, `201-f`, `521f`, `10034`)
take the facts of their species. Numbers that only count pictures, hashes, dates and sizes name nothing.
"""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from dataset_tool.problems import UserError

_OF_OTHER_TYPES = frozenset({
    "alola", "alolan", "galar", "galarian", "hisui", "hisuian", "paldea", "paldean", "mega", "primal",
})  # fmt: skip
# What says which form of a Pokémon it is, before or after its name.
REGIONS = _OF_OTHER_TYPES | {"gmax", "gigantamax"}
# Words that collections put before the number or name. `img` and the like are not among them on purpose:
# the number in `img_25.png` counts files, and labels made from it would be silently wrong.
LEADING_WORDS = REGIONS | {
    "pokemon", "poke", "pkmn", "pkm", "pokedex", "dex", "no", "nr", "num", "number", "sprite",
    "sprites", "artwork", "art", "home", "front", "back", "shiny", "normal", "male", "female",
}  # fmt: skip
# A folder of a creature may hold these words besides: a longer name, such as `persian cats`, is none. The
# last line is what systems call a copy.
_FOLDER_WORDS = LEADING_WORDS | {
    "image", "images", "picture", "pictures", "pics", "png", "jpg", "set", "dataset", "x", "y",
    "copy", "kopie", "copie", "copia",
}  # fmt: skip
# Names of files in dumps of the games and in Bulbapedia's archives, up to the number: HOME renders and icons
# (`poke_capture_0025_…`), Pokémon GO (`pm0025_00_00`), menu icons (`Menu_HOME_0025`), sprites (`Spr_5b_025`).
_COLLECTIONS = re.compile(
    r"(?:poke[-_ ]?(?:capture|icon)[-_ ]|pokemon[-_ ]icon[-_ ]|(?:menu[-_ ])?(?:home|go|la|sv|swsh)[-_ ]?"
    r"|spr[-_ ](?:b[-_ ])?[1-9][a-z]{0,4}[-_ ]|ani[-_ ]?|icon[-_ ]?|pm[-_ ]?)(?=[0-9]{3,4}(?![0-9]))"
    r"|pm(?=[0-9]{1,2}(?![0-9]))"
)
# Letters that may follow a number directly: sex, shiny, back, Mega X and Y, region, and the `MS` of menu
# sprites. Others make `7kQ2bZx` a random name and `3d` or `1st` a word.
_ATTACHED = re.compile(
    r"(?:[fmsbaghp]|[fm]s|s[bfm]|m[xy]|gi|[a-z]{0,3}ms[0-9]*)(?![a-z0-9])|"
    + "|".join(sorted(word for word in LEADING_WORDS if len(word) > 3))
)
_HASH = re.compile(r"(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,}(?![a-z0-9])|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-")
_SIZE = re.compile(r"[^0-9]*[0-9]+ ?(?:[x×] ?[0-9]|px|pixels?|dpi)")
_DATE = re.compile(
    r"(?:0?[1-9]|[12][0-9]|3[01])[-_ ](?:0?[1-9]|[12][0-9]|3[01])[-_ ](?:[0-9]{2}|(?:19|20)[0-9]{2})(?![0-9])"
    r"|(?:19|20)[0-9]{2}[-_ ]?(?:0[1-9]|1[0-2])[-_ ]?(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
)
_NO_NUMBERS = (
    *((_HASH, "a hash"), (_SIZE, "a size in pixels"), (_DATE, "a date")),
    (re.compile(r"[0-9]+ ?%"), "a percentage"),
)
# `3 little pigs`, but not `25 x`; numbers of two words that are padded (`003 Bisaflor`) number a collection.
_PROSE = re.compile(r"[1-9][0-9]? +(?=[a-z]{2})")
_SYMBOLS = str.maketrans({"♀": "-f-", "♂": "-m-", ".": "-", ":": "-", "°": "o"} | dict.fromkeys("’‘'`´ʼ", ""))


class UnknownPokemon(Exception):
    """A name from which no Pokémon can be told; the message is a reason for the problem table."""


class Contradiction(UnknownPokemon):
    """A name that says two things, such as the number of one Pokémon and the name of another."""


@dataclass(frozen=True)
class Species:
    """One row of the Pokédex table; `type2` is empty for a Pokémon of one type."""

    number: int
    name: str
    type1: str
    type2: str
    generation: int
    legendary: bool
    mythical: bool
    colour: str
    shape: str


@lru_cache(maxsize=1)
def pokedex() -> dict[int, Species]:
    """Return the table by number; raises UserError when it is missing or unreadable."""
    path = _table_path("pokedex.csv")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [
                Species(
                    number=int(row["number"]),
                    name=row["name"],
                    type1=row["type1"],
                    type2=row["type2"],
                    generation=int(row["generation"]),
                    legendary=row["legendary"] == "1",
                    mythical=row["mythical"] == "1",
                    colour=row["color"],
                    shape=row["shape"],
                )
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise UserError(f"{path}, the Pokédex table, cannot be read ({error}): reinstall it") from error
    return {species.number: species for species in rows}


@lru_cache(maxsize=1)
def forms() -> dict[int, int]:
    """Return the species number of every form that PokéAPI numbers from 10001 on; raises UserError."""
    path = _table_path("forms.csv")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return {int(row["form"]): int(row["number"]) for row in csv.DictReader(file)}
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise UserError(f"{path}, the table of forms, cannot be read ({error}): reinstall it") from error


def find_species(stem: str) -> Species:
    """Return the Pokémon that a file name without extension names.

    A number counts when it comes first (`25`, `0025`, `25-belle`, `521f`, `001Bulbasaur`), a name when it
    makes up the first words (`mr-mime`, `nidoran-f`, `nidoran♀`, `pikachu_shiny`, `MrMime`). Both may follow
    words such as `poke_` or `shiny-`, or the beginning of a collection's names (`poke_capture_0025_…`).
    Raises UnknownPokemon with a reason, and Contradiction where a number and a name disagree.
    """
    in_collection, tokens, text = _significant(without_copy_number(stem))
    if not tokens:
        raise UnknownPokemon("no Pokédex number or name in the file name")
    if not in_collection and (reason := _no_number(text)):
        raise UnknownPokemon(reason)
    named = _match_name(tokens[1:] if tokens[0].isdecimal() else tokens)
    if tokens[0].isdecimal():
        species = _by_number(tokens[0])
        if named is not None and named[0] != species.number:
            name = pokedex()[named[0]].name
            raise Contradiction(f"number {species.number} is {species.name}, but the name says {name}")
        letters = re.split("[^a-z0-9]", text[len(tokens[0]) :], maxsplit=1)[0]
        unown = species.number == 201 and len(letters) == 1  # one form for every letter
        own = unown or letters.startswith("".join(_tokens(species.name)))
        if letters and named is None and not own and not _ATTACHED.match(letters):
            raise UnknownPokemon(f"{text[:40]} begins with no Pokédex number: letters follow it directly")
        if named is None and _PROSE.match(text) and not _may_follow(tokens[1], species):
            raise UnknownPokemon(f"{text[:40]}: the words after the number name no Pokémon")
        return species
    if named is None:
        raise UnknownPokemon(_advice("".join(tokens[:2]) if len(tokens[0]) < 3 else tokens[0]))
    return pokedex()[named[0]]


def _may_follow(word: str, species: Species) -> bool:
    """Return whether `word` says which form, or is part of the species' name or nearly so."""
    own = _tokens(species.name)
    parts = [*own, "".join(own), *_FOLDER_WORDS]
    return word in parts or bool(difflib.get_close_matches(word, parts[: len(own) + 1], n=1, cutoff=0.6))


def folder_species(name: str) -> Species | None:
    """Return the Pokémon that a folder is named after (`Abra`, `063 Abra`, `mr-mime`), or None.

    The whole name must be a Pokémon's, save words such as `shiny`; a number alone names none, since folders
    are numbered for many reasons. Raises Contradiction where a number and a name disagree.
    """
    tokens = _without_leading_words(_tokens(name))
    number = tokens.pop(0) if tokens and tokens[0].isdecimal() else None
    named = _match_name(tokens)
    if named is None or not all(word.isdecimal() or word in _FOLDER_WORDS for word in tokens[named[1] :]):
        return None
    species = pokedex()[named[0]]
    if number is not None and int(number[:12]) != species.number:
        raise Contradiction(f"the folder {name} has the number {number[:12]}, not {species.number}")
    return species


def bare_number(stem: str) -> int | None:
    """Return the number that is all there is in a file name (`25`, `poke_025`, `25 (1)`), or None."""
    _, tokens, _ = _significant(without_copy_number(stem))
    alone = len(tokens) == 1 and tokens[0].isdecimal() and not _is_padded(tokens[0])
    return int(tokens[0][:12]) if alone else None


class LeadingNumber(NamedTuple):
    """The number that a file name begins with, and what the rest says of it.

    The beginnings of a collection's names confirm that it is of the Pokédex, and so do the Pokémon's own name
    or forms alone behind it (`025-pikachu`, `6-mega-x`); `foreign` words behind it are neither.
    """

    value: int
    confirmed: bool
    foreign: bool


def leading_number(stem: str) -> LeadingNumber | None:
    """Return the number of a file name; None without one, and where another Pokémon's name follows."""
    text = plain(without_copy_number(stem))
    _, tokens, rest = _significant(text)
    if not tokens or not tokens[0].isdecimal() or _is_padded(tokens[0]) or _no_number(rest):
        return None
    number, words = int(tokens[0][:12]), tokens[1:]
    named = _match_name(words)
    if named is not None and named[0] != forms().get(number, number):
        return None
    prefix = _COLLECTIONS.match(text)
    marked = prefix is not None and prefix[0].startswith(("poke", "menu", "spr", "pm"))
    form = not REGIONS.isdisjoint(words) and _FOLDER_WORDS.issuperset(words)
    confirmed = marked or named is not None or form
    foreign = any(len(word) > 2 and word not in _FOLDER_WORDS for word in words[:1])
    return LeadingNumber(number, confirmed, foreign and not confirmed)


def is_form(name: str) -> bool:
    """Return whether a name shows another form than the usual one, which may have another type.

    It says so by a region, `mega` or `primal`, by PokéAPI's number (`10103`), or by the number that a
    collection gives the form (`poke_capture_0038_001_…`, `pm0052_31_00`).
    """
    if not _OF_OTHER_TYPES.isdisjoint(_tokens(name)):
        return True
    in_collection, tokens, _ = _significant(plain(without_copy_number(name)))
    numbers = [int(token[:12]) if token.isdecimal() else 0 for token in tokens[:2]]
    return bool(numbers) and (numbers[0] in forms() or (in_collection and any(numbers[1:])))


def collection_number(stem: str) -> int | None:
    """Return the number behind the beginning of a collection's names (`poke_capture_0025_…`), or None."""
    in_collection, tokens, _ = _significant(without_copy_number(stem))
    return int(tokens[0]) if in_collection else None


def counts_something(stem: str) -> bool:
    """Return whether the digits that a name begins with are a hash, a size, a date or a percentage."""
    return _no_number(_significant(without_copy_number(stem))[2]) is not None


def plain(text: str) -> str:
    """Return `text` in lower case without accents and apostrophes; ♀ and ♂ become f and m."""
    text = text.translate(_SYMBOLS).casefold()
    if text.isascii():  # most names are, and sets have many
        return text
    decomposed = unicodedata.normalize("NFKD", text).casefold()  # as `№` becomes `No`
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))


def without_copy_number(stem: str) -> str:
    """Return a file name without the number of a copy or a thumbnail's width, of its first 300 characters."""
    # `Pikachu (2)` is what a system calls a second copy; it must not turn Porygon into Porygon2.
    # `120px-0025Pikachu` is what a wiki calls a thumbnail.
    return re.sub(r"^[0-9]{2,4}px-(?=.)|\([0-9]+\)$", "", stem[:300].rstrip()).rstrip()


def _significant(stem: str) -> tuple[bool, list[str], str]:
    """Return whether a collection's prefix was removed, the tokens behind it, and the text from there."""
    text = plain(stem)
    if prefix := _COLLECTIONS.match(text):
        text = text[prefix.end() :]
        return True, _TOKEN.findall(text), text
    found = list(_TOKEN.finditer(text))
    tokens = _without_leading_words([match[0] for match in found])
    return False, tokens, text[found[len(found) - len(tokens)].start() :] if tokens else ""


def _without_leading_words(tokens: list[str]) -> list[str]:
    while len(tokens) > 1 and tokens[0] in LEADING_WORDS and _match_name(tokens) is None:
        tokens = tokens[1:]
    return tokens


def _no_number(text: str) -> str | None:
    """Return why the digits that `text` begins with are not a Pokédex number, or None."""
    if not text[:1].isdecimal():
        return "the name is a hash, not a Pokédex number" if _HASH.match(text) else None
    for pattern, what in _NO_NUMBERS:
        if pattern.match(text):
            return f"the number is {what}, not a Pokédex number"
    return None


def _by_number(token: str) -> Species:
    digits = token.lstrip("0") or "0"
    if _is_padded(token):
        raise UnknownPokemon(f"the number {token[:20]} counts files: a Pokédex number has at most 4 digits")
    value = int(digits[:12])
    number = forms().get(value, value)
    if number not in pokedex():
        raise UnknownPokemon(
            f"number {value} is not in the Pokédex (1 to {max(pokedex())}; forms 10001 to {max(forms())})"
        )
    return pokedex()[number]


def _is_padded(token: str) -> bool:
    return len(token) > 4 and token.startswith("0")


def _match_name(tokens: list[str]) -> tuple[int, int] | None:
    """Return the number whose name is made of the most first `tokens`, and how many those are, or None."""
    tried = ((count, "".join(tokens[:count])) for count in range(min(len(tokens), 4), 0, -1))
    return next(((_names()[name], count) for count, name in tried if name in _names()), None)


@lru_cache(maxsize=4096)
def _advice(first: str) -> str:
    if first.startswith("nidoran"):
        return "Nidoran♀ (29) or Nidoran♂ (32)? name the file nidoran-f or nidoran-m"
    close = difflib.get_close_matches(first[:40], _names(), n=1, cutoff=0.8)
    if close:
        return f"no Pokémon is named {first}; did you mean {pokedex()[_names()[close[0]]].name}?"
    return "no Pokédex number or name in the file name"


@lru_cache(maxsize=1)
def _names() -> dict[str, int]:
    """Return the numbers by name without marks and spaces: `mrmime`, `nidoranf`, `hooh`, `porygon2`."""
    names = {"".join(_tokens(species.name)): species.number for species in pokedex().values()}
    return names | {"nidoranf": 29, "nidoranfemale": 29, "nidoranm": 32, "nidoranmale": 32}


_TOKEN = re.compile(r"[a-z]+|[0-9]+")


def _tokens(text: str) -> list[str]:
    """Return the lower-case words and numbers of `text` without accents: `001Flabébé-f` → 001, flabebe, f."""
    return _TOKEN.findall(plain(text))


def _table_path(name: str) -> Path:
    # In a checkout the tables lie in vendor/ beside this package; in an installed wheel they are in
    # dataset_tool/vendor.
    here = Path(__file__).resolve().parent
    candidates = (here / "vendor" / name, here.parent / "vendor" / name)
    return next((path for path in candidates if path.is_file()), candidates[-1])
