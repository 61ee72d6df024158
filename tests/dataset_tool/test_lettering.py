"""Names in any script are drawn with a font that has them, or as numbers; never as boxes."""

import numpy as np
import pytest

from dataset_tool import lettering
from dataset_tool.lettering import drawable, font
from dataset_tool.sheet import SheetRow, draw_sheet
from stylegan_pokemon.render.lettering import plain


@pytest.fixture
def bundled_only(monkeypatch):
    monkeypatch.setattr(lettering, "_FAMILIAR", ())
    for cached in (lettering.font, lettering._has):
        cached.cache_clear()
    yield
    for cached in (lettering.font, lettering._has):
        cached.cache_clear()


def test_the_bundled_font_is_used_where_it_is_enough(bundled_only):
    assert drawable("Fire 12") == "Fire 12"
    assert drawable("Électrique") == "Electrique"
    assert drawable("ほのお") is None
    assert drawable("a\x07") is None
    assert plain("ほのお 3") == "??? 3"


@pytest.mark.parametrize("name", ["огонь", "ほのお", "Électrique", "Ελλάδα"])
def test_a_font_of_the_system_is_used_where_one_has_the_letters(name):
    if drawable(name) != name:
        pytest.skip(f"no font here has {name}")
    drawn = {bytes(font(20, name).getmask(letter)) for letter in name}
    assert len(drawn) == len(set(name))


def test_a_row_without_a_drawable_name_shows_its_number(bundled_only):
    rows = [SheetRow(name, "class 2: 5", (bytes(128 * 128 * 3),)) for name in ("ほのお", "")]
    first, second = (np.asarray(draw_sheet("t", [row])) for row in rows)
    assert np.array_equal(first, second)
