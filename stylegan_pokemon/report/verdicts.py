"""What goes wrong in a run: pure functions of the records of stats.jsonl and of the plan.

Each judge looks at one thing and returns at most one finding. A judge speaks only where several ticks in a
row agree (one tick is noise) or where a metric has already tested it (`alarm`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from stylegan_pokemon.report.course import course_of
from stylegan_pokemon.report.finding import (
    BAD,
    IN_A_ROW,
    INFO,
    LONG,
    WARN,
    Finding,
    Plan,
    Record,
    dig,
    discriminator_loss,
    guesses,
    start_of_streak,
)
from stylegan_pokemon.report.words import figure, not_finite, number, percent
from stylegan_pokemon.training.settings.config import ADA_CAP

_STILL_ALIKE = 8  # measured ticks from the start after which images that are alike are a collapse
_BROKEN = 0.05  # share of sprites in pieces, beyond the training set's, that is reported
_HAZY = 0.02  # the same for hazy background; twice as much is a warning
_LOSSES = ("loss/G", "loss/D_fake", "loss/D_real")


def findings(records: Sequence[Record], plan: Plan) -> list[Finding]:
    """All findings, the most important first; never empty. The first is the verdict.

    records: oldest first, each with a finite "tick" and "kimg"; all else may be missing or damaged.
    """
    if not records:
        return [Finding("none", INFO, "No tick is finished yet.", "The first numbers appear after tick 1.")]
    judges = [judge for judge in _JUDGES if not (plan.critic and judge in _OF_CLASSIFIERS)]
    found = [finding for judge in judges if (finding := judge(records, plan)) is not None]
    troubles = sorted((f for f in found if f.level in (BAD, WARN)), key=lambda f: f.level == WARN)
    lost = any(f.level == BAD for f in troubles)
    course = course_of(records, plan, sound=not troubles, lost=lost)
    said = [*troubles, *course, *(f for f in found if f not in troubles)]
    if lost:  # "keep training" would contradict the advice on the severe problem
        said = [f if f.level == BAD else dataclasses.replace(f, advice="") for f in said]
    return [_without_foreign_advice(finding, plan) for finding in said]


def _without_foreign_advice(finding: Finding, plan: Plan) -> Finding:
    """The finding without advice that needs options which the run's system lacks."""
    words = {"--gamma": "gamma", "--aug": "aug", "--freezed": "freezed", "augment": "aug"}
    foreign = any(word in finding.advice and not plan.knows(option) for word, option in words.items())
    return dataclasses.replace(finding, advice="") if foreign else finding


