"""Invented names: a stem that tells the element and an ending that tells the body."""

from __future__ import annotations

import numpy as np

STEMS: dict[str, tuple[str, ...]] = {
    "normal": ("Mell", "Toff", "Hazel", "Bram", "Oat", "Fudd", "Moss", "Biss", "Crum", "Pell"),
    "fire": ("Cind", "Scorr", "Embr", "Kiln", "Sear", "Ashk", "Tindr", "Pepp", "Blist", "Soot"),
    "water": ("Brin", "Lagoo", "Rill", "Drib", "Marin", "Splo", "Fjor", "Delt", "Plonk", "Tid"),
    "grass": ("Fern", "Sprig", "Clov", "Thym", "Meado", "Briar", "Lush", "Herb", "Sorr", "Ivel"),
    "electric": ("Joltr", "Watt", "Zing", "Sparr", "Ampl", "Kilow", "Flick", "Dynam", "Buzz", "Crackl"),
    "ice": ("Frigg", "Shiv", "Rime", "Brrl", "Sleet", "Nivv", "Glac", "Polar", "Chill", "Isl"),
    "fighting": ("Tussl", "Bruis", "Grapp", "Spar", "Dojo", "Clobb", "Kumit", "Brawn", "Hust", "Jabb"),
    "poison": ("Murk", "Noxx", "Acri", "Vile", "Sludd", "Belladon", "Venn", "Gunk", "Fumm", "Hemlo"),
    "ground": ("Clodd", "Dunn", "Terra", "Loam", "Mudd", "Sandr", "Burr", "Adob", "Gritt", "Siltr"),
    "flying": ("Aer", "Zeph", "Gust", "Cirr", "Flutt", "Breez", "Soarl", "Nimb", "Draft", "Kestr"),
    "psychic": ("Mind", "Orac", "Lull", "Enig", "Dreem", "Psybb", "Trance", "Auror", "Muse", "Hypp"),
    "bug": ("Chit", "Nibb", "Larv", "Mando", "Crick", "Skitt", "Thorax", "Gnatt", "Pupp", "Weev"),
    "rock": ("Cobb", "Gneis", "Basal", "Pebb", "Craggl", "Flint", "Marbl", "Slat", "Tuff", "Quarr"),
    "ghost": ("Wraith", "Spoo", "Eeri", "Gloam", "Shroud", "Boo", "Phanto", "Wisp", "Haun", "Ecto"),
    "dragon": ("Wyrm", "Drak", "Scalo", "Fafn", "Ryu", "Tatz", "Lindw", "Hydro", "Vritr", "Tarasq"),
    "dark": ("Umbo", "Dusk", "Nox", "Shade", "Malev", "Inkl", "Gloom", "Raven", "Sabl", "Knave"),
    "steel": ("Rivet", "Ferr", "Chrom", "Alloy", "Clank", "Anvl", "Tinn", "Cog", "Zinc", "Plat"),
    "fairy": ("Glim", "Pixi", "Twink", "Charl", "Sug", "Lilt", "Dainty", "Merr", "Blyth", "Faye"),
}  # fmt: skip

_VOWELS = "aeiouy"


def creature_name(type_: str, endings: tuple[str, ...], rng: np.random.Generator) -> str:
    """A pronounceable name of ASCII letters, such as "Cindevix"; `endings` belong to the body plan."""
    stems = STEMS[type_]
    return join_syllables(stems[rng.integers(len(stems))], endings[rng.integers(len(endings))],
                          "aeio"[rng.integers(4)])  # fmt: skip


def join_syllables(stem: str, ending: str, link: str) -> str:
    """Stem and ending, with the linking vowel where three consonants would meet and without a doubled
    vowel."""
    if stem[-1] in _VOWELS and ending[0] in _VOWELS:
        return stem[:-1] + ending
    if stem[-1] not in _VOWELS and ending[0] not in _VOWELS:
        return stem + link + ending
    return stem + ending
