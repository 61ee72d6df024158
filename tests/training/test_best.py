"""The best snapshot: the lowest kernel distance, beyond its error, of snapshots without alarm."""

import json

import pytest

from stylegan_pokemon.training.best import Best, better, candidate_of, read_best, write_best


def snapshot(tick, value, error=0.0, name="kid_efficientnet_lite1"):
    return Best(f"{tick:06d}.safetensors", tick, 4.0 * tick, name, value, error)


def chosen(*candidates):
    best = None
    for candidate in candidates:
        best = better(best, candidate)
    return best.tick if best else None


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
    assert write_best(tmp_path, None)
    assert read_best(tmp_path) is None
    (tmp_path / "best.json").write_text("[1")
    assert read_best(tmp_path) is None


def test_without_an_error_of_its_own_the_interval_tells_it():
    few = {"values": {"kid_x": {"value": 0.5, "interval": [0.304, 0.696]}}}
    assert candidate_of(few, "a", 1, 1.0).error == pytest.approx(0.1)
    assert candidate_of({"values": {"kid_x": {"value": 0.5}}}, "a", 1, 1.0) is None
