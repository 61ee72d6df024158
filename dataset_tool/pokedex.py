"""Which Pokémon a file shows, by the number or name in its file name, and the facts of the Pokédex table.

The table is `vendor/pokedex.csv`. Forms (`150-mega-x`, `201-f`, `521f`) take the facts of their species.
"""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dataset_tool.problems import UserError

# Words that collections put before the number or name. `img` and the like are not among them on purpose:
# the number in `img_25.png` counts files, and labels made from it would be silently wrong.
_LEADING_WORDS = (
    "pokemon poke pkmn pkm pokedex dex no nr num number sprite sprites artwork art home front back shiny "
    "normal male female mega gmax gigantamax primal alola alolan galar galarian hisui hisuian paldea paldean"
)
_SYMBOLS = {"♀": "-f-", "♂": "-m-", "’": "", "'": "", "`": "", ".": "-", ":": "-"}


class UnknownPokemon(Exception):
    """A file name from which no Pokémon can be told; the message is a reason for the problem table."""


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
    path = _table_path()
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


def find_species(stem: str) -> Species:
    """Return the Pokémon that a file name without extension names; raises UnknownPokemon with a reason.

    A number counts when it comes first (`25`, `0025`, `25-belle`, `521f`, `001Bulbasaur`), a name when it
    makes up the first words (`mr-mime`, `nidoran-f`, `nidoran♀`, `pikachu_shiny`, `MrMime`), both after
    words such as `poke_` or `shiny-`. A number and a name that disagree are an error, not a guess.
    """
    # `Pikachu (2)` is what a system calls a second copy; it must not turn Porygon into Porygon2.
    tokens = _tokens(re.sub(r"\s*\([0-9]+\)\s*$", "", stem))
    while len(tokens) > 1 and tokens[0] in _LEADING_WORDS.split() and _match_name(tokens) is None:
        tokens = tokens[1:]
    if not tokens:
        raise UnknownPokemon("no Pokédex number or name in the file name")
    if tokens[0].isdecimal():
        species = _by_number(tokens[0], stem)
        named = _match_name(tokens[1:])
        if named is not None and named != species.number:
            raise UnknownPokemon(
                f"number {species.number} is {species.name}, but the name says {pokedex()[named].name}"
            )
        return species
    number = _match_name(tokens)
    if number is None:
        raise UnknownPokemon(_advice(tokens))
    return pokedex()[number]


def _by_number(token: str, stem: str) -> Species:
    if re.match(r"[^0-9]*[0-9]+\s?[x×]\s?[0-9]+", stem.lower()):
        raise UnknownPokemon("the number is a size in pixels, not a Pokédex number")
    digits = token.lstrip("0") or "0"
    species = pokedex().get(int(digits)) if len(digits) <= 5 else None
    if species is None:
        raise UnknownPokemon(f"number {digits[:12]} is not in the Pokédex (1 to {max(pokedex())})")
    return species


def _match_name(tokens: list[str]) -> int | None:
    """Return the number whose name is made of the most first `tokens`, or None."""
    tried = ("".join(tokens[:count]) for count in range(min(len(tokens), 4), 0, -1))
    return next((_names()[name] for name in tried if name in _names()), None)


def _advice(tokens: list[str]) -> str:
    first = "".join(tokens[:2]) if len(tokens[0]) < 3 else tokens[0]
    if first.startswith("nidoran"):
        return "Nidoran♀ (29) or Nidoran♂ (32)? name the file nidoran-f or nidoran-m"
    close = difflib.get_close_matches(first, _names(), n=1, cutoff=0.8)
    if close:
        return f"no Pokémon is named {first}; did you mean {pokedex()[_names()[close[0]]].name}?"
    return "no Pokédex number or name in the file name"


@lru_cache(maxsize=1)
def _names() -> dict[str, int]:
    """Return the numbers by name without marks and spaces: `mrmime`, `nidoranf`, `hooh`, `porygon2`."""
    names = {"".join(_tokens(species.name)): species.number for species in pokedex().values()}
    return names | {"nidoranf": 29, "nidoranfemale": 29, "nidoranm": 32, "nidoranmale": 32}


def _tokens(text: str) -> list[str]:
    """Return the lower-case words and numbers of `text` without accents: `001Flabébé-f` → 001, flabebe, f."""
    for symbol, plain in _SYMBOLS.items():
        text = text.replace(symbol, plain)
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain_text = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
    return re.findall(r"[a-z]+|[0-9]+", plain_text)


def _table_path() -> Path:
    # In a checkout the table lies in vendor/ beside this package; in an installed wheel it is
    # dataset_tool/vendor.
    here = Path(__file__).resolve().parent
    candidates = (here / "vendor" / "pokedex.csv", here.parent / "vendor" / "pokedex.csv")
    return next((path for path in candidates if path.is_file()), candidates[-1])
