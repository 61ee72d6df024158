"""The architectures of baselines as data that JSON can hold, beside those of StyleGAN2."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from stylegan_pokemon.baselines.recipes import RECIPES, Recipe, recipe_of
from stylegan_pokemon.errors import UserError

_LARGEST_LABELS = 10_000


@dataclass(frozen=True)
class BaselineConfig:
    """Everything that determines the tensors of a baseline's generator or discriminator."""

    arch: str  # a name of RECIPES
    img_resolution: int
    img_channels: int = 3
    c_dim: int = 0
    premultiplied: bool = False  # with 4 channels: colours are multiplied by alpha
    use_noise: bool = False  # there are no noise inputs; the field answers those who ask

    def __post_init__(self) -> None:
        recipe = recipe_of(self.arch)
        if self.img_resolution not in recipe.sizes:
            raise UserError(f"{self.arch} does not draw {self.img_resolution}×{self.img_resolution}")
        if not (1 <= self.img_channels <= 4 and 0 <= self.c_dim <= _LARGEST_LABELS):
            raise UserError(f"{self.arch} with {self.img_channels} colours and {self.c_dim} labels cannot be")

    @property
    def recipe(self) -> Recipe:
        """What its name stands for."""
        return RECIPES[self.arch]

    @property
    def block_resolutions(self) -> tuple[int, ...]:
        """From the smallest layer to the picture."""
        size = self.img_resolution
        found = [size]
        while size % 2 == 0 and size > 4:
            size //= 2
            found.append(size)
        return tuple(reversed(found))

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` reads back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> BaselineConfig:
        """Build from a plain dict. Raises UserError for a key or a type that is none of its own."""
        known = {field.name: field.type for field in dataclasses.fields(cls)}
        kinds = {"str": str, "int": int, "bool": bool}
        for name, value in values.items():
            if name not in known or type(value) is not kinds[str(known[name])]:
                raise UserError(f"the architecture has {name} = {value!r}, which this program does not know")
        return cls(**values)


def is_baseline(architecture: dict[str, Any]) -> bool:
    """Whether an architecture from JSON is one of these, and not StyleGAN2's."""
    return "arch" in architecture
