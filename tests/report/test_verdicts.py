"""Every verdict is said where its figures are there, and not where they just miss."""

import ast
import inspect
import json
import math
import re

import pytest

from stylegan_pokemon.report import course, verdicts
from stylegan_pokemon.report.course import measure_of
from stylegan_pokemon.report.finding import Plan
from stylegan_pokemon.report.reading import read_run
from stylegan_pokemon.report.verdicts import findings
from tests.report.runs import make_run, measured, record, sprite

NAN = math.nan


def ticks(n, **more):
    """n healthy ticks; a list in `more` gives its entries to the last ticks, one each."""
    rows = []
    for tick in range(1, n + 1):
        own = {}
        for name, value in more.items():
            if isinstance(value, list):
                place = tick - 1 - (n - len(value))
                if place >= 0:
                    own[name] = value[place]
            else:
                own[name] = value
        rows.append(record(tick, **own))
    return rows


def kids(*values, error=0.001):
    """One tick a value, each with that KID."""
    return [record(i + 1, metrics=measured(kid, error)) for i, kid in enumerate(values)]


def metric(part, **values):
    return [
        record(i + 1, metrics=measured(0.1 - 0.01 * i, **{part: v})) for i, v in enumerate(values["rows"])
    ]


def alarm(part, *alarms, **more):
    return metric(part, rows=[{"alarm": a, **more} for a in alarms])


def bodies(*shares, kid=None, error=0.01):
    """One tick for each share of whole pictures, or pair of that and the share of hazy background."""
    rows = []
    for i, share in enumerate(shares):
        whole, haze = share if isinstance(share, tuple) else (share, 0.01)
        own = kid[i] if kid else 0.1
        rows.append(record(i + 1, metrics=measured(own, sprite=sprite(whole, haze, error))))
    return rows


def colours(*values, reals=100.0):
    figures = ({"value": v, "reals": reals, "error": 1.0} for v in values)
    return [
        record(i + 1, metrics={"sprite": {"figures": {"saturation": figure}}})
        for i, figure in enumerate(figures)
    ]


def blind(n, r_t=0.01, d=1.3863):
    return ticks(8, r_t=[r_t] * n, loss__D_fake=[d / 2] * n, loss__D_real=[d / 2] * n)


def won(n, g=5.0, d=0.06):
    return ticks(8, loss__G=[g] * n, loss__D_fake=[d] * n, loss__D_real=[d] * n)


HEALTHY = Plan(kimg=100)
GETTING_WORSE = kids(0.05, 0.03, 0.02, 0.03, 0.03, 0.03)
STALLED = kids(0.05, 0.03, 0.02, 0.0205, 0.0202, 0.0203, 0.0201, 0.0204)

