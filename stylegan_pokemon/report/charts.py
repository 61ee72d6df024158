"""Which charts a report has: their series, read from the records, and what each means in plain words."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from stylegan_pokemon.baselines.recipes import RECIPES
from stylegan_pokemon.report.course import measure_title
from stylegan_pokemon.report.explanations import CHARTS, HELD_OUT, METRICS, R_V, WITHOUT_HELD_OUT
from stylegan_pokemon.report.finding import Record
from stylegan_pokemon.report.verdicts import P_CAP
from stylegan_pokemon.report.words import not_finite, number

Read = Callable[[Record], Any]
"""What a record says at one point of a series: a number, NaN, or None where it says nothing."""


def at(*keys: str) -> Read:
    """Read record[keys[0]][keys[1]]…"""

    def read(record: Record) -> Any:
        value: Any = record
        for key in keys:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    return read


@dataclass(frozen=True)
class Series:
    """One line of a chart. `interval` reads [low, high] of its error bars; `faint`: a comparison, thin."""

    label: str
    read: Read
    interval: Read | None = None
    faint: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart: lines over the ticks, and constants across."""

    id: str
    title: str
    section: str
    explanation: str
    series: tuple[Series, ...]
    lines: tuple[tuple[str, float], ...] = ()  # label and height of a dashed line
    range: tuple[float, float] | None = None  # of the y axis, at least
    unit: str = ""


def charts_of(records: Sequence[Record], config: dict[str, Any]) -> list[Chart]:
    """The charts that these records have something for, in their order on the page."""
    candidates = [
        *_metric_charts(records),
        *_creatures(records),
        *_health(records, config),
        *_copying(),
        *_insides(),
        *_machine(records),
    ]
    return [chart for candidate in candidates if (chart := _known(candidate, records)) is not None]


def _health(records: Sequence[Record], config: dict[str, Any]) -> list[Chart]:
    target = number(config.get("ada_target"))
    arch = str(config.get("arch") or "stylegan2")
    earlier, critic = arch != "stylegan2", arch in RECIPES and RECIPES[arch].critic
    ada = str(config.get("aug", "ada")) == "ada" and not earlier
    controlled = (("target of r_t", 0.6 if target is None else target), ("cap of p", P_CAP)) if ada else ()
    held_out = any(number(record.get("signs/heldout")) is not None for record in records)
    about_held_out = HELD_OUT if held_out else WITHOUT_HELD_OUT
    d_real, d_fake = at("loss/D_real"), at("loss/D_fake")
    return [
        _chart("losses", "Losses", "health",
               (Series("generator", at("loss/G")), Series("discriminator, drawn pictures", d_fake),
                Series("discriminator, real pictures", d_real),
                Series("discriminator, held-out pictures", at("loss/D_heldout"))),
               said="critic" if critic else "", lines=() if critic else (("a coin toss", math.log(2)),)),
        _chart("waits", "How often the discriminator waits", "health", (Series("share", at("D_waits")),),
               range=(0, 1)),
        _chart("classes", "Losses about classes", "health",
               (Series("which class a real picture has", at("loss/D_class")),
                Series("generator, whatever the class", at("loss/G_uncond")),
                Series("discriminator, drawn pictures, whatever the class", at("loss/D_fake_uncond")),
                Series("discriminator, real pictures, whatever the class", at("loss/D_real_uncond")))),
        *([] if earlier else [
            _chart("r_t", "Overfitting: r_t and the augmentation p", "health",
                   (Series("r_t", at("r_t")), Series("p", at("p")), Series("r_v", at("r_v"))),
                   lines=controlled, range=(0, 1), further=R_V if held_out else "")]),
        _chart("signs", "Whom does the discriminator believe?", "health", _real_and_drawn("signs"),
               lines=(("half and half", 0.0),), range=(-1, 1), further=about_held_out),
        _chart("scores", "Scores of the discriminator", "health", _real_and_drawn("scores"),
               lines=(("undecided", 0.0),)),
        _chart("r1", "Gradient penalty (R1)", "health", (Series("R1", at("r1/penalty")),)),
        _chart("gp", "Gradient penalty", "health", (Series("(slope − 1)²", at("gp/penalty")),)),
    ]  # fmt: skip


SPRITE = {
    "whole": "Whole creatures",
    "haze": "Haze in the background",
    "speckle": "Speckle inside the body",
    "sharpness": "Sharpness of the silhouette",
    "holes": "Holes in the creature",
    "saturation": "Saturation",
    "palette": "Colours of a creature",
}
"""Titles of the figures of sprites that have a chart, whose ids are theirs, in their order."""


