"""Runs drawn over each other: as a page whose axis can be kimg or hours, and as a PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import write_text
from stylegan_pokemon.report import charts, settings
from stylegan_pokemon.report.charts import Read, at, rounded
from stylegan_pokemon.report.course import measure_of, measure_title
from stylegan_pokemon.report.drawing import Curve, Panel, save_panels
from stylegan_pokemon.report.explanations import CHARTS
from stylegan_pokemon.report.finding import Record, discriminator_loss
from stylegan_pokemon.report.markup import document, image, sign, text, theme_button
from stylegan_pokemon.report.pictures import Cache, as_still
from stylegan_pokemon.report.reading import Run, read_run
from stylegan_pokemon.report.verdicts import findings
from stylegan_pokemon.report.words import bytes_of, duration, figure, not_finite, number

MAX_RUNS = 8  # as many as there are colours that can be told apart


@dataclass(frozen=True)
class Quantity:
    """One number per tick, drawn for all runs in one chart."""

    title: str
    explanation: str
    read: Read
    unit: str = ""
    range: tuple[float, float] | None = None
    measured: str = ""  # name among the metrics, for the floor


def compare(runs: list[Path], page: Path, picture: Path) -> None:
    """Draw the run directories `runs` over each other, as the HTML file `page` and the PNG `picture`.

    Raises UserError for fewer than one or more than eight runs, for what is no run directory, and when a file
    cannot be written.
    """
    if not 1 <= len(runs) <= MAX_RUNS:
        raise UserError(f"compare takes 1 to {MAX_RUNS} run directories, not {len(runs)}")
    read = [read_run(run) for run in runs]
    names = _names(read)
    drawn = [(quantity, curves) for quantity in _quantities(read) if (curves := _curves(quantity, read))]
    write_text(page, _page(read, names, drawn, Cache(page)))
    save_panels(picture, [_panel(*both, read) for both in drawn], names, "Runs compared", "kimg")


def _names(runs: Sequence[Run]) -> list[str]:
    """Folder names; with their parents where two are the same."""
    short = [run.path.resolve().name for run in runs]
    return [str(run.path) if short.count(name) > 1 else name for run, name in zip(runs, short, strict=True)]


def _quantities(runs: Sequence[Run]) -> list[Quantity]:
    names = charts.metric_names(record for run in runs for record in run.records)
    metrics = [
        Quantity(charts.metric_title(name), charts.metric_explanation(name),
                 at("metrics", "values", name, "value"), measured=name)
        for name in names
    ]  # fmt: skip
    return [
        *metrics,
        Quantity("Variety", CHARTS["diversity"], at("metrics", "diversity", "ratio"), range=(0, 1)),
        Quantity("Near copies of training pictures", CHARTS["memorisation"],
                 at("metrics", "memorisation", "near_copies"), range=(0, 0.02)),
        Quantity("Colourfulness beside the training pictures'", CHARTS["colour"], _colour_share,
                 range=(0, 1)),
        Quantity("Generator loss", CHARTS["losses"], at("loss/G")),
        Quantity("Discriminator loss", "Of drawn and real pictures together; 1.39 is a coin toss.", _d_loss),
        Quantity("r_t", CHARTS["r_t"], at("r_t"), range=(0, 1)),
        Quantity("Augmentation p", "How often pictures are shown altered, so that they are harder to learn by"
                 " heart; at most 0.85.", at("p"), range=(0, 1)),
        Quantity("Speed", CHARTS["speed"], at("sec_per_kimg"), "s", (0, 1)),
        Quantity("Memory", CHARTS["memory"], lambda record: charts.gib(record.get("peak_memory_bytes")),
                 "GiB", (0, 0.1)),
    ]  # fmt: skip


def _colour_share(record: Record) -> Any:
    value, reals = record.get("colourfulness"), number(record.get("colourfulness_reals"))
    return value / reals if reals and (number(value) is not None or not_finite(value)) else None


def _d_loss(record: Record) -> Any:
    parts = (record.get("loss/D_fake"), record.get("loss/D_real"))
    broken = [part for part in parts if not_finite(part)]
    return broken[0] if broken else discriminator_loss(record)


def _curves(quantity: Quantity, runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Of every run that knows the quantity: kimg, hours and values; null is NaN, and breaks the line."""
    curves = []
    for i, run in enumerate(runs):
        rows = [(r, value) for r in run.records
                if number(value := quantity.read(r)) is not None or not_finite(value)]  # fmt: skip
        if not any(number(value) is not None for _, value in rows):
            continue
        hours = [number(r.get("seconds")) for r, _ in rows]
        curves.append({
            "run": i,
            "kimg": [rounded(r["kimg"]) for r, _ in rows],
            "hours": [None if s is None else rounded(s / 3600) for s in hours],
            "values": [None if (v := number(value)) is None else rounded(v) for _, value in rows],
        })  # fmt: skip
    return curves


