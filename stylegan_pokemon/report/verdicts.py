"""How a run goes, in sentences: pure functions of the records of stats.jsonl and of what was planned.

Each judge looks at one thing and says at most one sentence. They speak only where several ticks in a row
agree (one tick's figures are noise) or where another room has tested already (`alarm`).
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

P_CAP = 0.85  # where ADA stops raising p: beyond it augmentations leak into the pictures
_STILL_ALIKE = 8  # measured ticks from the start after which pictures that are alike are a collapse
_BROKEN = 0.05  # share of pictures in pieces above the real set's that is worth a word; twice as much is bad
_HAZY = 0.02  # the same of hazy background
_LOSSES = ("loss/G", "loss/D_fake", "loss/D_real")


def findings(records: Sequence[Record], plan: Plan) -> list[Finding]:
    """All that is to be said, the most important first; never empty. The first is the verdict.

    records: oldest first, each with a finite "tick" and "kimg"; everything else may be missing or damaged.
    """
    if not records:
        return [Finding("none", INFO, "No tick is finished yet.", "The first figures come with tick 1.")]
    of_a_classifier = (won, overfits, knows_its_pictures, blind)
    judges = [judge for judge in _JUDGES if not (plan.critic and judge in of_a_classifier)]
    found = [finding for judge in judges if (finding := judge(records, plan)) is not None]
    grave = [f for f in found if f.level in (BAD, WARN)]
    course = course_of(records, plan, sound=not grave, lost=any(f.level == BAD for f in grave))
    notes = [f for f in found if f.level not in (BAD, WARN)]
    order = {BAD: 0, WARN: 1}
    said = sorted(grave, key=lambda f: order[f.level]) + course + notes
    return [_without_foreign_advice(finding) for finding in said] if plan.earlier else said


def _without_foreign_advice(finding: Finding) -> Finding:
    """The finding without advice that only StyleGAN2-ADA's options could follow."""
    foreign = any(word in finding.advice for word in ("--gamma", "--aug", "--freezed", "augmentation"))
    return dataclasses.replace(finding, advice="") if foreign else finding


# ------------------------------------------------------------------ troubles


