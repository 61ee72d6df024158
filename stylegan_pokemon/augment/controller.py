"""The controller that sets the augmentation probability p by how far the discriminator overfits.

Its heuristic is r_t = E[sign D(real)]: 0 before overfitting, 1 when every training image is recognised.
Source: Karras et al. 2020 (ADA), section 3.1. The cap is ours: above it augmentations leak into the pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_REARM_BELOW_CAP = 0.05
"""p must fall this far below the cap before reaching it again is news."""


class AdaController:
    """Moves p up while r_t is above `target` and down while it is below.

    Args:
        target: value of r_t to aim at.
        ada_kimg: thousands of images in which p can move by 1.
        interval: iterations between adjustments.
        cap: p never exceeds it.
        p: probability to start from.

    Raises:
        ValueError: a value is out of range.
    """

    def __init__(self, target: float, ada_kimg: float, interval: int, cap: float, p: float = 0.0) -> None:
        if not -1 <= target <= 1:
            raise ValueError(f"target must lie in [-1, 1], not {target}")
        if not ada_kimg > 0:
            raise ValueError(f"ada_kimg must be positive, not {ada_kimg}")
        if interval < 1:
            raise ValueError(f"interval must be at least 1, not {interval}")
        if not 0 <= p <= cap <= 1:
            raise ValueError(f"p and cap must satisfy 0 <= p <= cap <= 1, not p = {p}, cap = {cap}")
        self.target = target
        self.ada_kimg = ada_kimg
        self.interval = interval
        self.cap = cap
        self.p = float(p)
        self.r_t: float | None = None
        """Mean sign over the last complete interval; None before the first."""
        self._sign_sum: int | torch.Tensor = 0
        self._count = 0
        self._iterations = 0
        self._images = 0
        self._armed = True

    def record(self, sign_sum: int | torch.Tensor, count: int) -> None:
        """Add the signs of some D(real).

        Args:
            sign_sum: their sum, a whole number. A scalar tensor stays on its device until the interval ends,
                so that recording does not wait for the device.
            count: how many there were.
        """
        self._sign_sum = self._sign_sum + sign_sum
        self._count += count

    def end_iteration(self, batch: int) -> str | None:
        """Count one iteration of `batch` images; at the end of an interval adjust p and start anew.

        Returns:
            A sentence for the user if p has just arrived at the cap, else None.
        """
        self._iterations += 1
        self._images += batch
        if self._iterations < self.interval:
            return None
        if self._count:
            self.r_t = int(self._sign_sum) / self._count
            direction = (self.r_t > self.target) - (self.r_t < self.target)
            step = self._images / (self.ada_kimg * 1000)
            self.p = min(max(self.p + direction * step, 0.0), self.cap)
        self._sign_sum = self._count = self._iterations = self._images = 0
        return self._arrival()

    def _arrival(self) -> str | None:
        if self.p < self.cap:
            self._armed = self._armed or self.p <= self.cap - _REARM_BELOW_CAP
            return None
        if not self._armed or self.r_t is None or self.r_t <= self.target:
            return None
        self._armed = False
        return (
            f"augmentation probability p has reached its cap of {self.cap:g} and the discriminator still "
            f"overfits (r_t = {self.r_t:.2f}, target {self.target:g}): more augmentation would leak into the "
            "pictures, so p stays there; consider more data, x-flips (--mirror), --freezed, or stopping at "
            "the best snapshot"
        )

    def state_dict(self) -> dict[str, Any]:
        """Return everything that changes, as numbers that survive JSON exactly."""
        return {
            "p": self.p,
            "r_t": self.r_t,
            "sign_sum": int(self._sign_sum),
            "count": self._count,
            "iterations": self._iterations,
            "images": self._images,
            "armed": self._armed,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; p is brought below a cap that has been lowered since."""
        self.p = min(float(state["p"]), self.cap)
        self.r_t = None if state["r_t"] is None else float(state["r_t"])
        self._sign_sum = int(state["sign_sum"])
        self._count = int(state["count"])
        self._iterations = int(state["iterations"])
        self._images = int(state["images"])
        self._armed = bool(state["armed"])
