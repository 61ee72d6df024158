"""File names of all the shapes that sprite collections use resolve to the right Pokémon, or say why not."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dataset_tool.pokedex
from dataset_tool.labels import COLOURS, GENERATIONS, TYPES
from dataset_tool.pokedex import UnknownPokemon, find_species, pokedex
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
    "10034": "number 10034 is not in the Pokédex",
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
