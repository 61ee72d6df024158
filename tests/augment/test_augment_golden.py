"""Every transform matches the reference implementation in each pixel."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from stylegan_pokemon.augment.parameters import Transforms, compose
from stylegan_pokemon.augment.pipeline import apply

TOLERANCE = 2e-5  # in each pixel, of values in [−1, 1]; the project promises 2e-3

# How the names in the golden file translate to ours.
RENAMED = {
    "xflip": {"xflip": "xflip"},
    "rotate90": {"quarter_turns": "quarter_turns"},
    "xint": {"tx": "xint_x", "ty": "xint_y"},
    "scale": {"s": "scale"},
    "rotate": {"theta": "rotate_before"},
    "aniso": {"sx": "aniso"},
    "xfrac": {"tx": "xfrac_x", "ty": "xfrac_y"},
    "brightness": {"b": "brightness"},
    "contrast": {"c": "contrast"},
    "lumaflip": {"flip": "lumaflip"},
    "hue": {"theta": "hue"},
    "saturation": {"s": "saturation"},
    "imgfilter": {"gains": "band_factors"},
}
PIXEL_TRANSFORMS = [key for key in RENAMED if key != "imgfilter"]


@pytest.fixture(scope="module")
def golden(fixtures):
    with np.load(fixtures / "augment_golden.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def given(fixtures):
    return json.loads((fixtures / "augment_golden.json").read_text(encoding="utf-8"))


def values_of(key, given, n):
    if key == "bgc":
        return {k: v for part in PIXEL_TRANSFORMS for k, v in values_of(part, given, n).items()}
    if key == "cutout":
        square = [given[key]["cx"], given[key]["cy"], given[key]["size"]]
        return {"cutout": torch.tensor([square] * n, dtype=torch.float64)}
    return {
        ours: torch.tensor([given[key][theirs]] * n, dtype=torch.float64)
        for theirs, ours in RENAMED[key].items()
    }


@pytest.mark.parametrize("key", [*RENAMED, "cutout", "bgc"])
def test_it_matches_the_reference_pixel_by_pixel(key, golden, given):
    images = torch.from_numpy(golden["input"])
    n, _, resolution, _ = images.shape
    parameters = compose(Transforms.neutral(n, **values_of(key, given, n)), resolution)
    result = apply(images, parameters).numpy()
    assert result.shape == golden[key].shape
    assert np.abs(result - golden[key]).max() <= TOLERANCE
    assert np.abs(golden["input"] - golden[key]).max() > 1e-2  # doing nothing would not pass


def test_every_golden_array_has_been_compared(golden):
    assert set(golden) - {"input"} == {*RENAMED, "cutout", "bgc"}
