"""Where runs keep what they made: finding the newest run, its snapshots and its pictures."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stylegan_pokemon.errors import UserError

_RUN = re.compile(r"(\d{5,})-.+")
_SNAPSHOT = re.compile(r"(\d{6,}(?:\.\d+)?)\.safetensors")
BEST = "best"
_FAKES = re.compile(r"fakes(\d{6,}(?:\.\d+)?)\.png")


Note = Callable[[str], None]


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True)
class Tick:
    """A file that training wrote at a tick."""

    kimg: float  # thousands of images shown to the discriminator until then
    path: Path

    @property
    def label(self) -> str:
        """The kimg as people read it: "4 kimg", "0.5 kimg"."""
        return f"{self.kimg:.3f}".rstrip("0").rstrip(".") + " kimg"


def snapshots(run: str | os.PathLike[str]) -> list[Tick]:
    """The snapshots of a run directory, oldest first; an empty list when there are none."""
    return _ticks(Path(run) / "snapshots", _SNAPSHOT)


def fakes(run: str | os.PathLike[str]) -> list[Tick]:
    """The fakes<kimg>.png of a run directory, oldest first; an empty list when there are none."""
    return _ticks(Path(run), _FAKES)


def newest_run(runs: str | os.PathLike[str], note: Note = _silent) -> Path:
    """The run with the highest id that holds a snapshot. Raises UserError when there is none.

    note: called with a sentence about a newer run that was skipped because it holds none yet.
    """
    begun = sorted(
        (int(match[1]), path.name, path)
        for path in (Path(runs).iterdir() if Path(runs).is_dir() else ())
        if path.is_dir() and (match := _RUN.fullmatch(path.name))
    )
    found = [run for run in begun if snapshots(run[-1])]
    if found and found[-1] != begun[-1]:
        note(f"{begun[-1][-1]} holds no snapshot yet; taking the newest that does, {found[-1][1]}")
    if not found:
        raise UserError(
            f"there is no run with a snapshot in {runs}; train one with finetune.py, or name a network"
            " such as --network pretrained/creatures64.safetensors"
        )
    return found[-1][2]


def find_network(where: str | os.PathLike[str], note: Note = _silent) -> Path:
    """Resolve a network file, a run directory, or a folder of runs to one network file.

    A run directory means its newest snapshot (highest kimg), a folder of runs its newest run.
    Raises UserError when there is nothing of the kind.
    """
    path = Path(where)
    if path.is_file():
        return path
    if not path.exists():
        raise UserError(f"--network {where} does not exist; name a network file or a run directory")
    if not path.is_dir():
        raise UserError(f"--network {where} is a device or a pipe; name a network file or a run directory")
    run = find_run(path.parent if path.name == "snapshots" else path, note)
    ticks = snapshots(run)
    if not ticks:
        raise UserError(f"the run {run} holds no snapshot yet; let it train for a tick, or name another run")
    return ticks[-1].path


def is_best(what: str) -> bool:
    """Whether "best", RUN/best or RUNS/best asks for a best snapshot, and is no file of that name."""
    path = Path(what)
    return path.name == BEST and not path.exists()


def find_best(
    where: str | os.PathLike[str], runs: str | os.PathLike[str] = "runs", note: Note = _silent
) -> Path:
    """Resolve "best" (of the newest run in `runs`), RUN/best or RUNS/best to a snapshot file.

    Raises UserError when the run has not found one yet, or has lost it.
    """
    folder = runs if str(where) == BEST else Path(where).parent
    run = find_run(folder, note)
    try:
        name = json.loads((run / "best.json").read_text(encoding="utf-8"))["snapshot"]
        path = run / "snapshots" / Path(name).name
    except FileNotFoundError as error:
        raise UserError(
            f"the run {run} has no best snapshot: --metrics with kid tells it, among snapshots without"
            f" alarm; take one of {run}/snapshots"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{run}/best.json cannot be read; name a snapshot in {run}/snapshots") from error
    if not path.is_file():
        raise UserError(f"the best snapshot of {run}, {path.name}, is gone; name another one")
    return path


def find_run(where: str | os.PathLike[str], note: Note = _silent) -> Path:
    """Resolve a run directory, or a folder of runs, to a run directory. Raises UserError otherwise.

    note: as in `newest_run`.
    """
    path = Path(where)
    if (path / "config.json").is_file() or (path / "snapshots").is_dir() or fakes(path):
        return path
    if path.is_file():
        raise UserError(f"{where} is a file; name a run directory, such as runs/00000-…")
    if not path.exists():
        raise UserError(f"{where} does not exist; train a run with finetune.py or name a run directory")
    return newest_run(path, note)


def run_of(network: str | os.PathLike[str]) -> Path | None:
    """The run directory that a snapshot file lies in, or None for a network from elsewhere."""
    folder = Path(network).parent
    return folder.parent if folder.name == "snapshots" else None


def _ticks(folder: Path, pattern: re.Pattern[str]) -> list[Tick]:
    if not folder.is_dir():
        return []
    ticks = [
        Tick(float(match[1]), path) for path in folder.iterdir() if (match := pattern.fullmatch(path.name))
    ]
    return sorted(ticks, key=lambda tick: (tick.kimg, tick.path.name))
