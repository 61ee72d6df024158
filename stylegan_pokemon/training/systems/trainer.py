"""The protocol of training: what every system's trainer does and has, and what they share.

A trainer holds the networks, optimisers and counters of one run and moves them by one batch at a time. It
knows nothing of files, ticks or consoles: `loop` drives it, `run_dir` writes down what it has become. What
is asked of a system before a run begins is in `registry`.
"""

from __future__ import annotations

import abc
import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from stylegan_pokemon.checkpoint.networks import AnyDiscriminator, AnyGenerator
from stylegan_pokemon.data.dataset import SpriteDataset, to_unit_range
from stylegan_pokemon.data.sampler import balanced_items, batch_items, mirrored_items
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.systems.statistics import Statistics

_GRADIENT_BOUND = 1e5  # of single entries in half precision


class NonFiniteError(Exception):
    """A loss or gradient became NaN or infinite; the weights were not touched by it."""


@dataclass(frozen=True)
class Batch:
    """Pictures and their labels, on the device."""

    images: torch.Tensor  # [N, C, R, R] in [−1, 1]
    c: torch.Tensor | None  # [N, c_dim], one-hot; None without classes

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, indices: torch.Tensor) -> Batch:
        """Some of the pictures."""
        return Batch(self.images[indices], None if self.c is None else self.c[indices])


class Trainer(abc.ABC):
    """The networks of a run and how one batch moves them. A system implements `iteration` and `scores`.

    Everything a trainer does is a function of the configuration, of `images_shown`, of `retry`, and of the
    networks, optimisers, `counters` and `tensors` that a state saves.
    """

    opt_G: torch.optim.Adam
    opt_D: torch.optim.Adam
    cycle: Mapping[int, int] = {0: 1}
    """Iterations, counted from 0, of which one stands for each kind, and how many of a cycle are like it."""

    def __init__(
        self,
        config: TrainingConfig,
        dataset: SpriteDataset,
        G: AnyGenerator,
        D: AnyDiscriminator,
        G_ema: AnyGenerator,
    ) -> None:
        self.config, self.dataset = config, dataset
        self.device = torch.device(config.device)
        if next(G.parameters()).device != self.device:
            for network in (G, D, G_ema):
                network.to(self.device)
        self.G, self.D, self.G_ema = G, D, G_ema
        self.G.train().requires_grad_(False)
        self.D.train().requires_grad_(False)
        self.G_ema.eval().requires_grad_(False)
        self.half = config.precision == "fp16"
        self.starts_whole = False  # whether the checkpoint gave all of the networks
        self.images_shown = 0
        self.retry = 0  # failures since the last good state; enters the randomness, else they would recur
        self.statistics = Statistics()
        self.phase_seconds: dict[str, float] = {}

    # ------------------------------------------------------------- the protocol

    @abc.abstractmethod
    def iteration(self) -> list[str]:
        """Train on the next batch; returns sentences worth showing. Raises NonFiniteError.

        Losses, scores and signs of D enter `statistics`, at least "loss/G", "loss/D_fake",
        "loss/D_real" and "signs/real".
        """

    @abc.abstractmethod
    def scores(
        self, images: torch.Tensor | None, c: torch.Tensor | None, n: int, rng: torch.Generator
    ) -> torch.Tensor:
        """How real D takes n pictures to be, [n], positive for real; changes nothing.

        images: [n, C, R, R] in [−1, 1] with labels c [n, c_dim]; None for n newly generated ones.
        """

    def real_loss(self, scores: torch.Tensor) -> torch.Tensor | None:
        """D's loss on real pictures with these scores; None where it is no function of them."""
        return None

    @property
    def p(self) -> float:
        """The present probability of augmentations; 0 without any."""
        return 0.0

    def snapshot_settings(self) -> dict[str, Any]:
        """What a snapshot says of training beside what all of them say, as plain JSON."""
        return {}

    def counters(self) -> dict[str, Any]:
        """What a state saves beside tensors, as values that survive JSON exactly."""
        return {
            "images_shown": self.images_shown,
            "retry": self.retry,
            "statistics": self.statistics.state_dict(),
            "phase_seconds": self.phase_seconds,
        }

    def load_counters(self, counters: dict[str, Any]) -> None:
        """Continue from what `counters` returned."""
        self.images_shown, self.retry = counters["images_shown"], counters["retry"]
        self.statistics.load_state(counters["statistics"])
        self.phase_seconds = dict(counters["phase_seconds"])

    def tensors(self) -> dict[str, torch.Tensor]:
        """What a state saves beside networks and optimisers, by name; loaded in place."""
        return {}

    # ----------------------------------------------------- what iterations share

    def next_batch(self) -> Batch:
        """The real pictures that follow after `images_shown`."""
        config, pictures = self.config, len(self.dataset)
        if config.balance:
            assert self.dataset.labels is not None
            labels = self.dataset.labels.numpy()
            items = balanced_items(config.seed, self.images_shown, config.batch, labels, config.mirror)
        else:
            count = pictures * (2 if config.mirror else 1)
            items = batch_items(config.seed, self.images_shown, config.batch, count)
        indices, mirrored = mirrored_items(items, pictures)
        images = to_unit_range(self.dataset.images(indices), mirrored, self.device)
        return Batch(images, self.dataset.one_hot(indices).to(self.device) if config.classes else None)

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds of the body to those of a phase."""
        started = time.perf_counter()
        yield
        self.phase_seconds[name] = self.phase_seconds.get(name, 0.0) + time.perf_counter() - started

    @contextlib.contextmanager
    def update(self, name: str, network: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
        """The body accumulates gradients of `network`; afterwards the optimiser steps.

        Raises NonFiniteError, without a step, when a gradient is not finite.
        """
        with self.timed(name):
            network.requires_grad_(True)
            try:
                yield
            finally:
                network.requires_grad_(False)
            try:
                self._check_gradients(name, network.parameters())
                optimizer.step()
            finally:
                optimizer.zero_grad(set_to_none=True)  # the other network's phases need the memory

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
