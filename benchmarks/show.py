"""The comparison, made from results.json: docs/comparisons.md, README's table, and docs/benchmarks.png.

The tables stand between two marks in each page.

    python -m benchmarks.show

Rows that nobody has measured yet are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

import click

from benchmarks import harness
from benchmarks.chart import Line, Panel, save_panels
from stylegan_pokemon.files import whole_file

README = harness.ROOT / "README.md"
PAGE = harness.ROOT / "docs" / "comparisons.md"
CHART = harness.ROOT / "docs" / "benchmarks.png"
BEGIN, END = "<!-- made by python -m benchmarks.show -->", "<!-- until here -->"
TITLES = {
    "dcgan64": "`--arch dcgan64`",
    "dcgan64-balanced": "`--arch dcgan64-balanced`",
    "auto": "from scratch, `--cfg auto`",
    "sprites": "from scratch, our settings",
    "fine-tuned": "**fine-tuned from `creatures64`**",
}
"""The systems of the table, in its order."""

_OWN_SETS = {
    "dcgan64": "gen-5 sprites, normal and shiny, 64×64",
    "dcgan64-sprites": "sprites, 64×64",
    "dcgan64-balanced": "sprites, 64×64",
    "dcgan-tricks": "sprites, trimmed, 28×28",
    "progan": "sprites by type, 32×32 growing to 64×64",
    "convgan120": "sprites, 120×120",
}
"""What each learns from in the table of progress, by the name of its row, in its order."""

_LONG = 40  # kimg after which the starting point is judged
_LEARNT = 0.3  # by how much an earlier system's FD is to fall between 5 and 130 passes
TABLES = ("systems", "starting point", "by type", "progress")

Row = dict[str, Any]
Results = dict[str, dict[str, Row]]


def tables(results: Results) -> str:
    """All tables, as Markdown. results: those of results.json."""
    parts = (_conditions, _systems, _starting_point, _types, _progress, _bars)
    made = [part(results) for part in parts]
    return "\n\n".join(table for table in made if table)


def summary(results: Results) -> str:
    """The table of README: systems at equal time, in Markdown. results: those of results.json."""
    shown = []
    for name, title in TITLES.items():
        if rows := list(_seeds(results, "systems", name).values()):
            shown.append((title, _both(rows, "fd"), f"{_both(rows, 'near_copies', 1, 100)} %"))
    return harness.markdown_table(("system", "FD", "near copies of training pictures"), shown)


def chart(results: Results) -> tuple[list[Panel], list[tuple[str, str]]]:
    """The distance over minutes of training and over kimg, and the key: systems with their last distance."""
    lines, key, starting = [], [], []
    known = {name: rows for name in TITLES if (rows := _seeds(results, "systems", name))}
    for run, (name, rows) in enumerate(known.items()):
        courses = [row["course"] for row in rows.values() if "course" in row][:1]
        lines += [Line(run, [at / 60 for at, _ in c], [fd for _, fd in c]) for c in courses]
        key.append((_plain(TITLES[name]), f"FD {_both(rows.values(), 'fd')}"))
        if along := _along(results, name):
            starting.append(Line(run, [row["kimg"] for row in along], [row["fd"] for row in along]))
    floors = [row["fd_floor"] for row in results.get("systems", {}).values()]
    heights = [("halves of the real set", floor) for floor in floors[:1]]
    panels = [Panel("FD-EfficientNet-Lite1 over training time", "minutes of training", lines, heights)]
    if starting:
        panels.append(Panel("… and over pictures shown", "kimg", starting, heights))
    return panels, key


def _plain(title: str) -> str:
    return re.sub(r"[*`]", "", title)


def _seeds(results: Results, table: str, system: str) -> dict[str, Row]:
    """The rows of a system by seed."""
    rows = results.get(table, {})
    known = sorted(name for name in rows if name.startswith(f"{system}, seed "))
    return {name.rpartition(" ")[2]: rows[name] for name in known}


def _along(results: Results, system: str) -> list[Row]:
    """The rows of the starting point of the first seed that was measured, by kimg."""
    rows = results.get("starting point", {})
    known = [(name.split(", ")[1], row) for name, row in rows.items() if name.startswith(f"{system}, seed ")]
    first = min((seed for seed, _ in known), default="")
    return sorted((row for seed, row in known if seed == first), key=lambda row: row["kimg"])


def _both(rows: Iterable[Row], key: str, digits: int = 0, scale: float = 1.0) -> str:
    """The values of all seeds, one after the other."""
    values = [row[key] * scale for row in rows]
    return " / ".join(f"{value:.{digits}f}" for value in values).replace("-", "−")


def _conditions(results: Results) -> str:
    rows = results.get("systems", {}).values()
    if not rows:
        return ""
    floor, copies = fmean(row["fd_floor"] for row in rows), fmean(row["near_copies_reals"] for row in rows)
    minutes = fmean(row["seconds"] for row in rows) / 60
    return (
        f"Each system was timed alone on the machine (s/kimg) and trained for as many kimg as take"
        f" {minutes:.1f} minutes. Two halves of the real set have an FD of {floor:.0f};"
        f" {100 * copies:.1f} % of the real pictures are near copies of another. Two values"
        " are two seeds; the other tables show one seed."
    )


def _systems(results: Results) -> str:
    head = ("system", "s/kimg", "kimg", "FD", "KID", "precision", "recall", "coverage", "near copies")
    shown = []
    for name, title in TITLES.items():
        rows = list(_seeds(results, "systems", name).values())
        if not rows:
            continue
        kid = f"{_both(rows, 'kid', 3)} ± {max(row['kid_error'] for row in rows):.3f}"
        shown.append(
            (
                *(title, f"{rows[0]['sec_per_kimg']:.1f}", f"{rows[0]['kimg']:.1f}", _both(rows, "fd"), kid),
                *(_both(rows, key, 2) for key in ("precision", "recall", "coverage")),
                f"{_both(rows, 'near_copies', 1, 100)} %",
            )
        )
    table = harness.markdown_table(head, shown)
    return f"**At equal time** (`benchmarks.earlier_systems`):\n\n{table}" if shown else ""


def _starting_point(results: Results) -> str:
    """Tick by tick: the two systems halt at kimg that differ by a percent."""
    scratch, tuned = _along(results, "sprites"), _along(results, "fine-tuned")
    if not scratch or not tuned:
        return ""
    later = [row for row in tuned if row["kimg"] > 0]
    empty = [{}] * (len(tuned) - len(later))
    columns = list(zip(tuned, [*empty, *scratch], strict=False))
    rows = [
        (TITLES["sprites"], *(f"{row['fd']:.0f}" if row else "" for _, row in columns)),
        (TITLES["fine-tuned"], *(f"{row['fd']:.0f}" for row, _ in columns)),
    ]
    table = harness.markdown_table(("FD after kimg", *(f"{row['kimg']:.0f}" for row, _ in columns)), rows)
    return f"**What the embedded checkpoint is worth** (`benchmarks.starting_point`):\n\n{table}"


def _types(results: Results) -> str:
    rows = sorted(results.get("by type", {}).values(), key=lambda row: row["kimg"])
    head = ("kimg", "agreement with the requested type", "chance", "accuracy on held-out real creatures")
    head += ("FD", "FD without types", "KID", "recall", "coverage", "near copies")
    table = harness.markdown_table(head, [
        (
            f"{row['kimg']:.0f}", f"{100 * row['agreement']:.1f} %: {row['times_chance']:.1f} × chance",
            f"{100 * row['chance']:.1f} %", f"{100 * row['classifier_held_out_accuracy']:.1f} %",
            f"{row['fd']:.0f}", f"{row['fd_without_types']:.0f}",
            f"{row['kid']:.3f} ± {row['kid_error']:.3f}", f"{row['recall']:.2f}", f"{row['coverage']:.2f}",
            f"{100 * row['near_copies']:.1f} %",
        )
        for row in rows
    ])  # fmt: skip
    said = (
        "**Creatures by type** (`benchmarks.by_type`): 100 of each, judged by a classifier that was trained"
        " on real sprites:"
    )
    return f"{said}\n\n{table}" if rows else ""


def _own_rows(results: Results) -> dict[str, Row]:
    """The rows of the table of progress, the first seed's, in its order."""
    rows = {
        name.partition(",")[0]: row for name, row in sorted(results.get("progress", {}).items(), reverse=True)
    }
    return {name: rows[name] for name in _OWN_SETS if name in rows}


