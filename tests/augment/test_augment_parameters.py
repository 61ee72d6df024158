"""Random parameters follow the distributions of the paper and depend on the generator alone."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from stylegan_pokemon.augment.parameters import Transforms, compose, draw_parameters, draw_transforms
from stylegan_pokemon.augment.sets import AUGMENT_SETS, AugmentSet, augment_set

N = 20_000
EVERYTHING = augment_set("bgcfnc")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def at_certainty():
    return draw_transforms(EVERYTHING, 1.0, N, seeded())


def same(a, b):
    return all(torch.equal(getattr(a, f.name), getattr(b, f.name)) for f in tensor_fields(a))


def tensor_fields(a):
    return [f for f in dataclasses.fields(a) if isinstance(getattr(a, f.name), torch.Tensor)]


def assert_moments(values, mean, std, fourth=3.0):
    """Sample mean and variance within five standard errors; `fourth` is the kurtosis of the distribution."""
    n = values.numel()
    assert abs(values.mean() - mean) < 5 * std / math.sqrt(n)
    assert abs(values.var() - std**2) < 5 * std**2 * math.sqrt((fourth - 1) / n)


UNIFORM_KURTOSIS = 1.8


@pytest.mark.parametrize(
    ("name", "octaves"),
    [("scale", 0.2), ("aniso", 0.2), ("contrast", 0.5), ("saturation", 1.0), ("band_factors", 1.0)],
)
def test_factors_are_log_normal(name, octaves, at_certainty):
    values = getattr(at_certainty, name)
    assert (values > 0).all()
    assert_moments(values.log2(), 0, octaves)


@pytest.mark.parametrize(("name", "std"), [("xfrac_x", 0.125), ("xfrac_y", 0.125), ("brightness", 0.2)])
def test_offsets_are_normal(name, std, at_certainty):
    assert_moments(getattr(at_certainty, name), 0, std)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("rotate_before", math.pi),
        ("rotate_after", math.pi),
        ("hue", math.pi),
        ("xint_x", 0.125),
        ("xint_y", 0.125),
    ],
)
def test_angles_and_whole_pixel_shifts_are_uniform(name, bound, at_certainty):
    values = getattr(at_certainty, name)
    assert values.abs().max() <= bound
    assert_moments(values, 0, bound / math.sqrt(3), UNIFORM_KURTOSIS)


def test_noise_deviation_is_half_normal(at_certainty):
    sigma = at_certainty.noise_sigma
    assert (sigma >= 0).all()
    assert abs(sigma.mean() - 0.1 * math.sqrt(2 / math.pi)) < 5 * 0.1 / math.sqrt(N)
    assert abs(sigma.square().mean() - 0.01) < 5 * 0.01 * math.sqrt(2 / N)
    assert at_certainty.noise_seed.unique().numel() == N


def test_cutout_is_half_the_size_at_a_uniform_centre(at_certainty):
    x, y, size = at_certainty.cutout.unbind(1)
    assert (size == 0.5).all()
    for centre in (x, y):
        assert centre.min() >= 0
        assert centre.max() <= 1
        assert_moments(centre, 0.5, 1 / math.sqrt(12), UNIFORM_KURTOSIS)


@pytest.mark.parametrize(
    ("name", "values"), [("xflip", [0, 1]), ("lumaflip", [0, 1]), ("quarter_turns", [0, 1, 2, 3])]
)
def test_flips_and_turns_are_equally_likely(name, values, at_certainty):
    drawn = getattr(at_certainty, name)
    share = 1 / len(values)
    for value in values:
        assert abs((drawn == value).double().mean() - share) < 5 * math.sqrt(share * (1 - share) / N)


def test_different_transforms_and_images_are_independent(at_certainty):
    names = ["xflip", "xint_x", "xint_y", "scale", "rotate_before", "rotate_after", "aniso", "xfrac_x"]
    names += ["xfrac_y", "brightness", "contrast", "lumaflip", "hue", "saturation", "noise_sigma"]
    columns = torch.stack([getattr(at_certainty, name) for name in names])
    correlation = torch.corrcoef(columns) - torch.eye(len(columns))
    assert correlation.abs().max() < 5 / math.sqrt(N)
    neighbours = torch.corrcoef(torch.stack([columns[0, :-1], columns[0, 1:]]))[0, 1]
    assert abs(neighbours) < 5 / math.sqrt(N)


# The chance that a transform leaves a visible trace, given that it is executed.
VISIBLE = {"xflip": 1 / 2, "lumaflip": 1 / 2, "quarter_turns": 3 / 4}
FIELD = {"rotate90": "quarter_turns", "xint": "xint_x", "xfrac": "xfrac_y", "noise": "noise_sigma"}


@pytest.mark.parametrize("p", [0.2, 0.85])
@pytest.mark.parametrize("multiplier", [1.0, 0.5])
def test_each_transform_acts_with_probability_p_times_its_multiplier(p, multiplier):
    augset = AugmentSet(**{name: multiplier for name in dataclasses.asdict(EVERYTHING)})
    drawn = draw_transforms(augset, p, N, seeded(1))
    neutral = Transforms.neutral(N)
    for name in dataclasses.asdict(augset):
        if name == "rotate":
            acted = (drawn.rotate_before != 0) | (drawn.rotate_after != 0)
        elif name == "imgfilter":
            acted = (drawn.band_factors != 1).flatten()
        elif name == "cutout":
            acted = drawn.cutout[:, 2] != 0
        else:
            field = FIELD.get(name, name)
            acted = getattr(drawn, field) != getattr(neutral, field)
        chance = p * multiplier * VISIBLE.get(FIELD.get(name, name), 1)
        error = 5 * math.sqrt(chance * (1 - chance) / acted.numel())
        assert abs(acted.double().mean() - chance) < error, name


def test_the_two_rotations_are_equally_likely_and_independent():
    p = 0.6
    drawn = draw_transforms(augment_set("geom"), p, N, seeded(2))
    each = 1 - math.sqrt(1 - p)
    before, after = drawn.rotate_before != 0, drawn.rotate_after != 0
    for share, chance in ((before, each), (after, each), (before & after, each**2)):
        assert abs(share.double().mean() - chance) < 5 * math.sqrt(chance * (1 - chance) / N)


def test_the_same_generator_state_gives_the_same_parameters():
    first, again, other = (draw_parameters(EVERYTHING, 0.5, 8, 64, seeded(seed)) for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.parametrize("name", AUGMENT_SETS)
def test_the_numbers_taken_from_the_generator_do_not_depend_on_p(name):
    states = []
    for p in (0.0, 0.3, 1.0):
        generator = seeded(5)
        draw_parameters(augment_set(name), p, 7, 32, generator)
        states.append(generator.get_state())
    assert torch.equal(states[0], states[1])
    assert torch.equal(states[0], states[2])
    assert not torch.equal(states[0], seeded(5).get_state())


def test_raising_p_only_adds_transforms_to_an_image():
    """The same numbers decide at every p, so a larger p keeps what a smaller one chose."""
    few, many = (draw_transforms(augment_set("color"), p, 500, seeded(6)) for p in (0.2, 0.6))
    chosen = few.brightness != 0
    assert chosen.any()
    assert torch.equal(few.brightness[chosen], many.brightness[chosen])


def test_at_p_0_every_parameter_is_neutral():
    drawn = draw_transforms(EVERYTHING, 0.0, 50, seeded())
    assert same(drawn, Transforms.neutral(50, noise_seed=drawn.noise_seed))


@pytest.mark.parametrize("p", [-0.01, 1.01, float("nan")])
def test_a_probability_outside_0_to_1_is_refused(p):
    with pytest.raises(ValueError, match="probability"):
        draw_parameters(EVERYTHING, p, 1, 32, seeded())


def test_slices_hold_the_parameters_of_their_images():
    whole = draw_parameters(EVERYTHING, 0.8, 6, 32, seeded(7))
    parts = [whole[0:2], whole[torch.tensor([2, 3, 4])], whole[5:]]
    assert [len(part) for part in parts] == [2, 3, 1]
    assert all(part.resolution == 32 for part in parts)
    for field in tensor_fields(whole):
        joined = torch.cat([getattr(part, field.name) for part in parts])
        assert torch.equal(joined, getattr(whole, field.name))


def test_shifts_of_the_blit_are_whole_pixels():
    drawn = draw_transforms(AugmentSet(xint=1.0), 1.0, 200, seeded(8))
    shift = compose(drawn, 48).geometry[:, :2, 2]
    assert torch.equal(shift, shift.round())
    assert shift.abs().max() == 6  # 0.125 · 48


def test_gains_keep_the_expected_power_of_a_1_over_f_picture():
    power = torch.tensor([10, 1, 1, 1], dtype=torch.float64) / 13
    for band in range(4):
        factors = torch.ones(1, 4, dtype=torch.float64)
        factors[0, band] = 3.7
        gains = compose(Transforms.neutral(1, band_factors=factors), 8).band_gains[0]
        assert math.isclose((power * gains.square()).sum(), 1, rel_tol=1e-12)
        others = [i for i in range(4) if i != band]
        torch.testing.assert_close(gains[band] / gains[others], torch.full((3,), 3.7, dtype=torch.float64))