def _floor(quantity: Quantity, runs: Sequence[Run]) -> float | None:
    """What a perfect generator would reach, where the runs agree on it (other data, other floor)."""
    if not quantity.measured:
        return None
    known = {f for run in runs if (f := charts.metric_floor(quantity.measured, run.records)) is not None}
    return known.pop() if len(known) == 1 else None


def _panel(quantity: Quantity, curves: list[dict[str, Any]], runs: Sequence[Run]) -> Panel:
    unit = f", {quantity.unit}" if quantity.unit else ""
    lines = [Curve(curve["run"], curve["kimg"], curve["values"]) for curve in curves]
    return Panel(quantity.title + unit, lines, _floor(quantity, runs), quantity.range)


def _page(
    runs: Sequence[Run],
    names: Sequence[str],
    drawn: list[tuple[Quantity, list[dict[str, Any]]]],
    cache: Cache,
) -> str:
    body = "\n".join([
        '<a class="skip" href="#table">To the table</a>',
        '<header><div class="top"><div><p class="kicker">Comparison</p>'
        f"<h1>{len(runs)} training"
        f" run{'s' if len(runs) > 1 else ''}</h1></div>{theme_button()}</div></header><main>",
        _table(runs, names), _grids(runs, names, cache), _charts(drawn), _settings(runs, names), "</main>",
        '<dialog id="larger"><button type="button" aria-label="Close">Close</button><img alt=""></dialog>',
    ])  # fmt: skip
    specs = [_spec(quantity, curves, names, runs) for quantity, curves in drawn]
    return document("Training runs compared", body, {"data": {"charts": specs}}, "compare.js")


def _spec(
    quantity: Quantity, curves: list[dict[str, Any]], names: Sequence[str], runs: Sequence[Run]
) -> dict[str, Any]:
    floor = _floor(quantity, runs)
    return {
        "title": quantity.title,
        "unit": quantity.unit,
        "range": list(quantity.range) if quantity.range else None,
        "lines": [] if floor is None else [{"label": "a perfect generator", "value": rounded(floor)}],
        "log": False,
        "curves": [curve | {"label": names[curve["run"]]} for curve in curves],
    }


def _table(runs: Sequence[Run], names: Sequence[str]) -> str:
    columns = ("run", "data", "begun with", "kimg", "trained for", "best", "memory", "how it goes")
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    rows = "".join(
        f"<tr>{_row(i, run, name)}</tr>" for i, (run, name) in enumerate(zip(runs, names, strict=True))
    )
    return (
        '<section class="part" id="table"><h2>At a glance</h2><div class="card"><div class="scroll free"'
        ' tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></div></section>"
    )


