"""The configuration of a continued run: what config.json says, but for what may change."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stylegan_pokemon._version import __version__
from stylegan_pokemon.devices import resolve_device
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.machine import resolve_precision
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.settings.metrics import check_metrics, recorded_features, recorded_metrics
from stylegan_pokemon.training.settings.option import Option
from stylegan_pokemon.training.settings.options import OPTIONS, changeable


def read_config(run: Path) -> TrainingConfig:
    """The recorded configuration of a run directory. Raises UserError for a missing or damaged one."""
    values: Any = None
    try:
        values = json.loads((run / "config.json").read_text(encoding="utf-8"))
        return TrainingConfig.from_json(values)
    except (KeyError, TypeError) as error:
        made = f"version {values['version']}" if "version" in values else "an earlier version"
        raise UserError(
            f"{run} cannot be continued: {made} of this program made it, this is {__version__}; start a new"
            " run with --resume and a snapshot of it"
        ) from error
    except (OSError, ValueError) as error:
        # A plain ValueError is ours and names the setting; others speak the language of libraries.
        reason = error if type(error) is ValueError else getattr(error, "strerror", None) or "it is damaged"
        raise UserError(
            f"{run}/config.json cannot be read ({reason}); name a run directory or a network"
        ) from error


def continued_config(config: TrainingConfig, asked: Mapping[str, Any], run: Path) -> TrainingConfig:
    """The recorded configuration with what may change replaced.

    asked: the options that the user gave this time, by name. Raises UserError naming every option that
    contradicts what the run began with, or the one whose value cannot be.
    """
    for name, value in asked.items():
        OPTIONS[name].check(value)
    _refuse_changes(asked, config, run)
    replaced = {name: value for name, value in asked.items() if OPTIONS[name].continued == "replaced"}
    if asked.get("data"):
        replaced["data"] = str(Path(asked["data"]).resolve())
    config = dataclasses.replace(config, **replaced)
    config = dataclasses.replace(
        config,
        metrics=recorded_metrics(config.metrics),
        metrics_features=recorded_features(config.metrics_features),
    )
    check_metrics(config.metrics, config.patience, config.metrics_features)
    return config


def restart_hint(config: TrainingConfig, run: Path) -> str:
    """What a new run can start from: " from the newest snapshot of …", or "" if its system cannot."""
    return f" from the newest snapshot of {run}" if OPTIONS["resume"].known_to(config.arch) else ""


def _refuse_changes(asked: Mapping[str, Any], config: TrainingConfig, run: Path) -> None:
    recorded, changes = config.to_json(), []
    for option in (OPTIONS[name] for name in sorted(asked)):
        if option.continued != "fixed":
            continue
        began = option.recorded_in(recorded)
        if option.name == "outdir":  # wherever the run directory is now
            began = str(run.resolve().parent)
        if began is None and not option.known_to(config.arch) and asked[option.name] in option.elsewhere:
            continue  # what this system does anyway and need not record
        if _resolved(option, asked, config) != began:
            words = "without it" if began is None or began is False else f"with {option.spelt(began)}"
            changes.append(f"{option.spelt(asked[option.name])} (the run began {words})")
    if changes:
        raise UserError(
            f"{', '.join(changes)} cannot change when a run is continued, only {changeable()} can; leave it"
            f" out, or start a new run{restart_hint(config, run)}"
        )


def _resolved(option: Option, asked: Mapping[str, Any], config: TrainingConfig) -> Any:
    """The asked value as it would be recorded."""
    value = asked[option.name]
    if option.name == "outdir":
        return str(Path(value).resolve())
    if option.name == "device":
        return str(resolve_device(value))
    if option.name == "precision":
        device = resolve_device(asked.get("device", config.device))
        return resolve_precision(value, device, half=option.known_to(config.arch))
    return value