def _progress(results: Results) -> str:
    rows = _own_rows(results)
    head = ("baseline system", "data set", "FD after 5 passes", "after 130 passes", "better by")
    head += ("recall", "coverage", "near copies")
    table = harness.markdown_table(head, [
        (
            f"`{name.removesuffix('-sprites')}`", f"{row['pictures']:,} {words}",
            f"{row['fd_after_5_passes']:.0f}", f"{row['fd']:.0f}", _percent(row["improvement"]),
            *(f"{row[key]:.2f}" for key in ("recall", "coverage")), f"{100 * row['near_copies']:.1f} %",
        )
        for name, row in rows.items() for words in [_OWN_SETS[name]]
    ])  # fmt: skip
    notes = []
    if "progan" in rows:
        notes.append("After 5 passes `progan` still draws 32×32; these pictures are enlarged.")
    if short := [f"`{name}`" for name, row in rows.items() if row.get("arithmetic") == "bf16"]:
        notes.append(f"Trained with `--precision bf16`: {', '.join(short)}.")
    said = "**Whether the baseline systems learn** (`benchmarks.progress`), most on sets like their authors'"
    made = [f"{said}; do not compare rows:", table, *filter(None, [" ".join(notes)])]
    return "\n\n".join(made) if rows else ""


def _bars(results: Results) -> str:
    """The goals that were set beforehand, and whether they were reached."""
    said = []
    tuned, dcgan = (list(_seeds(results, "systems", name).values()) for name in ("fine-tuned", "dcgan64"))
    if tuned and dcgan:
        ratio = fmean(row["fd"] for row in tuned) / fmean(row["fd"] for row in dcgan)
        most = 100 * tuned[0]["near_copies_reals"] + 2
        copies = 100 * max(row["near_copies"] for row in tuned)
        said.append(
            f"Fine-tuning reaches {ratio:.2f} of `dcgan64`'s FD{_met(ratio <= 0.6)} (goal: at most 0.6), with"
            f" {copies:.1f} % near copies{_met(copies <= most)} (goal: at most {most:.1f} %)"
        )
    scratch, along = _along(results, "sprites"), _along(results, "fine-tuned")
    if scratch and along and min(scratch[-1]["kimg"], along[-1]["kimg"]) > _LONG:
        last, ours = scratch[-1]["fd"], along[-1]["fd"]
        reached = next((row["kimg"] for row in along if row["fd"] <= last), None)
        when = "never" if reached is None else f"after {reached:.0f} kimg"
        said.append(
            f"Training from scratch reaches an FD of {last:.0f} in {scratch[-1]['kimg']:.0f} kimg."
            f" Fine-tuning is there {when}{_met(reached is not None and reached <= 15)} (goal: within 15"
            f" kimg). At the end its FD is {100 * (1 - ours / last):.0f} % lower{_met(ours <= 0.85 * last)}"
            " (goal: 15 %)"
        )
    for row in _longest(results.get("by type", {})):
        more = row["fd"] / row["fd_without_types"] - 1
        said.append(
            f"The classifier recognises the requested type {row['times_chance']:.1f} times as often as"
            f" chance would{_met(row['times_chance'] >= 2.5)} (goal: 2.5). The FD is {100 * more:.0f} %"
            f" above that without types{_met(more <= 0.15)} (goal: at most 15 %)"
        )
    learnt = _own_rows(results)
    if learnt:
        name, row = min(learnt.items(), key=lambda item: item[1]["improvement"])
        said.append(
            f"Between 5 and 130 passes, the FD of every baseline system falls by at least"
            f" {_percent(row['improvement'])}{_met(row['improvement'] >= _LEARNT)}"
            f" (goal: {_percent(_LEARNT)}); the least is that of"
            f" `{name.removesuffix('-sprites')}` on {_OWN_SETS[name]}"
        )
    return "\n".join(["Goals set beforehand:", "", *(f"* {sentence}." for sentence in said)]) if said else ""


