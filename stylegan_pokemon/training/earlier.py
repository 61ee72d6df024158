"""Training the systems of earlier projects (`--arch`) in the harness of StyleGAN2's runs."""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Collection, Iterator

import torch

from stylegan_pokemon.baselines import objectives
from stylegan_pokemon.baselines.build import build_discriminator, build_generator
from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.progan import Progressive, faded
from stylegan_pokemon.baselines.recipes import stage_of, stages
from stylegan_pokemon.checkpoint.networks import AnyDiscriminator, AnyGenerator
from stylegan_pokemon.data.dataset import DatasetFacts, SpriteDataset
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.metrics.names import metrics_num_of
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.randomness import generator as derived
from stylegan_pokemon.training.config import FRESH, STYLEGAN2, TrainingConfig
from stylegan_pokemon.training.draws import random_labels
from stylegan_pokemon.training.measuring import features_named, metric_names
from stylegan_pokemon.training.options import Options
from stylegan_pokemon.training.trainer import Phase, Trainer

_NOT_THEIRS = (  # options of StyleGAN2-ADA, None or their default where nobody gave them
    *("gamma", "freezed", "class_loss", "uncond_loss", "haze_loss", "p", "target"),
    *("channel_base", "channel_max", "map_layers", "w_dim"),
    *("resume", "batch_gpu", "vram", "assume_device"),
)


_DEFAULTED = ("cfg", "augpipe", "adapt", "aug", "precision")


def size_on_load(options: Options) -> Callable[[int], int]:
    """From the resolution of a zip to the one that a system draws. Raises UserError as `Recipe.size` does."""
    return lambda resolution: options.recipe.size(resolution, options.size)


def check_arch(options: Options, given: Collection[str] = ()) -> None:
    """Refuse options that an architecture has no use for. Raises UserError naming one.

    given: names of options that somebody wrote, be it with the value that they have anyway.
    """
    if options.arch == STYLEGAN2:
        if options.size is not None or options.spectral_norm:
            option = "--spectral-norm" if options.size is None else f"--size {options.size}"
            raise UserError(
                f"{option} belongs to the earlier systems; add --arch with one of them, such as"
                " --arch dcgan-tricks"
            )
        return
    recipe = options.recipe
    # These are so anyway, or mean the same here.
    harmless = {"resume": ("none",), "aug": ("noaug",), "precision": ("auto", "fp32", "bf16")}
    for name in (*_NOT_THEIRS, *_DEFAULTED):
        value = getattr(options, name)
        if (value != getattr(Options, name) or name in given) and value not in harmless.get(name, ()):
            option = f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
            if name == "resume":
                raise UserError(
                    f"{option} with --arch {recipe.name}: a system of an earlier project always starts from"
                    " nothing; leave it out. A run of it is continued by --resume and its run directory alone"
                )
            raise UserError(
                f"{option} belongs to StyleGAN2-ADA and not to --arch {recipe.name}; leave it out"
            )
    if options.spectral_norm and recipe.family != "dcgan":
        raise UserError(
            f"--spectral-norm belongs to the DCGANs and not to --arch {recipe.name}; leave it out, or choose"
            " --arch dcgan-tricks"
        )


def resolve_earlier(options: Options, facts: DatasetFacts, device: str, precision: str) -> TrainingConfig:
    """The configuration of a run of `options.arch`; `precision` is "fp32" or "bf16"."""
    recipe = options.recipe
    classes = facts.classes if options.cond else ()
    network = BaselineConfig(recipe.name, facts.resolution, facts.channels, len(classes))
    batch = options.batch or recipe.batch
    phases = stages(facts.resolution) if recipe.family == "progan" else 1
    return TrainingConfig(
        data=facts.path,
        data_sha256=facts.sha256,
        images=facts.images,
        img_resolution=facts.resolution,
        img_channels=facts.channels,
        classes=classes,
        start=FRESH,
        start_sha256=None,
        kimg=options.kimg,
        tick_kimg=options.tick,
        snap=options.snap,
        cfg=options.cfg,
        batch=batch,
        batch_gpu=batch,
        lr=options.lr or recipe.lr_G,
        r1_gamma=0.0,
        pl_weight=0.0,
        style_mixing=0.0,
        ema_kimg=0.0,  # they average no weights: G_ema is G
        ema_rampup=None,
        ema_floor_kimg=0.0,
        mirror=options.mirror,
        balance=options.balance,
        subset=options.subset,
        aug="noaug",
        p=0.0,
        ada_target=0.0,
        ada_kimg=1.0,
        augpipe=options.augpipe,
        freeze_d=0,
        generator=network.to_json(),
        discriminator=network.to_json() | {"spectral_norm": options.spectral_norm},
        seed=options.seed,
        device=device,
        precision=precision,
        metrics=",".join(metric_names(options.metrics)) or "none",
        keep=options.keep,
        holdout=options.holdout,
        metrics_num=options.metrics_num or metrics_num_of(facts.resolution, facts.images, device, precision),
        metrics_features=features_named(options.metrics_features),
        patience=options.patience,
        class_sizes=facts.class_sizes if classes else (),
        arch=recipe.name,
        stage_kimg=options.kimg / phases,
    )


