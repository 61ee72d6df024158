"""Whether a run gets better, and whether it is over: pure functions of its records."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from stylegan_pokemon.report.finding import (
    GOOD,
    IN_A_ROW,
    INFO,
    LONG,
    UNDECIDED,
    WARN,
    Finding,
    Plan,
    Record,
    dig,
    discriminator_loss,
    guesses,
    start_of_streak,
)
from stylegan_pokemon.report.words import figure, number
from stylegan_pokemon.training.run_dir.best import Best, Flaws, better, flaws_of


@dataclass(frozen=True)
class Measure:
    """The number by which a run is judged, at the ticks at which it was measured."""

    name: str
    points: list[tuple[int, float, float]]  # tick, value (lower is better), standard error
    alarmed: frozenset[int] = frozenset()  # ticks whose pictures are alike or copies
    flaws: dict[int, Flaws] = field(default_factory=dict)  # of ticks at which bodies were measured

    @property
    def best(self) -> tuple[int, float, float]:
        """The point of the best snapshot, by the rule of training.best; where all were alarmed, among all."""
        sound = [point for point in self.points if point[0] not in self.alarmed] or self.points
        best, least = None, None
        for tick, value, error in sound:
            flaws = self.flaws.get(tick)
            own = (None, None) if flaws is None else (flaws.value, flaws.error)
            best, least = better(best, least, Best("", tick, 0.0, self.name, value, error, *own))
        assert best is not None
        return best.tick, best.value, best.error

    @property
    def passed_over(self) -> list[tuple[int, float, float]]:
        """Points without an alarm whose value is lower than the best one's: their creatures fall apart."""
        _, best, sure = self.best
        return [point for point in self.points
                if point[0] not in self.alarmed and point[1] + math.hypot(point[2], sure) < best]  # fmt: skip


def measure_of(records: Sequence[Record]) -> Measure | None:
    """KID where it was measured, else the Fréchet distance; None where neither was."""
    names = {str(name) for r in records if isinstance(values := dig(r, "metrics", "values"), dict)
             for name in values}  # fmt: skip
    for family in ("kid", "fid", "fd"):
        for name in sorted(n for n in names if n == family or n.startswith(family + "_")):
            if (measure := measure_named(name, records)) is not None:
                return measure
    return None


def measure_named(name: str, records: Sequence[Record]) -> Measure | None:
    """One of the metrics as a measure; None where no record has it."""
    found = ((r["tick"], dig(r, "metrics", "values", name)) for r in records)
    points = [(tick, value, standard_error(it) or 0.0) for tick, it in found
              if (value := number(dig(it, "value"))) is not None]  # fmt: skip
    alarmed = frozenset(r["tick"] for r in records for part in ("diversity", "memorisation")
                        if dig(r, "metrics", part, "alarm") is True)  # fmt: skip
    metrics = ((r["tick"], r.get("metrics")) for r in records)
    flaws = {tick: flaws for tick, it in metrics
             if isinstance(it, dict) and (flaws := flaws_of(it)) is not None}  # fmt: skip
    return Measure(name, points, alarmed, flaws) if points else None


def measure_title(name: str) -> str:
    """The measure as people write it: "KID", "FID", "FD"; with a foreign feature network in brackets."""
    family, _, features = name.partition("_")
    return family.upper() + (f" ({features.replace('_', '-')})" if features else "")


def course_of(records: Sequence[Record], plan: Plan, sound: bool, lost: bool = False) -> list[Finding]:
    """Whether it gets better, and whether it is over.

    sound: no judge has found a trouble. lost: one has found a trouble so grave that a trend would mislead.
    """
    trend = None if lost else _trend(records, plan)
    if trend is None and sound:
        trend = _balance(records, plan)
    if plan.kimg is None or records[-1]["kimg"] < plan.kimg - 1e-6:
        return [trend] if trend else []
    return _at_the_end(f"Complete: {figure(records[-1]['kimg'])} of {figure(plan.kimg)} kimg", trend)


def _at_the_end(complete: str, trend: Finding | None) -> list[Finding]:
    if trend is None:
        return [Finding("complete", GOOD, f"{complete}.")]
    if trend.level == WARN:
        return [trend, Finding("complete", GOOD, f"{complete}.")]
    if trend.kind == "improving":
        words = f"{complete}, and it was still improving when it ended; a larger --kimg goes on."
        return [Finding("complete, improving", GOOD, words), dataclasses.replace(trend, advice="")]
    if trend.back_to is not None:
        words = f"{complete}; the best snapshot is that of tick {trend.back_to}."
        return [Finding("complete, best", GOOD, words), trend]
    # What to do while it runs is no advice any more.
    kept = trend if trend.kind == "balanced" else dataclasses.replace(trend, advice="")
    return [Finding("complete", GOOD, f"{complete}."), kept]


