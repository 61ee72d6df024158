"""Which of several runs is best: every sentence, and its near miss."""

import math

import pytest

from stylegan_pokemon.report.ranking import judgement, names_of, standing, start_of, yardstick
from stylegan_pokemon.report.reading import read_run
from tests.report.runs import make_run, measured, record, sprite


@pytest.fixture
def judged(tmp_path):
    """judged(a=[record, …], b=…) → findings about runs of these names and records."""

    def judge(configs=None, **runs):
        read = [read_run(make_run(tmp_path / name, rows, (configs or {}).get(name), pictures=[]))
                for name, rows in runs.items()]  # fmt: skip
        measure = yardstick(read)
        found = [standing(run, name, measure) for run, name in zip(read, names_of(read), strict=True)]
        return judgement(found, measure)

    return judge


def run(*kids, error=0.001, **more):
    return [record(t, metrics=measured(kid, error, **more)) for t, kid in enumerate(kids, 1)]


def test_the_best_run_is_named_if_the_difference_exceeds_twice_its_error(judged):
    # The error of a difference of two numbers with error 0.001 is 0.001414.
    said = judged(a=run(0.05, 0.02), b=run(0.05, 0.02 + 0.00283))
    assert said[0].kind == "best"
    assert said[0].level == "good"
    assert said[0].sentence == (
        "Best KID: a, 0.0200 ± 0.0010 at tick 2. Next: b, 0.0228 ± 0.0010. The difference exceeds two"
        " standard errors."
    )
    assert len(said) == 1


def test_no_run_is_called_best_if_the_difference_is_within_the_errors(judged):
    said = judged(a=run(0.05, 0.02), b=run(0.05, 0.02 + 0.00282))
    assert (said[0].kind, said[0].level) == ("tie", "info")
    assert said[0].sentence == (
        "No clear winner by KID: the lowest is a, 0.0200 ± 0.0010 at tick 2, but b cannot be told from it."
    )
    assert said[0].advice == "More generated images (--metrics-num) make the errors smaller."


def test_of_many_within_the_errors_all_are_named_or_counted(judged):
    close = {name: run(0.02 + 0.0001 * i) for i, name in enumerate("abc")}
    assert "but b and c cannot be told from it." in judged(**close, far=run(0.3))[0].sentence
    close = {name: run(0.02 + 0.0001 * i) for i, name in enumerate("abcde")}
    assert "but 4 other runs cannot be told from it." in judged(**close, far=run(0.3))[0].sentence


def test_without_errors_nothing_is_said_about_them(judged):
    rows = run(0.02)
    for name in ("error", "interval"):
        del rows[0]["metrics"]["values"]["kid_efficientnet_lite1"][name]
    said = judged(a=rows, b=run(0.9))[0]
    assert said.kind == "unsure"
    assert said.sentence == "Lowest KID: a, 0.02 at tick 1. Next: b, 0.9000 ± 0.0010."
    assert "standard errors are missing" in said.advice


def test_of_an_interval_the_error_is_a_quarter(judged):
    rows = run(0.02)
    rows[0]["metrics"]["values"]["kid_efficientnet_lite1"] = {
        "value": 0.02,
        "interval": [0.02 - 0.00196, 0.02 + 0.00196],
    }
    assert "0.0200 ± 0.0010" in judged(a=rows, b=run(0.9))[0].sentence


@pytest.mark.parametrize("alarm", ["diversity", "memorisation"])
def test_what_raised_an_alarm_is_not_best(judged, alarm):
    def rows(tripped):
        good = run(0.03, 0.01)
        good[1]["metrics"][alarm]["alarm"] = tripped
        return good

    said = judged(a=rows(True), b=run(0.02))
    assert said[0].sentence.startswith("Best KID: b, 0.0200")
    said = judged(a=rows(False), b=run(0.02))
    assert said[0].sentence.startswith("Best KID: a, 0.0100")
    assert len(said) == 1


