"""The resolved configuration in words: what a run prints before it starts."""

from __future__ import annotations

from stylegan_pokemon.data.dataset import DatasetFacts, SpriteDataset
from stylegan_pokemon.training.registry import system_of
from stylegan_pokemon.training.run_dir.disk import disk_line
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.settings.metrics import metrics_words


def describe(
    config: TrainingConfig,
    G_parameters: int,
    D_parameters: int,
    facts: DatasetFacts,
    heldout: SpriteDataset | None = None,
) -> str:
    """The resolved configuration and what follows from it, for people, a line per group.

    facts: of the pictures to train on. heldout: those that are kept out of training, if any are.
    """
    passes = config.kimg * 1000 / (config.images * (2 if config.mirror else 1))
    flips = " and their mirror images" if config.mirror else ""
    size = f"{config.img_resolution}×{config.img_resolution}"
    parameters = (G_parameters, D_parameters)
    networks, method = system_of(config.arch).lines(config, *parameters)
    lines = [
        ("data", f"{config.images} pictures{flips} at {size}: {config.data}"),
        *([("held out", f"{len(heldout)} pictures of {heldout.creatures()} creatures, all their forms;"
                        f" {config.holdout:g} of the set was asked for")] if heldout is not None else []),
        ("labels", _labels(config, facts)),
        ("start", config.start),
        *networks,
        ("length", f"{config.kimg:g} kimg = {config.iterations:,} iterations = {passes:.1f} passes; "
                   f"a tick is {config.tick_kimg:g} kimg, a snapshot every {config.snap} tick(s)"),
        *method,
        ("metrics", metrics_words(config)),
        ("disk", disk_line(config, *parameters)),
        ("machine", f"{config.device}, {config.precision}; seed {config.seed}"),
    ]  # fmt: skip
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"  {name:{width}}  {value}" for name, value in lines)


def _labels(config: TrainingConfig, facts: DatasetFacts) -> str:
    """The classes that are trained, or why the labels of the data set are not used."""
    if config.classes:
        names = f"{len(config.classes)} classes ({', '.join(config.classes)})"
        return f"{names}, all equally often" if config.balance else names
    if facts.label_fault:
        return f"unused, and unusable with --cond: {facts.label_fault}"
    return f"{len(facts.classes)} classes, unused without --cond" if facts.classes else "none"
