"""Classes from the Pokédex and from folders: stable numbers, and no guess that looks like success."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from dataset_tool.labels import PSEUDO_LEGENDARY, TYPES, Labelling, label_entries
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


def numbered(where: str, first: int, last: int, width: int = 0) -> list[str]:
    return [f"{where}{number:0{width}d}.png" for number in range(first, last + 1)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Abra/00000001.png", "Abra/2fd28e699b7c4208acd1637fbad5df2d.png"], "psychic"),
        (["mr-mime/IMG_20230501.png", "Mr. Mime/7kQ2bZx.png", "122 Mr. Mime/96x96.png"], "psychic"),
        (["set/train/Abra/img00000001.png", "set/val/ABRA/25-12-2020.png"], "psychic"),
        (["Pikachu/150.png"], "electric"),
        (["Pikachu/25.png", "Pikachu/025-belle.png", "Pikachu/pikachu_2.png"], "electric"),
        (numbered("Abra/", 1, 8), "psychic"),
        (numbered("Abra/", 0, 30, 3), "psychic"),
        ([name for name in numbered("Abra/", 1, 30) if name != "Abra/7.png"], "psychic"),
        (["150.png", "x/0150.png", "normal/150.png"], "psychic"),
        (["Fire/6.png", "Flying/charizard.png", "Fire/10034.png"], "fire"),
    ],
)
def test_files_and_folders_that_agree_give_the_label(tmp_path, names, expected):
    labelling = label("type", folder(tmp_path, *names))
    assert named(labelling) == dict.fromkeys(names, expected)
    assert labelling.problems == ()


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (
            ["Pikachu/150-mewtwo.png"],
            "the folder Pikachu names Pikachu (25), but the file names Mewtwo (150)",
        ),
        (["Pikachu/raichu.png"], "the folder Pikachu names Pikachu (25), but the file names Raichu (26)"),
        (["Abra/001Charmander.png"], "number 1 is Bulbasaur, but the name says Charmander"),
        (["001 Charmander/a.png"], "the folder 001 Charmander has the number 001, not 4"),
        (["Fire/1.png"], "the folder Fire names a type, but Bulbasaur (1) is grass and poison"),
        (["water/pikachu.png"], "the folder water names a type, but Pikachu (25) is electric"),
        (numbered("", 0, 49), "its folder is numbered from 0 to 49: that counts pictures"),
        (numbered("a/", 1, 1100), "its folder is numbered from 1 to 1100: that counts pictures"),
        (numbered("a/", 10_000, 10_300), "its folder is numbered from 10000 to 10300"),
        (
            numbered("001/", 1, 7) + numbered("004/", 1, 3),
            " may count pictures: name it after its Pokémon, or pokedex-",
        ),
        (["004/1.png", "025/1.png"], " may count pictures: name it after its Pokémon, or pokedex-"),
        ([f"{number}_cat.png" for number in range(40)], "its folder is numbered from 0 to 39"),
        (numbered("a/", 1, 20, 5), "counts files: a Pokédex number has at most 4 digits"),
        (numbered("Fire/", 1, 8) + numbered("Grass/", 1, 8), "its folder is numbered from 1 to 8"),
    ],
)
def test_numbers_that_count_pictures_or_disagree_are_problems_of_every_file(tmp_path, names, reason):
    labelling = label("generation", folder(tmp_path, *names))
    assert not labelling.labels
    assert len(labelling.problems) == len(names)
    assert all(reason in problem.reason for problem in labelling.problems)


@pytest.mark.parametrize(
    "names",
    [
        [*numbered("Abra/", 1, 6), "Pikatchu/1.png"],
        [*numbered("Abra/", 1, 6), "Pikatchu/2.png", "Pikatchu/9.png", "Pikatchu/7_small.png"],
        ["Abra/a.png", "Pikatchu/1.png"],
        ["Abra/a.png", *numbered("Pikatchu/", 1, 30)],
        ["pokedex/Abra/shiny/1.png", *numbered("pokedex/Pikatchu/shiny/", 1, 30)],
    ],
)
def test_a_folder_of_another_name_beside_those_of_pokemon_has_counters(tmp_path, names):
    labelling = label("type", folder(tmp_path, *names))
    assert set(named(labelling).values()) == {"psychic"}
    assert {problem.file for problem in labelling.problems} == {n for n in names if "Pikatchu" in n}


def test_numbers_that_agree_with_the_folders_are_those_of_the_pokedex_beside_them_too(tmp_path):
    names = ["Abra/63.png", "Abra/63-shiny.png", "others/4.png", "others/25-belle.png"]
    assert len(label("type", folder(tmp_path, *names)).labels) == 4


def test_forms_are_noted_where_they_may_differ(tmp_path):
    names = [
        *("37-alola.png", "Galarian Ponyta/1.png", "15-mega.png", "10103.png", "shiny-10229.png"),
        *("poke_capture_0038_001_uk_n_00000000_f_n.png", "pm0052_31_00.png"),
    ]
    usual = ["alola/722.png", "25.png", "poke_capture_0025_000_mf_n_00000000_f_n.png", "pm0001_00_00.png"]
    for name in names:
        notes = label("type", folder(tmp_path / name[:9], name, *usual)).notes
        assert [note.partition(": ")[0] for note in notes if "forms, labelled" in note] == [name]
        assert "forms, labelled by the type of the usual form, which may be another; --labels" in notes[-1]
    assert not any("forms," in note for note in label("generation", folder(tmp_path / "g", *names)).notes)


def test_numbers_beside_folders_of_pokemon_with_counters_are_problems(tmp_path):
    labelling = label("type", folder(tmp_path, *numbered("Abra/", 1, 8), *numbered("Glacion/", 1, 8)))
    assert {name.split("/")[0] for name in labelling.labels} == {"Abra"}
    assert {problem.file.split("/")[0] for problem in labelling.problems} == {"Glacion"}
    assert labelling.notes[0].startswith(
        "numbers in Abra/ count pictures; the folders name the Pokémon (Abra/1.png, Abra/2.png, "
    )


@pytest.mark.parametrize(
    "names",
    [
        numbered("", 494, 649),
        numbered("", 1, 151),
        numbered("", 1, 1025, 4),
        [*numbered("", 0, 1025), *numbered("", 10_001, 10_277)],  # as PokéAPI has them, with its 0.png
        [*numbered("", 0, 20), "3-mega.png"],  # forms are not counted
        numbered("", 1, 4),
        numbered("Pokémon/", 1, 30),
        numbered("x/My Pokédex/", 10, 39, 4),
        numbered("pokemon-sprites-64/", 1, 30),
        numbered("gen1/", 1, 30) + numbered("pkmn/", 31, 60),
        numbered("pokedex/kanto/", 1, 30) + numbered("pokedex/johto/", 152, 181),
        [*(f"{number:03}_Habitak.png" for number in range(21, 25)), "025_Pikachu.png", "026_Raichu.png"],
        ["001/001.png", "001/001-shiny.png", "002/002.png", "004/004.png"],
        [f"poke_capture_{number:04}_000_mf_n_00000000_f_n.png" for number in range(1, 31)],
        [*numbered("", 1, 30), "25-Pikachu.png"],
        [*numbered("", 1, 400), *(f"201-{mark}.png" for mark in "abcdefgh"), "386-attack.png"],
        [f"{number}-{side}.png" for number in range(1, 152) for side in ("front", "back")],
        [f"{number}_{copy}.png" for number in (1, 25, 26) for copy in range(6)],
    ],
)
def test_numbers_that_end_with_a_generation_or_lie_in_a_pokedex_are_those_of_pokemon(tmp_path, names):
    labelling = label("type", folder(tmp_path, *names))
    assert len(labelling.labels) == len(names) - ("0.png" in names)
    assert not [note for note in labelling.notes if "forms, labelled" not in note]


@pytest.mark.parametrize(
    ("names", "where", "first", "last"),
    [
        (numbered("", 1, 30), "cats", 1, 30),
        (numbered("x/", 1, 500, 4), "x", 1, 500),
        (numbered("Pok/", 3, 12), "Pok", 3, 12),
        (numbered("sprite", 10, 39), "cats", 10, 39),
        (numbered("pokemon_fakes/", 1, 20), "pokemon_fakes", 1, 20),
        (numbered("Pokemon/cats/", 1, 20), "cats", 1, 20),
        ([f"{number:03}-leafadon.png" for number in range(1, 31)], "cats", 1, 30),
        ([*(f"{number:03}-rex.png" for number in range(1, 31)), "026-raichu.png"], "cats", 1, 30),
        ([f"{number:03}-mega-leafadon.png" for number in range(1, 31)], "cats", 1, 30),
        ([f"{number:03}-leafadon.png" for number in range(1, 152)], "cats", 1, 151),
        ([f"{number}_{frame}.png" for number in range(1, 5) for frame in range(8)], "cats", 1, 4),
        ([f"{number}{end}.png" for number in range(1, 31) for end in ("", "_a", "_b", "_c")], "cats", 1, 30),
        ([f"sprite_{number}_small.png" for number in range(1, 31)], "cats", 1, 30),
        ([f"home_{number:03}_left.png" for number in range(1, 31)], "cats", 1, 30),
        ([*numbered("", 1, 30), "3 - copy.png", "7_final.png"], "cats", 1, 30),
    ],
)
def test_numbers_that_may_count_pictures_are_asked_about(tmp_path, names, where, first, last):
    message = f"{where}/: the files are numbered {first} to {last} without a gap, so the numbers may name"
    with pytest.raises(UserError, match=message):
        label("type", folder(tmp_path / "cats", *names))


def test_the_name_of_a_source_is_that_of_a_folder(tmp_path):
    abra = folder(tmp_path / "Abra", *numbered("", 1, 50), "a.png")
    labelling = label("type", abra)
    assert set(named(labelling).values()) == {"psychic"}
    assert len(labelling.labels) == 51
    assert labelling.notes[0].startswith("numbers in Abra/ count pictures")
    pictures = sorted(abra.iterdir())
    assert set(named(label("type", *pictures)).values()) == {"psychic"}  # as the shell gives Abra/*.png
    small = folder(tmp_path / "x" / "Abra", *(f"{number}_small.png" for number in (1, 2, 4)), "charizard.png")
    refused = label("type", small)
    assert (len(refused.labels), len(refused.problems)) == (0, 4)
    starters = ["bulbasaur.png", "charmander.png", "squirtle.png", "pikachu.png", "eevee.png"]
    project = folder(tmp_path / "ditto", *starters, "4.png")
    assert named(label("type", project)) | {"4.png": "fire"} == named(label("type", project))
    assert len(label("type", project).labels) == 6


def test_words_that_name_no_pokemon_make_numbers_with_gaps_doubtful_too(tmp_path):
    with pytest.raises(UserError, match="numbered 1 to 39 with gaps"):
        label("type", folder(tmp_path, *(f"{number}_cat.png" for number in range(1, 40, 2))))
    forms = ["201-question.png", "386-attack.png", "386-speed.png", "413-plant.png", "479-fan.png"]
    assert len(label("type", folder(tmp_path / "forms", *forms)).labels) == 5


@pytest.mark.parametrize("count", [1, 3])
def test_many_small_folders_of_creatures_of_another_world_are_asked_about(tmp_path, count):
    names = [
        name for word in ("rex", "bolt", "mona", "fizz", "umbra") for name in numbered(f"{word}/", 1, count)
    ]
    with pytest.raises(UserError, match=f"bolt/, fizz/, mona/ and 2 more folders: .* numbered 1 to {count} "):
        label("type", folder(tmp_path, *names))


def test_the_remedy_of_the_question_works_for_one_folder_and_for_several(tmp_path):
    names = [*numbered("kanto/", 1, 20), *numbered("johto/", 152, 171)]
    with pytest.raises(
        UserError, match=r"rename the folder or the source to pokedex \(several: pokedex-1, pokedex-2"
    ):
        label("type", folder(tmp_path / "set", *names))
    assert len(label("type", (tmp_path / "set").rename(tmp_path / "pokedex")).labels) == 40
    for number, name in enumerate(("kanto", "johto"), 1):
        (tmp_path / "pokedex" / name).rename(tmp_path / f"pokedex-{number}")
    assert len(label("type", tmp_path / "pokedex-1", tmp_path / "pokedex-2").labels) == 40


def test_a_deleted_file_makes_counters_no_pokedex_numbers(tmp_path):
    names = [name for name in numbered("cats/", 1, 30) if name != "cats/13.png"]
    with pytest.raises(UserError, match="numbered 1 to 30 with hardly a gap"):
        label("type", folder(tmp_path, *names))


def test_a_folder_for_pokedex_numbers_may_be_the_source(tmp_path):
    assert len(label("type", folder(tmp_path / "pokemon-art", *numbered("", 1, 30))).labels) == 30


SPLITS = (
    "train",
    "Test",
    "VAL",
    "valid",
    "Validation",
    "training",
    "testing",
    "dev",
    "eval",
    "test_set",
    "Train Data",
    "train2017",
    "fold 3",
    "part1",
    "trainA",
    "test_b",
    "00001",
)


@pytest.mark.parametrize("name", ["Testa", "vala", "partner", "train station", "1st", "0042", "10000"])
def test_words_that_begin_like_splits_are_classes(tmp_path, name):
    assert name in label("folder", folder(tmp_path, f"{name}/1.png", "cats/2.png")).classes


def test_a_folder_and_its_copies_are_one_class(tmp_path):
    names = ["Fire/1.png", "Fire (2)/2.png", "fire - Copy/3.png", "Fire copy 2/4.png", "Ice (1)/5.png"]
    labelling = label("folder", folder(tmp_path, *names))
    assert labelling.classes == ("Fire", "Ice (1)")
    (note,) = labelling.notes
    assert note.startswith("spellings of one name are one class: “Fire”, ")


@pytest.mark.parametrize("template", ["{}/{}/1.png", "set/{}/{}/1.png", "{}/{}/train/x/1.png"])
@pytest.mark.parametrize("split", SPLITS)
def test_split_folders_are_no_classes(tmp_path, template, split):
    pairs = [(split, "cats"), (split, "dogs"), ("train", "cats")]
    labelling = label("folder", folder(tmp_path, *(template.format(*pair) for pair in pairs)))
    assert labelling.classes == ("cats", "dogs")
    assert labelling.problems == ()


@pytest.mark.parametrize(
    "names",
    [
        ["README.md", "labels.csv", "images/cats/1.png", "images/dogs/2.png"],
        ["train/images/cats/1.png", "test/images/dogs/2.png", "train/classes.txt"],
        ["data/readme", "data/train/cats/1.JPG", "data/train/dogs/2.PNG"],
    ],
)
def test_folders_around_everything_are_no_classes_whatever_lies_beside_the_pictures(tmp_path, names):
    assert label("folder", folder(tmp_path, *names)).classes == ("cats", "dogs")


def test_pictures_in_a_split_alone_are_problems_and_the_note_names_the_splits(tmp_path):
    labelling = label("folder", folder(tmp_path, "train/cats/1.png", "test/dogs/2.png", "test/3.png"))
    assert named(labelling) == {"train/cats/1.png": "cats", "test/dogs/2.png": "dogs"}
    (problem,) = labelling.problems
    assert problem.reason.endswith(
        "no folder of its own class, and test is a part of a set, no class: rename it if it is one"
    )
    assert labelling.notes == ("test, train: parts of a set, passed over; folders inside are classes",)


def test_sources_that_are_parts_of_a_set_are_no_classes_and_the_reason_says_so(tmp_path):
    labelling = label("folder", folder(tmp_path / "part1", "1.png"), folder(tmp_path / "part2", "2.png"))
    assert not labelling.labels
    assert [problem.reason.partition(", and ")[2] for problem in labelling.problems] == [
        f"part{number} is a part of a set, no class: rename it if it is one" for number in (1, 2)
    ]


def test_splits_as_sources_share_their_classes(tmp_path):
    sources = [
        folder(tmp_path / "train", "cats/1.png", "dogs/2.png"),
        folder(tmp_path / "test", "cats/3.png"),
    ]
    assert named(label("folder", *sources)) == {
        "train/cats/1.png": "cats",
        "train/dogs/2.png": "dogs",
        "test/cats/3.png": "cats",
    }


def test_spellings_of_one_folder_are_one_class_and_a_note(tmp_path):
    nfd = unicodedata.normalize("NFD", "Électrique")
    names = ["Électrique/1.png", f"{nfd}/2.png", "électrique/3.png", "x/4.png", "X /5.png", "x/6.png"]
    labelling = label("folder", folder(tmp_path, *names))
    assert labelling.classes == ("x", "Électrique")
    assert labelling.notes == ("spellings of one name are one class: “x”, “X ”; “Électrique”, “électrique”",)


@pytest.mark.parametrize("spell", [str.upper, str.title, str.lower, "{} ".format])
def test_folders_of_types_in_any_case_share_the_class_numbers_of_types(tmp_path, spell):
    labelling = label("folder", folder(tmp_path, *(f"{spell(name)}/1.png" for name in TYPES)))
    assert labelling.classes == TYPES
    assert {name.split("/")[0].strip().lower(): number for name, number in labelling.labels.items()} == {
        name: number for number, name in enumerate(TYPES)
    }


def test_nearly_as_many_folders_as_pictures_are_refused(tmp_path):
    few = folder(tmp_path / "few", *(f"class {number}/1.png" for number in range(5)))
    assert len(label("folder", few).labels) == 5
    many = folder(tmp_path / "many", *(f"class {number}/1.png" for number in range(12)), "class 1/2.png")
    with pytest.raises(UserError, match="--labels folder makes 12 classes of 13 pictures, such as class 0"):
        label("folder", many)


def test_one_class_is_noted(tmp_path):
    (note,) = label("legendary", folder(tmp_path, "1.png", "4.png")).notes
    assert note == "all pictures are of one class, ordinary: --cond has nothing to learn from it"


@pytest.mark.sprites
@pytest.mark.parametrize(("archive", "pictures"), [("pokemon_rgba.zip", 819), ("sprites_gen5.zip", 1686)])
def test_real_sprites_are_labelled_by_the_number_they_begin_with(sprites, archive, pictures):
    labelling = label("type", sprites / archive)
    assert len(labelling.labels) == pictures
    assert all("forms, labelled" in note for note in labelling.notes)  # Mega Venusaur and others
    for name, given in named(labelling).items():
        assert given == pokedex()[int(re.match("[0-9]+", Path(name).name)[0])].type1
    assert {Path(problem.file).stem for problem in labelling.problems} <= {
        "0",
        "egg",
        "egg-manaphy",
        "substitute",
    }


def test_the_class_table_counts_every_class():
    assert list(class_rows([2, 0, 2], ["a", "b", "c"])) == [(0, "a", 1), (1, "b", 0), (2, "c", 2)]
