"""From a baseline's architecture to its networks."""

from __future__ import annotations

from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.dcgan import (
    ConvganDiscriminator,
    ConvganSynthesis,
    DcganDiscriminator,
    DcganSynthesis,
)
from stylegan_pokemon.baselines.interface import BaselineDiscriminator, BaselineGenerator
from stylegan_pokemon.baselines.progan import ProganDiscriminator, ProganSynthesis

_SYNTHESES = {"dcgan": DcganSynthesis, "convgan": ConvganSynthesis, "progan": ProganSynthesis}
_DISCRIMINATORS = {
    "dcgan": DcganDiscriminator,
    "convgan": ConvganDiscriminator,
    "progan": ProganDiscriminator,
}


def build_generator(config: BaselineConfig) -> BaselineGenerator:
    """A generator with fresh weights."""
    return BaselineGenerator(config, _SYNTHESES[config.recipe.family](config))


def build_discriminator(config: BaselineConfig) -> BaselineDiscriminator:
    """A discriminator with fresh weights."""
    return _DISCRIMINATORS[config.recipe.family](config)
