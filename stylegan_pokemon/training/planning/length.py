"""The length of a run whose time is given: a throw-away trainer's first iterations tell the speed."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time

import torch

from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.systems.trainer import Trainer

TICKS = 12  # of such a run: the frames of its progression, but for the first
LEAST_KIMG = 1.0  # below it nothing can be seen to change
_TRIALS = 2  # of a kind of iterations


def seconds_per_iteration(trainer: Trainer) -> float:
    """The mean over a cycle of the trainer, whose kinds of iterations are timed; it is of no use afterwards.

    The very first iteration does not count: in it libraries choose their algorithms.
    """

    def timed(index: int) -> float:
        trainer.images_shown = index * trainer.config.batch
        started = time.perf_counter()
        trainer.iteration()
        if trainer.device.type == "cuda":
            torch.cuda.synchronize(trainer.device)
        return time.perf_counter() - started

    timed(0)
    total = 0.0
    for index, times in trainer.cycle.items():
        total += times * statistics.mean(timed(index) for _ in range(min(times, _TRIALS)))
    return total / sum(trainer.cycle.values())


def fitted(config: TrainingConfig, iteration: float, minutes: float) -> TrainingConfig:
    """The configuration with a length of TICKS equal ticks, of whole iterations, closest to `minutes`.

    iteration: seconds of one. The run is at least LEAST_KIMG long however slow the machine.
    """
    wanted = round(minutes * 60 / iteration / TICKS)
    least = math.ceil(LEAST_KIMG * 1000 / config.batch / TICKS)
    pictures = max(wanted, least) * config.batch
    return dataclasses.replace(config, kimg=TICKS * pictures / 1000, tick_kimg=pictures / 1000)
