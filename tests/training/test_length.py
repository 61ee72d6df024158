"""A run whose time is given: the speed is measured on a throw-away trainer, and the run is like any other."""

import json

import pytest

from stylegan_pokemon.training.planning import length
from stylegan_pokemon.training.planning.length import LEAST_KIMG, TICKS, fitted, seconds_per_iteration
from stylegan_pokemon.training.session import finetune
from stylegan_pokemon.training.settings.options import Options
from tests.training.pictures import TINY, tiny_config, tiny_trainer, write_dataset
from tests.training.sameness import assert_same_run


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "discs.zip")


@pytest.mark.parametrize("iteration", [0.002, 0.25, 1.1, 1.9])
def test_the_length_takes_the_time_asked_for_within_half_an_iteration_a_tick(data, iteration):
    config = fitted(tiny_config(data)[0], iteration, minutes=4)
    assert config.iterations * iteration == pytest.approx(240, abs=TICKS * iteration / 2 + 1e-6)
    assert config.iterations == pytest.approx(TICKS * config.tick_kimg * 1000 / config.batch)
    assert (config.tick_kimg * 1000) % config.batch == pytest.approx(0)


def test_a_slow_machine_trains_a_kimg_all_the_same(data):
    config = fitted(tiny_config(data)[0], 60.0, minutes=4)
    assert LEAST_KIMG <= config.kimg < LEAST_KIMG + TICKS * config.batch / 1000


def test_the_speed_is_the_mean_of_a_cycle_whose_first_iteration_does_not_count(data, monkeypatch):
    """By a clock that moves a second an iteration, two more for path lengths, four for R1, 100 at first."""
    trainer = tiny_trainer(data)
    assert {phase.name: phase.interval for phase in trainer.phases}["Greg"] == 4
    now, begun = [0.0], []

    def iteration():
        index = trainer.images_shown // trainer.config.batch
        now[0] += 1 + 2 * (index % 4 == 0) + 4 * (index % 16 == 0) + 100 * (not begun)
        begun.append(index)

    monkeypatch.setattr(trainer, "iteration", iteration)
    monkeypatch.setattr(length.time, "perf_counter", lambda: now[0])
    assert seconds_per_iteration(trainer) == pytest.approx((16 + 4 * 2 + 1 * 4) / 16)


def test_a_run_whose_length_was_measured_is_the_run_with_that_length(tmp_path, data, monkeypatch):
    """Bit for bit: the iterations that were measured leave nothing behind."""
    told, measured = [], []
    options = {"data": str(data), "resume": "none", "metrics": "none", "device": "cpu", "batch": 8, **TINY}

    def measure(trainer):
        measured.append(seconds_per_iteration(trainer))
        return 0.5

    monkeypatch.setattr(length, "seconds_per_iteration", measure)
    monkeypatch.setattr(length, "LEAST_KIMG", 0.01)
    monkeypatch.setattr(length, "TICKS", 3)
    run = finetune(Options(outdir=str(tmp_path / "a"), **options), None, told.append, minutes=3 / 60)
    assert measured[0] > 0
    config = json.loads((run / "config.json").read_text())
    assert (config["kimg"], config["tick_kimg"]) == (0.048, 0.016)
    assert "measured: 62.5 s/kimg on this machine; so the run is 0.048 kimg long" in "\n".join(told)
    options |= {"kimg": 0.048, "tick": 0.016}
    assert_same_run(run, finetune(Options(outdir=str(tmp_path / "b"), **options), None, told.append))
