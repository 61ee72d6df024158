"""Whether a run improves, and whether it is over: pure functions of its records."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from stylegan_pokemon.report.finding import (
    GOOD,
    IN_A_ROW,
    INFO,
    LONG,
    WARN,
    Finding,
    Plan,
    Record,
    dig,
    discriminator_loss,
)
from stylegan_pokemon.report.words import figure, number
from stylegan_pokemon.training.run_dir.best import Best, alarms_of, better, measured_as


@dataclass(frozen=True)
class Measure:
    """The metric by which a run is judged: all measured ticks, and the best by the rule of training.best."""

    name: str
    points: list[Best]  # an unknown standard error counts as 0
    alarmed: frozenset[int]  # ticks whose images are alike or copies

    @property
    def best(self) -> Best:
        """The best of the ticks without an alarm; of all ticks where every one raised an alarm."""
        best, least = None, None
        for point in [point for point in self.points if point.tick not in self.alarmed] or self.points:
            best, least = better(best, least, point)
        assert best is not None
        return best

    @property
    def passed_over(self) -> list[Best]:
        """Ticks without an alarm whose value is lower than that of the best: their sprites fall apart."""
        best = self.best
        return [p for p in self.points if p.tick not in self.alarmed and p.lower_than(best)]


def measure_of(records: Sequence[Record]) -> Measure | None:
    """KID where it was measured, else the Fréchet distance; None where neither was."""
    names = {str(name) for r in records if isinstance(values := dig(r, "metrics", "values"), dict)
             for name in values}  # fmt: skip
    for family in ("kid", "fid", "fd"):
        for name in sorted(n for n in names if n.partition("_")[0] == family):
            if (measure := measure_named(name, records)) is not None:
                return measure
    return None


def measure_named(name: str, records: Sequence[Record]) -> Measure | None:
    """One of the metrics as a measure; None where no record has it."""
    found = (measured_as(name, r.get("metrics"), "", r["tick"], r["kimg"]) for r in records)
    points = [point if math.isfinite(point.error) else dataclasses.replace(point, error=0.0)
              for point in found if point is not None]  # fmt: skip
    alarmed = frozenset(r["tick"] for r in records if alarms_of(r.get("metrics")))
    return Measure(name, points, alarmed) if points else None


def measure_title(name: str) -> str:
    """The metric as people write it: "KID (efficientnet-lite1)", "Recall"."""
    family, _, features = name.partition("_")
    family = family.upper() if len(family) <= 3 else family.capitalize()
    return family + (f" ({features.replace('_', '-')})" if features else "")


def course_of(records: Sequence[Record], plan: Plan, sound: bool, lost: bool = False) -> list[Finding]:
    """Whether the run improves, and whether it is over.

    sound: no judge has found a problem. lost: a problem is so severe that a trend would mislead.
    """
    trend = None if lost else _trend(records, plan)
    if trend is None and sound:
        trend = _balance(records)
    if plan.kimg is None or records[-1]["kimg"] < plan.kimg - 1e-6:
        return [trend] if trend else []
    complete = f"Complete: {figure(records[-1]['kimg'])} of {figure(plan.kimg)} kimg."
    if trend is None:
        return [Finding("complete", GOOD, complete)]
    if trend.level == WARN:
        return [trend, Finding("complete", GOOD, complete)]
    if trend.back_to is not None:
        words = f"{complete} The best snapshot is from tick {trend.back_to}."
        return [Finding("complete, best", GOOD, words), trend]
    # Advice for a run in progress does not apply any more.
    kept = trend if trend.kind == "balanced" else dataclasses.replace(trend, advice="")
    if trend.kind == "improving":
        words = f"{complete} The run was still improving; continue it with a larger --kimg."
        return [Finding("complete, improving", GOOD, words), kept]
    return [Finding("complete", GOOD, complete), kept]


def _trend(records: Sequence[Record], plan: Plan) -> Finding | None:
    measure = measure_of(records)
    if measure is None or len(measure.points) < IN_A_ROW:
        return None
    points, title = measure.points, measure.name.partition("_")[0].upper()
    best, now = measure.best, points[-1]
    tick, lowest = best.tick, figure(best.value)
    after = points[points.index(best) + 1 :]
    lower = measure.passed_over
    nearer = [point for point in lower if point.tick > tick]
    if plan.patience and len(after) >= plan.patience:
        intact = " among snapshots with intact sprites" if nearer else ""
        return Finding(
            "patience", INFO,
            f"Stopped by --patience {plan.patience}: no improvement in {len(after)} measurements. The best"
            f" {title}{intact} was {lowest} at tick {tick} (lower is better).",
            "Use the best snapshot, or continue with a larger --patience.", tick,
        )  # fmt: skip
    if nearer:
        return Finding(
            "apart", INFO,
            f"{title} improves ({figure(nearer[-1].value)} at tick {nearer[-1].tick}, {lowest} at tick"
            f" {tick}), but the sprites fall apart. The best snapshot is from tick {tick}.",
            "Keep training, because sprites often mend. Or restart from that tick with half of --lr.",
            tick,
        )  # fmt: skip
    if not after and lower:
        return Finding(
            "mending", GOOD,
            f"The sprites hold together better than at any earlier tick. That counts for more than {title}"
            f" ({lowest} now, {figure(min(point.value for point in lower))} before).",
            "Keep training.",
        )  # fmt: skip
    worse = [point for point in after if point.value > best.value + 2 * math.hypot(best.error, point.error)]
    if len(after) >= IN_A_ROW and all(point in worse for point in after[-IN_A_ROW:]):
        return Finding(
            "worse", WARN,
            f"Getting worse since tick {worse[0].tick}: {title} is {figure(now.value)}, it was {lowest} at"
            f" tick {tick} (lower is better).",
            f"Use tick {tick}. Training longer is unlikely to help.", tick,
        )  # fmt: skip
    if len(after) >= LONG:
        return Finding(
            "stalled", INFO,
            f"Stalled since tick {tick}: {len(after)} later measurements did not improve on its {title} of"
            f" {lowest} (lower is better).",
            "Use the best snapshot, or restart from it with half of --lr.", tick,
        )  # fmt: skip
    was = min(points[: -(IN_A_ROW - 1)], key=lambda point: point.value)
    newest = min(points[-(IN_A_ROW - 1) :], key=lambda point: point.value)
    if newest.lower_than(was) and now.lower_than(was):
        return Finding(
            "improving", GOOD,
            f"Still improving: {title} is {figure(newest.value)} at tick {newest.tick}, it was"
            f" {figure(was.value)} at tick {was.tick} (lower is better).",
            "Keep training.",
        )  # fmt: skip
    words = f"stays around {lowest}, within its standard error"
    if best.lower_than(now):
        words = f"is {figure(now.value)} at tick {now.tick}, it was {lowest} at tick {tick} (lower is better)"
    return Finding("wavering", INFO, f"No clear trend: {title} {words}.", "Keep training for a few ticks.")


def _balance(records: Sequence[Record]) -> Finding | None:
    """Without metrics: what losses and r_t say about a run without problems."""
    if len(records) < IN_A_ROW:
        count = "1 tick" if len(records) == 1 else f"{len(records)} ticks"
        return Finding(
            "early", INFO, f"Too early to judge after {count}.",
            "Losses and r_t become meaningful after 3 ticks, images after about 10.",
        )  # fmt: skip
    r_t, d = number(records[-1].get("r_t")), discriminator_loss(records[-1])
    if r_t is None or d is None:
        return Finding(
            "silent", INFO, "The newest tick has no losses or no r_t, so only its images can be judged.",
            "Move the slider. --metrics measures whether the images improve.",
        )  # fmt: skip
    return Finding(
        "balanced", GOOD,
        f"No sign of trouble (r_t {figure(r_t)}, discriminator loss {figure(d)}).",
        "Only metrics (--metrics) or your eyes can tell whether the images still improve: move the slider.",
    )  # fmt: skip
