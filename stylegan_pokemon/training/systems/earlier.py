"""Training the systems of earlier projects (`--arch`) in the harness of StyleGAN2's runs."""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator

import torch

from stylegan_pokemon.baselines import objectives
from stylegan_pokemon.baselines.build import build_discriminator, build_generator
from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.progan import Progressive, faded
from stylegan_pokemon.baselines.recipes import stage_of, stages
from stylegan_pokemon.checkpoint.networks import AnyDiscriminator, AnyGenerator
from stylegan_pokemon.data.dataset import DatasetFacts, SpriteDataset
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.randomness import generator as derived
from stylegan_pokemon.training.settings.config import FRESH, EarlierConfig, TrainingConfig
from stylegan_pokemon.training.settings.options import Options
from stylegan_pokemon.training.settings.resolve import recorded
from stylegan_pokemon.training.systems.draws import random_labels
from stylegan_pokemon.training.systems.stylegan2 import Phase, Trainer


def size_on_load(options: Options) -> Callable[[int], int]:
    """From the resolution of a zip to the one that a system draws. Raises UserError as `Recipe.size` does."""
    return lambda resolution: options.recipe.size(resolution, options.size)


def resolve_earlier(options: Options, facts: DatasetFacts, device: str, precision: str) -> EarlierConfig:
    """The configuration of a run of `options.arch`; `precision` is "fp32" or "bf16"."""
    recipe = options.recipe
    network = BaselineConfig(
        recipe.name, facts.resolution, facts.channels, len(facts.classes) if options.cond else 0
    )
    phases = stages(facts.resolution) if recipe.family == "progan" else 1
    return EarlierConfig(**(
        recorded(EarlierConfig, options, facts, device, precision)
        | {
            "start": FRESH,
            "start_sha256": None,
            "batch": options.batch or recipe.batch,
            "lr": options.lr or recipe.lr_G,
            "generator": network.to_json(),
            "discriminator": network.to_json() | {"spectral_norm": options.spectral_norm},
            "stage_kimg": options.kimg / phases,
        }
    ))  # fmt: skip


def earlier_networks(config: TrainingConfig) -> tuple[AnyGenerator, AnyDiscriminator, AnyGenerator]:
    """Fresh G, D and G_ema on the CPU; their weights depend on the run's seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, "weights"))
        G = build_generator(BaselineConfig.from_json(config.generator))
        D = build_discriminator(BaselineConfig.from_json(config.discriminator))
    return G, D, copy.deepcopy(G)


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