# kind, what is said, records and plan that say it, records and plan that just do not
CASES = [
    ("none", "No tick is finished yet.", ([], HEALTHY), (ticks(1), HEALTHY)),
    ("early", "Too early to judge after 2 ticks.", (ticks(2), HEALTHY), (ticks(3), HEALTHY)),
    (
        "balanced",
        "No sign of trouble (r_t 0.45, discriminator loss 1.",
        (ticks(3), HEALTHY),
        (ticks(3, r_t=None), HEALTHY),
    ),
    (
        "silent",
        "The newest tick has no losses or no r_t, so only its images can be judged.",
        (ticks(3, r_t=[None]), HEALTHY),
        (ticks(3, r_t=[None, 0.4]), HEALTHY),
    ),
    (
        "diverged",
        "Training diverged at tick 7: its losses are NaN or infinite.",
        (ticks(8, loss__G=[NAN, math.inf]), HEALTHY),
        (ticks(8, loss__G=[NAN, 1.0]), HEALTHY),
    ),
    (
        "collapsing",
        "Mode collapse since tick 3: the images become alike (diversity is 31 % of the training images').",
        (alarm("diversity", False, False, True, True, ratio=0.31), HEALTHY),
        (alarm("diversity", False, True, True, False, ratio=0.31), HEALTHY),
    ),
    (
        "copying",
        "The generator copies training images since tick 2: 12 % are near copies, 0.4 % among the"
        " training images themselves.",
        (alarm("memorisation", False, True, near_copies=0.12, near_copies_reals=0.004), HEALTHY),
        (alarm("memorisation", True, False, near_copies=0.12, near_copies_reals=0.004), HEALTHY),
    ),
    (
        "won",
        "The discriminator has won: since tick 6 it is never wrong, and the generator no longer learns.",
        (won(3), HEALTHY),
        (won(2), HEALTHY),
    ),
    (
        "diverged",
        "Training diverged at tick 1: its losses are NaN or infinite.",
        (ticks(2, loss__D_fake=NAN), HEALTHY),
        (ticks(2, loss__D_fake=None), HEALTHY),
    ),
    (
        "collapsing",
        "Mode collapse since tick 1: the images become alike.",
        (alarm("diversity", *[True] * 8), HEALTHY),
        (alarm("diversity", *[True] * 7), HEALTHY),
    ),
    (
        "copying",
        "The generator copies training images since tick 1: 12 % are near copies.",
        (alarm("memorisation", True, near_copies=0.12), HEALTHY),
        (alarm("memorisation", False, near_copies=0.12), HEALTHY),
    ),
    (
        "copying",
        "The generator copies training images since tick 1.",
        (alarm("memorisation", True), HEALTHY),
        (alarm("memorisation", None), HEALTHY),
    ),
    (
        "knows",
        "The discriminator recognises its training images",
        (ticks(8, signs__real=0.8, signs__heldout=[0.2] * 3), HEALTHY),
        (ticks(8, signs__real=0.8, signs__heldout=[0.2] * 2), HEALTHY),
    ),
    ("won", "The discriminator has won", (won(3), HEALTHY), (won(3, g=3.9), HEALTHY)),
    ("won", "The discriminator has won", (won(3), HEALTHY), (won(3, d=0.08), HEALTHY)),
    (
        "overfits",
        "The discriminator overfits: p is at its cap since tick 6, and r_t is still 0.72 (target 0.6)."
        " Stop, or train on more images.",
        (ticks(8, p=[0.85] * 3, r_t=0.72), HEALTHY),
        (ticks(8, p=[0.85] * 2, r_t=0.72), HEALTHY),
    ),
    (
        "overfits",
        "The discriminator overfits: p is at its cap",
        (ticks(8, p=0.85, r_t=0.61), HEALTHY),
        (ticks(8, p=0.85, r_t=0.6), HEALTHY),
    ),
    (
        "overfits",
        "The discriminator overfits: p is at its cap",
        (ticks(8, p=0.85, r_t=0.72), HEALTHY),
        (ticks(8, p=0.84, r_t=0.72), HEALTHY),
    ),
    (
        "overfits",
        "The discriminator overfits: r_t is 0.95, and at least 0.9 since tick 6. Stop, or train on more"
        " images or --aug ada.",
        (ticks(8, r_t=[0.9, 0.92, 0.95]), Plan(kimg=100, aug="noaug")),
        (ticks(8, r_t=[0.9, 0.92, 0.95]), HEALTHY),
    ),
    (
        "overfits",
        "The discriminator overfits: r_t",
        (ticks(8, r_t=[0.9, 0.9, 0.9]), Plan(kimg=100, aug="fixed")),
        (ticks(8, r_t=[0.9, 0.89, 0.9]), Plan(kimg=100, aug="fixed")),
    ),
    (
        "knows",
        "The discriminator recognises its training images: since tick 6 it takes them for real (mean sign"
        " +0.80), but not images that it has never seen (+0.10).",
        (ticks(8, signs__real=[0.8] * 3, signs__heldout=[0.1] * 3), HEALTHY),
        (ticks(8, signs__real=[0.8] * 3, signs__heldout=[0.3] * 3), HEALTHY),
    ),
    (
        "blind",
        "The discriminator only guesses since tick 4: it gives every image even odds, so the generator"
        " learns nothing.",
        (blind(5), HEALTHY),
        (blind(4), HEALTHY),
    ),
    ("blind", "The discriminator only guesses", (blind(5), HEALTHY), (blind(5, r_t=0.05), HEALTHY)),
    ("blind", "The discriminator only guesses", (blind(5), HEALTHY), (blind(5, d=1.35), HEALTHY)),
    (
        "fading",
        "The colours fade since tick 3: their saturation is 62 % of the training images', it was 90 % at"
        " tick 2.",
        (colours(80, 90, 65, 64, 62), HEALTHY),
        (colours(80, 90, 65, 71, 62), HEALTHY),
    ),
    ("fading", "The colours fade", (colours(76, 64, 63, 62), HEALTHY), (colours(72, 64, 63, 62), HEALTHY)),
    (
        "improving",
        "Still improving: KID is 0.02 at tick 4, it was 0.03 at tick 2 (lower is better).",
        (kids(0.05, 0.03, 0.025, 0.02), HEALTHY),
        (kids(0.05, 0.03, 0.029, 0.02, error=0.01), HEALTHY),
    ),
    (
        "wavering",
        "No clear trend: KID stays around 0.03, within its standard error.",
        (kids(0.05, 0.03, 0.029, 0.0295), HEALTHY),
        (kids(0.05, 0.03, 0.02, 0.0205), HEALTHY),
    ),
    (
        "wavering",
        "No clear trend: KID is 0.0295 at tick 4, it was 0.02 at tick 3 (lower is better).",
        (kids(0.05, 0.03, 0.02, 0.0295), HEALTHY),
        (kids(0.05, 0.03, 0.01, 0.012), HEALTHY),
    ),
    (
        "worse",
        "Getting worse since tick 4: KID is 0.03, it was 0.02 at tick 3 (lower is better).",
        (GETTING_WORSE, HEALTHY),
        (GETTING_WORSE[:-1], HEALTHY),
    ),
    (
        "worse",
        "Getting worse",
        (kids(0.05, 0.02, 0.0229, 0.0229, 0.0229), HEALTHY),
        (kids(0.05, 0.02, 0.0227, 0.0229, 0.0229), HEALTHY),
    ),
    (
        "stalled",
        "Stalled since tick 3: 5 later measurements did not improve on its KID of 0.02 (lower is better).",
        (STALLED, HEALTHY),
        (STALLED[:-1], HEALTHY),
    ),
    (
        "patience",
        "Stopped by --patience 5: no improvement in 5 measurements. The best KID was 0.02 at tick 3"
        " (lower is better).",
        (STALLED, Plan(kimg=100, patience=5)),
        (STALLED, Plan(kimg=100, patience=6)),
    ),
    (
        "pieces",
        "41 % of the generated sprites are in pieces, against 3 % of the training images.",
        (bodies(0.58, 0.59), HEALTHY),
        (bodies(0.58, 0.93), HEALTHY),
    ),
    (
        "pieces",
        "9 % of the generated sprites are in pieces, against 3 % of the training images.",
        (bodies(0.91, error=0.029), HEALTHY),
        (bodies(0.91, error=0.031), HEALTHY),
    ),
    (
        "pieces",
        "30 % of the generated sprites are in pieces, against 3 % of the training images; at tick 2 it"
        " was 10 %.",
        (bodies(0.6, 0.9, 0.7), HEALTHY),
        (bodies(0.6, 0.9, 0.93), HEALTHY),
    ),
    (
        "haze",
        "25 % of the background is hazy, against 1 % in the training images.",
        (bodies((0.97, 0.25)), HEALTHY),
        (bodies((0.97, 0.03)), HEALTHY),
    ),
    (
        "haze",
        "3.1 % of the background is hazy",
        (bodies((0.97, 0.031), error=0.01), HEALTHY),
        (bodies((0.97, 0.031), error=0.011), HEALTHY),
    ),
    (
        "apart",
        "KID improves (0.02 at tick 4, 0.05 at tick 1), but the sprites fall apart. The best snapshot is"
        " from tick 1.",
        (bodies(0.95, 0.8, 0.8, 0.8, kid=(0.05, 0.04, 0.03, 0.02)), HEALTHY),
        (bodies(0.95, 0.91, 0.91, 0.91, kid=(0.05, 0.04, 0.03, 0.02)), HEALTHY),
    ),
    (
        "mending",
        "The sprites hold together better than at any earlier tick. That counts for more than KID (0.06"
        " now, 0.03 before).",
        (bodies(0.7, 0.7, 0.9, kid=(0.05, 0.03, 0.06)), HEALTHY),
        (bodies(0.7, 0.7, 0.74, kid=(0.05, 0.03, 0.06)), HEALTHY),
    ),
    (
        "patience",
        "Stopped by --patience 3: no improvement in 3 measurements. The best KID among snapshots with"
        " intact sprites was 0.05 at tick 1 (lower is better).",
        (bodies(0.95, 0.8, 0.8, 0.8, kid=(0.05, 0.04, 0.03, 0.02)), Plan(kimg=100, patience=3)),
        (bodies(0.95, 0.8, 0.8, 0.8, kid=(0.05, 0.04, 0.03, 0.02)), Plan(kimg=100, patience=4)),
    ),
    (
        "complete, best",
        "Complete: 8 of 8 kimg. The best snapshot is from tick 3.",
        (STALLED, Plan(kimg=8)),
        (STALLED[:-1], Plan(kimg=7)),
    ),
    ("complete", "Complete: 7 of 7 kimg.", (STALLED[:-1], Plan(kimg=7)), (STALLED, Plan(kimg=8))),
    ("complete", "Complete: 8 of 8 kimg.", (ticks(8), Plan(kimg=8)), (ticks(8), Plan(kimg=8.001))),
    (
        "complete, improving",
        "Complete: 4 of 4 kimg. The run was still improving; continue it with a larger --kimg.",
        (kids(0.05, 0.03, 0.025, 0.02), Plan(kimg=4)),
        (kids(0.05, 0.03, 0.0295, 0.031), Plan(kimg=4)),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "sentence", "case", "miss"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)]
)
def test_every_sentence_is_said_and_withheld_on_its_near_miss(kind, sentence, case, miss, tmp_path):
    for (records, plan), expected in ((case, True), (miss, False)):
        config = {
            "kimg": plan.kimg,
            "aug": plan.aug,
            "ada_target": plan.ada_target,
            "patience": plan.patience,
        }
        run = read_run(make_run(tmp_path / str(expected), records, config, pictures=[]))
        said = findings(run.records, run.plan)
        assert (kind in [finding.kind for finding in said]) is expected, said
        if expected:
            assert next(f for f in said if f.kind == kind).sentence.startswith(sentence)


