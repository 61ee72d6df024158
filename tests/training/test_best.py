"""The best snapshot: the lowest kernel distance, beyond its error, of those whose creatures hold together."""

import json

import pytest

from stylegan_pokemon.training.run_dir.best import (
    Best,
    Flaws,
    better,
    candidate_of,
    flaws_of,
    read_best,
    write_best,
)


def snapshot(tick, value, error=0.0, name="kid_efficientnet_lite1", flaws=None, flaws_error=0.02):
    known = () if flaws is None else (flaws, flaws_error)
    return Best(f"{tick:06d}.safetensors", tick, 4.0 * tick, name, value, error, *known)


def chosen(*candidates):
    best, least = None, None
    for candidate in candidates:
        best, least = better(best, least, candidate)
    return best.tick if best else None


def course(*pairs, flaws_error=0.02):
    """The best of snapshots with these pairs of distance and flaws."""
    snapshots = (snapshot(tick, *pair[:1], flaws=pair[1], flaws_error=flaws_error)
                 for tick, pair in enumerate(pairs, 1))  # fmt: skip
    return chosen(*snapshots)


def test_lower_by_more_than_the_error_of_the_difference_is_better():
    assert chosen(snapshot(1, 1.0, 0.03), snapshot(2, 0.949, 0.04)) == 2  # √(0.03² + 0.04²) = 0.05
    assert chosen(snapshot(1, 1.0, 0.03), snapshot(2, 0.951, 0.04)) == 1
    assert chosen(snapshot(1, 1.0, 0.03), snapshot(2, 1.2, 0.0)) == 1
    assert chosen(snapshot(1, 1.0), snapshot(2, 1.0)) == 1  # the earlier of equals


def test_small_steps_add_up():
    steps = [snapshot(tick, 1.0 - 0.03 * tick, 0.05) for tick in range(6)]
    assert chosen(*steps) == 3  # 0.09 below the first; the next 0.06 below that one


def test_one_that_cannot_be_judged_changes_nothing_and_another_measure_starts_anew():
    assert chosen(None) is None
    assert chosen(None, snapshot(2, 1.0), None) == 2
    assert chosen(snapshot(1, 0.1), snapshot(2, 0.5, name="kid")) == 2


def test_creatures_that_fall_apart_are_not_the_best_however_low_their_distance():
    # Two errors of 0.02 make 0.0283, and twice that 0.0566 is what flaws may be more.
    assert course((0.5, 0.10), (0.1, 0.157)) == 1
    assert course((0.5, 0.10), (0.1, 0.156)) == 2
    assert course((0.5, 0.10), (0.1, 0.152), flaws_error=0.0) == 1  # five in a hundred all the same
    assert course((0.5, 0.10), (0.1, 0.149), flaws_error=0.0) == 2


def test_creatures_that_come_together_are_the_best_though_their_distance_is_higher():
    assert course((0.1, 0.30), (0.5, 0.10)) == 2
    assert course((0.1, 0.30), (0.5, 0.10), (0.4, 0.11), (0.05, 0.30)) == 3


def test_flaws_cannot_creep_in_by_small_steps():
    """Each is compared with the least flaws of the run, not with those of the best."""
    assert course((0.9, 0.10), (0.8, 0.14), (0.7, 0.18), (0.6, 0.22)) == 2


def test_a_snapshot_that_is_not_the_best_raises_what_the_others_are_measured_by():
    assert course((0.5, 0.12), (0.6, 0.08), (0.4, 0.15)) == 1


def test_where_nobody_measured_flaws_the_distance_alone_decides():
    assert chosen(snapshot(1, 0.5), snapshot(2, 0.1, flaws=0.9)) == 2
    assert chosen(snapshot(1, 0.5, flaws=0.1), snapshot(2, 0.1)) == 2
    assert chosen(snapshot(1, 0.5), snapshot(2, 0.6, flaws=0.0), snapshot(3, 0.1, flaws=0.5)) == 1


def figures(whole, haze, whole_reals=0.97, haze_reals=0.9, error=0.02):
    return {"sprite": {"figures": {
        "whole": {"value": whole, "reals": whole_reals, "error": error},
        "haze": {"value": haze, "reals": haze_reals, "error": 1.0},
    }}}  # fmt: skip


