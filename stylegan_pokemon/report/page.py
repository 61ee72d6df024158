"""report.html: a run directory as one page."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stylegan_pokemon.files import write_text
from stylegan_pokemon.report import settings
from stylegan_pokemon.report.charts import SECTIONS, charts_of
from stylegan_pokemon.report.finding import Finding, dig
from stylegan_pokemon.report.gallery import Gallery, gallery_of, images_section, sheets
from stylegan_pokemon.report.markup import Section, chart_card, command_block, document, table, text, verdict
from stylegan_pokemon.report.pictures import Cache
from stylegan_pokemon.report.plots import Chart, points, rounded
from stylegan_pokemon.report.reading import Run, read_run
from stylegan_pokemon.report.verdicts import findings
from stylegan_pokemon.report.words import bytes_of, command, duration, figure, number

NAME = "report.html"
_RECENT = 5  # ticks whose speed predicts the rest

Drawn = list[tuple[Chart, dict[str, Any]]]


def write_report(run: Path) -> None:
    """Write `run`/report.html from what the run directory holds; pictures of the last page are reused.

    What is missing or damaged is left out and noted. Raises UserError if `run` is no run directory or the
    page cannot be written.
    """
    read = read_run(run)
    page = read.path / NAME
    write_text(page, report_of(read, Cache(page)))


def report_of(run: Run, cache: Cache) -> str:
    """The page of a run, as HTML."""
    said = findings(run.records, run.plan)
    gallery = gallery_of(run, cache)
    drawn = [(chart, points(chart, run.records)) for chart in charts_of(run.records, run.plan)]
    notes, cards = {"quality": _how_measured(run)}, {"copying": sheets(run, cache)}
    sections = [
        images_section(run, gallery, cache),
        *(_charts(name, drawn, notes.get(name, ""), cards.get(name, "")) for name in SECTIONS),
        _next(run, said),
        _settings(run),
    ]
    name = run.path.resolve().name
    return document(
        f"{name} · training report", f"Training report{_as_of(run)}", _header(run, said),
        [section for section in sections if section], _blocks(run, drawn, gallery), "report.js",
    )  # fmt: skip


# ------------------------------------------------------------------ head


def _header(run: Run, said: Sequence[Finding]) -> str:
    tiles = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}<small>{text(small)}</small></dd></div>"
        for name, value, small in _facts(run)
    )
    return (
        f'<h1>{text(run.path.resolve().name)}</h1><p class="lead">{text(_lead(run))}</p>'
        f'{verdict(said, _restarts(run, said))}{_progress(run)}<dl class="facts">{tiles}</dl>'
        + "".join(f'<p class="remarks">Note: {text(note)}</p>' for note in run.notes)
    )


def _as_of(run: Run) -> str:
    """The time of the newest numbers; the page of the same run stays the same."""
    for name in ("stats.jsonl", "config.json"):
        with contextlib.suppress(OSError, OverflowError, ValueError):
            moment = time.localtime((run.path / name).stat().st_mtime)
            return f" · as of {time.strftime('%Y-%m-%d %H:%M', moment)}"
    return ""


def _lead(run: Run) -> str:
    config = run.config
    if not config:
        return "The settings could not be read."
    images, side = number(config.get("images")), number(config.get("img_resolution"))
    parts = [f"{images:,.0f} images" if images is not None else "",
             f"{side:.0f}×{side:.0f} pixels" if side is not None else "",
             f"{len(run.learnt)} classes" if run.classes else ""]  # fmt: skip
    data, start = Path(str(config.get("data") or "unknown data")).stem, config.get("start")
    begun = f"starting from {Path(str(start)).stem}" if start and start != "fresh" else "from scratch"
    return f"Training on {data} ({', '.join(filter(None, parts)) or 'unknown size'}), {begun}."


def _progress(run: Run) -> str:
    total = run.plan.kimg
    if not run.records or not total:
        return ""
    done, rest = run.records[-1]["kimg"], eta(run)
    share = min(max(done / total, 0), 1)
    words = f"about {duration(rest)} left" if rest else "finished"
    return (
        f'<div class="progress"><p><span>{text(figure(done))} of {text(figure(total))} kimg (thousands of'
        f" training images shown), {share:.0%}</span><span>{text(words)}</span></p>"
        f'<progress value="{share:.4f}" max="1" aria-label="Progress of the run">{share:.0%}</progress></div>'
    )


def eta(run: Run) -> float | None:
    """Seconds until the end of the run at the speed of its newest ticks; 0 at its end; None if unknown."""
    if not run.records or run.plan.kimg is None:
        return None
    rest = run.plan.kimg - run.records[-1]["kimg"]
    speed = _usual(run, "sec_per_kimg")
    if rest <= 1e-6 or any(finding.kind == "patience" for finding in findings(run.records, run.plan)):
        return 0.0
    if speed is None:
        return None
    every = number(run.config.get("tick_kimg"))  # the speed leaves out a tick's own work, metrics above all
    work = rest / every * (_usual(run, "sec_of_tick_work") or 0) if every and every > 0 else 0
    return rest * speed + work


def _usual(run: Run, name: str) -> float | None:
    """The median of a number over the newest ticks."""
    values = sorted(v for r in run.records[-_RECENT:] if (v := number(r.get(name))) is not None)
    return values[len(values) // 2] if values else None


def _facts(run: Run) -> list[tuple[str, str, str]]:
    """Tiles: name, figure and small print."""
    if not run.records:
        return []
    newest, best = run.records[-1], run.best or {}
    seconds, speed, r_t, p, memory = (
        number(newest.get(name)) for name in ("seconds", "sec_per_kimg", "r_t", "p", "peak_memory_bytes")
    )
    rows = [("Ticks", str(newest["tick"]), f"{figure(newest['kimg'])} kimg")]
    if seconds is not None:
        rows.append(("Trained for", duration(seconds), ""))
    if speed is not None:
        rows.append(("Speed", f"{figure(speed)} s", "per kimg (1,000 images)"))
    if r_t is not None and run.plan.knows("aug"):
        rows.append(("Overfitting r_t", figure(r_t), f"augmentation p {figure(p)}" if p is not None else ""))
    if memory is not None:
        rows.append(("Memory", bytes_of(memory), "peak"))
    value, tick, error = (number(best.get(name)) for name in ("value", "tick", "error"))
    if value is not None and tick is not None:
        sure = f" ± {figure(error)}" if error is not None else ""
        metric = str(best.get("name", "")).partition("_")[0].upper()
        rows.append(("Best snapshot", f"tick {tick:.0f}", f"{metric} {figure(value)}{sure}"))
    return rows


def _restarts(run: Run, said: Sequence[Finding]) -> dict[str, str]:
    """By kind of finding: the command that restarts from the tick to go back to."""
    commands: dict[str, str] = {}
    if not run.plan.knows("resume"):  # it only trains from scratch
        return commands
    named, gamma = set(), number(run.config.get("r1_gamma"))
    for finding in said:
        snapshot = run.snapshot_at(finding.back_to) if finding.back_to is not None else None
        if snapshot is None or finding.level not in ("bad", "warn") or snapshot in named:
            continue
        named.add(snapshot)
        options, purpose = settings.same_options(run.config), f"Restart from the snapshot {snapshot.name}"
        if gamma and finding.kind in ("diverged", "collapsing", "won"):
            options["gamma"] = ["--gamma", f"{2 * gamma:g}"]
            purpose += " with twice --gamma"
        words = [word for option in options.values() for word in option]
        line = command(["python", "finetune.py", "--resume", str(snapshot), *words])
        commands[finding.kind] = command_block(purpose, line)
    return commands


# ------------------------------------------------------------------ charts


def _charts(name: str, drawn: Drawn, note: str, cards: str) -> Section | None:
    """note: markup above the charts. cards: before them."""
    cards += "".join(
        chart_card(i, chart.title, _in_words(chart, spec), chart.explanation, spec["log"])
        for i, (chart, spec) in enumerate(drawn) if chart.section == name
    )  # fmt: skip
    short, title, intro = SECTIONS[name]
    if name in ("quality", "health"):
        intro += " Drag across a chart to zoom, double-click to reset."
        intro += " Click to show a tick in the slider; the orange line marks it."
    markup = f'{note}<div class="cards">{cards}</div>'
    return Section(name, short, title, intro, markup) if cards or note else None


def _in_words(chart: Chart, spec: dict[str, Any]) -> str:
    """The newest numbers of a chart, for screen readers."""
    parts = []
    for series in spec["series"]:
        known = [value for value in series["values"] if value is not None]
        parts.append(f"{series['label']} {figure(known[-1]) if known else 'not a number'}")
    return f"Chart: {chart.title}. Newest values: {', '.join(parts)}."


def _how_measured(run: Run) -> str:
    """How the newest metrics were measured; without that the numbers mean nothing."""
    metrics = next((m for r in reversed(run.records) if isinstance(m := r.get("metrics"), dict)), None)
    if metrics is None:
        return ""
    samples, reals, psi = (number(metrics.get(name)) for name in ("samples", "reals", "truncation_psi"))
    counts = [f"{figure(samples)} generated images" if samples is not None else "",
              f"{figure(reals)} training images" if reals else ""]  # fmt: skip
    parts = [" against ".join(filter(None, counts)), f"truncation {figure(psi)}" if psi is not None else ""]
    features = metrics.get("features")
    for name, facts in features.items() if isinstance(features, dict) else ():
        digest = str(dig(facts, "sha256") or "")[:12]
        parts.append(f"feature network {name}" + (f" (sha256 {digest}…)" if digest else ""))
    return f'<p class="measured">Measured on {text(", ".join(filter(None, parts)))}.</p>'


def _blocks(run: Run, drawn: Drawn, gallery: Gallery) -> dict[str, Any]:
    """What the page's program reads."""
    records, best = run.records, number((run.best or {}).get("tick"))
    data = {
        "x": {
            "kimg": [rounded(r["kimg"]) for r in records],
            "tick": [r["tick"] for r in records],
        },
        "charts": [spec for _, spec in drawn],
        "frames": gallery.frames,
        "marks": [{"x": r["kimg"], "label": "best"} for r in records if r["tick"] == best],
    }
    return {"data": data, "sources": gallery.sources}


