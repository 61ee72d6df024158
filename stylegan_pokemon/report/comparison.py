"""Runs drawn over each other, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import write_text
from stylegan_pokemon.report import settings
from stylegan_pokemon.report.charts import SECTIONS
from stylegan_pokemon.report.course import measure_title
from stylegan_pokemon.report.curves import Comparison, comparisons
from stylegan_pokemon.report.finding import dig
from stylegan_pokemon.report.markup import (
    Section,
    chart_card,
    document,
    sheet,
    sign,
    swatch,
    table,
    text,
    verdict,
)
from stylegan_pokemon.report.pictures import Cache, as_still
from stylegan_pokemon.report.ranking import (
    Standing,
    judgement,
    names_of,
    standing,
    start_of,
    yardstick,
)
from stylegan_pokemon.report.reading import read_run
from stylegan_pokemon.report.verdicts import findings
from stylegan_pokemon.report.words import duration, figure, number, percent

MAX_RUNS = 12  # six colours, each as a line and as a dashed line


def compare(runs: list[Path], page: Path) -> None:
    """Draw the run directories `runs` over each other, as the HTML file `page`.

    A run that is named twice counts once. What is missing or damaged in a run is left out and noted.
    Raises UserError for fewer than two or more than twelve runs, for a path that is no run directory, and
    when the page cannot be written.
    """
    distinct = list({run.resolve(): run for run in runs}.values())
    if len(distinct) < 2:
        given = f"only {distinct[0]}" if distinct else "none"
        raise UserError(f"compare needs two runs or more, and {given} was given; name another one")
    if len(distinct) > MAX_RUNS:
        raise UserError(f"compare shows at most {MAX_RUNS} runs, not {len(distinct)}; name fewer")
    read = [read_run(run) for run in distinct]
    measure = yardstick(read)
    found = [standing(run, name, measure) for run, name in zip(read, names_of(read), strict=True)]
    write_text(page, _page(found, measure, comparisons(read), Cache(page)))


def _title(measure: str | None) -> str:
    """KID, FID or FD; the charts name the feature network."""
    return measure_title(measure).partition(" ")[0] if measure else "KID"


# ------------------------------------------------------------------ page


def _page(found: Sequence[Standing], measure: str | None, drawn: Sequence[Comparison], cache: Cache) -> str:
    notes = "".join(
        f'<p class="remarks">Note on {text(s.name)}: {text(note)}</p>' for s in found for note in s.run.notes
    )
    sets = dict.fromkeys(Path(str(s.run.config["data"])).stem for s in found if s.run.config.get("data"))
    header = (
        f"<h1>{len(found)} runs compared</h1>"
        f'<p class="lead">Trained on {text(", ".join(sets) or "unknown data")}.</p>'
        f"{verdict(judgement(found, measure))}{_table(found, measure)}{notes}"
    )
    sections = [
        *(_charts(name, drawn) for name in SECTIONS),
        _images(found, cache),
        _settings(found),
    ]
    data = {"names": [s.name for s in found], "charts": [spec for _, spec in drawn]}
    return document(
        f"{len(found)} training runs compared", "Comparison of training runs", header,
        [section for section in sections if section is not None], {"data": data}, "compare.js",
        _bar(found, drawn),
    )  # fmt: skip


def _table(found: Sequence[Standing], measure: str | None) -> str:
    """A row for every run; columns of what no run measured are left out."""
    rows = [_row(s, _title(measure)) for s in found]
    columns = [name for name in rows[0] if any(row[name][0] != "–" for row in rows)]
    body = []
    for i, (s, row) in enumerate(zip(found, rows, strict=True)):
        cells = [f"<span>{text(row[c][0])}<small>{text(row[c][1])}</small></span>" for c in columns]
        body.append([f"{swatch(i)}<span>{text(s.name)}</span>", *cells])
    words = "Measured at the best snapshot of each run, chosen as in training. ±: standard error."
    small = f'<p class="explain">{words}</p>' if any(s.best for s in found) else ""
    rows_of_runs = table(["run", *columns], body)
    return f'<section class="card runs" id="runs" aria-label="The runs">{rows_of_runs}{small}</section>'


def _row(s: Standing, title: str) -> dict[str, tuple[str, str]]:
    """By column: the value, or "–", and the small print below it."""
    newest = s.run.records[-1] if s.run.records else {}
    seconds, total = number(newest.get("seconds")), s.run.plan.kimg
    where = f"tick {s.best.tick} · {figure(s.best.kimg)} kimg" if s.best else "not measured"
    where += " · alarm" if s.alarms else ""
    copies = dig(s.record, "metrics", "memorisation")
    sprites = dig(s.record, "metrics", "sprite", "figures")
    return {
        "started from": (start_of(s.run), ""),
        "kimg": (figure(newest["kimg"]) if newest else "–", f"of {figure(total)}" if total else ""),
        "trained for": ("–" if seconds is None else duration(seconds), ""),
        f"best {title}": (s.figures, where),
        "whole": _beside_real(dig(sprites, "whole", "value"), dig(sprites, "whole", "reals")),
        "haze": _beside_real(dig(sprites, "haze", "value"), dig(sprites, "haze", "reals"), 0.01),
        "near copies": _beside_real(dig(copies, "near_copies"), dig(copies, "near_copies_reals")),
    }


def _beside_real(value: Any, reals: Any, scale: float = 1.0) -> tuple[str, str]:
    """A share at the best tick, and that of the training images."""
    share, usual = number(value), number(reals)
    small = "" if usual is None else f"real {percent(scale * usual)}"
    return ("–", "") if share is None else (percent(scale * share), small)


# ------------------------------------------------------------------ charts


def _bar(found: Sequence[Standing], drawn: Sequence[Comparison]) -> str:
    """The key of all charts, which hides and shows runs."""
    shown = sorted({curve["run"] for _, spec in drawn for curve in spec["curves"]})
    keys = "".join(
        f'<li><button type="button" data-run="{i}" aria-pressed="true" title="{text(found[i].name)}">'
        f"{swatch(i)}<span>{text(found[i].name)}</span></button></li>" for i in shown
    )  # fmt: skip
    bar = f'<div class="runbar"><ul class="keys" aria-label="Show or hide runs">{keys}</ul></div>'
    return bar if keys else ""


def _charts(name: str, drawn: Sequence[Comparison]) -> Section | None:
    cards, explained = [], set()
    for i, (chart, spec) in enumerate(drawn):
        if chart.section == name:
            words = "" if chart.id in explained else chart.explanation  # several charts may share one
            alt = f"Chart: {chart.title} of {len(spec['curves'])} runs"
            cards.append(chart_card(i, chart.title, alt, words, spec["log"]))
            explained.add(chart.id)
    short, title, intro = SECTIONS[name]
    return Section(name, short, title, intro, f'<div class="cards">{"".join(cards)}</div>') if cards else None


# ------------------------------------------------------------------ run by run


def _images(found: Sequence[Standing], cache: Cache) -> Section:
    return Section(
        "images", "Images", "What they draw",
        "The newest grid of every run, with truncation 1. All runs use the same latents: runs from the same"
        " checkpoint can be compared place by place.",
        f'<div class="cards portraits">{"".join(_portrait(i, s, cache) for i, s in enumerate(found))}</div>',
    )  # fmt: skip


def _portrait(i: int, s: Standing, cache: Cache) -> str:
    newest = s.run.fakes[-1] if s.run.fakes else None
    picture = cache.picture(newest.path, f"comparison {s.run.path}", as_still) if newest else None
    said = findings(s.run.records, s.run.plan)[0]
    title = s.name + (f" · {newest.label}" if newest else "")
    grid = '<p class="explain">No image.</p>'
    if picture is not None:
        grid = sheet(picture, f"Grid of generated images: {title}")
    return (
        f'<figure class="card"><h3>{swatch(i)}{text(title)}</h3>{grid}<figcaption><span class="said'
        f' {said.level}">{sign(said.level)}<span>{text(said.sentence)}</span></span></figcaption></figure>'
    )


def _settings(found: Sequence[Standing]) -> Section | None:
    different = settings.differences([s.run.config for s in found])
    different = [row for row in different if not row[0].endswith("sha256")]
    if not different:
        return None
    head = ["setting", *(s.name for s in found)]
    body = [[f"{text(name)}<small>{text(meaning)}</small>", *map(text, values)]
            for name, values, meaning in different]  # fmt: skip
    markup = f'<div class="card"><div class="scroll free" tabindex="0">{table(head, body)}</div></div>'
    return Section("settings", "Settings", "Settings that differ", "", markup)
