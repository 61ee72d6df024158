"""Named augmentation sets."""

from __future__ import annotations

import dataclasses

import pytest

from stylegan_pokemon.augment.sets import AUGMENT_SETS, AugmentSet, augment_set
from stylegan_pokemon.errors import UserError

BLIT = {"xflip", "rotate90", "xint"}
GEOM = {"scale", "rotate", "aniso", "xfrac"}
COLOR = {"brightness", "contrast", "lumaflip", "hue", "saturation"}
EXPECTED = {
    "blit": BLIT,
    "geom": GEOM,
    "color": COLOR,
    "filter": {"imgfilter"},
    "noise": {"noise"},
    "cutout": {"cutout"},
    "bg": BLIT | GEOM,
    "bgc": BLIT | GEOM | COLOR,
    "bgcf": BLIT | GEOM | COLOR | {"imgfilter"},
    "bgcfn": BLIT | GEOM | COLOR | {"imgfilter", "noise"},
    "bgcfnc": BLIT | GEOM | COLOR | {"imgfilter", "noise", "cutout"},
}


def test_the_sets_are_those_of_the_paper():
    assert set(AUGMENT_SETS) == set(EXPECTED)
    for name, members in EXPECTED.items():
        multipliers = dataclasses.asdict(augment_set(name))
        assert {key for key, multiplier in multipliers.items() if multiplier} == members
        assert set(multipliers.values()) <= {0.0, 1.0}


def test_an_unknown_set_is_an_error_that_names_the_known_ones():
    with pytest.raises(UserError, match=r"unknown augmentation set 'bgx'.*bgcfnc"):
        augment_set("bgx")


@pytest.mark.parametrize("multiplier", [-0.1, 1.1, float("nan")])
def test_a_multiplier_outside_0_to_1_is_refused(multiplier):
    with pytest.raises(ValueError, match="hue"):
        AugmentSet(hue=multiplier)
