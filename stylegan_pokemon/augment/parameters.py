"""Random parameters of the ADA pipeline: drawn once for a whole batch, then sliced per micro-batch.

Drawing, composing into matrices, and touching pixels are three separate steps, so that each can be tested
alone and a batch looks the same however it is split. Source: Karras et al. 2020 (ADA), appendix B.
"""

from __future__ import annotations

import dataclasses
import math

import torch

from stylegan_pokemon.augment import matrices
from stylegan_pokemon.augment.sets import AugmentSet

# Strengths of the paper. Deviations of logarithms are in octaves: 2^N(0, σ²).
XINT_MAX = 0.125  # of the image size
SCALE_OCTAVES = 0.2
ANISO_OCTAVES = 0.2
XFRAC_STD = 0.125  # of the image size
BRIGHTNESS_STD = 0.2  # of pixel values in [−1, 1]
CONTRAST_OCTAVES = 0.5
SATURATION_OCTAVES = 1.0
IMGFILTER_OCTAVES = 1.0
NOISE_STD = 0.1  # of the half-normal distribution of the noise's own deviation
CUTOUT_SIZE = 0.5  # of the image size

BAND_POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)
"""Expected share of an image's power in each octave band, lowest first: the 1/f spectrum of pictures."""


@dataclasses.dataclass(frozen=True)
class Transforms:
    """What happens to each of n images, transform by transform; float64 tensors [n] on the CPU.

    `Transforms.neutral(n, …)` gives the values that change nothing, with any of them replaced.
    """

    xflip: torch.Tensor
    """1 mirrors left and right, 0 does not."""
    quarter_turns: torch.Tensor
    """0 to 3, counter-clockwise."""
    xint_x: torch.Tensor
    xint_y: torch.Tensor
    """Translation in fractions of the image size, rounded to whole pixels when composed."""
    scale: torch.Tensor
    rotate_before: torch.Tensor
    rotate_after: torch.Tensor
    """Radians, counter-clockwise, before and after the anisotropic scaling."""
    aniso: torch.Tensor
    """Width is multiplied by it, height divided."""
    xfrac_x: torch.Tensor
    xfrac_y: torch.Tensor
    """Translation in fractions of the image size."""
    brightness: torch.Tensor
    contrast: torch.Tensor
    lumaflip: torch.Tensor
    """1 mirrors luma, 0 does not."""
    hue: torch.Tensor
    """Radians."""
    saturation: torch.Tensor
    band_factors: torch.Tensor
    """[n, 4]: amplification of each octave band in its turn, lowest first, before power is renormalised."""
    noise_sigma: torch.Tensor
    noise_seed: torch.Tensor
    """int64: seed of the image's noise."""
    cutout: torch.Tensor
    """[n, 3]: centre x, centre y and side of the erased square, in fractions of the image size."""

    @classmethod
    def neutral(cls, n: int, **replaced: torch.Tensor) -> Transforms:
        """Return the parameters under which n images stay what they are, except for those given by name."""
        zero, one = torch.zeros(n, dtype=torch.float64), torch.ones(n, dtype=torch.float64)
        values: dict[str, torch.Tensor] = {field.name: zero for field in dataclasses.fields(cls)}
        values |= dict.fromkeys(("scale", "aniso", "contrast", "saturation"), one)
        values["band_factors"] = torch.ones(n, 4, dtype=torch.float64)
        values["noise_seed"] = torch.zeros(n, dtype=torch.int64)
        values["cutout"] = torch.zeros(n, 3, dtype=torch.float64)
        return cls(**(values | replaced))


@dataclasses.dataclass(frozen=True)
class Parameters:
    """Everything `apply` needs to know about n images; small tensors on the CPU.

    `parameters[i:j]` are those of images i to j − 1, `parameters[index]` those that an index tensor names.
    """

    resolution: int
    """Height and width of the images, in pixels."""
    geometry: torch.Tensor
    """[n, 3, 3] float64: takes a point of the result to the point of the image that is seen there."""
    color: torch.Tensor
    """[n, 4, 4] float64: takes (r, g, b, 1) to the new colour."""
    band_gains: torch.Tensor
    """[n, 4] float64: gain of each octave band, lowest first, along either axis."""
    noise_sigma: torch.Tensor
    """[n] float64: standard deviation of the noise that is added."""
    noise_seed: torch.Tensor
    """[n] int64: seed of that noise, so that it does not depend on which images share a micro-batch."""
    cutout: torch.Tensor
    """[n, 3] float64: centre x, centre y and side of the erased square, in fractions of the image size."""

    def __len__(self) -> int:
        return len(self.geometry)

    def __getitem__(self, images: slice | torch.Tensor) -> Parameters:
        tensors = {
            field.name: getattr(self, field.name)[images]
            for field in dataclasses.fields(self)
            if field.name != "resolution"
        }
        return Parameters(self.resolution, **tensors)


def draw_parameters(
    augset: AugmentSet, p: float, n: int, resolution: int, generator: torch.Generator
) -> Parameters:
    """Draw the parameters of a batch: `compose` of `draw_transforms`.

    Args:
        augset: the transforms that take part.
        p: overall probability, 0 to 1.
        n: number of images.
        resolution: height and width of the images, in pixels.
        generator: source of all randomness, on any device. How many numbers are taken from it depends on
            `augset` and `n` alone.
    """
    return compose(draw_transforms(augset, p, n, generator), resolution)


