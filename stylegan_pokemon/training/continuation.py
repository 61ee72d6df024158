"""Continuing a run directory: everything as its config.json says, but for what may change."""

from __future__ import annotations

import dataclasses
import json
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
from stylegan_pokemon.training.run_dir.measuring import check_metrics, features_named, metric_names
from stylegan_pokemon.training.run_dir.state import generations
from stylegan_pokemon.training.settings.config import STYLEGAN2, TrainingConfig
from stylegan_pokemon.training.settings.description import describe
from stylegan_pokemon.training.settings.options import Options
from stylegan_pokemon.training.settings.resolve import check
from stylegan_pokemon.training.transfer import start as starting

# They change what is written, or when it ends, and no weight.
_REPLACED = ("kimg", "snap", "keep", "metrics", "metrics_num", "metrics_features", "patience")
_OWN = {
    "data",
    "hours",
    "adapt",
}  # where the set lies now, how long this session lasts, how the run once began


def continue_run(
    run: Path,
    echo: Callable[[str], None],
    asked: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    started: float | None = None,
    on_tick: OnTick | None = None,
) -> Path | None:
    """Continue a run directory from its newest state, with what its config.json says.

    asked: options by name that were given this time. kimg, snap, keep, patience and what is measured
    replace the recorded values, data says where the same data set lies now, hours (counted from `started`, a
    time.monotonic()) ends the session; any other must be what the run began with. `on_tick` is called as
    `train` does. Returns the run directory, None of a dry run.

    Raises UserError when there is no state, or naming what is not as it was; Interrupted as `train` does.
    """
    asked = dict(asked or {})
    replaced = {name: asked[name] for name in _REPLACED if name in asked}
    check(Options(**replaced | {name: asked[name] for name in ("hours",) if name in asked}))
    config = _read_config(run)
    _refuse_changes(asked, config, run)
    if asked.get("data"):
        replaced["data"] = str(Path(asked["data"]).resolve())
    config = dataclasses.replace(config, **replaced)
    config = dataclasses.replace(
        config,
        metrics=",".join(metric_names(config.metrics)) or "none",
        metrics_features=features_named(config.metrics_features),
    )
    check_metrics(config.metrics, config.patience, config.metrics_features)
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
                f"{_from_here(config, run)}"
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


def _read_config(run: Path) -> TrainingConfig:
    try:
        return TrainingConfig.from_json(json.loads((run / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{run}/config.json cannot be read ({error}); name a run directory or a network"
        ) from error


def _from_here(config: TrainingConfig, run: Path) -> str:
    """What a new run can start from: of the weights of an earlier system none does."""
    return f" from the newest snapshot of {run}" if config.arch == STYLEGAN2 else ""


def _refuse_changes(asked: Mapping[str, Any], config: TrainingConfig, run: Path) -> None:
    """Raise UserError naming every option that is not what the run began with."""
    recorded = _recorded(config, run)
    device = asked.get("device", config.device)
    resolved = {
        "outdir": lambda value: Path(value).resolve(),
        "device": lambda value: str(resolve_device(value)),
        "precision": lambda value: resolve_precision(
            value, resolve_device(device), half=config.arch == STYLEGAN2
        ),
    }
    changes = []
    for name in sorted(set(asked) - set(_REPLACED) - _OWN):
        value = asked[name]
        if resolved.get(name, lambda same: same)(value) != recorded[name]:
            changes.append(f"{_spelt(name, value)} (the run began {_begun(name, recorded[name])})")
    if changes:
        changeable = (
            "--kimg, --snap, --keep, --metrics, --metrics-num, --metrics-features, --patience, --hours and,"
            " for the same set elsewhere, --data"
        )
        raise UserError(
            f"{', '.join(changes)} cannot change when a run is continued, only {changeable} can; leave it"
            f" out, or start a new run{_from_here(config, run)}"
        )


def _recorded(config: TrainingConfig, run: Path) -> dict[str, Any]:
    """What the run began with, by the name of the option."""
    return {
        "outdir": run.resolve().parent,
        "cfg": config.cfg,
        "tick": config.tick_kimg,
        "batch": config.batch,
        "batch_gpu": config.batch_gpu,
        "gamma": config.r1_gamma,
        "freezed": config.freeze_d,
        "mirror": config.mirror,
        "cond": bool(config.classes),
        "balance": config.balance,
        "class_loss": config.class_loss,
        "uncond_loss": config.uncond_loss,
        "haze_loss": config.haze_loss,
        "subset": config.subset,
        "holdout": config.holdout,
        "aug": config.aug,
        "p": config.p,
        "target": config.ada_target,
        "augpipe": config.augpipe,
        **{
            option: config.generator.get(setting)
            for option, setting in (
                ("channel_base", "channel_base"),
                ("channel_max", "channel_max"),
                ("map_layers", "num_layers"),
                ("w_dim", "w_dim"),
            )
        },
        "arch": config.arch,
        "size": config.img_resolution,
        "spectral_norm": config.discriminator.get("spectral_norm", False),
        "lr": config.lr,
        "seed": config.seed,
        "device": config.device,
        "precision": config.precision,
        "vram": (config.memory or {}).get("vram"),
        "assume_device": None,
    }


def _spelt(name: str, value: Any) -> str:
    option = "--" + name.replace("_", "-")
    return option if isinstance(value, bool) else f"{option} {value}"


def _begun(name: str, value: Any) -> str:
    if value is None or value is False:
        return "without it"
    return f"with {_spelt(name, value)}"


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
