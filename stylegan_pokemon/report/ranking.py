"""Which of several runs is best, and whether that can be told: pure functions of what the runs recorded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegan_pokemon.report.course import measure_named, measure_title, standard_error
from stylegan_pokemon.report.finding import GOOD, INFO, WARN, Finding, Record, dig
from stylegan_pokemon.report.reading import Run
from stylegan_pokemon.report.words import duration, figure, number, plus_minus
from stylegan_pokemon.training.run_dir.best import Flaws

_FAMILIES = ("kid", "fid", "fd")  # what runs are judged by; the first that was measured
_ALARMS = {"memorisation": "near copies", "diversity": "collapse"}
_AFRESH = (None, "", "fresh")  # what config.json names as the start of a run without one


@dataclass(frozen=True)
class Standing:
    """How one run did: its best measured tick, by the number that all are judged by."""

    name: str
    run: Run
    record: Record | None = None  # the tick; None if the run never measured the number
    value: float = math.nan
    error: float | None = None  # standard error; None if it was not recorded
    alarms: tuple[str, ...] = ()  # at that tick; it is only chosen if every other tick has one as well
    flaws: Flaws | None = None  # at that tick
    barred: tuple[Record, float, str] | None = None  # a lower value that is ruled out, and why

    @property
    def figures(self) -> str:
        """The value and its error: "0.0102 ± 0.0006"."""
        return plus_minus(self.value, self.error)


def names_of(runs: Sequence[Run]) -> list[str]:
    """Names of folders, each with as many of its parents as tell it from the others."""
    parts = [run.path.resolve().parts for run in runs]
    names = []
    for own in parts:
        others = [other for other in parts if other is not own]
        length = next((n for n in range(1, len(own)) if all(o[-n:] != own[-n:] for o in others)), len(own))
        names.append(str(Path(*own[-length:])))
    return names


def begun_with(run: Run) -> str:
    """What the weights come from, as a name; "nothing" for a run that began afresh, "–" if it is unknown."""
    if not run.config:
        return "–"
    start = run.config.get("start")
    return "nothing" if start in _AFRESH else Path(str(start)).stem


def yardstick(runs: Sequence[Run]) -> str | None:
    """The number to judge by: KID, else FID or FD, with the features that most runs used; None without."""
    counts: dict[str, int] = {}
    for run in runs:
        tables = [t for r in run.records if isinstance(t := dig(r, "metrics", "values"), dict)]
        for name in {str(n) for t in tables for n, it in t.items() if number(dig(it, "value")) is not None}:
            counts[name] = counts.get(name, 0) + 1
    for at_least in (2, 1):  # a number that only one run has compares nothing, but is better than none
        for family in _FAMILIES:
            known = [n for n, count in counts.items() if n.partition("_")[0] == family and count >= at_least]
            if known:
                return min(known, key=lambda name: (-counts[name], name))
    return None


def standings(runs: Sequence[Run], names: Sequence[str], measure: str | None) -> list[Standing]:
    """Of every run its best tick, in the order given.

    That is the one whose snapshot training keeps as its best, see `training.best.better`.
    """
    return [_standing(run, name, measure) for run, name in zip(runs, names, strict=True)]


def exceeds(a: Standing, b: Standing) -> bool | None:
    """Whether two runs differ by more than twice the standard error of the difference; None if unknown."""
    if a.error is None or b.error is None:
        return None
    return abs(a.value - b.value) > 2 * math.hypot(a.error, b.error)


def ranked(found: Sequence[Standing]) -> list[Standing]:
    """Those that were measured, the best first; what raised an alarm comes after all that did not."""
    return sorted((s for s in found if s.record is not None), key=lambda s: (bool(s.alarms), s.value))


def judgement(found: Sequence[Standing], measure: str | None) -> list[Finding]:
    """Which run is best and how sure that is, after what forbids a comparison; then what weakens it."""
    verdict, cautions = _verdict(ranked(found), len(found), measure), _cautions(found, measure)
    unfair = [caution for caution in cautions if caution.kind in _UNFAIR]
    if unfair and verdict.kind in ("best", "tie"):
        lowest = ranked(found)[0]
        words = f"The lowest number, {lowest.figures} of {lowest.name}, does not say which run is best."
        verdict = Finding("unfair", INFO, words)
    return [*unfair, verdict, *(caution for caution in cautions if caution.kind not in _UNFAIR)]


def is_fair(found: Sequence[Standing], measure: str | None) -> bool:
    """Whether a lower number is a better run: the same data, measured alike, creatures no less whole."""
    return not any(caution.kind in _UNFAIR for caution in _cautions(found, measure))


_UNFAIR = ("data", "conditions", "bodies")  # kinds of cautions


# ------------------------------------------------------------------ one run


def _standing(run: Run, name: str, yard: str | None) -> Standing:
    measure = measure_named(yard, run.records) if yard is not None else None
    if measure is None:
        return Standing(name, run)
    tick, value, _ = measure.best
    records = {r["tick"]: r for r in run.records}
    error = standard_error(dig(records[tick], "metrics", "values", measure.name))
    low, lowest, _ = min(measure.points, key=lambda point: point[1])
    barred = None
    if low in measure.alarmed and tick not in measure.alarmed and lowest < value:
        barred = (records[low], lowest, f"it raised the alarm for {' and '.join(_alarms(records[low]))}")
    elif any(point[0] == low for point in measure.passed_over):
        barred = (records[low], lowest, "its creatures fall apart")
    own, flaws = records[tick], measure.flaws.get(tick)
    return Standing(name, run, own, value, error, _alarms(own), flaws, barred)


def _alarms(record: Record) -> tuple[str, ...]:
    return tuple(word for part, word in _ALARMS.items() if dig(record, "metrics", part, "alarm") is True)


# ------------------------------------------------------------------ all of them


def _verdict(order: Sequence[Standing], count: int, measure: str | None) -> Finding:
    if measure is None or not order:
        return Finding(
            "unmeasured", INFO, "Which run is best cannot be said: none of them measured KID.",
            "Their pictures and losses are below. finetune.py measures KID unless it is told --metrics none.",
        )  # fmt: skip
    title, first = measure_title(measure).partition(" ")[0], order[0]
    own = f"{first.name}, {first.figures} at tick {first.record['tick']}" if first.record else first.name
    if len(order) == 1:
        words = f"Only one of {count} runs measured {title}: {own}."
        return Finding("alone", INFO, words, "The others can be compared by their pictures and losses.")
    if first.alarms:
        words = f"No run is sound: all that measured {title} raised an alarm. The lowest is {own}."
        return Finding("unsound", WARN, words, "A low number of copies or of a collapse is worth nothing.")
    rivals = [s for s in order[1:] if not s.alarms]
    if not rivals:
        words = f"Best by {title}: {own}; every other measured run raised an alarm."
        return Finding("best", GOOD, words)
    if any(exceeds(first, s) is None for s in rivals):
        words = f"Lowest {title}: {own}; then {rivals[0].name} with {rivals[0].figures}."
        why = "Errors were not recorded, so nobody can say whether the difference means anything."
        return Finding("unsure", INFO, words, why)
    close = [s for s in rivals if not exceeds(first, s)]
    if not close:
        second = rivals[0]
        error = 2 * math.hypot(first.error or 0.0, second.error or 0.0)
        words = (
            f"Best by {title}: {own}. The next, {second.name} with {second.figures}, is"
            f" {figure(second.value - first.value)} behind, and that exceeds the errors."
        )
        return Finding(
            "best", GOOD, words, f"Their errors alone could explain a difference of {figure(error)}."
        )
    return Finding(
        "tie", INFO,
        f"No clear winner by {title}: the lowest is {own}, but {_within(close)} within the errors.",
        _soonest([first, *close]),
    )  # fmt: skip


def _within(close: Sequence[Standing]) -> str:
    if len(close) == 1:
        return f"{close[0].name} with {close[0].figures} lies"
    if len(close) > 3:
        return f"{len(close)} other runs lie"
    return f"{_listed([s.name for s in close])} lie"


def _soonest(level: Sequence[Standing]) -> str:
    """Among equals the one that got there first is the cheapest."""
    timed = [(s, seconds) for s in level if (seconds := number(dig(s.record, "seconds"))) is not None]
    if len(timed) < len(level):
        return "More drawn pictures (--metrics-num) make the errors smaller."
    run, seconds = min(timed, key=lambda pair: pair[1])
    return f"Of these {run.name} needed the least time, {duration(seconds)}."


def _cautions(found: Sequence[Standing], measure: str | None) -> list[Finding]:
    cautions = []
    measured = [s for s in found if s.record is not None]
    data = _differing(found, lambda s: s.run.config.get("data_sha256") or s.run.config.get("data"))
    if data:
        cautions.append(Finding(
            "data", WARN, "The runs learn from different data sets, so their numbers are no fair comparison.",
            "Every metric is a distance to the training pictures of its own run.",
        ))  # fmt: skip
    for words, read in _CONDITIONS.items():
        if not (words == _REALS and data) and _differing(measured, lambda s, read=read: read(s, measure)):
            said = _listed([f"{s.name}: {_short(read(s, measure))}" for s in measured])
            cautions.append(Finding(
                "conditions", WARN, f"The runs were measured with different {words} ({said}).",
                "Only numbers that were measured in the same way can be compared.",
            ))  # fmt: skip
    if len(order := ranked(found)) > 1 and (own := order[0].flaws) is not None:
        sounder = [s for s in order[1:] if not s.alarms and s.flaws is not None and own.exceed(s.flaws)]
        cautions += [
            Finding(
                "bodies", WARN,
                f"The creatures of {order[0].name} hold together less well than those of {s.name}, whatever"
                " the distances say.",
                "Compare the columns “whole” and “haze”, and look at the pictures.",
            )
            for s in sounder
        ]  # fmt: skip
    cautions += [
        Finding(
            "barred", WARN,
            f"{s.name} went down to {figure(s.barred[1])} at tick {s.barred[0]['tick']}, but that does not"
            f" count: {s.barred[2]}.",
        )
        for s in found if s.barred is not None
    ]  # fmt: skip
    return cautions


_REALS = "numbers of real pictures"
_CONDITIONS: dict[str, Callable[[Standing, str | None], Any]] = {
    "numbers of drawn pictures": lambda s, _: dig(s.record, "metrics", "samples"),
    _REALS: lambda s, _: dig(s.record, "metrics", "reals"),
    "truncations": lambda s, _: dig(s.record, "metrics", "truncation_psi"),
    "feature files": lambda s, measure: dig(
        s.record, "metrics", "features", (measure or "").partition("_")[2], "sha256"
    ),
}


def _differing(found: Sequence[Standing], read: Callable[[Standing], Any]) -> bool:
    return len({repr(value) for s in found if (value := read(s)) is not None}) > 1


def _short(value: Any) -> str:
    known = number(value)
    return str(value)[:8] if known is None else figure(known)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
