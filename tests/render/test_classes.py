"""The sheet of classes shows every class of the same seeds."""

import dataclasses

import numpy as np
import pytest

from stylegan_pokemon.cli.drawing import echo_labels
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.images import rescale
from stylegan_pokemon.render.pictures import RenderOptions, render_seeds
from stylegan_pokemon.render.sheet import plan
from stylegan_pokemon.render.sweep import class_sheet


def test_rows_are_classes_and_columns_are_seeds(conditional_source):
    look, seeds = RenderOptions(0.7), [4, 9]
    sheet = class_sheet(conditional_source, seeds, look)
    names = [conditional_source.class_name(label) for label in range(4)]
    at = plan(names, ["4", "9"], (64, 64), title="Classes", heading="seed")
    for label in range(4):
        for column, picture in enumerate(render_seeds(conditional_source, seeds, [label] * 2, look)):
            left, top = at.place(label, column)
            tile = sheet[top : top + 64, left : left + 64]
            assert np.abs(tile.astype(int) - rescale(picture, 4)).max() <= 1


def test_a_class_that_had_no_pictures_is_neither_shown_nor_drawn_unasked(conditional_source):
    known = dataclasses.replace(conditional_source, class_sizes=[5, 0, 0, 3])
    assert known.learnt == [0, 3]
    assert set(known.labels(range(200), None)) == {0, 3}
    assert known.labels([1, 2], "fire") == [0, 0]
    assert known.labels([1], "Water") == [1]  # but for those who ask for it
    look = RenderOptions(0.7)
    sheet = class_sheet(known, [4, 9], look)
    at = plan(["fire", "7"], ["4", "9"], (64, 64), title="Classes", heading="seed")
    left, top = at.place(1, 0)
    (picture,) = render_seeds(known, [4], [3], look)
    tile = sheet[top : top + 64, left : left + 64]
    assert np.abs(tile.astype(int) - rescale(picture, 4)).max() <= 1
    for unknown in ((), [0, 0, 0, 0], [5, 0]):
        source = dataclasses.replace(conditional_source, class_sizes=unknown)
        assert source.labels(range(99), None) == conditional_source.labels(range(99), None)


def test_a_network_without_classes_is_refused_and_so_are_too_many(source, conditional_source):
    with pytest.raises(UserError, match="has no classes to show"):
        class_sheet(source, [1], RenderOptions())
    with pytest.raises(UserError, match="5000 seeds of 4 classes"):
        class_sheet(conditional_source, range(5000), RenderOptions())


def test_who_asks_for_a_class_that_had_no_pictures_is_told(conditional_source, capsys):
    known = dataclasses.replace(conditional_source, class_sizes=[5, 0, 0, 3])
    for wanted, told in (("water", True), ("fire", False)):
        echo_labels(known, [1], wanted)
        note = "note: the last training had no pictures of water; it had of fire, 7"
        assert (note in capsys.readouterr().err) == told
