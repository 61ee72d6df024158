"""Continuing a run directory: everything as its config.json says, but for what may change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stylegan_pokemon.data.dataset import DatasetFacts, open_sets
from stylegan_pokemon.devices import prepare, resolve_device
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.interruption import Deadline
from stylegan_pokemon.training.loop import OnTick, train
from stylegan_pokemon.training.planning.disk import check_disk, disk_note
from stylegan_pokemon.training.planning.machine import bf16_note, resolve_precision
from stylegan_pokemon.training.planning.machine import describe as describe_machine
from stylegan_pokemon.training.run_dir.state import generations
from stylegan_pokemon.training.settings.config import STYLEGAN2, TrainingConfig
from stylegan_pokemon.training.settings.continued import continued_config, read_config, restart_hint
from stylegan_pokemon.training.settings.description import describe
from stylegan_pokemon.training.transfer import start as starting


def continue_run(
    run: Path,
    echo: Callable[[str], None],
    asked: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    started: float | None = None,
    on_tick: OnTick | None = None,
) -> Path | None:
    """Continue a run directory from its newest state, with what its config.json says.

    asked: the options that the user gave this time, by name; `continued_config` says which may change. hours
    counts from `started`, a time.monotonic(). `on_tick` is called as `train` does. Returns the run directory,
    None for a dry run.

    Raises UserError when there is no state, or naming what is not as it was; Interrupted as `train` does.
    """
    asked = dict(asked or {})
    config = continued_config(read_config(run), asked, run)
    device = resolve_device(config.device)
    resolve_precision(config.precision, device)
    prepare(device)
    echo(f"machine: {describe_machine(device)}")
    if note := bf16_note(config.precision, device):
        echo(note)
    if not generations(run / "state"):
        raise UserError(f"{run} has lost its state; start a new run with --resume and a snapshot of this one")
    echo(f"continuing the run {run}")
    if not Path(config.data).exists() and not asked.get("data"):
        raise UserError(f"{config.data}, the data of {run}, is no longer there; --data says where it is now")
    size = None if config.arch == STYLEGAN2 else lambda _: config.img_resolution
    with open_sets(config.data, config.subset, config.seed, config.holdout, size) as (dataset, heldout):
        if difference := _difference(dataset.facts, config):
            raise UserError(
                f"--data {config.data} {difference}; put the same set there, or start a new run"
                f"{restart_hint(config, run)}"
            )
        G, D, G_ema, _ = starting.start_networks(config, None)
        parameters = [sum(p.numel() for p in network.parameters()) for network in (G, D)]
        echo(describe(config, *parameters, heldout))
        if note := disk_note(run, config, *parameters):
            echo(note)
        if dry_run:
            echo("dry run: nothing was continued")
            return None
        check_disk(run, config, *parameters)
        trainer = starting.trainer_of(config, dataset, G, D, G_ema)
        deadline = Deadline.of_hours(asked.get("hours"), started)
        finished = train(trainer, run, echo, deadline=deadline, heldout=heldout, on_tick=on_tick)
    if finished:
        echo(f"done at {trainer.images_shown / 1000:g} kimg: {run}; --kimg with a larger number goes on")
    return run


def _difference(facts: DatasetFacts, config: TrainingConfig) -> str | None:
    """In which way these are not the data that the run began with; None if they are."""
    if facts.sha256 == config.data_sha256:
        return None
    for what, now, then in (
        ("pictures", facts.images, config.images),
        ("pixels a side", facts.resolution, config.img_resolution),
        ("colour channels", facts.channels, config.img_channels),
    ):
        if now != then:
            return f"has {now} {what} where the run began with {then}"
    return "holds other pictures or labels than when the run began"
