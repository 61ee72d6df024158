"""Choose the best snapshot of a run, and record it in best.json."""

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
_MARGIN = 0.05  # of flaws: fewer in a hundred pictures nobody sees in a grid of 64
_CERTAIN = 2.0  # standard errors


@dataclass(frozen=True)
class Flaws:
    """How much worse built pictures are than the real ones, and the standard error of that.

    The share of pictures in pieces beyond that of the real set, plus the share of hazy background beyond
    theirs: 0 for pictures that are as whole and clean as the real ones, or more so, up to 2.
    """

    value: float
    error: float

    def exceed(self, other: Flaws) -> bool:
        """Whether they are more by five in a hundred and by twice the standard error of the difference."""
        return self.value - other.value > max(_MARGIN, _CERTAIN * math.hypot(self.error, other.error))


@dataclass(frozen=True)
class Best:
    """The best snapshot so far, its kernel distance, and its flaws where they were measured."""

    snapshot: str  # file name
    tick: int
    kimg: float
    name: str  # of the number, which names its features: "kid_efficientnet_lite1"
    value: float
    error: float  # standard error of the value
    flaws: float | None = None
    flaws_error: float | None = None

    def lower_than(self, other: Best) -> bool:
        """Whether its value is lower by more than the standard error of the difference."""
        return self.value < other.value - math.hypot(self.error, other.error)

    def has_more_flaws_than(self, least: Flaws | None) -> bool:
        """Whether it has clearly more flaws than the snapshot with the least; False where unmeasured."""
        if least is None or self.flaws is None or self.flaws_error is None:
            return False
        return Flaws(self.flaws, self.flaws_error).exceed(least)


def better(
    best: Best | None, least: Flaws | None, candidate: Best | None
) -> tuple[Best | None, Flaws | None]:
    """The best of a run after a snapshot was measured, and the least flaws of its snapshots until now.

    1. A snapshot whose creatures fall apart is not the best, however low its distance: one with more flaws
       than the snapshot with the least of them, see `Flaws.exceed`. Where the real set itself is in pieces
       (photographs, fonts) no snapshot has flaws. Where they were not measured, this rule is left out.
    2. Of the others a lower distance is better, by more than the standard error of the difference, which is
       √(a² + b²) for errors a and b: of snapshots that the measurement cannot tell apart the earliest stays,
       as the one-standard-error rule (Breiman et al. 1984, section 3.4.3) prefers the simplest model. It is
       the one that has seen least of the training pictures. Small steps add up, as all are compared with the
       same best. Both errors are those of the generated pictures and the real set, and the real set is the
       same: the bound is on the careful side.

    A number of other features cannot be compared: the candidate starts anew.
    """
    if candidate is None:
        return best, least
    if candidate.flaws is not None and candidate.flaws_error is not None:
        own = Flaws(candidate.flaws, candidate.flaws_error)
        least = own if least is None or own.value < least.value else least
    if best is None or candidate.name != best.name:
        return candidate, least
    apart, was_apart = (snapshot.has_more_flaws_than(least) for snapshot in (candidate, best))
    if apart != was_apart:
        return (best if apart else candidate), least
    return (candidate if candidate.lower_than(best) else best), least


def flaws_of(metrics: Mapping[str, Any]) -> Flaws | None:
    """The flaws of measured pictures; None where the metrics lack "sprite" or are damaged.

    Pictures without any background have no haze, nor do those compared with such real ones.
    """
    sprite = metrics.get("sprite")
    figures = sprite.get("figures") if isinstance(sprite, Mapping) else None
    if not isinstance(figures, Mapping):
        return None
    whole, haze = (_figure(figures.get(name)) for name in ("whole", "haze"))
    if whole is None:
        return None
    value, squares = max(whole[1] - whole[0], 0.0), whole[2] ** 2
    if haze is not None:  # in percent
        value, squares = value + max(haze[0] - haze[1], 0.0) / 100, squares + (haze[2] / 100) ** 2
    return Flaws(value, math.sqrt(squares))


def _figure(entry: Any) -> tuple[float, float, float] | None:
    """Value, real set's value and standard error of an entry of `metrics.figures.compared`."""
    try:
        value, reals, error = (float(entry[key]) for key in ("value", "reals", "error"))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return (value, reals, abs(error)) if math.isfinite(value + reals + error) else None


def alarms_of(metrics: Any) -> tuple[str, ...]:
    """Which of "memorisation" and "diversity" raised the alarm; none where the metrics are damaged.

    A distance alone does not see copies of training images and cannot be relied on to see a collapse.
    """
    parts = metrics if isinstance(metrics, Mapping) else {}
    entries = ((name, parts.get(name)) for name in _ALARMS)
    return tuple(name for name, entry in entries if isinstance(entry, Mapping) and entry.get("alarm"))


def measured_as(name: str, metrics: Any, snapshot: str, tick: int, kimg: float) -> Best | None:
    """A snapshot with one of its metrics, whatever the alarms; None unless the value is a finite number.

    The error is infinite where it was not recorded.
    """
    try:
        measured = metrics["values"][name]
        value = float(measured["value"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(value):
        return None
    error, flaws = standard_error(measured), flaws_of(metrics)
    own = (None, None) if flaws is None else (flaws.value, flaws.error)
    return Best(snapshot, tick, kimg, name, value, math.inf if error is None else error, *own)


def candidate_of(metrics: Mapping[str, Any], snapshot: str, tick: int, kimg: float) -> Best | None:
    """A measured snapshot as a candidate; None without a kernel distance and its error, or with an alarm.

    metrics: as `metrics.evaluate.evaluate` returns it.
    """
    if alarms_of(metrics):
        return None
    for name in metrics.get("values", {}):
        if name == "kid" or name.startswith("kid_"):
            found = measured_as(name, metrics, snapshot, tick, kimg)
            if found is not None and math.isfinite(found.error):
                return found
    return None


def standard_error(measured: Any) -> float | None:
    """The standard error of {"value", "error", "interval"}: its own, or from the 95 % interval.

    None where neither is a finite number; metrics of few images have an interval only.
    """
    try:
        if measured.get("error") is not None:
            error = abs(float(measured["error"]))
        else:
            low, high = map(float, measured["interval"])
            error = abs(high - low) / (2 * 1.96)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None
    return error if math.isfinite(error) else None


def read_best(run: Path) -> dict[str, Any] | None:
    """What best.json of a run says, None where there is none or it is damaged."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((run / FILE).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else None
    return None


def write_best(run: Path, best: Best | None) -> bool:
    """Bring best.json to `best`; returns whether it said anything else before."""
    facts = None if best is None else dataclasses.asdict(best)
    wanted = facts and {name: value for name, value in facts.items() if value is not None}
    if read_best(run) == wanted:
        return False
    if wanted is None:
        with contextlib.suppress(OSError):
            (run / FILE).unlink()
    else:
        write_json(run / FILE, wanted)
    return True
