"""The settings of a run, once and with their reasons. This module imports neither torch nor the networks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stylegan_pokemon.metrics.names import CHEAP, METRICS_FEATURES, METRICS_NUM

AUGMENTATIONS = ("ada", "fixed", "noaug")
PRECISIONS = ("auto", "fp32", "fp16", "bf16")
STYLEGAN2 = "stylegan2"  # the architecture of --arch unless somebody asks for an earlier system
FRESH = "fresh"  # the start of a run from nothing
METRICS = ",".join(CHEAP)  # what is measured of every snapshot unless somebody says otherwise

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


@dataclass(frozen=True)
class TrainingConfig:
    """Everything resolved: a run can be repeated from this alone."""

    # what
    data: str  # the dataset zip
    data_sha256: str
    images: int  # pictures trained on, after --holdout and --subset
    img_resolution: int
    img_channels: int
    classes: tuple[str, ...]  # names by label; empty trains without labels
    start: str  # FRESH, or the file the weights come from
    start_sha256: str | None
    # how long
    kimg: float  # thousands of real pictures shown until the end
    tick_kimg: float  # between two lines of progress, snapshots and states
    snap: int  # ticks between two snapshots
    # how
    cfg: str
    batch: int
    batch_gpu: int  # pictures held on the device at once; batch / batch_gpu gradients are accumulated
    lr: float
    r1_gamma: float
    pl_weight: float  # of the path-length penalty; 0 leaves that phase out
    style_mixing: float  # share of pictures made from two latents
    ema_kimg: float  # half-life of the averaged generator
    ema_rampup: float | None  # it is at most this share of the pictures shown; None switches that off
    ema_floor_kimg: float  # but for the ramp-up at least this
    mirror: bool
    subset: int | None
    aug: str  # "ada" adapts p, "fixed" keeps it, "noaug" has none
    p: float  # augmentation probability at the start
    ada_target: float
    ada_kimg: float  # thousands of pictures in which p can rise from 0 to 1
    augpipe: str
    freeze_d: int
    generator: dict[str, Any]
    discriminator: dict[str, Any]
    # where
    seed: int
    device: str
    precision: str
    metrics: str  # names separated by commas, or "none"
    recompute: int = 0  # blocks from this resolution up compute activations anew backward; 0: none does
    memory: dict[str, Any] | None = None  # the plan that chose batch_gpu and recompute, where one was made
    keep: int = 1  # of the snapshots every keep-th stays, the best and the last
    holdout: float = 0.0  # share of the set that is kept out of training, whole creatures
    metrics_num: int = METRICS_NUM  # generated pictures; a default, like those of the others for older runs
    balance: bool = False  # every class is shown, and drawn, as often as any other
    class_loss: float = 0.0  # weight of D's loss as a classifier of real pictures
    uncond_loss: float = 0.0  # weight of the losses of logits that know of no classes
    arch: str = STYLEGAN2  # or the name of an earlier system
    stage_kimg: float = 0.0  # of progressive growing: length of a phase
    patience: int = 0  # measured snapshots without a better one after which the run ends; 0: never
    metrics_features: str = METRICS_FEATURES  # or standard, or the path of a TorchScript file
    class_sizes: tuple[int, ...] = ()  # pictures of each class; empty in older runs
    haze_loss: float = 0.0  # weight of G's loss on what is nearly, but not, background
    background: tuple[
        int, ...
    ] = ()  # the set's background colour, 0 … 255 by channel, where that loss needs it

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

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TrainingConfig:
        """The configuration that `to_json` wrote. Raises ValueError for a value of another type."""
        if not isinstance(values, dict):
            raise ValueError("it is no table of settings")
        later = {field.name: field.default for field in dataclasses.fields(cls)}
        later = {name: value for name, value in later.items() if value is not dataclasses.MISSING}
        values = later | values  # runs older than these settings go on too
        for field in dataclasses.fields(cls):
            kind = _JSON_TYPES.get(str(field.type))
            if kind is not None and not isinstance(values[field.name], kind):
                raise ValueError(f"{field.name} is {values[field.name]!r}")
        _check_classes(values)
        return cls(
            **(values | {name: tuple(values[name]) for name in ("classes", "class_sizes", "background")})
        )


def _check_classes(values: dict[str, Any]) -> None:
    """Raises ValueError for names, sizes and weight of classes that no run can have."""
    names, sizes = values["classes"], values["class_sizes"]
    if not isinstance(names, list | tuple) or not isinstance(sizes, list | tuple):
        raise ValueError("its classes are no list")
    counts = all(isinstance(size, int) and size >= 0 for size in sizes)
    if sizes and not (counts and len(sizes) == len(names) and sum(sizes)):
        raise ValueError(f"class_sizes is {sizes!r}")
    for name, needed in (("class_loss", sizes), ("uncond_loss", sizes), ("haze_loss", values["background"])):
        if not 0 <= values[name] < math.inf or (values[name] and not needed):
            raise ValueError(f"{name} is {values[name]!r}")


_JSON_TYPES = {"int": int, "float": (int, float), "str": str, "bool": bool, "dict[str, Any]": dict}

_SMALL = 128  # up to this resolution `sprites` is made for fresh, thin networks
_SPRITES_GAMMA = 10.0


@dataclass(frozen=True)
class Preset:
    """One of the named configurations; None means "by the rule in `resolve`"."""

    description: str
    batch: int | None = None
    mbstd_group: int | None = None
    channel_share: float | None = None  # channel_base = 32768 · share, channel_max = 512
    lr: float | None = None
    r1_gamma: float | None = None
    ema_kimg: float | None = None
    ema_rampup: float | None = None
    map_layers: int = 2


PRESETS: dict[str, Preset] = {
    "sprites": Preset(
        "default: widths that grow with the resolution (64·R, at most the papers'), so that 64×64 trains on a"
        " CPU; batch 8; R1 of at least 10; up to 128×128 twice auto's learning rate and neither noise inputs,"
        " path lengths nor style mixing; beyond that like auto",
        ema_rampup=0.05,
    ),
    "auto": Preset("the rule of StyleGAN2-ADA for any resolution and one GPU", ema_rampup=0.05),
    "paper256": Preset("StyleGAN2-ADA's 256×256 configuration", 64, 8, 0.5, 0.0025, 1, 20, None, 8),
    "paper512": Preset("StyleGAN2-ADA's 512×512 configuration", 64, 8, 1, 0.0025, 0.5, 20, None, 8),
    "paper1024": Preset("StyleGAN2-ADA's 1024×1024 configuration", 32, 4, 1, 0.002, 2, 10, None, 8),
    "stylegan2": Preset("StyleGAN2's configuration F", 32, 4, 1, 0.002, 10, 10, None, 8),
}


@dataclass(frozen=True)
class Shape:
    """What a preset says of batch, widths, rates and regularisers at one resolution."""

    batch: int
    mbstd_group: int
    channel_base: int
    channel_max: int
    w_dim: int
    map_layers: int
    lr: float
    ema_rampup: float | None
    use_noise: bool = True
    pl_weight: float = 2.0
    style_mixing: float = 0.9


def shape_of(cfg: str, resolution: int) -> Shape:
    """Apply a preset's rules at a resolution (official_formats.md, section 3, for all but `sprites`)."""
    preset = PRESETS[cfg]
    by_rule = max(min(4096 // resolution, 32), 1)
    if cfg == "sprites":
        # Thin networks: at 64×64 they cost a sixteenth of `auto`'s, which is what a CPU can train in hours.
        base, widest = min(64 * resolution, 32768), min(max(2 * resolution, 64), 512)
        w_dim = min(max(4 * resolution, 128), 512)
        shape = Shape(8, 4, base, widest, w_dim, preset.map_layers, 0.0025, preset.ema_rampup)
        if resolution > _SMALL:
            return shape if resolution < 1024 else dataclasses.replace(shape, lr=0.002)
        # Thin networks, few small pictures, some thousand iterations: not the papers' regime. Sprites are
        # flat, and noise inputs end as speckle that must be unlearnt. Mixed styles and equal path lengths
        # make early pictures ignore their latents, long before they make a good generator smooth.
        return dataclasses.replace(shape, lr=0.005, use_noise=False, pl_weight=0.0, style_mixing=0.0)
    batch = preset.batch or min(by_rule, 64)
    share = preset.channel_share or (1 if resolution >= 512 else 0.5)
    return Shape(
        batch=batch,
        mbstd_group=preset.mbstd_group or min(batch, 4),
        channel_base=int(32768 * share),
        channel_max=512,
        w_dim=512,
        map_layers=preset.map_layers,
        lr=preset.lr or (0.002 if resolution >= 1024 else 0.0025),
        ema_rampup=preset.ema_rampup,
    )


def classes_of_rows(classes: int, sizes: Sequence[int], rows: int) -> list[int]:
    """The class in every row of a grid, by label: those that have pictures, in turn.

    Of more classes than rows evenly spaced ones are shown. sizes: pictures of each; empty in runs that began
    when every class was shown in turn, and which go on like that.
    """
    if not any(sizes):
        return [row % classes for row in range(rows)]
    trained = [label for label in range(classes) if sizes[label]]
    if len(trained) <= rows:
        return [trained[row % len(trained)] for row in range(rows)]
    return [trained[row * len(trained) // rows] for row in range(rows)]


def r1_gamma_of(cfg: str, resolution: int, batch: int) -> float:
    """R1 weight: the preset's, or 0.0002·R²/batch, for `sprites` no less than 10.

    The rule was found on photographs of large sets; at 32×32 it gives 0.03, under which the discriminator
    of a few hundred flat, high-contrast sprites wins and what it teaches is noise.
    """
    fixed = PRESETS[cfg].r1_gamma
    if fixed is not None:
        return fixed
    by_rule = 0.0002 * resolution**2 / batch
    return max(by_rule, _SPRITES_GAMMA) if cfg == "sprites" else by_rule


def ema_kimg_of(cfg: str, batch: int) -> float:
    """Half-life of the averaged generator: the preset's, or batch·10/32."""
    fixed = PRESETS[cfg].ema_kimg
    return batch * 10 / 32 if fixed is None else fixed


def class_losses_of(cfg: str, known: bool) -> tuple[float, float]:
    """Weights of class_loss and uncond_loss in a run with classes, for `sprites`; else none.

    Nor where the checkpoint knows all of the classes already: they need no such start.
    """
    return (0.5, 1.0) if cfg == "sprites" and not known else (0.0, 0.0)


def haze_loss_of(cfg: str, plain: bool) -> float:
    """Weight of haze_loss: 20 for `sprites` on a plain background.

    Without it a veil of a few percent spreads over the background, which the discriminator hardly sees.
    """
    return 20.0 if cfg == "sprites" and plain else 0.0
