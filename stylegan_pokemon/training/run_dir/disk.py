"""Estimate the disk space of a run before it starts."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.run_dir.retention import retained_count
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.settings.metrics import chooses_best

_STATES = 4  # of two ticks, of an interruption, and the one being written


def disk_bytes(config: TrainingConfig, G_parameters: int, D_parameters: int) -> tuple[int, int, int]:
    """Estimate a run on the disk: snapshots that stay, bytes of each, bytes of everything at its largest.

    A snapshot holds G, D and G_ema. In a fine-tuning run it also holds G_start and D_start in 16 bits, which
    lie beside the states too. A state adds two Adam moments. Pictures are not counted. A new snapshot is
    written before an older one is deleted, and the best stays.
    """
    count = retained_count(math.ceil(config.kimg / config.tick_kimg), config.snap, config.keep)
    snapshot, state, start = _sizes(config, G_parameters, D_parameters)
    passing = (1 + chooses_best(config)) * (config.keep > 1)
    return count, snapshot, (count + passing) * snapshot + _STATES * state + start


def disk_line(config: TrainingConfig, G_parameters: int, D_parameters: int) -> str:
    """The same in words."""
    count, snapshot, everything = disk_bytes(config, G_parameters, D_parameters)
    others = "the best and the last" if chooses_best(config) else "the last"
    kept = f" (one in {config.keep} is kept, and {others})" if config.keep > 1 else ""
    return (
        f"{count} snapshots of {snapshot / 2**20:.3g} MiB{kept} and the state: at most"
        f" {everything / 2**30:.3g} GiB"
    )


def disk_note(folder: Path, config: TrainingConfig, G_parameters: int, D_parameters: int) -> str | None:
    """What to say before hours of training if the disk of `folder` will not hold them; None if it will.

    folder: the run directory, or the one that it will lie in; what a run there has written already counts as
    free.
    """
    existing, room = _room(folder)
    needed = disk_bytes(config, G_parameters, D_parameters)[2]
    if needed <= room:
        return None
    return (
        f"note: this run will take {needed / 2**30:.3g} GiB and {existing} has {room / 2**30:.3g} GiB for it,"
        f" too little; a larger --keep deletes more snapshots, --outdir names another disk"
    )


def check_disk(folder: Path, config: TrainingConfig, G_parameters: int, D_parameters: int) -> None:
    """Raise UserError when the disk of `folder` holds not even one snapshot and two states beside it."""
    existing, room = _room(folder)
    snapshot, state, start = _sizes(config, G_parameters, D_parameters)
    least = snapshot + 2 * state + start
    if room < least:
        raise UserError(
            f"{existing} has {room / 2**30:.3g} GiB for this run, which takes {least / 2**30:.3g} GiB at its"
            " first tick; free some, or name another disk with --outdir"
        )


def _sizes(config: TrainingConfig, G_parameters: int, D_parameters: int) -> tuple[int, int, int]:
    """Bytes of a snapshot, of a state and of the start that a fine-tuning run keeps."""
    networks = 4 * (2 * G_parameters + D_parameters)
    start = 2 * (G_parameters + D_parameters) * config.fine_tunes
    compared = 4 * G_parameters * bool(getattr(config, "layout_loss", 0))
    return networks + start, networks + compared + 8 * (G_parameters + D_parameters), start


def _room(folder: Path) -> tuple[Path, int]:
    """The folder that exists above `folder`, and the bytes that a run may fill, its own included."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    own = [path for part in ("snapshots", "state") for path in (folder / part).glob("[0-9]*.safetensors")]
    return existing, shutil.disk_usage(existing).free + sum(path.stat().st_size for path in own)