def draw_transforms(augset: AugmentSet, p: float, n: int, generator: torch.Generator) -> Transforms:
    """Draw what happens to each of n images; arguments as in `draw_parameters`.

    Raises:
        ValueError: p is outside [0, 1].
    """
    if not 0 <= p <= 1:
        raise ValueError(f"the probability p must lie in [0, 1], not {p}")
    neutral = Transforms.neutral(n)
    drawn: dict[str, torch.Tensor] = {}

    def uniform(low: float, high: float, *size: int) -> torch.Tensor:
        u = torch.rand(n, *size, generator=generator, device=generator.device, dtype=torch.float64)
        return low + (high - low) * u.cpu()

    def normal(std: float, *size: int) -> torch.Tensor:
        z = torch.randn(n, *size, generator=generator, device=generator.device, dtype=torch.float64)
        return std * z.cpu()

    def happens(probability: float) -> torch.Tensor:
        return uniform(0, 1) < probability

    def maybe(probability: float, **values: torch.Tensor) -> None:
        """Give each image these values, all or none of them, with the given probability."""
        chosen = happens(probability)
        for name, value in values.items():
            mask = chosen.reshape(-1, *([1] * (value.ndim - 1)))
            drawn[name] = torch.where(mask, value, getattr(neutral, name))

    if augset.xflip:
        maybe(p * augset.xflip, xflip=uniform(0, 2).floor())
    if augset.rotate90:
        maybe(p * augset.rotate90, quarter_turns=uniform(0, 4).floor())
    if augset.xint:
        x, y = uniform(-XINT_MAX, XINT_MAX, 2).unbind(1)
        maybe(p * augset.xint, xint_x=x, xint_y=y)
    if augset.scale:
        maybe(p * augset.scale, scale=torch.exp2(normal(SCALE_OCTAVES)))
    if augset.rotate:
        # Either of two rotations: that at least one happens has the probability asked for.
        either = 1 - math.sqrt(1 - p * augset.rotate)
        maybe(either, rotate_before=uniform(-math.pi, math.pi))
        maybe(either, rotate_after=uniform(-math.pi, math.pi))
    if augset.aniso:
        maybe(p * augset.aniso, aniso=torch.exp2(normal(ANISO_OCTAVES)))
    if augset.xfrac:
        x, y = normal(XFRAC_STD, 2).unbind(1)
        maybe(p * augset.xfrac, xfrac_x=x, xfrac_y=y)
    if augset.brightness:
        maybe(p * augset.brightness, brightness=normal(BRIGHTNESS_STD))
    if augset.contrast:
        maybe(p * augset.contrast, contrast=torch.exp2(normal(CONTRAST_OCTAVES)))
    if augset.lumaflip:
        maybe(p * augset.lumaflip, lumaflip=uniform(0, 2).floor())
    if augset.hue:
        maybe(p * augset.hue, hue=uniform(-math.pi, math.pi))
    if augset.saturation:
        maybe(p * augset.saturation, saturation=torch.exp2(normal(SATURATION_OCTAVES)))
    if augset.imgfilter:
        # Every band is amplified, or not, independently of the others.
        chosen = uniform(0, 1, 4) < p * augset.imgfilter
        factors = torch.exp2(normal(IMGFILTER_OCTAVES, 4))
        drawn["band_factors"] = torch.where(chosen, factors, neutral.band_factors)
    if augset.noise:
        maybe(p * augset.noise, noise_sigma=normal(NOISE_STD).abs())
        drawn["noise_seed"] = (uniform(0, 1) * 2**53).long()
    if augset.cutout:
        centre = uniform(0, 1, 2)
        maybe(p * augset.cutout, cutout=torch.cat([centre, torch.full((n, 1), CUTOUT_SIZE).double()], dim=1))
    return dataclasses.replace(neutral, **drawn)


def compose(transforms: Transforms, resolution: int) -> Parameters:
    """Compose the transforms of each image, in the order of the paper, into the few things `apply` does.

    Args:
        transforms: those of n images.
        resolution: height and width of the images, in pixels.
    """
    t = transforms
    # Later transforms act on the result of earlier ones, so from result to image their inverses stand first
    # to last. Flips and quarter turns enter with exact zeros, which tells a rotation from all others.
    geometry = (
        matrices.scale2d(1 - 2 * t.xflip, torch.ones_like(t.xflip))
        @ matrices.quarter_turn2d(-t.quarter_turns)
        @ matrices.translate2d(-(t.xint_x * resolution).round(), -(t.xint_y * resolution).round())
        @ matrices.scale2d(1 / t.scale, 1 / t.scale)
        @ matrices.rotate2d(-t.rotate_before)
        @ matrices.scale2d(1 / t.aniso, t.aniso)
        @ matrices.rotate2d(-t.rotate_after)
        @ matrices.translate2d(-t.xfrac_x * resolution, -t.xfrac_y * resolution)
    )
    color = (
        matrices.saturation3d(t.saturation)
        @ matrices.hue3d(t.hue)
        @ matrices.lumaflip3d(t.lumaflip)
        @ matrices.contrast3d(t.contrast)
        @ matrices.brightness3d(t.brightness)
    )
    return Parameters(
        resolution=resolution,
        geometry=geometry,
        color=color,
        band_gains=normalized_gains(t.band_factors),
        noise_sigma=t.noise_sigma,
        noise_seed=t.noise_seed,
        cutout=t.cutout,
    )


def normalized_gains(factors: torch.Tensor) -> torch.Tensor:
    """Return the gains [n, 4] after each band in turn was amplified by its factor [n, 4].

    After every single amplification all bands are divided by √Σ λ g², which keeps the expected power of a
    picture with spectrum λ = `BAND_POWER`.
    """
    power = torch.tensor(BAND_POWER, dtype=torch.float64)
    normalizers = torch.sqrt(1 + power * (factors.square() - 1))
    return factors / normalizers.prod(dim=1, keepdim=True)
