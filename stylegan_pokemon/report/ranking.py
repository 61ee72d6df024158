"""Which of several runs is best, and whether that can be told: pure functions of what the runs recorded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegan_pokemon.report.course import measure_named, measure_title
from stylegan_pokemon.report.finding import GOOD, INFO, WARN, Finding, Record, dig
from stylegan_pokemon.report.reading import Run
from stylegan_pokemon.report.words import figure, number, plus_minus
from stylegan_pokemon.training.run_dir.best import Best, Flaws, alarms_of

_FAMILIES = ("kid", "fid", "fd")  # what runs are judged by; the first that was measured
_FRESH = (None, "", "fresh")  # what config.json names as the start of a run from scratch
_UNFAIR = ("data", "conditions", "flaws")  # kinds of cautions that forbid a comparison of numbers


@dataclass(frozen=True)
class Standing:
    """A run at its best measured tick, by the rule of training.best."""

    name: str
    run: Run
    best: Best | None = None  # None if the run never measured the metric; an error of 0 is an unknown one
    record: Record | None = None  # that tick
    alarms: tuple[str, ...] = ()  # at that tick: only where every tick raised one

    @property
    def figures(self) -> str:
        """The value and its error: "0.0102 ± 0.0006"; "–" if it was not measured."""
        return "–" if self.best is None else plus_minus(self.best.value, self.best.error)

    @property
    def flaws(self) -> Flaws | None:
        """How broken and hazy its sprites are, where that was measured."""
        if self.best is None or self.best.flaws is None or self.best.flaws_error is None:
            return None
        return Flaws(self.best.flaws, self.best.flaws_error)


def names_of(runs: Sequence[Run]) -> list[str]:
    """Names of folders, each with as many of its parents as tell it from the others."""
    parts = [run.path.resolve().parts for run in runs]
    names = []
    for own in parts:
        others = [other for other in parts if other is not own]
        length = next((n for n in range(1, len(own)) if all(o[-n:] != own[-n:] for o in others)), len(own))
        names.append(str(Path(*own[-length:])))
    return names


def start_of(run: Run) -> str:
    """The checkpoint that the run started from; "scratch" without one, "–" if it is unknown."""
    if not run.config:
        return "–"
    start = run.config.get("start")
    return "scratch" if start in _FRESH else Path(str(start)).stem


def yardstick(runs: Sequence[Run]) -> str | None:
    """The metric to judge by: KID, else FID or FD, with the features that most runs used; None without."""
    counts: Counter[str] = Counter()
    for run in runs:
        tables = [t for r in run.records if isinstance(t := dig(r, "metrics", "values"), dict)]
        counts.update({str(n) for t in tables for n, it in t.items() if number(dig(it, "value")) is not None})

    def worth(name: str) -> tuple[bool, int, int, str]:
        # A metric of a single run compares nothing, but is better than none.
        return counts[name] == 1, _FAMILIES.index(name.partition("_")[0]), -counts[name], name

    return min((name for name in counts if name.partition("_")[0] in _FAMILIES), key=worth, default=None)


def standing(run: Run, name: str, yard: str | None) -> Standing:
    """The best tick of a run by the metric `yard`."""
    measure = measure_named(yard, run.records) if yard is not None else None
    if measure is None:
        return Standing(name, run)
    best, records = measure.best, {r["tick"]: r for r in run.records}
    record = records[best.tick]
    return Standing(name, run, best, record, alarms_of(record.get("metrics")))


def exceeds(a: Best, b: Best) -> bool | None:
    """Whether two values differ by more than two standard errors of the difference; None if unknown."""
    return abs(a.value - b.value) > 2 * math.hypot(a.error, b.error) if a.error and b.error else None


def ranked(found: Sequence[Standing]) -> list[tuple[Standing, Best]]:
    """The measured runs, the best first; those with an alarm come last."""
    measured = [(s, s.best) for s in found if s.best is not None]
    return sorted(measured, key=lambda pair: (bool(pair[0].alarms), pair[1].value))


def judgement(found: Sequence[Standing], measure: str | None) -> list[Finding]:
    """Which run is best and how sure that is; first what forbids a comparison, last other cautions."""
    verdict, cautions = _verdict(ranked(found), len(found), measure), _cautions(found, measure)
    unfair = [caution for caution in cautions if caution.kind in _UNFAIR]
    if unfair and verdict.kind in ("best", "tie"):
        lowest, _ = ranked(found)[0]
        words = f"The lowest value, {lowest.figures} of {lowest.name}, does not decide which run is best."
        verdict = Finding("unfair", INFO, words)
    return [*unfair, verdict, *(caution for caution in cautions if caution.kind not in _UNFAIR)]


def _verdict(order: Sequence[tuple[Standing, Best]], count: int, measure: str | None) -> Finding:
    if measure is None or not order:
        return Finding(
            "unmeasured", INFO, "No run measured KID, so none can be called best.",
            "Compare their images and losses below. finetune.py measures KID unless --metrics omits it.",
        )  # fmt: skip
    title, (first, best) = measure_title(measure).partition(" ")[0], order[0]
    own = f"{first.name}, {first.figures} at tick {best.tick}"
    if len(order) == 1:
        words = f"Only one of {count} runs measured {title}: {own}."
        return Finding("alone", INFO, words, "Compare the others by their images and losses.")
    if first.alarms:
        words = f"Every run that measured {title} raised an alarm. The lowest is {own}."
        return Finding("unsound", WARN, words, "A low distance of copied or collapsed images means nothing.")
    rivals = [(s, b) for s, b in order[1:] if not s.alarms]
    if not rivals:
        return Finding("best", GOOD, f"Best {title}: {own}. All other measured runs raised an alarm.")
    second = rivals[0][0]
    if any(exceeds(best, b) is None for _, b in rivals):
        words = f"Lowest {title}: {own}. Next: {second.name}, {second.figures}."
        return Finding("unsure", INFO, words, "The difference may be noise: standard errors are missing.")
    close = [s for s, b in rivals if not exceeds(best, b)]
    if close:
        near = _listed([s.name for s in close]) if len(close) <= 3 else f"{len(close)} other runs"
        words = f"No clear winner by {title}: the lowest is {own}, but {near} cannot be told from it."
        advice = "More generated images (--metrics-num) make the errors smaller."
        return Finding("tie", INFO, words, advice)
    words = f"Best {title}: {own}. Next: {second.name}, {second.figures}. The difference exceeds two standard"
    return Finding("best", GOOD, f"{words} errors.")


def _cautions(found: Sequence[Standing], measure: str | None) -> list[Finding]:
    cautions, order = [], ranked(found)
    data = _differ(s.run.config.get("data_sha256") or s.run.config.get("data") for s in found)
    if data:
        cautions.append(Finding(
            "data", WARN, "The runs use different data sets, so their numbers cannot be compared.",
            "Every metric is a distance to the run's own training images.",
        ))  # fmt: skip
    for words, read in _CONDITIONS.items():
        values = [(s.name, read(s.record, measure)) for s, _ in order]
        if _differ(value for _, value in values) and not (words == _REALS and data):
            said = _listed([f"{name}: {_short(value)}" for name, value in values])
            cautions.append(Finding(
                "conditions", WARN, f"The runs were measured with different {words} ({said}).",
                "Only numbers that were measured in the same way can be compared.",
            ))  # fmt: skip
    own = order[0][0].flaws if order else None
    for s, _ in order[1:]:
        if own is not None and s.flaws is not None and not s.alarms and own.exceed(s.flaws):
            words = f"The sprites of {order[0][0].name} hold together less well than those of {s.name}."
            cautions.append(Finding(
                "flaws", WARN, words, "Compare the columns “whole” and “haze”, and look at the images.",
            ))  # fmt: skip
    return cautions


_REALS = "numbers of real images"
_CONDITIONS: dict[str, Callable[[Record | None, str | None], Any]] = {
    "numbers of generated images": lambda r, _: dig(r, "metrics", "samples"),
    _REALS: lambda r, _: dig(r, "metrics", "reals"),
    "truncations": lambda r, _: dig(r, "metrics", "truncation_psi"),
    "feature networks": lambda r, name: dig(
        r, "metrics", "features", (name or "").partition("_")[2], "sha256"
    ),
}


def _differ(values: Any) -> bool:
    return len({repr(value) for value in values if value is not None}) > 1


def _short(value: Any) -> str:
    known = number(value)
    return str(value)[:8] if known is None else figure(known)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
