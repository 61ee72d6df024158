"""The length of a run whose time is given: a throw-away trainer's first iterations tell the speed."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time

import torch

from stylegan_pokemon.training.settings.config import D_REG_INTERVAL, G_REG_INTERVAL, TrainingConfig
from stylegan_pokemon.training.systems.trainer import Trainer

TICKS = 12  # of such a run: the frames of its progression, but for the first
LEAST_KIMG = 1.0  # below it nothing can be seen to change


def seconds_per_iteration(trainer: Trainer) -> float:
    """The mean over a cycle of lazy regularisers, from six iterations; the trainer is of no use afterwards.

    Measured are the three kinds of iterations that a cycle has: with all phases, without R1, and without path
    lengths too. The very first one does not count: in it libraries choose their algorithms.
    """

    def timed(index: int) -> float:
        trainer.images_shown = index * trainer.config.batch
        started = time.perf_counter()
        trainer.iteration()
        if trainer.device.type == "cuda":
            torch.cuda.synchronize(trainer.device)
        return time.perf_counter() - started

    timed(0)
    everything, lengths = timed(0), timed(G_REG_INTERVAL)
    main = statistics.mean(timed(index) for index in (1, 2, 3))
    times = D_REG_INTERVAL // G_REG_INTERVAL  # path lengths in a cycle
    return (everything + (times - 1) * lengths + (D_REG_INTERVAL - times) * main) / D_REG_INTERVAL


def fitted(config: TrainingConfig, iteration: float, minutes: float) -> TrainingConfig:
    """The configuration with a length of TICKS equal ticks, of whole iterations, closest to `minutes`.

    iteration: seconds of one. The run is at least LEAST_KIMG long however slow the machine.
    """
    wanted = round(minutes * 60 / iteration / TICKS)
    least = math.ceil(LEAST_KIMG * 1000 / config.batch / TICKS)
    pictures = max(wanted, least) * config.batch
    return dataclasses.replace(config, kimg=TICKS * pictures / 1000, tick_kimg=pictures / 1000)
