"""Runs drawn over each other: as a page whose axis can be kimg or time, and as a PNG that has both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import write_text
from stylegan_pokemon.report import charts, settings
from stylegan_pokemon.report.course import measure_title
from stylegan_pokemon.report.drawing import FEW, Line, Panel, save_panels
from stylegan_pokemon.report.explanations import SECTIONS, SHORT
from stylegan_pokemon.report.finding import dig
from stylegan_pokemon.report.markup import (
    Section,
    command_block,
    contents,
    document,
    image,
    sign,
    text,
    theme_button,
    verdict,
)
from stylegan_pokemon.report.pictures import Cache, as_still
from stylegan_pokemon.report.quantities import Curve, Quantity, is_wide, quantities
from stylegan_pokemon.report.ranking import (
    Standing,
    begun_with,
    exceeds,
    is_fair,
    judgement,
    names_of,
    ranked,
    standings,
    yardstick,
)
from stylegan_pokemon.report.reading import read_run
from stylegan_pokemon.report.verdicts import findings
from stylegan_pokemon.report.words import command, duration, figure, number, percent

MAX_RUNS = 12  # six colours, each as a line and as a dashed line
_PANELS = 6  # quantities in the picture
_KIMG = "kimg: thousands of pictures shown"

Drawn = list[tuple[Quantity, list[Curve]]]


def compare(runs: list[Path], page: Path, picture: Path) -> None:
    """Draw the run directories `runs` over each other, as the HTML file `page` and the PNG `picture`.

    A run that is named twice counts once. What is missing or damaged in a run is left out, and said.
    Raises UserError for fewer than two or more than twelve runs, for what is no run directory, and when a
    file cannot be written.
    """
    distinct = list({run.resolve(): run for run in runs}.values())
    if len(distinct) < 2:
        given = f"only {distinct[0]}" if distinct else "none"
        raise UserError(f"a comparison takes two runs or more, and {given} was given; name another one")
    if len(distinct) > MAX_RUNS:
        raise UserError(f"a comparison shows at most {MAX_RUNS} runs, not {len(distinct)}; name fewer")
    read = [read_run(run) for run in distinct]
    measure = yardstick(read)
    found = standings(read, names_of(read), measure)
    drawn = quantities(read)
    write_text(page, _page(found, measure, drawn, Cache(page)))
    _save_picture(picture, found, measure, drawn)


# ------------------------------------------------------------------ picture


def _save_picture(path: Path, found: Sequence[Standing], measure: str | None, drawn: Drawn) -> None:
    chosen = sorted(drawn, key=lambda pair: pair[0].rank)[:_PANELS]
    clock = _clock(drawn)
    panels = [panel for quantity, curves in chosen for panel in _panels(quantity, curves, clock)]
    title = _short_title(measure)
    key = [(s.name, f"{title} {s.figures}" if s.record else "") for s in found]
    said = [finding.sentence for finding in judgement(found, measure)]
    save_panels(path, panels, key, f"{len(found)} training runs compared", said)


def _short_title(measure: str | None) -> str:
    """KID, FID or FD; the charts say with which features."""
    return measure_title(measure).partition(" ")[0] if measure else "KID"


def _clock(drawn: Drawn) -> tuple[str, float]:
    """The unit in which these runs are best timed, and how many of it are an hour."""
    hours = [h for _, curves in drawn for c in curves for h in c.hours if h is not None]
    return ("hours", 1.0) if max(hours, default=1.0) >= 1 else ("minutes", 60.0)


def _panels(quantity: Quantity, curves: Sequence[Curve], clock: tuple[str, float]) -> list[Panel]:
    """The quantity over kimg and, as far as the runs recorded times, over time."""
    title = quantity.title + (f", {quantity.unit}" if quantity.unit else "")
    few, (unit, per_hour) = len(curves) <= FEW, clock
    over_kimg = [Line(c.run, c.kimg, c.values, c.bars if few else ()) for c in curves]
    over_time = []
    for c in curves:
        timed = [(i, hours * per_hour) for i, hours in enumerate(c.hours) if hours is not None]
        bars = [c.bars[i] for i, _ in timed] if few else ()
        over_time.append(Line(c.run, [at for _, at in timed], [c.values[i] for i, _ in timed], bars))
    log = is_wide(curves)
    return [
        Panel(title, axis, lines, quantity.lines, quantity.range, log)
        for axis, lines in ((_KIMG, over_kimg), (f"{unit} of training", over_time))
    ]


# ------------------------------------------------------------------ page


def _page(found: Sequence[Standing], measure: str | None, drawn: Drawn, cache: Cache) -> str:
    sections = [
        *(_charts(name, drawn) for name in SECTIONS),
        _run_by_run(found, cache),
        _settings(found),
        _commands(found),
    ]
    present = [section for section in sections if section is not None]
    body = "\n".join([
        '<a class="skip" href="#verdict">To the verdict</a>',
        _header(found, measure), contents(present), _bar(found, drawn),
        "<main>", *(section.markup for section in present), "</main>",
        '<dialog id="larger"><button type="button" aria-label="Close">Close</button><img alt=""></dialog>',
    ])  # fmt: skip
    unit, per_hour = _clock(drawn)
    data = {"names": [s.name for s in found], "charts": [_spec(*pair, per_hour) for pair in drawn],
            "axes": {"kimg": {"label": _KIMG, "unit": "kimg"},
                     "time": {"label": f"{unit} of training", "unit": unit}}}  # fmt: skip
    return document(f"{len(found)} training runs compared", body, {"data": data}, "compare.js")


def _spec(quantity: Quantity, curves: Sequence[Curve], per_hour: float) -> dict[str, Any]:
    barred = any(bar is not None for curve in curves for bar in curve.bars)
    return {
        "title": quantity.title,
        "unit": quantity.unit,
        "range": list(quantity.range) if quantity.range else None,
        "lines": [{"label": label, "value": value} for label, value in quantity.lines],
        "log": is_wide(curves),
        "curves": [
            {
                "run": c.run,
                "kimg": c.kimg,
                "time": [None if hours is None else float(f"{hours * per_hour:.6g}") for hours in c.hours],
                "values": c.values,
            }
            | ({"bars": c.bars} if barred else {})
            for c in curves
        ],
    }


def _header(found: Sequence[Standing], measure: str | None) -> str:
    notes = "".join(
        f'<p class="remarks">Note on {text(s.name)}: {text(note)}</p>' for s in found for note in s.run.notes
    )
    return (
        '<header><div class="top"><div><p class="kicker">Comparison of training runs</p>'
        f'<h1>{len(found)} runs, drawn over each other</h1><p class="lead">{_lead(found)}</p></div>'
        f"{theme_button()}</div>{verdict(judgement(found, measure))}{_table(found, measure)}{notes}</header>"
    )


def _lead(found: Sequence[Standing]) -> str:
    configs = [s.run.config for s in found if s.run.config]
    sets = list(dict.fromkeys(Path(str(config.get("data") or "unknown data")).stem for config in configs))
    if not sets:
        return "Their settings could not be read."
    if len(sets) > 1:
        return f"They learn from {text(', '.join(sets))}."
    sizes = {number(config.get("img_resolution")) for config in configs}
    side = sizes.pop() if len(sizes) == 1 else None
    size = f", at {side:.0f}×{side:.0f} pixels" if side is not None else ""
    return f"All learn to draw pictures like those of <strong>{text(sets[0])}</strong>{size}."


# ------------------------------------------------------------------ table


def _table(found: Sequence[Standing], measure: str | None) -> str:
    title = _short_title(measure)
    differing = [row for row in settings.differences([s.run.config for s in found]) if row[0] not in _APART]
    columns = ["run", "starts from", "kimg", "trained for", f"best {title}", "whole", "haze", "FD", "recall",
               "near copies",
               *(["its settings"] if differing else [])]  # fmt: skip
    head = "".join(f'<th scope="col">{text(column)}</th>' for column in columns)
    leader, level = _level(found)
    first = "lowest" if level or not is_fair(found, measure) else "best"
    rows = "".join(
        _row(i, s, columns, [(name, v[i]) for name, v, _ in differing if v[i] != "–"],
             first if s is leader else "within the errors" if s in level else "")
        for i, s in enumerate(found)
    )  # fmt: skip
    small = (
        f"Best {title}, with its standard error: of ticks without an alarm whose creatures hold together, and"
        " of those that the measurement cannot tell apart the earliest, as training chooses its best"
        " snapshot. The other numbers were measured at the same tick. "
        if any(s.record for s in found) else ""
    ) + ("" if differing else "Their settings are the same.")  # fmt: skip
    return (
        '<section class="card runs" id="runs" aria-label="The runs"><table><thead><tr>'
        f'{head}</tr></thead><tbody>{rows}</tbody></table><p class="explain">{text(small)}</p></section>'
    )


_APART = ("data", "start", "start_sha256", "data_sha256", "kimg")  # with a column or sentence of their own
_NAMED = 6  # settings in a row of the table; all stand below


def _level(found: Sequence[Standing]) -> tuple[Standing | None, list[Standing]]:
    """The run with the lowest number, if several have one, and those that cannot be told from it."""
    order = [s for s in ranked(found) if not s.alarms]
    if len(order) < 2:
        return None, []
    return order[0], [s for s in order[1:] if not exceeds(order[0], s)]


def _row(i: int, s: Standing, columns: Sequence[str], own: Sequence[tuple[str, str]], badge: str) -> str:
    newest = s.run.records[-1] if s.run.records else {}
    seconds = number(newest.get("seconds"))
    total = f"of {figure(s.run.plan.kimg)}" if s.run.plan.kimg else ""
    where = f"tick {s.record['tick']} · {figure(s.record['kimg'])} kimg" if s.record else ""
    where += f" · alarm: {' and '.join(s.alarms)}" if s.alarms else ""
    copies = number(dig(s.record, "metrics", "memorisation", "near_copies"))
    usual = number(dig(s.record, "metrics", "memorisation", "near_copies_reals"))
    more = [f"and {len(own) - _NAMED} more"] if len(own) > _NAMED else []
    cells = [
        (begun_with(s.run), ""),
        (figure(newest["kimg"]), total) if newest else ("–", "no tick yet"),
        ("–" if seconds is None else duration(seconds), ""),
        (s.figures if s.record else "–", where or "not measured"),
        _of_sprites(s, "whole", percent),
        _of_sprites(s, "haze", lambda value: percent(value / 100)),
        _metric(s, "fid", "fd"),
        _metric(s, "recall"),
        ("–" if copies is None else percent(copies), "" if usual is None else f"{percent(usual)} is usual"),
        (", ".join([f"{name} {value}" for name, value in own[:_NAMED]] + more), ""),
    ]
    plain = "".join(
        f'<td data-label="{text(label)}"><span>{text(value)}<small>{text(small)}</small></span></td>'
        for label, (value, small) in zip(columns[1:], cells, strict=False)
    )
    mark = (
        f'<span class="badge{" first" if badge in ("best", "lowest") else ""}">{text(badge)}</span>'
        if badge
        else ""
    )
    return f'<tr><th scope="row">{_swatch(i)}<span>{text(s.name)} {mark}</span></th>{plain}</tr>'


def _metric(s: Standing, *families: str) -> tuple[str, str]:
    """A metric at the best tick, by the features of the number that all are judged by if it has them."""
    values = dig(s.record, "metrics", "values")
    table = values if isinstance(values, dict) else {}
    for family in families:
        for name in sorted(n for n in table if n == family or n.startswith(family + "_")):
            if (value := number(dig(table, name, "value"))) is not None:
                interval = charts.bar(dig(table, name, "interval"), value)
                small = f"{figure(interval[0])} to {figure(interval[1])}" if interval else ""
                return (figure(value) if value > 1 else f"{value:.2f}"), small
    return "–", ""


def _of_sprites(s: Standing, name: str, words: Callable[[float], str]) -> tuple[str, str]:
    """A figure of sprites at the best tick, beside the training pictures'."""
    value, reals = (number(charts.sprite_at(name, key)(s.record or {})) for key in ("value", "reals"))
    if value is None:
        return "–", ""
    return words(value), "" if reals is None else f"real {words(reals)}"


