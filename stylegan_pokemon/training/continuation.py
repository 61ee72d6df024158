"""Continuing a run directory: everything as its config.json says, but for what may change."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stylegan_pokemon.devices import resolve_device
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.planning.machine import resolve_precision
from stylegan_pokemon.training.run_dir.measuring import check_metrics, features_named, metric_names
from stylegan_pokemon.training.settings.config import STYLEGAN2, TrainingConfig
from stylegan_pokemon.training.settings.options import Options
from stylegan_pokemon.training.settings.resolve import check

# They change what is written, or when it ends, and no weight.
_REPLACED = ("kimg", "snap", "keep", "metrics", "metrics_num", "metrics_features", "patience")
_OWN = {
    "data",
    "hours",
    "adapt",
}  # where the set lies now, how long this session lasts, how the run once began


def continued_config(config: TrainingConfig, asked: Mapping[str, Any], run: Path) -> TrainingConfig:
    """The recorded configuration with what may change replaced.

    asked: the options that the user gave this time, by name. Raises UserError naming every option that
    contradicts what the run began with, or the one whose value cannot be.
    """
    replaced = {name: asked[name] for name in _REPLACED if name in asked}
    check(Options(**replaced | {name: asked[name] for name in ("hours",) if name in asked}))
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
    return config


def read_config(run: Path) -> TrainingConfig:
    try:
        return TrainingConfig.from_json(json.loads((run / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{run}/config.json cannot be read ({error}); name a run directory or a network"
        ) from error


def restart_hint(config: TrainingConfig, run: Path) -> str:
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
            f" out, or start a new run{restart_hint(config, run)}"
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