def test_no_kind_of_finding_is_without_such_a_pair():
    told = set()
    for module in (course, verdicts):
        nodes = ast.walk(ast.parse(inspect.getsource(module)))
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Finding"]
        assert all(isinstance(call.args[0], ast.Constant) for call in made)
        told |= {call.args[0].value for call in made}
    assert told == {case[0] for case in CASES}


def test_sentences_and_advice_are_finished():
    for _, _, (records, plan), (others, other_plan) in CASES:
        for finding in findings(records, plan) + findings(others, other_plan):
            assert finding.sentence.endswith(".")
            assert not finding.advice or finding.advice.endswith(".")
            for words in (finding.sentence, finding.advice):
                assert not re.search(r"nan|None|\s\s|\.\.|\(\)", words), words


def test_one_thing_is_said_once():
    for _, _, case, miss in CASES:
        for records, plan in (case, miss):
            kinds = [finding.kind for finding in findings(records, plan)]
            assert len(kinds) == len(set(kinds))
            assert len(set(kinds) & {"early", "silent", "balanced"}) <= 1


def test_without_metrics_a_run_is_judged_too():
    """Losses, r_t, p and sprites alone tell a good run from the usual bad ones."""
    courses = {
        "balanced": ticks(30),
        "overfits": ticks(30, p=0.85, r_t=0.7),
        "won": won(4),
        "diverged": ticks(30, loss__G=[NAN]),
        "blind": blind(8),
        "fading": colours(80, 90, 65, 64, 62),
    }
    assert [findings(rows, HEALTHY)[0].kind for rows in courses.values()] == list(courses)