def _trend(records: Sequence[Record], plan: Plan) -> Finding | None:
    measure = measure_of(records)
    if measure is None or len(measure.points) < IN_A_ROW:
        return None
    points, title = measure.points, measure.name.partition("_")[0].upper()
    tick, best, error = measure.best
    place = [point[0] for point in points].index(tick)
    after = points[place + 1 :]
    nearer = [point for point in measure.passed_over if point[0] > tick]
    if plan.patience and len(after) >= plan.patience:
        apart = " of those whose creatures hold together" if nearer else ""
        return Finding(
            "patience", INFO,
            f"No improvement in {len(after)} measurements, and --patience {plan.patience} is used up: the"
            f" best {title}{apart} was {figure(best)} at tick {tick} (lower is better).",
            "Use the best snapshot; a larger --patience goes on.", tick, tick,
        )  # fmt: skip
    if nearer:
        later, value, _ = nearer[-1]
        return Finding(
            "apart", INFO,
            f"The pictures come nearer to the training pictures ({title} {figure(value)} at tick {later},"
            f" {figure(best)} at tick {tick}), but their creatures fall apart: the best snapshot is that of"
            f" tick {tick}.",
            "Train on, creatures often come together again; or go back to that tick with half of --lr.",
            nearer[0][0], tick,
        )  # fmt: skip
    if not after and measure.passed_over:
        return Finding(
            "mending", GOOD,
            f"The creatures hold together better than at any tick before, which counts for more than {title}"
            f" ({figure(best)}, {figure(min(value for _, value, _ in measure.passed_over))} before).",
            "Let it run.",
        )  # fmt: skip
    if len(after) >= IN_A_ROW and all(v > best + 2 * math.hypot(error, e) for _, v, e in after[-IN_A_ROW:]):
        since = next(t for t, v, e in after if v > best + 2 * math.hypot(error, e))
        return Finding(
            "worse", WARN,
            f"It gets worse: since tick {since} the pictures are farther from the training pictures than"
            f" they were ({title} {figure(points[-1][1])} now, {figure(best)} at tick {tick}).",
            f"Go back to tick {tick}; training longer is unlikely to help.", since, tick,
        )  # fmt: skip
    if len(after) >= LONG:
        return Finding(
            "stalled", INFO,
            f"Stalled since tick {tick}: the {len(after)} measurements after it were no better than its"
            f" {title} of {figure(best)} (lower is better).",
            "Use the best snapshot, or go on with half of --lr from it.", tick, tick,
        )  # fmt: skip
    earlier, recent = points[: -(IN_A_ROW - 1)], points[-(IN_A_ROW - 1) :]
    was_tick, was, was_error = min(earlier, key=lambda point: point[1])
    newest = min(recent, key=lambda point: point[1])
    now_tick, now, now_error = points[-1]
    if all(value < was - math.hypot(was_error, e) for _, value, e in (newest, points[-1])):
        return Finding(
            "improving", GOOD,
            f"Still improving: {title} {figure(newest[1])} at tick {newest[0]}, it was {figure(was)} at tick"
            f" {was_tick} (lower is better).",
            "Let it run.",
        )  # fmt: skip
    words = f"stays around {figure(best)}, up and down by no more than its own error"
    if now > best + math.hypot(now_error, error):
        words = f"is {figure(now)} at tick {now_tick}, it was {figure(best)} at tick {tick} (lower is better)"
    return Finding(
        "wavering", INFO, f"No clear trend: {title} {words}.",
        "Let it run a few ticks more.",
    )  # fmt: skip


def _balance(records: Sequence[Record], plan: Plan) -> Finding | None:
    """Without metrics: what losses, r_t and p say of a run in which nothing is wrong."""
    if len(records) < IN_A_ROW:
        return Finding(
            "early", INFO, f"Too early to say after {_count(len(records), 'tick')}.",
            "Losses and r_t mean something after three ticks, pictures after some ten.",
        )  # fmt: skip
    r_t, d = number(records[-1].get("r_t")), discriminator_loss(records[-1])
    if r_t is None or d is None:
        return Finding(
            "silent", INFO, "The newest tick lacks losses or r_t: only its pictures can be judged.",
            "Move the slider; --metrics measures whether the pictures get better.",
        )  # fmt: skip
    p, before = (number(r.get("p")) for r in (records[-1], records[-min(len(records), LONG)]))
    if plan.aug == "ada" and p is not None and before is not None and p > before + 0.02:
        return Finding(
            "held", INFO,
            "Going well: the discriminator begins to know its pictures, and augmentation holds it back (p"
            f" has risen to {figure(p)}, r_t is {figure(r_t)}).",
            "Nothing to do until p reaches its cap of 0.85. Whether the pictures still get better only"
            " metrics can tell (--metrics).",
        )  # fmt: skip
    ahead = list(map(_ahead, records))
    if all(ahead[-IN_A_ROW:]) and not plan.critic:
        since = records[start_of_streak(ahead)]["tick"]
        return Finding(
            "ahead", INFO,
            f"The discriminator is ahead since tick {since} (r_t {figure(r_t)}, its loss {figure(d)} where"
            f" {figure(UNDECIDED)} is a coin toss): the generator learns, but slowly.",
            "Watch it: should it win altogether, twice --gamma or more augmentation helps.", since,
        )  # fmt: skip
    if guesses(records[-1]) and not plan.critic:
        return Finding(
            "undecided", INFO,
            f"The discriminator does not tell drawn pictures from real ones yet (r_t {figure(r_t)}).",
            "That is usual in a run's first ticks; it should pass.",
        )  # fmt: skip
    return Finding(
        "balanced", GOOD,
        f"Going well: the two networks keep each other in balance (r_t {figure(r_t)}, discriminator loss"
        f" {figure(d)}).",
        "Whether the pictures still get better only metrics can tell (--metrics), or your eyes: move the"
        " slider.",
    )  # fmt: skip


def _ahead(record: Record) -> bool:
    """Whether the discriminator is seldom wrong: r_t from 0.8, or half of its undecided loss or less."""
    r_t, d = number(record.get("r_t")), discriminator_loss(record)
    return r_t is not None and d is not None and (r_t >= 0.8 or d < UNDECIDED / 2)


def standard_error(measured: Any) -> float | None:
    """Standard error of {"value", "error", "interval"}; None where it is unknown."""
    error = number(dig(measured, "error"))
    if error is not None:
        return abs(error)
    interval = dig(measured, "interval")
    if isinstance(interval, list) and len(interval) == 2:
        low, high = map(number, interval)
        if low is not None and high is not None:
            return abs(high - low) / (2 * 1.96)  # of a 95 % interval
    return None


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
