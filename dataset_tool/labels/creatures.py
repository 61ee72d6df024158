"""Classes from the Pokédex: which Pokémon a picture shows by its file and folder, and that one's facts.

The classes are a fixed list in a fixed order, whatever pictures there are. So class 2 of `type` is `water`
in every data set, and a network that was trained on one can be fine-tuned on another.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from dataset_tool.labels.labelling import Labelling, fold
from dataset_tool.pokedex import (
    Contradiction,
    Species,
    UnknownPokemon,
    bare_number,
    find_species,
    folder_species,
    forms,
    is_form,
    leading_number,
    plain,
    pokedex,
)
from dataset_tool.problems import Problem, UserError
from dataset_tool.reading.sources import Entry, is_zip

# The order of the usual type charts: normal, what the first partners are, then roughly as the games list
# them.
TYPES = (
    "normal", "fire", "water", "grass", "electric", "ice", "fighting", "poison", "ground",
    "flying", "psychic", "bug", "rock", "ghost", "dragon", "dark", "steel", "fairy",
)  # fmt: skip
COLOURS = ("black", "blue", "brown", "gray", "green", "pink", "purple", "red", "white", "yellow")
GENERATIONS = tuple(f"generation-{number}" for number in range(1, 10))
# Final forms of the three-stage families whose base stats total 600: Dragonite, Tyranitar, Salamence,
# Metagross, Garchomp, Hydreigon, Goodra, Kommo-o, Dragapult, Baxcalibur. The term is the players'; the
# games never use it.
PSEUDO_LEGENDARY = frozenset({149, 248, 373, 376, 445, 635, 706, 784, 887, 998})
# Collections end where a generation ends; 898 was the end of the first games of the eighth.
_LAST_NUMBERS = frozenset({151, 251, 386, 493, 649, 721, 809, 898, 905, 1010, 1025})
_FIRST_FORM = 10_001
# What a folder of Pokémon by number may be called, whole: `pokedex`, `pokemon-sprites`, `gen1`.
_POKEDEX = re.compile(
    r"(?:national |my |the )?(?:pok[ei]mon|poke ?dex|pkmn|dex|gen(?:eration)? ?[1-9])"
    r"(?: (?:sprites?|art|artworks?|home|images?|pictures?|png|set|dataset|rgba|dex|numbers?|[0-9]+))*"
)
# The same for a folder around others: `pokemon/cats/` is none.
_AROUND = re.compile(r"(?:national |my |the )?(?:poke ?)?dex")
_ALMOST = 0.9  # of a run of numbers: a file that was deleted makes it no collection
_BY_CHANCE = 0.05  # of creatures of another world that share number and name with a Pokémon
_UNOWN = 201  # has 28 forms; PokéAPI numbers none of them
_FORMS = 4  # files of a number: `201-a`, `201-b` …
_OF_FORMS = 0.1  # of the numbers have so many; copies and frames have all
_HALF = 0.5  # the same where words follow that name no Pokémon
_HANDFUL = 5  # fewer files say nothing about how they are numbered


def label_by_species(kind: str, entries: Sequence[Entry], sources: Sequence[Path]) -> Labelling:
    """Give every entry the class that a Pokédex `kind` of `--labels` has for its Pokémon.

    `type`, `type2` (class 0 is `none`), `colour` and `generation` are facts of the species. `legendary` has
    two classes and counts mythical Pokémon as legendary: apart they would be too few to learn. The nearest
    folder that is named after a Pokémon, the source itself included, counts where the file's name is a
    number or says nothing, and a note names numbers of another Pokémon; a file of another name is a problem.
    Forms take the facts of their species, and a note names them: they may have other types.
    Raises UserError for numbers of which nobody can tell what they count.
    """
    classes, class_of = _KINDS[kind]
    places = _places(entries, sources)
    counters, notes = _counters(entries, places)
    labels: dict[str, int] = {}
    problems: list[Problem] = []
    other_forms: list[str] = []
    for entry in entries:
        place = places[entry.name]
        try:
            species = _species(PurePosixPath(entry.name), place, counters.get(entry.name))
        except UnknownPokemon as error:
            problems.append(Problem(entry.name, f"--labels {kind}: {error}"))
        else:
            labels[entry.name] = classes.index(class_of(species))
            if is_form(place.stem) or is_form(_nearest_creature(place.parent)[1]):
                other_forms.append(entry.name)
    if other_forms and kind in _DIFFERING:
        more = f" and {len(other_forms) - 3} more" if len(other_forms) > 3 else ""
        notes += (
            f"{', '.join(other_forms[:3])}{more}: forms, labelled by the {kind} of the usual form, which may "
            "be another; --labels csv:FILE can say otherwise",
        )
    return Labelling(labels, classes, tuple(problems), notes)


def _places(entries: Sequence[Entry], sources: Sequence[Path]) -> dict[str, PurePosixPath]:
    """Return where every entry lies, from the name of its source on, by its name.

    A picture that is given by itself lies in its own folder. A source is named after a Pokémon by chance
    (`ditto/`, a project) if its files are named after several others.
    """
    roots = [
        (source.name if source.is_dir() else source.stem if is_zip(source) else source.parent.name)
        for source in (Path(os.path.abspath(source)) for source in sources)
    ]
    named = {
        number: species for number, root in enumerate(roots) if (species := _creature(PurePosixPath(root)))
    }
    others: dict[int, set[int]] = {}
    for entry in entries:
        species = _by_name(PurePosixPath(entry.inside).stem) if entry.source in named else None
        if species and species != named[entry.source]:
            others.setdefault(entry.source, set()).add(species.number)
    by_chance = {number for number, found in others.items() if len(found) >= _HANDFUL}
    return {
        entry.name: PurePosixPath("" if entry.source in by_chance else roots[entry.source], entry.inside)
        for entry in entries
    }


def _by_name(stem: str) -> Species | None:
    """Return the Pokémon that a file is named after; numbers, with or without a word, name none here."""
    if any(mark.isdecimal() for mark in stem[:3]) or bare_number(stem) is not None:
        return None
    try:
        return find_species(stem)
    except UnknownPokemon:
        return None


def _species(path: PurePosixPath, place: PurePosixPath, counter: str | None) -> Species:
    """Return the Pokémon of a picture; `counter` is the reason why its number is none of the Pokédex."""
    named, folder = _nearest_creature(place.parent)
    try:
        if counter:
            raise UnknownPokemon(counter)
        species = find_species(path.stem)
    except UnknownPokemon as error:
        if named is None or isinstance(error, Contradiction):
            raise
        species = named
    if named is not None and named != species:
        raise Contradiction(
            f"the folder {folder} names {named.name} ({named.number}), "
            f"but the file names {species.name} ({species.number})"
        )
    if part := _other_type(path.parent, species):
        types = " and ".join(filter(None, (species.type1, species.type2)))
        raise Contradiction(
            f"the folder {part} names a type, but {species.name} ({species.number}) is {types}; "
            "--labels folder takes the folders"
        )
    return species


@lru_cache(maxsize=65_536)
def _nearest_creature(folder: PurePosixPath) -> tuple[Species | None, str]:
    for part in reversed(folder.parts):
        if species := folder_species(part):
            return species, part
    return None, ""


class _Numbered:
    """The numbers that files of a folder begin with, by entry; none that a Pokémon's name confirms."""

    def __init__(self, folder: PurePosixPath, beside: bool) -> None:
        self.folder = folder
        self.beside = beside  # a folder that is named after a Pokémon
        self.numbers: dict[str, int] = {}
        self.foreign = 0  # how many are followed by words that name no Pokémon
        self.confirmed = 0  # how many more files there are, whose name is that of their number's Pokémon

    @property
    def run(self) -> set[int]:
        """Numbers of species, or what may be one."""
        return {number for number in self.numbers.values() if number < _FIRST_FORM}

    @property
    def worded(self) -> bool:
        """Whether most numbers are followed by words that name no Pokémon."""
        return 2 * self.foreign > len(self.numbers)

    @property
    def many_forms(self) -> bool:
        """Whether few numbers have many files, one of them Unown or another Pokémon of many forms."""
        files = Counter(self.numbers.values())
        several = {number for number, count in files.items() if count >= _FORMS}
        if self.worded or not 0 < len(several) <= _OF_FORMS * len(files):
            return False
        return not several.isdisjoint({_UNOWN, *forms().values()})

    @property
    def collection(self) -> bool:
        """Whether the folder holds Pokémon by their numbers.

        It is called a Pokédex, ends with a generation, unless other words follow the numbers, or has names of
        Pokémon or forms behind numbers.
        """
        ends = max(self.run, default=0) in _LAST_NUMBERS and not self.worded
        around = not self.beside and any(_AROUND.fullmatch(_spaced(part)) for part in self.folder.parts[:-1])
        own = _POKEDEX.fullmatch(_spaced(self.folder.name))
        confirmed = self.confirmed > _BY_CHANCE * self.foreign
        return confirmed or self.many_forms or ends or around or own is not None

    def count_pictures(self) -> str | None:
        """The reason why the numbers are taken to count pictures, or None.

        The Pokédex has no number 0 and ends. The numbers from 0 or 1 on contradict a type that the folder is
        named after, or the folder is named by a number itself (`004/1.png`).
        """
        run, own = self.run, bare_number(self.folder.name)
        if not run:
            return None
        last, several = max(run), len(run) > 1 or _FIRST_FORM - 1 in run
        if own is not None and len(run) == last and (several or own not in run) and not self.collection:
            name = self.folder.name
            remedy = f"name it after its Pokémon, or pokedex-{name} if they are of the Pokédex"
            return f"the numbers in the folder {name} may count pictures: {remedy}"
        beyond = sum(number > len(pokedex()) for number in run)
        dense = min(run) <= 1 and 2 * len(run) > last
        if several and (
            (beyond > 1 and (dense or 20 * beyond > len(run)))
            or (beyond and _FIRST_FORM - 1 in run)
            or (dense and 0 in run and not self.collection)
            or (dense and _of_another_type(self.folder, run))
        ):
            span = f"its folder is numbered from {min(run)} to {max(self.numbers.values())}"
            return f"{span}: that counts pictures, not Pokémon"
        return None

    def in_doubt(self) -> bool:
        """Whether the numbers may as well count pictures."""
        enough = len(self.run) >= (2 if min(self.run) <= 1 else _HANDFUL)
        return enough and len(self.numbers) >= _HANDFUL and self.dense()

    def dense(self) -> bool:
        """Whether the numbers have hardly a gap."""
        run = self.run
        share = len(run) / (max(run) - min(run) + 1)
        return not self.collection and share >= (_HALF if self.worded else _ALMOST)