def _row(i: int, run: Run, name: str) -> str:
    newest = run.records[-1] if run.records else {}
    seconds, memory = number(newest.get("seconds")), number(newest.get("peak_memory_bytes"))
    measure = measure_of(run.records)
    best = (
        f"{measure_title(measure.name)} {figure(measure.best[1])} at tick {measure.best[0]}"
        if measure
        else "–"
    )
    said = findings(run.records, run.plan)[0]
    total = f" of {figure(run.plan.kimg)}" if run.plan.kimg else ""
    cells = (
        Path(str(run.config.get("data") or "–")).stem,
        Path(str(run.config.get("start") or "nothing")).stem,
        f"{figure(newest['kimg'])}{total}" if newest else "–",
        "–" if seconds is None else duration(seconds),
        best,
        "–" if memory is None else bytes_of(memory),
    )
    plain = "".join(f"<td>{text(cell)}</td>" for cell in cells)
    return (
        f'<th scope="row"><span class="swatch s{i % MAX_RUNS}"></span>{text(name)}</th>{plain}'
        '<td><span class="said'
        f' {said.level}">{sign(said.level)}<span>{text(said.sentence)}</span></span></td>'
    )


def _grids(runs: Sequence[Run], names: Sequence[str], cache: Cache) -> str:
    figures = []
    for i, (run, name) in enumerate(zip(runs, names, strict=True)):
        picture = cache.picture(run.fakes[-1].path, f"comparison {run.path}", as_still) if run.fakes else None
        if picture is not None:
            label = f"{name} at {run.fakes[-1].label}"
            figures.append(
                f'<figure class="card"><h3><span class="swatch s{i % MAX_RUNS}"></span>{text(label)}</h3>'
                '<div class="sheet pixels"><button type="button" class="zoom" aria-label="Enlarge'
                f' {text(label)}">'
                f"{image(picture, f'Grid of drawn pictures: {label}')}</button></div></figure>"
            )
    if not figures:
        return ""
    return (
        '<section class="part"><h2>What they draw</h2><p class="intro">The newest grid of each run. Runs'
        " draw the same"
        f' seeds; two that began with the same weights can be compared place by place.</p><div class="cards">'
        f"{''.join(figures)}</div></section>"
    )


def _charts(drawn: Sequence[tuple[Quantity, list[dict[str, Any]]]]) -> str:
    if not drawn:
        return ""
    cards = "".join(
        f'<article class="card"><h3>{text(quantity.title)}</h3><div class="plot" data-chart="{i}" role="img"'
        f' aria-label="{text(f"Chart: {quantity.title} of {len(curves)} runs")}"></div>'
        f'<p class="explain">{text(quantity.explanation)}</p></article>'
        for i, (quantity, curves) in enumerate(drawn)
    )
    return (
        '<section class="part" id="charts"><div class="top"><h2>Over each other</h2>'
        '<div class="modes" role="group" aria-label="Axis"><button type="button" data-axis="kimg"'
        ' aria-pressed="true">kimg'
        '</button><button type="button" data-axis="hours" aria-pressed="false">hours</button></div></div>'
        '<p class="intro">kimg: how much a run learns from the same number of pictures; hours: from the same'
        " time. Drag"
        " across a chart to look closer, double-click to go back; a click on a name hides its line.</p>"
        f'<div class="cards">{cards}</div></section>'
    )


def _settings(runs: Sequence[Run], names: Sequence[str]) -> str:
    if len(runs) < 2:
        return ""
    different = settings.differences([run.config for run in runs])
    head = "".join(
        f'<th scope="col"><span class="swatch s{i % MAX_RUNS}"></span>{text(name)}</th>'
        for i, name in enumerate(names)
    )
    rows = "".join(
        f'<tr><th scope="row">{text(name)}<small>{text(meaning)}</small></th>'
        f"{''.join(f'<td>{text(value)}</td>' for value in values)}</tr>"
        for name, values, meaning in different
    )
    if not rows:
        return '<section class="part"><h2>Settings</h2><p class="intro">They are the same.</p></section>'
    return (
        '<section class="part"><h2>Settings in which they differ</h2><div class="card"><div class="scroll'
        ' free"'
        ' tabindex="0"><table><thead><tr><th'
        f' scope="col">setting</th>{head}</tr></thead><tbody>{rows}</tbody></table>'
        "</div></div></section>"
    )
