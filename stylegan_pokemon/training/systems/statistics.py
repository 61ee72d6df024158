"""What iterations report: sums on the device until a tick reads them, and means of single iterations."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

TRACED = ("loss/G", "loss/D_fake", "loss/D_real", "signs/real")
"""Statistics of which every iteration's mean is kept, beside p."""
COLUMNS = ("images_shown", *TRACED, "p")
"""Of `Recorder.rows`."""


class Statistics:
    """Running means by name. `report` costs no synchronisation; `means` does, once per tick."""

    def __init__(self) -> None:
        self._sums: dict[str, torch.Tensor | float] = {}
        self._counts: dict[str, int] = {}

    def report(self, name: str, values: torch.Tensor | float) -> None:
        """Add all elements of `values` under `name`."""
        values = torch.as_tensor(values).detach().to(torch.float64)
        self._sums[name] = self._sums.get(name, 0.0) + values.sum()
        self._counts[name] = self._counts.get(name, 0) + values.numel()

    def means(self) -> dict[str, float]:
        """The means since the last call, sorted by name; the sums start anew."""
        means = {name: float(self._sums[name]) / self._counts[name] for name in sorted(self._sums)}
        self._sums.clear()
        self._counts.clear()
        return means

    def sums(self, names: Iterable[str]) -> dict[str, tuple[torch.Tensor | float, int]]:
        """Sum and count so far of some names, without synchronisation; 0 for what was not reported."""
        return {name: (self._sums.get(name, 0.0), self._counts.get(name, 0)) for name in names}

    def state_dict(self) -> dict[str, tuple[float, int]]:
        """Sum and count by name, as numbers that survive JSON exactly."""
        return {name: (float(total), self._counts[name]) for name, total in self._sums.items()}

    def load_state(self, state: dict[str, tuple[float, int]]) -> None:
        """Continue from what `state_dict` returned."""
        self._sums = {name: float(total) for name, (total, _) in state.items()}
        self._counts = {name: int(count) for name, (_, count) in state.items()}


class Recorder:
    """Collects the means of single iterations on the device; `rows` costs one synchronisation."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._shown: list[int] = []
        self._p: list[float] = []
        self._means: list[torch.Tensor] = []
        self._before: dict[str, tuple[torch.Tensor | float, int]] = {}

    def begin(self) -> None:
        """Call before an iteration."""
        self._before = self._statistics.sums(TRACED)

    def end(self, images_shown: int, p: float) -> None:
        """Call after it, with the pictures shown until then and the augmentation strength it had."""
        means = []
        for name, (total, count) in self._statistics.sums(TRACED).items():
            total_before, count_before = self._before[name]
            means.append(torch.as_tensor(total - total_before) / max(count - count_before, 1))
        self._means.append(torch.stack(means))
        self._shown.append(images_shown)
        self._p.append(p)

    def rows(self) -> np.ndarray:
        """What was collected since the last call: float64 [iterations, columns]."""
        if not self._shown:
            return np.empty((0, len(COLUMNS)))
        means = torch.stack(self._means).cpu().numpy()
        rows = np.column_stack([self._shown, means, self._p])
        self.clear()
        return rows

    def clear(self) -> None:
        """Forget what was collected."""
        self._shown.clear()
        self._p.clear()
        self._means.clear()
