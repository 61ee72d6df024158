"""Which transforms of the ADA pipeline take part, and the named sets of them."""

from __future__ import annotations

import dataclasses

from stylegan_pokemon.errors import UserError


@dataclasses.dataclass(frozen=True)
class AugmentSet:
    """Multipliers of the overall probability p: a transform acts on an image with chance p · multiplier.

    0 leaves the transform out: it then costs neither time nor random numbers. Field names are those of
    the ADA paper (Karras et al. 2020, appendix B), which describes the transforms.
    """

    xflip: float = 0.0
    rotate90: float = 0.0
    xint: float = 0.0
    scale: float = 0.0
    rotate: float = 0.0
    aniso: float = 0.0
    xfrac: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    lumaflip: float = 0.0
    hue: float = 0.0
    saturation: float = 0.0
    imgfilter: float = 0.0
    noise: float = 0.0
    cutout: float = 0.0

    def __post_init__(self) -> None:
        for name, multiplier in dataclasses.asdict(self).items():
            if not 0 <= multiplier <= 1:
                raise ValueError(f"the multiplier of {name} must lie in [0, 1], not {multiplier}")


_BLIT = ("xflip", "rotate90", "xint")
_GEOM = ("scale", "rotate", "aniso", "xfrac")
_COLOR = ("brightness", "contrast", "lumaflip", "hue", "saturation")
_FILTER, _NOISE, _CUTOUT = ("imgfilter",), ("noise",), ("cutout",)

_MEMBERS: dict[str, tuple[str, ...]] = {
    "blit": _BLIT,
    "geom": _GEOM,
    "color": _COLOR,
    "filter": _FILTER,
    "noise": _NOISE,
    "cutout": _CUTOUT,
    "bg": _BLIT + _GEOM,
    "bgc": _BLIT + _GEOM + _COLOR,
    "bgcf": _BLIT + _GEOM + _COLOR + _FILTER,
    "bgcfn": _BLIT + _GEOM + _COLOR + _FILTER + _NOISE,
    "bgcfnc": _BLIT + _GEOM + _COLOR + _FILTER + _NOISE + _CUTOUT,
}

AUGMENT_SETS: tuple[str, ...] = tuple(_MEMBERS)
"""The names that `augment_set` knows, smallest sets first."""

DEFAULT_AUGMENT_SET = "bgc"
"""The paper's choice: filtering, noise and cutout gained nothing on top of it (section 4.1)."""


def augment_set(name: str) -> AugmentSet:
    """Return the set called `name`, every member with multiplier 1.

    Raises:
        UserError: no set has this name.
    """
    if name not in _MEMBERS:
        raise UserError(f"unknown augmentation set {name!r}: choose one of {', '.join(AUGMENT_SETS)}")
    return AugmentSet(**dict.fromkeys(_MEMBERS[name], 1.0))
