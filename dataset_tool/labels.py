"""Classes of pictures: from the Pokédex, from folders, or from a CSV file.

The Pokédex kinds have a fixed list of classes in a fixed order, whatever pictures there are. So class 2 of
`type` is `water` in every data set, and a network that was trained on one can be fine-tuned on another.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dataset_tool.pokedex import Species, UnknownPokemon, find_species
from dataset_tool.problems import Problem, UserError
from dataset_tool.reading.sources import Entry, common_folder, natural_key, source_names

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
# A CSV of numbers needs one class per number up to the largest, so a stray 100000 would make 100000 classes.
_MAX_CLASSES = 10_000
_COLUMNS = (("file", "filename", "image", "path", "name"), ("label", "class"))  # what a header calls them


@dataclass(frozen=True)
class Labelling:
    """Class numbers of entries by name, the names of the classes, entries that got none, and remarks."""

    labels: dict[str, int]
    classes: tuple[str, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


def label_entries(kind: str, entries: Sequence[Entry], sources: Sequence[Path]) -> Labelling:
    """Give every entry its class; `kind` is a value of `--labels`.

    `type`, `type2` (class 0 is `none`), `colour` and `generation` are facts of the species. `legendary`
    has two classes and counts mythical Pokémon as legendary: apart they would be too few to learn.
    `folder` takes the first folder below the one that all pictures of a source share; with several
    sources, pictures outside of any folder take the name of their source. Folders that are all named
    after types get the classes of `type`, so that forged and real creatures share their numbers.
    `csv:FILE` is described at `read_label_file`. Raises UserError for an unusable CSV file.
    """
    if kind == "folder":
        return _from_folders(entries, sources)
    if kind.startswith("csv:"):
        return _from_csv(Path(kind.removeprefix("csv:")), entries)
    classes, class_of = _POKEDEX_KINDS[kind]
    labels: dict[str, int] = {}
    problems: list[Problem] = []
    for entry in entries:
        try:
            species = find_species(PurePosixPath(entry.inside).stem)
        except UnknownPokemon as error:
            problems.append(Problem(entry.name, f"--labels {kind}: {error}"))
        else:
            labels[entry.name] = classes.index(class_of(species))
    return Labelling(labels, classes, tuple(problems))


def recorded_kind(kind: str | None) -> str | None:
    """Return what the zip records of `--labels`: a CSV by name and checksum, not by its folder."""
    if kind is None or not kind.startswith("csv:"):
        return kind
    path = Path(kind.removeprefix("csv:"))
    return f"csv:{path.name} sha256:{hashlib.sha256(_read_bytes(path)).hexdigest()}"


def read_label_file(path: Path) -> list[tuple[str, str]]:
    """Return the (file, label) rows of a CSV file in UTF-8.

    Separated by comma, semicolon or tab. With a header, its columns `file` (or `filename`, `image`, `path`,
    `name`) and `label` (or `class`) are taken, whatever else there is; without one, the first two columns.
    Raises UserError with the line that cannot be used.
    """
    try:
        text = _read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from error
    first_line = text.lstrip().split("\n", 1)[0]
    separator = max(",;\t", key=first_line.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows = [[cell.strip() for cell in row] for row in reader]
    except csv.Error as error:
        raise UserError(f"{path} is not a CSV file: {error}") from error
    numbered = [(number, row) for number, row in enumerate(rows, 1) if any(row)]
    if not numbered:
        raise UserError(f"{path} holds no rows: give one row `file,label` per picture")
    header = [cell.casefold() for cell in numbered[0][1]]
    known = [[header.index(name) for name in names if name in header] for names in _COLUMNS]
    file_column, label_column = (found[0] for found in known) if all(known) else (0, 1)
    result = []
    for number, row in numbered[1 if all(known) else 0 :]:
        if len(row) <= max(file_column, label_column) or not row[file_column] or not row[label_column]:
            raise UserError(
                f"{path}, line {number}: a file and a label are needed, such as `25.png,electric`"
            )
        result.append((row[file_column].replace("\\", "/").removeprefix("./"), row[label_column]))
    return result


def _from_csv(path: Path, entries: Sequence[Entry]) -> Labelling:
    rows = read_label_file(path)
    by_key: dict[str, str] = {}
    for file, label in rows:
        if by_key.setdefault(file, label) != label:
            raise UserError(f"{path} gives {file} two labels, {by_key[file]} and {label}: keep one of them")
    if all(label.isdecimal() for _, label in rows):
        largest = max(int(label[:12]) for _, label in rows)
        if largest >= _MAX_CLASSES:
            raise UserError(
                f"{path} has the class number {largest}: number the classes from 0 on "
                f"(at most {_MAX_CLASSES}), or name them"
            )
        classes = tuple(str(number) for number in range(largest + 1))
    else:
        classes = tuple(sorted({_canonical(label) for _, label in rows}, key=natural_key))
    number_of = {name: number for number, name in enumerate(classes)}
    labels: dict[str, int] = {}
    problems: list[Problem] = []
    used: set[str] = set()
    for entry in entries:
        name = PurePosixPath(entry.inside)
        # The most specific key wins: the path as the problem table shows it, inside its source, the bare
        # name, the stem.
        keys = (entry.name, entry.inside, name.name, name.stem)
        key = next((key for key in keys if key in by_key), None)
        if key is None:
            problems.append(Problem(entry.name, f"--labels: {path.name} has no row for it"))
        else:
            used.add(key)
            labels[entry.name] = number_of[_canonical(by_key[key])]
    unused = len(by_key) - len(used)
    notes = (f"{unused} of {len(by_key)} rows of {path.name} name no picture",) if unused else ()
    return Labelling(labels, classes, tuple(problems), notes)


def _canonical(label: str) -> str:
    return str(int(label)) if label.isdecimal() else label


def _from_folders(entries: Sequence[Entry], sources: Sequence[Path]) -> Labelling:
    common = common_folder(entries)
    names = source_names(sources)
    folders: dict[str, str] = {}
    problems: list[Problem] = []
    for entry in entries:
        parts = PurePosixPath(entry.inside).relative_to(common[entry.source]).parts
        if len(parts) > 1:
            folders[entry.name] = parts[0]
        elif len(sources) > 1:
            folders[entry.name] = names[entry.source]
        else:
            problems.append(Problem(entry.name, "--labels folder: it lies in no folder of its own class"))
    found = set(folders.values())
    classes = TYPES if found <= set(TYPES) else tuple(sorted(found, key=natural_key))
    notes: tuple[str, ...] = ()
    if classes is TYPES and len(found) < len(TYPES):
        notes = (
            f"all {len(found)} folders are named after types, so the {len(TYPES)} types are the classes, with"
            " the numbers that --labels type gives them; classes without pictures do no harm",
        )
    labels = {name: classes.index(folder) for name, folder in folders.items()}
    return Labelling(labels, classes, tuple(problems), notes)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}, the label file, cannot be read: {error.strerror}") from error


_POKEDEX_KINDS: dict[str, tuple[tuple[str, ...], Callable[[Species], str]]] = {
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
