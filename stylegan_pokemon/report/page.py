"""report.html: a run directory told as one page."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegan_pokemon.files import write_text
from stylegan_pokemon.render.runs import Tick
from stylegan_pokemon.report import charts, settings
from stylegan_pokemon.report.explanations import SECTIONS, SHORT
from stylegan_pokemon.report.finding import Finding
from stylegan_pokemon.report.gallery import Gallery, gallery_of, pictures_section, sheets
from stylegan_pokemon.report.markup import (
    Section,
    command_block,
    contents,
    document,
    facts,
    text,
    theme_button,
    verdict,
)
from stylegan_pokemon.report.pictures import Cache
from stylegan_pokemon.report.reading import Run, read_run
from stylegan_pokemon.report.verdicts import findings
from stylegan_pokemon.report.words import bytes_of, command, duration, figure, number

NAME = "report.html"
_RECENT = 5  # ticks whose speed foretells the rest


def write_report(run: Path) -> None:
    """Write `run`/report.html from what the run directory holds; pictures of the page before are reused.

    What is missing or damaged is left out, and said. Raises UserError if `run` is no run directory or the
    page cannot be written.
    """
    read = read_run(run)
    page = read.path / NAME
    write_text(page, report_of(read, Cache(page)))


def report_of(run: Run, cache: Cache) -> str:
    """The page of a run, as HTML."""
    said = findings(run.records, run.plan)
    gallery = gallery_of(run, cache, [k for f in said[:3] if (k := _kimg_of(run, f.back_to)) is not None])
    drawn = _drawings(run)
    notes, pictures = {"quality": _how_measured(run)}, {"copying": sheets(run, cache)}
    sections = [
        pictures_section(run, gallery),
        *(_chart_section(name, drawn, notes.get(name, ""), pictures.get(name, "")) for name in SECTIONS),
        _keep_section(run, said),
        _settings_section(run),
    ]
    present = [section for section in sections if section]
    body = "\n".join([
        '<a class="skip" href="#verdict">To the verdict</a>',
        _header(run, said),
        contents(present),
        "<main>", *(section.markup for section in present), "</main>",
        '<dialog id="larger"><button type="button" aria-label="Close">Close</button><img alt=""></dialog>',
    ])  # fmt: skip
    return document(
        f"{run.path.resolve().name} · training report", body, _blocks(run, drawn, gallery), "report.js"
    )


@dataclass(frozen=True)
class Drawing:
    """A chart and what the page's program draws of it."""

    section: str
    title: str
    explanation: str
    spec: dict[str, Any]


# ------------------------------------------------------------------ head


def _header(run: Run, said: Sequence[Finding]) -> str:
    name = run.path.resolve().name
    return (
        f'<header><div class="top"><p class="kicker">Training report{_as_of(run)}</p>{theme_button()}</div>'
        f'<h1>{text(name)}</h1><p class="lead">{_lead(run)}</p>'
        f"{verdict(said, _where_to_go(run, said))}{_progress(run)}{facts(_facts(run))}"
        f"{_remarks(run)}</header>"
    )


def _as_of(run: Run) -> str:
    """When the newest figures were written; the page is the same whenever it is made anew."""
    for name in ("stats.jsonl", "config.json"):
        with contextlib.suppress(OSError, OverflowError, ValueError):
            moment = time.localtime((run.path / name).stat().st_mtime)
            return f" · as of {time.strftime('%Y-%m-%d %H:%M', moment)}"
    return ""


def _lead(run: Run) -> str:
    config = run.config
    if not config:
        return "Its settings could not be read."
    images, side = number(config.get("images")), number(config.get("img_resolution"))
    many = f"<strong>{images:,.0f} pictures</strong>" if images is not None else "pictures"
    size = f" of {side:.0f}×{side:.0f} pixels" if side is not None else ""
    kinds = f" in {len(run.learnt)} classes" if run.classes else ""
    data = Path(str(config.get("data") or "unknown data")).stem
    start = config.get("start")
    begun = (
        f"beginning with what <strong>{text(Path(str(start)).stem)}</strong> could"
        if start and start != "fresh"
        else "from nothing"
    )
    return (
        f"A generator learns to draw new pictures like those of <strong>{text(data)}</strong>:"
        f" {many}{size}{kinds},"
        f" {begun}."
    )


