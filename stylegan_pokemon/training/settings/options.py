"""What `finetune.py` takes, with its defaults. This module imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from stylegan_pokemon.baselines.recipes import Recipe, recipe_of
from stylegan_pokemon.training.settings.config import METRICS, METRICS_FEATURES, STYLEGAN2


@dataclass(frozen=True)
class Options:
    """What `finetune.py` takes, with its defaults; None leaves the value to the preset or the checkpoint."""

    data: str | None = None  # forged sprites
    outdir: str = "runs"
    resume: str | None = None  # the embedded checkpoint if it fits, else fresh networks
    cfg: str = "sprites"
    kimg: float = 1000.0  # field reports: often enough when fine-tuning
    tick: float = 4.0
    snap: int = 1
    keep: int = 1  # all of them
    hours: float | None = None  # no limit; the one option that is no part of a run's configuration
    batch: int | None = None
    batch_gpu: int | None = None
    gamma: float | None = None
    freezed: int | None = None
    mirror: bool = False
    cond: bool = False
    balance: bool = False
    class_loss: float | None = None
    uncond_loss: float | None = None
    haze_loss: float | None = None
    subset: int | None = None
    aug: str = "ada"
    p: float | None = None
    target: float | None = None
    augpipe: str = "bgc"
    channel_base: int | None = None
    channel_max: int | None = None
    map_layers: int | None = None
    w_dim: int | None = None
    lr: float | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    metrics: str = METRICS
    metrics_num: int | None = None  # as many as there are real pictures, within bounds
    metrics_features: str = METRICS_FEATURES
    patience: int = 0  # for ever
    holdout: float = 0.0
    vram: float | None = None  # GiB; a card's free memory
    assume_device: str | None = None  # the one there is
    adapt: bool = False  # other widths and classes than the checkpoint's are errors
    arch: str = STYLEGAN2
    size: int | None = None  # of an earlier system: what the data has room for
    spectral_norm: bool = False

    @property
    def recipe(self) -> Recipe:
        """The earlier system that is asked for. Raises UserError for StyleGAN2, which is none."""
        return recipe_of(self.arch)
