"""StyleGAN2-ADA (Karras et al. 2019, 2020): an iteration, from the real pictures to the averaged weights.

Read `StyleGAN2Trainer.iteration` and the four phases after it; then the few lines that they share. `losses`
has the mathematics, `draws` everything random, `lanes` the micro-batches.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from stylegan_pokemon.augment.controller import AdaController
from stylegan_pokemon.augment.parameters import Parameters, draw_parameters
from stylegan_pokemon.augment.pipeline import apply
from stylegan_pokemon.augment.sets import augment_set
from stylegan_pokemon.checkpoint.pickles import augment_pipe
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.devices import is_shortage
from stylegan_pokemon.metrics.sprite import FOREGROUND
from stylegan_pokemon.networks.discriminator import Discriminator, minibatch_group_size
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.layers import recompute_from, store_in_bf16
from stylegan_pokemon.randomness import generator as derived
from stylegan_pokemon.training.settings.config import (
    ADA_CAP,
    ADA_INTERVAL,
    D_REG_INTERVAL,
    G_REG_INTERVAL,
    PL_BATCH_SHRINK,
    PL_DECAY,
    StyleGAN2Config,
)
from stylegan_pokemon.training.systems import losses
from stylegan_pokemon.training.systems.draws import LatentDraw, draw_latents, micro_batches, random_labels
from stylegan_pokemon.training.systems.fallback import change_in_words, next_fallback
from stylegan_pokemon.training.systems.lanes import Lanes, MicroBatch, lane_sizes
from stylegan_pokemon.training.systems.trainer import Batch, Trainer
from stylegan_pokemon.training.systems.updates import adam, update_average

_EDGE = 21  # haze is looked for a 21st of the side, 3 pixels of 64, away from the creature's antialiased edge
_LAYOUT_CELLS = 16  # along a side
_LAYOUT_KIMG = 8.0  # the weight of the layout loss halves in them
_LAYOUT_ENDS = 6  # halvings, after which the loss is left out
_RANK = 0  # of this process; enters all randomness
_LENGTHS = D_REG_INTERVAL // G_REG_INTERVAL  # iterations of a cycle that regularise path lengths


@dataclass(frozen=True)
class Phase:
    """A part of an iteration that updates one network."""

    name: str
    interval: int  # it runs at every interval-th iteration
    network: nn.Module
    optimizer: torch.optim.Optimizer
    accumulate: Callable[[Batch, torch.Generator], None]  # the gradients of `network`


class StyleGAN2Trainer(Trainer):
    """Four phases with lazy regularisation, an averaged generator, adaptive augmentation."""

    # With all four phases; without R1; without path lengths too.
    cycle = MappingProxyType({0: 1, G_REG_INTERVAL: _LENGTHS - 1, 1: D_REG_INTERVAL - _LENGTHS})
    config: StyleGAN2Config
    G: Generator
    D: Discriminator
    G_ema: Generator

    def __init__(
        self,
        config: StyleGAN2Config,
        dataset: SpriteDataset,
        G: Generator,
        D: Discriminator,
        G_ema: Generator,
    ) -> None:
        super().__init__(config, dataset, G, D, G_ema)
        self.opt_G = adam(self.G, config.lr, G_REG_INTERVAL if config.pl_weight else None)
        self.opt_D = adam(self.D, config.lr, D_REG_INTERVAL if config.r1_gamma else None)
        G_, D_ = (self.G, self.opt_G), (self.D, self.opt_D)
        phases = (
            Phase("Gmain", 1, *G_, self._generator_main),
            Phase("Greg", G_REG_INTERVAL, *G_, self._path_length_regularization),
            Phase("Dmain", 1, *D_, self._discriminator_main),
            Phase("Dreg", D_REG_INTERVAL, *D_, self._r1_regularization),
        )
        weights = {"Greg": config.pl_weight, "Dreg": config.r1_gamma}
        self.phases = [phase for phase in phases if weights.get(phase.name, 1)]
        self.pl_mean = torch.zeros([], device=self.device)  # moving mean of path lengths
        self.ada = AdaController(config.ada_target, config.ada_kimg, ADA_INTERVAL, ADA_CAP, config.p)
        self.augmentations = augment_set(config.augpipe)
        self._lanes = Lanes(1, 1)
        self.set_micro_batch(config.batch_gpu, config.recompute)
        self._full_precision = config.precision == "fp32"
        if config.precision == "bf16":
            store_in_bf16(self.G)
            store_in_bf16(self.D)
        sizes = torch.tensor(config.class_sizes, dtype=torch.float32)
        sizes = (sizes > 0).float() if config.balance else sizes
        self._class_frequencies = (sizes / sizes.sum()).to(self.device)
        background = torch.tensor(config.background, dtype=torch.float32)
        self._background = (background / 127.5 - 1).to(self.device)
        self.G_start = copy.deepcopy(self.G_ema) if config.layout_loss else None
        if self.G_start is not None and config.precision == "bf16":
            store_in_bf16(self.G_start)

    def set_micro_batch(self, batch_gpu: int, recompute: int) -> None:
        """Hold `batch_gpu` pictures on the device at once; recompute blocks from a resolution up (0: none).

        Both change results by rounding only, as long as a micro-batch holds a minibatch-std group.
        """
        self.batch_gpu, self.recompute = batch_gpu, recompute
        threads = torch.get_num_threads() if self.device.type == "cpu" else 1
        count, self.micro_batch = lane_sizes(batch_gpu, self._group, threads)
        if self._lanes.count != count:
            self._lanes = Lanes(count, threads)
        for network in (self.G, self.D):
            recompute_from(network, recompute or None)

    # ------------------------------------------------------------ one iteration

    def iteration(self) -> list[str]:
        """Train on the next batch; returns sentences worth showing. Raises NonFiniteError."""
        config, notes = self.config, []
        with self.timed("data"):
            reals = self.next_batch()

        # Update weights: Gmain, Greg, Dmain, Dreg, each with all randomness from a seed of its own.
        index = self.images_shown // config.batch
        for phase in self.phases:
            if index % phase.interval == 0:
                with self.update(phase.name, phase.network, phase.optimizer):
                    notes += self._accumulate_gradients(phase, reals)

        # Update the averaged generator.
        self.images_shown += config.batch
        update_average(self.G_ema, self.G, config, self.images_shown)

        # Adapt the augmentation probability p to r_t, the mean sign of D(real), every few iterations.
        if config.aug == "ada" and (warning := self.ada.end_iteration(config.batch)):
            notes.append(warning)
        return notes

    def _generator_main(self, reals: Batch, rng: torch.Generator) -> None:
        """Maximise log D(G(z)), the non-saturating logistic loss."""
        n, config = len(reals), self.config
        latents, augmentation = self._draw_latents(n, rng), self._draw_augmentation(n, rng)
        layout_weight = self._layout_weight()

        def terms(micro: MicroBatch) -> Iterator[torch.Tensor]:
            own = latents[micro.indices]
            fakes, _ = self._synthesize(self.G, own)
            pictures = Batch(fakes, own.c)
            loss, logits, _ = self._judge(micro, "G", losses.generator_loss, pictures, augmentation)
            micro.report("scores/fake", logits)
            micro.report("signs/fake", logits.sign())
            reach = max(fakes.shape[2] // _EDGE, 1)
            if config.haze_loss:
                haze = losses.haze(fakes, self._background, FOREGROUND, reach)
                micro.report("loss/G_haze", haze)
                loss = loss + config.haze_loss * haze[:, None]
            if layout_weight:
                assert self.G_start is not None
                with torch.no_grad():
                    before, _ = self._synthesize(self.G_start, own)
                layout = losses.layout(fakes, before, self._background, _LAYOUT_CELLS, FOREGROUND, reach)
                micro.report("loss/G_layout", layout)
                loss = loss + layout_weight * layout[:, None]
            yield loss.sum() / n

        self._accumulate(terms, self._micro_batches(self.G, n, self.micro_batch))
        with torch.no_grad():
            self.G.mapping.update_w_avg(self.G.mapping(latents.z, latents.c))

    def _layout_weight(self) -> float:
        """The present weight of the layout loss, which ends at last."""
        halvings = self.images_shown / 1000 / _LAYOUT_KIMG
        return self.config.layout_loss * 0.5**halvings if halvings < _LAYOUT_ENDS else 0.0

    def _path_length_regularization(self, reals: Batch, rng: torch.Generator) -> None:
        """Pull the path lengths |Jᵀ y| of part of the batch to their moving mean."""
        n = max(len(reals) // PL_BATCH_SHRINK, 1)
        latents = self._draw_latents(n, rng)
        y = torch.randn(n, *reals.images.shape[1:], generator=rng).to(self.device)
        micros = self._micro_batches(self.G, n, max(self.micro_batch // PL_BATCH_SHRINK, 1))

        def measure(micro: MicroBatch, differentiable: bool = True) -> torch.Tensor:
            images, ws = self._synthesize(self.G, latents[micro.indices])
            return losses.path_lengths(images, ws, y[micro.indices], differentiable)

        # The moving mean needs all lengths before any gradient; where all micro-batches are in memory at once
        # that costs nothing extra.
        at_once = len(micros) <= self._lanes.count
        measured = self._lanes.map(functools.partial(measure, differentiable=at_once), micros)
        found = dict(zip(micros, measured, strict=True))
        order = torch.argsort(torch.cat([micro.indices for micro in micros])).to(self.device)
        lengths = torch.cat([found[micro].detach() for micro in micros])[order]
        # The moving mean starts at the first lengths. From 0, as in the papers, the penalty would pull all
        # lengths towards 0 for the first thousand iterations: pictures that ignore their latents.
        before = torch.where(self.pl_mean == 0, lengths.mean(), self.pl_mean)
        coefficients, mean, penalty = losses.path_length_coefficients(lengths, before, PL_DECAY)

        def terms(micro: MicroBatch) -> Iterator[torch.Tensor]:
            own = found.pop(micro) if at_once else measure(micro)
            yield (own * coefficients[micro.indices]).sum() * self.config.pl_weight * G_REG_INTERVAL

        self._accumulate(terms, micros)
        self.pl_mean.copy_(mean)
        self.statistics.report("pl/penalty", penalty)
        self.statistics.report("pl/length", lengths)

    def _discriminator_main(self, reals: Batch, rng: torch.Generator) -> None:
        """Minimise the logistic loss on generated and real pictures, one after the other."""
        n, config = len(reals), self.config
        latents = self._draw_latents(n, rng)
        fake_augmentation = self._draw_augmentation(n, rng)
        real_augmentation = self._draw_augmentation(n, rng)

        def terms(micro: MicroBatch) -> Iterator[torch.Tensor]:
            own = latents[micro.indices]
            with torch.no_grad():
                fakes, _ = self._synthesize(self.G, own)
            fake_loss, real_loss = losses.discriminator_fake_loss, losses.discriminator_real_loss
            loss, *_ = self._judge(micro, "D_fake", fake_loss, Batch(fakes, own.c), fake_augmentation)
            yield loss.sum() / n

            real = reals[micro.indices]
            loss, logits, class_logits = self._judge(micro, "D_real", real_loss, real, real_augmentation)
            micro.report("scores/real", logits)
            micro.report("signs/real", logits.sign())
            if config.class_loss:
                assert real.c is not None
                assert class_logits is not None
                labels = real.c.argmax(dim=1)
                of_class = losses.class_loss(class_logits, labels, self._class_frequencies)
                micro.report("loss/D_class", of_class)
                loss = loss + config.class_loss * of_class
            yield loss.sum() / n

        micros = self._micro_batches(self.D, n, self.micro_batch)
        self._accumulate(terms, micros)
        self.ada.record(sum(micro.figures["signs/real"].sum() for micro in micros), n)

    def _r1_regularization(self, reals: Batch, rng: torch.Generator) -> None:
        """R1: penalise the gradient of D on real pictures, through their augmentation."""
        n = len(reals)
        augmentation = self._draw_augmentation(n, rng)

        def terms(micro: MicroBatch) -> Iterator[torch.Tensor]:
            real = reals[micro.indices]
            images = real.images.detach().requires_grad_()
            logits = self.D.logits(self._features(images, augmentation, micro.indices), real.c)
            penalty = losses.r1_penalty(logits, images)
            micro.report("r1/penalty", penalty)
            yield penalty.sum() / n * (self.config.r1_gamma / 2 * D_REG_INTERVAL)

        self._accumulate(terms, self._micro_batches(self.D, n, self.micro_batch))

    # ------------------------------------------------------ what phases share

    def _judge(
        self,
        micro: MicroBatch,
        name: str,
        loss: Callable[[torch.Tensor], torch.Tensor],
        pictures: Batch,
        augmentation: Parameters | None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Augment pictures, ask D, and report the loss of its logits as loss/<name>.

        Returns loss [n, 1], logits [n, 1] and, where a loss needs them, logits with every label [n, c_dim].

        With `uncond_loss` the mean of the logits with every label counts too, a class-agnostic term: a class
        of few pictures teaches little of what a good picture is, and conditional training collapses where
        unconditional does not; all pictures teach it through this term (Shahbazi et al. 2022).
        """
        config = self.config
        features = self._features(pictures.images, augmentation, micro.indices)
        logits, class_logits = self.D.logits(features, pictures.c), None
        if config.uncond_loss or (config.class_loss and name == "D_real"):
            class_logits = self.D.logits_of_classes(features)
        value = loss(logits)
        micro.report(f"loss/{name}", value)
        if config.uncond_loss:
            assert class_logits is not None
            unconditional = loss(class_logits.mean(dim=1, keepdim=True))
            micro.report(f"loss/{name}_uncond", unconditional)
            value = value + config.uncond_loss * unconditional
        return value, logits, class_logits

    def _synthesize(self, G: Generator, latents: LatentDraw) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures [n, C, R, R] and the ws [n, num_ws, w_dim] they come from, with style mixing."""
        ws = G.mapping(latents.z, latents.c)
        if self.config.style_mixing:
            ws = losses.mix_styles(ws, G.mapping(latents.z_other, latents.c), latents.crossover)
        return G.synthesis(ws, noise=latents.noise, force_fp32=self._full_precision), ws

    def _features(
        self, images: torch.Tensor, augmentation: Parameters | None, indices: torch.Tensor
    ) -> torch.Tensor:
        """D's features of augmented pictures; `indices` are those of the pictures in `augmentation`."""
        if augmentation is not None:
            images = apply(images, augmentation[indices], self.G.config.premultiplied)
        return self.D.features(images, force_fp32=self._full_precision)

    def _draw_latents(self, n: int, rng: torch.Generator) -> LatentDraw:
        config, c = self.config, None
        if config.classes:
            assert self.dataset.labels is not None
            c = random_labels(self.dataset.labels, len(config.classes), n, rng, config.balance)
        return draw_latents(self.G, n, rng, c, self.device, config.style_mixing)

    def _draw_augmentation(self, n: int, rng: torch.Generator) -> Parameters | None:
        if self.config.aug == "noaug":
            return None
        return draw_parameters(self.augmentations, self.ada.p, n, self.G.img_resolution, rng)

    # ---------------------------------------------------------- micro-batches

    @property
    def _group(self) -> int:
        """Pictures of a minibatch-std group."""
        return minibatch_group_size(self.config.batch, self.config.discriminator.get("mbstd_group_size"))

    def _micro_batches(self, network: nn.Module, n: int, largest: int) -> list[MicroBatch]:
        parameters = [p for p in network.parameters() if p.requires_grad]
        return [MicroBatch(indices, parameters) for indices in self._indices(n, largest)]

    def _indices(self, n: int, largest: int) -> list[torch.Tensor]:
        return micro_batches(n, largest, self.D.config.mbstd_group_size)

    def _accumulate(
        self, terms: Callable[[MicroBatch], Iterator[torch.Tensor]], micros: list[MicroBatch]
    ) -> None:
        """Add up the gradients of all terms of all micro-batches, in their order, and report their figures.

        A term is differentiated before the next one is computed.
        """

        def differentiate(micro: MicroBatch) -> MicroBatch:
            for term in terms(micro):
                micro.backward(term)
            return micro

        for micro in self._lanes.map(differentiate, micros):
            micro.contribute()
        for micro in micros:
            for name, values in micro.figures.items():
                self.statistics.report(name, values)

    def _accumulate_gradients(self, phase: Phase, reals: Batch) -> list[str]:
        """The gradients of a phase; where memory runs out, again in smaller pieces. Returns notes of that.

        Until all gradients are there a phase changes nothing else, so it can be repeated as if from the
        start, with the same pictures, latents and augmentations.
        """
        notes: list[str] = []
        while True:
            rng = derived(self.config.seed, phase.name, _RANK, self.images_shown, self.retry)
            try:
                phase.accumulate(reals, rng)
                return notes
            except RuntimeError as error:
                batch, held = self.config.batch, (self.batch_gpu, self.recompute)
                step = next_fallback(*held, batch, self._group, self.G.img_resolution)
                if step is None or not is_shortage(error):
                    raise
                change = change_in_words(*held, batch, self._group, step)
                notes.append(f"{phase.name} ran out of memory with {change}")
            # Not while the exception is there, which holds all tensors of the attempt.
            self.set_micro_batch(*step)
            phase.optimizer.zero_grad(set_to_none=True)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    # -------------------------------------------------------------- the protocol

    @torch.no_grad()
    def scores(
        self, images: torch.Tensor | None, c: torch.Tensor | None, n: int, rng: torch.Generator
    ) -> torch.Tensor:
        """As `Trainer.scores`: the logits of one batch as D would see it in training, augmented."""
        latents = self._draw_latents(n, rng) if images is None else None
        augmentation = self._draw_augmentation(n, rng)
        logits = torch.empty(n, device=self.device)
        for indices in self._indices(n, self.batch_gpu):
            if latents is not None:
                own = latents[indices]
                shown, labels = self._synthesize(self.G, own)[0], own.c
            else:
                assert images is not None
                shown, labels = images[indices], None if c is None else c[indices]
            features = self._features(shown, augmentation, indices)
            logits[indices.to(self.device)] = self.D.logits(features, labels).flatten()
        return logits

    def real_loss(self, scores: torch.Tensor) -> torch.Tensor:
        """The logistic loss of real pictures with these logits."""
        return losses.discriminator_real_loss(scores)

    @property
    def p(self) -> float:
        """The present probability of augmentations; 0 without any."""
        return 0.0 if self.config.aug == "noaug" else self.ada.p

    def snapshot_settings(self) -> dict[str, Any]:
        """The augmentation pipeline."""
        if self.config.aug == "noaug":
            return {}
        return {augment_pipe.KEY: augment_pipe.settings_of_set(self.config.augpipe)}

    def counters(self) -> dict[str, Any]:
        """As `Trainer.counters`, with ADA's and how the batch is divided now."""
        divided = {"batch_gpu": self.batch_gpu, "recompute": self.recompute}
        return super().counters() | divided | {"ada": self.ada.state_dict()}

    def load_counters(self, counters: dict[str, Any]) -> None:
        """As `Trainer.load_counters`."""
        super().load_counters(counters)
        self.ada.load_state(counters["ada"])
        self.set_micro_batch(counters["batch_gpu"], counters["recompute"])

    def tensors(self) -> dict[str, torch.Tensor]:
        """The moving mean of path lengths, and the start that the layout loss compares with."""
        start = self.G_start.state_dict() if self.G_start is not None else {}
        return {"pl_mean": self.pl_mean} | {f"G_start.{name}": value for name, value in start.items()}
