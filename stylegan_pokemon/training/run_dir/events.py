"""TensorBoard events beside stats.jsonl, for those who have TensorBoard installed."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = "tensorboard"  # in the run directory: `tensorboard --logdir runs` finds it


class Events:
    """Writes every number of a tick's record at the pictures shown; nothing where TensorBoard is missing.

    What a continued run repeats takes the place of what was written before (`purge_step`).
    """

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER
        self._writer: Any = None
        self._wanted = importlib.util.find_spec("tensorboard") is not None

    def write(self, record: dict[str, Any]) -> None:
        """Add a record of stats.jsonl. Whatever fails ends the events, not the run."""
        if not self._wanted:
            return
        try:
            step = round(record["kimg"] * 1000)
            if self._writer is None:
                from torch.utils.tensorboard import SummaryWriter

                self._writer = SummaryWriter(str(self._folder), purge_step=step)
            for name, value in scalars(record):
                self._writer.add_scalar(name, value, step)
            self._writer.flush()
        except Exception:  # another program's format, on a disk that may be full
            self._wanted = False

    def close(self) -> None:
        """Let go of the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def scalars(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The finite numbers of a record by name, those of nested tables as outer/inner; lists are left out."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from scalars(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield f"{prefix}{name}", float(value)
