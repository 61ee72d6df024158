"""Classes from the Pokédex, from folders and from CSV files: stable numbers, and problems that are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset_tool.labels import (
    PSEUDO_LEGENDARY,
    TYPES,
    Labelling,
    label_entries,
    recorded_kind,
)
from dataset_tool.pokedex import pokedex
from dataset_tool.problems import Problem, UserError
from dataset_tool.reading.sources import list_sources
from dataset_tool.report import class_rows
from tests.dataset_tool.pictures import write


def label(kind: str, *sources: Path) -> Labelling:
    return label_entries(kind, list_sources(sources).entries, sources)


def folder(path: Path, *names: str) -> Path:
    for name in names:
        write(path / name, b"not looked at")
    return path


def named(labelling: Labelling) -> dict[str, str]:
    return {name: labelling.classes[number] for name, number in labelling.labels.items()}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "type",
            {
                "6-mega-x.png": "fire",
                "25-belle.png": "electric",
                "mr-mime.png": "psychic",
                "150.png": "psychic",
            },
        ),
        (
            "type2",
            {"6-mega-x.png": "flying", "25-belle.png": "none", "mr-mime.png": "fairy", "150.png": "none"},
        ),
        (
            "generation",
            {name: "generation-1" for name in ("6-mega-x.png", "25-belle.png", "mr-mime.png", "150.png")},
        ),
        (
            "colour",
            {"6-mega-x.png": "red", "25-belle.png": "yellow", "mr-mime.png": "pink", "150.png": "purple"},
        ),
        (
            "legendary",
            {
                "6-mega-x.png": "ordinary",
                "25-belle.png": "ordinary",
                "mr-mime.png": "ordinary",
                "150.png": "legendary",
            },
        ),
    ],
)
def test_pokedex_kinds(tmp_path, kind, expected):
    labelling = label(kind, folder(tmp_path, *expected))
    assert named(labelling) == expected
    assert labelling.problems == ()


def test_mythical_pokemon_count_as_legendary(tmp_path):
    assert named(label("legendary", folder(tmp_path, "mew.png", "celebi.png"))) == {
        "celebi.png": "legendary",
        "mew.png": "legendary",
    }


def test_pseudo_legendary_are_the_ten_final_forms_the_players_name(tmp_path):
    names = ["dragonite", "tyranitar", "salamence", "metagross", "garchomp"]
    names += ["hydreigon", "goodra", "kommo-o", "dragapult", "baxcalibur"]
    labelling = label("pseudo-legendary", folder(tmp_path, *(f"{name}.png" for name in names), "dratini.png"))
    assert sorted(pokedex()[number].name.lower() for number in PSEUDO_LEGENDARY) == sorted(names)
    assert named(labelling) == {
        **{f"{name}.png": "pseudo-legendary" for name in names},
        "dratini.png": "ordinary",
    }


def test_class_numbers_do_not_depend_on_the_pictures(tmp_path):
    assert label("type", folder(tmp_path / "a", "1.png")).classes == TYPES
    assert label("type", folder(tmp_path / "b", "7.png")).labels == {"7.png": 2}
    assert label("type2", folder(tmp_path / "c", "25.png")).labels == {"25.png": 0}


def test_unresolvable_names_are_problems_of_their_own(tmp_path):
    labelling = label("type", folder(tmp_path, "25.png", "egg.png", "001Charmander.png"))
    assert list(labelling.labels) == ["25.png"]
    assert labelling.problems == (
        Problem("001Charmander.png", "--labels type: number 1 is Bulbasaur, but the name says Charmander"),
        Problem("egg.png", "--labels type: no Pokédex number or name in the file name"),
    )


def test_folders_are_classes_in_natural_order(tmp_path):
    labelling = label("folder", folder(tmp_path, "gen10/a.png", "gen9/b.png", "gen9/shiny/c.png"))
    assert labelling.classes == ("gen9", "gen10")
    assert named(labelling) == {"gen9/b.png": "gen9", "gen9/shiny/c.png": "gen9", "gen10/a.png": "gen10"}


def test_a_folder_around_everything_is_no_class(tmp_path):
    labelling = label("folder", folder(tmp_path, "sprites/cats/a.png", "sprites/birds/b.png"))
    assert labelling.classes == ("birds", "cats")


def test_folders_named_after_types_share_the_class_numbers_of_types(tmp_path):
    labelling = label("folder", folder(tmp_path / "a", "water/a.png", "fire/b.png"))
    assert (labelling.classes, labelling.labels) == (TYPES, {"fire/b.png": 1, "water/a.png": 2})
    mixed = label("folder", folder(tmp_path / "b", "water/a.png", "fire/b.png", "other/c.png"))
    assert mixed.classes == ("fire", "other", "water")
    (note,) = labelling.notes
    assert note.startswith("all 2 folders are named after types, so the 18 types are the classes")
    assert not mixed.notes


def test_a_picture_outside_of_any_folder_is_a_problem(tmp_path):
    labelling = label("folder", folder(tmp_path, "fire/a.png", "stray.png"))
    assert named(labelling) == {"fire/a.png": "fire"}
    assert [problem.file for problem in labelling.problems] == ["stray.png"]


def test_several_sources_are_classes_themselves(tmp_path):
    sources = [folder(tmp_path / "fire", "a.png"), folder(tmp_path / "water", "a.png", "b.png")]
    assert named(label("folder", *sources)) == {
        "fire/a.png": "fire",
        "water/a.png": "water",
        "water/b.png": "water",
    }


def test_csv_with_header_names_and_extra_columns(tmp_path):
    source = folder(tmp_path / "src", "a.png", "sub/b.png", "c.png")
    table = write(
        tmp_path / "l.csv",
        "\ufeffartist,Label,file\nme,water,a.png\nme,fire,sub/b.png\nme,fire,c.png\n".encode(),
    )
    labelling = label(f"csv:{table}", source)
    assert labelling.classes == ("fire", "water")
    assert named(labelling) == {"a.png": "water", "sub/b.png": "fire", "c.png": "fire"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_without_header_in_any_separator(tmp_path, separator):
    table = write(tmp_path / "l.csv", f"a.png{separator}2\nb.png{separator}0\n".encode())
    labelling = label(f"csv:{table}", folder(tmp_path / "src", "a.png", "deep/b.png"))
    assert labelling.classes == ("0", "1", "2")
    assert labelling.labels == {"a.png": 2, "deep/b.png": 0}


def test_the_most_specific_row_of_a_csv_wins(tmp_path):
    table = write(tmp_path / "l.csv", b"file,label\nb.png,plain\nsub/b.png,special\nc,stem\n")
    labelling = label(f"csv:{table}", folder(tmp_path / "src", "b.png", "sub/b.png", "c.webp"))
    assert named(labelling) == {"b.png": "plain", "sub/b.png": "special", "c.webp": "stem"}


def test_missing_rows_are_problems_and_unused_rows_are_mentioned(tmp_path):
    table = write(tmp_path / "l.csv", b"file,label\na.png,x\nghost.png,y\n")
    labelling = label(f"csv:{table}", folder(tmp_path / "src", "a.png", "b.png"))
    assert labelling.problems == (Problem("b.png", "--labels: l.csv has no row for it"),)
    assert labelling.notes == ("1 of 2 rows of l.csv name no picture",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no rows"),
        (b"\n\n,\n", "holds no rows"),
        (b"file,label\na.png\n", "line 2"),
        (b"file,label\na.png,\n", "line 2"),
        (b"a.png,1\na.png,2\n", "two labels"),
        (b"a.png,99999\n", "class number 99999"),
        (b"a.png,\xff\xfe\n", "not UTF-8"),
        (b'file,label\n"a.png,x\n', "line"),
    ],
)
def test_an_unusable_csv_is_one_sentence_that_names_it(tmp_path, content, reason):
    table = write(tmp_path / "l.csv", content)
    with pytest.raises(UserError, match=reason) as error:
        label(f"csv:{table}", folder(tmp_path / "src", "a.png"))
    assert "l.csv" in str(error.value)


def test_a_missing_csv_is_one_sentence(tmp_path):
    for kind in (f"csv:{tmp_path / 'none.csv'}", f"csv:{tmp_path / 'none.csv'}:Type 1"):
        with pytest.raises(UserError, match=r"none\.csv, the label file, cannot be read"):
            label(kind, folder(tmp_path / "src", "a.png"))


def test_the_zip_records_a_csv_by_content_not_by_place(tmp_path):
    first, second = (write(tmp_path / name / "l.csv", b"a.png,1\n") for name in ("one", "two"))
    assert recorded_kind(f"csv:{first}") == recorded_kind(f"csv:{second}")
    write(second, b"a.png,2\n")
    assert recorded_kind(f"csv:{first}") != recorded_kind(f"csv:{second}")


def test_the_class_table_counts_every_class():
    assert list(class_rows([2, 0, 2], ["a", "b", "c"])) == [(0, "a", 1), (1, "b", 0), (2, "c", 2)]
