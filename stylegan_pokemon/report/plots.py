"""Charts as data: lines over the ticks, read from the records, and as the page's program reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stylegan_pokemon.report.finding import Record, dig
from stylegan_pokemon.report.words import not_finite, number

Read = Callable[[Record], Any]
"""What a record says at one point of a line: a number, NaN, or None where it says nothing."""


@dataclass(frozen=True)
class Series:
    """One line of a chart. interval: reads [low, high] around it. faint: for comparison, thin and grey."""

    label: str
    read: Read
    interval: Read | None = None
    faint: bool = False


@dataclass(frozen=True)
class Chart:
    """Lines over the ticks, and constants across."""

    id: str
    section: str
    title: str
    explanation: str
    series: tuple[Series, ...]
    lines: tuple[tuple[str, float, str], ...] = ()  # dashed: label, height, label of its series ("": of all)
    range: tuple[float, float] | None = None  # of the y axis, at least
    unit: str = ""
    compared: bool = True  # whether a comparison of runs shows it


def at(*keys: str) -> Read:
    """A function that reads record[keys[0]][keys[1]]…"""
    return lambda record: dig(record, *keys)


def known(charts: Sequence[Chart], records: Sequence[Record]) -> list[Chart]:
    """The charts without the lines that no record has a value for; without those that would be empty."""
    kept = []
    for chart in charts:
        series = tuple(s for s in chart.series if any(_says(s.read(record)) for record in records))
        own = {"", *(s.label for s in series if not s.faint)}
        if len(own) > 1:
            lines = tuple(line for line in chart.lines if line[2] in own)
            kept.append(replace(chart, series=series, lines=lines))
    return kept


def _says(value: Any) -> bool:
    return number(value) is not None or not_finite(value)


def points(chart: Chart, records: Sequence[Record]) -> dict[str, Any]:
    """The chart as JSON, with a value or null for every record.

    A null that is NaN or infinite in the record is listed under "nan" of its series.
    """
    series = [column(series, records) for series in chart.series]
    return shape(chart, chart.lines, [v for s in series for v in s["values"]]) | {"series": series}


def shape(
    chart: Chart, lines: Sequence[tuple[str, float, str]], values: Sequence[float | None]
) -> dict[str, Any]:
    """The JSON of a chart without its lines over the ticks. values: those that it shows."""
    ordered = sorted(v for v in values if v is not None)
    # A few giants among positive values would press everything else onto the axis.
    log = bool(ordered) and ordered[0] > 0 and ordered[-1] > 100 * ordered[len(ordered) // 2]
    return {
        "id": chart.id,
        "title": chart.title,
        "lines": [{"label": label, "value": rounded(value)} for label, value, _ in lines],
        "range": list(chart.range) if chart.range else None,
        "unit": chart.unit,
        "log": log,
    }


def column(series: Series, records: Sequence[Record]) -> dict[str, Any]:
    """The values of a line, and [low, high] around them under "bars" where those are known."""
    raw = [series.read(record) for record in records]
    values = [None if (v := number(value)) is None else rounded(v) for value in raw]
    found: dict[str, Any] = {"label": series.label, "values": values, "faint": series.faint}
    if broken := [i for i, value in enumerate(raw) if not_finite(value)]:
        found["nan"] = broken
    if series.interval is not None:
        bars = [bar(series.interval(record), value) for record, value in zip(records, values, strict=True)]
        if any(bars):
            found["bars"] = bars
    return found


def bar(interval: Any, value: float | None) -> list[float] | None:
    """[low, high]; None for a value or an interval that is unknown."""
    if value is None or not isinstance(interval, list) or len(interval) != 2:
        return None
    low, high = map(number, interval)
    return None if low is None or high is None else [rounded(low), rounded(high)]


def rounded(value: float) -> float:
    """Six digits are more than a chart shows and half of what a float takes in JSON."""
    return float(f"{value:.6g}")
