"""Adaptive discriminator augmentation (Karras et al. 2020): transforms, their parameters, the controller."""

from stylegan_pokemon.augment.controller import AdaController
from stylegan_pokemon.augment.parameters import (
    Parameters,
    Transforms,
    compose,
    draw_parameters,
    draw_transforms,
)
from stylegan_pokemon.augment.pipeline import apply, augment
from stylegan_pokemon.augment.sets import AUGMENT_SETS, DEFAULT_AUGMENT_SET, AugmentSet, augment_set

__all__ = [
    "AUGMENT_SETS",
    "DEFAULT_AUGMENT_SET",
    "AdaController",
    "AugmentSet",
    "Parameters",
    "Transforms",
    "apply",
    "augment",
    "augment_set",
    "compose",
    "draw_parameters",
    "draw_transforms",
]