# ------------------------------------------------------------------ what to do with it


def _next(run: Run, said: Sequence[Finding]) -> Section | None:
    """Commands that continue the run and generate images."""
    where, kinds, lines = str(run.path), [finding.kind for finding in said], {}
    resume = ["python", "finetune.py", "--resume", where]
    if "patience" in kinds:
        lines["Continue without --patience"] = [*resume, "--patience", "0"]
    elif any(kind.startswith("complete") for kind in kinds):
        lines["Continue, twice as long"] = [*resume, "--kimg", f"{2 * (run.plan.kimg or 0):g}"]
    elif run.config:
        lines["Continue this run exactly where it stopped"] = resume
    intro = "There is no snapshot yet."
    if run.snapshots:
        count = len(run.snapshots)
        intro = f"{count} snapshot{'s' if count > 1 else ''} in {run.path / 'snapshots'}"
        intro += f", the newest from {run.snapshots[-1].label}."
        draw, how = ["python", "generate.py", "--network"], ["--trunc", "0.7", "--seeds", "0-63"]
        lines["Generate 64 images with the newest snapshot"] = [*draw, where, *how]
        best = str((run.best or {}).get("snapshot") or "")
        if best in [tick.path.name for tick in run.snapshots]:
            intro += f" The best is {best}."
            lines["Generate 64 images with the best snapshot"] = [*draw, f"{where}/best", *how]
        how = ["interpolate", "--seeds", "1,5,9-12", "--network", where]
        lines["Make a film that interpolates between images"] = [*draw[:2], *how]
        if run.classes:
            how = ["classes", "--seeds", "0-9", "--network", where]
            lines["Generate every class with the same seeds"] = [*draw[:2], *how]
    blocks = "".join(command_block(purpose, command(line)) for purpose, line in lines.items())
    return Section("keep", "Next", "What next?", intro, blocks) if lines else None


def _settings(run: Run) -> Section | None:
    if not run.config:
        return None
    rows = [[text(name), f"{text(value)}<small>{text(meaning)}</small>"]
            for name, value, meaning in settings.rows(run.config)]  # fmt: skip
    return Section(
        "settings", "Settings", "Settings", "",
        '<details class="fold"><summary>All settings of this run</summary><div class="card">'
        f'{table(["setting", "value"], rows)}</div></details>',
    )  # fmt: skip
