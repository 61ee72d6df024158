"""What an exact continuation needs: all tensors and counters of a trainer, in one safetensors file.

Two generations are kept, so that a damaged newest file costs one tick, not the run.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import safetensors
import torch

from stylegan_pokemon.checkpoint.native import write_safetensors
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import whole_file
from stylegan_pokemon.training.trainer import Trainer

FORMAT = "stylegan_pokemon.state/1"
_GENERATIONS = 2
_ADAM = ("step", "exp_avg", "exp_avg_sq")


def save_state(folder: Path, trainer: Trainer, tick: int, seconds: float) -> Path:
    """Write the trainer to `folder`/<images shown>.safetensors and drop all but the newest generations.

    `tick` and `seconds` (spent training so far) are the loop's own counters.
    """
    folder.mkdir(exist_ok=True)
    counters = {
        "images_shown": trainer.images_shown,
        "tick": tick,
        "seconds": seconds,
        "ada": trainer.ada.state_dict(),
    }
    path = folder / f"{trainer.images_shown:09d}.safetensors"
    metadata = {"format": FORMAT, "counters": json.dumps(counters)}
    with whole_file(path) as temporary:
        write_safetensors(temporary, _tensors(trainer), metadata)
    for old in generations(folder)[_GENERATIONS:]:
        with contextlib.suppress(PermissionError):  # Windows: somebody has it open; the next tick tries again
            old.unlink()
    return path


def generations(folder: Path) -> list[Path]:
    """The states in `folder`, newest first."""
    return sorted(folder.glob("[0-9]*.safetensors"), reverse=True)


def load_state(folder: Path, trainer: Trainer) -> tuple[int, float, str | None]:
    """Put the newest readable state of `folder` into the trainer.

    Returns (tick, seconds, warning): the warning says which damaged state was passed over. Raises UserError
    when none can be read.
    """
    warning = None
    for path in generations(folder):
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise ValueError("it is no state of this program")
                counters = json.loads(metadata["counters"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            own = _tensors(trainer, with_optimizers=False)
            missing = [key for key in own if key not in tensors or tensors[key].shape != own[key].shape]
            if missing:
                raise ValueError(f"{missing[0]} does not fit the networks")
        except Exception as error:  # the library's own exception class is not public in all versions
            warning = f"the state {path.name} cannot be read ({error}); going back to the one before"
            continue
        _restore(trainer, tensors)
        trainer.images_shown = int(counters["images_shown"])
        trainer.ada.load_state(counters["ada"])
        return int(counters["tick"]), float(counters["seconds"]), warning
    raise UserError(f"{folder} holds no readable state; start anew with --resume and a snapshot of this run")


def _parts(trainer: Trainer) -> list[tuple[str, torch.nn.Module]]:
    return [("G", trainer.G), ("D", trainer.D), ("G_ema", trainer.G_ema)]


def _optimized(trainer: Trainer) -> list[tuple[str, torch.nn.Parameter, torch.optim.Optimizer]]:
    pairs = [("G", trainer.G, trainer.opt_G), ("D", trainer.D, trainer.opt_D)]
    return [(f"{part}.{name}", p, opt) for part, net, opt in pairs for name, p in net.named_parameters()]


def _tensors(trainer: Trainer, with_optimizers: bool = True) -> dict[str, torch.Tensor]:
    tensors = {"pl_mean": trainer.pl_mean}
    for part, module in _parts(trainer):
        tensors |= {f"{part}.{name}": tensor for name, tensor in module.state_dict().items()}
    if with_optimizers:
        for name, parameter, optimizer in _optimized(trainer):
            tensors |= {
                f"adam.{name}.{key}": value for key, value in optimizer.state.get(parameter, {}).items()
            }
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}


def _restore(trainer: Trainer, tensors: dict[str, torch.Tensor]) -> None:
    trainer.pl_mean.copy_(tensors["pl_mean"])
    for part, module in _parts(trainer):
        prefix = f"{part}."
        own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        module.load_state_dict(own)
    for name, parameter, optimizer in _optimized(trainer):
        saved = {key: tensors[f"adam.{name}.{key}"] for key in _ADAM if f"adam.{name}.{key}" in tensors}
        optimizer.state.pop(parameter, None)
        if saved:
            optimizer.state[parameter] = {
                key: value.to(parameter.device, copy=True) for key, value in saved.items()
            }