def test_flaws_are_what_is_broken_and_hazy_beyond_the_real_set():
    found = flaws_of(figures(0.59, 25.9))
    assert found.value == pytest.approx(0.38 + 0.25)
    assert found.error == pytest.approx((0.02**2 + 0.01**2) ** 0.5)
    assert flaws_of(figures(0.99, 0.1)).value == 0
    assert flaws_of(figures(0.05, 90, whole_reals=0.04, haze_reals=95)).value == 0  # photographs
    without_background = figures(0.9, 0.0)
    del without_background["sprite"]["figures"]["haze"]
    assert flaws_of(without_background).value == pytest.approx(0.07)


@pytest.mark.parametrize(
    "damage", [None, "x", [], {}, {"figures": 3}, {"figures": {"whole": {"value": "x"}}}]
)
def test_damaged_figures_tell_no_flaws(damage):
    assert flaws_of({"sprite": damage}) is None
    assert flaws_of({}) is None


def test_a_measured_snapshot_brings_its_flaws():
    found = candidate_of(metrics(**figures(0.87, 0.5)), "s", 1, 4.0)
    assert (found.flaws, found.flaws_error) == (pytest.approx(0.1), pytest.approx(0.0224, abs=1e-4))
    assert not found.has_more_flaws_than(None)
    assert found.has_more_flaws_than(Flaws(0.0, 0.02))


def metrics(value=0.01, name="kid_efficientnet_lite1", **parts):
    values = {"fd_efficientnet_lite1": {"value": 3.0}, name: {"value": value, "error": 0.001}}
    return {"samples": 100, "values": values, **parts}


def test_a_measured_snapshot_is_a_candidate_unless_an_alarm_rings():
    found = candidate_of(metrics(), "000008.safetensors", 2, 8.0)
    assert found == Best("000008.safetensors", 2, 8.0, "kid_efficientnet_lite1", 0.01, 0.001)
    assert candidate_of(metrics(name="kid"), "s", 1, 4.0).name == "kid"
    calm = {"alarm": False}
    assert candidate_of(metrics(memorisation=calm, diversity=calm), "s", 1, 4.0) is not None
    for part in ("memorisation", "diversity"):
        assert candidate_of(metrics(**{part: {"alarm": True}}), "s", 1, 4.0) is None
    held_out = metrics(memorisation_heldout={"alarm": True})  # copies of what it never saw are none
    assert candidate_of(held_out, "s", 1, 4.0) is not None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_distance_that_is_no_number_is_none(value):
    assert candidate_of(metrics(value), "s", 1, 4.0) is None
    assert candidate_of(metrics(name="kidney"), "s", 1, 4.0) is None
    assert candidate_of({}, "s", 1, 4.0) is None


def test_the_file_says_what_is_the_best_and_goes_when_nothing_is(tmp_path):
    assert not write_best(tmp_path, None)
    assert write_best(tmp_path, snapshot(2, 0.5, 0.1))
    assert not write_best(tmp_path, snapshot(2, 0.5, 0.1))
    assert json.loads((tmp_path / "best.json").read_text()) == {
        "snapshot": "000002.safetensors",
        "tick": 2,
        "kimg": 8.0,
        "name": "kid_efficientnet_lite1",
        "value": 0.5,
        "error": 0.1,
    }
    assert write_best(tmp_path, snapshot(2, 0.5, 0.1, flaws=0.2))
    assert json.loads((tmp_path / "best.json").read_text())["flaws"] == 0.2
    assert write_best(tmp_path, None)
    assert read_best(tmp_path) is None
    (tmp_path / "best.json").write_text("[1")
    assert read_best(tmp_path) is None


def test_without_an_error_of_its_own_the_interval_tells_it():
    few = {"values": {"kid_x": {"value": 0.5, "interval": [0.304, 0.696]}}}
    assert candidate_of(few, "a", 1, 1.0).error == pytest.approx(0.1)
    assert candidate_of({"values": {"kid_x": {"value": 0.5}}}, "a", 1, 1.0) is None