def best(rows):
    """Tick and value of the best snapshot."""
    found = measure_of(rows).best
    return found.tick, found.value


def test_a_collapsed_snapshot_is_not_the_best_however_low_its_distance():
    rows = kids(0.05, 0.03, 0.01, 0.04, 0.04, 0.04)
    rows[2]["metrics"]["diversity"]["alarm"] = True
    assert best(rows) == (2, 0.03)
    assert next(f for f in findings(rows, HEALTHY) if f.kind == "worse").back_to == 2


def test_a_snapshot_whose_creatures_fall_apart_is_not_the_best_however_low_its_distance():
    falling = bodies(0.95, 0.94, 0.7, 0.7, kid=(0.05, 0.04, 0.02, 0.01))
    assert best(falling) == (2, 0.04)
    assert [point.tick for point in measure_of(falling).passed_over] == [3, 4]
    hazy = bodies((0.95, 0.02), (0.95, 0.3), kid=(0.05, 0.01))
    assert best(hazy) == (1, 0.05)
    mending = bodies(0.7, 0.72, 0.94, kid=(0.05, 0.02, 0.06))
    assert best(mending) == (3, 0.06)


def test_the_gravest_of_what_is_measured_is_the_verdict():
    said = findings(bodies(0.95, 0.6, 0.59, kid=(0.05, 0.04, 0.03)), HEALTHY)
    assert [(f.kind, f.level) for f in said] == [("pieces", "warn"), ("apart", "info")]
    assert said[0].back_to == said[1].back_to == 1
    assert [f.level for f in findings(bodies(0.9), HEALTHY) if f.kind == "pieces"] == ["info"]


