"""What runs are compared by: one number per tick and chart, as every run recorded it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stylegan_pokemon.report import charts
from stylegan_pokemon.report.charts import Read, at, rounded
from stylegan_pokemon.report.explanations import CHARTS
from stylegan_pokemon.report.finding import UNDECIDED, Record, discriminator_loss
from stylegan_pokemon.report.reading import Run
from stylegan_pokemon.report.verdicts import P_CAP
from stylegan_pokemon.report.words import not_finite, number

_BESIDE = ("f1",)  # metrics that say nothing beyond two others that have a chart


@dataclass(frozen=True)
class Quantity:
    """One number per tick, drawn for all runs in one chart.

    section: of the page, see explanations.SECTIONS. lines: dashed heights with their labels. rank: place in
    the picture, which has room for the first few. of: whether it means the same in a run as in the others.
    """

    title: str
    section: str
    explanation: str
    read: Read
    interval: Read | None = None
    lines: tuple[tuple[str, float], ...] = ()
    range: tuple[float, float] | None = None
    unit: str = ""
    rank: int = 99
    of: Callable[[Run], bool] = lambda run: True


@dataclass(frozen=True)
class Curve:
    """A quantity as one run recorded it. All lists are one per tick that says something.

    hours: None where the tick has no time. values: None for what is no finite number. bars: [low, high] or
    None.
    """

    run: int
    kimg: list[float]
    hours: list[float | None]
    values: list[float | None]
    bars: list[list[float] | None]


def quantities(runs: Sequence[Run]) -> list[tuple[Quantity, list[Curve]]]:
    """What these runs can be compared by, in the order of the page, with their curves."""
    candidates = [*_metrics(runs), *_creatures(runs), *_copying(runs), *_health(runs), *_machine()]
    return [(quantity, curves) for quantity in candidates if (curves := _curves(quantity, runs))]


def is_wide(curves: Sequence[Curve]) -> bool:
    """Whether the chart needs a logarithmic scale."""
    return charts.wants_logarithm([v for curve in curves for v in curve.values if v is not None])


def _metrics(runs: Sequence[Run]) -> list[Quantity]:
    names = charts.metric_names(record for run in runs for record in run.records)
    found = []
    for name in names:
        family = name.partition("_")[0]
        if family in _BESIDE:
            continue
        floor = _agreed(charts.metric_floor(name, run.records) for run in runs)
        where = ("metrics", "values", name)
        found.append(Quantity(
            charts.metric_title(name), "quality", charts.metric_explanation(name), at(*where, "value"),
            at(*where, "interval"),
            (("halves of the real set", rounded(floor)),) if floor is not None else (),
            (0, 1) if family in ("precision", "recall", "coverage") else None,
            rank={"kid": 0, "fid": 1, "fd": 1, "recall": 2}.get(family, 20),
        ))  # fmt: skip
    return sorted(found, key=lambda quantity: quantity.rank)


def _creatures(runs: Sequence[Run]) -> list[Quantity]:
    found = []
    for name, title in charts.SPRITE.items():
        usual = _agreed(_last(run, charts.sprite_at(name, "reals")) for run in runs)
        found.append(Quantity(
            title, "creatures", CHARTS[name], charts.sprite_at(name, "value"),
            charts.sprite_at(name, "interval"),
            (("training pictures", rounded(usual)),) if usual is not None else (),
            (0, 1) if name in ("whole", "sharpness") else (0, 0), "%" if name in ("haze", "speckle") else "",
            rank={"whole": 1, "haze": 2}.get(name, 21),
        ))  # fmt: skip
    return found


def _copying(runs: Sequence[Run]) -> list[Quantity]:
    copies = ("metrics", "memorisation")
    usual = _agreed(_last(run, at(*copies, "near_copies_reals")) for run in runs)
    among = (("training pictures among themselves", rounded(usual)),) if usual is not None else ()
    return [
        Quantity("Near copies of training pictures", "copying", CHARTS["memorisation"],
                 at(*copies, "near_copies"), None, among, (0, 0.02), rank=3),
        Quantity("Variety", "copying", CHARTS["diversity"], at("metrics", "diversity", "ratio"), None,
                 (("as varied as the training pictures", 1.0),), (0, 1.1), rank=4),
        Quantity("Colourfulness beside the training pictures'", "copying",
                 "How lively the colours of the drawn grids are, as a share of the training pictures'"
                 " (measure of Hasler and Süsstrunk). Colours that fade as training goes on are a known"
                 " complaint of small sets.", _colour_share, None,
                 (("as colourful as the training pictures", 1.0),), (0, 1.1), rank=10),
    ]  # fmt: skip


def _health(runs: Sequence[Run]) -> list[Quantity]:
    steered = [run for run in runs if _adapts(run) and str(run.config.get("aug", "ada")) == "ada"]
    target = _agreed(run.plan.ada_target for run in steered)
    return [
        Quantity("r_t: how surely the discriminator knows the training pictures", "health", CHARTS["r_t"],
                 at("r_t"), None, (("target of r_t", target),) if target is not None else (), (0, 1), rank=5,
                 of=_adapts),
        Quantity("Augmentation p", "health", "The share of pictures that are shown altered, so that they are"
                 " harder to learn by heart. It rises while r_t is above its target.", at("p"), None,
                 (("cap of p", P_CAP),) if steered else (), (0, 1), rank=8, of=_adapts),
        Quantity("Generator loss", "health", CHARTS["losses"], at("loss/G"), None,
                 (("a coin toss", rounded(math.log(2))),), rank=6, of=_classifies),
        Quantity("Discriminator loss", "health", "How wrong the discriminator is about drawn and real"
                 " pictures together; near 0 it has won, and the generator learns nothing more.", _d_loss,
                 None, (("a coin toss", rounded(UNDECIDED)),), rank=7, of=_classifies),
    ]  # fmt: skip


def _adapts(run: Run) -> bool:
    """Whether it can augment, which systems of earlier projects do not."""
    return not run.plan.earlier


def _classifies(run: Run) -> bool:
    """Whether its losses are those of a classifier, and not a critic's scores."""
    return not run.plan.critic