def diverged(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The newest losses are NaN or infinite."""
    since = _since(records, lambda r: any(not_finite(r.get(name)) for name in _LOSSES), 1)
    if since is None:
        return None
    back = _before(records, since)
    return Finding(
        "diverged", BAD, f"Training diverged at tick {since}: its losses are NaN or infinite.",
        _go_back(back) + "Restart with half of --lr or twice --gamma.", back,
    )  # fmt: skip


def collapsing(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The diversity of the images was measured and raised the alarm."""
    measured = [r for r in records if isinstance(dig(r, "metrics", "diversity", "alarm"), bool)]
    since = _since(measured, lambda r: r["metrics"]["diversity"]["alarm"], 1)
    if since is None:
        return None
    back = _before(measured, since)
    if back is None and len(measured) < _STILL_ALIKE:
        return None  # alike from the start is normal early in a run
    ratio = number(dig(measured[-1], "metrics", "diversity", "ratio"))
    share = f" (diversity is {percent(ratio)} of the training images')" if ratio is not None else ""
    return Finding(
        "collapsing", BAD, f"Mode collapse since tick {since}: the images become alike{share}.",
        _go_back(back) + "More training seldom restores diversity. Restart with twice --gamma or half of"
        " --lr.", back,
    )  # fmt: skip


def copying(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The distances to the training images were measured and raised the alarm."""
    measured = [r for r in records if isinstance(dig(r, "metrics", "memorisation", "alarm"), bool)]
    since = _since(measured, lambda r: r["metrics"]["memorisation"]["alarm"], 1)
    if since is None:
        return None
    back = _before(measured, since)
    near, reals = (number(dig(measured[-1], "metrics", "memorisation", name))
                   for name in ("near_copies", "near_copies_reals"))  # fmt: skip
    share = f": {percent(near)} are near copies" if near is not None else ""
    share += f", {percent(reals)} among the training images themselves" if share and reals is not None else ""
    return Finding(
        "copying", BAD, f"The generator copies training images since tick {since}{share}.",
        _go_back(back) + "Look at the nearest training images below. More data or --mirror helps.",
        back,
    )  # fmt: skip


def won(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The discriminator is never wrong, so the generator has nothing to learn from."""

    def hopeless(record: Record) -> bool:
        d, g = discriminator_loss(record), number(record.get("loss/G"))
        return d is not None and g is not None and d < 0.15 and g > 4

    since = _since(records, hopeless, IN_A_ROW)
    if since is None:
        return None
    back = _before(records, since)
    return Finding(
        "won", BAD,
        f"The discriminator has won: since tick {since} it is never wrong, and the generator no longer"
        " learns.",
        _go_back(back) + "Restart with twice --gamma, with --aug ada, or from a checkpoint of more similar"
        " images.", back,
    )  # fmt: skip


def overfits(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The discriminator memorised the training images, and augmentation cannot help further."""

    def at_cap(record: Record) -> bool:
        p, r_t = number(record.get("p")), number(record.get("r_t"))
        return p is not None and r_t is not None and p >= ADA_CAP - 1e-3 and r_t > plan.ada_target

    def memorised(record: Record) -> bool:
        return (number(record.get("r_t")) or 0) >= 0.9

    ada = plan.aug == "ada" and plan.knows("aug")
    since = _since(records, at_cap if ada else memorised, IN_A_ROW)
    if since is None:
        return None
    r_t = figure(records[-1]["r_t"])
    why = f"r_t is {r_t}, and at least 0.9 since tick {since}"
    if ada:
        why = f"p is at its cap since tick {since}, and r_t is still {r_t} (target {figure(plan.ada_target)})"
    other = " or --aug ada" if plan.knows("aug") and not ada else ""
    return Finding(
        "overfits", WARN, f"The discriminator overfits: {why}. Stop, or train on more images{other}.",
        "More images help most. --mirror doubles them, and --freezed can help too.",
    )  # fmt: skip


def recognises(records: Sequence[Record], plan: Plan) -> Finding | None:
    """Training images are taken for real far more often than held-out ones (--holdout)."""

    def gap(record: Record) -> bool:
        real, heldout = number(record.get("signs/real")), number(record.get("signs/heldout"))
        return real is not None and heldout is not None and real - heldout > 0.5

    since = _since(records, gap, IN_A_ROW)
    if since is None:
        return None
    real, heldout = (f"{records[-1][name]:+.2f}" for name in ("signs/real", "signs/heldout"))
    return Finding(
        "knows", WARN,
        f"The discriminator recognises its training images: since tick {since} it takes them for real (mean"
        f" sign {real}), but not images that it has never seen ({heldout}).",
        "Its feedback is now partly memorised. Watch for copies, or stop at the best snapshot.",
    )  # fmt: skip


def blind(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The discriminator guesses."""
    since = _since(records, guesses, LONG)
    if since is None:
        return None
    return Finding(
        "blind", WARN,
        f"The discriminator only guesses since tick {since}: it gives every image even odds, so the"
        " generator learns nothing.",
        "Halve --gamma or raise --lr. Early in a run from scratch this passes by itself.",
    )  # fmt: skip


def fading(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The colours were there and fade."""
    found = ((r["tick"], _sprite_figure(r, "saturation")) for r in records)
    shares = [(tick, figure[0] / figure[1]) for tick, figure in found if figure and figure[1]]
    if len(shares) <= IN_A_ROW:
        return None
    peak_tick, peak = max(shares, key=lambda item: item[1])
    faded = [share < 0.85 * peak and share < 0.7 and tick > peak_tick for tick, share in shares]
    if not all(faded[-IN_A_ROW:]):
        return None
    since = shares[start_of_streak(faded)][0]
    return Finding(
        "fading", WARN,
        f"The colours fade since tick {since}: their saturation is {percent(shares[-1][1])} of the training"
        f" images', it was {percent(peak)} at tick {peak_tick}.",
        f"Compare the grids of tick {peak_tick} and now. That snapshot or a smaller --gamma keeps the"
        " colours.", peak_tick,
    )  # fmt: skip


def in_pieces(records: Sequence[Record], plan: Plan) -> Finding | None:
    """More of the newest sprites are in pieces than of the training images."""
    measured = [(r["tick"], *found) for r in records if (found := _sprite_figure(r, "whole"))]
    if not measured:
        return None
    _, whole, reals, error = measured[-1]
    share, usual = (round(1 - x, 6) for x in (whole, reals))  # 1 − 0.97 is more than 0.03
    if share - usual <= max(_BROKEN, 2 * error):
        return None
    before = max(measured, key=lambda it: it[1])
    fewer = before[1] - whole > max(_BROKEN, 2 * math.hypot(error, before[3]))
    was = f"; at tick {before[0]} it was {percent(round(1 - before[1], 6))}" if fewer else ""
    return Finding(
        "pieces", WARN if share - usual > 2 * _BROKEN else INFO,
        f"{percent(share)} of the generated sprites are in pieces, against {percent(usual)} of the training"
        f" images{was}.",
        "Keep training: broken sprites often mend. If they do not, restart with half of --lr.",
        before[0] if fewer else None,
    )  # fmt: skip


def hazy(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The newest background is less clean than that of the training images."""
    measured = [found for r in records if (found := _sprite_figure(r, "haze"))]
    if not measured:
        return None
    haze, usual, error = (x / 100 for x in measured[-1])
    if haze - usual <= max(_HAZY, 2 * error):
        return None
    return Finding(
        "haze", WARN if haze - usual > 2 * _HAZY else INFO,
        f"{percent(haze)} of the background is hazy, against {percent(usual)} in the training images.",
        "Keep training: haze often clears late. If it stays, restart with a larger --haze-loss and with"
        " --augpipe bg, because colour augmentations hide haze from the discriminator.",
    )  # fmt: skip


_OF_CLASSIFIERS = (won, overfits, recognises, blind)  # their thresholds mean nothing for a critic's scores
_JUDGES: tuple[Callable[[Sequence[Record], Plan], Finding | None], ...] = (
    diverged, collapsing, copying, won, overfits, recognises, blind, in_pieces, hazy, fading,
)  # fmt: skip


def _sprite_figure(record: Record, name: str) -> tuple[float, float, float] | None:
    """Value, training set's value and standard error of their difference; None where one is unknown."""
    entry = dig(record, "metrics", "sprite", "figures", name)
    keys = ("value", "reals", "error", "error_reals")
    value, reals, error, error_reals = (number(dig(entry, key)) for key in keys)
    if value is None or reals is None or error is None:
        return None
    return value, reals, math.hypot(error, error_reals or 0.0)


def _since(records: Sequence[Record], holds: Callable[[Record], bool], at_least: int) -> int | None:
    """The tick since which something holds, if it holds for at least so many ticks until the newest."""
    first = start_of_streak(map(holds, records))
    return records[first]["tick"] if len(records) - first >= at_least else None


def _before(records: Sequence[Record], tick: int) -> int | None:
    earlier = [r["tick"] for r in records if r["tick"] < tick]
    return earlier[-1] if earlier else None


def _go_back(tick: int | None) -> str:
    return f"Go back to tick {tick}. " if tick is not None else ""
