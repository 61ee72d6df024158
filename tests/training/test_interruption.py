"""Signals and --hours end a run between two iterations, and it goes on exactly from its state."""

import os
import signal
import time

import pytest

from stylegan_pokemon.training.interruption import Deadline, interruptible
from stylegan_pokemon.training.loop import train
from stylegan_pokemon.training.run_dir.state import generations
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from tests.training.children import finished, needs_signals, start
from tests.training.pictures import tiny_trainer, write_dataset
from tests.training.sameness import assert_same_run

TINY = [
    *("--channel-base", "128", "--channel-max", "8", "--map-layers", "1", "--w-dim", "16"),
    *("--cfg", "auto", "--resume", "none", "--device", "cpu", "--metrics", "none"),
]
SHORT = [*TINY, "--batch", "8", "--tick", "0.48", "--kimg", "0.96"]
SIGNALS = [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
HANGUP = getattr(signal, "SIGHUP", None)


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "discs.zip")


def wait_until(ready, process, log):
    end = time.monotonic() + 120
    while not ready():
        assert process.is_alive(), log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.001)


@needs_signals
def test_a_signal_is_status_143_130_or_129_and_the_run_goes_on_exactly(tmp_path, data):
    log = tmp_path / "log"
    whole, run = (tmp_path / name / "00000-discs-fresh" for name in ("whole", "parts"))
    arguments = ["--data", str(data), *SHORT, "--outdir"]
    interrupted: list[str] = []
    assert finished([*arguments, str(whole.parent)], log) == 0, log.read_text()
    began, ready = [*arguments, str(run.parent)], "run directory:"
    for number, status in [*SIGNALS, (HANGUP, 129)]:
        log.write_text("")
        process = start(began, log)
        wait_until(lambda said=ready: said in log.read_text() and generations(run / "state"), process, log)
        time.sleep(0.3)  # a few iterations of 120
        for _ in range(2 if number == HANGUP else 1):  # a terminal that closes sends several
            os.kill(process.pid, number)
            time.sleep(0.01)
        process.join(120)
        said = log.read_text().splitlines()
        assert process.exitcode == status, said
        assert any("again to stop at once" in line for line in said) == (number != HANGUP)
        assert said[-1].startswith("stopped at 0")
        assert said[-1].endswith(f"continue with: python finetune.py --resume {run}")
        assert not list(run.rglob(".*"))
        interrupted.append(generations(run / "state")[0].name)
        began, ready = ["--resume", str(run)], "continuing at"
    assert any("-interrupted" in name for name in interrupted), interrupted
    assert finished(began, log) == 0, log.read_text()
    assert "continuing at 0." in log.read_text()
    assert_same_run(whole, run)


@needs_signals
def test_a_signal_that_was_ignored_at_the_start_stays_ignored():
    before = signal.signal(HANGUP, signal.SIG_IGN)  # as under nohup
    try:
        with interruptible() as interruption:
            os.kill(os.getpid(), HANGUP)
        assert interruption.asked is None
    finally:
        signal.signal(HANGUP, before)


@needs_signals
@pytest.mark.parametrize("number", [number for number, _ in SIGNALS])
def test_a_second_signal_ends_the_program_at_once(tmp_path, data, number):
    """In an iteration of thousands of pictures, which the first signal would have let finish."""
    log, run = tmp_path / "log", tmp_path / "runs" / "00000-discs-fresh"
    long = ["--batch", "4096", "--batch-gpu", "4096", "--kimg", "40", "--data", str(data)]
    process = start([*TINY, *long, "--outdir", str(run.parent)], log)
    wait_until(lambda: (run / "fakes000000.png").exists(), process, log)
    time.sleep(0.2)
    os.kill(process.pid, number)
    wait_until(lambda: "again to stop at once" in log.read_text(), process, log)
    assert process.is_alive()
    os.kill(process.pid, number)
    process.join(120)
    assert process.exitcode == -number, log.read_text()  # a shell says 143 or 130
    assert [path.name for path in generations(run / "state")] == ["000000000.safetensors"]


class Clock:
    """Time that passes in iterations alone."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def test_hours_stop_a_run_in_time_with_its_state_and_it_goes_on_exactly(tmp_path, data, monkeypatch):
    options = {"kimg": 0.128, "tick": 0.064}
    whole, run = tmp_path / "whole" / "run", tmp_path / "parts" / "run"  # snapshots say the run's name
    for folder in (whole, run):
        folder.mkdir(parents=True)
    assert train(tiny_trainer(data, **options), whole, lambda _: None, show_bar=False)
    clock, iteration, lines = Clock(), StyleGAN2Trainer.iteration, []

    def slow(trainer):
        clock.seconds += 100
        return iteration(trainer)

    monkeypatch.setattr(StyleGAN2Trainer, "iteration", slow)
    deadline = Deadline(1000, now=clock)
    assert not train(tiny_trainer(data, **options), run, lines.append, show_bar=False, deadline=deadline)
    assert 800 <= clock.seconds <= 1000
    assert "because the time is nearly over; continue with" in lines[-1]
    shown = round(clock.seconds / 100) * 8
    assert generations(run / "state")[0].name.startswith(f"{shown:09d}")
    assert train(tiny_trainer(data, **options), run, lines.append, show_bar=False)
    assert_same_run(whole, run)


def test_the_time_for_writing_counts():
    """An iteration of 10 s and a tick's work of 30 s need room for both, half as much again."""
    clock = Clock()
    deadline = Deadline(100, now=clock)
    for timed, seconds in ((deadline.iteration, 10), (deadline.writing, 30), (deadline.iteration, 5)):
        with timed():
            clock.seconds += seconds
    clock.seconds = 40
    assert not deadline.near()
    clock.seconds = 40.5
    assert deadline.near()
    assert not Deadline(None, now=clock).near()


def test_hours_count_from_the_programs_start_and_status_0_says_that_it_ended_as_asked(tmp_path, data):
    log, run = tmp_path / "log", tmp_path / "runs" / "00000-discs-fresh"
    arguments = ["--data", str(data), *TINY, "--batch", "8", "--outdir", str(run.parent), "--kimg", "1000"]
    assert finished([*arguments, "--hours", "0.001"], log) == 0
    assert "because the time is nearly over" in log.read_text()
    assert generations(run / "state")
