"""The systems that can be trained, by the name of `--arch`: what is asked of one before it trains.

To add a system, write a trainer (`systems.trainer.Trainer`) and a class that answers `System` here. Nothing
else asks which system runs; what it must know, it asks here or the trainer.
"""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from stylegan_pokemon.baselines.build import build_discriminator, build_generator
from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.recipes import recipe_of
from stylegan_pokemon.checkpoint.networks import AnyDiscriminator, AnyGenerator
from stylegan_pokemon.data.dataset import SizeOf, SpriteDataset
from stylegan_pokemon.metrics.sprite import FOREGROUND, background_of
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.training.planning.memory_limit import memory_plan
from stylegan_pokemon.training.settings.config import (
    STYLEGAN2,
    BaselineRunConfig,
    StyleGAN2Config,
    TrainingConfig,
)
from stylegan_pokemon.training.settings.options import Options
from stylegan_pokemon.training.settings.presets import preset
from stylegan_pokemon.training.settings.resolve import Start, resolve, resolve_baseline
from stylegan_pokemon.training.systems import summary
from stylegan_pokemon.training.systems.baseline import BaselineTrainer
from stylegan_pokemon.training.systems.losses import distance_from
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from stylegan_pokemon.training.systems.trainer import Trainer

_SAMPLED = 400  # pictures for the background colour
_DRAWN = 8  # pictures that tell on what a start draws


class System(abc.ABC):
    """What a run must know of a system before there is a trainer."""

    trainer: type[Trainer]

    def size_of(self, size: int | None) -> SizeOf | None:
        """From a zip's resolution to the one trained at; None keeps it. size: the one asked for."""
        return None

    @abc.abstractmethod
    def resolve(
        self, options: Options, dataset: SpriteDataset, start: Start | None, device: str, precision: str
    ) -> TrainingConfig:
        """The complete configuration. Raises UserError naming the option for whatever cannot be."""

    def planned(
        self, options: Options, config: TrainingConfig, device: torch.device, echo: Callable[[str], None]
    ) -> tuple[TrainingConfig, list[str]]:
        """The configuration with its memory plan's micro-batches, and the plan's lines, if there is one."""
        return config, []

    def suited(
        self, options: Options, config: TrainingConfig, G_ema: AnyGenerator, echo: Callable[[str], None]
    ) -> TrainingConfig:
        """The configuration without defaults that do not suit what the start draws, which `echo` tells."""
        return config

    @abc.abstractmethod
    def networks(self, config: TrainingConfig) -> tuple[AnyGenerator, AnyDiscriminator]:
        """G and D on the CPU, with weights from PyTorch's own generator."""

    @abc.abstractmethod
    def lines(
        self, config: TrainingConfig, G_parameters: int, D_parameters: int
    ) -> tuple[summary.Lines, summary.Lines]:
        """The networks with their batch, and how they are trained, for people."""

    @abc.abstractmethod
    def shortage(self, config: TrainingConfig) -> str:
        """What to say when memory runs out and nothing is left to try: what is too much, what to do."""


def system_of(arch: str) -> System:
    """The system of `--arch`. Raises UserError for a name that does not exist."""
    return _StyleGAN2() if arch == STYLEGAN2 else _Baseline(arch)


