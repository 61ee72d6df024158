"""Seeds are read as people write them, and a slip is named."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.seeds import MAX_SEED, StoredLatent, describe_seeds, parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0-3", [0, 1, 2, 3]),
        ("1,5,9-12", [1, 5, 9, 10, 11, 12]),
        (" 7 , 3 - 4 ", [7, 3, 4]),
        ("2,1,2", [2, 1, 2]),
        ("4294967295", [MAX_SEED]),
    ],
)
def test_seeds_and_ranges_keep_their_order(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no seed, range or latent file"),
        ("1,,2", "no seed, range or latent file"),
        ("a-b", "no seed, range or latent file"),
        ("1.5", "no seed, range or latent file"),
        ("-3", "no seed, range or latent file"),
        ("٣", "no seed, range or latent file"),
        ("9-4", "runs backwards; write 4-9"),
        ("4294967296", "too large"),
        ("0-99999999", "more than 1000000"),
    ],
)
def test_a_bad_list_is_an_error_that_says_what_to_write(text, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        parse_seeds(text)
    assert str(caught.value).startswith("--seeds: ")


@given(st.lists(st.integers(0, 300), min_size=1, max_size=30))
def test_a_short_description_reads_back_as_the_same_seeds(seeds):
    assert parse_seeds(describe_seeds(seeds, limit=10_000)) == seeds


def test_a_long_description_still_fits_a_file_name():
    longs = [describe_seeds(seeds) for seeds in (range(0, 400, 2), [0, 3, *range(4, 398, 2), 398])]
    assert [re.sub(r"[0-9a-f]{6}$", "", long) for long in longs] == ["0..398x200-", "0..398x200-"]
    assert longs[0] != longs[1]
    old = [StoredLatent(Path("x" * 90 + f"{i}.png"), 0, 1, None) for i in range(2)]
    assert len(describe_seeds(old)) < 50
    assert describe_seeds(old[:1]) != describe_seeds(old[1:])


def test_reading_seeds_does_not_import_torch():
    code = "import sys, stylegan_pokemon.render.seeds; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
