"""One iteration of StyleGAN2-ADA: four phases, the averaged generator, the augmentation strength.

The trainer knows nothing of files, ticks or consoles; `loop` drives it.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn

from stylegan_pokemon.augment.controller import AdaController
from stylegan_pokemon.augment.parameters import Parameters, draw_parameters
from stylegan_pokemon.augment.pipeline import apply
from stylegan_pokemon.augment.sets import augment_set
from stylegan_pokemon.data.dataset import SpriteDataset, to_unit_range
from stylegan_pokemon.data.sampler import balanced_items, batch_items, mirrored_items
from stylegan_pokemon.devices import is_shortage
from stylegan_pokemon.metrics.sprite import FOREGROUND
from stylegan_pokemon.networks.discriminator import Discriminator, minibatch_group_size
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.layers import recompute_from, store_in_bf16
from stylegan_pokemon.randomness import generator as derived
from stylegan_pokemon.training import losses
from stylegan_pokemon.training.config import (
    ADA_CAP,
    ADA_INTERVAL,
    D_REG_INTERVAL,
    G_REG_INTERVAL,
    PL_BATCH_SHRINK,
    PL_DECAY,
    TrainingConfig,
)
from stylegan_pokemon.training.draws import (
    LatentDraw,
    draw_latents,
    micro_batches,
    random_labels,
)
from stylegan_pokemon.training.lanes import Lanes, Micro, lane_sizes
from stylegan_pokemon.training.shortage import change_in_words, remember, thriftier
from stylegan_pokemon.training.statistics import Statistics
from stylegan_pokemon.training.traces import Recorder
from stylegan_pokemon.training.updates import adam, update_average

_SIGNS = "signs/real"  # of D's logits of real pictures: ADA's r_t is their mean
_AWAY = 21  # a 21st of the side, 3 pixels of 64, from the creature: beyond its antialiased edge
_RANK = 0  # of this process; enters all randomness
_GRADIENT_BOUND = 1e5  # of single entries in half precision


class NonFiniteError(Exception):
    """A loss or gradient became NaN or infinite; the weights were not touched by it."""


@dataclass(frozen=True)
class Phase:
    """A part of an iteration that updates one network."""

    name: str
    interval: int  # it runs at every interval-th iteration
    loss: Callable[[torch.Generator], None]  # accumulates gradients


class Trainer:
    """Networks, optimisers and ADA of a run; `iteration` moves them by one batch.

    Everything it does is a function of the configuration, of `images_shown`, of `retry` and of the tensors
    that `training.state` saves.
    """

    def __init__(
        self, config: TrainingConfig, dataset: SpriteDataset, G: Generator, D: Discriminator, G_ema: Generator
    ) -> None:
        self.config, self.dataset = config, dataset
        self.device = torch.device(config.device)
        if next(G.parameters()).device != self.device:
            G, D, G_ema = (m.to(self.device) for m in (G, D, G_ema))
        self.G, self.D, self.G_ema = G, D, G_ema
        self.G.train().requires_grad_(False)
        self.D.train().requires_grad_(False)
        self.G_ema.eval().requires_grad_(False)
        self.opt_G, self.opt_D = self._optimizers()
        self.pl_mean = torch.zeros([], device=self.device)
        self.ada = AdaController(config.ada_target, config.ada_kimg, ADA_INTERVAL, ADA_CAP, config.p)
        self.augset = augment_set(config.augpipe)
        self.images_shown = 0
        self._lanes = Lanes(1, 1)
        self.divide(config.batch_gpu, config.recompute)
        self._notes: list[str] = []
        self.retry = 0  # failures since the last good state; enters the randomness, else they would recur
        self.statistics = Statistics()
        self.recorder = Recorder(self.statistics)
        self.phase_seconds: dict[str, float] = {}
        self.half = config.precision == "fp16"
        self.full = config.precision == "fp32"
        if config.precision == "bf16":
            store_in_bf16(self.G)
            store_in_bf16(self.D)
        self.phases = self._phases()
        self._reals = torch.empty(0)
        self._real_c: torch.Tensor | None = None
        sizes = torch.tensor(config.class_sizes, dtype=torch.float32)
        sizes = (sizes > 0).float() if config.balance else sizes
        background = torch.tensor(config.background, dtype=torch.float32)
        self._background = (background / 127.5 - 1).to(self.device)
        self._frequencies = (sizes / sizes.sum()).to(self.device)  # of the classes in training

    def _optimizers(self) -> tuple[torch.optim.Adam, torch.optim.Adam]:
        config = self.config
        return (
            adam(self.G, config.lr, G_REG_INTERVAL if config.pl_weight else None),
            adam(self.D, config.lr, D_REG_INTERVAL if config.r1_gamma else None),
        )

    def _phases(self) -> list[Phase]:
        return [
            Phase("Gmain", 1, self._g_main),
            *([Phase("Greg", G_REG_INTERVAL, self._g_reg)] if self.config.pl_weight else []),
            Phase("Dmain", 1, self._d_main),
            *([Phase("Dreg", D_REG_INTERVAL, self._d_reg)] if self.config.r1_gamma else []),
        ]

    @property
    def p(self) -> float:
        """The present probability of augmentations; 0 without any."""
        return 0.0 if self.config.aug == "noaug" else self.ada.p

    def divide(self, batch_gpu: int, recompute: int) -> None:
        """Hold `batch_gpu` pictures on the device at once; recompute blocks from a resolution up (0: none).

        Both change results by rounding only, as long as a micro-batch holds a minibatch-std group.
        """
        self.batch_gpu, self.recompute = batch_gpu, recompute
        group = minibatch_group_size(self.config.batch, self.config.discriminator.get("mbstd_group_size"))
        threads = torch.get_num_threads() if self.device.type == "cpu" else 1
        count, self._micro = lane_sizes(batch_gpu, group, threads)
        if self._lanes.count != count:
            self._lanes = Lanes(count, threads)
        for network in (self.G, self.D):
            recompute_from(network, recompute or None)

    def iteration(self) -> str | None:
        """Train on the next batch; returns a warning worth showing, or None. Raises NonFiniteError."""
        config = self.config
        index = self.images_shown // config.batch
        started = time.perf_counter()
        self.recorder.begin()
        self.fetch_reals()
        self.phase_seconds["data"] = self.phase_seconds.get("data", 0.0) + time.perf_counter() - started
        for phase in self.phases:
            if index % phase.interval == 0:
                self._run(phase)
        self.images_shown += config.batch
        update_average(self.G_ema, self.G, self.config, self.images_shown)
        self.recorder.end(self.images_shown, self.p)
        warning = self.ada.end_iteration(config.batch) if config.aug == "ada" else None
        warnings = [*self._notes, *([warning] if warning else [])]
        self._notes.clear()
        return "; ".join(warnings) or None

    def fetch_reals(self) -> None:
        """Put the next batch of pictures, and their labels, onto the device."""
        pictures = len(self.dataset)
        count = pictures * (2 if self.config.mirror else 1)
        if self.config.balance:
            assert self.dataset.labels is not None
            labels, mirror = self.dataset.labels.numpy(), self.config.mirror
            items = balanced_items(self.config.seed, self.images_shown, self.config.batch, labels, mirror)
        else:
            items = batch_items(self.config.seed, self.images_shown, self.config.batch, count)
        indices, mirrored = mirrored_items(items, pictures)
        self._reals = to_unit_range(self.dataset.images(indices), mirrored, self.device)
        self._real_c = self.dataset.one_hot(indices).to(self.device) if self.config.classes else None

    def _run(self, phase: Phase) -> None:
        started = time.perf_counter()
        network, optimizer = (self.G, self.opt_G) if phase.name[0] == "G" else (self.D, self.opt_D)
        # Accumulate gradients over the micro-batches, smaller ones if memory is short.
        network.requires_grad_(True)
        try:
            restore = remember(self.ada, self.statistics, tensors=tuple(self.G.mapping.buffers()))
            while not self._accumulated(phase):
                optimizer.zero_grad(set_to_none=True)
                restore()
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
        finally:
            network.requires_grad_(False)
        # Update weights, unless a gradient is not finite.
        try:
            self._check_gradients(phase.name, network.parameters())
        except NonFiniteError:
            optimizer.zero_grad(set_to_none=True)
            raise
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)  # the other network's phases need the memory
        self.phase_seconds[phase.name] = self.phase_seconds.get(phase.name, 0) + time.perf_counter() - started

    def _accumulated(self, phase: Phase) -> bool:
        """Run a phase up to its gradients; False, with a thriftier way set, when memory ran out."""
        source = derived(self.config.seed, phase.name, _RANK, self.images_shown, self.retry)
        try:
            phase.loss(source)
        except RuntimeError as error:
            group = minibatch_group_size(self.config.batch, self.D.config.mbstd_group_size)
            size = (self.config.batch, group, self.G.img_resolution)
            step = thriftier(self.batch_gpu, self.recompute, *size) if is_shortage(error) else None
            if step is None:
                raise
            held = change_in_words(self.batch_gpu, self.recompute, self.config.batch, group, step)
            self._notes.append(f"{phase.name} ran out of memory with {held}")
            self.divide(*step)
            return False
        return True

    def _check_gradients(self, name: str, parameters: Iterable[nn.Parameter]) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        if self.half:
            # Half precision overflows now and then by design: infinities are bounded. NaN stays, and fails.
            for gradient in gradients:
                gradient.clamp_(-_GRADIENT_BOUND, _GRADIENT_BOUND)
        norm = torch.nn.utils.get_total_norm(gradients)
        if not torch.isfinite(norm):
            raise NonFiniteError(f"the gradients of {name} are not finite")
        self.statistics.report(f"grad_norm/{name}", norm)

    # ------------------------------------------------------------------ phases

    def _g_main(self, source: torch.Generator) -> None:
        """Maximise log σ(D(G(z)))."""
        n = self.config.batch
        latents, augmentation = self._latents(n, source), self._augmentation(n, source)
        with torch.no_grad():
            self.G.mapping.update_w_avg(self.G.mapping(latents.z, latents.c))

        def step(micro: Micro) -> None:
            own = latents.part(micro.part)
            images = self._synthesize(own)[0]
            features = self._features(images, augmentation, micro.part)
            logits = self.D.logits(features, own.c)
            loss = losses.generator_loss(logits)
            micro.report("loss/G", loss)
            micro.report("scores/fake", logits)
            micro.report("signs/fake", logits.sign())
            classes = self._class_logits(features, self.config.uncond_loss)
            loss = loss + self._whatever_class(micro, "G", losses.generator_loss, classes)
            if self.config.haze_loss:
                veil = losses.haze(images, self._background, FOREGROUND, max(images.shape[2] // _AWAY, 1))
                micro.report("loss/G_haze", veil)
                loss = loss + self.config.haze_loss * veil[:, None]
            micro.backward(loss.sum() / n)

        self._accumulate(self.G, step, n)

    def _g_reg(self, source: torch.Generator) -> None:
        """Path-length regularisation on part of the batch."""
        n = max(self.config.batch // PL_BATCH_SHRINK, 1)
        latents = self._latents(n, source)
        shape = (n, self.G.img_channels, self.G.img_resolution, self.G.img_resolution)
        direction = torch.randn(shape, generator=source).to(self.device)
        micros = self._micros(self.G, n, max(self._micro // PL_BATCH_SHRINK, 1))
        found: dict[Micro, torch.Tensor] = {}

        def measure(micro: Micro, differentiable: bool = True) -> None:
            images, ws = self._synthesize(latents.part(micro.part))
            found[micro] = losses.path_lengths(images, ws, direction[micro.part], differentiable)

        # The moving mean needs all lengths before any gradient; where all micro-batches are in memory at once
        # that costs nothing extra.
        at_once = len(micros) <= self._lanes.count
        for _ in self._lanes.run(functools.partial(measure, differentiable=at_once), micros):
            pass
        order = torch.argsort(torch.cat([micro.part for micro in micros])).to(self.device)
        lengths = torch.cat([found[micro].detach() for micro in micros])[order]
        # The moving mean starts at the first lengths. From 0, as in the papers, the penalty would pull all
        # lengths towards 0 for the first thousand iterations: pictures that ignore their latents.
        before = torch.where(self.pl_mean == 0, lengths.detach().mean(), self.pl_mean)
        coefficients, mean, penalty = losses.path_length_coefficients(lengths, before, PL_DECAY)
        self.statistics.report("pl/penalty", penalty)
        self.statistics.report("pl/length", lengths)

        def step(micro: Micro) -> None:
            if not at_once:
                measure(micro)
            penalty = (found.pop(micro) * coefficients[micro.part]).sum()
            micro.backward(penalty * self.config.pl_weight * G_REG_INTERVAL)

        self._contribute(step, micros)
        self.pl_mean.copy_(mean)

    def _d_main(self, source: torch.Generator) -> None:
        """Minimise the logistic loss on generated and real pictures."""
        n = self.config.batch
        latents = self._latents(n, source)
        fake_augmentation, real_augmentation = self._augmentation(n, source), self._augmentation(n, source)

        def step(micro: Micro) -> None:
            part = micro.part
            own = latents.part(part)
            with torch.no_grad():
                fakes = self._synthesize(own)[0]
            features = self._features(fakes, fake_augmentation, part)
            loss = losses.discriminator_fake_loss(self.D.logits(features, own.c))
            micro.report("loss/D_fake", loss)
            classes = self._class_logits(features, self.config.uncond_loss)
            loss = loss + self._whatever_class(micro, "D_fake", losses.discriminator_fake_loss, classes)
            micro.backward(loss.sum() / n)
            features = self._features(self._reals[part], real_augmentation, part)
            logits = self.D.logits(features, self._c(part))
            loss = losses.discriminator_real_loss(logits)
            micro.report("loss/D_real", loss)
            micro.report("scores/real", logits)
            micro.report(_SIGNS, logits.sign())
            classes = self._class_logits(features, self.config.uncond_loss, self.config.class_loss)
            loss = loss + self._whatever_class(micro, "D_real", losses.discriminator_real_loss, classes)
            if self.config.class_loss:
                assert self._real_c is not None
                assert classes is not None
                told = losses.class_loss(classes, self._real_c[part].argmax(dim=1), self._frequencies)
                micro.report("loss/D_class", told)
                loss = loss + self.config.class_loss * told
            micro.backward(loss.sum() / n)

        self._accumulate(self.D, step, n)

    def _d_reg(self, source: torch.Generator) -> None:
        """R1: penalise the gradient of D on real pictures, through their augmentation."""
        n = self.config.batch
        augmentation = self._augmentation(n, source)

        def step(micro: Micro) -> None:
            reals = self._reals[micro.part].detach().requires_grad_()
            logits = self._logits(reals, self._c(micro.part), augmentation, micro.part)
            penalty = losses.r1_penalty(logits, reals)
            micro.report("r1/penalty", penalty)
            micro.backward(penalty.sum() / n * (self.config.r1_gamma / 2 * D_REG_INTERVAL))

        self._accumulate(self.D, step, n)

    # ----------------------------------------------------------------- helpers

    def _class_logits(self, features: torch.Tensor, *weights: float) -> torch.Tensor | None:
        """Logits [N, c_dim] with every label in turn; None where the losses that need them weigh nothing."""
        return self.D.logits_of_classes(features) if any(weights) else None

    def _whatever_class(
        self,
        micro: Micro,
        name: str,
        loss: Callable[[torch.Tensor], torch.Tensor],
        classes: torch.Tensor | None,
    ) -> torch.Tensor | float:
        """The weighted loss, per picture, of logits that know of no classes; 0 where it does not count.

        A class of few pictures teaches little of what a good picture is, and conditional training collapses
        where unconditional does not; all pictures teach it through this term (Shahbazi et al. 2022).
        """
        if not self.config.uncond_loss:
            return 0.0
        assert classes is not None
        told = loss(classes.mean(dim=1, keepdim=True))
        micro.report(f"loss/{name}_uncond", told)
        return self.config.uncond_loss * told

    @torch.no_grad()
    def scores(
        self, images: torch.Tensor | None, c: torch.Tensor | None, n: int, source: torch.Generator
    ) -> torch.Tensor:
        """What D says, [n], of one batch as it would see it in training: augmented, and changing nothing.

        images: [n, C, R, R] in [−1, 1] with labels c [n, c_dim]; None for n newly generated ones.
        """
        latents = self._latents(n, source) if images is None else None
        augmentation = self._augmentation(n, source)
        logits = torch.empty(n, device=self.device)
        for part in self._parts(n, self.batch_gpu):
            if latents is not None:
                own = latents.part(part)
                shown, labels = self._synthesize(own)[0], own.c
            else:
                assert images is not None
                shown, labels = images[part], None if c is None else c[part]
            logits[part.to(self.device)] = self._logits(shown, labels, augmentation, part).flatten()
        return logits

    def _latents(self, n: int, source: torch.Generator) -> LatentDraw:
        c = None
        if self.config.classes:
            assert self.dataset.labels is not None
            c = random_labels(self.dataset.labels, len(self.config.classes), n, source, self.config.balance)
        return draw_latents(self.G, n, source, c, self.device, self.config.style_mixing)

    def _augmentation(self, n: int, source: torch.Generator) -> Parameters | None:
        if self.config.aug == "noaug":
            return None
        return draw_parameters(self.augset, self.ada.p, n, self.G.img_resolution, source)

    def _micros(self, network: nn.Module, n: int, largest: int) -> list[Micro]:
        parameters = [p for p in network.parameters() if p.requires_grad]
        return [Micro(part, parameters) for part in self._parts(n, largest)]

    def _accumulate(self, network: nn.Module, step: Callable[[Micro], None], n: int) -> None:
        """Run `step` for every micro-batch of n pictures; gradients and figures are added in their order."""
        self._contribute(step, self._micros(network, n, self._micro))

    def _contribute(self, step: Callable[[Micro], None], micros: list[Micro]) -> None:
        for micro in self._lanes.run(step, micros):
            micro.contribute()
            for name, values in micro.reports:
                self.statistics.report(name, values)
                if name == _SIGNS:
                    self.ada.record(values.sum(), values.numel())

    def _parts(self, n: int, largest: int) -> list[torch.Tensor]:
        return micro_batches(n, largest, self.D.config.mbstd_group_size)

    def _c(self, part: torch.Tensor) -> torch.Tensor | None:
        return None if self._real_c is None else self._real_c[part]

    def _synthesize(self, latents: LatentDraw) -> tuple[torch.Tensor, torch.Tensor]:
        ws = self.G.mapping(latents.z, latents.c)
        if self.config.style_mixing:
            other = self.G.mapping(latents.z_other, latents.c)
            ws = losses.mix_styles(ws, other, latents.crossover)
        images = self.G.synthesis(ws, noise=latents.noise, force_fp32=self.full)
        return images, ws

    def _logits(
        self,
        images: torch.Tensor,
        c: torch.Tensor | None,
        augmentation: Parameters | None,
        part: torch.Tensor,
    ) -> torch.Tensor:
        return self.D.logits(self._features(images, augmentation, part), c)

    def _features(
        self, images: torch.Tensor, augmentation: Parameters | None, part: torch.Tensor
    ) -> torch.Tensor:
        if augmentation is not None:
            images = apply(images, augmentation[part])
        return self.D.features(images, force_fp32=self.full)
