"""Run directories by name: `runs/<5-digit id>-<dataset>-<what it started from>/`."""

from __future__ import annotations

import re
from pathlib import Path

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.settings.config import FRESH, TrainingConfig
from stylegan_pokemon.training.settings.options import OPTIONS

_RUN = re.compile(r"(\d{5,})-")


def is_run(path: str | None) -> bool:
    """Whether --resume names a run directory (continue it) and not a network (start from it)."""
    return path is not None and (Path(path) / "config.json").is_file()


def new_run(outdir: Path, config: TrainingConfig) -> Path:
    """Make `outdir`/<next id>-<dataset>-<start>; of two processes that take one id, one takes the next.

    Raises UserError when that is not possible.
    """
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{Path(config.data).stem}-{_origin(config)}")
    try:
        outdir.mkdir(parents=True, exist_ok=True)
        number = max(_ids(outdir), default=-1) + 1
        while True:
            run = outdir / f"{number:05d}-{name}"
            number += 1
            try:
                run.mkdir()
            except FileExistsError:
                continue
            rivals = [path.name for path in outdir.glob(f"{run.name.partition('-')[0]}-*")]
            if run.name == min(rivals):
                return run
            run.rmdir()
    except OSError as error:
        raise UserError(
            f"--outdir {outdir} cannot be written: {error.strerror}; name another folder"
        ) from error


def _ids(outdir: Path) -> list[int]:
    return [int(match[1]) for path in outdir.iterdir() if (match := _RUN.match(path.name))]


def _origin(config: TrainingConfig) -> str:
    """What a run starts from, short: "fresh", "from-ffhq512", "from-00003-000040" for a run's snapshot.

    A system that always starts fresh gives its name instead.
    """
    if config.start == FRESH:
        return FRESH if OPTIONS["resume"].known_to(config.arch) else config.arch
    path = Path(config.start)
    run = _RUN.match(path.parent.parent.name) if path.parent.name == "snapshots" else None
    return f"from-{run[1]}-{path.stem}" if run else f"from-{path.stem}"
