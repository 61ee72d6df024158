"""The checkpoint that a new run starts from: the one of --resume, the embedded one, or none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stylegan_pokemon.checkpoint import Networks, load
from stylegan_pokemon.checkpoint.zoo import embedded_checkpoint
from stylegan_pokemon.data.dataset import DatasetFacts
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import sha256_of
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.training.settings.options import Options
from stylegan_pokemon.training.settings.resolve import Start, resolve

Echo = Callable[[str], None]


@dataclass(frozen=True)
class Checkpoint:
    """Loaded networks, and what a configuration depends on."""

    networks: Networks
    start: Start

    def saw(self, heldout: float, seed: int, data: Path) -> bool:
        """Whether it was trained on the same set with another part, or none, held out."""
        its = self.networks.config
        same = its.get("data") == data.name
        return bool(heldout) and same and (its.get("holdout"), its.get("seed")) != (heldout, seed)


def read_checkpoint(path: Path) -> Checkpoint:
    """Load a checkpoint. Raises UserError for a folder, a baseline system's, or one without a generator."""
    if path.is_dir():
        raise UserError(
            f"--resume {path} is a folder without config.json; name a network file or a run directory"
        )
    networks = load(path)
    if arch := networks.baseline:
        raise UserError(
            f"--resume {path} holds a {arch}, from which no training can start; continue its run directory,"
            f" or start afresh with --arch {arch}"
        )
    generator = networks.G_ema or networks.G
    if not isinstance(generator, Generator):
        raise UserError(f"--resume {path} holds no generator; name a file with G or G_ema")
    digest = sha256_of(path)
    discriminator = networks.D.config if isinstance(networks.D, Discriminator) else None
    classes, sizes = (tuple(networks.config.get(key) or ()) for key in ("classes", "class_sizes"))
    start = Start(str(path.resolve()), digest, generator.config, discriminator, classes, sizes)
    return Checkpoint(networks, start)


def embedded(options: Options, facts: DatasetFacts, echo: Echo) -> Checkpoint | None:
    """The embedded checkpoint for a set without --resume; None, with a sentence, where none fits.

    Raises UserError where --freezed needs one.
    """
    size = f"{facts.resolution}×{facts.resolution}"
    path = embedded_checkpoint(facts.resolution)
    if path is None:
        echo(f"no --resume: there is no embedded checkpoint for {size}, so the networks start fresh")
        return None
    checkpoint = read_checkpoint(path)
    try:
        # The losses of the background concern the data alone, whose background is not looked up here.
        others = dataclasses.replace(options, haze_loss=None, layout_loss=None)
        resolve(others, facts, checkpoint.start, "cpu", "fp32")
    except UserError as error:
        if options.freezed:  # without a checkpoint there is nothing to freeze
            raise
        echo(f"no --resume: the embedded checkpoint does not fit ({error}), so the networks start fresh")
        return None
    echo(f"no --resume: starting from the embedded checkpoint {path.name} (--resume none starts fresh)")
    return checkpoint
