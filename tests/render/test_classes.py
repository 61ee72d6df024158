"""The sheet of classes shows every class of the same seeds."""

import numpy as np
import pytest

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.classes import class_sheet
from stylegan_pokemon.render.images import rescale
from stylegan_pokemon.render.pictures import Look, render_seeds
from stylegan_pokemon.render.sheet import plan


def test_rows_are_classes_and_columns_are_seeds(conditional_source):
    look, seeds = Look(0.7), [4, 9]
    sheet = class_sheet(conditional_source, seeds, look)
    names = [conditional_source.class_name(label) for label in range(4)]
    at = plan(names, ["4", "9"], (64, 64), title="Classes", heading="seed")
    for label in range(4):
        for column, picture in enumerate(render_seeds(conditional_source, seeds, [label] * 2, look)):
            left, top = at.place(label, column)
            tile = sheet[top : top + 64, left : left + 64]
            assert np.abs(tile.astype(int) - rescale(picture, 4)).max() <= 1


def test_a_network_without_classes_is_refused_and_so_are_too_many(source, conditional_source):
    with pytest.raises(UserError, match="has no classes to show"):
        class_sheet(source, [1], Look())
    with pytest.raises(UserError, match="5000 seeds of 4 classes"):
        class_sheet(conditional_source, range(5000), Look())