def _swatch(run: int) -> str:
    return f'<span class="swatch" data-run="{run}"></span>'


# ------------------------------------------------------------------ charts


def _bar(found: Sequence[Standing], drawn: Drawn) -> str:
    """The key of all charts, which hides and shows runs, and the switch of the axis."""
    if not drawn:
        return ""
    timed = {c.run for _, curves in drawn for c in curves if any(h is not None for h in c.hours)}
    drawn_runs = {c.run for _, curves in drawn for c in curves}
    untimed = [found[run].name for run in sorted(drawn_runs - timed)]
    disabled = "" if timed else " disabled"
    keys = "".join(
        f'<li><button type="button" data-run="{i}" aria-pressed="true" title="{text(s.name)}">{_swatch(i)}'
        f"<span>{text(s.name)}</span></button></li>"
        for i, s in enumerate(found) if i in drawn_runs
    )  # fmt: skip
    note = (
        f'<p class="remarks untimed">Over time these are missing, as they recorded no times:'
        f" {text(', '.join(untimed))}.</p>" if untimed else ""
    )  # fmt: skip
    return (
        '<div class="runbar"><div class="modes" role="group" aria-label="Axis of the charts"><button'
        ' type="button" data-axis="kimg" aria-pressed="true">kimg</button><button type="button"'
        f' data-axis="time" aria-pressed="false"{disabled}>{_clock(drawn)[0]}</button></div>'
        f'<ul class="keys" aria-label="Show or hide runs">{keys}</ul></div>{note}'
    )


