"""Which pictures are shown when: all of them before one comes again, and classes equally often if asked."""

import collections

import numpy as np

from stylegan_pokemon.data.sampler import balanced_items, batch_items

LABELS = np.array([0] * 7 + [3] * 2 + [1] * 12)  # class 2 has no picture


def shown(count, start=0, **options):
    return balanced_items(5, start, count, LABELS, **options)


def test_every_class_comes_as_often_as_any_other():
    items = shown(3 * 40)
    assert collections.Counter(LABELS[items % 21]) == {0: 40, 1: 40, 3: 40}
    for start in range(0, 120, 3):
        assert set(LABELS[items[start : start + 3]]) == {0, 1, 3}
    orders = {tuple(LABELS[items[start : start + 3]]) for start in range(0, 120, 3)}
    assert len(orders) == 6  # no class is always first


def test_within_a_class_nothing_repeats_before_all_were_shown():
    items = shown(3 * 24)
    for label, count in ((0, 7), (1, 12), (3, 2)):
        own = items[LABELS[items] == label]
        for start in range(0, len(own) - count + 1, count):
            assert set(own[start : start + count]) == set(np.flatnonzero(label == LABELS))


def test_mirror_images_are_items_of_their_own():
    items = shown(3 * 24, mirrored=True)
    own = items[LABELS[items % 21] == 3][:4]
    assert set(own) == {7, 8, 7 + 21, 8 + 21}


def test_batches_depend_on_where_they_start_alone():
    whole = shown(30)
    assert np.array_equal(np.concatenate([shown(11), shown(19, start=11)]), whole)
    assert not np.array_equal(balanced_items(6, 0, 30, LABELS), whole)
    assert np.array_equal(
        np.concatenate([batch_items(5, 0, 11, 21), batch_items(5, 11, 19, 21)]), batch_items(5, 0, 30, 21)
    )