def new_networks(config: TrainingConfig) -> tuple[AnyGenerator, AnyDiscriminator, AnyGenerator]:
    """Fresh G, D and G_ema on the CPU; their weights depend on the run's seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, "weights"))
        G, D = system_of(config.arch).networks(config)
    return G, D, copy.deepcopy(G)


def new_trainer(
    config: TrainingConfig, dataset: SpriteDataset, G: AnyGenerator, D: AnyDiscriminator, G_ema: AnyGenerator
) -> Trainer:
    """What trains these networks."""
    return system_of(config.arch).trainer(config, dataset, G, D, G_ema)


class _StyleGAN2(System):
    trainer = StyleGAN2Trainer

    def resolve(
        self, options: Options, dataset: SpriteDataset, start: Start | None, device: str, precision: str
    ) -> TrainingConfig:
        rule = preset(options.cfg, dataset.facts.resolution)
        asked = (options.haze_loss, rule.haze_loss), (options.layout_loss, rule.layout_loss)
        wanted = any(default if given is None else given for given, default in asked)
        background = background_colour(dataset) if wanted else ()  # looking at pictures takes a moment
        return resolve(options, dataset.facts, start, device, precision, background)

    def planned(
        self, options: Options, config: TrainingConfig, device: torch.device, echo: Callable[[str], None]
    ) -> tuple[TrainingConfig, list[str]]:
        assert isinstance(config, StyleGAN2Config)
        plan = memory_plan(options, config, device, echo)
        if plan is None:
            return config, []
        memory = plan.to_json() | {"vram": options.vram}
        config = replace(config, batch_gpu=plan.batch_gpu, recompute=plan.recompute, memory=memory)
        return config, plan.lines()

    def suited(
        self, options: Options, config: TrainingConfig, G_ema: AnyGenerator, echo: Callable[[str], None]
    ) -> TrainingConfig:
        assert isinstance(config, StyleGAN2Config)
        assert isinstance(G_ema, Generator)
        if not config.layout_loss or options.layout_loss is not None or draws_on(G_ema, config.background):
            return config
        echo("note: the start does not draw on the set's background, so --layout-loss is left out")
        return replace(config, layout_loss=0.0, background=config.background if config.haze_loss else ())

    def networks(self, config: TrainingConfig) -> tuple[Generator, Discriminator]:
        G = Generator(GeneratorConfig.from_json(config.generator))
        return G, Discriminator(DiscriminatorConfig.from_json(config.discriminator))

    def lines(
        self, config: TrainingConfig, G_parameters: int, D_parameters: int
    ) -> tuple[summary.Lines, summary.Lines]:
        assert isinstance(config, StyleGAN2Config)
        return summary.stylegan2_lines(config, G_parameters, D_parameters)

    def shortage(self, config: TrainingConfig) -> str:
        return (
            "there is too little memory for one picture at once; use smaller networks (--channel-base, with"
            " --resume none or --adapt)"
        )


class _Baseline(System):
    trainer = BaselineTrainer

    def __init__(self, arch: str) -> None:
        self.recipe = recipe_of(arch)

    def size_of(self, size: int | None) -> SizeOf | None:
        return lambda resolution: self.recipe.size(resolution, size)

    def resolve(
        self, options: Options, dataset: SpriteDataset, start: Start | None, device: str, precision: str
    ) -> TrainingConfig:
        return resolve_baseline(options, dataset.facts, device, precision)

    def networks(self, config: TrainingConfig) -> tuple[AnyGenerator, AnyDiscriminator]:
        G = build_generator(BaselineConfig.from_json(config.generator))
        return G, build_discriminator(BaselineConfig.from_json(config.discriminator))

    def lines(
        self, config: TrainingConfig, G_parameters: int, D_parameters: int
    ) -> tuple[summary.Lines, summary.Lines]:
        assert isinstance(config, BaselineRunConfig)
        return summary.baseline_lines(config, G_parameters, D_parameters)

    def shortage(self, config: TrainingConfig) -> str:
        return (
            f"there is too little memory for a batch of {config.batch} pictures; begin a new run with a"
            " smaller --batch"
        )


def background_colour(dataset: SpriteDataset) -> tuple[int, ...]:
    """The set's background colour, 0 … 255 by channel, as some of its pictures show it; empty for none."""
    some = np.linspace(0, len(dataset) - 1, min(len(dataset), _SAMPLED)).astype(int)
    pictures = dataset.pictures(some)
    channels = pictures.shape[-1]
    if channels == 4:  # the invisible is the background, whatever its colour
        colour = background_of(pictures[..., 3:].repeat(3, axis=-1))
        return (0, 0, 0, 0) if colour is not None and not colour.any() else ()
    colour = background_of(pictures if channels == 3 else pictures.repeat(3, axis=-1))
    return () if colour is None else tuple(int(value) for value in colour[:channels])


def draws_on(G: Generator, background: tuple[int, ...]) -> bool:
    """Whether the borders of what a generator draws have mostly this colour, 0 … 255 by channel."""
    rng = torch.Generator().manual_seed(derive_seed(0, "borders"))
    c = torch.eye(G.c_dim)[torch.arange(_DRAWN) % G.c_dim] if G.c_dim else None
    with torch.no_grad():
        pictures = G(torch.randn(_DRAWN, G.z_dim, generator=rng), c, noise_mode="const", force_fp32=True)
    ground = torch.tensor(background, dtype=torch.float32) / 127.5 - 1
    near = distance_from(pictures, ground)[:, 0] < FOREGROUND
    border = torch.cat([near[:, 0], near[:, -1], near[:, :, 0], near[:, :, -1]], dim=1)
    return bool(border.float().mean() > 0.5)