def test_runs_of_which_every_tick_raised_an_alarm_are_said_to_be_unsound(judged):
    tripped = {"diversity": {"alarm": True}}
    said = judged(a=run(0.01, **tripped), b=run(0.02))
    assert (
        said[0].sentence == "Best KID: b, 0.0200 ± 0.0010 at tick 1. All other measured runs raised an alarm."
    )
    said = judged(a=run(0.01, **tripped), b=run(0.02, **tripped))
    assert (said[0].kind, said[0].level) == ("unsound", "warn")


def test_runs_without_metrics_are_not_ranked(judged):
    plain = [record(1), record(2)]
    assert judged(a=plain, b=plain)[0].kind == "unmeasured"
    said = judged(a=run(0.02), b=plain)
    assert said[0].sentence == "Only one of 2 runs measured KID: a, 0.0200 ± 0.0010 at tick 1."
    broken = [
        record(1, metrics={"values": {"kid": {"value": math.nan}, "is": 3, "x": None}}),
        record(2, metrics=[1]),
    ]
    assert judged(a=run(0.02), b=broken)[0].kind == "alone"
    assert judged(a=broken, b=broken)[0].kind == "unmeasured"


def test_what_two_runs_measured_goes_before_what_one_did(judged):
    only_fd = run(0.02)
    del only_fd[0]["metrics"]["values"]["kid_efficientnet_lite1"]
    said = judged(a=run(0.05), b=only_fd)[0].sentence
    assert said.startswith("Best FD: b, 30.0 ± 1.0")


def test_runs_of_different_data_or_measured_differently_are_warned_of(judged):
    same = judged(a=run(0.02), b=run(0.03))
    assert [f.kind for f in same] == ["best"]
    other = {"b": {"data_sha256": "1" * 64}}
    assert [f.kind for f in judged(other, a=run(0.02), b=run(0.03, reals=300))] == ["data", "unfair"]
    for more, words in (
        ({"samples": 500}, "different numbers of generated images (a: 600 and b: 500)"),
        ({"reals": 500}, "different numbers of real images (a: 600 and b: 500)"),
        ({"truncation_psi": 0.7}, "different truncations (a: 1 and b: 0.7)"),
        (
            {"features": {"efficientnet_lite1": {"sha256": "2" * 64}}},
            "different feature networks (a: 00000000 and b: 22222222)",
        ),
    ):
        said = judged(a=run(0.02), b=run(0.03, **more))
        assert [f.kind for f in said] == ["conditions", "unfair"]
        assert words in said[0].sentence
        assert "does not decide which run is best" in said[1].sentence


def test_equal_names_are_told_apart_by_as_many_parents_as_it_takes(tmp_path):
    folders = ["x/first/run", "x/second/run", "y/second/run", "alone"]
    runs = [read_run(make_run(tmp_path / folder, [record(1)], pictures=[])) for folder in folders]
    assert [name.replace("\\", "/") for name in names_of(runs)] == [
        "first/run",
        "x/second/run",
        "y/second/run",
        "alone",
    ]


def test_the_start_of_a_run_is_named(tmp_path):
    for start, name in (("fresh", "scratch"), (None, "scratch"), ("/a/b/crayon32.safetensors", "crayon32")):
        assert start_of(read_run(make_run(tmp_path / name, [record(1)], {"start": start}))) == name
    assert start_of(read_run(make_run(tmp_path / "bare", [record(1)], config=False))) == "–"


def built(*pairs):
    """Ticks of these pairs of KID and share of whole pictures."""
    return [record(t, metrics=measured(kid, sprite=sprite(whole))) for t, (kid, whole) in enumerate(pairs, 1)]


def test_a_lower_number_of_creatures_that_fall_apart_does_not_count(judged):
    said = judged(a=built((0.05, 0.95), (0.01, 0.6)), b=built((0.03, 0.95)))
    assert said[0].sentence.startswith("Best KID: b, 0.0300")


def test_no_run_is_called_best_whose_creatures_hold_together_less_well_than_anothers(judged):
    said = judged(a=built((0.02, 0.85)), b=built((0.05, 0.95)))
    assert [f.sentence for f in said] == [
        "The sprites of a hold together less well than those of b.",
        "The lowest value, 0.0200 ± 0.0010 of a, does not decide which run is best.",
    ]
    assert "flaws" not in [f.kind for f in judged(a=built((0.02, 0.91)), b=built((0.05, 0.95)))]