def _longest(rows: dict[str, Row]) -> list[Row]:
    """Of every seed's rows the one of most kimg."""
    last: dict[str, Row] = {}
    for name, row in sorted(rows.items(), key=lambda item: item[1]["kimg"]):
        last[name.partition(",")[0]] = row
    return list(last.values())


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %".replace("-", "−")


def _met(met: bool) -> str:
    return "" if met else ", **missed**"


def _put(page: Path, text: str) -> None:
    """Replace what stands between the two marks of a page."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise harness.Refusal(f"{page} has no place for the tables; put {BEGIN} and {END} into it")
    with whole_file(page) as temporary:
        temporary.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


@click.command()
def main() -> None:
    """Write tables and chart."""
    results = {name: harness.recorded(name) for name in TABLES}
    if not results["systems"]:
        raise harness.Refusal("results.json has no systems yet; run python -m benchmarks.earlier_systems")
    _put(PAGE, tables(results))
    _put(README, summary(results))
    panels, key = chart(results)
    minutes = fmean(row["seconds"] for row in results["systems"].values()) / 60
    said = (
        f"819 sprites at 64×64: what each system learns in {minutes:.1f} minutes on one machine. Lower is"
        " better.\nLines: first seed. Numbers: both seeds."
    )
    save_panels(CHART, panels, key, said)


if __name__ == "__main__":
    main()