def _progress(run: Run) -> str:
    total = run.plan.kimg
    if not run.records or not total:
        return ""
    done = run.records[-1]["kimg"]
    share = min(max(done / total, 0), 1)
    rest = eta(run)
    words = f"about {duration(rest)} to go" if rest else "finished"
    return (
        f'<div class="progress"><p><span>{text(figure(done))} of {text(figure(total))} kimg (thousands of'
        " pictures shown),"
        f" {share:.0%}</span><span>{text(words)}</span></p>"
        f'<progress value="{share:.4f}" max="1" aria-label="Progress of the run">{share:.0%}</progress></div>'
    )


def eta(run: Run) -> float | None:
    """Seconds until the run's end at the speed of its newest ticks; 0 at its end; None if unknown."""
    if not run.records or run.plan.kimg is None:
        return None
    rest = run.plan.kimg - run.records[-1]["kimg"]
    speed = _usual(run, "sec_per_kimg")
    if rest <= 1e-6 or any(finding.kind == "patience" for finding in findings(run.records, run.plan)):
        return 0.0
    if speed is None:
        return None
    every = number(run.config.get("tick_kimg"))  # a tick's own work (metrics above all) is not in the speed
    work = rest / every * (_usual(run, "sec_of_tick_work") or 0) if every and every > 0 else 0
    return rest * speed + work