def earlier_networks(config: TrainingConfig) -> tuple[AnyGenerator, AnyDiscriminator, AnyGenerator]:
    """Fresh G, D and G_ema on the CPU; their weights depend on the run's seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, "weights"))
        G = build_generator(BaselineConfig.from_json(config.generator))
        D = build_discriminator(BaselineConfig.from_json(config.discriminator))
    return G, D, copy.deepcopy(G)


def describe_earlier(config: TrainingConfig) -> list[tuple[str, str]]:
    """What there is to say of such a system, as names and texts."""
    recipe = BaselineConfig.from_json(config.generator).recipe
    lines = [
        ("system", f"{recipe.name}: {recipe.description}"),
        ("assumed", recipe.assumed),
        ("learning rate", f"G {config.lr:g}, D {config.lr * recipe.lr_D / recipe.lr_G:g}"),
    ]
    if recipe.family == "progan":
        lines.append(("growing", f"{stages(config.img_resolution)} phases of {config.stage_kimg:g} kimg"))
    return lines


class EarlierTrainer(Trainer):
    """One of the systems behind the calls of `Trainer`: its objective instead of StyleGAN2's phases."""

    def __init__(
        self,
        config: TrainingConfig,
        dataset: SpriteDataset,
        G: AnyGenerator,
        D: AnyDiscriminator,
        G_ema: AnyGenerator,
    ) -> None:
        self.recipe = BaselineConfig.from_json(config.generator).recipe
        if config.device == "cpu":  # where all of them are a fifth faster in this memory format
            for network in (G, D):
                network.to(memory_format=torch.channels_last)
        super().__init__(config, dataset, G, D, G_ema)

    def _optimizers(self) -> tuple[torch.optim.Adam, torch.optim.Adam]:
        recipe, lr = self.recipe, self.config.lr
        return (
            torch.optim.Adam(self.G.parameters(), lr, recipe.betas),
            torch.optim.Adam(self.D.parameters(), lr * recipe.lr_D / recipe.lr_G, recipe.betas),
        )

    def _phases(self) -> list[Phase]:
        return [Phase("Dmain", 1, self._d_main), Phase("Gmain", 1, self._g_main)]

    def fetch_reals(self) -> None:
        if self.recipe.family == "progan":
            stage = stage_of(self.images_shown, self.config.stage_kimg, self.config.img_resolution)
            for network in (self.G.synthesis, self.D):
                assert isinstance(network, Progressive)
                network.grow_to(stage)
        super().fetch_reals()
        if self.recipe.family == "progan":
            self._reals = faded(self._reals, stage)

    def _accumulated(self, phase: Phase) -> bool:
        with self._dropout(phase.name), self._cast():
            phase.loss(derived(self.config.seed, phase.name, 0, self.images_shown, self.retry))
        return True

    def _cast(self) -> torch.autocast:
        """With `--precision bf16` layers work in it; what networks return is handed on as float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=not self.full)

    @contextlib.contextmanager
    def _dropout(self, purpose: str) -> Iterator[None]:
        """Dropout draws from PyTorch's own generator: derive its seed like everything that is random."""
        cards = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cards):
            seed = derive_seed(self.config.seed, f"{purpose} dropout", self.images_shown, self.retry)
            torch.manual_seed(seed)
            yield

    def _draw(self, source: torch.Generator) -> tuple[torch.Tensor, torch.Tensor | None]:
        n = self.config.batch
        z = torch.randn(n, self.G.z_dim, generator=source).to(self.device)
        if not self.config.classes:
            return z, None
        assert self.dataset.labels is not None
        c = random_labels(self.dataset.labels, len(self.config.classes), n, source, self.config.balance)
        return z, c.to(self.device)

    def _g_main(self, source: torch.Generator) -> None:
        z, c = self._draw(source)
        logits = self.D(self.G(z, c), c)
        loss = objectives.generator_loss(logits, self.recipe)
        self.statistics.report("loss/G", loss)
        loss.mean().backward()

    def _d_main(self, source: torch.Generator) -> None:
        """Real and generated pictures in batches of their own, as batch norm wants it."""
        z, c = self._draw(source)
        with torch.no_grad():
            fakes = self.G(z, c)
        losses, waits = [], False
        for kind, images, labels in (("fake", fakes, c), ("real", self._reals, self._real_c)):
            logits = self.D(images, labels)
            loss = objectives.discriminator_loss(logits, self.recipe, kind == "real", source)
            losses.append(loss.mean())
            self.statistics.report(f"loss/D_{kind}", loss)
            scores = objectives.looks_real(logits, self.recipe)
            self.statistics.report(f"scores/{kind}", scores)
            self.statistics.report(f"signs/{kind}", scores.sign())
            waits = waits or (kind == "fake" and objectives.waits(logits, self.recipe))
        if self.recipe.critic:
            # Between a real picture and the drawn one beside it, which must be of the same class.
            if self._real_c is not None:
                with torch.no_grad():
                    fakes = self.G(z, self._real_c)
            critic = functools.partial(self.D, c=self._real_c)
            slope = objectives.gradient_penalty(critic, self._reals, fakes, source)
            self.statistics.report("gp/penalty", slope)
            losses.append(objectives.GRADIENT_PENALTY * slope.mean())
        if self.recipe.skip_above is not None:
            self.statistics.report("D_waits", float(waits))
        if not waits:
            torch.stack(losses).sum().backward()

    @torch.no_grad()
    def scores(
        self, images: torch.Tensor | None, c: torch.Tensor | None, n: int, source: torch.Generator
    ) -> torch.Tensor:
        """As `Trainer.scores`, without dropout and with the running averages of batch norm."""
        if images is None:
            z, c = self._draw(source)
            images = self.G_ema(z, c)
        self.D.eval()
        try:
            return objectives.looks_real(self.D(images, c), self.recipe).flatten()
        finally:
            self.D.train()
