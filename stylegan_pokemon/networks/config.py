"""Architectures as data: frozen dataclasses that JSON can hold. This module does not import torch."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeVar

from stylegan_pokemon.errors import UserError

ARCHITECTURES = ("skip", "resnet", "orig")
ACTIVATIONS = ("lrelu", "relu", "linear")


_A = TypeVar("_A", bound="Architecture")


@dataclass(frozen=True)
class Architecture:
    """What generator and discriminator have in common."""

    img_resolution: int
    img_channels: int = 3
    c_dim: int = 0  # number of classes; 0 is unconditional
    channel_base: int = 32768  # channels at resolution r are min(channel_base // r, channel_max)
    channel_max: int = 512
    architecture: str = "skip"
    activation: str = "lrelu"
    resample_filter: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)
    num_fp16_res: int = 0  # this many of the highest resolutions run in half precision, on GPUs only
    conv_clamp: float | None = None  # bound of activations, needed by half precision
    premultiplied: bool = False  # with 4 channels: colours are multiplied by alpha

    def __post_init__(self) -> None:
        _check(self)

    @property
    def block_resolutions(self) -> tuple[int, ...]:
        """4, 8, …, img_resolution."""
        return block_resolutions(self.img_resolution)

    def channels(self, resolution: int) -> int:
        """Feature maps of the block at `resolution`."""
        return min(self.channel_base // resolution, self.channel_max)

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` reads back."""
        values = dataclasses.asdict(self) | {"resample_filter": list(self.resample_filter)}
        # Older versions know nothing of these, and can still read the networks that do without.
        newer = ("premultiplied", "truncation_centres")
        return {name: value for name, value in values.items() if name not in newer or value}

    @classmethod
    def from_json(cls: type[_A], values: dict[str, Any]) -> _A:
        """Build from a plain dict; an unknown key is a UserError that names it."""
        return cls(**_known(cls, values))


@dataclass(frozen=True)
class GeneratorConfig(Architecture):
    """Everything that determines the generator's tensors and arithmetic."""

    z_dim: int = 512
    w_dim: int = 512
    num_layers: int = 8  # of the mapping network; the papers use 8, `auto` 2
    embed_features: int | None = None  # of the label embedding; None means w_dim
    layer_features: int | None = None  # width of the mapping network's hidden layers; None means w_dim
    mapping_activation: str = "lrelu"
    lr_multiplier: float = 0.01  # the mapping network learns a hundred times slower
    w_avg_beta: float | None = 0.995  # of the moving average of w; None keeps no average
    use_noise: bool = True
    truncation_centres: int = 0  # truncation pulls to the nearest of so many centres of w; 0: to the mean

    @property
    def num_ws(self) -> int:
        """Number of style vectors that the synthesis network reads."""
        return 2 * int(math.log2(self.img_resolution)) - 2


@dataclass(frozen=True)
class DiscriminatorConfig(Architecture):
    """Everything that determines the discriminator's tensors and arithmetic."""

    architecture: str = "resnet"
    cmap_dim: int | None = None  # of the label projection; None means the channels at 4×4, if conditional
    mapping_layers: int = 8  # of the label's mapping network
    mapping_features: int | None = None  # its width; None means cmap_dim
    mapping_lr_multiplier: float = 0.01
    mbstd_group_size: int | None = 4  # minibatch standard deviation; None takes the whole batch
    mbstd_num_channels: int = 1
    freeze_layers: int = 0  # Freeze-D: this many layers, from the image inwards, are not trained

    @property
    def effective_cmap_dim(self) -> int:
        """Length of the label projection; 0 without classes."""
        if self.c_dim == 0:
            return 0
        return self.channels(4) if self.cmap_dim is None else self.cmap_dim


def block_resolutions(img_resolution: int) -> tuple[int, ...]:
    """Return 4, 8, …, img_resolution."""
    return tuple(2**i for i in range(2, int(math.log2(img_resolution)) + 1))


def fp16_from(img_resolution: int, num_fp16_res: int) -> int:
    """The lowest resolution that runs in half precision (beyond the image's where none does)."""
    return max(2 ** (int(math.log2(img_resolution)) + 1 - num_fp16_res), 8)