def _usual(run: Run, name: str) -> float | None:
    """The median of a number over the newest ticks."""
    values = sorted(v for r in run.records[-_RECENT:] if (v := number(r.get(name))) is not None)
    return values[len(values) // 2] if values else None


def _facts(run: Run) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    if not run.records:
        return rows
    newest = run.records[-1]
    rows.append(("Ticks", str(newest["tick"]), f"{figure(newest['kimg'])} kimg shown"))
    if (seconds := number(newest.get("seconds"))) is not None:
        rows.append(("Trained for", duration(seconds), ""))
    if rest := eta(run):
        rows.append(("Still to go", duration(rest), "at the speed of the last ticks"))
    if (speed := number(newest.get("sec_per_kimg"))) is not None:
        rows.append(("Speed", f"{figure(speed)} s", "for 1,000 pictures"))
    r_t, p = number(newest.get("r_t")), number(newest.get("p"))
    if r_t is not None and not run.plan.earlier:
        rows.append(("Overfitting r_t", figure(r_t), f"augmentation p {figure(p)}" if p is not None else ""))
    if (memory := number(newest.get("peak_memory_bytes"))) is not None:
        rows.append(("Memory", bytes_of(memory), "at its peak"))
    if best := _best(run):
        rows.append(best)
    return rows


def _best(run: Run) -> tuple[str, str, str] | None:
    best = run.best or {}
    value, tick = number(best.get("value")), number(best.get("tick"))
    if value is None or tick is None:
        return None
    error = number(best.get("error"))
    sure = f" ± {figure(error)}" if error is not None else ""
    return (
        "Best snapshot",
        f"tick {tick:.0f}",
        f"{str(best.get('name', '')).partition('_')[0].upper()} {figure(value)}{sure}",
    )


def _remarks(run: Run) -> str:
    return "".join(f'<p class="remarks">Note: {text(note)}</p>' for note in run.notes)


def _where_to_go(run: Run, said: Sequence[Finding]) -> dict[str, str]:
    """The command that starts again from the tick a finding says to go back to."""
    commands: dict[str, str] = {}
    if run.plan.earlier:  # those systems start afresh only
        return commands
    named = set()
    for finding in said:
        snapshot = run.snapshot_at(finding.back_to) if finding.back_to is not None else None
        if snapshot is None or finding.level not in ("bad", "warn") or snapshot in named:
            continue
        named.add(snapshot)
        gentler = _gentler(run) if finding.kind in ("diverged", "collapsing", "won") else {}
        options = settings.same_options(run.config) | gentler
        line = ["python", "finetune.py", "--resume", str(snapshot)]
        line += [word for words in options.values() for word in words]
        purpose = f"Start again from the snapshot {snapshot.name}"
        purpose += " with twice --gamma" if gentler else ""
        commands[finding.kind] = command_block(purpose, command(line))
    return commands


# ------------------------------------------------------------------ charts


def _drawings(run: Run) -> list[Drawing]:
    found = [
        Drawing(chart.section, chart.title, chart.explanation, charts.points(chart, run.records))
        for chart in charts.charts_of(run.records, run.config)
    ]
    for further in (charts.within_ticks(run.curve), charts.distances(run.records)):
        if further is not None:
            chart, spec = further
            found.append(Drawing(chart.section, chart.title, chart.explanation, spec))
    return found


def _chart_section(name: str, drawn: Sequence[Drawing], note: str, pictures: str = "") -> Section | None:
    """note: markup above the charts. pictures: cards before them."""
    cards = "".join(_card(i, drawing) for i, drawing in enumerate(drawn) if drawing.section == name)
    if not cards and not note and not pictures:
        return None
    title, intro = SECTIONS[name]
    hint = (
        " The upright line is the tick whose pictures the slider shows. Drag across a chart to look closer,"
        " double-click to go back; click to see that tick's pictures above."
    )
    further = hint if name in ("quality", "health") else ""
    return Section(
        name, SHORT[name],
        f'<section class="part" id="{name}"><h2>{text(title)}</h2><p'
        f' class="intro">{text(intro + further)}</p>'
        f'{note}<div class="cards">{pictures}{cards}</div></section>',
    )  # fmt: skip


def _how_measured(run: Run) -> str:
    """What the metrics were measured with, newest measurement; numbers mean nothing without it."""
    for record in reversed(run.records):
        metrics = record.get("metrics")
        if isinstance(metrics, dict):
            break
    else:
        return ""
    samples, reals, psi = (number(metrics.get(name)) for name in ("samples", "reals", "truncation_psi"))
    words = [
        f"{figure(samples)} drawn" if samples is not None else "",
        f"{figure(reals)} real pictures" if reals else "",
    ]
    parts = [" against ".join(filter(None, words)), f"truncation {figure(psi)}" if psi is not None else ""]
    features = metrics.get("features")
    for name, facts_of in features.items() if isinstance(features, dict) else ():
        digest = str(facts_of.get("sha256", ""))[:12] if isinstance(facts_of, dict) else ""
        parts.append(f"feature network {name}" + (f" (sha256 {digest}…)" if digest else ""))
    return f'<p class="measured">Measured with {text(", ".join(filter(None, parts)))}.</p>'


def _card(index: int, drawing: Drawing) -> str:
    scale = " (logarithmic scale)" if drawing.spec["log"] else ""
    return (
        f'<article class="card"><h3>{text(drawing.title + scale)}</h3>'
        f'<div class="plot" data-chart="{index}" role="img" aria-label="{text(_in_words(drawing))}"></div>'
        f'<p class="explain">{text(drawing.explanation)}</p>'
        '<details class="numbers"><summary>Numbers</summary></details></article>'
    )


def _in_words(drawing: Drawing) -> str:
    """The chart for those who do not see it: its newest figures."""
    parts = []
    for series in drawing.spec["series"]:
        known = [value for value in series["values"] if value is not None]
        parts.append(f"{series['label']} {figure(known[-1]) if known else 'not a number'}")
    return f"Chart: {drawing.title}. Newest figures: {', '.join(parts)}."


def _blocks(run: Run, drawn: Sequence[Drawing], gallery: Gallery) -> dict[str, Any]:
    records = run.records
    marks = []
    if (tick := number((run.best or {}).get("tick"))) is not None:
        marks = [{"x": r["kimg"], "label": "best"} for r in records if r["tick"] == tick]
    return {
        "data": {
            "x": {
                "kimg": [charts.rounded(r["kimg"]) for r in records],
                "tick": [r["tick"] for r in records],
                "seconds": [number(r.get("seconds")) for r in records],
            },
            "charts": [drawing.spec for drawing in drawn],
            "frames": gallery.frames,
            "marks": marks,
        },
        "sources": gallery.sources,
    }


# ------------------------------------------------------------------ what to do with it


def _keep_section(run: Run, said: Sequence[Finding]) -> Section | None:
    where = str(run.path)
    blocks = []
    over = any(finding.kind.startswith("complete") for finding in said)
    longer = ["--kimg", f"{2 * (run.plan.kimg or 0):g}"] if over else []
    why = "Train on, twice as long" if over else "Continue this run exactly where it stopped"
    if any(finding.kind == "patience" for finding in said):
        why, longer = "Train on, though its patience is used up", ["--patience", "0"]
    if run.config:
        blocks.append(command_block(why, command(["python", "finetune.py", "--resume", where, *longer])))
    if run.snapshots:
        draw, how = ["python", "generate.py", "--network"], ["--trunc", "0.7", "--seeds", "0-63"]
        newest = command([*draw, where, *how])
        blocks.append(command_block("Draw 64 pictures with the newest snapshot", newest))
        if _best_snapshot(run):
            best = command([*draw, f"{where}/best", *how])
            blocks.append(command_block("Draw them with the best snapshot", best))
        more = {"A film that changes from one picture into the next": ["interpolate", "--seeds", "1,5,9-12"]}
        more |= {"Every class with the same seeds": ["classes", "--seeds", "0-9"]} if run.classes else {}
        for words, how in more.items():
            blocks.append(command_block(words, command([*draw[:2], *how, "--network", where])))
    if not blocks:
        return None
    snapshots = _snapshots_in_words(run)
    return Section(
        "keep", "Go on",
        '<section class="part" id="keep"><h2>Go on, and keep pictures</h2>'
        f'<p class="intro">{snapshots}</p>{"".join(blocks)}</section>',
    )  # fmt: skip


def _best_snapshot(run: Run) -> Path | None:
    name = str((run.best or {}).get("snapshot") or "")
    return next((tick.path for tick in run.snapshots if tick.path.name == name), None)


def _snapshots_in_words(run: Run) -> str:
    if not run.snapshots:
        return "There is no snapshot yet."
    count = len(run.snapshots)
    folder = text(run.path / "snapshots")
    many = f"{count} snapshot{'s' if count > 1 else ''}"
    words = f"{many} in <code>{folder}</code>, the newest of {text(run.snapshots[-1].label)}."
    if snapshot := _best_snapshot(run):
        words += f" The best is <code>{text(snapshot)}</code>."
    return words


def _gentler(run: Run) -> dict[str, list[str]]:
    gamma = number(run.config.get("r1_gamma"))
    return {"gamma": ["--gamma", f"{2 * gamma:g}"]} if gamma else {}


def _settings_section(run: Run) -> Section | None:
    if not run.config:
        return None
    lines = "".join(
        f'<tr><th scope="row">{text(name)}</th><td>{text(value)}<small>{text(meaning)}</small></td></tr>'
        for name, value, meaning in settings.rows(run.config)
    )
    return Section(
        "settings", "Settings",
        '<section class="part" id="settings"><h2>Settings</h2><details class="fold"><summary>Every setting'
        ' of this run'
        '</summary><div class="card"><table><thead><tr><th scope="col">setting</th><th'
        ' scope="col">value</th></tr></thead>'
        f"<tbody>{lines}</tbody></table></div></details></section>",
    )  # fmt: skip


def _kimg_of(run: Run, tick: int | None) -> float | None:
    """The kimg of the picture written at a tick."""
    if tick is None:
        return None
    found: list[Tick] = [p for p in run.fakes if (r := run.record_of(p)) is not None and r["tick"] == tick]
    return found[0].kimg if found else None