def _machine() -> list[Quantity]:
    return [
        Quantity("Speed", "machine", CHARTS["speed"], at("sec_per_kimg"), None, (), (0, 1), "s", rank=30),
        Quantity("Memory", "machine", CHARTS["memory"], lambda r: charts.gib(r.get("peak_memory_bytes")),
                 None, (), (0, 0.1), "GiB", rank=31),
    ]  # fmt: skip


def _colour_share(record: Record) -> Any:
    value, reals = record.get("colourfulness"), number(record.get("colourfulness_reals"))
    return value / reals if reals and (number(value) is not None or not_finite(value)) else None


def _d_loss(record: Record) -> Any:
    parts = (record.get("loss/D_fake"), record.get("loss/D_real"))
    broken = [part for part in parts if not_finite(part)]
    return broken[0] if broken else discriminator_loss(record)


def _curves(quantity: Quantity, runs: Sequence[Run]) -> list[Curve]:
    """Of every run that knows the quantity."""
    curves = []
    for i, run in enumerate(runs):
        if not quantity.of(run):
            continue
        rows = [(r, value) for r in run.records
                if number(value := quantity.read(r)) is not None or not_finite(value)]  # fmt: skip
        values = [number(value) for _, value in rows]
        if all(value is None for value in values):
            continue
        interval: Callable[[Record], Any] = quantity.interval or (lambda _: None)
        seconds = [number(r.get("seconds")) for r, _ in rows]
        curves.append(Curve(
            i,
            [rounded(r["kimg"]) for r, _ in rows],
            [None if s is None else rounded(s / 3600) for s in seconds],
            [None if value is None else rounded(value) for value in values],
            [charts.bar(interval(r), value) for (r, _), value in zip(rows, values, strict=True)],
        ))  # fmt: skip
    return curves


def _last(run: Run, read: Read) -> float | None:
    known = [value for record in run.records if (value := number(read(record))) is not None]
    return known[-1] if known else None


def _agreed(values: Any) -> float | None:
    """What all that know it say; None where two differ."""
    known = {value for value in values if value is not None}
    return known.pop() if len(known) == 1 else None