_BOUNDS = {
    "img_channels": (1, 64),
    "c_dim": (0, 1 << 20),
    "z_dim": (1, 1 << 16),
    "w_dim": (1, 1 << 16),
    "num_layers": (1, 64),
    "embed_features": (1, 1 << 16),
    "layer_features": (1, 1 << 16),
    "truncation_centres": (0, 1024),
    "channel_base": (1, 1 << 24),
    "channel_max": (1, 1 << 16),
    "num_fp16_res": (0, 64),
    "cmap_dim": (1, 1 << 16),
    "mapping_layers": (0, 64),
    "mapping_features": (1, 1 << 16),
    "mbstd_group_size": (1, 1 << 16),
    "mbstd_num_channels": (0, 1 << 16),
    "freeze_layers": (0, 1 << 10),
}
"""Far beyond any network that exists, and near enough that building one on paper costs nothing."""
_OPTIONAL = {"embed_features", "layer_features", "cmap_dim", "mapping_features", "mbstd_group_size"}
_MAX_RESOLUTION = 8192
_MAX_TAPS = 64


def _check(config: Architecture) -> None:
    """Raise UserError for what cannot be built; the values may come from a file of anybody's."""
    resolution = config.img_resolution
    whole = type(resolution) is int and 8 <= resolution <= _MAX_RESOLUTION
    if not whole or resolution & (resolution - 1):
        raise UserError(
            f"img_resolution is {_shown(resolution)};"
            f" the networks need a power of two from 8 to {_MAX_RESOLUTION}"
        )
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name in _BOUNDS and not (value is None and field.name in _OPTIONAL):
            least, most = _BOUNDS[field.name]
            if type(value) is not int or not least <= value <= most:
                raise UserError(
                    f"{field.name} is {_shown(value)}; it must be a whole number from {least} to {most}"
                )
        elif field.name in ("lr_multiplier", "mapping_lr_multiplier", "w_avg_beta", "conv_clamp"):
            free = field.name in ("w_avg_beta", "conv_clamp") and value is None
            if not free and not (type(value) in (int, float) and math.isfinite(value) and value >= 0):
                raise UserError(f"{field.name} is {_shown(value)}; it must be a number of at least 0")
        elif field.name in ("use_noise", "premultiplied") and type(value) is not bool:
            raise UserError(f"{field.name} is {_shown(value)}; it must be true or false")
        elif field.name in ("activation", "mapping_activation") and (
            not isinstance(value, str) or value not in ACTIVATIONS
        ):
            raise UserError(f"activation {_shown(value)} is unknown; known are {', '.join(ACTIVATIONS)}")
    if config.premultiplied and config.img_channels != 4:
        raise UserError(f"premultiplied alpha needs 4 channels, not {config.img_channels}")
    architecture = config.architecture
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        raise UserError(
            f"architecture {_shown(architecture)} is unknown; known are {', '.join(ARCHITECTURES)}"
        )
    if config.channels(resolution) < 1:
        raise UserError(
            f"channel_base {config.channel_base} leaves no feature map at {resolution}×{resolution};"
            f" use at least {resolution}"
        )
    taps = config.resample_filter
    numbers = isinstance(taps, (list, tuple)) and all(type(t) in (int, float) for t in taps[:_MAX_TAPS])
    if not numbers or not 1 <= len(taps) <= _MAX_TAPS or not math.isfinite(sum(taps)) or sum(taps) == 0:
        raise UserError(f"resample_filter must be up to {_MAX_TAPS} numbers whose sum is not zero")
    object.__setattr__(config, "resample_filter", tuple(float(t) for t in taps))


def _shown(value: Any) -> str:
    """A value for a message; of containers, which may be endless, only the type."""
    if isinstance(value, int) and abs(value) > 1 << 64:
        return "a giant number"
    plain = isinstance(value, (str, int, float, type(None)))
    return repr(value)[:40] if plain else f"a {type(value).__name__}"


def _known(cls: type, values: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UserError("the network's configuration is no table of settings")
    unknown = sorted(map(_shown, set(values) - {field.name for field in dataclasses.fields(cls)}))
    if unknown:
        raise UserError(f"the network's configuration has unknown settings: {', '.join(unknown[:4])}")
    return values