def _charts(name: str, drawn: Drawn) -> Section | None:
    cards = [
        f'<article class="card"><h3>{text(q.title)}{" (logarithmic scale)" if is_wide(curves) else ""}</h3>'
        f'<div class="plot" data-chart="{i}" role="img"'
        f' aria-label="{text(f"Chart: {q.title} of {len(curves)} runs")}"></div>'
        f'<p class="explain">{text(q.explanation)}</p>'
        '<details class="numbers"><summary>Numbers</summary></details></article>'
        for i, (q, curves) in enumerate(drawn) if q.section == name
    ]  # fmt: skip
    if not cards:
        return None
    title, intro = SECTIONS[name]
    if any(q.interval and len(curves) <= FEW for q, curves in drawn if q.section == name):
        intro += " The tinted bands are the intervals in which the true number lies, at 95 %."
    return Section(
        name, SHORT[name],
        f'<section class="part" id="{name}"><h2>{text(title)}</h2><p class="intro">{text(intro)}</p>'
        f'<div class="cards">{"".join(cards)}</div></section>',
    )  # fmt: skip


# ------------------------------------------------------------------ run by run


def _run_by_run(found: Sequence[Standing], cache: Cache) -> Section:
    figures = "".join(_portrait(i, s, cache) for i, s in enumerate(found))
    return Section(
        "portraits", "Pictures",
        '<section class="part" id="portraits"><h2>What they draw, and how each goes</h2>'
        '<p class="intro">The newest grid of each run, drawn with full variety. Runs draw the same seeds: two'
        " that began with the same weights can be compared place by place.</p>"
        f'<div class="cards portraits">{figures}</div></section>',
    )  # fmt: skip