def diverged(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The newest losses are no numbers."""
    broken = [any(not_finite(r.get(name)) for name in _LOSSES) for r in records]
    if not broken[-1]:
        return None
    first = start_of_streak(broken)
    back = records[first - 1]["tick"] if first else None
    return Finding(
        "diverged", BAD,
        f"Diverged: since tick {records[first]['tick']} the losses are no longer numbers{_go_back(back)}.",
        "Start again from there more gently: half of --lr, twice --gamma.",
        records[first]["tick"], back,
    )  # fmt: skip


def collapsing(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The variety of the pictures was measured and raised the alarm."""
    measured = [r for r in records if isinstance(dig(r, "metrics", "diversity", "alarm"), bool)]
    if not measured or not measured[-1]["metrics"]["diversity"]["alarm"]:
        return None
    first = start_of_streak([r["metrics"]["diversity"]["alarm"] for r in measured])
    if first == 0 and len(measured) < _STILL_ALIKE:
        return None
    back = measured[first - 1]["tick"] if first else None
    ratio = number(dig(measured[-1], "metrics", "diversity", "ratio"))
    variety = f" (their variety is {percent(ratio)} of the training pictures')" if ratio is not None else ""
    return Finding(
        "collapsing", BAD,
        f"Collapsing since tick {measured[first]['tick']}: the pictures become"
        f" alike{variety}{_go_back(back)}.",
        "More training seldom brings variety back; start again from there with twice --gamma or half of"
        " --lr.",
        measured[first]["tick"], back,
    )  # fmt: skip


def alike(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The variety has raised the alarm from the start: what has never parted cannot have collapsed yet."""
    alarms = [dig(r, "metrics", "diversity", "alarm") for r in records]
    alarms = [alarm for alarm in alarms if isinstance(alarm, bool)]
    if not alarms or not all(alarms) or len(alarms) >= _STILL_ALIKE:
        return None
    return Finding(
        "alike", INFO,
        "The pictures are still alike, as they are early in a training.",
        "Move the slider: if they have stopped changing, start again with twice --gamma or half of --lr.",
    )  # fmt: skip


def copying(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The distances to the training pictures were measured and raised the alarm."""
    measured = [r for r in records if isinstance(dig(r, "metrics", "memorisation", "alarm"), bool)]
    if not measured or not measured[-1]["metrics"]["memorisation"]["alarm"]:
        return None
    first = start_of_streak([r["metrics"]["memorisation"]["alarm"] for r in measured])
    back = measured[first - 1]["tick"] if first else None
    near = number(dig(measured[-1], "metrics", "memorisation", "near_copies"))
    reals = number(dig(measured[-1], "metrics", "memorisation", "near_copies_reals"))
    share = f": {percent(near)} are near copies" if near is not None else ""
    usual = (
        f", {percent(reals)} among the training pictures themselves" if share and reals is not None else ""
    )
    return Finding(
        "copying", BAD,
        "It copies the training pictures since tick"
        f" {measured[first]['tick']}{share}{usual}{_go_back(back)}.",
        "Look at the sheet of nearest neighbours; more data, --mirror and an earlier snapshot help.",
        measured[first]["tick"], back,
    )  # fmt: skip


def won(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The discriminator is never wrong: nothing is left to learn from."""

    def hopeless(record: Record) -> bool:
        d, g = discriminator_loss(record), number(record.get("loss/G"))
        return d is not None and g is not None and d < 0.15 and g > 4

    since = _since(records, hopeless, IN_A_ROW)
    if since is None:
        return None
    back = _before(records, since)
    return Finding(
        "won", BAD,
        f"The discriminator has won: since tick {since} it is never wrong, and the generator learns nothing"
        f" more{_go_back(back)}.",
        "Start again from there with twice --gamma, with --aug ada, or from a checkpoint that fits better.",
        since, back,
    )  # fmt: skip


def overfits(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The discriminator knows the training pictures by heart, and augmentation cannot help further."""

    def at_cap(record: Record) -> bool:
        p, r_t = number(record.get("p")), number(record.get("r_t"))
        return p is not None and r_t is not None and p >= P_CAP - 1e-3 and r_t > plan.ada_target

    def by_heart(record: Record) -> bool:
        r_t = number(record.get("r_t"))
        return r_t is not None and r_t >= 0.9

    ada = plan.aug == "ada" and not plan.earlier
    remedy = " or more data" if plan.earlier else ", more data or --aug ada"
    since = _since(records, at_cap if ada else by_heart, IN_A_ROW)
    if since is None:
        return None
    r_t = figure(records[-1]["r_t"])
    why = (
        f"p at its cap since tick {since} and r_t still {r_t}, above {figure(plan.ada_target)}; consider"
        " stopping or more data"
        if ada
        else f"r_t is {r_t} and at least 0.9 since tick {since}; consider stopping{remedy}"
    )
    advice = "More pictures help most; --mirror doubles them; a smaller discriminator or --freezed too."
    return Finding("overfits", WARN, f"The discriminator overfits: {why}.", advice, since)


def knows_its_pictures(records: Sequence[Record], plan: Plan) -> Finding | None:
    """Training pictures are believed far more often than held-out ones (--holdout)."""

    def gap(record: Record) -> float | None:
        real, heldout = number(record.get("signs/real")), number(record.get("signs/heldout"))
        return None if real is None or heldout is None else real - heldout

    since = _since(records, lambda r: (gap(r) or 0) > 0.5, IN_A_ROW)
    if since is None:
        return None
    real, heldout = (f"{records[-1][name]:+.2f}" for name in ("signs/real", "signs/heldout"))
    return Finding(
        "knows", WARN,
        f"The discriminator recognises its training pictures: since tick {since} it believes them (sign"
        f" {real})"
        f" but not pictures that it has never seen (sign {heldout}).",
        "What it teaches from now on is partly those pictures; watch for copies, or stop at the best"
        " snapshot.",
        since,
    )  # fmt: skip


def blind(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The discriminator guesses."""
    since = _since(records, guesses, LONG)
    if since is None:
        return None
    return Finding(
        "blind", WARN,
        f"The discriminator only guesses since tick {since}: it gives every picture even odds and teaches"
        " nothing.",
        "Halve --gamma, or raise --lr; at the very start of a fresh run this passes by itself.",
        since,
    )  # fmt: skip


def fading(records: Sequence[Record], plan: Plan) -> Finding | None:
    """Colours were there and go away."""
    shares = [(r["tick"], share) for r in records if (share := _colour_share(r)) is not None]
    if len(shares) <= IN_A_ROW:
        return None
    peak_tick, peak = max(shares, key=lambda item: item[1])
    faded = [share < 0.85 * peak and share < 0.7 and tick > peak_tick for tick, share in shares]
    if not all(faded[-IN_A_ROW:]):
        return None
    since = shares[start_of_streak(faded)][0]
    return Finding(
        "fading", WARN,
        f"The colours fade since tick {since}: they reach {percent(shares[-1][1])} of the training pictures'"
        f" colourfulness, at tick {peak_tick} it was {percent(peak)}.",
        f"Compare the grids of tick {peak_tick} and now; a smaller --gamma or that snapshot keeps the"
        " colours.",
        since, peak_tick,
    )  # fmt: skip


def in_pieces(records: Sequence[Record], plan: Plan) -> Finding | None:
    """More of the newest measured pictures are in pieces than of the real ones."""
    measured = [(r["tick"], *found) for r in records if (found := _sprite_figure(r, "whole"))]
    if not measured:
        return None
    tick, whole, reals, error = measured[-1]
    share, usual = (round(1 - x, 6) for x in (whole, reals))  # 1 − 0.97 is more than 0.03
    if share - usual <= max(_BROKEN, 2 * error):
        return None
    before = max(measured, key=lambda it: it[1])
    fewer = before[1] - whole > max(_BROKEN, 2 * math.hypot(error, before[3]))
    was = f"; at tick {before[0]} it was {percent(round(1 - before[1], 6))}" if fewer else ""
    return Finding(
        "pieces", WARN if share - usual > 2 * _BROKEN else INFO,
        f"{percent(share)} of the creatures are in pieces, of the real ones {percent(usual)}{was}.",
        "Train on: broken creatures often come together again. If they do not, start again with half of"
        " --lr.",
        tick, before[0] if fewer else None,
    )  # fmt: skip


def hazy(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The background of the newest measured pictures is less clean than that of the real ones."""
    measured = [found for r in records if (found := _sprite_figure(r, "haze"))]
    if not measured:
        return None
    haze, usual, error = (x / 100 for x in measured[-1])
    if haze - usual <= max(_HAZY, 2 * error):
        return None
    return Finding(
        "haze", WARN if haze - usual > 2 * _HAZY else INFO,
        f"{percent(haze)} of the background is hazy, {percent(usual)} in the real pictures.",
        "Train on: haze often clears up late. If it stays, start again with a larger --haze-loss, and with"
        " --augpipe bg: colour augmentations hide haze from the discriminator.",
    )  # fmt: skip


# ------------------------------------------------------------------ notes


def pale(records: Sequence[Record], plan: Plan) -> Finding | None:
    """Colours have not come yet, though the run is no longer young."""
    shares = [share for r in records if (share := _colour_share(r)) is not None]
    if len(shares) < 2 * LONG or max(shares) >= 0.7:
        return None
    return Finding(
        "pale", INFO,
        f"The colours are still pale: {percent(shares[-1])} of the training pictures' colourfulness.",
        "They usually come late; look at the newest grid.",
    )  # fmt: skip


def lost_numbers(records: Sequence[Record], plan: Plan) -> Finding | None:
    """Losses that were no numbers at an earlier tick, but are again."""
    broken = [r["tick"] for r in records if any(not_finite(r.get(name)) for name in _LOSSES)]
    if not broken or broken[-1] == records[-1]["tick"]:
        return None
    return Finding(
        "lost", INFO, f"At tick {broken[-1]} losses were no numbers; training has recovered.",
        "Should it come back: half of --lr, twice --gamma.",
    )  # fmt: skip


def slow(records: Sequence[Record], plan: Plan) -> Finding | None:
    """The newest tick took twice as long as ticks do."""
    speeds = [s for r in records if (s := number(r.get("sec_per_kimg"))) is not None and s > 0]
    if len(speeds) <= LONG or speeds[-1] <= 2 * (usual := _median(speeds[:-1])):
        return None
    return Finding(
        "slow", INFO,
        f"The last tick was slow: {figure(speeds[-1])} seconds per 1,000 pictures, usually {figure(usual)}.",
        "Another program may be using the machine.",
    )  # fmt: skip


_JUDGES: tuple[Callable[[Sequence[Record], Plan], Finding | None], ...] = (
    diverged, collapsing, alike,
    copying, won, overfits, knows_its_pictures, blind, in_pieces, hazy, fading, lost_numbers, pale, slow,
)  # fmt: skip


# ------------------------------------------------------------------ helpers


def _colour_share(record: Record) -> float | None:
    value, reals = number(record.get("colourfulness")), number(record.get("colourfulness_reals"))
    return None if value is None or not reals else value / reals


def _sprite_figure(record: Record, name: str) -> tuple[float, float, float] | None:
    """Value, real set's value and standard error of their difference; None where they are not known."""
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
    return f"; go back to tick {tick}" if tick is not None else ""


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