def test_of_snapshots_that_cannot_be_told_apart_the_earliest_is_the_best():
    assert best(kids(0.05, 0.03, 0.0295, 0.029))[0] == 2
    assert best(kids(0.05, 0.03, 0.0295, 0.0285))[0] == 4


def test_a_run_that_ended_worse_than_it_was_says_so_first():
    kinds = [finding.kind for finding in findings(GETTING_WORSE, Plan(kimg=6))]
    assert kinds == ["worse", "complete"]


def test_trouble_comes_first_and_the_gravest_before_the_grave():
    records = ticks(8, p=0.85, r_t=0.72, loss__G=[NAN])
    kinds = [finding.kind for finding in findings(records, Plan(kimg=8))]
    assert kinds[:3] == ["diverged", "overfits", "complete"]
    # Advice on lesser problems would contradict that on the severe one.
    assert [bool(finding.advice) for finding in findings(records, Plan(kimg=8))] == [True, False, False]


def test_there_is_always_a_verdict_whatever_the_records_hold():
    strange = ["x", None, [], {}, True, 10**400, -1, NAN, math.inf]
    names = [*record(1), "metrics", "signs/heldout"]
    for value in strange:
        broken = {name: value for name in names if name not in ("tick", "kimg")}
        rows = [{"tick": i + 1, "kimg": float(i), **broken} for i in range(12)]
        for plan in (HEALTHY, Plan(), Plan(kimg=5, aug="noaug", patience=2)):
            assert all(finding.sentence for finding in findings(rows, plan))
            assert findings(rows, plan)
    damaged = [
        r
        | {
            "metrics": {
                "values": {"kid": v, "fid": {"value": v, "interval": v}, "swd": {"levels": v}},
                "diversity": v,
                "sprite": {"figures": {"whole": {"value": 1.0, "reals": v, "error": v}, "haze": v}},
            }
        }
        for r, v in zip(ticks(len(strange)), strange, strict=True)
    ]
    assert findings(damaged, HEALTHY)


def test_kid_is_preferred_and_the_frechet_distance_serves_without_it():
    rows = [record(i + 1, metrics={"values": {"fid": {"value": v, "interval": [v - 1, v + 1]}}})
            for i, v in enumerate((90, 80, 60, 50))]  # fmt: skip
    assert findings(rows, HEALTHY)[0].sentence == (
        "Still improving: FID is 50 at tick 4, it was 80 at tick 2 (lower is better)."
    )


def test_the_verdict_survives_a_round_through_the_file(tmp_path):
    run = make_run(tmp_path / "r", ticks(4), pictures=[])
    (run / "stats.jsonl").write_text(
        json.dumps(record(1)) + "\n{broken\n\n[1]\n" + json.dumps(record(2)) + "\nnull\n"
    )
    read = read_run(run)
    assert [r["tick"] for r in read.records] == [1, 2]
    assert any("3 lines of stats.jsonl" in note for note in read.notes)
