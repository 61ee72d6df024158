"""File names of all the shapes that sprite collections use resolve to the right Pokémon, or say why not."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dataset_tool.pokedex
from dataset_tool.labels import COLOURS, GENERATIONS, TYPES
from dataset_tool.pokedex import Contradiction, UnknownPokemon, find_species, folder_species, forms, pokedex
from dataset_tool.problems import UserError

NAMES = {
    "25": 25,
    "025": 25,
    "0025": 25,
    "25-belle": 25,
    "25-rock-star": 25,
    "150-mega-x": 150,
    "6-mega-y": 6,
    "521f": 521,
    "678f": 678,
    "201-f": 201,
    "201-question": 201,
    "413-plant": 413,
    "386-normal": 386,
    "493-fire": 493,
    "585-winter": 585,
    "001Bulbasaur": 1,
    "001_Bulbasaur": 1,
    "0006 Charizard (Mega X)": 6,
    "#025 Pikachu": 25,
    "25 (1)": 25,
    "Porygon (2)": 137,
    "poke_25": 25,
    "pokemon-25": 25,
    "Pokémon 025": 25,
    "shiny_025": 25,
    "no.25": 25,
    "bulbasaur": 1,
    "Bulbasaur": 1,
    "BULBASAUR_2": 1,
    "bulbasaur001": 1,
    "pikachu_shiny": 25,
    "pikachu-rock-star": 25,
    "shiny-pikachu": 25,
    "mega-charizard-x": 6,
    "charizard-mega-x": 6,
    "alolan-vulpix": 37,
    "vulpix-alola": 37,
    "mr-mime": 122,
    "mr_mime": 122,
    "Mr. Mime": 122,
    "mr.mime": 122,
    "MrMime": 122,
    "mr-mime-galar": 122,
    "mime-jr": 439,
    "Mime Jr.": 439,
    "mr-rime": 866,
    "nidoran-f": 29,
    "nidoranf": 29,
    "nidoran♀": 29,
    "120px-0025Pikachu": 25,
    "64px-Pikachu": 25,
    "№25": 25,
    "N° 025 Pikachu": 25,
    "Nidoran♀": 29,
    "nidoran-female": 29,
    "nidoran-m": 32,
    "nidoran_male": 32,
    "nidoran♂": 32,
    "nidorina": 30,
    "nidorino": 33,
    "farfetchd": 83,
    "farfetch'd": 83,
    "Farfetch’d": 83,
    "sirfetchd": 865,
    "ho-oh": 250,
    "hooh": 250,
    "Ho-Oh": 250,
    "porygon": 137,
    "porygon2": 233,
    "porygon-z": 474,
    "porygonz": 474,
    "type-null": 772,
    "Type: Null": 772,
    "flabebe": 669,
    "Flabébé": 669,
    "flabe\u0301be\u0301": 669,
    "jangmo-o": 782,
    "kommo-o": 784,
    "tapu-koko": 785,
    "tapukoko": 785,
    "great-tusk": 984,
    "wo-chien": 1001,
    "mew": 151,
    "mewtwo": 150,
    "mewtwo-mega-y": 150,
    "unown-f": 201,
    "deoxys-attack": 386,
    "1025": 1025,
    "pecharunt": 1025,
    # Dumps of the games and Bulbapedia's archives.
    "poke_capture_0025_000_md_n_00000000_f_n": 25,
    "poke_capture_0006_002_uk_n_00000000_f_r": 6,
    "poke_icon_0025_000_md_n_00000000_f_n": 25,
    "pm0025_00_00": 25,
    "pm25.fALOLA.icon": 25,
    "pokemon_icon_025_00_shiny": 25,
    "icon0025_f00_s0": 25,
    "Menu_HOME_0025": 25,
    "Menu HOME 0006-Mega X": 6,
    "HOME0025": 25,
    "Spr_5b_025": 25,
    "Spr_b_5b_025_f_s": 25,
    "Ani025MS": 25,
    "025MS": 25,
    "025MS6": 25,
    "006MXMS": 6,
    "019AMS": 19,
    "25_f2": 25,
    "201a": 201,
    "0006CharizardMegaX": 6,
    "25shiny": 25,
    "25@2x": 25,
    "25_2fd28e69": 25,
    "pikachu_2fd28e69": 25,
    # Words behind a number and a blank.
    "6 Charizard Mega X": 6,
    "25 shiny": 25,
    "25 x": 25,
    "25 copy 2": 25,
    "25 Kopie": 25,
    "25 pikchu": 25,
    "29 Nidoran": 29,
    "003 Bisaflor": 3,
    "25 - 2": 25,
    # PokéAPI's numbers of forms.
    "10034": 6,
    "10100": 26,
    "10277": 1024,
    # Spellings.
    "Pikachu (12)": 25,
    "[025] Pikachu": 25,
    "TYPE_NULL": 772,
    "Type- Null": 772,
    "Farfetch_d": 83,
    "NIDORAN-F": 29,
    "Ho Oh": 250,
    "Tapu_Lele": 786,
    "Porygon Z": 474,
}

UNKNOWN = {
    "egg": "no Pokédex number or name",
    "egg-manaphy": "no Pokédex number or name",
    "substitute": "no Pokédex number or name",
    "img_25": "no Pokédex number or name",
    "IMG20250101": "no Pokédex number or name",
    "": "no Pokédex number or name",
    "ポケモン": "no Pokédex number or name",
    "0": "number 0 is not in the Pokédex",
    "1026": "number 1026 is not in the Pokédex",
    "10000": "number 10000 is not in the Pokédex",
    "10278": "number 10278 is not in the Pokédex",
    "00000001": "counts files",
    "00025": "counts files",
    "000025": "counts files",
    "img00000001": "no Pokédex number or name",
    "frame_0025": "no Pokédex number or name",
    "1700000000": "not in the Pokédex",
    "2fd28e699b7c4208acd1637fbad5df2d": "a hash",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709": "a hash",
    "25d1ad50-79ac-4f71-8acd-3c8e31a4c02b": "a hash",
    "{00000025-79ac-4f71-8acd-3c8e31a4c02b}": "a hash",
    "151e3f9a_small": "a hash",
    "7kQ2bZx": "letters follow",
    "4b3f2a": "letters follow",
    "1st": "letters follow",
    "3d-model": "letters follow",
    "4k": "letters follow",
    "8bit": "letters follow",
    "2x": "letters follow",
    "2023-05-01": "a date",
    "20230501_123000": "a date",
    "25-12-2020": "a date",
    "25.12.20": "a date",
    "25%": "a percentage",
    "50 % off": "a percentage",
    "3 little pigs": "name no Pokémon",
    "12 monkeys": "name no Pokémon",
    "64px": "size in pixels",
    "512×512": "size in pixels",
    "99999999999999999999": "number 999999999999 is not in the Pokédex",
    "1024x1024": "size in pixels",
    "96x96-front": "size in pixels",
    "nidoran": "nidoran-f or nidoran-m",
    "pikachuu": "did you mean Pikachu",
    "bulbasuar": "did you mean Bulbasaur",
    "001Charmander": "number 1 is Bulbasaur, but the name says Charmander",
    "25-mr-mime": "number 25 is Pikachu, but the name says Mr. Mime",
}


@pytest.mark.parametrize(("stem", "number"), NAMES.items())
def test_file_names_resolve(stem, number):
    assert find_species(stem).number == number


@pytest.mark.parametrize(("stem", "reason"), UNKNOWN.items())
def test_file_names_that_do_not_resolve_say_why(stem, reason):
    with pytest.raises(UnknownPokemon, match=reason):
        find_species(stem)


@pytest.mark.parametrize("template", ["{}", "{}-shiny", "shiny_{}", "{} (2)"])
def test_every_name_of_the_table_resolves_to_itself(template):
    for species in pokedex().values():
        assert find_species(template.format(species.name)) is species


@pytest.mark.parametrize("template", ["{}", "{:03d}", "{:04d}-mega", "poke_{}", "{}f"])
def test_every_number_of_the_table_resolves_to_itself(template):
    for number, species in pokedex().items():
        assert find_species(template.format(number)) is species


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("Abra", 63), ("063 Abra", 63), ("abra sprites", 63), ("Alolan Sandslash", 28), ("Mr. Mime", 122)),
        *(("MrMime", 122), ("Type: Null", 772), ("Nidoran♀", 29), ("Pikachu (25)", 25), ("mew", 151)),
        *((name, None) for name in ("persian cats", "fire", "normal", "25", "0025", "Pokemon", "train", "")),
    ],
)
def test_folders_name_a_pokemon_only_with_their_whole_name(name, number):
    species = folder_species(name)
    assert (species and species.number) == number


def test_a_folder_whose_number_is_not_that_of_its_name_is_a_contradiction():
    with pytest.raises(Contradiction, match="the folder 001 Charmander has the number 001, not 4"):
        folder_species("001 Charmander")


@given(st.text("0123456789abcdef", min_size=8, max_size=64))
def test_no_hash_is_a_pokedex_number(digits):
    with pytest.raises(UnknownPokemon):
        find_species(digits)


@given(st.integers(0, 10**9), st.integers(5, 12))
def test_no_padded_counter_is_a_pokedex_number(count, width):
    if len(str(count)) < width:
        with pytest.raises(UnknownPokemon):
            find_species(f"{count:0{width}d}")


def test_forms_are_those_of_known_species():
    assert list(forms()) == list(range(10001, 10278))
    assert set(forms().values()) <= set(pokedex())
    # Spot checks against PokéAPI: Mega Charizard X, Alolan Raichu, Gigantamax Pikachu, Stellar Terapagos.
    assert [forms()[number] for number in (10034, 10100, 10199, 10277)] == [6, 26, 25, 1024]


@given(st.text(max_size=40))
def test_no_file_name_raises_anything_but_a_reason(stem):
    try:
        species = find_species(stem)
    except UnknownPokemon:
        return
    assert species in pokedex().values()


def test_the_table_is_complete_and_consistent():
    table = pokedex()
    assert list(table) == list(range(1, 1026))
    for species in table.values():
        assert species.type1 in TYPES
        assert species.type2 == "" or (species.type2 in TYPES and species.type2 != species.type1)
        assert species.colour in COLOURS
        assert 1 <= species.generation <= len(GENERATIONS)
        assert not (species.legendary and species.mythical)
    # Spot checks against the games.
    assert (table[6].type1, table[6].type2, table[6].colour) == ("fire", "flying", "red")
    assert [number for number, species in table.items() if species.mythical][:3] == [151, 251, 385]
    assert [table[number].generation for number in (151, 152, 251, 252, 493, 494, 721, 722, 1025)] == [
        1, 2, 2, 3, 4, 5, 6, 7, 9,
    ]  # fmt: skip


def test_a_missing_table_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_tool.pokedex, "_table_path", tmp_path.joinpath)
    pokedex.cache_clear()
    try:
        with pytest.raises(UserError, match="Pokédex table"):
            pokedex()
    finally:
        pokedex.cache_clear()


def test_the_table_is_found_in_an_installed_package_too(tmp_path, monkeypatch):
    # A wheel puts vendor/ inside the package, a checkout has it beside.
    installed = tmp_path / "dataset_tool" / "vendor" / "pokedex.csv"
    installed.parent.mkdir(parents=True)
    installed.write_text("number\n", encoding="utf-8")
    monkeypatch.setattr(dataset_tool.pokedex, "__file__", str(tmp_path / "dataset_tool" / "pokedex.py"))
    assert dataset_tool.pokedex._table_path("pokedex.csv") == installed.resolve()


@pytest.mark.sprites
def test_all_819_real_file_names_resolve_to_the_right_number(sprites):
    with open(sprites / "pokemon_rgba_manifest.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 819
    for row in rows:
        species = find_species(Path(row["file"]).stem)
        truth = (
            int(row["number"]),
            row["name"],
            row["type1"],
            row["type2"],
            int(row["generation"]),
            row["color"],
        )
        assert truth == (
            species.number, species.name, species.type1, species.type2, species.generation, species.colour,
        )  # fmt: skip
