"""The augmentation pipeline as official files carry it: its settings and constants, not its program.

In `Networks.config` the settings are a table under "augment_pipe"; a missing one has the value of `DEFAULTS`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch

from stylegan_pokemon.augment.sets import AugmentSet, augment_set
from stylegan_pokemon.augment.wavelets import SYM6, octave_filters
from stylegan_pokemon.checkpoint.pickles.pickled import PickledModule

KEY = "augment_pipe"

Setting = float | list[float]

# Strengths as in the ADA paper, appendix B; a multiplier of 0 leaves the transform out.
DEFAULTS: dict[str, Setting] = {
    **dataclasses.asdict(AugmentSet()),
    "xint_max": 0.125,
    "scale_std": 0.2,
    "rotate_max": 1.0,
    "aniso_std": 0.2,
    "xfrac_std": 0.125,
    "brightness_std": 0.2,
    "contrast_std": 0.5,
    "hue_max": 1.0,
    "saturation_std": 1.0,
    "imgfilter_bands": [1, 1, 1, 1],
    "imgfilter_std": 1.0,
    "noise_std": 0.1,
    "cutout_size": 0.5,
}

_MAX_BANDS = 16


def settings_of_set(name: str) -> dict[str, Setting]:
    """The table for one of our named sets: the transforms that take part."""
    return {key: value for key, value in dataclasses.asdict(augment_set(name)).items() if value}


def read_settings(pipe: PickledModule) -> dict[str, Setting]:
    """The settings of a pickled pipeline that are not the default; what is no number is left out."""
    found: dict[str, Any] = {name: pipe.state.get(name) for name in DEFAULTS}
    return {name: value for name, value in found.items() if _valid(value) and value != DEFAULTS[name]}


def strength(pipe: PickledModule) -> float | None:
    """The pipeline's p, None where it has none or no probability."""
    p = pipe.tensor("p")
    return None if p is None or p.numel() != 1 or not 0 <= float(p) <= 1 else float(p)


def attributes(settings: Any) -> dict[str, Setting]:
    """All settings, from a table that may come from a foreign file."""
    given = settings if isinstance(settings, dict) else {}
    return {name: given[name] if _valid(given.get(name)) else value for name, value in DEFAULTS.items()}


def buffers(p: float) -> dict[str, torch.Tensor]:
    """The tensors of the pipeline: p [], sym6 of sum one [12], the octave filter bank [4, 43]."""
    taps = torch.tensor(SYM6, dtype=torch.float64)
    bank = torch.tensor(octave_filters(), dtype=torch.float32)
    return {"p": torch.tensor(p), "Hz_geom": (taps / taps.sum()).float(), "Hz_fbank": bank}


def _valid(value: Any) -> bool:
    if isinstance(value, list):
        return 0 < len(value) <= _MAX_BANDS and all(_number(v) for v in value)
    return _number(value)


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
