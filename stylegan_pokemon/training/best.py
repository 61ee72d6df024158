"""Which snapshot of a run is the best one, and where that is written down."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegan_pokemon.files import write_json

FILE = "best.json"  # in the run directory
_ALARMS = ("memorisation", "diversity")  # near copies of training pictures; pictures that are all alike


@dataclass(frozen=True)
class Best:
    """The best snapshot so far, and its kernel distance."""

    snapshot: str  # file name
    tick: int
    kimg: float
    name: str  # of the number, which names its features: "kid_efficientnet_lite1"
    value: float
    error: float  # standard error of the value


def better(best: Best | None, candidate: Best | None) -> Best | None:
    """The best of a run after a snapshot was measured: `candidate`, or still `best`.

    The candidate must be lower than the best by more than the standard error of their difference, which is
    √(a² + b²) for errors a and b: of snapshots that the measurement cannot tell apart the earliest stays, as
    the one-standard-error rule (Breiman et al. 1984, section 3.4.3) prefers the simplest model. It is the one
    that has seen least of the training pictures. Small steps add up, as all are compared with the same best.
    Both errors are those of the generated pictures and the real set, and the real set is the same: the bound
    is on the careful side. A number of other features cannot be compared: the candidate starts anew.
    """
    if candidate is None or best is None or candidate.name != best.name:
        return candidate or best
    margin = math.hypot(best.error, candidate.error)
    return candidate if candidate.value + margin < best.value else best


def candidate_of(metrics: Mapping[str, Any], snapshot: str, tick: int, kimg: float) -> Best | None:
    """A measured snapshot as a candidate; None without a kernel distance, or if one of the alarms rang.

    metrics: as `metrics.evaluate.evaluate` returns it. The distance alone sees neither near copies of the
    training pictures nor, reliably, a collapse.
    """
    if any(metrics.get(part, {}).get("alarm") for part in _ALARMS):
        return None
    for name, measured in metrics.get("values", {}).items():
        if name == "kid" or name.startswith("kid_"):
            value, error = float(measured["value"]), _error(measured)
            if math.isfinite(value) and math.isfinite(error):
                return Best(snapshot, tick, kimg, name, value, error)
    return None


def _error(measured: Mapping[str, Any]) -> float:
    """The standard error: its own, or from the 95 % interval (few pictures have no error); else infinite."""
    if measured.get("error") is not None:
        return float(measured["error"])
    low, high = measured.get("interval") or (-math.inf, math.inf)
    return (float(high) - float(low)) / (2 * 1.96)


def read_best(run: Path) -> dict[str, Any] | None:
    """What best.json of a run says, None where there is none or it is damaged."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((run / FILE).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else None
    return None


def write_best(run: Path, best: Best | None) -> bool:
    """Bring best.json to `best`; returns whether it said anything else before."""
    wanted = None if best is None else dataclasses.asdict(best)
    if read_best(run) == wanted:
        return False
    if wanted is None:
        with contextlib.suppress(OSError):
            (run / FILE).unlink()
    else:
        write_json(run / FILE, wanted)
    return True
