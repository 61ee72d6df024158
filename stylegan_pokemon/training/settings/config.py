"""The resolved settings of a run, as config.json records them. This module imports no torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stylegan_pokemon.baselines.recipes import RECIPES
from stylegan_pokemon.metrics.names import METRICS_FEATURES, METRICS_NUM

STYLEGAN2 = "stylegan2"  # --arch, unless a baseline system is asked for
FRESH = "fresh"  # the start of a run from nothing

G_REG_INTERVAL = 4  # lazy regularisation (StyleGAN2, appendix B): path lengths every 4th iteration,
D_REG_INTERVAL = 16  # R1 every 16th; their losses are multiplied by the interval
ADAM_BETAS = (0.0, 0.99)
ADAM_EPS = 1e-8
PL_DECAY = 0.01  # of the moving average of path lengths
PL_BATCH_SHRINK = 2  # path lengths use half the batch: they are the dearest phase
FP16_RESOLUTIONS = 4  # with --precision fp16: the highest ones run in half precision,
CONV_CLAMP = 256.0  # their activations bounded, so that they cannot overflow
ADA_INTERVAL = 4  # iterations between two changes of p
ADA_CAP = 0.85  # beyond it augmentations leak into the pictures


def _says(meaning: str, **default: Any) -> Any:
    """A setting that no option records, explained for the report."""
    return field(metadata={"meaning": meaning}, **default)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything resolved that every system has: a run can be repeated from its config.json alone.

    The report shows settings in this order. Those that an option records are explained there. A default is
    what a run did before the setting existed, so that older runs can be continued.
    """

    data: str
    data_sha256: str = _says("checksum of that file")
    images: int = _says("pictures trained on, after --holdout and --subset")
    img_resolution: int
    img_channels: int = _says("colour channels")
    classes: tuple[str, ...] = _says("names of the classes by label; none trains without labels")
    class_sizes: tuple[int, ...] = _says("pictures of each class", default=())
    holdout: float = 0.0
    subset: int | None
    mirror: bool
    balance: bool = False
    start: str = _says("the file the weights come from; fresh: none")
    start_sha256: str | None = _says("checksum of that file")
    kimg: float
    tick_kimg: float
    snap: int
    keep: int = 1
    patience: int = 0
    metrics: str  # names separated by commas, or "none"
    metrics_num: int = METRICS_NUM
    metrics_features: str = METRICS_FEATURES
    arch: str = STYLEGAN2
    batch: int
    lr: float
    generator: dict[str, Any] = _says("architecture of the generator")  # noqa: RUF009
    discriminator: dict[str, Any] = _says("architecture of the discriminator")  # noqa: RUF009
    seed: int
    device: str
    precision: str

    @property
    def fine_tunes(self) -> bool:
        """Whether the run starts from a checkpoint, not from nothing."""
        return self.start != FRESH

    @property
    def iterations(self) -> int:
        """Iterations until the end, the last one included."""
        return -(-round(self.kimg * 1000) // self.batch)

    def to_json(self) -> dict[str, Any]:
        """A plain dict; `from_json` reads it back."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> TrainingConfig:
        """The configuration that `to_json` wrote, of the class that its system has.

        Raises ValueError for a value of another type, KeyError for a missing setting, TypeError for an
        unknown one.
        """
        if not isinstance(values, dict):
            raise ValueError("it is no table of settings")
        kind = config_class(values.get("arch", STYLEGAN2))
        fields = dataclasses.fields(kind)
        later = {item.name: item.default for item in fields if item.default is not dataclasses.MISSING}
        values = later | values
        values.pop("version", None)  # of the program, which the run directory adds
        for item in fields:
            allowed = _JSON_TYPES[str(item.type)]
            if not isinstance(values[item.name], allowed):
                raise ValueError(f"{item.name} is {values[item.name]!r}")
            if allowed == (list, tuple):
                values[item.name] = tuple(values[item.name])
        config = kind(**values)
        config._check()
        return config

    def _check(self) -> None:
        """Raise ValueError for classes that no run can have."""
        sizes = self.class_sizes
        counts = all(isinstance(size, int) and size >= 0 for size in sizes)
        if sizes and not (counts and len(sizes) == len(self.classes) and sum(sizes) > 0):
            raise ValueError(f"class_sizes is {sizes!r}")


@dataclass(frozen=True, kw_only=True)
class StyleGAN2Config(TrainingConfig):
    """The settings of a run of StyleGAN2-ADA."""

    cfg: str
    r1_gamma: float
    pl_weight: float = _says("weight of the path-length penalty; 0 leaves it out")
    style_mixing: float = _says("share of pictures made from two latents")
    ema_kimg: float = _says("half-life of the averaged generator, in thousands of pictures")
    ema_rampup: float | None = _says("the half-life is at most this share of the pictures shown; –: no limit")
    ema_floor_kimg: float = _says("but at least this many thousand pictures")
    class_loss: float = 0.0
    uncond_loss: float = 0.0
    haze_loss: float = 0.0
    layout_loss: float = 0.0
    background: tuple[int, ...] = _says("background colour of the data set, 0 to 255 by channel", default=())
    aug: str
    p: float
    ada_target: float
    ada_kimg: float = _says("thousands of pictures in which p can rise from 0 to 1")
    augpipe: str
    freeze_d: int
    batch_gpu: int
    recompute: int = _says("blocks from this resolution up are recomputed to save memory; 0: none", default=0)
    memory: dict[str, Any] | None = _says("the memory plan that chose batch_gpu and recompute", default=None)  # noqa: RUF009

    def _check(self) -> None:
        super()._check()
        classes, background = self.class_sizes, self.background
        needs = {"class_loss": classes, "uncond_loss": classes, "haze_loss": background}
        for name, needed in {**needs, "layout_loss": background and self.fine_tunes}.items():
            weight = getattr(self, name)
            if not 0 <= weight < math.inf or (weight and not needed):
                raise ValueError(f"{name} is {weight!r}")


@dataclass(frozen=True, kw_only=True)
class BaselineRunConfig(TrainingConfig):
    """The settings of a run of a baseline system, which always trains its whole batch at once."""

    stage_kimg: float = _says(
        "length of a phase of progressive growing, in thousands of pictures", default=0.0
    )


_CONFIGS: dict[str, type[TrainingConfig]] = {STYLEGAN2: StyleGAN2Config} | dict.fromkeys(
    RECIPES, BaselineRunConfig
)


def config_class(arch: object) -> type[TrainingConfig]:
    """The settings that a system has; ValueError names an unknown one."""
    if arch not in _CONFIGS:
        raise ValueError(f"arch is {arch!r}")
    return _CONFIGS[str(arch)]


def facts() -> dict[str, str]:
    """Every setting, in order, with its meaning; "" where an option records and explains it."""
    fields = [item for kind in dict.fromkeys(_CONFIGS.values()) for item in dataclasses.fields(kind)]
    return {item.name: item.metadata.get("meaning", "") for item in fields}


_NUMBER, _LIST, _NONE = (int, float), (list, tuple), type(None)
_JSON_TYPES: dict[str, Any] = {
    "int": int,
    "int | None": (int, _NONE),
    "float": _NUMBER,
    "float | None": (*_NUMBER, _NONE),
    "str": str,
    "str | None": (str, _NONE),
    "bool": bool,
    "dict[str, Any]": dict,
    "dict[str, Any] | None": (dict, _NONE),
    "tuple[str, ...]": _LIST,
    "tuple[int, ...]": _LIST,
}
