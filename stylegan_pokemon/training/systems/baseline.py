"""Training a baseline system: its recipe's objective and optimiser, whole batches, no augmentation."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import torch

from stylegan_pokemon.baselines import objectives
from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.progan import Progressive, faded
from stylegan_pokemon.baselines.recipes import stage_of
from stylegan_pokemon.checkpoint.networks import AnyDiscriminator, AnyGenerator
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.randomness import generator as derived
from stylegan_pokemon.training.settings.config import BaselineRunConfig
from stylegan_pokemon.training.systems.draws import random_labels
from stylegan_pokemon.training.systems.trainer import Batch, Trainer


class BaselineTrainer(Trainer):
    """One step of the discriminator, then one of the generator; no average: G_ema is G."""

    config: BaselineRunConfig

    def __init__(
        self,
        config: BaselineRunConfig,
        dataset: SpriteDataset,
        G: AnyGenerator,
        D: AnyDiscriminator,
        G_ema: AnyGenerator,
    ) -> None:
        super().__init__(config, dataset, G, D, G_ema)
        self.recipe = recipe = BaselineConfig.from_json(config.generator).recipe
        if config.device == "cpu":  # where all of them are a fifth faster in this memory format
            for network in (self.G, self.D):
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.opt_G = torch.optim.Adam(self.G.parameters(), config.lr, recipe.betas)
        self.opt_D = torch.optim.Adam(
            self.D.parameters(), config.lr * recipe.lr_D / recipe.lr_G, recipe.betas
        )

    def iteration(self) -> list[str]:
        """Train on the next batch. Raises NonFiniteError."""
        with self.timed("data"):
            reals = self.next_batch()
            if self.recipe.family == "progan":
                reals = self._grow(reals)
        with self.update("Dmain", self.D, self.opt_D), self._random("Dmain") as rng:
            self._discriminator_gradients(reals, rng)
        with self.update("Gmain", self.G, self.opt_G), self._random("Gmain") as rng:
            self._generator_gradients(rng)
        self.images_shown += self.config.batch
        self.G_ema.load_state_dict(self.G.state_dict())
        return []

    def _grow(self, reals: Batch) -> Batch:
        """Progressive growing: bring both networks, and the real pictures, to the present stage."""
        stage = stage_of(self.images_shown, self.config.stage_kimg, self.config.img_resolution)
        for network in (self.G.synthesis, self.D):
            assert isinstance(network, Progressive)
            network.grow_to(stage)
        return Batch(faded(reals.images, stage), reals.c)

    def _discriminator_gradients(self, reals: Batch, rng: torch.Generator) -> None:
        """Real and generated pictures in batches of their own, as batch norm wants it."""
        z, c = self._draw(rng)
        with torch.no_grad():
            fakes = self.G(z, c)
        losses, waits = [], False
        for kind, images, labels in (("fake", fakes, c), ("real", reals.images, reals.c)):
            logits = self.D(images, labels)
            loss = objectives.discriminator_loss(logits, self.recipe, kind == "real", rng)
            losses.append(loss.mean())
            self.statistics.report(f"loss/D_{kind}", loss)
            scores = objectives.looks_real(logits, self.recipe)
            self.statistics.report(f"scores/{kind}", scores)
            self.statistics.report(f"signs/{kind}", scores.sign())
            waits = waits or (kind == "fake" and objectives.waits(logits, self.recipe))
        if self.recipe.critic:
            # Between a real picture and the generated one beside it, which must be of the same class.
            if reals.c is not None:
                with torch.no_grad():
                    fakes = self.G(z, reals.c)
            critic = functools.partial(self.D, c=reals.c)
            penalty = objectives.gradient_penalty(critic, reals.images, fakes, rng)
            self.statistics.report("gp/penalty", penalty)
            losses.append(objectives.GRADIENT_PENALTY * penalty.mean())
        if self.recipe.skip_above is not None:
            self.statistics.report("D_waits", float(waits))
        if not waits:
            torch.stack(losses).sum().backward()

    def _generator_gradients(self, rng: torch.Generator) -> None:
        z, c = self._draw(rng)
        loss = objectives.generator_loss(self.D(self.G(z, c), c), self.recipe)
        self.statistics.report("loss/G", loss)
        loss.mean().backward()

    def _draw(self, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor | None]:
        """z [N, z_dim] and labels [N, c_dim] of generated pictures."""
        n = self.config.batch
        z = torch.randn(n, self.G.z_dim, generator=rng).to(self.device)
        if not self.config.classes:
            return z, None
        assert self.dataset.labels is not None
        c = random_labels(self.dataset.labels, len(self.config.classes), n, rng, self.config.balance)
        return z, c.to(self.device)

    @contextlib.contextmanager
    def _random(self, phase: str) -> Iterator[torch.Generator]:
        """A phase's generator. Dropout draws from PyTorch's own: its seed is derived too, and put back after.

        With `--precision bf16` layers work in it; what networks return is handed on as float32.
        """
        seed, place = self.config.seed, (self.images_shown, self.retry)
        cards = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cards), self._cast():
            torch.manual_seed(derive_seed(seed, f"{phase} dropout", *place))
            yield derived(seed, phase, 0, *place)

    def _cast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16")

    @torch.no_grad()
    def scores(
        self, images: torch.Tensor | None, c: torch.Tensor | None, n: int, rng: torch.Generator
    ) -> torch.Tensor:
        """As `Trainer.scores`, without dropout and with the running averages of batch norm."""
        if images is None:
            z, c = self._draw(rng)
            images = self.G_ema(z, c)
        self.D.eval()
        try:
            return objectives.looks_real(self.D(images, c), self.recipe).flatten()
        finally:
            self.D.train()