def _creatures(records: Sequence[Record]) -> list[Chart]:
    shapes: dict[str, dict[str, Any]] = {
        "whole": {"range": (0, 1)}, "sharpness": {"range": (0, 1)}, "haze": {"range": (0, 5), "unit": "%"},
        "speckle": {"range": (0, 2), "unit": "%"},
    }  # fmt: skip
    return [
        *(_chart(name, title, "creatures",
                 (Series("drawn pictures", sprite_at(name, "value"), sprite_at(name, "interval")),
                  Series("training pictures", sprite_at(name, "reals"), faint=True)),
                 **shapes.get(name, {"range": (0, 0)}))
          for name, title in SPRITE.items()),
        _chart("style", "Drawing style by size of detail", "creatures",
               tuple(Series(f"{side}×{side}", _level_ratio(side)) for side in _levels(records)),
               lines=(("as good as real", 1.0),), range=(0, 2)),
    ]  # fmt: skip


def sprite_at(name: str, key: str) -> Read:
    """Read part of a figure of sprites, such as the "value" of "whole"."""
    return at("metrics", "sprite", "figures", name, key)


def _levels(records: Sequence[Record]) -> list[str]:
    """Sides of the levels of SWD, finest first."""
    tables = [table for r in records if isinstance(table := _LEVELS(r), dict)]
    sides = {str(side) for table in tables for side in table if str(side).isascii() and str(side).isdigit()}
    return sorted(sides, key=int, reverse=True)[:8]


def _level_ratio(side: str) -> Read:
    def read(record: Record) -> Any:
        value, floor = (number(at("metrics", "values", "swd", "levels", side, key)(record))
                        for key in ("value", "floor"))  # fmt: skip
        return None if value is None or not floor else value / floor

    return read


_LEVELS = at("metrics", "values", "swd", "levels")


def _copying() -> list[Chart]:
    copies, diversity = ("metrics", "memorisation"), ("metrics", "diversity")
    among = Series("training pictures among themselves", at(*copies, "near_copies_reals"), faint=True)
    held_out = Series("held-out pictures", at("metrics", "memorisation_heldout", "near_copies_reals"))
    return [
        _chart("memorisation", "Near copies of training pictures", "copying",
               (Series("drawn pictures", at(*copies, "near_copies")), among, held_out), range=(0, 0.02)),
        _chart("diversity", "Variety", "copying", (Series("drawn pictures", at(*diversity, "ratio")),),
               lines=(("as varied as the training pictures", 1.0),), range=(0, 1.1)),
        _chart("clusters", "Variety within kinds", "copying",
               (Series("drawn pictures", at(*diversity, "intra_cluster")),
                Series("training pictures", at(*diversity, "intra_cluster_reals"), faint=True)),
               range=(0, 0)),
        _chart("colour", "Colourfulness", "copying",
               (Series("drawn pictures", at("colourfulness")),
                Series("training pictures", at("colourfulness_reals"), faint=True)), range=(0, 1)),
    ]  # fmt: skip


def _insides() -> list[Chart]:
    phases = ("Gmain", "Greg", "Dmain", "Dreg")
    return [
        _chart("pl", "Path lengths", "insides",
               (Series("penalty", at("pl/penalty")), Series("length", at("pl/length")))),
        _chart("gradients", "Size of the gradients", "insides",
               tuple(Series(phase, at(f"grad_norm/{phase}")) for phase in phases)),
        _chart("weights", "Size of the weights", "insides", _of_both("weight_norm")),
        _chart("lr", "Learning rates", "insides", _of_both("lr"), range=(0, 0)),
    ]  # fmt: skip


def _machine(records: Sequence[Record]) -> list[Chart]:
    speed = Series("seconds per 1,000 pictures", at("sec_per_kimg"))
    work = Series("the tick's own work", at("sec_of_tick_work"))
    phases = tuple(Series(phase, at("sec_of_phases", phase)) for phase in _phases(records))
    peak = Series("peak memory", lambda record: gib(record.get("peak_memory_bytes")))
    return [
        _chart("speed", "Speed", "machine", (speed,), range=(0, 1), unit="s"),
        _chart("phases", "Where a tick's time goes", "machine", (*phases, work), range=(0, 1), unit="s"),
        _chart("memory", "Memory", "machine", (peak,), range=(0, 0.1), unit="GiB"),
    ]