def _portrait(i: int, s: Standing, cache: Cache) -> str:
    run = s.run
    newest = run.fakes[-1] if run.fakes else None
    picture = cache.picture(newest.path, f"comparison {run.path}", as_still) if newest else None
    said = findings(run.records, run.plan)[0]
    grid = (
        '<div class="sheet pixels"><button type="button" class="zoom" aria-label="Enlarge the grid of'
        f' {text(s.name)}">{image(picture, f"Grid of drawn pictures: {s.name} at {newest.label}")}</button>'
        "</div>" if picture is not None and newest is not None else '<p class="explain">No picture.</p>'
    )  # fmt: skip
    label = f" · {newest.label}" if newest else ""
    return (
        f'<figure class="card"><h3>{_swatch(i)}{text(s.name + label)}</h3>{grid}<figcaption><span class="said'
        f' {said.level}">{sign(said.level)}<span>{text(said.sentence)}</span></span></figcaption></figure>'
    )


def _settings(found: Sequence[Standing]) -> Section | None:
    different = settings.differences([s.run.config for s in found])
    if not different:
        return None
    head = "".join(f'<th scope="col">{_swatch(i)}{text(s.name)}</th>' for i, s in enumerate(found))
    rows = "".join(
        f'<tr><th scope="row">{text(name)}<small>{text(meaning)}</small></th>'
        f"{''.join(f'<td>{text(value)}</td>' for value in values)}</tr>"
        for name, values, meaning in different
    )
    return Section(
        "settings", "Settings",
        '<section class="part" id="settings"><h2>Settings in which they differ</h2><div class="card"><div'
        ' class="scroll free" tabindex="0"><table><thead><tr><th scope="col">setting</th>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div></div></section>",
    )  # fmt: skip


def _commands(found: Sequence[Standing]) -> Section | None:
    """What to do with the best run."""
    order = [s for s in ranked(found) if not s.alarms]
    kept = [(s, path) for s in order if (path := _snapshot(s)) is not None]
    if not kept:
        return None
    best, path = kept[0]
    line = command(["python", "generate.py", "--network", str(path), "--trunc", "0.7", "--seeds", "0-63"])
    words = f"Draw 64 pictures with the best snapshot of {best.name}"
    return Section(
        "keep", "Go on",
        f'<section class="part" id="keep"><h2>Go on</h2>{command_block(words, line)}</section>',
    )  # fmt: skip


def _snapshot(s: Standing) -> Path | None:
    """The snapshot of the best tick, if it was kept."""
    if s.record is None:
        return None
    return next((k.path for k in s.run.snapshots if s.run.record_of(k) is s.record), None)
