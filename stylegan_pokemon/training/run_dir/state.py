"""What an exact continuation needs: all tensors and counters of a trainer, in one safetensors file.

A state is written at every tick, and in the middle of one where the run is interrupted. Of ticks two
generations are kept, so that a damaged newest file costs a tick, not the run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import torch

from stylegan_pokemon._version import __version__
from stylegan_pokemon.checkpoint.native import write_safetensors
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import whole_file
from stylegan_pokemon.training.run_dir.best import Best, Flaws
from stylegan_pokemon.training.systems.trainer import Trainer

FORMAT = "stylegan_pokemon.state/2"
_GENERATIONS = 2  # of ticks
_MIDDLE = "-interrupted"  # in the name of a state that was not written at a tick
_ADAM = ("step", "exp_avg", "exp_avg_sq")


@dataclass
class Progress:
    """The loop's own counters, part of the saved state."""

    tick: int = 0
    seconds: float = 0.0  # spent training in all sessions, up to the last tick
    at_tick: int = 0  # pictures shown at the last tick
    tick_seconds: float = 0.0  # spent training since then
    snapshots: dict[str, int] = field(default_factory=dict)  # file name → tick, of those not deleted
    best: Best | None = None
    least: Flaws | None = None  # of the snapshots measured
    unimproved: int = 0  # snapshots measured since the best one


def save_state(folder: Path, trainer: Trainer, progress: Progress) -> Path:
    """Write the trainer and the loop's counters to `folder`, then drop the states that this one replaces.

    The file is called <images shown>.safetensors at a tick and <images shown>-interrupted.safetensors between
    two. Kept are the two newest of ticks, and one between ticks as long as it is the newest of all.
    """
    folder.mkdir(exist_ok=True)
    written = json.dumps(trainer.counters() | dataclasses.asdict(progress))
    tensors = _tensors(trainer)
    middle = "" if trainer.images_shown == progress.at_tick else _MIDDLE
    path = folder / f"{trainer.images_shown:09d}{middle}.safetensors"
    metadata = {
        "format": FORMAT,
        "version": __version__,
        "counters": written,
        "sha256": _digest(tensors, written),
    }
    with whole_file(path) as temporary:
        write_safetensors(temporary, tensors, metadata)
    at_ticks = [state for state in generations(folder) if is_tick(state)]
    kept = {path, *at_ticks[:_GENERATIONS]}
    for old in generations(folder):
        if old not in kept:
            with contextlib.suppress(PermissionError):  # Windows: in use; the next write tries again
                old.unlink()
    return path


def generations(folder: Path) -> list[Path]:
    """The states in `folder`, newest first."""
    return sorted(folder.glob("[0-9]*.safetensors"), reverse=True)


def is_tick(state: Path) -> bool:
    """Whether a state was written at a tick, not where the run was interrupted."""
    return not state.stem.endswith(_MIDDLE)


def load_state(folder: Path, trainer: Trainer, at_tick: bool = False) -> tuple[Progress, str | None]:
    """Put the newest readable state of `folder` into the trainer, with `at_tick` the newest of a tick.

    Returns the loop's counters and a warning that names the damaged states it skipped. Raises UserError when
    none can be read.
    """
    warnings, reason = [], "there is none"
    for path in generations(folder):
        if at_tick and not is_tick(path):
            continue
        try:
            counters, tensors = _read(path, trainer)
            progress = _progress(counters)
            trainer.load_counters(counters)
            _restore(trainer, tensors)
        except Exception as error:  # the library's own exception class is not public in all versions
            known = str(error) if isinstance(error, UserError) else getattr(error, "strerror", None)
            reason = known or "it is damaged or incomplete"
            warnings.append(f"the state {path.name} cannot be read ({reason}); going back to the one before")
            continue
        return progress, "; ".join(warnings) or None
    raise UserError(
        f"{folder} holds no readable state ({reason}); start a new run with --resume and a snapshot of it"
    )


def _read(path: Path, trainer: Trainer) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Counters and tensors of a state. Raises whatever says that the file is damaged or does not fit."""
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            made = metadata.get("version")
            maker = f"version {made}" if made else "an earlier version"
            raise UserError(f"{maker} of this program made it, this is {__version__}")
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    if metadata.get("sha256") != _digest(tensors, metadata["counters"]):
        raise UserError("its content is damaged")
    needed = trainer.tensors() | _weights(trainer)
    misfits = [key for key in needed if key not in tensors or tensors[key].shape != needed[key].shape]
    if misfits:
        raise UserError(f"{misfits[0]} does not fit the networks")
    return json.loads(metadata["counters"]), tensors


def _progress(counters: dict[str, Any]) -> Progress:
    own = {item.name: counters[item.name] for item in dataclasses.fields(Progress)}
    best, least = own["best"], own["least"]
    return Progress(**own | {"best": best and Best(**best), "least": least and Flaws(**least)})


def _digest(tensors: dict[str, torch.Tensor], counters: str) -> str:
    """SHA-256 of everything in a state: the format itself would not notice a flipped bit."""
    digest = hashlib.sha256(counters.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _parts(trainer: Trainer) -> list[tuple[str, torch.nn.Module]]:
    return [("G", trainer.G), ("D", trainer.D), ("G_ema", trainer.G_ema)]


def _weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {
        f"{part}.{name}": tensor
        for part, network in _parts(trainer)
        for name, tensor in network.state_dict().items()
    }


def _optimized(trainer: Trainer) -> list[tuple[str, torch.nn.Parameter, torch.optim.Optimizer]]:
    pairs = [("G", trainer.G, trainer.opt_G), ("D", trainer.D, trainer.opt_D)]
    return [(f"{part}.{name}", p, opt) for part, net, opt in pairs for name, p in net.named_parameters()]


def _tensors(trainer: Trainer) -> dict[str, torch.Tensor]:
    tensors = trainer.tensors() | _weights(trainer)
    for name, parameter, optimizer in _optimized(trainer):
        moments = optimizer.state.get(parameter, {})
        tensors |= {f"adam.{name}.{key}": value for key, value in moments.items()}
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}


def _restore(trainer: Trainer, tensors: dict[str, torch.Tensor]) -> None:
    for name, tensor in trainer.tensors().items():
        tensor.copy_(tensors[name])
    for part, network in _parts(trainer):
        prefix = f"{part}."
        own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        network.load_state_dict(own)
    for name, parameter, optimizer in _optimized(trainer):
        saved = {key: tensors[f"adam.{name}.{key}"] for key in _ADAM if f"adam.{name}.{key}" in tensors}
        optimizer.state.pop(parameter, None)
        if saved:
            optimizer.state[parameter] = {
                key: value.to(parameter.device, copy=True) for key, value in saved.items()
            }