def _real_and_drawn(name: str) -> tuple[Series, ...]:
    return (Series("real", at(f"{name}/real")), Series("drawn", at(f"{name}/fake")),
            Series("held out", at(f"{name}/heldout")))  # fmt: skip


def _of_both(name: str) -> tuple[Series, ...]:
    return Series("generator", at(f"{name}/G")), Series("discriminator", at(f"{name}/D"))


def _chart(
    id: str,
    title: str,
    section: str,
    series: tuple[Series, ...],
    further: str = "",
    said: str = "",
    **shape: Any,
) -> Chart:
    """said: the key of its explanation, where that is not `id`."""
    return Chart(id, title, section, f"{CHARTS[said or id]} {further}".rstrip(), series, **shape)


def points(chart: Chart, records: Sequence[Record]) -> dict[str, Any]:
    """The chart as the page's program reads it: JSON with a value or null for every record.

    A null that is NaN or infinite in the record is listed under "nan" of its series.
    """
    series = [_column(series, records) for series in chart.series]
    flat = [v for column in series for v in column["values"] if v is not None]
    return {
        "id": chart.id,
        "title": chart.title,
        "series": series,
        "lines": [{"label": label, "value": value} for label, value in chart.lines],
        "range": list(chart.range) if chart.range else None,
        "unit": chart.unit,
        "log": wants_logarithm(flat),
    }


