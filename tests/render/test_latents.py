"""Latents follow the field's convention, and the ways between them are the geometry they claim to be."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.latents import (
    EASINGS,
    class_index,
    lerp,
    one_hot,
    seed_classes,
    seed_latents,
    slerp,
    step_positions,
)


def test_a_seed_gives_the_latent_of_the_official_tools():
    z = seed_latents([0, 85, 2**32 - 1], 512)
    for row, seed in zip(z, [0, 85, 2**32 - 1], strict=True):
        np.testing.assert_array_equal(
            row.numpy(), np.random.RandomState(seed).randn(1, 512)[0].astype(np.float32)
        )
    assert float(z[0, 0]) == pytest.approx(
        1.764052345967664
    )  # the first normal of RandomState(0), widely quoted


def test_the_latent_of_a_seed_does_not_depend_on_other_seeds():
    assert torch.equal(seed_latents([5], 64)[0], seed_latents([9, 5, 2], 64)[1])


def test_the_class_of_a_seed_is_fixed_and_classes_are_drawn_evenly():
    labels = seed_classes(range(6000), 6)
    assert labels[17] == seed_classes([17], 6)[0]
    counts = np.bincount(labels, minlength=6)
    assert (np.abs(counts - 1000) < 5 * math.sqrt(1000 * 5 / 6)).all()


def test_one_hot_vectors():
    assert one_hot([2, 0], 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert one_hot([0, 0], 0).shape == (2, 0)


@pytest.mark.parametrize(
    ("wanted", "index"), [("water", 1), ("WATER", 1), (" grass ", 2), ("1", 1), ("7", 3), ("0", 0)]
)
def test_a_class_is_found_by_name_in_any_case_or_by_number_and_names_come_first(wanted, index):
    assert class_index(wanted, ["fire", "water", "Grass", "7"], 4) == index


@pytest.mark.parametrize("wanted", ["steel", "4", "-1", "1.0", ""])
def test_an_unknown_class_is_an_error_that_lists_the_names(wanted):
    with pytest.raises(UserError, match="fire, water, or a number from 0 to 1"):
        class_index(wanted, ["fire", "water"], 2)


def test_a_misspelt_class_is_told_the_nearest_name():
    with pytest.raises(UserError, match=r"no class “Fier” \(near: Fire\); choose Fire, water, or"):
        class_index("Fier", ["Fire", "water"], 2)


def test_classes_without_names_go_by_number():
    assert class_index("3", None, 4) == 3
    with pytest.raises(UserError, match="choose a number from 0 to 3"):
        class_index("fire", None, 4)


def test_a_class_for_an_unconditional_network_is_an_error():
    with pytest.raises(UserError, match="unconditional"):
        class_index("fire", None, 0)


vectors = st.lists(st.floats(-5, 5).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=3, max_size=3).map(
    lambda x: torch.tensor(x, dtype=torch.float64)
)
T = torch.linspace(0, 1, 21, dtype=torch.float64)


@settings(deadline=None)
@given(vectors, vectors)
def test_both_ways_start_and_end_at_their_ends(a, b):
    for way in (lerp, slerp):
        path = way(a, b, T)
        torch.testing.assert_close(path[0], a, atol=1e-6, rtol=0)
        torch.testing.assert_close(path[-1], b, atol=1e-6, rtol=0)


@settings(deadline=None)
@given(vectors, vectors)
def test_slerp_changes_length_linearly_and_direction_at_constant_speed(a, b):
    if a.norm() == 0 or b.norm() == 0:
        torch.testing.assert_close(slerp(a, b, T), lerp(a, b, T))
        return
    path = slerp(a, b, T)
    torch.testing.assert_close(path.norm(dim=1), lerp(a.norm(), b.norm(), T))
    unit = path / path.norm(dim=1, keepdim=True)
    turns = 2 * torch.asin(((unit[1:] - unit[:-1]).norm(dim=1) / 2).clamp(max=1))
    angle = 2 * torch.asin(((unit[-1] - unit[0]).norm() / 2).clamp(max=1))
    torch.testing.assert_close(turns, torch.full_like(turns, float(angle) / 20), atol=1e-6, rtol=0)


def test_slerp_stays_in_the_plane_of_its_ends():
    a, b = torch.randn(2, 512, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    path = slerp(a, b, T)
    basis, _ = torch.linalg.qr(torch.stack([a, b], dim=1))
    torch.testing.assert_close(path @ basis @ basis.T, path)


def test_slerp_between_opposite_vectors_keeps_its_length():
    a = torch.tensor([0.0, 3.0, 4.0])
    path = slerp(a, -a, T)
    torch.testing.assert_close(path.norm(dim=1), torch.full((21,), 5.0))
    torch.testing.assert_close(path[-1], -a, atol=1e-6, rtol=0)


def test_the_ways_work_on_whole_tensors_along_their_last_axis():
    a, b = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(1))
    for way in (lerp, slerp):
        whole = way(a, b, T)
        assert whole.shape == (21, 6, 8)
        assert whole.dtype == torch.float32
        torch.testing.assert_close(whole[:, 4], way(a[4], b[4], T))


@pytest.mark.parametrize("name", EASINGS)
def test_easings_rise_from_0_to_1_and_are_symmetric(name):
    ease = EASINGS[name]
    values = [ease(i / 100) for i in range(101)]
    assert values[0] == 0
    assert values[100] == pytest.approx(1, abs=1e-15)
    assert all(later > earlier for earlier, later in pairwise(values))
    assert [1 - value for value in reversed(values)] == pytest.approx(values)


def test_easings_differ_in_how_long_they_linger_at_a_seed():
    early = {name: ease(0.1) for name, ease in EASINGS.items()}
    assert early["linear"] == pytest.approx(0.1)
    assert early["smooth"] == pytest.approx((1 - math.cos(0.1 * math.pi)) / 2)
    assert early["ease-in-out"] == pytest.approx(0.004)


def test_a_step_includes_its_start_but_not_its_end():
    assert step_positions(4, "linear").tolist() == [0, 0.25, 0.5, 0.75]
