"""Which metrics a run measures, and with which feature network."""

from __future__ import annotations

from pathlib import Path

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.metrics.names import METRICS_FEATURES, STANDARD, parse_names
from stylegan_pokemon.training.settings.config import TrainingConfig


def recorded_metrics(metrics: str) -> str:
    """The names of --metrics as config.json records them. Raises UserError for one that does not exist."""
    return ",".join(parse_names(metrics)) or "none"


def recorded_features(features: str) -> str:
    """A feature network's name, or the absolute path of its file."""
    return features if features in (METRICS_FEATURES, STANDARD) else str(Path(features).resolve())


def chooses_best(config: TrainingConfig) -> bool:
    """Whether a run measures the metric that its best snapshot is chosen by."""
    return "kid" in parse_names(config.metrics)


def check_metrics(metrics: str, patience: int, features: str = METRICS_FEATURES) -> None:
    """Refuse unknown metrics, feature networks that are missing or unsuitable, and patience without KID.

    Raises UserError naming the option.
    """
    names = parse_names(metrics)
    if names and features != METRICS_FEATURES:
        from stylegan_pokemon.metrics.evaluate import Settings, check_networks

        check_networks(Settings(names, features=features))
    if patience and "kid" not in names:
        raise UserError(
            f"--patience {patience} waits for a lower kernel distance; add kid to --metrics, or leave it out"
        )


def metrics_words(config: TrainingConfig) -> str:
    """What is measured and what it decides, for the start of a run."""
    names = parse_names(config.metrics)
    if not names:
        return "none"
    words = f"{config.metrics} of {config.metrics_num} generated pictures at every snapshot"
    if config.metrics_features != METRICS_FEATURES:
        words += f", features of {config.metrics_features}"
    if chooses_best(config):
        words += "; the snapshot with the best KID is kept"
        if "sprite" in names:
            words += ", among those whose creatures are in one piece"
    if config.patience:
        words += f"; the run ends after {config.patience} without a better one"
    return words