def wants_logarithm(values: Sequence[float]) -> bool:
    """Whether a few giants among positive values would press everything else onto the axis."""
    ordered = sorted(values)
    return bool(ordered) and ordered[0] > 0 and ordered[-1] > 100 * ordered[len(ordered) // 2]


def rounded(value: float) -> float:
    """Six digits are more than a chart shows and half of what a float takes in JSON."""
    return float(f"{value:.6g}")


def _column(series: Series, records: Sequence[Record]) -> dict[str, Any]:
    raw = [series.read(record) for record in records]
    values = [None if (v := number(value)) is None else rounded(v) for value in raw]
    column: dict[str, Any] = {"label": series.label, "values": values, "faint": series.faint}
    if broken := [i for i, value in enumerate(raw) if not_finite(value)]:
        column["nan"] = broken
    if series.interval is not None:
        pairs = zip(records, values, strict=True)
        bars = [bar(series.interval(record), value) for record, value in pairs]
        if any(bars):
            column["bars"] = bars
    return column


def bar(interval: Any, value: float | None) -> list[float] | None:
    """[low, high] of an error bar; None for a value or an interval that is not known."""
    if value is None or not isinstance(interval, list) or len(interval) != 2:
        return None
    low, high = map(number, interval)
    return None if low is None or high is None else [rounded(low), rounded(high)]


def _known(chart: Chart, records: Sequence[Record]) -> Chart | None:
    """The chart without the series that no record knows; None if it would show nothing but comparisons."""
    kept = tuple(s for s in chart.series if any(_says(s.read(record)) for record in records))
    if not any(not s.faint for s in kept):
        return None
    lines = chart.lines
    if chart.id == "r_t" and not any(s.label == "p" for s in kept):
        lines = lines[:1]
    return dataclasses.replace(chart, series=kept, lines=lines)


def _says(value: Any) -> bool:
    return number(value) is not None or not_finite(value)


def _phases(records: Sequence[Record]) -> list[str]:
    """Names of phases, in the order in which they first appear."""
    tables = [table for record in records if isinstance(table := record.get("sec_of_phases"), dict)]
    return list(dict.fromkeys(str(name) for table in tables for name in table))[:12]


def gib(value: Any) -> Any:
    """Bytes as GiB; what is no number stays what it is."""
    known = number(value)
    return value if known is None else known / 2**30


# ------------------------------------------------------------------ metrics

_SIBLINGS = {"recall": "precision", "f1": "precision", "coverage": "density"}
_SHARES = ("precision", "density")  # families of numbers from 0 to 1, several to a chart


def metric_names(records: Iterable[Record]) -> list[str]:
    """Names of the metrics in these records, in the order of the charts."""
    tables = [values for r in records if isinstance(values := at("metrics", "values")(r), dict)]
    names = dict.fromkeys(str(name) for table in tables for name in table)
    return sorted(names, key=lambda name: _rank(*_family(name)))


def metric_title(name: str) -> str:
    """One metric as the title of a chart."""
    family, features = _family(name)
    title = name.partition("_")[0].replace("f1", "F1").capitalize()
    if family in METRICS and family not in _SHARES:
        title = METRICS[family][0]
    return title + (f", features of {features.replace('_', '-')}" if features else "")


def metric_explanation(name: str) -> str:
    """What a metric means."""
    return METRICS.get(_family(name)[0], ("", "A further number that was measured."))[1]


def _family(name: str) -> tuple[str, str]:
    """The chart a metric belongs to, and the feature network in its name ("" for the standard one)."""
    family, _, features = name.partition("_")
    return _SIBLINGS.get(family, family), features


def _rank(family: str, features: str) -> tuple[int, str, str]:
    order = list(METRICS)
    return (order.index(family) if family in order else len(order), family, features)


def _metric_charts(records: Sequence[Record]) -> list[Chart]:
    groups: dict[tuple[str, str], list[str]] = {}
    for name in metric_names(records):
        groups.setdefault(_family(name), []).append(name)
    return [_metric_chart(*key, names, records) for key, names in groups.items()]


def _metric_chart(family: str, features: str, names: list[str], records: Sequence[Record]) -> Chart:
    title = METRICS[family][0] if family in METRICS else family
    if features:
        title += f", features of {features.replace('_', '-')}"
    series = []
    for name in names:
        label = measure_title(name) if len(names) == 1 else name.partition("_")[0].replace("f1", "F1")
        where = ("metrics", "values", name)
        series.append(Series(label, at(*where, "value"), at(*where, "interval")))
    floors = [(name, floor) for name in names if (floor := metric_floor(name, records)) is not None]
    lines = tuple((_floor_label(name, names), rounded(floor)) for name, floor in floors)
    explanation, shares = metric_explanation(names[0]), family in _SHARES
    # Not the name itself, which comes from a file: the id goes into the page's markup.
    id = "metric-" + re.sub(r"[^a-z0-9]+", "-", f"{family} {features}".lower())[:60]
    return Chart(id, title, "quality", explanation, tuple(series), lines, (0, 1) if shares else None)


def _floor_label(name: str, names: list[str]) -> str:
    """What the dashed line of a metric is: halves of the real set take each other's measure."""
    return "halves of the real set" + (f": {name.partition('_')[0]}" if len(names) > 1 else "")


def metric_floor(name: str, records: Sequence[Record]) -> float | None:
    """What halves of the real set reach, as the newest measurement says."""
    read = at("metrics", "values", name, "floor")
    floors = [floor for record in records if (floor := number(read(record))) is not None]
    return floors[-1] if floors else None


# ------------------------------------------------------------------ charts over something else than ticks


def within_ticks(curve: dict[str, list[float | None]] | None) -> tuple[Chart, dict[str, Any]] | None:
    """The losses of all iterations; None where they were not recorded."""
    if curve is None:
        return None
    labels = {"loss/G": "generator", "loss/D_fake": "discriminator, drawn pictures",
              "loss/D_real": "discriminator, real pictures"}  # fmt: skip
    series = tuple(Series(label, at(name)) for name, label in labels.items() if name in curve)
    chart = _chart("within", "Losses within ticks", "insides", series, lines=(("a coin toss", math.log(2)),))
    rows = [dict(zip(curve, values, strict=True)) for values in zip(*curve.values(), strict=True)]
    kimg = [rounded(row["kimg"] or 0.0) for row in rows]
    axis = {"values": kimg, "label": "kimg: thousands of pictures shown", "unit": "kimg", "kimg": True}
    return chart, points(chart, rows) | {"x": axis}


def distances(records: Sequence[Record]) -> tuple[Chart, dict[str, Any]] | None:
    """How far drawn and training pictures are from the nearest training picture, newest measurement."""
    for record in reversed(records):
        drawn = at("metrics", "memorisation", "quantiles")(record)
        reals = at("metrics", "memorisation", "quantiles_reals")(record)
        if isinstance(drawn, list) and isinstance(reals, list) and len(drawn) == len(reals) > 1:
            break
    else:
        return None
    series = (
        Series("drawn pictures", at("drawn")),
        Series("training pictures among themselves", at("reals"), faint=True),
    )
    chart = _chart("distances", "Distance to the nearest training picture", "copying", series, range=(0, 0))
    rows = [{"drawn": a, "reals": b} for a, b in zip(drawn, reals, strict=True)]
    shares = [rounded(100 * i / (len(rows) - 1)) for i in range(len(rows))]
    axis = {
        "values": shares,
        "label": "percent of the pictures are nearer than this",
        "unit": "% of the pictures",
    }
    return chart, points(chart, rows) | {"x": axis, "ends": False}  # the farthest picture says nothing
