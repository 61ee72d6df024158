"""The charts of a report with the lines of several runs over each other: one chart for every line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stylegan_pokemon.report.charts import charts_of
from stylegan_pokemon.report.plots import Chart, Series, column, rounded, shape
from stylegan_pokemon.report.reading import Run

Comparison = tuple[Chart, dict[str, Any]]
"""A chart and its JSON. "curves": for every run "kimg", "values" and, where known, "bars"."""

Found = list[tuple[int, Run, Chart, Series]]


def comparisons(runs: Sequence[Run]) -> list[Comparison]:
    """What these runs can be compared by, in the order of a report.

    A dashed line stays where all runs agree on it.
    """
    found: dict[tuple[str, str], Found] = {}
    for i, run in enumerate(runs):
        for chart in charts_of(run.records, run.plan):
            for series in chart.series:
                # F1 follows from precision and recall, which have charts.
                if chart.compared and not series.faint and not series.label.startswith("F1"):
                    found.setdefault((chart.id, series.label), []).append((i, run, chart, series))
    return [made for lines in found.values() if (made := _compared(lines)) is not None]


def _compared(found: Found) -> Comparison | None:
    curves = [curve for i, run, _, series in found if (curve := _curve(i, run, series)) is not None]
    if not curves:
        return None
    _, _, chart, series = found[0]
    heights: dict[str, set[float]] = {}
    for _, run, own, _ in found:
        for label, value, of in own.lines:
            if of in ("", series.label):
                heights.setdefault(label, set()).add(rounded(value))
        for faint in (s for s in own.series if s.faint):
            known = [value for value in column(faint, run.records)["values"] if value is not None]
            heights.setdefault(faint.label, set()).update(known[-1:])
    lines = [(label, values.pop(), "") for label, values in heights.items() if len(values) == 1]
    if any(sum(not s.faint for s in own.series) > 1 for _, _, own, _ in found):
        title = series.label if "_" in series.label else series.label[:1].upper() + series.label[1:]
        chart = replace(chart, title=title + "".join(chart.title.partition(", features")[1:]))
    values = [value for curve in curves for value in curve["values"]]
    return chart, shape(chart, lines, values) | {"curves": curves}


def _curve(i: int, run: Run, series: Series) -> dict[str, Any] | None:
    """The ticks of a run that say something; None without a finite number. A NaN is null."""
    all_of_it = column(series, run.records)
    values, bars = all_of_it["values"], all_of_it.get("bars")
    kept = [k for k, value in enumerate(values) if value is not None or k in all_of_it.get("nan", ())]
    if all(values[k] is None for k in kept):
        return None
    return {
        "run": i,
        "kimg": [rounded(run.records[k]["kimg"]) for k in kept],
        "values": [values[k] for k in kept],
    } | ({"bars": [bars[k] for k in kept]} if bars else {})
