"""What iterations report: sums on the device until a tick reads their means."""

from __future__ import annotations

import torch


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

    def state_dict(self) -> dict[str, tuple[float, int]]:
        """Sum and count by name, as numbers that survive JSON exactly."""
        return {name: (float(total), self._counts[name]) for name, total in self._sums.items()}

    def load_state(self, state: dict[str, tuple[float, int]]) -> None:
        """Continue from what `state_dict` returned."""
        self._sums = {name: float(total) for name, (total, _) in state.items()}
        self._counts = {name: int(count) for name, (_, count) in state.items()}