def _counters(
    entries: Sequence[Entry], places: Mapping[str, PurePosixPath]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the entries whose numbers count pictures, with the reason, and notes on numbered folders.

    In a folder that is named after a Pokémon, another's number counts pictures if it stands alone. Beside
    such folders, numbers in one of another name count pictures too, unless it is a collection. Raises
    UserError for numbers that may be either.
    """
    counters: dict[str, str] = {}
    of_creatures: list[PurePosixPath] = []
    contradicting: list[str] = []
    unknown: list[_Numbered] = []
    small: list[_Numbered] = []
    agreeing = False
    for group in _numbered(entries, places):
        if species := _creature(group.folder):
            bare = [name for name in group.numbers if bare_number(places[name].stem) is not None]
            other = [name for name in bare if group.numbers[name] != species.number]
            agreeing |= len(other) < len(bare)
            of_creatures += [group.folder] if other else []
            contradicting += other
            counters |= dict.fromkeys(other, f"the numbers in the folder {group.folder.name} count pictures")
        elif reason := group.count_pictures():
            counters |= dict.fromkeys(group.numbers, reason)
        elif group.run and not group.collection:
            unknown.append(group)
    for group in unknown:
        among = group.beside and not (agreeing and not of_creatures)
        if among or (of_creatures and (min(group.run) <= 1 or group.in_doubt())):
            reason = "its folder names no Pokémon, although others do, so its number may count pictures"
            counters |= dict.fromkeys(group.numbers, reason)
        elif group.in_doubt():
            raise UserError(_doubt([group]))
        elif group.dense() and min(group.run) <= 1:
            small.append(group)
    if len(small) > 1 and sum(len(group.numbers) for group in small) >= _HANDFUL:
        raise UserError(_doubt(small))
    if not of_creatures:
        return counters, ()
    more = f" and {len(contradicting) - 3} more" if len(contradicting) > 3 else ""
    note = (
        f"numbers in {_listed(of_creatures)} count pictures; the folders name the Pokémon"
        f" ({', '.join(contradicting[:3])}{more})"
    )
    return counters, (note,)


def _numbered(entries: Sequence[Entry], places: Mapping[str, PurePosixPath]) -> list[_Numbered]:
    """Return the folders that have files whose names begin with a number."""
    folders = {place.parent for place in places.values()}
    around = {folder: (folder, *folder.parents) for folder in folders}
    of_creatures = {path.parent for paths in around.values() for path in paths if _is_creature(path)}
    groups: dict[PurePosixPath, _Numbered] = {}
    for entry in entries:
        place = places[entry.name]
        if number := leading_number(place.stem):
            if place.parent not in groups:
                beside = any(path.parent in of_creatures for path in around[place.parent] if path.name)
                groups[place.parent] = _Numbered(place.parent, beside)
            group = groups[place.parent]
            if number.confirmed:
                group.confirmed += 1
            else:
                group.numbers[entry.name] = number.value
                group.foreign += number.foreign
    return list(groups.values())


def _is_creature(path: PurePosixPath) -> bool:
    return _creature(PurePosixPath(path.name)) is not None


def _doubt(groups: Sequence[_Numbered]) -> str:
    run = set[int]().union(*(group.run for group in groups))
    first, last = min(run), max(run)
    count, span = len(run), last - first + 1
    gaps = (
        "without a gap" if count == span else "with hardly a gap" if count >= _ALMOST * span else "with gaps"
    )
    folders = _listed([group.folder for group in groups])
    return (
        f"{folders}: the files are numbered {first} to {last} {gaps}, so the numbers may name Pokémon or "
        "only count pictures; if they are of the Pokédex, rename the folder or the source to pokedex "
        "(several: pokedex-1, pokedex-2); else name files or folders after Pokémon, or use --labels folder "
        "or csv:FILE"
    )


def _spaced(name: str) -> str:
    """Return the words and numbers of a name, in lower case and with blanks between."""
    return " ".join(filter(None, re.split(r"[^a-z0-9]+|(?<=[a-z])(?=[0-9])", plain(name))))


def _of_another_type(folder: PurePosixPath, numbers: set[int]) -> bool:
    return any(_other_type(folder, pokedex()[number]) for number in numbers if number in pokedex())


def _other_type(folder: PurePosixPath, species: Species) -> str | None:
    """Return the part of `folder` that names a type which is none of the species', or None."""
    # `normal` is no type here: collections keep the sprites that are not shiny in it.
    types = (part for part in folder.parts if fold(part) in TYPES[1:])
    return next((part for part in types if fold(part) not in (species.type1, species.type2)), None)


def _creature(folder: PurePosixPath) -> Species | None:
    try:
        return _nearest_creature(folder)[0]
    except Contradiction:
        return None


def _listed(folders: Sequence[PurePosixPath]) -> str:
    named = ", ".join(f"{folder.name}/" if folder.parts else "the top folder" for folder in folders[:3])
    return named + (f" and {len(folders) - 3} more folders" if len(folders) > 3 else "")


_DIFFERING = ("type", "type2", "colour")  # what a form may have otherwise than its species
_KINDS: dict[str, tuple[tuple[str, ...], Callable[[Species], str]]] = {
    "type": (TYPES, lambda species: species.type1),
    "type2": (("none", *TYPES), lambda species: species.type2 or "none"),
    "legendary": (
        ("ordinary", "legendary"),
        lambda species: "legendary" if species.legendary or species.mythical else "ordinary",
    ),
    "pseudo-legendary": (
        ("ordinary", "pseudo-legendary"),
        lambda species: "pseudo-legendary" if species.number in PSEUDO_LEGENDARY else "ordinary",
    ),
    "generation": (GENERATIONS, lambda species: GENERATIONS[species.generation - 1]),
    "colour": (COLOURS, lambda species: species.colour),
}
